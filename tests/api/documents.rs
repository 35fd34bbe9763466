//! What the pages say is what the code says.

use cloakroom::App;
use cloakroom::authz::matrix::as_markdown;
use cloakroom::http::{Code, endpoints};
use serde_json::Value;

fn section(name: &str) -> String {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let from = text.find(&begin).unwrap_or_else(|| panic!("no {begin}")) + begin.len();
    let to = text.find(&end).unwrap_or_else(|| panic!("no {end}"));
    text[from..to].trim().to_owned()
}

/// The OpenAPI document of cloakroom itself.
fn document() -> Value {
    let app = App::default();
    cloakroom::http::openapi_document("cloakroom", app.routes(), app.vocabulary(), "http://localhost")
}

#[test]
fn the_matrix_in_the_readme_is_the_one_that_is_enforced() {
    assert_eq!(
        section("routes"),
        as_markdown(&App::default().matrix()).trim(),
        "write it anew: cloakroom routes --format markdown"
    );
}

#[test]
fn the_page_for_frontends_shows_the_application_that_the_tests_run() {
    let page = include_str!("../../docs/frontends.md");
    let shown =
        page.split("<!-- spa:begin -->\n```html\n").nth(1).and_then(|rest| rest.split("```\n").next());
    assert_eq!(shown, Some(include_str!("../interop/spa/index.html")));
}

#[test]
fn the_scopes_in_the_readme_are_those_of_the_table() {
    let scopes = section("scopes");
    let app = App::default();
    for scope in app.vocabulary().scopes() {
        assert!(scopes.contains(&format!("`{scope}`")) && scopes.contains(scope.meaning()), "{scope}");
    }
    assert_eq!(scopes.matches("\n| `").count(), app.vocabulary().scopes().len());
}

#[test]
fn every_route_is_in_the_openapi_document_with_its_decision_and_an_example() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    for endpoint in endpoints() {
        let operation = &document["paths"][endpoint.path][endpoint.method.as_str().to_lowercase()];
        assert!(
            operation["summary"].is_string() && operation["responses"].is_object(),
            "{} {}",
            endpoint.method,
            endpoint.path
        );
        assert!(operation["security"].is_array());
        if let Some(content) = operation["requestBody"]["content"].as_object() {
            assert!(
                content.values().all(|media| media["example"].is_object() && media["schema"].is_object())
            );
        }
    }
}

#[test]
fn what_a_handler_may_answer_besides_is_in_the_openapi_document() {
    let document = document();
    let documented = |path: &str, method: &str, status: &str| {
        document["paths"][path][method]["responses"][status]["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    assert!(documented("/sessions", "post", "401").contains("invalid-credentials"));
    assert!(documented("/users", "post", "409").contains("email-taken"));
    assert!(documented("/users/{id}", "delete", "409").contains("last-admin"));
    assert!(documented("/users", "get", "400").contains("invalid-cursor"));
}

#[test]
fn every_reference_of_the_openapi_document_leads_somewhere() {
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(!found.is_empty());
    for reference in found {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
    }
}

#[test]
fn every_problem_has_a_name_of_its_own_and_an_explanation() {
    for code in Code::ALL {
        assert_eq!(Code::named(code.as_str()), Some(*code));
        assert!(!code.meaning().is_empty() && !code.title().is_empty());
    }
}

#[test]
fn every_piece_of_code_in_the_guide_for_applications_stands_in_the_example() {
    let read =
        |path: &str| std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let files = ["examples/notes.rs", "examples/notes/note.rs", "examples/notes/shares.rs"];
    let example = files.map(read).concat();
    let guide = read("docs/extending.md");
    let pieces: Vec<&str> =
        guide.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(pieces.len() > 10);
    for piece in pieces {
        assert!(example.contains(piece), "this is not in the example:\n{piece}");
    }
}

/// A list says of what it is one, and what has several forms names them all.
#[test]
fn each_list_is_described_as_one_of_its_own_records() {
    let document = document();
    let content = |path: &str| document["paths"][path]["get"]["responses"]["200"]["content"].clone();
    for (path, record) in [
        ("/users", "User"),
        ("/clients", "Client"),
        ("/users/{id}/sessions", "Session"),
        ("/users/{id}/grants", "Grant"),
        ("/users/{id}/audit", "AuditEntry"),
        ("/audit", "AuditEntry"),
    ] {
        let page = format!("{record}Page");
        let reference = format!("#/components/schemas/{page}");
        assert_eq!(content(path)["application/json"]["schema"]["$ref"], reference, "{path}");
        let items = &document["components"]["schemas"][&page]["properties"]["items"]["items"]["$ref"];
        assert_eq!(*items, format!("#/components/schemas/{record}"), "{path}");
        assert!(document["components"]["schemas"][record].is_object(), "{record}");
    }
    let stream = &content("/audit")["application/x-ndjson"]["schema"]["$ref"];
    assert_eq!(*stream, "#/components/schemas/AuditEntry");
}

/// Each answer of each operation.
fn answers(document: &Value) -> impl Iterator<Item = (String, u16, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, operations)| {
        let operations = operations.as_object().into_iter().flatten();
        operations.flat_map(move |(method, operation)| {
            let answers = operation["responses"].as_object().into_iter().flatten();
            answers.map(move |(status, answer)| (format!("{method} {path}"), status.parse().unwrap(), answer))
        })
    })
}

#[test]
fn every_answer_names_its_headers_and_each_is_told_once() {
    let document = document();
    for (route, status, answer) in answers(&document) {
        let has = |name: &str| answer["headers"][name]["$ref"] == format!("#/components/headers/{name}");
        let everywhere =
            ["X-Request-Id", "Cache-Control", "X-Content-Type-Options", "X-Cloakroom-Environment"];
        let besides: &[&str] = match status {
            401 if !route.contains("/sessions") => &["WWW-Authenticate"],
            415 if route.starts_with("patch") => &["Accept-Patch"],
            429 | 503 => &["Retry-After"],
            201 => &["Location", "ETag"],
            303 => &["Location"],
            304 => &["ETag"],
            _ => &[],
        };
        assert!(everywhere.iter().chain(besides).all(|name| has(name)), "{route} {status}: {answer}");
    }
}

#[test]
fn every_answer_has_an_example_and_every_code_one_of_its_own() {
    let document = document();
    for (route, status, answer) in answers(&document) {
        let content = answer["content"].as_object().into_iter().flatten();
        for (_, form) in content.filter(|(media, _)| media.ends_with("json")) {
            if status < 400 {
                assert!(form["example"].is_object() || route == "post /oauth/revoke", "{route} {status}");
                // What nobody thought of is called "text".
                assert!(!form["example"].to_string().contains(r#""text""#), "{route}: {}", form["example"]);
                continue;
            }
            let codes: Vec<&str> = answer["description"].as_str().unwrap().split(", ").collect();
            let examples: Vec<&String> = form["examples"].as_object().unwrap().keys().collect();
            assert_eq!(codes, examples, "{route} {status}");
        }
    }
}

#[test]
fn every_operation_stands_in_a_group_that_says_what_it_is_about() {
    let document = document();
    let groups = document["tags"].as_array().unwrap();
    assert!(groups.iter().all(|group| group["description"].is_string()), "{groups:?}");
    for endpoint in endpoints() {
        let operation = &document["paths"][endpoint.path][endpoint.method.as_str().to_lowercase()];
        assert!(groups.iter().any(|group| group["name"] == operation["tags"][0]), "{}", endpoint.path);
    }
}

#[test]
fn a_token_is_got_by_signing_in_or_by_a_client_of_its_own() {
    let document = document();
    let flows = &document["components"]["securitySchemes"]["bearer"]["flows"];
    for flow in ["authorizationCode", "clientCredentials"] {
        assert_eq!(flows[flow]["tokenUrl"], "http://localhost/oauth/token");
        assert_eq!(flows[flow]["scopes"]["users:read"], "Read your account");
    }
    assert_eq!(flows["authorizationCode"]["authorizationUrl"], "http://localhost/oauth/authorize");
    let parameters = document["paths"]["/oauth/authorize"]["get"]["parameters"].as_array().unwrap();
    let required: Vec<&str> = parameters
        .iter()
        .filter(|parameter| parameter["required"] == true)
        .filter_map(|parameter| parameter["name"].as_str())
        .collect();
    let expected = ["response_type", "client_id", "redirect_uri", "code_challenge", "code_challenge_method"];
    assert_eq!(required, expected);
}
