//! Revocations in memory: what ends a token before it expires. Another part feeds them from the
//! database; every use of a token asks them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{Newcomer, Revocation, Revoked, SessionId, UserId};

/// How much longer than its time a revocation is kept: a token lives on for the verifier's leeway
/// after it expired, and replicas' clocks differ.
const KEPT_LONGER: TimeDelta = TimeDelta::minutes(5);

/// Whom a token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::token) enum Speaker {
    User(UserId),
    Client(String),
    /// A person as another issuer names them; who that is here has to be looked up.
    Stranger(Arc<Newcomer>),
}

/// By what a token can be revoked.
#[derive(Clone, Debug)]
pub(in crate::token) struct Bearer {
    pub(in crate::token) speaker: Speaker,
    /// None when it was minted elsewhere.
    pub(in crate::token) epoch: Option<i64>,
    pub(in crate::token) session: Option<SessionId>,
    /// The client that it was issued to.
    pub(in crate::token) client_id: Option<String>,
    /// The token's own id.
    pub(in crate::token) jti: Option<String>,
    pub(in crate::token) issued_at: DateTime<Utc>,
}

/// The revocations that still matter.
#[derive(Debug, Default)]
pub struct Revocations(RwLock<Ended>);

#[derive(Debug, Default)]
struct Ended {
    /// How often anything was put in force.
    applied: u64,
    users: HashMap<UserId, Entry>,
    clients: HashMap<String, Entry>,
    sessions: HashMap<SessionId, Entry>,
    tokens: HashMap<String, Entry>,
}

/// The epoch before which tokens are dead (of no meaning for a session), and until when that
/// needs to be known.
#[derive(Clone, Copy, Debug)]
struct Entry {
    epoch: i64,
    until: DateTime<Utc>,
    /// When it last changed, as [`Ended::applied`] counts.
    changed: u64,
}

impl Revocations {
    /// Puts revocations in force, at once and for the whole process. In any order and as often as
    /// one likes: nothing that was ended comes alive again.
    pub fn apply(&self, revocations: &[Revocation]) {
        if revocations.is_empty() {
            return;
        }
        let mut ended = self.0.write().unwrap_or_else(PoisonError::into_inner);
        ended.applied += 1;
        let changed = ended.applied;
        for Revocation { subject, until } in revocations {
            let entry = |epoch| Entry { epoch, until: *until, changed };
            match subject {
                Revoked::User(id, epoch) => end(&mut ended.users, *id, entry(*epoch)),
                Revoked::Client(id, epoch) => end(&mut ended.clients, id.clone(), entry(*epoch)),
                Revoked::Session(id) => end(&mut ended.sessions, *id, entry(0)),
                Revoked::Token(jti) => end(&mut ended.tokens, jti.clone(), entry(0)),
            }
        }
    }

    /// A mark in time: what is read from the database from now on has seen all that was put in
    /// force before it.
    pub(in crate::token) fn mark(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).applied
    }

    /// Whether anything of the user was ended since, so that what was known of them may be old.
    pub(in crate::token) fn changed_since(&self, user: UserId, mark: u64) -> bool {
        let ended = self.0.read().unwrap_or_else(PoisonError::into_inner);
        ended.users.get(&user).is_some_and(|entry| entry.changed > mark)
    }

    /// Forgets all of them, together with the tokens that they ended: on a server made for tests.
    pub(crate) fn forget(&self) {
        let mut ended = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *ended = Ended { applied: ended.applied + 1, ..Ended::default() };
    }

    /// Forgets those whose tokens have all expired by `now`.
    pub fn prune(&self, now: DateTime<Utc>) {
        let kept = |entry: &Entry| entry.until > now - KEPT_LONGER;
        let mut ended = self.0.write().unwrap_or_else(PoisonError::into_inner);
        ended.users.retain(|_, entry| kept(entry));
        ended.clients.retain(|_, entry| kept(entry));
        ended.sessions.retain(|_, entry| kept(entry));
        ended.tokens.retain(|_, entry| kept(entry));
    }

    /// Whether the bearer's token is dead. A user's token without an epoch is not judged by
    /// epochs here, but by the user's standing; a client's is taken for one of before any.
    /// Another issuer's user is judged by their standing alone.
    pub(in crate::token) fn ended(&self, bearer: &Bearer) -> bool {
        let ended = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let before = |entry: &Entry, epoch: i64| epoch < entry.epoch;
        let of_client = |id: &String| ended.clients.get(id);
        let by_epoch = match &bearer.speaker {
            Speaker::User(id) => {
                let through = bearer.client_id.as_ref().and_then(of_client);
                let user = |epoch| ended.users.get(id).is_some_and(|entry| before(entry, epoch));
                bearer.epoch.is_some_and(user)
                    || through.is_some_and(|entry| before(entry, bearer.issued_at.timestamp_millis()))
            }
            Speaker::Client(id) => {
                let epoch = bearer.epoch.unwrap_or(i64::MIN);
                of_client(id).is_some_and(|entry| before(entry, epoch))
            }
            Speaker::Stranger(_) => false,
        };
        by_epoch
            || bearer.session.is_some_and(|id| ended.sessions.contains_key(&id))
            || bearer.jti.as_ref().is_some_and(|jti| ended.tokens.contains_key(jti))
    }
}

fn end<K: Hash + Eq>(entries: &mut HashMap<K, Entry>, key: K, new: Entry) {
    let entry = entries.entry(key).or_insert(new);
    // A revocation is read more than once; only what it adds is a change.
    if new.epoch > entry.epoch || new.until > entry.until {
        entry.changed = new.changed;
    }
    entry.epoch = entry.epoch.max(new.epoch);
    entry.until = entry.until.max(new.until);
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const USER: UserId = UserId(Uuid::from_u128(1));
    const SESSION: SessionId = SessionId(Uuid::from_u128(2));

    fn until(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(seconds, 0).unwrap()
    }

    fn revocations(subjects: &[Revoked]) -> Revocations {
        let revocations = Revocations::default();
        for subject in subjects {
            revocations.apply(&[Revocation { subject: subject.clone(), until: until(1_000) }]);
        }
        revocations
    }

    fn user(epoch: Option<i64>, session: Option<SessionId>) -> Bearer {
        let bearer = client("app", epoch);
        Bearer { speaker: Speaker::User(USER), session, ..bearer }
    }

    fn client(id: &str, epoch: Option<i64>) -> Bearer {
        let speaker = Speaker::Client(id.to_owned());
        let (client_id, jti, issued_at) = (Some(id.to_owned()), Some("one".to_owned()), until(500));
        Bearer { speaker, epoch, session: None, client_id, jti, issued_at }
    }

    #[test]
    fn tokens_of_an_earlier_epoch_are_dead_and_no_others() {
        let known = revocations(&[Revoked::User(USER, 3), Revoked::Client("app".to_owned(), 2)]);
        assert!(known.ended(&user(Some(2), None)));
        assert!(!known.ended(&user(Some(3), None)));
        assert!(!known.ended(&user(None, None)));
        assert!(known.ended(&client("app", Some(1))));
        assert!(known.ended(&client("app", None)));
        assert!(!known.ended(&client("app", Some(2))));
        assert!(!known.ended(&client("other", None)));
    }

    #[test]
    fn a_client_named_like_a_user_does_not_share_its_revocations() {
        let known = revocations(&[Revoked::User(USER, 3)]);
        assert!(!known.ended(&client(&USER.to_string(), Some(0))));
    }

    #[test]
    fn what_a_user_gave_a_client_is_dead_with_the_client() {
        let known = revocations(&[Revoked::Client("app".to_owned(), 500_001)]);
        assert!(known.ended(&user(Some(9), None)));
        let later = Bearer { issued_at: until(501), ..user(Some(9), None) };
        assert!(!known.ended(&later));
        let other = Bearer { client_id: Some("other".to_owned()), ..user(Some(9), None) };
        assert!(!known.ended(&other));
    }

    #[test]
    fn a_token_is_ended_alone_by_its_own_id() {
        let known = revocations(&[Revoked::Token("one".to_owned())]);
        assert!(known.ended(&client("app", Some(9))) && known.ended(&user(Some(9), None)));
        assert!(!known.ended(&Bearer { jti: Some("two".to_owned()), ..user(Some(9), None) }));
    }

    #[test]
    fn the_tokens_of_an_ended_session_are_dead_whatever_their_epoch() {
        let known = revocations(&[Revoked::Session(SESSION)]);
        assert!(known.ended(&user(Some(9), Some(SESSION))));
        assert!(known.ended(&user(None, Some(SESSION))));
        assert!(!known.ended(&user(Some(9), None)));
    }

    #[test]
    fn an_older_revocation_that_comes_late_brings_nothing_back() {
        let known = revocations(&[Revoked::User(USER, 5), Revoked::User(USER, 3)]);
        assert!(known.ended(&user(Some(4), None)));
    }

    #[test]
    fn a_user_has_changed_since_a_mark_when_something_new_was_said_of_them() {
        let known = revocations(&[Revoked::User(USER, 3)]);
        let mark = known.mark();
        assert!(known.changed_since(USER, mark - 1) && !known.changed_since(USER, mark));
        let again = |epoch, seconds| {
            known.apply(&[Revocation { subject: Revoked::User(USER, epoch), until: until(seconds) }]);
        };
        again(3, 1_000);
        again(2, 900);
        assert!(!known.changed_since(USER, mark), "it was known already");
        again(3, 1_001);
        assert!(known.changed_since(USER, mark));
        assert!(!known.changed_since(UserId(Uuid::from_u128(9)), mark));
    }

    #[test]
    fn a_revocation_is_forgotten_only_when_no_token_can_be_left() {
        let known = revocations(&[Revoked::Session(SESSION)]);
        known.prune(until(1_000) + KEPT_LONGER - TimeDelta::seconds(1));
        assert!(known.ended(&user(None, Some(SESSION))));
        known.prune(until(1_000) + KEPT_LONGER);
        assert!(!known.ended(&user(None, Some(SESSION))));
    }
}
