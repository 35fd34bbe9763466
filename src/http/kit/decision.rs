//! Decisions as arguments: the first thing that every handler takes, and the only way in.

use super::description::Description;
use super::path_id::{Named, PathId, PathSegments};
use super::problem::Problem;
use super::request::Call;
use crate::authz::action::{Action, Create, Read};
use crate::authz::{
    Allowed, Caller, Can, Event, Explanation, Question, Reach, Refusal, Registration, Resource, Rule, Sealed,
    Supposed,
};
use crate::domain::{User, UserId};
use crate::store::{Store, StoreError, Stored};

/// Who gets in, as the matrix and the OpenAPI document tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Public,
    /// A client that proves who it is (RFC 6749 §2.3).
    Client,
    /// Any acceptable access token; nothing but what the token itself names is touched.
    Authenticated,
    /// Everybody while registration is open, otherwise as the rule says.
    PublicWhileOpen(&'static Rule),
    /// To one record, as the rule says.
    Record(&'static Rule),
    /// To the caller's own record, as the rule says.
    Own(&'static Rule),
    /// To a collection, as the rule says.
    Collection(&'static Rule),
}

impl Access {
    /// Whether an access token that comes along is looked at.
    pub fn looks_at_tokens(&self) -> bool {
        !matches!(self, Self::Public | Self::Client)
    }

    /// The rule, where there is one.
    pub fn rule(&self) -> Option<&'static Rule> {
        match self {
            Self::Public | Self::Client | Self::Authenticated => None,
            Self::PublicWhileOpen(rule) | Self::Record(rule) | Self::Own(rule) | Self::Collection(rule) => {
                Some(rule)
            }
        }
    }
}

/// The first argument of every handler: made before anything else of the request is looked at.
/// Nothing else than what this crate has can be it.
#[diagnostic::on_unimplemented(
    message = "the first argument of a handler must be a decision, and `{Self}` is none",
    label = "let the handler begin with `Allowed<Note, Read>`, with `Reach<Note, List>` or with `Public`",
    note = "`Allowed<Note, Read>` is one record, `Reach<Note, List>` a collection",
    note = "`Public` and `Authenticated` say that there is nothing to decide"
)]
pub trait Decision: closed::Closed + Sized + 'static {
    /// Who gets in.
    fn access() -> Access;

    /// Makes the decision, or refuses.
    fn decide(call: &mut Call) -> impl Future<Output = Result<Self, Problem>>;

    /// What it would be, for somebody who is only supposed to call, and why.
    fn foresee(asked: &Foresight<'_>) -> impl Future<Output = Result<Explanation, StoreError>> {
        std::future::ready(Ok(match Self::access() {
            Access::Public => Explanation::open_to_everybody(asked.who),
            Access::Client => Explanation::by_client_authentication(asked.who),
            _ => Explanation::by_any_token(asked.who),
        }))
    }

    /// What it means for the API's description, besides the access.
    fn describe(_: &mut Description) {}
}

/// A decision that somebody asks about before it is made.
pub struct Foresight<'a> {
    /// Where records are looked up.
    pub(crate) store: &'a Store,
    /// Who is supposed to call; nobody without a token.
    pub(crate) who: Option<&'a Supposed>,
    /// The path's segments.
    pub(crate) path: PathSegments<'a>,
    /// Who asks, and is told of no record that they may not read.
    pub(crate) asker: &'a Caller,
    /// Whether anybody may register.
    pub(crate) registration_open: bool,
}

impl Foresight<'_> {
    /// Of a record that was found to be asked about.
    async fn of_record<R, A>(&self, question: Question<R, A>, id: R::Id) -> Result<Explanation, StoreError>
    where
        R: Resource + Can<A> + Can<Read> + Stored,
        A: Action,
    {
        let question = match question.of_id(&id) {
            Ok(question) => question,
            Err(explanation) => return Ok(*explanation),
        };
        let found = self.store.find(id.clone(), question.sight()).await?;
        let seen = match self.asker.reach::<R, Read>() {
            Ok(reach) => self.store.find(id, reach.sight_of_one()).await?,
            Err(_) => Sealed::nothing(),
        };
        Ok(question.of_record(found, self.asker, seen))
    }
}

pub(crate) mod closed {
    /// Nobody else implements what asks for it.
    pub trait Closed {}
}

impl closed::Closed for Public {}
impl closed::Closed for Authenticated {}
impl closed::Closed for Registration {}
impl<R: Resource, A> closed::Closed for Allowed<R, A> {}
impl<R: Resource, A> closed::Closed for Own<R, A> {}
impl<R: Resource, A> closed::Closed for Reach<R, A> {}

/// Everybody may call this, and the handler touches nobody's record.
pub struct Public(());

/// Somebody with an acceptable token calls; the handler touches nothing but what that token names.
pub struct Authenticated(Caller);

impl Authenticated {
    /// Who calls.
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

    /// The order of the contract: scope, owner, lookup, state, rank. The first two touch no
    /// database.
    async fn decide(call: &mut Call) -> Result<Self, Problem> {
        let caller = call.caller().await?;
        let reach = caller.reach::<R, A>()?;
        let id = match R::Id::from_path(&call.segments(), caller.user_id()) {
            Named::Record(id) => id,
            Named::Nothing => return Err(reach.no_such_record().into()),
            Named::NoOwn => return Err(reach.no_own_record().into()),
        };
        let refused = |refusal: Refusal| refusal.on(&id, R::owner_by_id(&id));
        reach.admit(&id).map_err(refused)?;
        let sealed: Sealed<R> = call.services().store.find(id.clone(), reach.sight_of_one()).await?;
        let allowed = caller.open(sealed).map_err(refused)?;
        if !A::CHANGES && !allowed.is_own() {
            // Somebody looked at what is not theirs; a change writes itself down.
            call.services().recorder.note(Event::from(&allowed));
        }
        Ok(allowed)
    }

    async fn foresee(asked: &Foresight<'_>) -> Result<Explanation, StoreError> {
        let question = match Question::<R, A>::ask(asked.who) {
            Ok(question) => question,
            Err(explanation) => return Ok(*explanation),
        };
        match R::Id::from_path(&asked.path, asked.who.and_then(Supposed::user_id)) {
            Named::Record(id) => asked.of_record(question, id).await,
            Named::Nothing => Ok(question.of_no_record()),
            Named::NoOwn => Ok(question.of_no_own_record()),
        }
    }

    fn describe(description: &mut Description) {
        R::Id::describe(description);
        description.decides_on::<R, A>();
    }
}

/// The same of the one record that is the caller's own, where the path has no id to name it by.
///
/// ```
/// # use cloakroom::{authz::action::Read, domain::User, http::{Own, Problem, Shown}};
/// async fn me(user: Own<User, Read>) -> Result<Shown<User>, Problem> {
///     Ok(user.into_allowed().into())
/// }
/// ```
#[must_use = "a decision is made to be acted upon"]
pub struct Own<R: Resource, A>(Allowed<R, A>);

impl<R: Resource, A> Own<R, A> {
    /// The decision.
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
        let sealed: Sealed<R> = call.services().store.find(id.clone(), reach.sight_of_one()).await?;
        Ok(Self(caller.open(sealed).map_err(|refusal| refusal.on(&id, R::owner_by_id(&id)))?))
    }

    async fn foresee(asked: &Foresight<'_>) -> Result<Explanation, StoreError> {
        let question = match Question::<R, A>::ask(asked.who) {
            Ok(question) => question,
            Err(explanation) => return Ok(*explanation),
        };
        match asked.who.and_then(Supposed::user_id) {
            Some(own) => asked.of_record(question, own.into()).await,
            None => Ok(question.of_no_own_record()),
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
        Ok(reach)
    }

    async fn foresee(asked: &Foresight<'_>) -> Result<Explanation, StoreError> {
        Ok(Question::<R, A>::ask(asked.who).map_or_else(|explanation| *explanation, Question::of_collection))
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
        Reach::decide(call).await.map(Registration::Entitled)
    }

    async fn foresee(asked: &Foresight<'_>) -> Result<Explanation, StoreError> {
        if asked.registration_open {
            return Ok(Explanation::open_to_everybody(asked.who));
        }
        Reach::<User, Create>::foresee(asked).await
    }
}
