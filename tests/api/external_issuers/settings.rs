//! `CLOAKROOM_TRUSTED_ISSUERS` and `CLOAKROOM_AUTHORIZATION_SERVER`: accepted values, and every fault
//! reported at the start.

use cloakroom::App;
use cloakroom::config::Sources;
use serde_json::{Value, json};

const ISSUERS: &str = "CLOAKROOM_TRUSTED_ISSUERS";

pub(super) fn faults(settings: &[(&str, &str)]) -> String {
    let environment =
        settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let sources = Sources { environment, ..Sources::default() };
    App::default().load(&sources).err().map(|faults| faults.to_string()).unwrap_or_default()
}

fn faults_of(issuers: &Value) -> String {
    faults(&[(ISSUERS, &issuers.to_string())])
}

#[test]
fn accepts_every_member_of_an_issuer() {
    let full = json!([
        { "issuer": "https://id.example.org" },
        {
            "issuer": "https://tenant.example.com/", "audience": "api", "algorithms": ["RS256", "PS512"],
            "jwks_uri": "https://keys.example.com/x?p=1", "typ": "JWT", "scope_claim": ["scp", "roles"],
            "scopes": { "a": "users:read", "b": ["users:read", "profiles:read"], "c": "" },
            "client_id_claim": "azp", "client_token": { "claim": "idtyp", "value": "app" }, "provision": "jit",
            "subject_claim": "oid",
        },
        { "issuer": "http://127.0.0.1:8180/realms/x", "provision": "none", "algorithms": "ES256", "typ": "at+jwt" },
        { "issuer": "https://x.example.com", "typ": "none", "audience": ["a", "b"], "audience_claim": "client_id" },
        { "issuer": "http://keycloak:8080/realms/x", "jwks_uri": "http://10.0.0.7/keys", "allow_http": true },
    ]);
    assert_eq!(faults_of(&full), "");
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("issuers.json");
    std::fs::write(&path, full.to_string()).unwrap();
    assert_eq!(faults(&[(ISSUERS, path.to_str().unwrap())]), "");
    assert!(faults(&[(ISSUERS, dir.path().join("none").to_str().unwrap())]).contains("cannot be read"));
    std::fs::write(&path, "[{}]").unwrap();
    assert!(faults(&[(ISSUERS, path.to_str().unwrap())]).contains("`issuer` is missing"));
}

#[test]
fn reports_every_fault_with_issuer_and_fix() {
    let issuer = "https://id.example.org";
    for (members, words) in [
        (json!({ "isuer": issuer }), "`isuer` is not a member; the nearest is `issuer`"),
        (json!({ "issuer": issuer, "algorithm": ["RS256"] }), "the nearest is `algorithms`"),
        (json!({}), "`issuer` is missing"),
        (json!({ "issuer": 7 }), "`issuer`: write a string"),
        (json!({ "issuer": "id.example.org" }), "write the `iss` of its tokens"),
        (json!({ "issuer": "http://id.example.org" }), "must be https"),
        (json!({ "issuer": "http://keycloak:8080" }), "\"allow_http\": true"),
        (json!({ "issuer": "http://id.example.org", "allow_http": true }), "allow_http permits http only to"),
        (json!({ "issuer": "http://169.254.169.254", "allow_http": true }), "nothing permits a link-local"),
        (json!({ "issuer": "https://169.254.169.254" }), "`issuer`: must be https"),
        (
            json!({ "issuer": issuer, "jwks_uri": "http://8.8.8.8/k", "allow_http": true }),
            "`jwks_uri`: must be",
        ),
        (json!({ "issuer": issuer, "allow_http": "yes" }), "write true or false"),
        (json!({ "issuer": "https://id.example.org/?x" }), "must not have"),
        (json!({ "issuer": "https://a:b@id.example.org" }), "must not have"),
        (json!({ "issuer": issuer, "algorithms": ["HS256"] }), "HS256 is none of ES256, EdDSA"),
        (json!({ "issuer": issuer, "algorithms": ["none"] }), "none is none of"),
        (json!({ "issuer": issuer, "algorithms": [] }), "at least one"),
        (json!({ "issuer": issuer, "jwks_uri": "http://id.example.org/keys" }), "`jwks_uri`: must be https"),
        (json!({ "issuer": issuer, "typ": "jwt" }), "write at+jwt, JWT or none"),
        (json!({ "issuer": issuer, "audience": "a b" }), "one name"),
        (json!({ "issuer": issuer, "audience": [] }), "at least one"),
        (json!({ "issuer": issuer, "audience_claim": "client_id" }), "`audience_claim` needs `audience`"),
        (json!({ "issuer": issuer, "scope_claim": 7 }), "`scope_claim`: write a string"),
        (json!({ "issuer": issuer, "scopes": ["a"] }), "write an object"),
        (json!({ "issuer": issuer, "scopes": { "a": "users:raed" } }), "the nearest is users:read"),
        (json!({ "issuer": issuer, "client_token": "gty" }), "`client_token`: write {"),
        (json!({ "issuer": issuer, "client_token": { "claim": "a", "is": "b" } }), "`client_token`: write {"),
        (json!({ "issuer": issuer, "subject_claim": "" }), "`subject_claim`: write a name"),
        (json!({ "issuer": issuer, "subject_claim": "email" }), "email does not name one user for ever"),
        (json!({ "issuer": issuer, "subject_claim": "client_id" }), "client_id does not name one user"),
        (json!({ "issuer": issuer, "subject_claim": "user.email" }), "user.email does not name one user"),
        (
            json!({ "issuer": issuer, "subject_claim": "app", "client_id_claim": "app" }),
            "so it names no user",
        ),
        (json!({ "issuer": issuer, "provision": true }), "write a string"),
        (json!({ "issuer": issuer, "provision": "yes" }), "write jit or none"),
        (json!("https://id.example.org"), "issuer 1 must be an object"),
    ] {
        let text = faults_of(&json!([members]));
        assert!(text.starts_with(ISSUERS) && text.contains(words), "{members}: {text}");
    }
    let both = faults_of(&json!([{ "issuer": issuer, "typ": 1, "provison": "jit" }, { "issuer": "x" }]));
    for words in ["issuer 1 (https://id.example.org): `provison`", "`typ`: write a string", "issuer 2 (x)"] {
        assert!(both.contains(words), "{both}");
    }
    let twice = faults_of(&json!([{ "issuer": issuer }, { "issuer": issuer }]));
    assert!(twice.contains("https://id.example.org is listed twice"), "{twice}");
    for (text, words) in
        [("{}", "write a list"), ("[{]", "must be JSON"), ("[{\"typ\":1,\"typ\":2}]", "twice")]
    {
        assert!(faults(&[(ISSUERS, text)]).contains(words), "{text}");
    }
}

#[test]
fn refuses_itself_and_an_empty_list() {
    let own = "https://id.example.org";
    let issuers = json!([{ "issuer": own }]).to_string();
    let text = faults(&[(ISSUERS, &issuers), ("CLOAKROOM_ISSUER", own)]);
    assert!(text.contains("names this server itself"), "{text}");
    let text = faults(&[("CLOAKROOM_AUTHORIZATION_SERVER", "off")]);
    assert!(text.starts_with("CLOAKROOM_AUTHORIZATION_SERVER") && text.contains(ISSUERS), "{text}");
    assert!(faults(&[("CLOAKROOM_AUTHORIZATION_SERVER", "no")]).contains("write on or off"));
    assert_eq!(faults(&[("CLOAKROOM_AUTHORIZATION_SERVER", "off"), (ISSUERS, &issuers)]), "");
    let hs256 = [("CLOAKROOM_AUTHORIZATION_SERVER", "off"), ("CLOAKROOM_SIGNING_ALGORITHM", "HS256")];
    let secret =
        [(ISSUERS, issuers.as_str()), ("CLOAKROOM_HS256_SECRET", "a secret of more than thirty-two bytes")];
    assert!(faults(&[&hs256[..], &secret].concat()).contains("CLOAKROOM_HS256_SECRET"));
}
