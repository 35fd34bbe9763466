//! `/oauth/authorize`: signing in, and when the user is asked for what.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{Answer, Browser, CALLBACK, PASSWORD, Server, came_back, decoded, on_both_engines};

#[track_caller]
fn heading(page: &Answer) -> &str {
    let heading = page.body.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next());
    heading.unwrap_or_else(|| panic!("no page: {page:?}"))
}

/// The error with which the browser came back.
#[track_caller]
fn error(answer: &Answer) -> String {
    came_back(answer, "error")
}

on_both_engines! {
    fn a_user_signs_in_and_agrees_and_the_application_reads_their_record(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid profile email users:read"));
        let mut browser = Browser::new(&server);
        let page = browser.open(&app.authorize(&[("scope", "openid email users:read")])).expect(200);
        assert_eq!(heading(&page), "Sign in");
        let page = browser.sign_in(&page, &ada.email).expect(200);
        assert!(heading(&page).contains("<bdi>photos</bdi>") && page.body.contains("ada@example.com"), "{page:?}");
        let back = browser.submit(&page, "allow", &[]).expect(303);
        assert!(back.header("location").unwrap().starts_with(CALLBACK));
        assert_eq!(came_back(&back, "state"), "s t&te");
        assert_eq!(came_back(&back, "iss"), server.url);
        assert_eq!(came_back(&back, "tenant"), "1");

        let answer = app.redeem(&server, &came_back(&back, "code")).expect(200);
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

    fn an_id_token_says_who_signed_in_when_and_for_whom(server) {
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
        // It is no access token.
        server.get("/users/me").bearer(tokens["id_token"].as_str().unwrap()).send().expect_problem(401, "invalid-token");
        // Nobody asked for one.
        assert_eq!(app.tokens(&server, &ada, &[("scope", "users:read")]).get("id_token"), None);
        // The next one repeats no nonce: it answers no request of the browser (OpenID Connect Core §12.2).
        let next = app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).expect(200).json();
        let (_, next) = decoded(next["id_token"].as_str().unwrap());
        assert_eq!((next.get("nonce"), &next["auth_time"], &next["sub"]), (None, &claims["auth_time"], &claims["sub"]));
    }

    fn whoever_is_signed_in_and_has_agreed_is_asked_nothing_again(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read users:write"));
        let mut browser = Browser::new(&server);
        app.let_in(&mut browser, &ada, &[]);
        browser.open(&app.authorize(&[])).expect(303);
        browser.open(&app.authorize(&[("prompt", "none")])).expect(303);
        // Agreed to is what was on the page, and no more.
        let page = browser.open(&app.authorize(&[("scope", "openid users:read users:write")])).expect(200);
        let (new, given) = page.body.split_once("It may already").expect("two lists");
        assert!(new.contains("Change") && !given.contains("Change"), "{page:?}");
        let back = browser.open(&app.authorize(&[("scope", "openid users:write"), ("prompt", "none")]));
        assert_eq!(error(&back), "consent_required");
        let page = browser.open(&app.authorize(&[("prompt", "consent")])).expect(200);
        assert!(heading(&page).contains("use your account?"));
        // Another application is another guest.
        let other = server.application("prints", "openid users:read");
        assert!(heading(&browser.open(&other.authorize(&[]))).contains("<bdi>prints</bdi>"));
    }

    fn a_public_application_is_anybody_and_its_user_is_always_asked(server) {
        let (ada, app) = (server.register("ada"), server.public_application("spa", "openid users:read"));
        let mut browser = Browser::new(&server);
        app.let_in(&mut browser, &ada, &[]);
        let page = browser.open(&app.authorize(&[])).expect(200);
        assert!(heading(&page).contains("use your account?"));
        assert!(page.body.contains("It may already"));
        assert_eq!(error(&browser.open(&app.authorize(&[("prompt", "none")]))), "consent_required");
    }

    fn nobody_is_asked_anything_where_nothing_may_be_shown(server) {
        let app = server.application("photos", "openid users:read");
        let back = Browser::new(&server).open(&app.authorize(&[("prompt", "none")])).expect(303);
        assert_eq!((error(&back), came_back(&back, "state"), came_back(&back, "iss")), ("login_required".to_owned(), "s t&te".to_owned(), server.url.clone()));
    }

    fn a_user_signs_in_anew_where_the_application_wants_it(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let mut browser = Browser::new(&server);
        let first = browser_tokens(&server, &app.let_in(&mut browser, &ada, &[]), &app);
        for prompt in ["login", "select_account", "login consent"] {
            let page = browser.open(&app.authorize(&[("prompt", prompt)])).expect(200);
            assert_eq!(heading(&page), "Sign in", "{prompt}");
        }
        let before = browser.cookie("__Host-cloakroom").unwrap().to_owned();
        let back = app.let_in(&mut browser, &ada, &[("prompt", "login")]);
        // A cookie that somebody knew before is worth nothing after.
        assert_ne!(browser.cookie("__Host-cloakroom").unwrap(), before);
        let old = server.get(&app.authorize(&[("prompt", "none")])).header("cookie", &format!("__Host-cloakroom={before}"));
        assert_eq!(error(&old.send()), "login_required");
        let second = browser_tokens(&server, &back, &app);
        assert_eq!(first["sub"], second["sub"]);
        assert!(second["auth_time"].as_i64() >= first["auth_time"].as_i64());
    }

    fn the_user_who_is_meant_is_the_one_who_signs_in(server) {
        let (ada, eve) = (server.register("ada"), server.register("eve"));
        let app = server.application("photos", "openid users:read");
        let mut browser = Browser::new(&server);
        let back = app.let_in(&mut browser, &ada, &[]);
        let tokens = app.redeem(&server, &came_back(&back, "code")).expect(200).json();
        let hint = tokens["id_token"].as_str().unwrap();
        browser.open(&app.authorize(&[("id_token_hint", hint), ("prompt", "none")])).expect(303);
        let mut other = Browser::new(&server);
        app.let_in(&mut other, &eve, &[]);
        let back = other.open(&app.authorize(&[("id_token_hint", hint), ("prompt", "none")]));
        assert_eq!(error(&back), "login_required");
        assert_eq!(heading(&other.open(&app.authorize(&[("id_token_hint", hint)]))), "Sign in");
        for wrong in [&hint[..hint.len() - 2], tokens["access_token"].as_str().unwrap(), "x"] {
            assert_eq!(error(&browser.open(&app.authorize(&[("id_token_hint", wrong)]))), "invalid_request");
        }
        let page = other.open(&app.authorize(&[("prompt", "login"), ("login_hint", "ada@\"<b>example.com")]));
        assert!(page.body.contains("value=\"ada@&quot;&lt;b&gt;example.com\""), "{page:?}");
    }

    fn somebody_else_can_sign_in_instead(server) {
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
        // Ada's session in this browser is over.
        let sessions = server.get(&format!("{}/sessions", ada.path())).bearer(&ada.token).send().expect(200).json();
        assert_eq!(sessions["items"].as_array().unwrap().len(), 1, "{sessions}");
    }

    fn whoever_says_no_is_taken_back_without_a_code(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let mut browser = Browser::new(&server);
        let page = browser.open(&app.authorize(&[]));
        let back = browser.submit(&page, "cancel", &[]).expect(303);
        assert_eq!((error(&back), came_back(&back, "state")), ("access_denied".to_owned(), "s t&te".to_owned()));
        let page = browser.sign_in(&page, &ada.email);
        for choice in ["deny", "", "ALLOW"] {
            assert_eq!(error(&browser.submit(&page, choice, &[]).expect(303)), "access_denied");
        }
        let grants = server.get(&format!("{}/grants", ada.path())).bearer(&ada.token).send().expect(200).json();
        assert_eq!(grants["items"], json!([]));
    }

    fn a_wrong_password_an_unknown_address_and_a_suspended_account_see_the_same_page(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let admin = server.admin();
        let gone = server.register("gone");
        server.put(&format!("{}/status", gone.path())).bearer(&admin.token).json(&json!({ "status": "suspended" })).send().expect(200);
        let mut browser = Browser::new(&server);
        let page = browser.open(&app.authorize(&[]));
        let mut said = Vec::new();
        for (email, password) in [(ada.email.as_str(), "wrong"), ("nobody@example.com", "wrong"), (&gone.email, PASSWORD), ("", ""), ("\0", "\0")] {
            let again = browser.submit(&page, "log-in", &[("email", email), ("password", password)]).expect(403);
            assert!(again.body.contains("E-mail or password is wrong.") && !again.body.contains(PASSWORD));
            said.push(again.body.replace(&format!("value=\"{email}\""), "").replace(" autofocus", ""));
        }
        assert!(browser.cookie("__Host-cloakroom").is_none());
        assert_eq!(said[0], said[1]);
        assert_eq!(said[0], said[2]);
        // The form that was shown again is as good as the first.
        let again = browser.submit(&page, "log-in", &[("email", "x"), ("password", "y")]);
        assert!(heading(&browser.sign_in(&again, &ada.email)).contains("use your account?"));
    }

    fn a_request_by_post_is_asked_again_with_the_cookies(server) {
        let app = server.application("photos", "openid users:read");
        let media = "application/x-www-form-urlencoded";
        let answer = server.post("/oauth/authorize").body(media, app.request(&[])).send().expect(303);
        assert_eq!(answer.header("location"), Some(&*format!("{}{}", server.url, app.authorize(&[]))));
        server.post("/oauth/authorize").body(media, format!("{}&state=2", app.request(&[]))).send().expect(400);
    }
}

/// The claims of the ID token for which a browser brought a code back.
fn browser_tokens(server: &Server, back: &Answer, app: &crate::support::Application) -> Value {
    let tokens = app.redeem(server, &came_back(back, "code")).expect(200).json();
    decoded(tokens["id_token"].as_str().expect("an ID token")).1
}

on_both_engines! {
    fn a_user_who_signed_in_too_long_ago_signs_in_anew(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let mut browser = Browser::new(&server);
        app.let_in(&mut browser, &ada, &[]);
        server.clock.advance(TimeDelta::seconds(60));
        browser.open(&app.authorize(&[("max_age", "60")])).expect(303);
        server.clock.advance(TimeDelta::seconds(1));
        assert_eq!(heading(&browser.open(&app.authorize(&[("max_age", "60")]))), "Sign in");
        assert_eq!(error(&browser.open(&app.authorize(&[("max_age", "60"), ("prompt", "none")]))), "login_required");
        let claims = browser_tokens(&server, &app.let_in(&mut browser, &ada, &[("max_age", "0")]), &app);
        assert_eq!(claims["auth_time"], server.clock.now().timestamp());
        browser.open(&app.authorize(&[("max_age", "60")])).expect(303);
    }
}
