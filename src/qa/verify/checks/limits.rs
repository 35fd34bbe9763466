//! Bounds of requests, and the headers of answers.

use serde_json::json;

use super::super::Request;
use super::findings::{Checked, Findings};
use super::run::{CheckRun, path_of};

/// Largest body that is read, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// Levels of a body that are too many. A JSON library refuses more than 128 by itself.
const TOO_DEEP: usize = 100;

pub(super) fn requests(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let user = run.new_owner()?;
    let path = path_of(&user);
    let raw = |request: Request, media_type: &'static str, text: String| Request {
        body: Some((media_type, text.into_bytes())),
        ..request
    };
    let (json_type, patch) = ("application/json", "application/merge-patch+json");
    let large = json!({ "bio": "x".repeat(LARGEST_BODY) }).to_string();
    let email = run.new_address();
    let twice = format!("{{\"email\":\"{email}\",\"email\":\"{email}\"}}");
    let deep = format!("{{\"email\":{}1{}}}", "[".repeat(TOO_DEEP), "]".repeat(TOO_DEEP));
    let profile = format!("{path}/profile");
    let query = |query: &str| Request::get(format!("{path}/sessions?{query}"));
    for (what, request, expected) in [
        ("a body of more than 64 KiB", raw(Request::put(&profile), json_type, large), "413 body-too-large"),
        (
            "a body with two members of one name",
            raw(Request::patch(&path, &json!({})), patch, twice),
            "400 malformed-body",
        ),
        (
            "a body that is nested a hundred times",
            raw(Request::patch(&path, &json!({})), patch, deep),
            "400 malformed-body",
        ),
        (
            "a body that is no object",
            raw(Request::patch(&path, &json!({})), patch, "[]".to_owned()),
            "422 invalid-body",
        ),
        ("an unknown member", Request::put(&profile).json(&json!({ "unknown": 1 })), "422 invalid-body"),
        (
            "another media type",
            raw(Request::put(&profile), "text/plain", "{}".to_owned()),
            "415 unsupported-media-type",
        ),
        ("an unknown query parameter", query("user_id=1"), "400 invalid-query"),
        ("a repeated query parameter", query("limit=1&limit=2"), "400 invalid-query"),
        ("a page of 0 items", query("limit=0"), "400 invalid-query"),
        ("a page of 201 items", query("limit=201"), "400 invalid-query"),
    ] {
        found.expect(what, &run.send(&request, Some(&user.token))?, expected);
    }
    let form = "x".repeat(LARGEST_BODY);
    let answer = run.form("/oauth/token", &[("grant_type", "client_credentials"), ("scope", &form)])?;
    found.must(answer.status == 413, format!("a form of more than 64 KiB gets {}", answer.summary()));
    Ok(())
}

pub(super) fn weak_password(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let user = run.new_owner()?;
    for weak in ["short", "password", "12345678", &"x".repeat(257)] {
        let body = json!({ "email": run.new_address(), "password": weak });
        let answer = run.send(&Request::post("/users").json(&body), Some(&run.everything()?))?;
        found.expect("a registration with a weak password", &answer, "422 invalid-body");
        let body = json!({ "current_password": run.password, "new_password": weak });
        let request = Request::put(format!("{}/password", path_of(&user))).json(&body);
        found.expect(
            "a change to a weak password",
            &run.send(&request, Some(&user.token))?,
            "422 invalid-body",
        );
    }
    Ok(())
}

pub(super) fn headers(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    let user = run.new_owner()?;
    let origin = "https://evil.verify.example.com";
    let login = json!({ "email": user.email, "password": run.password });
    for (request, token) in [
        (Request::get(path_of(&user)), Some(user.token.as_str())),
        (Request::post("/sessions").json(&login), None),
    ] {
        let answer = run.send(&request.clone().header("origin", origin), token)?;
        let caching = answer.header("cache-control").unwrap_or_default();
        found.must(caching.contains("no-store"), format!("{} may be stored: {caching:?}", request.asked()));
        let shared = answer.header("access-control-allow-origin");
        found.must(shared.is_none(), format!("{} is shared with the origin {shared:?}", request.asked()));
        let sniffing = answer.header("x-content-type-options");
        found.must(sniffing == Some("nosniff"), format!("{} has no nosniff", request.asked()));
    }
    Ok(())
}
