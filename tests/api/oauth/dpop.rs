//! DPoP (RFC 9449): a stolen token is useless without the private key.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloakroom::domain::Random;
use serde_json::{Value, json};

use crate::support::{Answer, Application, Engine, IssuerKey, Request, Server, decoded, on_both_engines};

/// Holder of a private key, who makes DPoP proofs.
struct Holder(IssuerKey);

impl Holder {
    fn new() -> Self {
        Self(IssuerKey::new("any"))
    }

    fn jwk(&self) -> Value {
        let jwk = self.0.jwk();
        json!({ "kty": jwk["kty"], "crv": jwk["crv"], "x": jwk["x"], "y": jwk["y"] })
    }

    /// Makes a valid proof. `changes` override its claims.
    fn proof(
        &self,
        server: &Server,
        method: &str,
        path: &str,
        token: Option<&str>,
        changes: &Value,
    ) -> String {
        let mut claims = json!({
            "jti": Random::system().uuid_at(server.clock.now()).expect("randomness"),
            "htm": method,
            "htu": format!("{}{path}", server.url),
            "iat": server.clock.now().timestamp(),
        });
        if let Some(token) = token {
            claims["ath"] = sha256(token).into();
        }
        for (name, value) in changes.as_object().expect("changes") {
            claims[name] = value.clone();
        }
        self.0.sign(&json!({ "typ": "dpop+jwt", "kid": null, "jwk": self.jwk() }), &claims)
    }

    fn get(&self, server: &Server, path: &str, token: &str) -> Request {
        let proof = self.proof(server, "GET", path, Some(token), &json!({}));
        server.get(path).header("authorization", &format!("DPoP {token}")).header("dpop", &proof)
    }

    fn post(&self, server: &Server, app: &Application, form: &[(&str, &str)]) -> Answer {
        let proof = self.proof(server, "POST", "/oauth/token", None, &json!({}));
        send(server, app, form, &proof)
    }
}

fn sha256(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()))
}

fn send(server: &Server, app: &Application, form: &[(&str, &str)], proof: &str) -> Answer {
    app.authenticated(server.post("/oauth/token").header("dpop", proof), form).send()
}

fn service(server: &Server, id: &str) -> Application {
    server.register_application(&json!({
        "client_id": id, "scope": "users:read:any", "grant_types": ["client_credentials"], "redirect_uris": [],
    }))
}

fn db_used_jtis(server: &Server) -> i64 {
    server.db_number("SELECT COUNT(*) AS total FROM used_jtis")
}

/// Adds proofs of the one key that has used one, so that its share is full.
fn db_fill_share(server: &Server) {
    let hash = match server.engine {
        Engine::Sqlite => "CAST(number AS BLOB)",
        Engine::Postgres => "convert_to(CAST(number AS TEXT), 'UTF8')",
    };
    server.db_run(&format!(
        "WITH RECURSIVE numbers(number) AS
             (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 19999)
         INSERT INTO used_jtis (hash, expires_at, share)
         SELECT {hash}, expires_at, share FROM numbers, used_jtis"
    ));
}

const GRANT: [(&str, &str); 1] = [("grant_type", "client_credentials")];

#[track_caller]
fn refused(answer: Answer, why: &str) {
    let answer = answer.expect_problem(401, "invalid-token");
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with("DPoP error=\"invalid_dpop_proof\"") && challenge.contains("algs=\"ES256"),
        "{challenge}"
    );
    assert!(challenge.contains(why), "{challenge}");
}

on_both_engines! {
    fn token_is_bound_to_the_proof_key(server) {
        let (holder, app) = (Holder::new(), service(&server, "reports"));
        let token = holder.post(&server, &app, &GRANT).expect(200).json();
        assert_eq!(token["token_type"], "DPoP");
        let token = token["access_token"].as_str().unwrap();
        let jwk = holder.jwk();
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        assert_eq!(decoded(token).1["cnf"], json!({ "jkt": sha256(&canonical) }));
        holder.get(&server, "/users", token).send().expect(200);
        // The proof covers the path and not the query (RFC 9449 §4.2).
        let proof = holder.proof(&server, "GET", "/users", Some(token), &json!({}));
        server.get("/users?limit=1").header("authorization", &format!("dpop {token}")).header("dpop", &proof).send().expect(200);
        // A thief has only the token, or the token and another key.
        server.get("/users").bearer(token).send().expect_problem(401, "invalid-token");
        server.get("/users").header("authorization", &format!("DPoP {token}")).send().expect_problem(401, "invalid-token");
        refused(Holder::new().get(&server, "/users", token).send(), "another key");
        // Both authorization schemes at once are two tokens.
        holder.get(&server, "/users", token).bearer(token).send().expect_problem(400, "two-tokens");
        let told = app.post(&server, "/oauth/introspect", &[("token", token)]).expect(200).json();
        assert_eq!((&told["active"], &told["token_type"]), (&json!(true), &json!("DPoP")));
        assert!(told["cnf"]["jkt"].is_string());
    }

    fn refuses_a_proof_of_another_request_or_time(server) {
        let (holder, app) = (Holder::new(), service(&server, "reports"));
        let token = holder.post(&server, &app, &GRANT).expect(200).json();
        let token = token["access_token"].as_str().unwrap();
        let now = server.clock.now().timestamp();
        let call = |proof: &str| server.get("/users").header("authorization", &format!("DPoP {token}")).header("dpop", proof).send();
        for (changes, why) in [
            (json!({ "htm": "POST" }), "htm"),
            (json!({ "htm": "get" }), "htm"),
            (json!({ "htm": null }), "malformed"),
            (json!({ "htu": format!("{}/users/x", server.url) }), "htu"),
            (json!({ "htu": "http://evil.example.org/users" }), "htu"),
            (json!({ "htu": "/users" }), "htu"),
            (json!({ "iat": now - 62 }), "iat"),
            (json!({ "iat": now + 40 }), "iat"),
            (json!({ "iat": now.to_string() }), "malformed"),
            (json!({ "ath": sha256("another") }), "ath"),
            (json!({ "ath": null }), "malformed"),
            (json!({ "jti": "" }), "malformed"),
            (json!({ "jti": "x".repeat(257) }), "malformed"),
        ] {
            refused(call(&holder.proof(&server, "GET", "/users", Some(token), &changes)), why);
        }
        let claims = json!({ "jti": "a", "htm": "GET", "htu": format!("{}/users", server.url), "iat": now, "ath": sha256(token) });
        let mut private = holder.jwk();
        private["d"] = "AAAA".into();
        for (header, why) in [
            (json!({ "typ": "JWT", "jwk": holder.jwk() }), "typ"),
            (json!({ "typ": "dpop+jwt" }), "key"),
            (json!({ "typ": "dpop+jwt", "jwk": private }), "key"),
            (json!({ "typ": "dpop+jwt", "jwk": { "kty": "oct", "k": "AAAA" } }), "key"),
            (json!({ "typ": "dpop+jwt", "jwk": Holder::new().jwk() }), "signature"),
            (json!({ "typ": "dpop+jwt", "jwk": holder.jwk(), "crit": ["x"] }), "malformed"),
        ] {
            refused(call(&holder.0.sign(&header, &claims)), why);
        }
        for nothing in ["", "x", "a.b.c"] {
            refused(call(nothing), "malformed");
        }
        let twice = holder.proof(&server, "GET", "/users", Some(token), &json!({}));
        call(&twice).expect(200);
        refused(call(&twice), "used before");
        let two = holder.get(&server, "/users", token).header("dpop", &twice).send();
        refused(two, "more than one");
    }

    fn proof_is_accepted_once_across_replicas(server) {
        let (holder, app, replica) = (Holder::new(), service(&server, "reports"), server.replica());
        let proof = holder.proof(&server, "POST", "/oauth/token", None, &json!({}));
        let answers: Vec<Answer> = std::thread::scope(|scope| {
            let ask = |server| { let (app, proof) = (&app, &proof); scope.spawn(move || send(server, app, &GRANT, proof)) };
            let threads: Vec<_> = (0..25).flat_map(|_| [ask(&server), ask(&replica)]).collect();
            threads.into_iter().map(|thread| thread.join().expect("an answer")).collect()
        });
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_dpop_proof")), "{answer:?}");
        }
        let elsewhere = holder.proof(&server, "POST", "/oauth/revoke", None, &json!({}));
        assert_eq!(send(&server, &app, &GRANT, &elsewhere).expect(400).json()["error"], "invalid_dpop_proof");
    }

    fn refuses_an_unbound_token_as_dpop(server) {
        let ada = server.register("ada");
        let holder = Holder::new();
        let answer = holder.get(&server, "/users/me", &ada.token).send().expect_problem(401, "invalid-token");
        assert!(answer.header("www-authenticate").unwrap().starts_with("Bearer error=\"invalid_token\""));
    }


    fn proof_is_used_up_with_the_grant_alone(server) {
        let (ada, holder, app) = (server.register("ada"), Holder::new(), server.application("photos", "openid users:read"));
        let code = app.code(&server, &ada, &[]);
        let redeem = |code: &str, redirect_uri: &str, proof: &str| {
            let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", redirect_uri), ("code_verifier", crate::support::VERIFIER)];
            send(&server, &app, &form, proof)
        };
        let fresh = || holder.proof(&server, "POST", "/oauth/token", None, &json!({}));
        let proof = fresh();
        let error = |answer: Answer| answer.expect(400).json()["error"].as_str().unwrap().to_owned();
        for (form, expected) in [
            (&[("grant_type", "client_credentials")][..], "unauthorized_client"),
            (&[("grant_type", "password")], "unsupported_grant_type"),
            (&[("grant_type", "refresh_token"), ("refresh_token", "x")], "invalid_grant"),
            (&[("grant_type", "refresh_token")], "invalid_request"),
        ] {
            assert_eq!(error(send(&server, &app, form, &proof)), expected);
        }
        assert_eq!(error(redeem("x", crate::support::CALLBACK, &proof)), "invalid_grant");
        assert_eq!(error(redeem(&app.code(&server, &ada, &[]), "https://elsewhere.example", &proof)), "invalid_grant");
        assert_eq!(db_used_jtis(&server), 0);
        let tokens = redeem(&code, crate::support::CALLBACK, &proof).expect(200).json();
        assert_eq!(db_used_jtis(&server), 1);
        // A replayed proof is refused, and what it was sent with stays good.
        let other = app.code(&server, &ada, &[]);
        assert_eq!(error(redeem(&other, crate::support::CALLBACK, &proof)), "invalid_dpop_proof");
        redeem(&other, crate::support::CALLBACK, &fresh()).expect(200);
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
        assert_eq!(error(send(&server, &app, &refresh, &proof)), "invalid_dpop_proof");
        let second = fresh();
        let elsewhere = [&refresh[..], &[("resource", "https://nowhere.example")]].concat();
        assert_eq!(error(send(&server, &app, &elsewhere, &second)), "invalid_target");
        let next = send(&server, &app, &refresh, &second).expect(200).json();
        // The repetition of an exchange needs a proof of its own.
        assert_eq!(error(send(&server, &app, &refresh, &second)), "invalid_dpop_proof");
        assert_eq!(send(&server, &app, &refresh, &fresh()).expect(200).json()["refresh_token"], next["refresh_token"]);
        assert_eq!(db_used_jtis(&server), 4);
    }

    fn client_registered_for_dpop_needs_a_proof(server) {
        let app = server.register_application(&json!({
            "client_id": "strict", "scope": "users:read:any", "grant_types": ["client_credentials"], "redirect_uris": [],
            "dpop_bound_access_tokens": true,
        }));
        assert_eq!(app.post(&server, "/oauth/token", &GRANT).expect(400).json()["error"], "invalid_dpop_proof");
        assert_eq!(Holder::new().post(&server, &app, &GRANT).expect(200).json()["token_type"], "DPoP");
    }

    fn public_clients_refresh_token_is_bound_to_its_key(server) {
        let ada = server.register("ada");
        let (app, holder, thief) = (server.public_application("spa", "openid users:read"), Holder::new(), Holder::new());
        let code = app.code(&server, &ada, &[]);
        let form = |code: &str| {
            [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", crate::support::CALLBACK), ("code_verifier", crate::support::VERIFIER)].map(|(name, value)| (name.to_owned(), value.to_owned()))
        };
        let redeem = form(&code);
        let redeem: Vec<_> = redeem.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let tokens = holder.post(&server, &app, &redeem).expect(200).json();
        assert_eq!(tokens["token_type"], "DPoP");
        holder.get(&server, "/users/me", tokens["access_token"].as_str().unwrap()).send().expect(200);
        let refresh = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
        assert_eq!(thief.post(&server, &app, &refresh).expect(400).json()["error"], "invalid_grant");
        assert_eq!(app.post(&server, "/oauth/token", &refresh).expect(400).json()["error"], "invalid_grant");
        let next = holder.post(&server, &app, &refresh).expect(200).json();
        assert_eq!(next["token_type"], "DPoP");
        // The key alone can repeat the exchange.
        assert_eq!(thief.post(&server, &app, &refresh).expect(400).json()["error"], "invalid_grant");
        assert_eq!(app.post(&server, "/oauth/token", &refresh).expect(400).json()["error"], "invalid_grant");
        let again = holder.post(&server, &app, &refresh).expect(200).json();
        assert_eq!((&again["token_type"], &again["refresh_token"]), (&json!("DPoP"), &next["refresh_token"]));
        holder.get(&server, "/users/me", again["access_token"].as_str().unwrap()).send().expect(200);
        // A used token ends the session, also without a proof or with a bad one.
        let access = next["access_token"].as_str().unwrap();
        let next = [("grant_type", "refresh_token"), ("refresh_token", next["refresh_token"].as_str().unwrap())];
        holder.post(&server, &app, &next).expect(200);
        holder.get(&server, "/users/me", access).send().expect(200);
        let bad = send(&server, &app, &refresh, "not.a.proof");
        assert_eq!(bad.expect(400).json()["error"], "invalid_grant");
        holder.get(&server, "/users/me", access).send().expect_problem(401, "invalid-token");
    }

    fn code_with_dpop_jkt_needs_that_key(server) {
        let (ada, app, holder) = (server.register("ada"), server.application("photos", "openid users:read"), Holder::new());
        let jwk = holder.jwk();
        let jkt = sha256(&format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]));
        let code = || app.code(&server, &ada, &[("dpop_jkt", &jkt)]);
        let redeem = |holder: &Holder, code: &str| {
            let form = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", crate::support::CALLBACK), ("code_verifier", crate::support::VERIFIER)];
            holder.post(&server, &app, &form)
        };
        assert_eq!(redeem(&Holder::new(), &code()).expect(400).json()["error"], "invalid_grant");
        assert_eq!(app.redeem(&server, &code()).expect(400).json()["error"], "invalid_grant");
        redeem(&holder, &code()).expect(200);
        let wrong = server.get(&app.authorize(&[("dpop_jkt", "x")])).send().expect(303);
        assert_eq!(crate::support::redirect_parameter(&wrong, "error"), "invalid_request");
    }
}

on_both_engines! {
    fn key_with_too_many_proofs_is_refused_alone(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let (holder, app) = (Holder::new(), service(&server, "reports"));
        holder.post(&server, &app, &GRANT).expect(200);
        // As if the key had used the rest of its share.
        db_fill_share(&server);
        let refused = holder.post(&server, &app, &GRANT).expect(400).json();
        assert!(refused["error_description"].as_str().unwrap().contains("too many proofs"), "{refused}");
        Holder::new().post(&server, &app, &GRANT).expect(200);
        server.clock.advance(chrono::TimeDelta::minutes(3));
        holder.post(&server, &app, &GRANT).expect(200);
    }
}
