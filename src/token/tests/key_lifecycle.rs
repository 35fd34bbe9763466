//! Key rotation by the clock and by loading keys, without a restart.

use chrono::TimeDelta;
use serde_json::Value;

use super::issuing::{issue, part, to_user};
use super::{NOW, World, at, key_store, stored};
use crate::domain::{Clock, PUBLISHED_AHEAD, StoredKey};
use crate::token::keys::algorithm::SigningAlgorithm::Es256;
use crate::token::{InvalidToken, Keys, SignsFrom};

/// Returns a world with one signing key and its successor.
fn succession() -> (World, StoredKey, StoredKey) {
    let world = World::new();
    let (first, mut next) = (stored(Es256), stored(Es256));
    next.key.signs_from = at(NOW) + PUBLISHED_AHEAD;
    world.keys.load(vec![first.clone(), next.clone()]);
    (world, first, next)
}

fn signed(world: &World) -> (String, Value) {
    let token = issue(world, to_user(), "cloakroom", None).access_token.expose().to_owned();
    let kid = part(&token, 0)["kid"].take();
    (token, kid)
}

fn published(world: &World) -> Vec<Value> {
    let jwks = world.verifier.jwks();
    jwks["keys"].as_array().unwrap().iter().map(|jwk| jwk["kid"].clone()).collect()
}

#[test]
fn next_key_is_published_at_once_and_signs_later() {
    let (world, first, next) = succession();
    assert_eq!(published(&world).len(), 2);
    assert_eq!(signed(&world).1, first.key.kid.as_str());
    world.clock.advance(PUBLISHED_AHEAD - TimeDelta::milliseconds(1));
    let (last, kid) = signed(&world);
    assert_eq!(kid, first.key.kid.as_str());
    world.clock.advance(TimeDelta::milliseconds(1));
    let (new, kid) = signed(&world);
    assert_eq!(kid, next.key.kid.as_str());
    assert!(world.verify(&last).is_ok() && world.verify(&new).is_ok());
}

#[test]
fn previous_key_verifies_until_its_last_token_expires() {
    let (world, first, next) = succession();
    world.clock.advance(PUBLISHED_AHEAD - TimeDelta::milliseconds(1));
    let (last, _) = signed(&world);
    // Its `exp` and the leeway: 604 seconds later, since it began with its whole second.
    world.clock.advance(TimeDelta::seconds(604));
    assert!(world.verify(&last).is_ok(), "no token is refused before it expires");
    world.clock.advance(TimeDelta::seconds(1));
    assert_eq!(published(&world).len(), 2);
    world.clock.advance(TimeDelta::milliseconds(1));
    assert_eq!(published(&world), [next.key.kid.as_str()]);
    assert_ne!(first.key.kid, next.key.kid);
    assert!(world.verify(&last).is_err());
}

#[test]
fn refuses_tokens_of_a_retired_key_at_once() {
    let (world, mut first, mut next) = succession();
    let (cached, fresh) = (signed(&world).0, signed(&world).0);
    assert!(world.verify(&cached).is_ok());
    (first.key.retired_at, first.sealed) = (Some(at(NOW)), Vec::new());
    next.key.signs_from = at(NOW);
    world.keys.load(vec![first, next.clone()]);
    for token in [&cached, &fresh, &cached] {
        assert_eq!(world.verify(token).err(), Some(InvalidToken::UnknownKey));
    }
    assert_eq!(published(&world), [next.key.kid.as_str()]);
    let (new, kid) = signed(&world);
    assert_eq!(kid, next.key.kid.as_str());
    assert!(world.verify(&new).is_ok());
}

#[test]
fn clock_set_back_selects_the_earlier_key() {
    let (world, first, next) = succession();
    world.clock.advance(PUBLISHED_AHEAD);
    assert_eq!(signed(&world).1, next.key.kid.as_str());
    world.clock.advance(-PUBLISHED_AHEAD);
    assert_eq!(signed(&world).1, first.key.kid.as_str());
}

#[test]
fn without_a_signing_key_old_tokens_stay_refused() {
    let (world, mut first, _) = succession();
    let (token, _) = signed(&world);
    first.key.retired_at = Some(at(NOW));
    world.keys.load(vec![first]);
    assert!(!world.keys.current().signs());
    assert_eq!(world.verify(&token).err(), Some(InvalidToken::UnknownKey));
}

#[test]
fn forged_stored_key_is_ignored_and_harms_no_other() {
    let (world, first, next) = succession();
    let mut forged = stored(Es256);
    (forged.sealed, forged.key.signs_from) = (vec![7; 60], at(NOW));
    let (token, kid) = signed(&world);
    world.keys.load(vec![first.clone(), next.clone(), forged.clone()]);
    assert_eq!(published(&world).len(), 2);
    assert_eq!(signed(&world).1, kid);
    assert!(world.verify(&token).is_ok());
    world.clock.advance(TimeDelta::seconds(700));
    assert_eq!(signed(&world).1, next.key.kid.as_str());
    let strict = Keys::open(key_store(Es256, None, Clock::standing(at(NOW))), vec![first, forged]);
    assert!(strict.is_err(), "a server does not start with it");
}

#[test]
fn new_key_signs_after_replicas_or_caches_know_it() {
    let key_store = key_store(Es256, None, Clock::standing(at(NOW)));
    let delay = |signs_from| {
        let key = key_store.generate(signs_from).unwrap().key;
        assert_eq!((key.created_at, key.retired_at), (at(NOW), None));
        key.signs_from - key.created_at
    };
    assert_eq!(delay(SignsFrom::Now), TimeDelta::zero());
    assert_eq!(delay(SignsFrom::KnownToReplicas), TimeDelta::seconds(7));
    assert_eq!(delay(SignsFrom::KnownToCaches), PUBLISHED_AHEAD);
}
