//! Decisions: the first argument of every handler.

use super::{Access, Argument, Call, Code, Description, DryRun, Named, PathId, Problem};
use crate::authz::action::{Action, Create};
use crate::authz::{
    Allowed, Caller, Can, Explanation, HypotheticalCaller, Preview, Reach, Refusal, Registration, Resource,
    Rule, Sealed,
};
use crate::domain::{User, UserId};
use crate::store::{StoreError, Stored};

/// First argument of every handler. It is made before the rest of the request is read. Only types of this
/// crate can implement it.
#[diagnostic::on_unimplemented(
    message = "the first argument of a handler must be a decision, but `{Self}` is not a decision",
    label = "make the first argument `Allowed<Note, Read>`, `Reach<Note, List>` or `Public`",
    note = "`Allowed<Note, Read>` is for one record, `Reach<Note, List>` for a collection",
    note = "`Public` and `Authenticated` are for routes without a rule"
)]
pub trait Decision: closed::Closed + Sized + 'static {
    /// Returns the access rule of the route.
    fn access() -> Access;

    /// Makes the decision.
    ///
    /// # Errors
    /// The refusal, or what prevented a decision.
    fn decide(call: &mut Call) -> impl Future<Output = Result<Self, Problem>>;

    /// Explains the decision for a hypothetical caller.
    fn dry_run(inputs: &DryRun<'_>) -> impl Future<Output = Result<Explanation, StoreError>> {
        std::future::ready(Ok(match Self::access() {
            Access::Public => Explanation::open_to_everybody(inputs.who),
            Access::Client => Explanation::by_client_authentication(inputs.who),
            _ => Explanation::by_any_token(inputs.who),
        }))
    }

    /// Describes the route, besides its access.
    fn describe(_: &mut Description) {}
}

pub(crate) mod closed {
    /// Supertrait that no other crate can implement.
    pub trait Closed {}
}

impl closed::Closed for Public {}
impl closed::Closed for Authenticated {}
impl closed::Closed for Registration {}
impl<R: Resource, A> closed::Closed for Allowed<R, A> {}
impl<R: Resource, A> closed::Closed for Own<R, A> {}
impl<R: Resource, A> closed::Closed for Reach<R, A> {}

/// Decision of a public route: every caller is allowed. The handler must not touch a user's record.
pub struct Public(());

/// Decision of a route for every valid access token. The handler must touch only what the token names.
pub struct Authenticated(Caller);

impl Authenticated {
    /// Returns the caller.
    pub fn caller(&self) -> &Caller {
        &self.0
    }
}

impl Decision for Public {
    fn access() -> Access {
        Access::Public
    }

    async fn decide(_: &mut Call) -> Result<Self, Problem> {
        Ok(Self(()))
    }
}

impl Decision for Authenticated {
    fn access() -> Access {
        Access::Authenticated
    }

    async fn decide(call: &mut Call) -> Result<Self, Problem> {
        call.caller().await.map(Self)
    }
}

impl<R, A> Decision for Allowed<R, A>
where
    R: Resource + Can<A> + Stored,
    R::Id: PathId,
    A: Action,
{
    fn access() -> Access {
        Access::Record(Rule::of::<R, A>())
    }

    /// Decides in the order of the contract: scope, owner, lookup, state, rank. The first two do not use the
    /// database.
    async fn decide(call: &mut Call) -> Result<Self, Problem> {
        let caller = call.caller().await?;
        let reach = caller.reach::<R, A>()?;
        let id = match R::Id::from_path(&call.segments(), caller.user_id()) {
            Named::Record(id) => id,
            Named::Nothing => return Err(reach.no_such_record().into()),
            Named::NothingOf(owner) => return Err(reach.no_such_record_of(owner).into()),
            Named::NoOwn => return Err(reach.no_own_record().into()),
        };
        let refused = |refusal: Refusal| refusal.on(&id, R::owner_by_id(&id));
        reach.admit(&id).map_err(refused)?;
        let sealed: Sealed<R> = call.services().store.find(id.clone(), reach.lookup_filter()).await?;
        let allowed = caller.open(sealed).map_err(refused)?;
        // The store audits every change.
        call.looks_at(&allowed);
        if A::CHANGES {
            call.keep_read_only(allowed.read_only_members());
        }
        Ok(allowed)
    }

    async fn dry_run(inputs: &DryRun<'_>) -> Result<Explanation, StoreError> {
        let preview = match Preview::<R, A>::begin(inputs.who) {
            Ok(preview) => preview,
            Err(explanation) => return Ok(*explanation),
        };
        match R::Id::from_path(&inputs.path, inputs.who.and_then(HypotheticalCaller::user_id)) {
            Named::Record(id) => inputs.of_record(preview, id).await,
            Named::Nothing => Ok(preview.of_no_record()),
            Named::NothingOf(owner) => Ok(preview.of_no_record_of(owner)),
            Named::NoOwn => Ok(preview.of_no_own_record()),
        }
    }

    fn describe(description: &mut Description) {
        R::Id::describe(description);
        description.decides_on::<R, A>();
        description.check_owner_in_url::<R>();
    }
}

/// Decision on the caller's own record, for a path without an id.
///
/// ```
/// # use cloakroom::{authz::action::Read, domain::User, http::{Own, Problem, Shown}};
/// async fn me(user: Own<User, Read>) -> Result<Shown<User>, Problem> {
///     Ok(user.into_allowed().into())
/// }
/// ```
#[must_use = "a decision has no effect unless it is used"]
pub struct Own<R: Resource, A>(Allowed<R, A>);

impl<R: Resource, A> Own<R, A> {
    /// Returns the decision.
    pub fn into_allowed(self) -> Allowed<R, A> {
        self.0
    }
}

impl<R: Resource, A> std::ops::Deref for Own<R, A> {
    type Target = Allowed<R, A>;

    fn deref(&self) -> &Allowed<R, A> {
        &self.0
    }
}

impl<R, A> Decision for Own<R, A>
where
    R: Resource + Can<A> + Stored,
    R::Id: From<UserId>,
    A: Action,
{
    fn access() -> Access {
        Access::Own(Rule::of::<R, A>())
    }

    async fn decide(call: &mut Call) -> Result<Self, Problem> {
        let caller = call.caller().await?;
        let reach = caller.reach::<R, A>()?;
        let id: R::Id = caller.user_id().ok_or_else(|| reach.no_own_record())?.into();
        let sealed: Sealed<R> = call.services().store.find(id.clone(), reach.lookup_filter()).await?;
        let allowed: Allowed<R, A> =
            caller.open(sealed).map_err(|refusal| refusal.on(&id, R::owner_by_id(&id)))?;
        if A::CHANGES {
            call.keep_read_only(allowed.read_only_members());
        }
        Ok(Self(allowed))
    }

    async fn dry_run(inputs: &DryRun<'_>) -> Result<Explanation, StoreError> {
        let preview = match Preview::<R, A>::begin(inputs.who) {
            Ok(preview) => preview,
            Err(explanation) => return Ok(*explanation),
        };
        match inputs.who.and_then(HypotheticalCaller::user_id) {
            Some(own) => inputs.of_record(preview, own.into()).await,
            None => Ok(preview.of_no_own_record()),
        }
    }

    fn describe(description: &mut Description) {
        description.decides_on::<R, A>();
    }
}

impl<R: Can<A>, A: Action> Decision for Reach<R, A> {
    fn access() -> Access {
        Access::Collection(Rule::of::<R, A>())
    }

    async fn decide(call: &mut Call) -> Result<Self, Problem> {
        let reach = call.caller().await?.reach::<R, A>()?;
        reach.admit_collection()?;
        call.looks_within(&reach);
        if A::CHANGES {
            call.keep_read_only(reach.read_only_members());
        }
        Ok(reach)
    }

    async fn dry_run(inputs: &DryRun<'_>) -> Result<Explanation, StoreError> {
        Ok(Preview::<R, A>::begin(inputs.who).map_or_else(|explanation| *explanation, Preview::of_collection))
    }
}

impl Decision for Registration {
    fn access() -> Access {
        Access::PublicWhileOpen(Rule::of::<User, Create>())
    }

    async fn decide(call: &mut Call) -> Result<Self, Problem> {
        if call.services().registration_open {
            return Ok(Registration::open_to(call.caller_if_any().await?, call.origin()));
        }
        let reach = Reach::decide(call).await;
        reach
            .map(Registration::from)
            .map_err(|problem| problem.instead(Code::Unauthenticated, Code::RegistrationClosed))
    }

    async fn dry_run(inputs: &DryRun<'_>) -> Result<Explanation, StoreError> {
        if inputs.registration_open {
            return Ok(Explanation::open_to_everybody(inputs.who));
        }
        Reach::<User, Create>::dry_run(inputs).await
    }
}

/// The registration of the user of a browser, by a form. An access token has no part in it.
pub(crate) struct SelfRegistration(pub(crate) Registration);

impl Argument for SelfRegistration {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        match call.services().registration_open {
            true => Ok(Self(Registration::open_to(None, call.origin()))),
            false => Err(Problem::new(Code::RegistrationClosed)),
        }
    }

    fn describe(description: &mut Description) {
        description.problems.push(Code::RegistrationClosed);
    }
}
