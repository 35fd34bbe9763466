//! Issued tokens, their claims and their verification.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{AUDIENCE, ISSUER, NOW, SECRET, STORED, USER, World, at, key_store, ring, set, set_of, stored};
use crate::authz::{Subject, Vocabulary};
use crate::domain::{Clock, ClockAndRandom, Random, Role, SessionId, StoredKey};
use crate::token::{
    IssueRequest, IssueTo, IssuedToken, Issuer, KeyError, KeyRing, KeySettings, KeyStore, Keys, MasterKey,
    SigningAlgorithm,
};

const SESSION: SessionId = SessionId(Uuid::from_u128(5));

pub(super) fn issue(
    world: &World,
    subject: IssueTo,
    client_id: &str,
    session: Option<SessionId>,
) -> IssuedToken {
    let ttl = Duration::from_secs(600);
    let issuer =
        Issuer::new(ISSUER, AUDIENCE, ttl, world.keys.clone(), world.clock.clone(), Random::system());
    let scope = Vocabulary::default().scopes_in("users:read sessions:read");
    let request = IssueRequest {
        subject,
        client_id: client_id.to_owned(),
        scope: &scope,
        session,
        audience: None,
        bound_to: None,
    };
    issuer.issue(request).unwrap()
}

pub(super) fn to_user() -> IssueTo {
    let (id, roles) = (USER.parse().unwrap(), vec![Role::SUPPORT, Role::USER]);
    IssueTo::User { id, roles, epoch: 3, client_epoch: None, auth_time: chrono::DateTime::default() }
}

pub(super) fn part(token: &str, place: usize) -> Value {
    let part = token.split('.').nth(place).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn open(
    stored: Vec<StoredKey>,
    secret: Option<&str>,
    signing: SigningAlgorithm,
) -> Result<Arc<KeyRing>, KeyError> {
    let keys = Keys::open(key_store(signing, secret, Clock::standing(at(NOW))), stored)?;
    Ok(keys.current())
}

#[test]
fn every_algorithm_verifies_its_own_tokens() {
    let world = World::new();
    for algorithm in SigningAlgorithm::ALL {
        world.keys.replace(set(algorithm));
        let issued = issue(&world, to_user(), "cloakroom", Some(SESSION));
        assert_eq!(part(issued.access_token.expose(), 0)["alg"], algorithm.as_str());
        let verified = world.verify(issued.access_token.expose()).unwrap();
        let caller = verified.caller();
        let subject = Subject::User { id: USER.parse().unwrap(), roles: vec![Role::SUPPORT, Role::USER] };
        assert_eq!(*caller.subject(), subject);
        assert_eq!(*caller.scope(), issued.scope);
        assert_eq!(caller.session(), Some(SESSION));
        assert_eq!(verified.caller().token().client_id.as_deref(), Some("cloakroom"));
        assert_eq!((verified.expires_at(), issued.expires_in), (at(NOW + 600), 600));
        assert_eq!(issued.expires_at, at(NOW + 600));
    }
}

#[test]
fn user_token_has_the_claims_of_rfc_9068() {
    let world = World::new();
    let issued = issue(&world, to_user(), "cloakroom", Some(SESSION));
    let header = part(issued.access_token.expose(), 0);
    assert_eq!(
        header,
        json!({ "typ": "at+jwt", "alg": "ES256", "kid": world.keys.current().signing.as_ref().unwrap().kid })
    );
    let mut claims = part(issued.access_token.expose(), 1);
    let jti = claims["jti"].take();
    assert_eq!(jti.as_str().unwrap().len(), 22);
    assert_eq!(
        claims,
        json!({
            "iss": ISSUER, "sub": USER, "aud": AUDIENCE, "exp": NOW + 600, "iat": NOW, "jti": null,
            "client_id": "cloakroom", "scope": "sessions:read users:read", "sid": SESSION.to_string(),
            "auth_time": 0, "amr": ["pwd"], "roles": ["support", "user"], "epoch": 3,
        })
    );
    let other = issue(&world, to_user(), "cloakroom", Some(SESSION));
    assert_ne!(part(other.access_token.expose(), 1)["jti"], jti);
}

#[test]
fn client_token_has_no_roles_or_session() {
    let world = World::new();
    let issued = issue(&world, IssueTo::Client { id: "app".to_owned(), epoch: 1 }, "app", None);
    let claims = part(issued.access_token.expose(), 1);
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!("app"), &json!("app")));
    assert!(["roles", "sid", "auth_time", "amr"].iter().all(|name| claims.get(name).is_none()));
    let verified = world.verify(issued.access_token.expose()).unwrap();
    assert_eq!(*verified.caller().subject(), Subject::Client { id: "app".to_owned() });
}

#[test]
fn newest_key_signs_and_older_keys_still_verify() {
    let world = World::new();
    let old = issue(&world, to_user(), "cloakroom", None);
    let mut newer = stored(SigningAlgorithm::Es256);
    (newer.key.created_at, newer.key.signs_from) = (at(NOW + 1), at(NOW + 1));
    world.clock.advance(chrono::TimeDelta::seconds(1));
    let kid = newer.key.kid.clone();
    world.keys.replace(set_of([vec![newer], STORED.clone()].concat(), SigningAlgorithm::Es256));
    let new = issue(&world, to_user(), "cloakroom", None);
    assert_eq!(part(new.access_token.expose(), 0)["kid"], kid);
    assert!(world.verify(new.access_token.expose()).is_ok());
    assert!(world.verify(old.access_token.expose()).is_ok());
}

#[test]
fn jwks_has_every_asymmetric_key_and_no_secret() {
    let jwks = ring(SigningAlgorithm::Hs256).jwks().clone();
    let keys = jwks["keys"].as_array().unwrap();
    let stored: Vec<Value> =
        STORED.iter().map(|key| serde_json::from_str(&key.public_jwk).unwrap()).collect();
    assert_eq!(keys.len(), 4);
    assert!(stored.iter().all(|jwk| keys.contains(jwk)));
    for key in keys {
        assert!(key["kty"] != "oct" && key["use"] == "sig");
        assert!(["d", "p", "q", "dp", "dq", "qi", "k"].iter().all(|member| key.get(member).is_none()));
    }
}

#[test]
fn opens_no_keys_without_signer_or_with_short_secret() {
    use SigningAlgorithm::{Es256, Hs256};
    assert!(open(STORED.clone(), None, Es256).is_ok());
    assert!(open(Vec::new(), Some(SECRET), Hs256).is_ok());
    assert!(matches!(open(Vec::new(), None, Es256), Err(KeyError::NoSigningKey(Es256))));
    assert!(matches!(open(STORED.clone(), None, Hs256), Err(KeyError::NoSigningKey(Hs256))));
    for short in ["", "x", &SECRET[..31]] {
        assert!(matches!(open(STORED.clone(), Some(short), Es256), Err(KeyError::ShortSecret)));
        assert!(matches!(open(STORED.clone(), Some(short), Hs256), Err(KeyError::ShortSecret)));
    }
}

#[test]
fn stored_key_opens_with_its_master_key_kid_and_algorithm_alone() {
    let key = stored(SigningAlgorithm::Rs256);
    let refused =
        |key: StoredKey| matches!(open(vec![key], None, SigningAlgorithm::Ps256), Err(KeyError::Sealed(_)));
    assert!(open(vec![key.clone()], None, SigningAlgorithm::Rs256).is_ok());
    let changed = |change: fn(&mut StoredKey)| {
        let mut key = key.clone();
        change(&mut key);
        key
    };
    assert!(refused(changed(|key| key.key.algorithm = "PS256".to_owned())));
    assert!(refused(changed(|key| key.key.kid = "other".to_owned())));
    assert!(refused(changed(|key| key.sealed = vec![0; 40])));
    let usage = KeySettings {
        algorithm: SigningAlgorithm::Rs256,
        hs256_secret: None,
        lifetime: chrono::TimeDelta::seconds(605),
        leeway: chrono::TimeDelta::seconds(5),
    };
    let other = KeyStore::new(usage, MasterKey::new([8; 32]), ClockAndRandom::default()).open(vec![key]);
    assert!(matches!(other, Err(KeyError::Sealed(_))));
}

#[test]
fn ignores_the_stored_public_half() {
    let (mut ours, theirs) = (stored(SigningAlgorithm::Es256), stored(SigningAlgorithm::Es256));
    let honest: Value = serde_json::from_str(&ours.public_jwk).unwrap();
    ours.public_jwk = theirs.public_jwk;
    let ring = open(vec![ours], None, SigningAlgorithm::Es256).ok().unwrap();
    assert_eq!(ring.jwks()["keys"], json!([honest]));
}

#[test]
fn ignores_keys_that_share_a_kid() {
    let key = stored(SigningAlgorithm::Es256);
    let ring = open(vec![key.clone(), key.clone()], None, SigningAlgorithm::Es256).ok().unwrap();
    assert!(ring.verification.find(Some(&key.key.kid), jsonwebtoken::Algorithm::ES256).is_err());
}

#[test]
fn skips_a_key_of_an_unknown_algorithm() {
    let mut newer = stored(SigningAlgorithm::Es256);
    newer.key.algorithm = "ML-DSA-65".to_owned();
    let ring = open([vec![newer], STORED.clone()].concat(), None, SigningAlgorithm::Es256);
    assert_eq!(ring.ok().unwrap().jwks()["keys"].as_array().unwrap().len(), 4);
}

#[test]
fn debug_hides_the_private_half() {
    let key = stored(SigningAlgorithm::Es256);
    let printed = format!("{key:?}");
    assert!(printed.contains(&key.key.kid) && !printed.contains("sealed"), "{printed}");
}
