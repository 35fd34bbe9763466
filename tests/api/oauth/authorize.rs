//! `/oauth/authorize`: login, consent, and the parameters that require them again.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{
    Answer, Browser, CALLBACK, PASSWORD, Server, decoded, on_both_engines, redirect_parameter,
};

#[track_caller]
fn heading(page: &Answer) -> &str {
    let heading = page.body.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next());
    heading.unwrap_or_else(|| panic!("no page: {page:?}"))
}

/// Returns the error in the redirect.
#[track_caller]
fn error(answer: &Answer) -> String {
    redirect_parameter(answer, "error")
}

on_both_engines! {
    fn user_consents_and_client_reads_the_record(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid profile email users:read"));
        let mut browser = Browser::new(&server);
        let page = browser.open(&app.authorize(&[("scope", "openid email users:read")])).expect(200);
        assert_eq!(heading(&page), "Sign in");
        let page = browser.sign_in(&page, &ada.email).expect(200);
        assert!(heading(&page).contains("<bdi>photos</bdi>") && page.body.contains("ada@example.com"), "{page:?}");
        let back = browser.submit(&page, "allow", &[]).expect(303);
        assert!(back.header("location").unwrap().starts_with(CALLBACK));
        assert_eq!(redirect_parameter(&back, "state"), "s t&te");
        assert_eq!(redirect_parameter(&back, "iss"), server.url);
        assert_eq!(redirect_parameter(&back, "tenant"), "1");

        let answer = app.redeem(&server, &redirect_parameter(&back, "code")).expect(200);
        assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
        let tokens = answer.json();
        assert_eq!((&tokens["token_type"], &tokens["scope"]), (&json!("Bearer"), &json!("email openid users:read")));
        let access = tokens["access_token"].as_str().unwrap();
        let (_, claims) = decoded(access);
        assert_eq!((&claims["sub"], &claims["client_id"], &claims["aud"]), (&json!(ada.id), &json!("photos"), &json!(server.url)));
        assert_eq!(server.get("/users/me").bearer(access).send().expect(200).json()["id"], ada.id);
        let info = server.get("/oauth/userinfo").bearer(access).send().expect(200).json();
        assert_eq!(info, json!({ "sub": ada.id, "email": "ada@example.com", "email_verified": false }));
        server.get("/users").bearer(access).send().expect_problem(403, "insufficient-scope");
    }

    fn id_token_names_user_client_and_login_time(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let tokens = app.tokens(&server, &ada, &[]);
        let (header, claims) = decoded(tokens["id_token"].as_str().unwrap());
        assert_eq!((&header["typ"], &header["alg"]), (&json!("JWT"), &json!("ES256")));
        let (_, access) = decoded(tokens["access_token"].as_str().unwrap());
        for name in ["iss", "sub", "sid", "exp", "iat"] {
            assert_eq!(claims[name], access[name], "{name}");
        }
        assert_eq!((&claims["aud"], &claims["nonce"]), (&json!("photos"), &json!("n-1")));
        assert!(claims["auth_time"].as_i64().unwrap() <= claims["iat"].as_i64().unwrap());
        assert_eq!(claims["at_hash"].as_str().unwrap().len(), 22);
        assert_eq!(claims.as_object().unwrap().len(), 9);
        // An ID token is not accepted as an access token.
        server.get("/users/me").bearer(tokens["id_token"].as_str().unwrap()).send().expect_problem(401, "invalid-token");
        // Without the scope `openid` there is no ID token.
        assert_eq!(app.tokens(&server, &ada, &[("scope", "users:read")]).get("id_token"), None);
        // The refreshed ID token has no nonce: it answers no request of the browser (OpenID Connect Core
        // §12.2).
        let next = app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).expect(200).json();
        let (_, next) = decoded(next["id_token"].as_str().unwrap());
        assert_eq!((next.get("nonce"), &next["auth_time"], &next["sub"]), (None, &claims["auth_time"], &claims["sub"]));
    }

    fn skips_pages_for_a_session_with_consent(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read users:write"));
        let mut browser = Browser::new(&server);
        app.sign_in_and_consent(&mut browser, &ada, &[]);
        browser.open(&app.authorize(&[])).expect(303);
        browser.open(&app.authorize(&[("prompt", "none")])).expect(303);
        // Consent covers only the scopes that the page showed.
        let page = browser.open(&app.authorize(&[("scope", "openid users:read users:write")])).expect(200);
        let (new, given) = page.body.split_once("You have already allowed it to").expect("two lists");
        assert!(new.contains("Change") && !given.contains("Change"), "{page:?}");
        let back = browser.open(&app.authorize(&[("scope", "openid users:write"), ("prompt", "none")]));
        assert_eq!(error(&back), "consent_required");
        let page = browser.open(&app.authorize(&[("prompt", "consent")])).expect(200);
        assert!(heading(&page).contains("use your account?"));
        // Each client needs its own consent.
        let other = server.application("prints", "openid users:read");
        assert!(heading(&browser.open(&other.authorize(&[]))).contains("<bdi>prints</bdi>"));
    }

    fn public_client_always_needs_consent(server) {
        let (ada, app) = (server.register("ada"), server.public_application("spa", "openid users:read"));
        let mut browser = Browser::new(&server);
        app.sign_in_and_consent(&mut browser, &ada, &[]);
        let page = browser.open(&app.authorize(&[])).expect(200);
        assert!(heading(&page).contains("use your account?"));
        assert!(page.body.contains("You have already allowed it to"));
        assert_eq!(error(&browser.open(&app.authorize(&[("prompt", "none")]))), "consent_required");
    }

    fn first_party_application_needs_no_consent(server) {
        let ada = server.register("ada");
        for (id, method) in [("spa", "none"), ("web", "client_secret_basic")] {
            let app = server.register_application(&json!({
                "client_id": id, "scope": "openid users:read", "token_endpoint_auth_method": method, "first_party": true,
            }));
            let mut browser = Browser::new(&server);
            assert_eq!(error(&browser.open(&app.authorize(&[("prompt", "none")]))), "login_required");
            let page = browser.open(&app.authorize(&[]));
            let next = browser.sign_in(&page, &ada.email).expect(303);
            let tokens = app.redeem(&server, &redirect_parameter(&next, "code")).expect(200).json();
            server.get("/users/me").bearer(tokens["access_token"].as_str().unwrap()).send().expect(200);
            for changes in [&[][..], &[("prompt", "none")]] {
                redirect_parameter(&browser.open(&app.authorize(changes)).expect(303), "code");
            }
            // The application itself can ask for the page.
            let page = browser.open(&app.authorize(&[("prompt", "consent")])).expect(200);
            assert!(heading(&page).contains("use your account?"));
            // The trust can be taken back.
            let admin = server.person_with_roles(&format!("admin-of-{id}"), &["admin"]);
            server.patch(&format!("/clients/{id}")).bearer(&admin.token).if_match("*").json(&json!({ "first_party": false })).send().expect(200);
            server.eventually_refuses(tokens["access_token"].as_str().unwrap());
            assert_eq!(error(&browser.open(&app.authorize(&[("prompt", "none")]))), "consent_required");
        }
    }

    fn browser_keeps_the_session_if_the_user_stays_signed_in(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        for stays in [false, true] {
            let mut browser = Browser::new(&server);
            let page = browser.open(&app.authorize(&[]));
            let mut fields = vec![("email", ada.email.as_str()), ("password", crate::support::PASSWORD)];
            fields.extend(stays.then_some(("stay", "yes")));
            let back = browser.submit_and_stop(&page, "log-in", &fields).expect(303);
            let cookie = back.header("set-cookie").expect("a cookie");
            let seconds = cookie.split("Max-Age=").nth(1).map(|seconds| seconds.parse::<u64>().unwrap());
            assert_eq!(seconds.is_some(), stays, "{cookie}");
            assert!(seconds.is_none_or(|seconds| (7_775_000..=7_776_000).contains(&seconds)), "{cookie}");
        }
    }

    fn prompt_none_without_a_session_returns_login_required(server) {
        let app = server.application("photos", "openid users:read");
        let back = Browser::new(&server).open(&app.authorize(&[("prompt", "none")])).expect(303);
        assert_eq!((error(&back), redirect_parameter(&back, "state"), redirect_parameter(&back, "iss")), ("login_required".to_owned(), "s t&te".to_owned(), server.url.clone()));
    }

    fn prompt_login_requires_a_new_login(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let mut browser = Browser::new(&server);
        let first = browser_tokens(&server, &app.sign_in_and_consent(&mut browser, &ada, &[]), &app);
        for prompt in ["login", "select_account", "login consent"] {
            let page = browser.open(&app.authorize(&[("prompt", prompt)])).expect(200);
            assert_eq!(heading(&page), "Sign in", "{prompt}");
        }
        let before = browser.cookie("cloakroom").unwrap().to_owned();
        let back = app.sign_in_and_consent(&mut browser, &ada, &[("prompt", "login")]);
        // Login replaces the cookie: one that an attacker knew before is useless (session fixation).
        assert_ne!(browser.cookie("cloakroom").unwrap(), before);
        let old = server.get(&app.authorize(&[("prompt", "none")])).header("cookie", &format!("{}={before}", server.cookie_name("cloakroom")));
        assert_eq!(error(&old.send()), "login_required");
        let second = browser_tokens(&server, &back, &app);
        assert_eq!(first["sub"], second["sub"]);
        assert!(second["auth_time"].as_i64() >= first["auth_time"].as_i64());
    }

    fn id_token_hint_must_match_the_session_user(server) {
        let (ada, eve) = (server.register("ada"), server.register("eve"));
        let app = server.application("photos", "openid users:read");
        let mut browser = Browser::new(&server);
        let back = app.sign_in_and_consent(&mut browser, &ada, &[]);
        let tokens = app.redeem(&server, &redirect_parameter(&back, "code")).expect(200).json();
        let hint = tokens["id_token"].as_str().unwrap();
        browser.open(&app.authorize(&[("id_token_hint", hint), ("prompt", "none")])).expect(303);
        let mut other = Browser::new(&server);
        app.sign_in_and_consent(&mut other, &eve, &[]);
        let back = other.open(&app.authorize(&[("id_token_hint", hint), ("prompt", "none")]));
        assert_eq!(error(&back), "login_required");
        assert_eq!(heading(&other.open(&app.authorize(&[("id_token_hint", hint)]))), "Sign in");
        for wrong in [&hint[..hint.len() - 2], tokens["access_token"].as_str().unwrap(), "x"] {
            let back = browser.open(&app.authorize(&[("id_token_hint", wrong), ("prompt", "none")])).expect(303);
            assert_ne!(redirect_parameter(&back, "code"), "", "a hint that cannot be read is ignored");
        }
        let page = other.open(&app.authorize(&[("prompt", "login"), ("login_hint", "ada@\"<b>example.com")]));
        assert!(page.body.contains("value=\"ada@&quot;&lt;b&gt;example.com\""), "{page:?}");
    }

    fn another_user_can_sign_in_instead(server) {
        let (ada, eve) = (server.register("ada"), server.register("eve"));
        let app = server.application("photos", "openid users:read");
        let mut browser = Browser::new(&server);
        let page = browser.open(&app.authorize(&[]));
        let page = browser.sign_in(&page, &ada.email);
        let page = browser.submit(&page, "somebody-else", &[]).expect(200);
        let page = browser.sign_in(&page, &eve.email).expect(200);
        assert!(page.body.contains("eve@example.com") && !page.body.contains("ada@example.com"));
        let back = browser.submit(&page, "allow", &[]);
        assert_eq!(browser_tokens(&server, &back, &app)["sub"], eve.id);
        // Ada's session in this browser has ended.
        let sessions = server.get(&format!("{}/sessions", ada.path())).bearer(&ada.token).send().expect(200).json();
        assert_eq!(sessions["items"].as_array().unwrap().len(), 1, "{sessions}");
    }

    fn denied_consent_returns_access_denied(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let mut browser = Browser::new(&server);
        let page = browser.open(&app.authorize(&[]));
        let back = browser.submit(&page, "cancel", &[]).expect(303);
        assert_eq!((error(&back), redirect_parameter(&back, "state")), ("access_denied".to_owned(), "s t&te".to_owned()));
        let page = browser.sign_in(&page, &ada.email);
        for choice in ["deny", "", "ALLOW"] {
            assert_eq!(error(&browser.submit(&page, choice, &[]).expect(303)), "access_denied");
        }
        let grants = server.get(&format!("{}/grants", ada.path())).bearer(&ada.token).send().expect(200).json();
        assert_eq!(grants["items"], json!([]));
    }

    fn failed_logins_show_the_same_page(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let admin = server.admin();
        let gone = server.register("gone");
        server.put(&format!("{}/status", gone.path())).bearer(&admin.token).json(&json!({ "status": "suspended" })).send().expect(200);
        let mut browser = Browser::new(&server);
        let page = browser.open(&app.authorize(&[]));
        let mut said = Vec::new();
        for (email, password) in [(ada.email.as_str(), "wrong"), ("nobody@example.com", "wrong"), (&gone.email, PASSWORD), ("", ""), ("\0", "\0")] {
            let again = browser.submit(&page, "log-in", &[("email", email), ("password", password)]).expect(403);
            assert!(again.body.contains("The e-mail address or the password is wrong.") && !again.body.contains(PASSWORD));
            said.push(again.body.replace(&format!("value=\"{email}\""), "").replace(" autofocus", ""));
        }
        assert!(browser.cookie("cloakroom").is_none());
        assert_eq!(said[0], said[1]);
        assert_eq!(said[0], said[2]);
        // The form that is shown again still works.
        let again = browser.submit(&page, "log-in", &[("email", "x"), ("password", "y")]);
        assert!(heading(&browser.sign_in(&again, &ada.email)).contains("use your account?"));
    }

    fn post_is_redirected_to_get(server) {
        let app = server.application("photos", "openid users:read");
        let media = "application/x-www-form-urlencoded";
        let answer = server.post("/oauth/authorize").body(media, app.request(&[])).send().expect(303);
        assert_eq!(answer.header("location"), Some(&*format!("{}{}", server.url, app.authorize(&[]))));
        server.post("/oauth/authorize").body(media, format!("{}&state=2", app.request(&[]))).send().expect(400);
    }
}

/// Redeems the code of the redirect and returns the claims of the ID token.
fn browser_tokens(server: &Server, back: &Answer, app: &crate::support::Application) -> Value {
    let tokens = app.redeem(server, &redirect_parameter(back, "code")).expect(200).json();
    decoded(tokens["id_token"].as_str().expect("an ID token")).1
}

on_both_engines! {
    fn max_age_is_a_number_in_digits(engine: Engine) {
        let server = Server::start(engine);
        let (ada, app) = (server.register("ada"), server.application("photos", "openid"));
        let mut browser = Browser::new(&server);
        app.sign_in_and_consent(&mut browser, &ada, &[]);
        for wrong in ["+5", "05", "5.0", "-1", "5s", "٥"] {
            let answer = browser.open(&app.authorize(&[("max_age", wrong)])).expect(303);
            assert_eq!(redirect_parameter(&answer, "error"), "invalid_request", "{wrong}");
        }
    }

    fn max_age_requires_a_new_login(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let mut browser = Browser::new(&server);
        app.sign_in_and_consent(&mut browser, &ada, &[]);
        server.clock.advance(TimeDelta::seconds(60));
        browser.open(&app.authorize(&[("max_age", "60")])).expect(303);
        server.clock.advance(TimeDelta::seconds(1));
        assert_eq!(heading(&browser.open(&app.authorize(&[("max_age", "60")]))), "Sign in");
        assert_eq!(error(&browser.open(&app.authorize(&[("max_age", "60"), ("prompt", "none")]))), "login_required");
        let claims = browser_tokens(&server, &app.sign_in_and_consent(&mut browser, &ada, &[("max_age", "0")]), &app);
        assert_eq!(claims["auth_time"], server.clock.now().timestamp());
        browser.open(&app.authorize(&[("max_age", "60")])).expect(303);
    }
}
