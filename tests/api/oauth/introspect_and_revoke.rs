//! `/oauth/introspect`, `/oauth/revoke` (RFC 7662, RFC 7009) and `/oauth/userinfo`.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::support::{Application, PASSWORD, Server, decoded, on_both_engines};

fn introspect(server: &Server, app: &Application, token: &str) -> Value {
    app.post(server, "/oauth/introspect", &[("token", token)]).expect(200).json()
}

on_both_engines! {
    fn client_introspects_only_its_own_tokens(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let other = server.application("prints", "openid users:read");
        let tokens = app.tokens(&server, &ada, &[]);
        let (access, refresh) = (tokens["access_token"].as_str().unwrap(), tokens["refresh_token"].as_str().unwrap());
        let told = introspect(&server, &app, access);
        assert_eq!((&told["active"], &told["sub"], &told["client_id"], &told["scope"], &told["token_type"]), (&json!(true), &json!(ada.id), &json!("photos"), &json!("openid users:read"), &json!("Bearer")));
        assert!(told["exp"].is_i64() && told["iat"].is_i64() && told["iss"] == server.url);
        let told = introspect(&server, &app, refresh);
        assert_eq!((&told["active"], &told["sub"], &told["token_type"]), (&json!(true), &json!(ada.id), &Value::Null));
        for token in [access, refresh, &access[1..], tokens["id_token"].as_str().unwrap(), "x", "a.b.c", "\0"] {
            assert_eq!(introspect(&server, &other, token), json!({ "active": false }), "{token}");
        }
        // A public client cannot authenticate, so introspection is refused.
        let public = server.public_application("spa", "openid users:read");
        public.post(&server, "/oauth/introspect", &[("token", access)]).expect(401);
        server.post("/oauth/introspect").bearer(access).form(&[("token", access)]).send().expect(401);
        assert_eq!(app.post(&server, "/oauth/introspect", &[]).expect(400).json()["error"], "invalid_request");
    }

    fn client_revokes_only_its_own_tokens(server) {
        let (ada, app) = (server.register("ada"), server.application("photos", "openid users:read"));
        let (other, public) = (server.application("prints", "openid users:read"), server.public_application("spa", "openid users:read"));
        let revoke = |app: &Application, token: &Value| app.post(&server, "/oauth/revoke", &[("token", token.as_str().unwrap())]).expect(200);
        let calls = |tokens: &Value| server.get("/users/me").bearer(tokens["access_token"].as_str().unwrap()).send().status;

        let tokens = app.tokens(&server, &ada, &[]);
        for stranger in [&other, &public] {
            revoke(stranger, &tokens["access_token"]);
            revoke(stranger, &tokens["refresh_token"]);
        }
        assert_eq!(calls(&tokens), 200);
        // Revoking the access token ends that token only; its session continues.
        revoke(&app, &tokens["access_token"]);
        assert_eq!(calls(&tokens), 401);
        assert_eq!(introspect(&server, &app, tokens["access_token"].as_str().unwrap()), json!({ "active": false }));
        let next = app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).expect(200).json();
        assert_eq!(calls(&next), 200);
        // Revoking the refresh token ends the session and all its tokens.
        revoke(&app, &next["refresh_token"]);
        assert_eq!(calls(&next), 401);
        app.refresh(&server, next["refresh_token"].as_str().unwrap()).expect(400);
        for token in ["x", "a.b.c"] {
            revoke(&app, &json!(token));
        }
        let tokens = public.tokens(&server, &ada, &[]);
        revoke(&public, &tokens["refresh_token"]);
        assert_eq!(calls(&tokens), 401);
    }

    fn client_revokes_its_client_credentials_token(server) {
        let app = server.register_application(&json!({ "client_id": "reports", "scope": "users:read:any", "grant_types": ["client_credentials"], "redirect_uris": [] }));
        let token = app.post(&server, "/oauth/token", &[("grant_type", "client_credentials")]).expect(200).json();
        let token = token["access_token"].as_str().unwrap();
        server.get("/users").bearer(token).send().expect(200);
        assert_eq!(introspect(&server, &app, token)["sub"], "reports");
        app.post(&server, "/oauth/revoke", &[("token", token)]).expect(200);
        server.get("/users").bearer(token).send().expect_problem(401, "invalid-token");
    }

    fn userinfo_returns_claims_of_granted_scopes(server) {
        let ada = server.register("ada");
        let app = server.application("photos", "openid profile email users:read");
        server.patch(&format!("{}/profile", ada.path())).bearer(&ada.token).if_match("*").json(&json!({ "name": "Ada", "bio": "secret" })).send().expect(200);
        let info = |scope: &str| {
            let tokens = app.tokens(&server, &ada, &[("scope", scope)]);
            server.get("/oauth/userinfo").bearer(tokens["access_token"].as_str().unwrap()).send()
        };
        assert_eq!(info("openid").expect(200).json(), json!({ "sub": ada.id }));
        let told = info("openid profile email").expect(200).json();
        assert_eq!((&told["name"], &told["email"]), (&json!("Ada"), &json!(ada.email)));
        assert_eq!(told.get("bio"), None);
        assert_eq!(info("users:read").expect(403).json()["error"], "insufficient_scope");
        server.get("/oauth/userinfo").send().expect(401);
    }

    fn userinfo_says_why_it_does_not_take_a_token(server) {
        let ada = server.register("ada");
        let app = server.application("photos", "openid profile");
        let tokens = app.tokens(&server, &ada, &[]);
        let access = tokens["access_token"].as_str().unwrap();
        let (signed, _) = access.rsplit_once('.').unwrap();
        server.delete(&format!("{}/grants/photos", ada.path())).bearer(&ada.token).send().expect(204);
        for (token, reason) in [(access.to_owned(), "revoked"), (format!("{signed}.AAAA"), "invalid"), ("x".to_owned(), "invalid")] {
            let answer = server.get("/oauth/userinfo").bearer(&token).send().expect(401);
            assert_eq!((&answer.json()["error"], &answer.json()["reason"]), (&json!("invalid_token"), &json!(reason)));
            assert!(answer.header("www-authenticate").unwrap().contains("error=\"invalid_token\""), "{answer:?}");
        }
    }

    fn id_token_has_the_claims_of_userinfo_unless_the_client_wants_none(server) {
        let (ada, admin) = (server.register("ada"), server.admin());
        let app = server.application("photos", "openid profile email users:read");
        let profile = json!({ "name": "Ada", "picture": "https://a.example/ada.png", "bio": "secret" });
        server.patch(&format!("{}/profile", ada.path())).bearer(&ada.token).if_match("*").json(&profile).send().expect(200);
        let without_protocol = |token: &serde_json::Value| {
            let (_, mut claims) = decoded(token.as_str().unwrap());
            for name in ["iss", "aud", "exp", "iat", "auth_time", "nonce", "sid", "at_hash"] {
                claims.as_object_mut().unwrap().remove(name);
            }
            claims
        };
        for scope in ["openid", "openid profile", "openid email", "openid profile email"] {
            let tokens = app.tokens(&server, &ada, &[("scope", scope)]);
            let told = server.get("/oauth/userinfo").bearer(tokens["access_token"].as_str().unwrap()).send().expect(200).json();
            assert_eq!(without_protocol(&tokens["id_token"]), told, "{scope}");
        }
        let tokens = app.tokens(&server, &ada, &[("scope", "openid profile email")]);
        server.patch(&format!("{}/profile", ada.path())).bearer(&ada.token).if_match("*").json(&json!({ "name": "Ada King" })).send().expect(200);
        let next = app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).expect(200).json();
        assert_eq!(without_protocol(&next["id_token"])["name"], "Ada King");
        let login = server.post("/sessions").json(&json!({ "email": ada.email, "password": PASSWORD })).send().expect(200).json();
        assert_eq!(without_protocol(&login["id_token"])["name"], "Ada King");
        let small = json!({ "userinfo_in_id_token": false });
        server.patch("/clients/photos").bearer(&admin.token).if_match("*").json(&small).send().expect(200);
        let next = app.refresh(&server, next["refresh_token"].as_str().unwrap()).expect(200).json();
        assert_eq!(without_protocol(&next["id_token"]), json!({ "sub": ada.id }));
    }
}

on_both_engines! {
    fn userinfos_updated_at_moves_with_the_profile(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let (ada, app) = (server.register("ada"), server.application("photos", "openid profile"));
        let tokens = app.tokens(&server, &ada, &[("scope", "openid profile")]);
        let access = tokens["access_token"].as_str().unwrap();
        let updated_at = || server.get("/oauth/userinfo").bearer(access).send().expect(200).json()["updated_at"].as_i64().unwrap();
        let before = updated_at();
        server.clock.advance(TimeDelta::seconds(60));
        let path = format!("{}/profile", ada.path());
        server.patch(&path).bearer(&ada.token).if_match("*").json(&json!({ "nickname": "A" })).send().expect(200);
        assert_eq!(updated_at(), before + 60);
        let user = server.get("/users/me").bearer(&ada.token).send().expect(200).json();
        let time: chrono::DateTime<chrono::Utc> = user["updated_at"].as_str().unwrap().parse().unwrap();
        assert_eq!(time.timestamp(), before + 60);
    }
}
