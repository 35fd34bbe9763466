//! `/oauth/logout` (OpenID Connect RP-Initiated Logout 1.0).

use chrono::TimeDelta;

use crate::support::{Browser, Server, decoded, eventually, on_both_engines, redirect_parameter};

const BYE: &str = "https://app.example.org/bye";

fn logout(parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    format!("/oauth/logout?{query}")
}

on_both_engines! {
    fn id_token_hint_of_the_user_logs_out_at_once(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let mut browser = Browser::new(&server);
        let tokens = app.redeem(&server, &redirect_parameter(&app.sign_in_and_consent(&mut browser, &ada, &[]), "code")).expect(200).json();
        let (id_token, access) = (tokens["id_token"].as_str().unwrap(), tokens["access_token"].as_str().unwrap());
        let back = browser.open(&logout(&[("id_token_hint", id_token), ("post_logout_redirect_uri", BYE), ("state", "s")])).expect(303);
        assert_eq!(back.header("location"), Some("https://app.example.org/bye?state=s"));
        assert!(browser.cookie("cloakroom").is_none());
        // The client's tokens of this browser session are revoked.
        server.get("/users/me").bearer(access).send().expect_problem(401, "invalid-token");
        app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).expect(400);
        assert!(browser.open(&app.authorize(&[])).body.contains("<h1>Sign in</h1>"));
        // The user's other session is still valid.
        server.get("/users/me").bearer(&ada.token).send().expect(200);
    }

    fn logout_without_a_matching_hint_asks_first(server) {
        let (ada, eve) = (server.register("ada"), server.register("eve"));
        let app = server.application("photos", "openid users:read");
        let of_eve = app.tokens(&server, &eve, &[]);
        let mut browser = Browser::new(&server);
        app.sign_in_and_consent(&mut browser, &ada, &[]);
        for parameters in [vec![], vec![("client_id", "photos")], vec![("id_token_hint", "x")], vec![("id_token_hint", of_eve["id_token"].as_str().unwrap())]] {
            let page = browser.open(&logout(&parameters)).expect(200);
            assert!(page.body.contains("<h1>Sign out?</h1>") && page.body.contains("ada@example.com"), "{page:?}");
        }
        let page = browser.open(&logout(&[("client_id", "photos"), ("post_logout_redirect_uri", BYE)])).expect(200);
        let stayed = browser.submit(&page, "stay", &[]).expect(200);
        let back = format!("<a class=\"button\" href=\"{BYE}\">Back to the application</a>");
        assert!(stayed.body.contains("You are still signed in") && stayed.body.contains(&back), "{stayed:?}");
        browser.open(&app.authorize(&[])).expect(303);
        assert_eq!(browser.submit(&page, "log-out", &[]).expect(303).header("location"), Some(BYE));
        assert!(browser.open(&app.authorize(&[])).body.contains("<h1>Sign in</h1>"));
        assert!(browser.open("/oauth/logout").expect(200).body.contains("You are signed out"));
        let end = browser.open(&logout(&[("client_id", "photos")])).expect(200);
        assert!(end.body.contains("You are signed out") && end.body.contains(&back), "{end:?}");
    }

    fn refuses_an_unregistered_post_logout_redirect_uri(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let tokens = app.tokens(&server, &ada, &[]);
        let hint = tokens["id_token"].as_str().unwrap();
        for parameters in [
            vec![("post_logout_redirect_uri", BYE)],
            vec![("id_token_hint", hint), ("post_logout_redirect_uri", "https://evil.example.org/")],
            vec![("id_token_hint", hint), ("post_logout_redirect_uri", "https://app.example.org/bye/")],
            vec![("id_token_hint", hint), ("post_logout_redirect_uri", crate::support::CALLBACK)],
            vec![("id_token_hint", hint), ("client_id", "prints"), ("post_logout_redirect_uri", BYE)],
            vec![("client_id", "nobody"), ("post_logout_redirect_uri", BYE)],
            vec![("client_id", "cloakroom"), ("post_logout_redirect_uri", BYE)],
        ] {
            let page = server.get(&logout(&parameters)).send().expect(400);
            assert!(page.header("location").is_none() && !page.body.contains("evil"), "{page:?}");
        }
    }

    fn offline_access_survives_logout(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read offline_access"));
        let mut browser = Browser::new(&server);
        let back = app.sign_in_and_consent(&mut browser, &ada, &[("scope", "openid users:read offline_access")]);
        let tokens = app.redeem(&server, &redirect_parameter(&back, "code")).expect(200).json();
        browser.open(&logout(&[("id_token_hint", tokens["id_token"].as_str().unwrap())])).expect(200);
        app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).expect(200);
    }

    fn post_is_redirected_to_get(server) {
        let answer = server.post("/oauth/logout").form(&[("client_id", "photos"), ("state", "a b")]).send().expect(303);
        assert_eq!(answer.header("location"), Some(&*format!("{}/oauth/logout?client_id=photos&state=a+b", server.url)));
    }
}

on_both_engines! {
    fn hint_of_a_rotated_key_logs_out_at_once(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let tokens = app.tokens(&server, &ada, &[]);
        let hint = tokens["id_token"].as_str().unwrap();
        let kid = decoded(hint).0["kid"].clone();
        let is_published = || server.get("/.well-known/jwks.json").send().expect(200).json()["keys"].as_array().unwrap().iter().any(|key| key["kid"] == kid);
        server.post("/keys/rotate").bearer(&server.admin().token).send().expect(200);
        server.clock.advance(TimeDelta::minutes(30));
        assert!(!is_published(), "the key is rotated away");
        let sign_in = || {
            let mut browser = Browser::new(&server);
            app.sign_in_and_consent(&mut browser, &ada, &[]);
            browser
        };
        let request = logout(&[("id_token_hint", hint), ("post_logout_redirect_uri", BYE)]);
        let mut browser = sign_in();
        let same_user = app.authorize(&[("id_token_hint", hint), ("prompt", "none")]);
        assert_ne!(redirect_parameter(&browser.open(&same_user).expect(303), "code"), "");
        assert_eq!(browser.open(&request).expect(303).header("location"), Some(BYE));
        assert!(browser.cookie("cloakroom").is_none());
        server.get("/users/me").bearer(tokens["access_token"].as_str().unwrap()).send().expect_problem(401, "invalid-token");
        // A key that was taken out of service, as after a leak, proves nothing: the user is asked.
        server.operator(&["keys", "retire", kid.as_str().unwrap()]);
        eventually("the key is out of service", || sign_in().open(&request).status == 200);
        let mut browser = sign_in();
        let page = browser.open(&request).expect(200);
        assert!(page.body.contains("<h1>Sign out?</h1>"), "{page:?}");
        let done = browser.submit(&page, "log-out", &[]).expect(200);
        assert!(done.body.contains("You are signed out"), "no client is named, so the browser stays: {done:?}");
        // At authorization the same hint is ignored.
        let mut browser = sign_in();
        assert_ne!(redirect_parameter(&browser.open(&same_user).expect(303), "code"), "");
    }
}
