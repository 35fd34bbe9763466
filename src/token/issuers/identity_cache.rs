//! Who other issuers' users are here, remembered for a moment, so that the database is not asked
//! for it at every request.

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::{Identity, Resident};
use crate::token::access::revocation::Revocations;

/// How many are remembered; the least used go first.
const REMEMBERED: usize = 10_000;

/// How long. What ends tokens ends this at once, so it only has to be less than the five minutes
/// and more for which the fact that something was ended is kept.
const FOR: TimeDelta = TimeDelta::seconds(60);

/// Active users by who they are elsewhere.
pub(in crate::token) struct Residents(quick_cache::sync::Cache<Identity, Known>);

#[derive(Clone)]
struct Known {
    resident: Resident,
    /// [`Revocations::mark`] of before they were looked up.
    mark: u64,
    at: DateTime<Utc>,
}

impl Residents {
    pub(in crate::token) fn new() -> Self {
        Self(quick_cache::sync::Cache::new(REMEMBERED))
    }

    /// Who they are, unless that may have changed since it was looked up.
    pub(in crate::token) fn get(
        &self,
        identity: &Identity,
        revocations: &Revocations,
        now: DateTime<Utc>,
    ) -> Option<Resident> {
        let known = self.0.get(identity)?;
        let fresh = (TimeDelta::zero()..FOR).contains(&(now - known.at));
        if fresh && !revocations.changed_since(known.resident.user, known.mark) {
            return Some(known.resident);
        }
        self.0.remove(identity);
        None
    }

    /// Remembers what was looked up after `mark`.
    pub(in crate::token) fn insert(
        &self,
        identity: Identity,
        resident: Resident,
        mark: u64,
        now: DateTime<Utc>,
    ) {
        self.0.insert(identity, Known { resident, mark, at: now });
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

    fn known(mark: u64) -> Residents {
        let residents = Residents::new();
        let standing = AccountState { status: Status::Active, roles: Vec::new(), epoch_began_at: None };
        residents.insert(ada(), Resident { user: USER, standing, departed_at: None }, mark, at(0));
        residents
    }

    fn change(revocations: &Revocations, epoch: i64) {
        revocations.apply(&[Revocation { subject: Revoked::User(USER, epoch), until: at(900) }]);
    }

    #[test]
    fn what_is_remembered_ends_with_a_change_also_one_during_the_look_up_and_after_a_minute() {
        let revocations = Revocations::default();
        let mark = revocations.mark();
        let residents = known(mark);
        assert!(residents.get(&ada(), &revocations, at(59)).is_some());
        assert!(residents.get(&ada(), &revocations, at(60)).is_none());
        let residents = known(mark);
        assert!(residents.get(&ada(), &revocations, at(-1)).is_none(), "the clock was set back");
        change(&revocations, 2);
        assert!(known(mark).get(&ada(), &revocations, at(1)).is_none());
        assert!(known(revocations.mark()).get(&ada(), &revocations, at(1)).is_some());
    }

    #[test]
    fn the_same_subject_of_another_issuer_is_somebody_else() {
        let other = Identity { issuer: "https://id.example.com".to_owned(), ..ada() };
        assert!(known(0).get(&other, &Revocations::default(), at(1)).is_none());
    }
}
