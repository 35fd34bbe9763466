//! Lifecycle of a signing key: published, signing, verifying, expired.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::SigningKey;

/// Time between the publication of a key and its first signature: twice the `max-age` of the JWK Set,
/// so that every verifier knows the key before its first token.
pub const PUBLISHED_AHEAD: TimeDelta = TimeDelta::minutes(10);

/// Time for which an expired key stays in the database, to identify the key of an old token.
pub const KEPT_AFTERWARDS: TimeDelta = TimeDelta::days(30);

/// State of a key in its lifecycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published and verifying; signs later.
    Next,
    /// Signs new tokens.
    Signing,
    /// Verifies earlier tokens.
    Previous,
    /// Every token of the key has expired.
    Past,
    /// Taken out of service.
    Retired,
}

impl KeyState {
    /// Returns the name of the state.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Signing => "signing",
            Self::Previous => "previous",
            Self::Past => "past",
            Self::Retired => "retired",
        }
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Lifecycle of the keys of a set. Keys of one algorithm succeed each other. A key of an algorithm that
/// is no longer configured has no successor, because another replica may still sign with it.
pub struct KeyLifecycle<'a> {
    /// Keys in the order of signing.
    keys: Vec<&'a SigningKey>,
    lifetime: TimeDelta,
}

impl<'a> KeyLifecycle<'a> {
    /// Returns the lifecycle of these keys. `lifetime` is the time for which a token is accepted after
    /// its signature, including the leeway.
    pub fn new(keys: impl IntoIterator<Item = &'a SigningKey>, lifetime: TimeDelta) -> Self {
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_by_key(|key| (key.signs_from, key.created_at, &key.kid));
        Self { keys, lifetime }
    }

    /// Returns all keys, in the order of signing.
    pub fn keys(&self) -> &[&'a SigningKey] {
        &self.keys
    }

    /// Returns the signing key of this algorithm: the newest key whose time has come. A key with a
    /// successor never signs again. If no key's time has come, for example because the clock is slow,
    /// the first key signs early.
    pub fn signing(&self, algorithm: &str, now: DateTime<Utc>) -> Option<&'a SigningKey> {
        let mut keys = self.of(algorithm);
        let newest = keys.clone().rfind(|key| key.signs_from <= now && ever_signs(key));
        match newest {
            Some(key) if key.retired_at.is_none() => Some(key),
            _ => keys.find(|key| key.signs_from > now && key.retired_at.is_none()),
        }
    }

    /// Returns the end of the acceptance of the key's tokens. `None` when no end is known.
    pub fn verifies_until(&self, key: &SigningKey) -> Option<DateTime<Utc>> {
        let successor = || {
            let mut after = self.of(&key.algorithm).skip_while(|other| other.kid != key.kid).skip(1);
            after.find(|other| ever_signs(other))
        };
        key.retired_at.or_else(|| Some(successor()?.signs_from + self.lifetime))
    }

    /// True when tokens of the key are accepted and the key is published.
    pub fn verifies(&self, key: &SigningKey, now: DateTime<Utc>) -> bool {
        key.retired_at.is_none() && self.verifies_until(key).is_none_or(|until| now < until)
    }

    /// Returns the state of the key, if new tokens are signed with `algorithm`.
    pub fn state(&self, key: &SigningKey, algorithm: &str, now: DateTime<Utc>) -> KeyState {
        match key {
            SigningKey { retired_at: Some(_), .. } => KeyState::Retired,
            key if self.signing(algorithm, now).is_some_and(|signing| signing.kid == key.kid) => {
                KeyState::Signing
            }
            key if !self.verifies(key, now) => KeyState::Past,
            key if key.signs_from > now => KeyState::Next,
            _ => KeyState::Previous,
        }
    }

    /// Returns the next time at which the signing or the verifying keys change without an action.
    pub fn next_change(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let in_service = self.keys.iter().filter(|key| key.retired_at.is_none());
        let moments = in_service.flat_map(|key| [Some(key.signs_from), self.verifies_until(key)]);
        moments.flatten().filter(|moment| *moment > now).min()
    }

    /// True when the successor of the newest key of this algorithm is due, so that each key signs for
    /// the period `every`.
    pub fn is_due(&self, algorithm: &str, every: TimeDelta, now: DateTime<Utc>) -> bool {
        let newest = self.of(algorithm).rfind(|key| key.retired_at.is_none());
        newest.is_some_and(|key| key.signs_from + every - PUBLISHED_AHEAD <= now)
    }

    /// Returns the keys that can be deleted.
    pub fn deletable(&self, now: DateTime<Utc>) -> impl Iterator<Item = &'a SigningKey> {
        let ended = move |key: &&'a SigningKey| {
            self.verifies_until(key).is_some_and(|until| until + KEPT_AFTERWARDS <= now)
        };
        self.keys.iter().copied().filter(ended)
    }

    fn of(&self, algorithm: &str) -> impl DoubleEndedIterator<Item = &'a SigningKey> + Clone {
        self.keys.iter().copied().filter(move |key| key.algorithm == algorithm)
    }
}

/// True unless the key was retired before it signed. Such a key is no successor.
fn ever_signs(key: &SigningKey) -> bool {
    key.retired_at.is_none_or(|retired| retired > key.signs_from)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFETIME: TimeDelta = TimeDelta::seconds(605);

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    /// Returns the time one millisecond earlier.
    fn before(moment: DateTime<Utc>) -> DateTime<Utc> {
        moment - TimeDelta::milliseconds(1)
    }

    fn key(kid: &str, signs_from: i64) -> SigningKey {
        SigningKey {
            kid: kid.to_owned(),
            algorithm: "ES256".to_owned(),
            created_at: at(0),
            signs_from: at(signs_from),
            retired_at: None,
        }
    }

    fn retired(kid: &str, signs_from: i64, retired_at: i64) -> SigningKey {
        SigningKey { retired_at: Some(at(retired_at)), ..key(kid, signs_from) }
    }

    /// Returns the states of the keys, in their order.
    fn states(keys: &[SigningKey], now: DateTime<Utc>) -> Vec<KeyState> {
        let lifecycle = KeyLifecycle::new(keys, LIFETIME);
        keys.iter().map(|key| lifecycle.state(key, "ES256", now)).collect()
    }

    #[test]
    fn key_passes_through_its_states_on_time() {
        use KeyState::{Next, Past, Previous, Signing};
        let keys = [key("a", 0), key("b", 600)];
        assert_eq!(states(&keys, at(0)), [Signing, Next]);
        assert_eq!(states(&keys, before(at(600))), [Signing, Next]);
        assert_eq!(states(&keys, at(600)), [Previous, Signing]);
        assert_eq!(states(&keys, before(at(600) + LIFETIME)), [Previous, Signing]);
        assert_eq!(states(&keys, at(600) + LIFETIME), [Past, Signing]);
        let lifecycle = KeyLifecycle::new(&keys, LIFETIME);
        assert_eq!(lifecycle.verifies_until(&keys[0]), Some(at(600) + LIFETIME));
        assert_eq!(lifecycle.verifies_until(&keys[1]), None);
        for (now, change) in [
            (before(at(600)), Some(at(600))),
            (at(600), Some(at(600) + LIFETIME)),
            (at(600) + LIFETIME, None),
        ] {
            assert_eq!(lifecycle.next_change(now), change);
        }
    }

    #[test]
    fn newest_key_signs_and_each_ends_after_its_successor() {
        use KeyState::{Next, Past, Previous, Signing};
        let keys = [key("a", 0), key("b", 100), key("c", 200), key("d", 900)];
        assert_eq!(states(&keys, at(250)), [Previous, Previous, Signing, Next]);
        assert_eq!(states(&keys, at(100) + LIFETIME), [Past, Previous, Signing, Next]);
        assert_eq!(states(&keys, at(200) + LIFETIME), [Past, Past, Signing, Next]);
    }

    #[test]
    fn urgent_key_signs_until_the_waiting_key_starts() {
        use KeyState::{Next, Previous, Signing};
        let keys = [key("old", 0), key("waits", 600), key("urgent", 7)];
        assert_eq!(states(&keys, at(7)), [Previous, Next, Signing]);
        assert_eq!(states(&keys, at(600)), [Previous, Signing, Previous]);
    }

    #[test]
    fn retired_key_ends_at_once_and_its_predecessor_stays_previous() {
        use KeyState::{Past, Previous, Retired, Signing};
        let alone = [key("a", 0), retired("b", 100, 150)];
        assert_eq!(states(&alone, at(150)), [Previous, Retired]);
        assert_eq!(KeyLifecycle::new(&alone, LIFETIME).signing("ES256", at(150)), None);
        let keys = [key("a", 0), retired("b", 100, 150), key("c", 150)];
        assert_eq!(states(&keys, at(150)), [Previous, Retired, Signing]);
        assert_eq!(states(&keys, at(100) + LIFETIME), [Past, Retired, Signing]);
        assert!(
            !KeyLifecycle::new(&keys, LIFETIME).verifies(&keys[1], before(at(150))),
            "retirement does not depend on the clock"
        );
    }

    #[test]
    fn key_retired_before_signing_is_no_successor() {
        use KeyState::{Retired, Signing};
        for retired_at in [50, 100] {
            let keys = [key("a", 0), retired("b", 100, retired_at)];
            assert_eq!(states(&keys, at(10_000)), [Signing, Retired]);
            assert_eq!(KeyLifecycle::new(&keys, LIFETIME).verifies_until(&keys[0]), None);
        }
    }

    #[test]
    fn first_key_signs_early_when_no_time_has_come() {
        use KeyState::{Next, Retired, Signing};
        assert_eq!(states(&[key("b", 20), key("a", 10)], at(0)), [Next, Signing]);
        assert_eq!(states(&[retired("a", 0, 5), key("b", 10)], at(5)), [Retired, Signing]);
        assert_eq!(KeyLifecycle::new(&[], LIFETIME).signing("ES256", at(0)), None);
    }

    #[test]
    fn key_of_another_algorithm_neither_signs_nor_ends() {
        let eddsa = SigningKey { algorithm: "EdDSA".to_owned(), ..key("eddsa", 0) };
        let keys = [eddsa, key("es256", 10)];
        assert_eq!(states(&keys, at(1_000_000)), [KeyState::Previous, KeyState::Signing]);
        assert_eq!(KeyLifecycle::new(&keys, LIFETIME).signing("EdDSA", at(20)).unwrap().kid, "eddsa");
    }

    #[test]
    fn successor_is_due_early_enough() {
        let (keys, day) = ([key("a", 0)], TimeDelta::days(1));
        let lifecycle = KeyLifecycle::new(&keys, LIFETIME);
        let due = at(0) + day - PUBLISHED_AHEAD;
        assert!(!lifecycle.is_due("ES256", day, before(due)));
        assert!(lifecycle.is_due("ES256", day, due));
        assert!(!lifecycle.is_due("EdDSA", day, due), "the schedule does not create the first key");
        let with_successor = [key("a", 0), SigningKey { signs_from: due + PUBLISHED_AHEAD, ..key("b", 0) }];
        assert!(!KeyLifecycle::new(&with_successor, LIFETIME).is_due("ES256", day, due));
        let successor_retired = [key("a", 0), retired("b", 86_400, 86_000)];
        assert!(KeyLifecycle::new(&successor_retired, LIFETIME).is_due("ES256", day, due));
    }

    #[test]
    fn key_is_deletable_long_after_its_end() {
        let keys = [key("past", 0), retired("retired", 50, 60), key("signs", 60)];
        let deletable = |now| {
            let lifecycle = KeyLifecycle::new(&keys, LIFETIME);
            lifecycle.deletable(now).map(|key| key.kid.clone()).collect::<Vec<_>>()
        };
        assert!(deletable(before(at(60) + KEPT_AFTERWARDS)).is_empty());
        assert_eq!(deletable(at(60) + KEPT_AFTERWARDS), ["retired"]);
        assert_eq!(deletable(before(at(50) + LIFETIME + KEPT_AFTERWARDS)), ["retired"]);
        assert_eq!(deletable(at(50) + LIFETIME + KEPT_AFTERWARDS), ["past", "retired"]);
        assert_eq!(deletable(at(1_000_000_000)), ["past", "retired"]);
    }
}
