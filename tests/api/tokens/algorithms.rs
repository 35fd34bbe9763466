//! Signing algorithms by configuration, and their published keys.

use serde_json::{Value, json};

use super::{SECRET, refuses};
use crate::support::{Engine, Server, decoded, on_both_engines};

fn jwks(server: &Server) -> Vec<Value> {
    let answer = server.get("/.well-known/jwks.json").send().expect(200);
    answer.json()["keys"].as_array().unwrap().clone()
}

fn signing_by(engine: Engine, algorithm: &str) -> Server {
    Server::start_with(engine, &[("CLOAKROOM_SIGNING_ALGORITHM", algorithm)])
}

on_both_engines! {
    fn publishes_the_key_of_every_asymmetric_algorithm(engine: Engine) {
        let kinds = [("ES256", "EC", Some("P-256")), ("EdDSA", "OKP", Some("Ed25519")), ("RS256", "RSA", None), ("PS256", "RSA", None)];
        for (algorithm, kind, curve) in kinds {
            let server = signing_by(engine, algorithm);
            let ada = server.register("ada");
            assert_eq!(server.get("/users/me").bearer(&ada.token).send().expect(200).json()["id"], ada.id.as_str());
            let (header, _) = decoded(&ada.token);
            assert_eq!((&header["alg"], &header["typ"]), (&json!(algorithm), &json!("at+jwt")));
            let keys = jwks(&server);
            let key = keys[0].as_object().unwrap();
            assert_eq!(keys.len(), 1, "{algorithm}");
            assert_eq!(key["kid"], header["kid"]);
            assert_eq!((&key["kty"], &key["alg"], &key["use"]), (&json!(kind), &json!(algorithm), &json!("sig")));
            assert_eq!(key.get("crv").and_then(Value::as_str), curve);
            for private in ["d", "p", "q", "dp", "dq", "qi", "k"] {
                assert!(!key.contains_key(private), "{algorithm} publishes {private}");
            }
        }
    }

    fn never_publishes_the_shared_secret(engine: Engine) {
        let server = Server::start_with(engine, &[("CLOAKROOM_SIGNING_ALGORITHM", "HS256"), ("CLOAKROOM_HS256_SECRET", SECRET)]);
        let ada = server.register("ada");
        server.get("/users/me").bearer(&ada.token).send().expect(200);
        assert_eq!(decoded(&ada.token).0["alg"], "HS256");
        assert_eq!(jwks(&server), [Value::Null; 0]);
    }

    fn refuses_a_token_of_another_servers_key(engine: Engine) {
        let ours = Server::start(engine);
        let theirs = Server::start_with(engine, &[("CLOAKROOM_ISSUER", &ours.url)]);
        let ada = ours.register("ada");
        ours.get("/users/me").bearer(&ada.token).send().expect(200);
        let other = theirs.register("ada");
        assert_eq!(decoded(&other.token).1["iss"], ours.url);
        refuses(&ours, &other.token);
        // The `kid` of our own key does not help.
        let (_, rest) = other.token.split_once('.').unwrap();
        let (header, _) = ada.token.split_once('.').unwrap();
        refuses(&ours, &format!("{header}.{rest}"));
    }
}
