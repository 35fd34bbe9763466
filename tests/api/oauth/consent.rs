//! `POST /oauth/consent` and `/users/{id}/grants`: consent and its withdrawal.

use serde_json::json;

use crate::support::{
    Answer, Browser, PASSWORD, Person, Server, form_of, on_both_engines, redirect_parameter,
};

fn grants(server: &Server, person: &Person) -> serde_json::Value {
    server.get(&format!("{}/grants", person.path())).bearer(&person.token).send().expect(200).json()["items"]
        .clone()
}

on_both_engines! {
    fn consent_page_explains_each_scope(server) {
        let admin = server.admin();
        let app = server.register_application(&json!({
            "client_id": "photos", "client_name": "Ada's <Photos>", "scope": "users:read users:read:any offline_access",
        }));
        let mut browser = Browser::new(&server);
        let page = browser.open(&app.authorize(&[("scope", "users:read users:read:any offline_access")]));
        assert!(page.body.contains("<bdi>Ada's &lt;Photos&gt;</bdi>"));
        let page = browser.sign_in(&page, &admin.email).expect(200);
        for words in ["Ada's &lt;Photos&gt;", "app.example.org", "It wants access to other people's data", "While you are away"] {
            assert!(page.body.contains(words), "{words}: {page:?}");
        }
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self' https:;"), "{policy}");
        assert!(!policy.contains("unsafe") && !page.body.contains("<script"));
        // The page does not ask a user for scopes that the user's roles do not grant.
        let ada = server.register("ada");
        let mut browser = Browser::new(&server);
        let page = browser.open(&app.authorize(&[("scope", "users:read users:read:any")]));
        let page = browser.sign_in(&page, &ada.email);
        assert!(!page.body.contains("belongs to others"));
        let tokens = app.redeem(&server, &redirect_parameter(&browser.submit(&page, "allow", &[]), "code")).expect(200).json();
        assert_eq!(tokens["scope"], "users:read");
    }

    fn consent_page_names_the_user_first_and_reading_before_changing(server) {
        let scope = "users:delete profile users:write openid offline_access users:read email sessions:revoke";
        let (ada, app) = (server.register("ada"), server.application("photos", scope));
        let mut browser = Browser::new(&server);
        let page = browser.open(&app.authorize(&[("scope", scope)]));
        let page = browser.sign_in(&page, &ada.email).expect(200);
        let shown: Vec<&str> = page.body.split("<li>").skip(1).filter_map(|item| item.split("</li>").next()).collect();
        assert_eq!(shown, [
            "Know who you are", "See your name and the rest of your profile", "See your e-mail address",
            "Read your account", "Change your account", "Delete your account", "Log you out elsewhere",
            "Keep this access while you are away",
        ]);
    }

    fn withdrawing_consent_revokes_the_clients_tokens(server) {
        let (ada, eve) = (server.register("ada"), server.register("eve"));
        let app = server.register_application(&json!({ "client_id": "photos", "client_name": "Photos", "scope": "openid users:read" }));
        let other = server.application("prints", "users:read");
        let (tokens, kept) = (app.tokens(&server, &ada, &[]), other.tokens(&server, &ada, &[("scope", "users:read")]));
        let unused = app.code(&server, &ada, &[]);
        let list = grants(&server, &ada);
        assert_eq!(list.as_array().unwrap().len(), 2);
        let photos = list.as_array().unwrap().iter().find(|grant| grant["client_id"] == "photos").unwrap();
        assert_eq!((&photos["name"], &photos["scope"]), (&json!("Photos"), &json!("openid users:read")));
        assert_eq!(photos["allows"].as_array().unwrap().len(), 2);
        let path = format!("{}/grants/photos", ada.path());
        server.delete(&path).bearer(&eve.token).send().expect_problem(403, "not-owner");
        server.get(&format!("{}/grants", ada.path())).bearer(&eve.token).send().expect_problem(403, "not-owner");
        server.delete(&path).bearer(&ada.token).send().expect(204);
        server.delete(&path).bearer(&ada.token).send().expect_problem(404, "not-found");
        server.get("/users/me").bearer(tokens["access_token"].as_str().unwrap()).send().expect_problem(401, "invalid-token");
        app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).expect(400);
        app.redeem(&server, &unused).expect(400);
        server.get("/users/me").bearer(kept["access_token"].as_str().unwrap()).send().expect(200);
        other.refresh(&server, kept["refresh_token"].as_str().unwrap()).expect(200);
        assert_eq!(grants(&server, &ada).as_array().unwrap().len(), 1);
        let audit = server.get(&format!("{}/audit", ada.path())).bearer(&ada.token).send().expect(200);
        assert!(audit.body.contains("\"consent\"") && audit.body.contains("photos"), "{audit:?}");
    }

    fn refuses_withdrawing_a_consent_of_an_account_above_ones_own(server) {
        let (ada, admin) = (server.register("ada"), server.admin());
        let root = server.person_with_roles("root", &["admin", "user"]);
        let app = server.application("photos", "openid users:read");
        let (hers, admins) = (app.tokens(&server, &ada, &[]), app.tokens(&server, &admin, &[]));
        let access = |tokens: &serde_json::Value| tokens["access_token"].as_str().unwrap().to_owned();
        let desk = server.client_token("desk", "sessions:revoke:any");
        let narrow = server.log_in_for(&root.email, Some("sessions:revoke:any"));
        let path = format!("{}/grants/photos", admin.path());
        for token in [&desk, &narrow] {
            server.delete(&path).bearer(token).send().expect_problem(403, "above-caller");
        }
        server.get("/users/me").bearer(&access(&admins)).send().expect(200);
        server.delete(&format!("{}/grants/photos", ada.path())).bearer(&desk).send().expect(204);
        server.get("/users/me").bearer(&access(&hers)).send().expect_problem(401, "invalid-token");
        server.delete(&path).bearer(&root.token).send().expect(204);
        server.get("/users/me").bearer(&access(&admins)).send().expect_problem(401, "invalid-token");
    }

    fn client_needs_a_scope_to_manage_consents(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let tokens = app.tokens(&server, &ada, &[]);
        let token = tokens["access_token"].as_str().unwrap();
        server.get(&format!("{}/grants", ada.path())).bearer(token).send().expect_problem(403, "insufficient-scope");
        server.delete(&format!("{}/grants/photos", ada.path())).bearer(token).send().expect_problem(403, "insufficient-scope");
    }

    fn refuses_consent_of_another_user_or_scope(server) {
        let (ada, eve) = (server.register("ada"), server.register("eve"));
        let app = server.application("photos", "openid users:read users:delete");
        let (mut hers, mut evil) = (Browser::new(&server), Browser::new(&server));
        let page = hers.open(&app.authorize(&[]));
        let page = hers.sign_in(&page, &ada.email);
        let evil_page = evil.open(&app.authorize(&[]));
        let evil_page = evil.sign_in(&evil_page, &eve.email);
        // The form of another browser, and a form without a cookie.
        hers.submit(&evil_page, "allow", &[]).expect(403);
        Browser::new(&server).submit(&page, "allow", &[]).expect(403);
        // A wider scope than the page showed: the client cannot change the form.
        let wider = crate::support::Answer { body: page.body.replace("users%253Aread", "users%253Aread%2Busers%253Adelete"), ..page.clone() };
        assert_ne!(wider.body, page.body);
        let again = hers.submit(&wider, "allow", &[]);
        let tokens = app.redeem(&server, &redirect_parameter(&again, "code")).expect(200).json();
        assert_eq!(tokens["scope"], "openid users:read");
        // Another user has signed in in this browser since the page was shown.
        let login = hers.open(&app.authorize(&[("prompt", "login")]));
        hers.sign_in(&login, &eve.email);
        let asked = hers.submit(&page, "allow", &[]).expect(200);
        assert!(asked.body.contains("eve@example.com"), "{asked:?}");
        assert_eq!(grants(&server, &eve), json!([]));
    }

    fn refuses_a_cross_site_form(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let mut browser = Browser::new(&server);
        let page = browser.open(&app.authorize(&[]));
        let page = browser.sign_in(&page, &ada.email);
        let cookies = ["cloakroom", "cloakroom-csrf"].map(|name| format!("{}={}", server.cookie_name(name), browser.cookie(name).unwrap()));
        let (_, fields) = form_of(&page);
        let send = |headers: &[(&str, &str)], token: Option<&str>| {
            let request = server.post("/oauth/consent").header("cookie", &cookies.join("; "));
            let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
            let field = |(name, value): &'_ (String, String)| {
                let value = token.filter(|_| name == "form_token").unwrap_or(value);
                (name.clone(), value.to_owned())
            };
            let fields: Vec<_> = fields.iter().map(field).collect();
            let fields = fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            request.form(&fields.chain([("choice", "allow")]).collect::<Vec<_>>()).send()
        };
        let ours = ("origin", server.url.as_str());
        for (headers, token) in [
            (vec![("origin", "https://evil.example.org")], None),
            (vec![("origin", "null")], None),
            (vec![ours, ("sec-fetch-site", "cross-site")], None),
            (vec![ours], Some("x")),
        ] {
            let refused = send(&headers, token).expect(403);
            assert!(refused.header("location").is_none() && refused.header("content-type").unwrap().starts_with("text/html"));
        }
        assert_eq!(grants(&server, &ada), json!([]));
        // The same form is accepted from its own origin.
        redirect_parameter(&send(&[ours], None).expect(303), "code");
    }
}

on_both_engines! {
    fn expired_forms_and_restored_tabs_lead_on(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        // The address of a form in a restored tab, without the cookies of the browser that was closed.
        let request = app.request(&[]);
        let sign_in = Browser::new(&server).open(&app.authorize(&[]));
        let mut browser = Browser::new(&server);
        for path in ["login", "consent"] {
            let page = browser.open(&format!("/oauth/{path}?{request}")).expect(200);
            assert!(page.body.contains("<h1>Sign in</h1>"), "{page:?}");
            let page = browser.open(&format!("/oauth/{path}")).expect(400);
            assert!(page.body.contains("start again"), "{page:?}");
        }
        assert!(browser.open("/oauth/confirm-logout").expect(200).body.contains("You are signed out"));
        // A form of another browser is refused, and the page leads on: an empty reference is the same address.
        let refused = browser.submit(&sign_in, "log-in", &[("email", &ada.email), ("password", PASSWORD)]).expect(403);
        assert!(refused.body.contains(" href=\"\">Start again</a>"), "{refused:?}");
        assert!(browser.cookie("cloakroom").is_none(), "nobody is signed in");
        let address = |page: &Answer| format!("/oauth/{}", form_of(page).0);
        let page = browser.open(&address(&sign_in)).expect(200);
        let consent = browser.sign_in(&page, &ada.email).expect(200);
        // After a sign-in, the address of the sign-in form goes on where the user is.
        assert!(browser.open(&address(&page)).expect(200).body.contains("to use your account?"));
        let mut restored = Browser::new(&server);
        let refused = restored.submit(&consent, "allow", &[]).expect(403);
        assert!(refused.body.contains(" href=\"\">Start again</a>"), "{refused:?}");
        assert!(restored.open(&address(&consent)).expect(200).body.contains("<h1>Sign in</h1>"));
        let back = browser.submit(&consent, "allow", &[]).expect(303);
        assert!(back.header("location").unwrap().contains("code="), "{back:?}");
        // Back to the consent page, which was answered already.
        let again = browser.open(&address(&consent)).expect(303);
        assert!(again.header("location").unwrap().contains("code="), "{again:?}");
        let confirm = browser.open("/oauth/logout?client_id=photos").expect(200);
        let refused = restored.submit(&confirm, "log-out", &[]).expect(403);
        assert!(refused.body.contains(" href=\"\">Start again</a>"), "{refused:?}");
        assert!(browser.open(&address(&confirm)).expect(200).body.contains("<h1>Sign out?</h1>"));
    }
}
