//! Invalid authorization requests: which get an error page without a redirect, and which are reported to the
//! client (RFC 9700 §4.11, §2.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::support::{Browser, CALLBACK, form_of, on_both_engines, redirect_parameter};

on_both_engines! {
    fn u0000_in_a_parameter_is_an_error_of_the_client(server) {
        let app = server.application("photos", "openid users:read");
        for name in ["nonce", "login_hint"] {
            let answer = server.get(&app.authorize(&[(name, "a\0b")])).send();
            assert_eq!(redirect_parameter(&answer, "error"), "invalid_request", "{name}: {answer:?}");
        }
        for name in ["state", "scope", "client_id", "redirect_uri", "resource", "acr_values", "unknown"] {
            let answer = server.get(&app.authorize(&[(name, "a\0b")])).send();
            assert!(answer.status < 500, "{name}: {answer:?}");
        }
        for path in ["/oauth/token", "/oauth/introspect", "/oauth/revoke", "/oauth/authorize", "/oauth/logout"] {
            for name in ["client_id", "client_secret", "code", "token", "refresh_token", "scope", "csrf"] {
                let form = [("grant_type", "authorization_code"), (name, "a\0b")];
                let answer = server.post(path).form(&form).send();
                assert!((300..500).contains(&answer.status), "{path} {name}: {answer:?}");
            }
        }
    }

    fn unregistered_redirect_uri_gets_an_error_page(server) {
        let app = server.application("photos", "openid users:read");
        let other = server.application("prints", "openid users:read");
        let host = "https://app.example.org";
        for uri in [
            String::new(),
            "https://evil.example.org/cb?tenant=1".to_owned(),
            host.to_owned(),
            format!("{host}/cb"),
            format!("{host}/cb?tenant=2"),
            format!("{host}/cb?tenant=1&x=1"),
            format!("{CALLBACK}#x"),
            format!("{CALLBACK}/"),
            format!("{host}/CB?tenant=1"),
            format!("{host}/x/../cb?tenant=1"),
            format!("{host}/x/..;/cb?tenant=1"),
            format!("{host}//cb?tenant=1"),
            format!("{host}:443/cb?tenant=1"),
            format!("{host}:8443/cb?tenant=1"),
            "HTTPS://app.example.org/cb?tenant=1".to_owned(),
            "http://app.example.org/cb?tenant=1".to_owned(),
            "https://app.example.org@evil.example.org/cb?tenant=1".to_owned(),
            "https://evil.example.org@@app.example.org/cb?tenant=1".to_owned(),
            "https://evil.example.org\\@app.example.org/cb?tenant=1".to_owned(),
            "https://app.example.org.evil.example.org/cb?tenant=1".to_owned(),
            "//app.example.org/cb?tenant=1".to_owned(),
            "/cb?tenant=1".to_owned(),
            format!(" {CALLBACK}"),
            format!("{CALLBACK}\r\nset-cookie: x=y"),
            "javascript:alert(1)".to_owned(),
            "data:text/html,x".to_owned(),
        ] {
            for prompt in ["login", "none"] {
                let path = app.authorize(&[("redirect_uri", &uri), ("prompt", prompt)]);
                let page = server.get(&path).send().expect(400);
                assert!(page.header("location").is_none() && page.header("refresh").is_none(), "{uri}: {page:?}");
                assert!(page.header("content-type").unwrap().starts_with("text/html"), "{uri}");
                assert!(!page.body.contains("evil"), "{uri}: {page:?}");
            }
        }
        // A URI of another client is refused too, and so is an unknown client.
        let made = server.register_application(&serde_json::json!({ "client_id": "else", "scope": "users:read", "redirect_uris": ["https://else.example.org/cb"] }));
        server.get(&made.authorize(&[])).send().expect(400);
        for id in ["", "nobody", "cloakroom", "\0", "../photos"] {
            let page = server.get(&other.authorize(&[("client_id", id)])).send().expect(400);
            assert!(page.header("location").is_none(), "{id}");
        }
    }

    fn loopback_redirect_uri_allows_any_port(server) {
        let app = server.register_application(&serde_json::json!({
            "client_id": "cli", "scope": "users:read", "token_endpoint_auth_method": "none",
            "redirect_uris": ["http://127.0.0.1/cb", "http://[::1]:4000/cb"],
        }));
        let ada = server.register("ada");
        for uri in ["http://127.0.0.1:51004/cb", "http://[::1]:4001/cb", "http://127.0.0.1/cb"] {
            let back = app.sign_in_and_consent(&mut Browser::new(&server), &ada, &[("redirect_uri", uri), ("scope", "users:read")]);
            assert!(back.header("location").unwrap().starts_with(&format!("{uri}?code=")), "{back:?}");
            // The code is bound to the exact URI, including the port.
            let code = redirect_parameter(&back, "code");
            app.redeem_with(&server, &code, &[("redirect_uri", "http://127.0.0.1:1/cb")]).expect(400);
        }
        for uri in ["http://localhost:51004/cb", "http://127.0.0.2:51004/cb", "http://127.0.0.1:51004/cb/", "https://127.0.0.1:51004/cb"] {
            server.get(&app.authorize(&[("redirect_uri", uri)])).send().expect(400);
        }
    }

    fn other_errors_are_redirected_to_the_client(server) {
        let app = server.application("photos", "openid users:read");
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        for (changes, error) in [
            (vec![("response_type", "")], "invalid_request"),
            (vec![("response_type", "token")], "unsupported_response_type"),
            (vec![("response_type", "code id_token")], "unsupported_response_type"),
            (vec![("response_mode", "fragment")], "invalid_request"),
            (vec![("code_challenge", "")], "invalid_request"),
            (vec![("code_challenge", ""), ("code_challenge_method", "")], "invalid_request"),
            (vec![("code_challenge_method", "")], "invalid_request"),
            (vec![("code_challenge_method", "plain")], "invalid_request"),
            (vec![("code_challenge_method", "s256")], "invalid_request"),
            (vec![("code_challenge", &challenge[1..])], "invalid_request"),
            (vec![("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw+cM")], "invalid_request"),
            (vec![("prompt", "none login")], "invalid_request"),
            (vec![("prompt", "create none")], "invalid_request"),
            (vec![("max_age", "-1")], "invalid_request"),
            (vec![("max_age", "soon")], "invalid_request"),
            (vec![("scope", "a\tb")], "invalid_scope"),
            (vec![("resource", "https://elsewhere.example.org")], "invalid_target"),
            (vec![("request", "e30.e30.")], "request_not_supported"),
            (vec![("request_uri", "https://app.example.org/r")], "request_uri_not_supported"),
            (vec![("registration", "{}")], "registration_not_supported"),
        ] {
            let back = server.get(&app.authorize(&changes)).send().expect(303);
            assert_eq!(redirect_parameter(&back, "error"), error, "{changes:?}");
            assert_eq!((redirect_parameter(&back, "state"), redirect_parameter(&back, "iss")), ("s t&te".to_owned(), server.url.clone()));
            assert!(!back.header("location").unwrap().contains("code="), "{back:?}");
            assert_eq!(back.header("cache-control"), Some("no-store"));
        }
        let back = server.get(&app.authorize(&[("state", &"s".repeat(4_097))])).send().expect(303);
        assert_eq!(redirect_parameter(&back, "error"), "invalid_request");
    }

    fn state_of_four_kibibytes_comes_back(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let state = "{\"ä\":\"%&+\"}".repeat(4_096 / 13);
        let back = app.sign_in_and_consent(&mut Browser::new(&server), &ada, &[("state", &state)]);
        assert_eq!(redirect_parameter(&back, "state"), state);
        app.redeem(&server, &redirect_parameter(&back, "code")).expect(200);
    }

    fn response_can_come_in_a_form(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let mut browser = Browser::new(&server);
        let page = browser.open(&app.authorize(&[("response_mode", "form_post"), ("state", "\"><script>")]));
        let page = browser.sign_in(&page, &ada.email);
        let page = browser.submit(&page, "allow", &[]).expect(200);
        let (action, fields) = form_of(&page);
        assert_eq!(action, CALLBACK);
        let [(code_name, code), state, issuer] = &fields[..] else { panic!("{fields:?}") };
        assert_eq!(code_name, "code");
        assert_eq!((&*state.0, &*state.1), ("state", "\"><script>"));
        assert_eq!((&*issuer.0, &issuer.1), ("iss", &server.url));
        assert!(page.body.contains("value=\"&quot;&gt;&lt;script&gt;\"") && page.body.contains("type=\"submit\""), "{page:?}");
        let script = page.body.split("<script>").nth(1).and_then(|rest| rest.split("</script>").next()).expect("a script");
        let hash = STANDARD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, script.as_bytes()));
        let policy = page.header("content-security-policy").expect("a policy");
        assert!(policy.contains(&format!("script-src 'sha256-{hash}';")) && policy.contains("form-action https:;"), "{policy}");
        assert_eq!((page.header("cache-control"), page.header("location")), (Some("no-store"), None));
        app.redeem(&server, code).expect(200);
        // Errors come the same way.
        let page = browser.open(&app.authorize(&[("response_mode", "form_post"), ("prompt", "none"), ("scope", "nothing")])).expect(200);
        assert_eq!(form_of(&page).1[0], ("error".to_owned(), "invalid_scope".to_owned()));
        // No browser sends a form to an app on the device.
        let native = server.register_application(&json!({
            "client_id": "native", "scope": "openid", "redirect_uris": ["org.example.app:/cb"], "token_endpoint_auth_method": "none",
        }));
        let back = server.get(&native.authorize(&[("response_mode", "form_post"), ("redirect_uri", "org.example.app:/cb")])).send().expect(303);
        assert_eq!(redirect_parameter(&back, "error"), "invalid_request");
    }

    fn refuses_a_repeated_parameter(server) {
        let app = server.application("photos", "openid users:read");
        for (name, value) in [("state", "s"), ("client_id", "photos"), ("redirect_uri", "https://evil.example.org/"), ("scope", ""), ("x", "1")] {
            let query = app.request(&[(name, "first")]);
            let page = server.get(&format!("/oauth/authorize?{query}&{name}={value}")).send().expect(400);
            assert!(page.header("location").is_none() && !page.body.contains("evil"), "{page:?}");
        }
    }

    fn refuses_a_client_without_the_code_grant_type(server) {
        server.operator(&["clients", "create", "--id", "reports", "--scope", "users:read:any"]);
        let app = crate::support::Application { id: "reports".to_owned(), secret: None };
        server.get(&app.authorize(&[])).send().expect(400);
        server.get("/oauth/authorize").send().expect(400);
    }

    fn links_ignore_the_host_header(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let forged = |path: &str| {
            let request = server.get(path).header("host", "evil.example.org").header("forwarded", "host=evil.example.org;proto=https");
            request.header("x-forwarded-host", "evil.example.org").send()
        };
        let page = forged(&app.authorize(&[]));
        assert!(!page.body.contains("evil"), "{page:?}");
        let back = forged(&app.authorize(&[("prompt", "none")]));
        assert_eq!(redirect_parameter(&back, "iss"), server.url);
        let metadata = forged("/.well-known/openid-configuration");
        assert!(!metadata.body.contains("evil"));
        assert_eq!(metadata.json()["authorization_endpoint"], format!("{}/oauth/authorize", server.url));
        assert_eq!(crate::support::decoded(app.tokens(&server, &ada, &[])["id_token"].as_str().unwrap()).1["iss"], server.url);
    }
}
