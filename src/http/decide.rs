//! Decisions as arguments: the first thing that every handler takes, and the only way in.

use uuid::Uuid;

use super::call::Call;
use super::describe::Description;
use super::problem::Problem;
use crate::authz::action::{Action, Create};
use crate::authz::{Allowed, Caller, Can, Event, Reach, Refusal, Registration, Resource, Rule, Sealed};
use crate::domain::{ClientId, ConsentOf, SessionId, SessionOf, User, UserId};
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
    /// To one record, as the rule says.
    Record(&'static Rule),
    /// To the caller's own record, as the rule says.
    Own(&'static Rule),
    /// To a collection, as the rule says.
    Collection(&'static Rule),
}

impl Access {
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
pub trait Decision: closed::Closed + Sized {
    /// Who gets in.
    fn access() -> Access;

    /// Makes the decision, or refuses.
    fn decide(call: &mut Call) -> impl Future<Output = Result<Self, Problem>>;

    /// What it means for the API's description, besides the access.
    fn describe(_: &mut Description) {}
}

pub(super) mod closed {
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

/// What a path says of a record's id.
pub enum Named<Id> {
    /// It names this record.
    Record(Id),
    /// It names nothing that could be a record.
    Nothing,
    /// It says "my own", and the caller has none.
    NoOwn,
}

/// An id that stands in the path of a route. [`uuid_id!`](crate::uuid_id) implements it.
#[diagnostic::on_unimplemented(
    message = "a `{Self}` cannot be read from the path of a route",
    label = "declare it with `uuid_id! {{ pub struct {Self}; }}`"
)]
pub trait PathId: Sized {
    /// Reads it.
    fn from_path(call: &Call, caller: &Caller) -> Named<Self>;

    /// What it means for the API's description.
    fn describe(description: &mut Description);
}

/// A UUID in the segment `{id}`.
#[doc(hidden)]
pub fn uuid_from_path<Id: std::str::FromStr>(call: &Call) -> Named<Id> {
    call.segment("id").parse().map_or(Named::Nothing, Named::Record)
}

/// Declares the id of a kind of record: a UUID, made by [`Services::new_id`](super::Services::new_id),
/// read from the segment `{id}` of a path, written in JSON and in the database.
///
/// ```
/// cloakroom::uuid_id! {
///     /// A note's id.
///     pub struct NoteId;
/// }
/// let id: NoteId = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
/// assert_eq!(id.to_string(), "01890a5d-ac96-774b-bcce-b302099a8057");
/// ```
#[macro_export]
macro_rules! uuid_id {
    ($(#[$meaning:meta])* $visibility:vis struct $name:ident;) => {
        $crate::__uuid_id! { $(#[$meaning])* $visibility struct $name; }
        $crate::__stored_as_uid!($name);

        impl From<$crate::__private::uuid::Uuid> for $name {
            fn from(id: $crate::__private::uuid::Uuid) -> Self {
                Self(id)
            }
        }

        impl $crate::http::PathId for $name {
            fn from_path(
                call: &$crate::http::Call,
                _: &$crate::authz::Caller,
            ) -> $crate::http::Named<Self> {
                $crate::http::uuid_from_path(call)
            }

            fn describe(description: &mut $crate::http::Description) {
                description.segment("id", "The record's id", "uuid");
            }
        }
    };
}

impl PathId for UserId {
    fn describe(description: &mut Description) {
        description.segment("id", "A user's id, or `me`", "");
    }

    fn from_path(call: &Call, caller: &Caller) -> Named<Self> {
        match (call.segment("id"), caller.user_id()) {
            ("me", Some(own)) => Named::Record(own),
            ("me", None) => Named::NoOwn,
            (id, _) => id.parse().map_or(Named::Nothing, Named::Record),
        }
    }
}

impl PathId for ClientId {
    fn describe(description: &mut Description) {
        description.segment("id", "A client's id", "");
    }

    fn from_path(call: &Call, _: &Caller) -> Named<Self> {
        call.segment("id").parse().map_or(Named::Nothing, Named::Record)
    }
}

impl PathId for ConsentOf {
    fn describe(description: &mut Description) {
        UserId::describe(description);
        description.segment("client_id", "A client's id", "");
    }

    fn from_path(call: &Call, caller: &Caller) -> Named<Self> {
        match UserId::from_path(call, caller) {
            Named::Record(user) => {
                // What is no id of a client names no consent of this user, whoever asks.
                let client =
                    call.segment("client_id").parse().unwrap_or_else(|_| ClientId::stored(String::new()));
                Named::Record(Self { user, client })
            }
            Named::Nothing => Named::Nothing,
            Named::NoOwn => Named::NoOwn,
        }
    }
}

impl PathId for SessionOf {
    fn describe(description: &mut Description) {
        UserId::describe(description);
        description.segment("sid", "A session's id", "uuid");
    }

    fn from_path(call: &Call, caller: &Caller) -> Named<Self> {
        match UserId::from_path(call, caller) {
            Named::Record(user) => {
                // An id that is none names no session of this user, whoever asks.
                let session = call.segment("sid").parse().unwrap_or(SessionId(Uuid::nil()));
                Named::Record(Self { user, session })
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
        let id = match R::Id::from_path(call, &caller) {
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
            call.services().recorder.note(&Event::from(&allowed));
        }
        Ok(allowed)
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
