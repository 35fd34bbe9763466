//! Revocations in memory, which end tokens before they expire. Replication loads them from the database,
//! and every use of a token checks them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{PoisonError, RwLock};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::authz::{Revocable, TokenSubject};
use crate::domain::{Revocation, Revoked, SessionId, SessionSet, UserId, sha256};

/// Time for which a revocation is kept after its tokens expired. The verifier's leeway extends a token's
/// life, and the clocks of replicas differ.
const KEPT_LONGER: TimeDelta = TimeDelta::minutes(5);

/// Revocations of tokens that have not expired.
#[derive(Debug, Default)]
pub struct Revocations(RwLock<Entries>);

#[derive(Debug, Default)]
struct Entries {
    /// Number of calls of [`Revocations::apply`].
    sequence: u64,
    users: HashMap<UserId, Entry>,
    clients: HashMap<String, Entry>,
    session_sets: HashMap<UserId, Vec<(SessionSet, DateTime<Utc>)>>,
    /// Until when each must be known, in milliseconds since 1970.
    sessions: HashMap<SessionId, i64>,
    /// The same, by the key of the `jti`.
    tokens: HashMap<TokenKey, i64>,
}

/// A `jti` in 16 bytes: its UUID, or the beginning of its SHA-256 when it is none. There can be many of them.
type TokenKey = [u8; 16];

fn token_key(jti: &str) -> TokenKey {
    match Uuid::try_parse(jti) {
        Ok(uuid) => uuid.into_bytes(),
        Err(_) => sha256(jti.as_bytes()).first_chunk().copied().unwrap_or_default(),
    }
}

/// Revocation of the tokens of an epoch.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Tokens of a lower epoch are revoked.
    epoch: i64,
    /// Time until which it must be known.
    until: DateTime<Utc>,
    /// [`Entries::sequence`] of its last change.
    changed: u64,
}

impl Revocations {
    /// Applies revocations at once, for the whole process. Order and repetition do not matter: a revoked
    /// token never becomes valid again.
    pub fn apply(&self, revocations: &[Revocation]) {
        if revocations.is_empty() {
            return;
        }
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        entries.sequence += 1;
        let changed = entries.sequence;
        for Revocation { subject, until } in revocations {
            let entry = |epoch| Entry { epoch, until: *until, changed };
            let millis = until.timestamp_millis();
            match subject {
                Revoked::User(id, epoch) => end(&mut entries.users, *id, entry(*epoch)),
                Revoked::Client(id, epoch) => end(&mut entries.clients, id.clone(), entry(*epoch)),
                Revoked::Session(id) => hold(&mut entries.sessions, *id, millis),
                Revoked::Sessions(set) => {
                    let sets = entries.session_sets.entry(set.user).or_default();
                    // The same revocation is read more than once, and a later one can include it.
                    if !sets.iter().any(|(known, _)| known != set && known.includes(set)) {
                        sets.retain(|(known, _)| !set.includes(known));
                        sets.push((set.clone(), *until));
                    }
                }
                Revoked::Token(jti) => hold(&mut entries.tokens, token_key(jti), millis),
            }
        }
    }

    /// Returns the present sequence number. A later read of the database sees every revocation up to it.
    pub(in crate::token) fn sequence(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).sequence
    }

    /// True when the user's tokens were revoked after `sequence`, so that cached data may be stale.
    pub(in crate::token) fn changed_since(&self, user: UserId, sequence: u64) -> bool {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        entries.users.get(&user).is_some_and(|entry| entry.changed > sequence)
    }

    /// Forgets all revocations. A test server calls it when it resets its database.
    pub(crate) fn clear(&self) {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *entries = Entries { sequence: entries.sequence + 1, ..Entries::default() };
    }

    /// Forgets revocations whose tokens have all expired by `now`.
    pub fn prune(&self, now: DateTime<Utc>) {
        let kept = |entry: &Entry| entry.until > now - KEPT_LONGER;
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        entries.users.retain(|_, entry| kept(entry));
        entries.clients.retain(|_, entry| kept(entry));
        entries.session_sets.retain(|_, sets| {
            sets.retain(|(_, until)| *until > now - KEPT_LONGER);
            !sets.is_empty()
        });
        let end = (now - KEPT_LONGER).timestamp_millis();
        entries.sessions.retain(|_, until| *until > end);
        entries.tokens.retain(|_, until| *until > end);
        entries.sessions.shrink_to_fit();
        entries.tokens.shrink_to_fit();
    }

    /// True when the token is revoked. A user's token without an epoch is checked by the account state
    /// instead, when it is confirmed. A token of an external user is checked by the account state alone.
    pub(in crate::token) fn is_revoked(&self, token: &Revocable) -> bool {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let user_epoch = |id| entries.users.get(id).map(|entry| entry.epoch);
        let client_epoch = |id| entries.clients.get(id).map(|entry| entry.epoch);
        let (user, client) = match &token.subject {
            TokenSubject::User(id) => (user_epoch(id), token.client_id.as_ref().and_then(client_epoch)),
            TokenSubject::Client(id) => (None, client_epoch(id)),
            TokenSubject::External(_) => (None, None),
        };
        let has_ended = |id| entries.sessions.contains_key(&id) && !fault!(session_not_checked);
        (user.is_some_and(|epoch| token.is_before_user_epoch(epoch)) && !fault!(user_epoch_not_compared))
            || (client.is_some_and(|epoch| token.is_before_client_epoch(epoch))
                && !fault!(client_epoch_not_compared))
            || token.session.is_some_and(has_ended)
            || entries.sets_of(token).any(|(set, _)| token.is_in(set))
            || !entries.tokens.is_empty()
                && !fault!(token_id_not_checked)
                && token.jti.as_ref().is_some_and(|jti| entries.tokens.contains_key(&token_key(jti)))
    }
}

impl Entries {
    fn sets_of(&self, token: &Revocable) -> impl Iterator<Item = &(SessionSet, DateTime<Utc>)> {
        let sets = match &token.subject {
            TokenSubject::User(id) => self.session_sets.get(id),
            TokenSubject::Client(_) | TokenSubject::External(_) => None,
        };
        sets.into_iter().flatten()
    }
}

fn hold<K: Hash + Eq>(entries: &mut HashMap<K, i64>, key: K, until: i64) {
    let held = entries.entry(key).or_insert(until);
    *held = until.max(*held);
}

fn end<K: Hash + Eq>(entries: &mut HashMap<K, Entry>, key: K, new: Entry) {
    let entry = entries.entry(key).or_insert(new);
    // The same revocation is read more than once. Only a new value counts as a change.
    if new.epoch > entry.epoch || new.until > entry.until {
        entry.changed = new.changed;
    }
    entry.epoch = entry.epoch.max(new.epoch);
    entry.until = entry.until.max(new.until);
}

#[cfg(test)]
mod tests {
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

    fn user(epoch: Option<i64>, session: Option<SessionId>) -> Revocable {
        let token = client("app", epoch);
        Revocable { subject: TokenSubject::User(USER), session, ..token }
    }

    fn client(id: &str, epoch: Option<i64>) -> Revocable {
        let subject = TokenSubject::Client(id.to_owned());
        let (client_id, jti, issued_at) = (Some(id.to_owned()), Some("one".to_owned()), until(500));
        Revocable { subject, epoch, session: None, client_id, client_epoch: None, jti, issued_at }
    }

    #[test]
    fn revokes_tokens_of_an_earlier_epoch_alone() {
        let known = revocations(&[Revoked::User(USER, 3), Revoked::Client("app".to_owned(), 2)]);
        assert!(known.is_revoked(&user(Some(2), None)));
        assert!(!known.is_revoked(&user(Some(3), None)));
        assert!(!known.is_revoked(&user(None, None)));
        assert!(known.is_revoked(&client("app", Some(1))));
        assert!(known.is_revoked(&client("app", None)));
        assert!(!known.is_revoked(&client("app", Some(2))));
        assert!(!known.is_revoked(&client("other", None)));
    }

    #[test]
    fn client_with_the_id_of_a_user_has_its_own_revocations() {
        let known = revocations(&[Revoked::User(USER, 3)]);
        assert!(!known.is_revoked(&client(&USER.to_string(), Some(0))));
    }

    #[test]
    fn revoking_a_client_revokes_its_tokens_of_users() {
        let known = revocations(&[Revoked::Client("app".to_owned(), 500_001)]);
        assert!(known.is_revoked(&user(Some(9), None)));
        let later = Revocable { issued_at: until(501), ..user(Some(9), None) };
        assert!(!known.is_revoked(&later));
        let of_epoch = |epoch| Revocable { client_epoch: Some(epoch), ..later.clone() };
        assert!(known.is_revoked(&of_epoch(500_000)), "the client was read before the revocation");
        assert!(!known.is_revoked(&of_epoch(500_001)));
        let other = Revocable { client_id: Some("other".to_owned()), ..user(Some(9), None) };
        assert!(!known.is_revoked(&other));
    }

    #[test]
    fn jti_revokes_one_token_alone() {
        let known = revocations(&[Revoked::Token("one".to_owned())]);
        assert!(known.is_revoked(&client("app", Some(9))) && known.is_revoked(&user(Some(9), None)));
        assert!(!known.is_revoked(&Revocable { jti: Some("two".to_owned()), ..user(Some(9), None) }));
    }

    #[test]
    fn ended_session_revokes_tokens_of_any_epoch() {
        let known = revocations(&[Revoked::Session(SESSION)]);
        assert!(known.is_revoked(&user(Some(9), Some(SESSION))));
        assert!(known.is_revoked(&user(None, Some(SESSION))));
        assert!(!known.is_revoked(&user(Some(9), None)));
    }

    #[test]
    fn late_older_revocation_revives_no_token() {
        let known = revocations(&[Revoked::User(USER, 5), Revoked::User(USER, 3)]);
        assert!(known.is_revoked(&user(Some(4), None)));
    }

    #[test]
    fn repeated_revocation_is_not_a_change() {
        let known = revocations(&[Revoked::User(USER, 3)]);
        let sequence = known.sequence();
        assert!(known.changed_since(USER, sequence - 1) && !known.changed_since(USER, sequence));
        let again = |epoch, seconds| {
            known.apply(&[Revocation { subject: Revoked::User(USER, epoch), until: until(seconds) }]);
        };
        again(3, 1_000);
        again(2, 900);
        assert!(!known.changed_since(USER, sequence), "it was known before");
        again(3, 1_001);
        assert!(known.changed_since(USER, sequence));
        assert!(!known.changed_since(UserId(Uuid::from_u128(9)), sequence));
    }

    #[test]
    fn prunes_a_revocation_after_its_last_token_expired() {
        let known = revocations(&[Revoked::Session(SESSION)]);
        known.prune(until(1_000) + KEPT_LONGER - TimeDelta::seconds(1));
        assert!(known.is_revoked(&user(None, Some(SESSION))));
        known.prune(until(1_000) + KEPT_LONGER);
        assert!(!known.is_revoked(&user(None, Some(SESSION))));
    }
}
