//! `cloakroom token inspect` of a token of another issuer.

use serde_json::{Value, json};

use super::{AUDIENCE, trusted};
use crate::support::{ForeignIssuer, Server, on_both_engines};

on_both_engines! {
    fn shows_what_the_server_expects_of_the_issuer(engine: Engine) {
        let issuer = ForeignIssuer::start();
        let members = json!({
            "typ": "none", "algorithms": ["ES256", "RS256"], "audience_claim": "client_id", "audience": ["web-shop", "app"],
            "subject_claim": "uid", "scope_claim": ["scp", "realm.roles"], "provision": "jit",
        });
        let trusted = trusted(&[(&issuer, members)]);
        let settings = [("CLOAKROOM_TRUSTED_ISSUERS", trusted.as_str()), ("CLOAKROOM_AUDIENCE", AUDIENCE)];
        let server = Server::start_with(engine, &settings);
        let inspect = |token: &str| -> Value {
            let flags = ["--issuer", &server.url, "--trusted-issuers", &trusted, "--audience", AUDIENCE];
            let told = server.operator_output_with_input(&[&["token", "inspect", "--json"], &flags[..]].concat(), token);
            serde_json::from_str(&told).expect("JSON")
        };
        let found = |report: &Value, check: &str| {
            let checks = report["checks"].as_array().unwrap();
            let check = checks.iter().find(|known| known["check"] == check).unwrap();
            check["found"].as_str().unwrap().to_owned()
        };
        let now = server.clock.now().timestamp();
        let claims = json!({
            "iss": issuer.url, "sub": "ada", "uid": "00u5", "client_id": "web-shop", "iat": now, "exp": now + 600,
            "token_use": "access", "scp": ["users:read"], "realm": { "roles": ["staff"] },
        });
        let token = issuer.key.sign(&json!({}), &claims);
        server.get("/users/me").bearer(&token).send().expect(200);
        let report = inspect(&token);
        assert_eq!(report["accepted"], true, "{report}");
        for (check, expected) in [
            ("alg", r#""ES256"; expected "ES256" or "RS256""#.to_owned()),
            ("typ", r#"none; expected none or "at+jwt""#.to_owned()),
            ("iss", format!("{0:?}; expected {0:?}", issuer.url)),
            ("aud", r#"client_id "web-shop"; expected "web-shop" or "app""#.to_owned()),
            ("claims", r#"uid "00u5", client_id "web-shop", scp ["users:read"], realm.roles ["staff"]"#.to_owned()),
        ] {
            assert_eq!(found(&report, check), expected);
        }
        let mut other = claims.clone();
        other["client_id"] = json!("another-app");
        let report = inspect(&issuer.key.sign(&json!({}), &other));
        assert_eq!((&report["reason"], found(&report, "aud")), (&json!("wrong-audience"), r#"client_id "another-app"; expected "web-shop" or "app""#.to_owned()));
        // A token of this server, and one of an issuer that is not trusted.
        let report = inspect(&server.register("ada").token);
        assert_eq!((found(&report, "typ"), found(&report, "aud")), (r#""at+jwt"; expected "at+jwt""#.to_owned(), format!("{AUDIENCE:?}; expected {AUDIENCE:?}")));
        other["iss"] = json!("https://id.example.org");
        let report = inspect(&issuer.key.sign(&json!({ "typ": "at+jwt" }), &other));
        assert_eq!(found(&report, "iss"), format!("\"https://id.example.org\"; expected {:?} or {:?}", server.url, issuer.url));
    }
}
