//! Decision on the records of the user whom the path names.

use super::decision::closed::Closed;
use super::{Access, Call, Decision, Description, DryRun, Named, PathId, Problem};
use crate::authz::action::{Action, Create};
use crate::authz::{
    Allowed, Can, Explanation, HypotheticalCaller, OwnerFrom, Preview, Reach, Refusal, Resource, RowFilter,
    Rule, Sealed,
};
use crate::domain::{User, UserId};
use crate::store::StoreError;

/// Proof that the caller may do `A` to the records of the user that the path names as `{id}`: to list or to create
/// the records below a user, whose ids are [`OwnedId`](crate::domain::OwnedId)s. The refusal of another user precedes
/// every look-up.
///
/// ```
/// # use cloakroom::authz::{Can, action::List};
/// # use cloakroom::http::{ListOf, Listed, Problem, ReachOf};
/// # use cloakroom::store::{Repository, Store};
/// async fn list<R: Repository + Can<List>>(
///     reach: ReachOf<R, List>,
///     list: ListOf<R>,
///     store: Store,
/// ) -> Result<Listed<R>, Problem> {
///     list.of(reach, &store).await
/// }
/// ```
#[must_use = "a proof must be used"]
pub struct ReachOf<R: Resource, A> {
    owner: UserId,
    reach: Reach<R, A>,
}

impl<R: Resource, A> ReachOf<R, A> {
    /// Returns the user.
    pub fn owner(&self) -> UserId {
        self.owner
    }

    /// Returns the proof for records of any owner, and the filter of the records of this one.
    pub(super) fn into_parts(self) -> (Reach<R, A>, RowFilter) {
        (self.reach, RowFilter::of_owner(self.owner))
    }
}

impl<R: Resource> ReachOf<R, Create> {
    /// Returns the proof that the caller may create this record of the user.
    ///
    /// # Errors
    /// [`Reason::NotOwner`](crate::authz::Reason::NotOwner) for a record of another user,
    /// [`Reason::AboveCaller`](crate::authz::Reason::AboveCaller).
    pub fn make(self, record: R) -> Result<Allowed<R, Create>, Refusal> {
        if record.owner() != Some(self.owner) {
            return Err(self.reach.no_own_record());
        }
        self.reach.make(record)
    }
}

impl<R: Resource, A> Closed for ReachOf<R, A> {}

impl<R: Can<A>, A: Action> Decision for ReachOf<R, A> {
    fn access() -> Access {
        Access::CollectionOf(Rule::of::<R, A>())
    }

    async fn decide(call: &mut Call) -> Result<Self, Problem> {
        let caller = call.caller().await?;
        let reach = caller.reach::<R, A>()?;
        let owner = match UserId::from_path(&call.segments(), caller.user_id()) {
            Named::Record(owner) | Named::NothingOf(owner) => owner,
            Named::Nothing => return Err(reach.no_such_record().into()),
            Named::NoOwn => return Err(reach.no_own_record().into()),
        };
        reach.admit_owner(owner)?;
        if caller.user_id() != Some(owner) {
            let user: Sealed<User> =
                call.services().store.find(owner, RowFilter::unrestricted(&caller)).await?;
            if !user.is_found() {
                return Err(reach.no_such_record_of(owner).into());
            }
            call.looks_at_records_of(&reach, owner);
        }
        if A::CHANGES {
            call.keep_read_only(reach.read_only_members());
        }
        Ok(Self { owner, reach })
    }

    async fn dry_run(inputs: &DryRun<'_>) -> Result<Explanation, StoreError> {
        let preview = match Preview::<R, A>::begin(inputs.who) {
            Ok(preview) => preview,
            Err(explanation) => return Ok(*explanation),
        };
        Ok(match UserId::from_path(&inputs.path, inputs.who.and_then(HypotheticalCaller::user_id)) {
            Named::Record(owner) | Named::NothingOf(owner) => preview.of_collection_of(owner),
            Named::Nothing => preview.of_no_record(),
            Named::NoOwn => preview.of_no_own_record(),
        })
    }

    fn describe(description: &mut Description) {
        UserId::describe(description);
        description.names_a_record();
        description.members = R::MEMBERS;
        if R::OWNER != OwnerFrom::Url {
            description.faults.push(format!(
                "ReachOf is for records below a user, and the owner of a {} is not in its URL: set Resource::OWNER to \
                 OwnerFrom::Url, or take Reach",
                R::NAME
            ));
        }
    }
}
