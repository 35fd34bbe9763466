//! Tests that the documentation and the OpenAPI document agree with the code.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use cloakroom::App;
use cloakroom::authz::matrix::as_markdown;
use cloakroom::http::{Code, endpoints};
use serde_json::Value;

/// Returns what stands between two markers of `docs/authorization.md`.
fn section(name: &str) -> String {
    let text = include_str!("../../docs/authorization.md");
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let from = text.find(&begin).unwrap_or_else(|| panic!("no {begin}")) + begin.len();
    let to = text.find(&end).unwrap_or_else(|| panic!("no {end}"));
    text[from..to].trim().to_owned()
}

/// The addresses of forms on pages, which are not for programs.
const UNDOCUMENTED: [&str; 9] = [
    "/oauth/login",
    "/oauth/sign-up",
    "/oauth/consent",
    "/oauth/confirm-logout",
    "/oauth/forgot-password",
    "/oauth/reset-password",
    "/oauth/accept-invitation",
    "/oauth/verify-email",
    "/oauth/undo-email-change",
];

/// Returns the OpenAPI document of cloakroom without an application.
fn document() -> Value {
    let app = App::default();
    cloakroom::http::openapi_document("cloakroom", app.routes(), app.vocabulary(), "http://localhost")
}

#[test]
fn authorization_page_has_the_enforced_matrix() {
    assert_eq!(
        section("routes"),
        as_markdown(&App::default().matrix()).trim(),
        "write the table again with `just matrix`"
    );
}

#[test]
fn frontends_page_shows_the_tested_application() {
    let page = include_str!("../../docs/frontends.md");
    let shown =
        page.split("<!-- spa:begin -->\n```html\n").nth(1).and_then(|rest| rest.split("```\n").next());
    assert_eq!(shown, Some(include_str!("../interop/spa/index.html")));
}

#[test]
fn frontends_page_shows_the_tested_recipes() {
    let page = include_str!("../../docs/frontends.md");
    let directory = in_repository("tests/interop/recipes");
    let mut shown = 0;
    for marked in page.split("<!-- recipe: ").skip(1) {
        let (name, rest) = marked.split_once(" -->\n```").expect("a marker and its block");
        let block = rest.split_once('\n').and_then(|(_, rest)| rest.split_once("```\n")).expect("a block").0;
        let recipe = std::fs::read_to_string(directory.join(name)).expect("a recipe");
        assert_eq!(block, recipe, "{name}");
        shown += 1;
    }
    let files = |directory: PathBuf| std::fs::read_dir(directory).expect("a directory").count();
    let below = ["nextjs", "authjs"].map(|name| files(directory.join(name)) - 1);
    assert_eq!(shown, files(directory) + below.iter().sum::<usize>(), "every recipe is shown");
}

#[test]
fn qa_page_shows_the_tested_recipes() {
    let page = include_str!("../../docs/qa.md");
    let directory = in_repository("tests/interop/runners");
    let mut shown = Vec::new();
    for marked in page.split("<!-- runner: ").skip(1) {
        let (name, rest) = marked.split_once(" -->\n```").expect("a marker and its block");
        let block = rest.split_once('\n').and_then(|(_, rest)| rest.split_once("```\n")).expect("a block").0;
        let recipe = std::fs::read_to_string(directory.join(name)).expect("a recipe");
        assert_eq!(block, recipe, "{name}");
        shown.push(name.split('/').next().expect("a runner").to_owned());
    }
    for runner in ["ci", "curl", "go", "jest", "junit", "node", "playwright", "pytest", "vitest"] {
        assert!(shown.iter().any(|known| known == runner), "{runner}");
    }
}

#[test]
fn authorization_page_lists_every_scope() {
    let scopes = section("scopes");
    let app = App::default();
    for scope in app.vocabulary().scopes() {
        assert!(scopes.contains(&format!("`{scope}`")) && scopes.contains(scope.meaning()), "{scope}");
    }
    assert_eq!(scopes.matches("\n| `").count(), app.vocabulary().scopes().len());
}

#[test]
fn openapi_lists_every_code_of_a_broken_rule() {
    let schema = &document()["components"]["schemas"]["BrokenRule"];
    let codes: Vec<&str> = schema["properties"]["code"]["enum"]
        .as_array()
        .expect("codes")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    for (code, parameters) in cloakroom::domain::RULES {
        assert!(codes.contains(code), "{code}");
        for parameter in *parameters {
            assert!(schema["properties"][*parameter].is_object(), "{parameter} of {code}");
        }
    }
    // The codes in the source. That of a header is in no `errors`.
    for file in rust_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = std::fs::read_to_string(&file).expect("a file");
        let text = text.split("#[cfg(test)]").next().expect("a part");
        for call in text.split("Invalid::new(").skip(1) {
            let literal = call.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next());
            let known = literal.is_none_or(|code| codes.contains(&code) || code == "not-a-key");
            assert!(known, "{literal:?} of {}", file.display());
        }
    }
}

fn rust_files(directory: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let (directories, files): (Vec<PathBuf>, Vec<PathBuf>) = entries.partition(|path| path.is_dir());
    let files = files.into_iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    files.chain(directories.iter().flat_map(|directory| rust_files(directory))).collect()
}

#[test]
fn openapi_has_every_route_with_security_and_example() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    for endpoint in endpoints() {
        let operation = &document["paths"][endpoint.path][endpoint.method.as_str().to_lowercase()];
        if UNDOCUMENTED.contains(&endpoint.path) {
            assert!(operation.is_null(), "{}", endpoint.path);
            continue;
        }
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
fn openapi_names_each_operation_after_what_it_does() {
    let document = document();
    let operations = document["paths"].as_object().expect("paths").values();
    let operations = operations.flat_map(|path| path.as_object().expect("operations").values());
    let names: Vec<&str> = operations.filter_map(|operation| operation["operationId"].as_str()).collect();
    let each: std::collections::BTreeSet<&str> = names.iter().copied().collect();
    assert_eq!(each.len(), names.len());
    for name in &names {
        let is_camel_case = name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_alphanumeric());
        assert!(is_camel_case, "{name}");
    }
    for name in ["listUsers", "updateUser", "changePassword", "logIn", "issueToken", "endSessions"] {
        assert!(each.contains(name), "{name}");
    }
}

#[test]
fn openapi_types_the_actions_of_each_record() {
    let document = document();
    let actions = |schema: &str| document["components"]["schemas"][schema]["properties"]["_actions"].clone();
    let user = actions("User");
    let members = serde_json::json!(["email", "email_verified", "external_id"]);
    assert_eq!(user["properties"]["update"]["items"]["enum"], members);
    assert_eq!(user["properties"]["delete"]["items"], serde_json::json!({ "type": "string" }));
    assert!(user["properties"]["update_profile"]["items"]["enum"].as_array().expect("members").len() > 10);
    for schema in ["User", "Client", "ClientWithSecret"] {
        let actions = actions(schema);
        assert!(
            actions["properties"]["update"].is_object() && actions.get("x-actions-of").is_none(),
            "{schema}"
        );
    }
}

#[test]
fn openapi_lists_the_problems_of_a_handler() {
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
fn openapi_references_resolve() {
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
fn every_problem_code_has_unique_name_title_and_meaning() {
    for code in Code::ALL {
        assert_eq!(Code::named(code.as_str()), Some(*code));
        assert!(!code.meaning().is_empty() && !code.title().is_empty());
    }
}

/// A table without a bound that an operator knows can fill the disk.
#[test]
fn operating_page_says_what_bounds_each_table() {
    let page = include_str!("../../docs/operating.md");
    let section = page.split("### What bounds each table").nth(1).expect("the section");
    let section = section.split("\n## ").next().unwrap_or_default();
    let cells =
        section.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split('|').nth(1));
    let told: BTreeSet<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let schema = include_str!("../../src/store/engine/schema.rs").split("diesel::table! {").skip(1);
    let name = |table: &'static str| {
        let line = table.lines().find(|line| line.trim_end().ends_with(") {"))?;
        line.trim_start().split(' ').next()
    };
    let tables: BTreeSet<&str> = schema.filter_map(name).collect();
    assert!(tables.len() > 20, "{tables:?}");
    assert_eq!(told, tables);
}

#[test]
fn extending_page_quotes_the_example_exactly() {
    let read =
        |path: &str| std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let files = ["jobs", "labels", "note", "shares"].map(|name| read(&format!("examples/notes/{name}.rs")));
    let shop = ["avatars", "invoices", "orders"].map(|name| read(&format!("examples/shop/{name}.rs")));
    let example = read("examples/notes.rs") + &files.concat() + &read("examples/shop.rs") + &shop.concat();
    let guide = read("docs/extending.md");
    let pieces: Vec<&str> =
        guide.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(pieces.len() > 10);
    for piece in pieces {
        assert!(example.contains(piece), "the example does not have:\n{piece}");
    }
}

/// A list names its record type in every media type that it has.
#[test]
fn openapi_describes_each_list_by_its_record() {
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

/// Returns each answer of each operation.
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
fn openapi_refers_to_shared_headers_in_every_answer() {
    let document = document();
    for (route, status, answer) in answers(&document) {
        let has = |name: &str| answer["headers"][name]["$ref"] == format!("#/components/headers/{name}");
        let everywhere =
            ["X-Request-Id", "Cache-Control", "X-Content-Type-Options", "X-Cloakroom-Environment"];
        let besides: &[&str] = match status {
            401 if !route.contains("/sessions") => &["WWW-Authenticate"],
            415 if route.starts_with("patch") => &["Accept-Patch"],
            429 | 503 => &["Retry-After"],
            // An invitation has no version.
            201 if route.ends_with("/invitation") => &["Location"],
            201 => &["Location", "ETag"],
            303 => &["Location"],
            304 => &["ETag"],
            _ => &[],
        };
        assert!(everywhere.iter().chain(besides).all(|name| has(name)), "{route} {status}: {answer}");
    }
}

#[test]
fn openapi_has_an_example_for_every_answer_and_code() {
    let document = document();
    for (route, status, answer) in answers(&document) {
        let content = answer["content"].as_object().into_iter().flatten();
        for (_, form) in content.filter(|(media, _)| media.ends_with("json")) {
            if status < 400 {
                assert!(form["example"].is_object() || route == "post /oauth/revoke", "{route} {status}");
                // The generator writes "text" where no example is given.
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
fn openapi_puts_every_operation_in_a_described_group() {
    let document = document();
    let groups = document["tags"].as_array().unwrap();
    assert!(groups.iter().all(|group| group["description"].is_string()), "{groups:?}");
    for endpoint in endpoints().iter().filter(|endpoint| !UNDOCUMENTED.contains(&endpoint.path)) {
        let operation = &document["paths"][endpoint.path][endpoint.method.as_str().to_lowercase()];
        assert!(groups.iter().any(|group| group["name"] == operation["tags"][0]), "{}", endpoint.path);
    }
}

#[test]
fn openapi_offers_authorization_code_and_client_credentials() {
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

/// Directories whose files the documentation names in backticks.
const ROOTS: [&str; 11] = [
    "src/",
    "tests/",
    "docs/",
    "deploy/",
    "benches/",
    "examples/",
    "clients/",
    "migrations/",
    "fuzz/",
    ".ci/",
    ".cargo/",
];

/// Longest README, in lines.
const README_LINES: usize = 120;

/// Returns the absolute path of a file of the repository.
fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Returns every Markdown page of the documentation, sorted.
fn pages() -> Vec<PathBuf> {
    fn collect(directory: &Path, pages: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, pages);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path);
            }
        }
    }
    let mut pages =
        ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(in_repository).to_vec();
    collect(&in_repository("docs"), &mut pages);
    pages.sort();
    pages
}

/// Returns the page with its fenced code blocks blanked, so that line numbers stay.
fn without_code_blocks(page: &str) -> String {
    let mut fenced = false;
    let mut text = String::new();
    for line in page.lines() {
        let is_fence = line.trim_start().starts_with("```");
        if !fenced && !is_fence {
            text += line;
        }
        fenced ^= is_fence;
        text.push('\n');
    }
    text
}

/// Splits a page into prose and code spans: the line of each, true for a code span, and its text.
fn spans(page: &str) -> Vec<(usize, bool, String)> {
    let mut spans = vec![(1, false, String::new())];
    let (mut line, mut is_code) = (1, false);
    let text = without_code_blocks(page);
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        line += usize::from(character == '\n');
        // A code span ends at the latest with its paragraph.
        let ends = is_code && character == '\n' && characters.peek() == Some(&'\n');
        if character == '`' || ends {
            is_code = !is_code && !ends;
            spans.push((line, is_code, String::new()));
        } else if let Some((_, _, text)) = spans.last_mut() {
            text.push(character);
        }
    }
    spans
}

/// Returns the targets of the links in prose, each with its line.
fn links(page: &str) -> Vec<(usize, String)> {
    let prose = spans(page).into_iter().filter(|(_, is_code, _)| !is_code);
    let links = prose.flat_map(|(line, _, text)| {
        let found: Vec<(usize, String)> = text
            .match_indices("](")
            .map(|(at, opening)| {
                let line = line + text[..at].matches('\n').count();
                let target = text[at + opening.len()..].split([')', ' ', '\n']).next().unwrap();
                (line, target.to_owned())
            })
            .collect();
        found
    });
    links.filter(|(_, target)| !target.contains(':')).collect()
}

/// Returns the paths in code spans, each with its line. Patterns and placeholders are left out.
fn named_paths(page: &str) -> Vec<(usize, String)> {
    spans(page)
        .into_iter()
        .filter(|(_, is_code, text)| *is_code && ROOTS.iter().any(|root| text.starts_with(root)))
        .filter_map(|(line, _, text)| {
            let path = text.split_whitespace().next()?.to_owned();
            let is_pattern = path.contains(['*', '<', '{', '…']);
            (!is_pattern).then_some((line, path))
        })
        .collect()
}

/// Returns the anchors of a page's headings, as a Markdown renderer makes them.
fn anchors(page: &str) -> Vec<String> {
    let mut anchors: Vec<String> = Vec::new();
    for line in without_code_blocks(page).lines() {
        let title = line.trim_start_matches('#');
        let Some(title) = title.strip_prefix(' ').filter(|_| line.starts_with('#')) else { continue };
        let anchor: String = title
            .trim()
            .to_lowercase()
            .replace(' ', "-")
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
            .collect();
        let same = anchors.iter().filter(|known| **known == anchor).count();
        anchors.push(if same == 0 { anchor } else { format!("{anchor}-{same}") });
    }
    anchors
}

/// Says why a link of `page` leads nowhere.
fn dead_end(page: &Path, target: &str) -> Option<String> {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = if path.is_empty() { page.to_owned() } else { page.parent()?.join(path) };
    if !file.exists() {
        return Some(format!("there is no {path}"));
    }
    let text = || std::fs::read_to_string(&file).unwrap_or_default();
    let is_there = anchor.is_empty() || anchors(&text()).iter().any(|known| known == anchor);
    (!is_there).then(|| format!("there is no heading #{anchor}"))
}

#[test]
fn every_path_and_link_of_the_documentation_leads_somewhere() {
    let mut dead = Vec::new();
    let (mut paths, mut targets) = (0, 0);
    for page in pages() {
        let text =
            std::fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        let name = page.strip_prefix(in_repository("")).unwrap().display();
        for (line, path) in named_paths(&text) {
            paths += 1;
            if !in_repository(&path).exists() {
                dead.push(format!("{name}:{line}: `{path}` does not exist"));
            }
        }
        for (line, target) in links(&text) {
            targets += 1;
            dead.extend(dead_end(&page, &target).map(|why| format!("{name}:{line}: ({target}): {why}")));
        }
    }
    assert!(dead.is_empty(), "{} lead nowhere:\n{}", dead.len(), dead.join("\n"));
    assert!(paths > 50 && targets > 30, "found only {paths} paths and {targets} links");
}

#[test]
fn links_and_paths_are_found_with_their_lines() {
    let page = "\
# A *title*, with `code`

See [the page](other.md#part \"title\"), `src/lib.rs` and
[`src`](../src), not `[this](none.md)` or [that](https://example.org/).

```sh
# Not a heading: `src/none.rs` [no](none.md)
```

`src/*.rs` `src/<name>.rs` `benches/run --rounds 3` `.ci/run`

# A *title*, with `code`
";
    let found = |line, text: &str| (line, text.to_owned());
    assert_eq!(links(page), [found(3, "other.md#part"), found(4, "../src")]);
    let paths = [found(3, "src/lib.rs"), found(10, "benches/run"), found(10, ".ci/run")];
    assert_eq!(named_paths(page), paths);
    assert_eq!(anchors(page), ["a-title-with-code", "a-title-with-code-1"]);
}

#[test]
fn readme_is_short() {
    let lines = include_str!("../../README.md").lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines, at most {README_LINES} are allowed");
}
