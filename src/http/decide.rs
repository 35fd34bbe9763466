//! Decisions as arguments: the first thing that every handler takes, and the only way in.

use uuid::Uuid;

use super::call::Call;
use super::describe::Description;
use super::problem::Problem;
use crate::authz::action::{Action, Create};
use crate::authz::{Allowed, Caller, Can, Reach, Registration, Rule};
use crate::domain::{SessionId, User, UserId};
use crate::store::Stored;

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
    /// As the rule says.
    Rule(&'static Rule),
}

/// The first argument of every handler: made before anything else of the request is looked at.
#[diagnostic::on_unimplemented(
    message = "the first argument of a handler must be a decision, and `{Self}` is none",
    label = "this handler decides nothing",
    note = "take `Allowed<Resource, Action>` for one record, `Reach<Resource, Action>` for a collection",
    note = "or say that there is nothing to decide: `Public`, `Authenticated`"
)]
pub trait Decision: Sized {
    /// Who gets in.
    fn access() -> Access;

    /// Makes the decision, or refuses.
    fn decide(call: &mut Call) -> impl Future<Output = Result<Self, Problem>>;

    /// What it means for the API's description, besides the access.
    fn describe(_: &mut Description) {}
}

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

/// What a path says of a record's id.
pub enum Named<Id> {
    /// It names this record.
    Record(Id),
    /// It names nothing that could be a record.
    Nothing,
    /// It says "my own", and the caller has none.
    NoOwn,
}

/// An id that stands in the path of a route.
pub trait PathId: Sized {
    /// Reads it; `me` is the caller.
    fn from_path(call: &Call, caller: &Caller) -> Named<Self>;
}

impl PathId for UserId {
    fn from_path(call: &Call, caller: &Caller) -> Named<Self> {
        match (call.segment("id"), caller.user_id()) {
            ("me", Some(own)) => Named::Record(own),
            ("me", None) => Named::NoOwn,
            (id, _) => id.parse().map_or(Named::Nothing, Named::Record),
        }
    }
}

impl PathId for (UserId, SessionId) {
    fn from_path(call: &Call, caller: &Caller) -> Named<Self> {
        match UserId::from_path(call, caller) {
            // An id that is none names no session of this user, whoever asks.
            Named::Record(user) => {
                Named::Record((user, call.segment("sid").parse().unwrap_or(SessionId(Uuid::nil()))))
            }
            Named::Nothing => Named::Nothing,
            Named::NoOwn => Named::NoOwn,
        }
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
    R: Stored + Can<A>,
    R::Id: PathId,
    A: Action,
{
    fn access() -> Access {
        Access::Rule(Rule::of::<R, A>())
    }

    /// The order of the contract: scope, owner, lookup, rank. The first two touch no database.
    async fn decide(call: &mut Call) -> Result<Self, Problem> {
        let caller = call.caller().await?;
        let reach = caller.reach::<R, A>()?;
        let id = match R::Id::from_path(call, &caller) {
            Named::Record(id) => id,
            Named::Nothing => return Err(reach.no_such_record().into()),
            Named::NoOwn => return Err(reach.no_own_record().into()),
        };
        reach.admit(&id)?;
        let sealed = R::find(&call.services().store, id).await?;
        Ok(caller.open(sealed)?)
    }

    fn describe(description: &mut Description) {
        description.names_a_record();
    }
}

impl<R: Can<A>, A: Action> Decision for Reach<R, A> {
    fn access() -> Access {
        Access::Rule(Rule::of::<R, A>())
    }

    async fn decide(call: &mut Call) -> Result<Self, Problem> {
        Ok(call.caller().await?.reach()?)
    }
}

impl Decision for Registration {
    fn access() -> Access {
        Access::PublicWhileOpen(Rule::of::<User, Create>())
    }

    async fn decide(call: &mut Call) -> Result<Self, Problem> {
        if call.services().registration_open {
            return Ok(Registration::open_to(call.caller_if_any().await?));
        }
        Reach::decide(call).await.map(Registration::Entitled)
    }
}
