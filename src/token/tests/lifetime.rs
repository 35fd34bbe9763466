//! End of a valid token: expiry, revocation and key removal, cached or not.

use chrono::TimeDelta;
use serde_json::{Value, json};

use super::super::InvalidToken::{self, *};
use super::{NOW, STORED, USER, World, at, claims, header, key_store, ring, set, set_of, sign, token, with};
use crate::authz::Subject;
use crate::domain::{AccountState, Revocation, Revoked, Role, Status, UserId};
use crate::token::access::cache::TokenCache;
use crate::token::keys::algorithm::SigningAlgorithm::{Es256, Hs256};
use crate::token::{UnconfirmedToken, Verification};

fn user() -> UserId {
    USER.parse().unwrap()
}

fn revoke(world: &World, subject: Revoked) {
    world.revocations.apply(&[Revocation { subject, until: at(NOW + 700) }]);
}

fn refused(world: &World, token: &str) -> Option<InvalidToken> {
    world.verifier.verify(token).err()
}

fn unconfirmed(world: &World, claims: &Value) -> UnconfirmedToken {
    match world.verifier.verify(&token(claims)) {
        Ok(Verification::Unconfirmed(unconfirmed)) => Some(unconfirmed),
        _ => None,
    }
    .expect("an unconfirmed token")
}

/// Returns claims of a user's token that was issued elsewhere with the shared secret.
fn issued_elsewhere() -> Value {
    with(&with(&claims(), "epoch", None), "roles", None)
}

fn account_state(status: Status, epoch_began_at: Option<i64>) -> AccountState {
    AccountState { status, roles: vec![Role::SUPPORT], epoch_began_at: epoch_began_at.map(at) }
}

#[test]
fn cached_token_expires() {
    let world = World::new();
    let token = token(&claims());
    assert!(world.verify(&token).is_ok());
    assert_eq!(world.verifier.cache_usage().tokens, 1);
    world.clock.advance(TimeDelta::milliseconds(604_999));
    assert!(world.verify(&token).is_ok());
    world.clock.advance(TimeDelta::milliseconds(1));
    for _ in 0..2 {
        assert_eq!(refused(&world, &token), Some(Expired));
    }
}

#[test]
fn wrong_signature_is_cached_for_one_key_alone() {
    let world = World::new();
    let another = || key_store(Es256, Some("another secret of at least 32 bytes"), world.clock.clone());
    let forged = token(&claims());
    world.keys.replace(another().open(STORED.clone()).unwrap());
    for _ in 0..2 {
        assert_eq!(refused(&world, &forged), Some(WrongSignature));
    }
    world.keys.replace(set(Es256));
    assert!(world.verify(&forged).is_ok(), "the kid names the key that signed it");
    world.keys.replace(another().open(STORED.clone()).unwrap());
    assert_eq!(refused(&world, &forged), Some(WrongSignature));
}

#[test]
fn wrong_signature_is_checked_once_and_the_cache_is_bounded() {
    let (cache, mut checked) = (TokenCache::new(8), 0);
    let digest = |n: u64| crate::domain::sha256(&n.to_be_bytes());
    let mut check = |token: u64, key: u64, verdict: Result<(), InvalidToken>| {
        let found = cache.signature(&digest(token), &digest(key), || {
            checked += 1;
            verdict
        });
        (found, checked)
    };
    assert_eq!(check(1, 1, Err(WrongSignature)), (Err(WrongSignature), 1));
    assert_eq!(check(1, 1, Err(WrongSignature)), (Err(WrongSignature), 1));
    assert_eq!(check(1, 2, Ok(())), (Ok(()), 2), "another key");
    assert_eq!(check(2, 1, Err(NotBase64Url)), (Err(NotBase64Url), 3));
    assert_eq!(check(2, 1, Ok(())), (Ok(()), 4), "no other error is cached");
    for token in 0..10_000 {
        assert_eq!(check(token, 3, Err(WrongSignature)).0, Err(WrongSignature));
    }
    assert!(cache.forgeries() <= 1_000);
}

#[test]
fn revocation_ends_cached_and_uncached_tokens() {
    let sid = "01890a5d-ac96-774b-bcce-b302099a8058";
    let of_session = with(&claims(), "sid", Some(json!(sid)));
    let of_client = with(&claims(), "sub", Some(json!("cloakroom")));
    for (claims, revoked) in [
        (claims(), Revoked::User(user(), 2)),
        (of_session, Revoked::Session(sid.parse().unwrap())),
        (of_client, Revoked::Client("cloakroom".to_owned(), 2)),
    ] {
        let token = token(&claims);
        let (warm, cold) = (World::new(), World::new());
        assert!(warm.verify(&token).is_ok());
        for world in [warm, cold] {
            revoke(&world, revoked.clone());
            assert_eq!(refused(&world, &token), Some(Revoked), "{revoked:?}");
            assert_eq!(refused(&world, &token), Some(Revoked), "{revoked:?}");
            assert_eq!(world.verifier.cache_usage().tokens, 0);
        }
    }
}

#[test]
fn token_of_the_new_epoch_stays_valid() {
    let world = World::new();
    revoke(&world, Revoked::User(user(), 2));
    assert_eq!(refused(&world, &token(&claims())), Some(Revoked));
    assert!(world.verify(&token(&with(&claims(), "epoch", Some(json!(2))))).is_ok());
}

#[test]
fn removing_a_key_ends_its_cached_tokens() {
    let world = World::new();
    let token = sign(Es256, &header(Es256).to_string(), &claims().to_string());
    assert!(world.verify(&token).is_ok());
    let kid = ring(Es256).signing.unwrap().kid.clone();
    let others = STORED.iter().filter(|key| key.key.kid != kid).cloned().collect();
    world.keys.replace(set_of(others, Hs256));
    assert_eq!(refused(&world, &token), Some(UnknownKey));
    world.keys.replace(set(Es256));
    assert!(world.verify(&token).is_ok());
}

#[test]
fn reusing_a_kid_ends_cached_tokens() {
    let world = World::new();
    let token = token(&claims());
    assert!(world.verify(&token).is_ok());
    let another = key_store(Es256, Some("another secret of at least 32 bytes"), world.clock.clone());
    world.keys.replace(another.open(STORED.clone()).unwrap());
    assert_eq!(refused(&world, &token), Some(WrongSignature));
    assert_eq!(refused(&world, &token), Some(WrongSignature));
}

#[test]
fn rotation_that_keeps_the_key_keeps_cached_tokens() {
    let world = World::new();
    let token = token(&claims());
    assert!(world.verify(&token).is_ok());
    world.keys.replace(set(Hs256));
    assert!(world.verify(&token).is_ok());
    assert_eq!(world.verifier.cache_usage().tokens, 1);
}

#[test]
fn caches_accepted_tokens_alone_and_is_bounded() {
    let world = World::new();
    for _ in 0..3 {
        assert!(refused(&world, &token(&with(&claims(), "iss", Some(json!("x"))))).is_some());
    }
    assert_eq!(world.verifier.cache_usage().tokens, 0);

    let small = TokenCache::new(8);
    assert!(world.verify(&token(&claims())).is_ok());
    let digest = |n: u64| crate::domain::sha256(&n.to_be_bytes());
    let accepted = world.verifier.cached_token(&token(&claims())).unwrap();
    for n in 0..1_000 {
        small.insert(digest(n), accepted.clone());
    }
    assert!(small.usage().tokens <= 8);
}

#[test]
fn token_without_epoch_or_roles_needs_confirmation() {
    let world = World::new();
    for member in ["epoch", "roles"] {
        let verification = world.verifier.verify(&token(&with(&claims(), member, None)));
        assert!(matches!(verification, Ok(Verification::Unconfirmed(_))), "{member}");
    }
    let verification = unconfirmed(&world, &issued_elsewhere());
    assert_eq!(verification.user_id(), user());
    assert_eq!(verification.confirm(None).err(), Some(NoSuchUser));
    assert_eq!(verification.confirm(Some(&account_state(Status::Suspended, None))).err(), Some(Suspended));
    let verified = verification.confirm(Some(&account_state(Status::Active, None))).unwrap();
    let subject = Subject::User { id: user(), roles: vec![Role::SUPPORT] };
    assert_eq!(*verified.caller().subject(), subject);
}

#[test]
fn unconfirmed_token_takes_roles_from_the_user() {
    let claims = with(&with(&claims(), "epoch", None), "roles", Some(json!(["admin"])));
    let verified = unconfirmed(&World::new(), &claims).confirm(Some(&account_state(Status::Active, None)));
    assert!(
        matches!(verified.unwrap().caller().subject(), Subject::User { roles, .. } if *roles == [Role::SUPPORT])
    );
}

#[test]
fn unconfirmed_token_must_be_newer_than_the_last_change() {
    let world = World::new();
    let verification = unconfirmed(&world, &issued_elsewhere());
    let confirm = |began_at| verification.confirm(Some(&account_state(Status::Active, Some(began_at)))).err();
    assert_eq!(confirm(NOW - 1), None);
    assert_eq!(confirm(NOW), Some(Superseded));
    assert_eq!(confirm(NOW + 1), Some(Superseded));
    let mut within_the_second = account_state(Status::Active, Some(NOW - 1));
    within_the_second.epoch_began_at = Some(at(NOW - 1) + TimeDelta::milliseconds(999));
    assert_eq!(verification.confirm(Some(&within_the_second)).err(), None);
}

#[test]
fn cached_token_stays_unconfirmed_and_ends_with_its_session() {
    let sid = "01890a5d-ac96-774b-bcce-b302099a8058";
    let world = World::new();
    let claims = with(&issued_elsewhere(), "sid", Some(json!(sid)));
    for _ in 0..2 {
        assert_eq!(unconfirmed(&world, &claims).confirm(None).err(), Some(NoSuchUser));
    }
    assert_eq!(world.verifier.cache_usage().tokens, 1);
    revoke(&world, Revoked::User(user(), 9));
    assert!(world.verifier.verify(&token(&claims)).is_ok());
    revoke(&world, Revoked::Session(sid.parse().unwrap()));
    assert_eq!(refused(&world, &token(&claims)), Some(Revoked));
}

#[test]
fn client_with_the_id_of_a_user_is_a_client() {
    let claims = with(&claims(), "client_id", Some(json!(USER)));
    let verified = World::new().verify(&token(&claims)).unwrap();
    assert_eq!(*verified.caller().subject(), Subject::Client { id: USER.to_owned() });
    assert_eq!(verified.caller().user_id(), None);
}
