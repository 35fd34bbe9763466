//! Cache of the accounts of external users, so that not every request reads the database.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{Identity, LinkedUser};
use crate::token::Revocations;

/// Most cached accounts; the least used are evicted first.
const CAPACITY: usize = 10_000;

/// Lifetime of an entry. A revocation ends an entry at once. The lifetime must be shorter than the five
/// minutes for which revocations are kept at least.
const LIFETIME: TimeDelta = TimeDelta::seconds(60);

/// Linked accounts by external identity.
pub(in crate::token) struct IdentityCache(quick_cache::sync::Cache<Identity, Entry>);

#[derive(Clone)]
struct Entry {
    linked: LinkedUser,
    /// [`Revocations::sequence`] before the look-up.
    sequence: u64,
    at: DateTime<Utc>,
}

impl IdentityCache {
    pub(in crate::token) fn new() -> Self {
        Self(quick_cache::sync::Cache::new(CAPACITY))
    }

    /// Returns the linked account, unless it may have changed since the look-up.
    pub(in crate::token) fn get(
        &self,
        identity: &Identity,
        revocations: &Revocations,
        now: DateTime<Utc>,
    ) -> Option<LinkedUser> {
        let entry = self.0.get(identity)?;
        let fresh = (TimeDelta::zero()..LIFETIME).contains(&(now - entry.at));
        if fresh && !revocations.changed_since(entry.linked.user, entry.sequence) {
            return Some(entry.linked);
        }
        self.0.remove(identity);
        None
    }

    /// Caches an account that was looked up after `sequence` was read.
    pub(in crate::token) fn insert(
        &self,
        identity: Identity,
        linked: LinkedUser,
        sequence: u64,
        now: DateTime<Utc>,
    ) {
        self.0.insert(identity, Entry { linked, sequence, at: now });
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::domain::{AccountState, Revocation, Revoked, Status, UserId};

    const USER: UserId = UserId(Uuid::from_u128(1));

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    fn ada() -> Identity {
        Identity { issuer: "https://id.example.org".to_owned(), subject: "ada".to_owned() }
    }

    fn known(sequence: u64) -> IdentityCache {
        let identities = IdentityCache::new();
        let state = AccountState { status: Status::Active, roles: Vec::new(), epoch_began_at: None };
        identities.insert(ada(), LinkedUser { user: USER, state, departed_at: None }, sequence, at(0));
        identities
    }

    fn change(revocations: &Revocations, epoch: i64) {
        revocations.apply(&[Revocation { subject: Revoked::User(USER, epoch), until: at(900) }]);
    }

    #[test]
    fn entry_ends_with_a_change_or_after_a_minute() {
        let revocations = Revocations::default();
        let sequence = revocations.sequence();
        let identities = known(sequence);
        assert!(identities.get(&ada(), &revocations, at(59)).is_some());
        assert!(identities.get(&ada(), &revocations, at(60)).is_none());
        let identities = known(sequence);
        assert!(identities.get(&ada(), &revocations, at(-1)).is_none(), "the clock was set back");
        change(&revocations, 2);
        assert!(known(sequence).get(&ada(), &revocations, at(1)).is_none());
        assert!(known(revocations.sequence()).get(&ada(), &revocations, at(1)).is_some());
    }

    #[test]
    fn same_subject_of_another_issuer_is_another_user() {
        let other = Identity { issuer: "https://id.example.com".to_owned(), ..ada() };
        assert!(known(0).get(&other, &Revocations::default(), at(1)).is_none());
    }
}
