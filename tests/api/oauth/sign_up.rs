//! The sign-up page: `prompt=create` (Initiating User Registration via OpenID Connect 1.0), and the link to it.

use serde_json::json;

use crate::support::{Answer, Application, Browser, PASSWORD, Server, on_both_engines, redirect_parameter};

fn sign_up(browser: &mut Browser, page: &Answer, email: &str, password: &str) -> Answer {
    browser.submit(page, "sign-up", &[("email", email), ("password", password)])
}

fn page<'s>(server: &'s Server, app: &Application) -> (Browser<'s>, Answer) {
    let mut browser = Browser::new(server);
    let page = browser.open(&app.authorize(&[("prompt", "create")])).expect(200);
    assert!(page.body.contains("<h1>Create an account</h1>"), "{page:?}");
    (browser, page)
}

on_both_engines! {
    fn new_user_signs_up_and_continues_to_the_application(server) {
        let app = server.register_application(&json!({ "client_id": "photos", "client_name": "Photos", "scope": "openid email users:read" }));
        // The sign-in page leads to it.
        let mut browser = Browser::new(&server);
        let log_in = browser.open(&app.authorize(&[])).expect(200);
        let link = log_in.body.split("href=\"authorize?").nth(1).and_then(|rest| rest.split('"').next()).expect("a link");
        let page = browser.open(&format!("/oauth/authorize?{}", link.replace("&amp;", "&"))).expect(200);
        assert!(page.body.contains("to continue to <strong><bdi>Photos</bdi>"), "{page:?}");
        assert!(page.body.contains("autocomplete=\"new-password\""));
        let consent = sign_up(&mut browser, &page, "grace@example.com", PASSWORD).expect(200);
        assert!(consent.body.contains("grace@example.com"), "{consent:?}");
        let back = browser.submit(&consent, "allow", &[]);
        let tokens = app.redeem(&server, &redirect_parameter(&back, "code")).expect(200).json();
        let user = server.get("/users/me").bearer(tokens["access_token"].as_str().unwrap()).send().expect(200).json();
        assert_eq!((&user["email"], &user["roles"], &user["email_verified"]), (&json!("grace@example.com"), &json!(["user"]), &json!(false)));
        assert_eq!(redirect_parameter(&back, "state"), "s t&te");
    }

    fn errors_are_on_the_page_and_create_nothing(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let (mut browser, page) = page(&server, &app);
        for (email, password, status, words) in [
            ("no address", PASSWORD, 422, "The e-mail address "),
            ("new@example.com", "short", 422, "The password must be at least 8 characters."),
            ("new@example.com", "password1", 422, "The password is one of the first"),
            (&*ada.email, PASSWORD, 409, "There is an account with this e-mail address already"),
        ] {
            let shown = sign_up(&mut browser, &page, email, password).expect(status);
            assert!(shown.body.contains(words) && shown.body.contains("aria-invalid=\"true\""), "{shown:?}");
            assert!(shown.body.contains(&format!("value=\"{email}\"")) && !shown.body.contains(password), "{shown:?}");
        }
        server.post("/sessions").json(&json!({ "email": "new@example.com", "password": PASSWORD })).send().expect(401);
        let back = browser.submit(&page, "cancel", &[]).expect(303);
        assert_eq!(redirect_parameter(&back, "error"), "access_denied");
    }

    fn another_account_replaces_the_session_of_the_browser(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let mut browser = Browser::new(&server);
        app.sign_in_and_consent(&mut browser, &ada, &[]);
        let page = browser.open(&app.authorize(&[("prompt", "create")])).expect(200);
        let consent = sign_up(&mut browser, &page, "grace@example.com", PASSWORD).expect(200);
        assert!(consent.body.contains("grace@example.com") && !consent.body.contains(&ada.email), "{consent:?}");
    }

    fn form_of_another_site_creates_nothing(server) {
        let app = server.application("photos", "openid users:read");
        let (_, page) = page(&server, &app);
        let (_, hidden) = crate::support::form_of(&page);
        let mut form: Vec<(&str, &str)> = hidden.iter().map(|(name, value)| (&**name, &**value)).collect();
        form.extend([("email", "grace@example.com"), ("password", PASSWORD), ("choice", "sign-up")]);
        server.post("/oauth/sign-up").header("origin", "https://evil.example.org").form(&form).send().expect(403);
        server.post("/oauth/sign-up").header("origin", &server.url).form(&form).send().expect(403);
        server.post("/sessions").json(&json!({ "email": "grace@example.com", "password": PASSWORD })).send().expect(401);
    }

    fn closed_registration_has_no_sign_up_page(server) {
        let server = Server::start_with(server.engine, &[("CLOAKROOM_REGISTRATION", "closed")]);
        let app = server.application("photos", "openid users:read");
        let back = server.get(&app.authorize(&[("prompt", "create")])).send().expect(303);
        assert_eq!(redirect_parameter(&back, "error"), "invalid_request");
        assert!(!server.get(&app.authorize(&[])).send().expect(200).body.contains("Create one"));
        // A form of the sign-in page is none of the sign-up page, and without a form nothing is looked at.
        server.post("/oauth/sign-up").header("origin", &server.url).form(&[("choice", "sign-up")]).send().expect(403);
        server.get("/oauth/sign-up").send().expect(400);
        let metadata = server.get("/.well-known/openid-configuration").send().expect(200).json();
        assert!(!metadata["prompt_values_supported"].to_string().contains("create"));
    }
}
