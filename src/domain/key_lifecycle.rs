//! The life of a signing key: published, signing, verifying what it signed, gone.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};

use super::key::SigningKey;

/// How long a key is published before it signs: twice the time for which anybody may keep the JWK
/// Set (its `max-age`), so that whoever verifies knows the key before its first token.
pub const PUBLISHED_AHEAD: TimeDelta = TimeDelta::minutes(10);

/// How long a key that verifies nothing any more is kept in the database, for people who ask what
/// signed an old token.
pub const KEPT_AFTERWARDS: TimeDelta = TimeDelta::days(30);

/// Where in its life a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// Published and verifying, and to sign later.
    Next,
    /// What new tokens are signed with.
    Signing,
    /// Verifying still what it signed before.
    Previous,
    /// Every token that it can have signed has expired.
    Past,
    /// Taken out of service.
    Retired,
}

impl KeyState {
    /// Its name.
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

/// Which keys of a set sign and verify when. Keys of one algorithm succeed each other; one of an
/// algorithm that is no longer configured has no successor, since another replica may sign with it
/// still.
pub struct KeyLifecycle<'a> {
    /// In the order in which they sign.
    keys: Vec<&'a SigningKey>,
    lifetime: TimeDelta,
}

impl<'a> KeyLifecycle<'a> {
    /// The lives of these keys, whose tokens are accepted for `lifetime` after they were signed:
    /// the leeway counts too.
    pub fn new(keys: impl IntoIterator<Item = &'a SigningKey>, lifetime: TimeDelta) -> Self {
        let mut keys: Vec<_> = keys.into_iter().collect();
        keys.sort_by_key(|key| (key.signs_from, key.created_at, &key.kid));
        Self { keys, lifetime }
    }

    /// All of them, in the order in which they sign.
    pub fn keys(&self) -> &[&'a SigningKey] {
        &self.keys
    }

    /// The key of this algorithm that signs: the newest whose time has come. One that was succeeded
    /// never signs again. Where no time has come yet, as on a machine whose clock is behind, the
    /// first to come signs early.
    pub fn signing(&self, algorithm: &str, now: DateTime<Utc>) -> Option<&'a SigningKey> {
        let mut keys = self.of(algorithm);
        let newest = keys.clone().rfind(|key| key.signs_from <= now && ever_signs(key));
        match newest {
            Some(key) if key.retired_at.is_none() => Some(key),
            _ => keys.find(|key| key.signs_from > now && key.retired_at.is_none()),
        }
    }

    /// Until when tokens of the key are accepted; none while no end is in sight.
    pub fn verifies_until(&self, key: &SigningKey) -> Option<DateTime<Utc>> {
        let successor = || {
            let mut after = self.of(&key.algorithm).skip_while(|other| other.kid != key.kid).skip(1);
            after.find(|other| ever_signs(other))
        };
        key.retired_at.or_else(|| Some(successor()?.signs_from + self.lifetime))
    }

    /// Whether tokens of the key are accepted, and the key is published.
    pub fn verifies(&self, key: &SigningKey, now: DateTime<Utc>) -> bool {
        key.retired_at.is_none() && self.verifies_until(key).is_none_or(|until| now < until)
    }

    /// Where the key is in its life, when new tokens are signed by `algorithm`.
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

    /// When the clock alone next changes which keys sign and verify.
    pub fn next_change(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let in_service = self.keys.iter().filter(|key| key.retired_at.is_none());
        let moments = in_service.flat_map(|key| [Some(key.signs_from), self.verifies_until(key)]);
        moments.flatten().filter(|moment| *moment > now).min()
    }

    /// Whether it is time to make the successor of the newest key of this algorithm, so that each
    /// signs for `every`.
    pub fn is_due(&self, algorithm: &str, every: TimeDelta, now: DateTime<Utc>) -> bool {
        let newest = self.of(algorithm).rfind(|key| key.retired_at.is_none());
        newest.is_some_and(|key| key.signs_from + every - PUBLISHED_AHEAD <= now)
    }

    /// The keys that need not be kept any longer.
    pub fn forgotten(&self, now: DateTime<Utc>) -> impl Iterator<Item = &'a SigningKey> {
        let ended = move |key: &&'a SigningKey| {
            self.verifies_until(key).is_some_and(|until| until + KEPT_AFTERWARDS <= now)
        };
        self.keys.iter().copied().filter(ended)
    }

    fn of(&self, algorithm: &str) -> impl DoubleEndedIterator<Item = &'a SigningKey> + Clone {
        self.keys.iter().copied().filter(move |key| key.algorithm == algorithm)
    }
}

/// A key that was retired before its time came succeeds nobody.
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

    /// Just before.
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

    /// The states of the keys, in their order.
    fn states(keys: &[SigningKey], now: DateTime<Utc>) -> Vec<KeyState> {
        let lives = KeyLifecycle::new(keys, LIFETIME);
        keys.iter().map(|key| lives.state(key, "ES256", now)).collect()
    }

    #[test]
    fn a_key_is_published_then_signs_then_verifies_and_ends_at_the_very_moment() {
        use KeyState::{Next, Past, Previous, Signing};
        let keys = [key("a", 0), key("b", 600)];
        assert_eq!(states(&keys, at(0)), [Signing, Next]);
        assert_eq!(states(&keys, before(at(600))), [Signing, Next]);
        assert_eq!(states(&keys, at(600)), [Previous, Signing]);
        assert_eq!(states(&keys, before(at(600) + LIFETIME)), [Previous, Signing]);
        assert_eq!(states(&keys, at(600) + LIFETIME), [Past, Signing]);
        let lives = KeyLifecycle::new(&keys, LIFETIME);
        assert_eq!(lives.verifies_until(&keys[0]), Some(at(600) + LIFETIME));
        assert_eq!(lives.verifies_until(&keys[1]), None);
        for (now, change) in [
            (before(at(600)), Some(at(600))),
            (at(600), Some(at(600) + LIFETIME)),
            (at(600) + LIFETIME, None),
        ] {
            assert_eq!(lives.next_change(now), change);
        }
    }

    #[test]
    fn of_several_the_newest_signs_and_each_ends_with_its_own_successor() {
        use KeyState::{Next, Past, Previous, Signing};
        let keys = [key("a", 0), key("b", 100), key("c", 200), key("d", 900)];
        assert_eq!(states(&keys, at(250)), [Previous, Previous, Signing, Next]);
        assert_eq!(states(&keys, at(100) + LIFETIME), [Past, Previous, Signing, Next]);
        assert_eq!(states(&keys, at(200) + LIFETIME), [Past, Past, Signing, Next]);
    }

    #[test]
    fn an_urgent_key_signs_before_the_one_that_waits_and_gives_way_to_it() {
        use KeyState::{Next, Previous, Signing};
        let keys = [key("old", 0), key("waits", 600), key("urgent", 7)];
        assert_eq!(states(&keys, at(7)), [Previous, Next, Signing]);
        assert_eq!(states(&keys, at(600)), [Previous, Signing, Previous]);
    }

    #[test]
    fn a_retired_key_is_dead_at_once_and_whom_it_succeeded_does_not_sign_again() {
        use KeyState::{Past, Previous, Retired, Signing};
        let alone = [key("a", 0), retired("b", 100, 150)];
        assert_eq!(states(&alone, at(150)), [Previous, Retired]);
        assert_eq!(KeyLifecycle::new(&alone, LIFETIME).signing("ES256", at(150)), None);
        let keys = [key("a", 0), retired("b", 100, 150), key("c", 150)];
        assert_eq!(states(&keys, at(150)), [Previous, Retired, Signing]);
        assert_eq!(states(&keys, at(100) + LIFETIME), [Past, Retired, Signing]);
        assert!(
            !KeyLifecycle::new(&keys, LIFETIME).verifies(&keys[1], before(at(150))),
            "whatever the clock says"
        );
    }

    #[test]
    fn a_key_that_was_retired_before_it_signed_succeeds_nobody() {
        use KeyState::{Retired, Signing};
        for retired_at in [50, 100] {
            let keys = [key("a", 0), retired("b", 100, retired_at)];
            assert_eq!(states(&keys, at(10_000)), [Signing, Retired]);
            assert_eq!(KeyLifecycle::new(&keys, LIFETIME).verifies_until(&keys[0]), None);
        }
    }

    #[test]
    fn when_no_time_has_come_the_first_to_come_signs_early() {
        use KeyState::{Next, Retired, Signing};
        assert_eq!(states(&[key("b", 20), key("a", 10)], at(0)), [Next, Signing]);
        assert_eq!(states(&[retired("a", 0, 5), key("b", 10)], at(5)), [Retired, Signing]);
        assert_eq!(KeyLifecycle::new(&[], LIFETIME).signing("ES256", at(0)), None);
    }

    #[test]
    fn keys_of_another_algorithm_neither_sign_nor_end_by_themselves() {
        let eddsa = SigningKey { algorithm: "EdDSA".to_owned(), ..key("eddsa", 0) };
        let keys = [eddsa, key("es256", 10)];
        assert_eq!(states(&keys, at(1_000_000)), [KeyState::Previous, KeyState::Signing]);
        assert_eq!(KeyLifecycle::new(&keys, LIFETIME).signing("EdDSA", at(20)).unwrap().kid, "eddsa");
    }

    #[test]
    fn a_successor_is_due_so_early_that_it_takes_over_on_time() {
        let (keys, day) = ([key("a", 0)], TimeDelta::days(1));
        let lives = KeyLifecycle::new(&keys, LIFETIME);
        let due = at(0) + day - PUBLISHED_AHEAD;
        assert!(!lives.is_due("ES256", day, before(due)));
        assert!(lives.is_due("ES256", day, due));
        assert!(!lives.is_due("EdDSA", day, due), "the first key is not made by the schedule");
        let with_successor = [key("a", 0), SigningKey { signs_from: due + PUBLISHED_AHEAD, ..key("b", 0) }];
        assert!(!KeyLifecycle::new(&with_successor, LIFETIME).is_due("ES256", day, due));
        let successor_retired = [key("a", 0), retired("b", 86_400, 86_000)];
        assert!(KeyLifecycle::new(&successor_retired, LIFETIME).is_due("ES256", day, due));
    }

    #[test]
    fn a_key_is_forgotten_long_after_its_end_and_never_while_it_may_verify() {
        let keys = [key("past", 0), retired("retired", 50, 60), key("signs", 60)];
        let forgotten = |now| {
            let lives = KeyLifecycle::new(&keys, LIFETIME);
            lives.forgotten(now).map(|key| key.kid.clone()).collect::<Vec<_>>()
        };
        assert!(forgotten(before(at(60) + KEPT_AFTERWARDS)).is_empty());
        assert_eq!(forgotten(at(60) + KEPT_AFTERWARDS), ["retired"]);
        assert_eq!(forgotten(before(at(50) + LIFETIME + KEPT_AFTERWARDS)), ["retired"]);
        assert_eq!(forgotten(at(50) + LIFETIME + KEPT_AFTERWARDS), ["past", "retired"]);
        assert_eq!(forgotten(at(1_000_000_000)), ["past", "retired"]);
    }
}
