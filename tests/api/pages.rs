//! HTML pages of an application with a form, requested as a browser does and as an attacker does.

use actix_web::http::Method;
use cloakroom::App;
use cloakroom::domain::{BrowserSecret, Random};
use cloakroom::http::pages::{
    Application, BrowserAnswer, Destination, LogIn, LogInError, LogInForm, LogOut, PageAnswer, SeeOther,
    log_in, log_out,
};
use cloakroom::http::{Browser, BrowserForm, Code, Endpoint, Problem, Public, endpoint};
use serde_json::{Value, json};

use crate::support::{Answer, Engine, Request, Server, check_scripts, on_both_engines};

const PHOTOS: Application<'static> = Application { name: Some("<b>Photos</b>"), id: "photos" };

async fn show(_: Public, browser: Browser) -> Result<PageAnswer, Problem> {
    Ok(log_in(
        &browser,
        &LogIn {
            application: PHOTOS,
            request: "r\"1",
            email: "",
            error: None,
            sign_up: None,
            sends_mail: false,
        },
    ))
}

async fn take(_: Public, form: BrowserForm<LogInForm>, random: Random) -> Result<BrowserAnswer, Problem> {
    let field = |name| form.get(name).unwrap_or_default();
    match field("email") {
        "app" => Ok(SeeOther::to("com.example.photos:/cb?code=1").into()),
        "breaks" => Ok(SeeOther::to("/a\r\nset-cookie: x=y").into()),
        "ada" => {
            let secret = BrowserSecret::generate(&random)?;
            Ok(BrowserAnswer::from(SeeOther::to("/desk"))
                .with_cookie(form.browser().session_cookie(&secret, None)))
        }
        email => {
            let (request, error) = (field("request"), Some(LogInError::Wrong));
            Ok(log_in(
                form.browser(),
                &LogIn { application: PHOTOS, request, email, error, sign_up: None, sends_mail: true },
            )
            .into())
        }
    }
}

/// Shows whether the browser has a session. Its logout form has another action and another purpose.
async fn desk(_: Public, browser: Browser) -> Result<PageAnswer, Problem> {
    let email = if browser.session().is_some() { "somebody" } else { "nobody" };
    Ok(log_out(&browser, &LogOut { application: None, request: "", email })
        .may_redirect_to(&Destination::of("com.example.photos:/cb").expect("an app")))
}

async fn fails(_: Public) -> Result<PageAnswer, Problem> {
    Err(Problem::new(Code::Unavailable))
}

async fn panics(_: Public) -> Result<PageAnswer, Problem> {
    panic!("on purpose, with a secret in its message")
}

fn app() -> App {
    App::new("wardrobe").endpoints(endpoints())
}

fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/counter/login", "Show the form", show),
        endpoint(Method::POST, "/counter/login", "Take the form", take),
        endpoint(Method::GET, "/desk", "Show another form", desk),
        endpoint(Method::GET, "/fails", "Fail", fails),
        endpoint(Method::GET, "/panics", "Panic", panics),
    ]
}

fn server() -> Server {
    Server::start_app(Engine::Sqlite, app)
}

/// State that a browser keeps of a page: the cookie and the form's CSRF token.
struct Shown {
    cookie: String,
    token: String,
}

impl Shown {
    fn of(page: &Answer) -> Self {
        let cookie = page.header("set-cookie").and_then(|cookie| cookie.split(';').next());
        Self { cookie: cookie.unwrap_or_default().to_owned(), token: token(page) }
    }
}

fn token(page: &Answer) -> String {
    let rest = page.body.split("name=\"form_token\" value=\"").nth(1).expect("a form");
    rest.split('"').next().unwrap_or_default().to_owned()
}

fn shown(server: &Server) -> Shown {
    Shown::of(&server.get("/counter/login").send().expect(200))
}

fn send(server: &Server, shown: &Shown, email: &str) -> Request {
    let form = [("form_token", &*shown.token), ("request", "r\"1"), ("email", email), ("choice", "log-in")];
    server.post("/counter/login").header("cookie", &shown.cookie).form(&form)
}

on_both_engines! {
    fn versioned_page_files_are_cacheable(server) {
        let page = server.get("/problems/not-owner").send().expect(200);
        for (file, media) in [("pages.css", "text/css; charset=utf-8"), ("mark.svg", "image/svg+xml")] {
            let link = page.body.split('"').find(|text| text.contains(file)).expect("a link");
            let path = link.strip_prefix("..").expect("one level up");
            let answer = server.get(path).send().expect(200);
            assert_eq!(answer.header("content-type"), Some(media));
            assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"));
            for other in [format!("/oauth/{file}"), format!("/oauth/{file}?v=0"), format!("{path}0")] {
                assert_eq!(server.get(&other).send().expect(200).header("cache-control"), Some("public, max-age=60"));
            }
        }
    }

    fn problem_codes_are_listed_as_a_page_and_as_json(server) {
        let page = server.get("/problems").header("accept", "text/html,application/json;q=0.9").send().expect(200);
        let json = |path: &str| server.get(path).header("accept", "application/json").send().expect(200);
        let index = json("/problems");
        assert_eq!((index.header("content-type"), index.header("vary")), (Some("application/json"), Some("Accept")));
        let index = index.json();
        let problems = index["problems"].as_array().unwrap();
        assert_eq!(problems.len(), cloakroom::http::Code::ALL.len());
        for problem in problems {
            let code = problem["code"].as_str().unwrap();
            assert!(page.body.contains(&format!("href=\"problems/{code}\"")), "{code}");
            assert_eq!(problem["type"], format!("{}/problems/{code}", server.url));
            let page = server.get(&format!("/problems/{code}")).send().expect(200);
            assert!(page.body.contains("</h1>") && !page.body.contains('`'), "{code}");
            assert_eq!(json(&format!("/problems/{code}")).json(), *problem);
        }
        let rule = index["rules"].as_array().unwrap().iter().find(|rule| rule["code"] == "too-short").unwrap();
        assert_eq!(rule["parameters"], json!(["min"]));
        server.get("/problems/none-such").header("accept", "application/json").send().expect_problem(404, "not-found");
    }

    fn broken_rules_have_their_parameters(server) {
        let rules = |body: Value| server.post("/users").json(&body).send().expect_problem(422, "invalid-body").json()["errors"].clone();
        let errors = rules(json!({ "email": "ada@example.com", "password": "short" }));
        assert_eq!(errors, json!([{ "pointer": "/password", "code": "too-short", "detail": "must be at least 8 characters", "min": 8 }]));
        let errors = rules(json!({ "email": 7, "password": "a most unusual passphrase", "profile": { "name": "x".repeat(201) } }));
        let by_code = |code: &str| errors.as_array().unwrap().iter().find(|rule| rule["code"] == code).unwrap().clone();
        assert_eq!((&by_code("wrong-type")["expected"], &by_code("too-long")["max"]), (&json!("string"), &json!(200)));
    }

    fn problem_page_loads_no_external_files_or_scripts(server) {
        let page = server.get("/problems/not-owner").send().expect(200);
        assert_eq!(
            page.header("content-security-policy"),
            Some("default-src 'none'; style-src 'self'; img-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'")
        );
        assert_eq!(page.header("cache-control"), Some("public, max-age=3600"));
        assert!(!page.body.contains("<style") && !page.body.contains("<script") && !page.body.contains(" style="));
    }
}

#[test]
fn form_page_sets_csrf_cookie_and_forbids_framing() {
    let server = server();
    let page = server.get("/counter/login").send().expect(200);
    let policy = page.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    assert!(policy.contains("form-action 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "no-store"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
    ] {
        assert_eq!(page.header(name), Some(value), "{name}");
    }
    assert_eq!(
        page.header("cross-origin-opener-policy"),
        None,
        "it would break windows that applications opened"
    );
    let cookie = page.header("set-cookie").expect("a cookie");
    assert!(cookie.starts_with(&format!("{}=", server.cookie_name("cloakroom-csrf"))), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{cookie}");
    assert!(page.body.contains("value=\"r&quot;1\"") && page.body.contains("&lt;b&gt;Photos&lt;/b&gt;"));
}

#[test]
fn password_can_be_shown_by_a_script_that_the_policy_permits() {
    let server = server();
    let page = server.get("/counter/login").send().expect(200);
    check_scripts(&page);
    check_scripts(&server.get("/desk").send().expect(200));
    // Without the script there is a field, and no button that does nothing.
    let field = page
        .body
        .split("id=\"password\"")
        .nth(1)
        .and_then(|rest| rest.split("</div>").next())
        .expect("a field");
    let (input, button) = field.split_once('>').expect("a button after the field");
    assert!(button.contains("type=\"button\"") && button.contains(" hidden>"), "{button}");
    // A browser sends what it spells to no service, also while the password is shown.
    for attribute in
        ["type=\"password\"", "spellcheck=\"false\"", "autocorrect=\"off\"", "autocapitalize=\"none\""]
    {
        assert!(input.contains(attribute), "{attribute}: {input}");
    }
}

#[test]
fn accepts_a_form_from_every_tab() {
    let server = server();
    let first = shown(&server);
    let second = server.get("/counter/login").header("cookie", &first.cookie).send().expect(200);
    assert_eq!(second.header("set-cookie"), None, "a new cookie would break the first tab");
    let second = Shown { cookie: first.cookie.clone(), token: token(&second) };
    for tab in [&first, &second] {
        let answer = send(&server, tab, "eve")
            .header("origin", &server.url)
            .header("sec-fetch-site", "same-origin")
            .send()
            .expect(403);
        assert!(answer.body.contains("The e-mail address or the password is wrong."));
        // The page that is shown again still works.
        assert_eq!(token(&answer), first.token);
    }
    send(&server, &first, "eve").send().expect(403);
}

#[track_caller]
fn refused(answer: &Answer, status: u16, why: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.body.contains(why), "{answer:?}");
    assert!(answer.body.contains(answer.header("x-request-id").expect("an id")));
    assert!(!answer.body.contains("The e-mail address or the password is wrong"), "the handler must not run");
}

#[test]
fn refuses_a_cross_site_form_with_a_page() {
    let server = server();
    let ours = shown(&server);
    let theirs = shown(&server);
    for origin in ["null", "https://evil.example", "http://127.0.0.1", "http://localhost:8080"] {
        let answer = send(&server, &ours, "ada").header("origin", origin).send();
        refused(&answer, 403, "the request was sent from another site");
        assert_eq!(answer.header("set-cookie"), None);
    }
    for site in ["cross-site", "same-site", "none"] {
        let answer = send(&server, &ours, "ada").header("sec-fetch-site", site).send();
        refused(&answer, 403, "according to the browser");
    }
    let no_cookie = Shown { cookie: String::new(), token: ours.token.clone() };
    refused(&send(&server, &no_cookie, "ada").send(), 403, "the cookie of the form is missing");
    let stolen = Shown { cookie: ours.cookie.clone(), token: theirs.token };
    refused(&send(&server, &stolen, "ada").send(), 403, "the form was not served to this browser");
    let desk = server.get("/desk").header("cookie", &ours.cookie).send().expect(200);
    let of_another_page = Shown { cookie: ours.cookie.clone(), token: token(&desk) };
    refused(&send(&server, &of_another_page, "ada").send(), 403, "the form was not served to this browser");
    for fields in [&[("email", "ada")][..], &[("email", "ada"), ("form_token", "")]] {
        let answer = server.post("/counter/login").header("cookie", &ours.cookie).form(fields).send();
        refused(&answer, 403, "the form was not served to this browser");
    }
    let twice = Shown { cookie: format!("{}; {}", ours.cookie, ours.cookie), token: ours.token.clone() };
    refused(&send(&server, &twice, "ada").send(), 400, "two cookies of one name");
}

#[test]
fn refuses_repeated_or_too_many_fields() {
    let server = server();
    let ours = shown(&server);
    let post = || server.post("/counter/login").header("cookie", &ours.cookie);
    let form = format!("form_token={}&email=ada", ours.token);
    refused(&post().body("application/json", "{}").send(), 415, "must be application/x-www-form-urlencoded");
    let media = "application/x-www-form-urlencoded";
    refused(&post().body(media, format!("{form}&email=eve")).send(), 400, "a parameter is repeated");
    let many: String = (0..40).map(|n| format!("&f{n}=")).collect();
    refused(&post().body(media, format!("{form}{many}")).send(), 400, "too many parameters");
    refused(&post().body(media, format!("{form}&x={}", "x".repeat(70_000))).send(), 413, "mistake");
}

#[test]
fn session_cookie_is_read_by_the_next_page() {
    let server = server();
    let ours = shown(&server);
    let answer = send(&server, &ours, "ada").send().expect(303);
    assert_eq!(answer.header("location"), Some("/desk"));
    let session = answer.header("set-cookie").and_then(|cookie| cookie.split(';').next()).expect("a cookie");
    assert!(session.starts_with(&format!("{}=", server.cookie_name("cloakroom"))), "{session}");
    let desk = |cookies: &str| server.get("/desk").header("cookie", cookies).send();
    assert!(desk(&format!("{}; {session}", ours.cookie)).body.contains("somebody"));
    assert!(desk(&ours.cookie).body.contains("nobody"));
    assert!(desk(&format!("{}=none", server.cookie_name("cloakroom"))).body.contains("nobody"));
    refused(&desk(&format!("{session}; {session}")), 400, "two cookies of one name");
}

#[test]
fn form_action_policy_allows_the_clients_redirect() {
    let server = server();
    let ours = shown(&server);
    let app = send(&server, &ours, "app").send().expect(303);
    assert_eq!(app.header("location"), Some("com.example.photos:/cb?code=1"));
    assert_eq!(app.header("referrer-policy"), Some("no-referrer"));
    let desk = server.get("/desk").send().expect(200);
    let policy = desk.header("content-security-policy").expect("a policy");
    assert!(policy.contains("form-action 'self' https: com.example.photos:;"), "{policy}");
    let breaks = send(&server, &ours, "breaks").send().expect(500);
    assert!(breaks.header("location").is_none() && breaks.header("set-cookie").is_none());
}

#[test]
fn errors_of_a_page_are_pages() {
    let server = server();
    let fails = server.get("/fails").send();
    refused(&fails, 503, "Please wait a moment");
    assert_eq!(fails.header("retry-after"), Some("1"));
    let panics = server.get("/panics").send();
    refused(&panics, 500, "This is not your fault");
    assert!(!panics.body.contains("secret"));
}

#[test]
fn openapi_describes_pages_and_forms() {
    let (server, document) = (server(), |server: &Server| server.get("/openapi.json").send().json());
    let document = document(&server);
    let post = &document["paths"]["/counter/login"]["post"];
    assert!(post["requestBody"]["content"]["application/x-www-form-urlencoded"]["example"].is_object());
    assert!(post["responses"]["200"]["content"]["text/html"].is_object());
    assert!(post["responses"]["303"].is_object());
    assert!(post["responses"]["403"]["content"]["text/html"].is_object());
    assert!(
        post["responses"]["403"]["description"].as_str().is_some_and(|codes| codes.contains("foreign-form"))
    );
    // A route that pages link to can still be part of the API.
    assert!(document["paths"]["/problems/{code}"]["get"]["responses"]["404"]["content"]["application/problem+json"].is_object());
}
