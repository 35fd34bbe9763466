//! Arguments that come from the server's state. A handler names the few things that it needs.

use std::any::{TypeId, type_name};
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

use uuid::Uuid;

use super::{Argument, Call, Captured, Code, CursorKey, Description, Problem, Services};
use crate::accounts::Accounts;
use crate::authz::Vocabulary;
use crate::config::Settings;
use crate::domain::{Origin, Random, Time};
use crate::hashing::Hasher;
use crate::store::Store;
use crate::token::Keys;

impl Argument for Store {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(call.services().store.clone())
    }
}

impl Argument for Arc<Vocabulary> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(Arc::clone(&call.services().vocabulary))
    }
}

impl Argument for Hasher {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(call.services().hasher.for_client_at(call.address()))
    }
}

/// The address from which the request came, and its id.
impl Argument for Origin {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(call.origin())
    }
}

impl Argument for Accounts {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(call.services().accounts.clone())
    }
}

impl Argument for CursorKey {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(call.services().cursors.clone())
    }
}

impl Argument for Random {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(call.services().random.clone())
    }
}

/// The signing keys.
pub(crate) struct SigningKeys(pub(crate) Arc<Keys>);

impl Argument for SigningKeys {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        call.services().keys.clone().map(Self).ok_or_else(|| Problem::new(Code::Internal))
    }
}

/// The whole state, for routes about the server itself. The type is private to the crate.
impl Argument for Arc<Services> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(Arc::clone(call.services()))
    }
}

/// The time of the request, as records hold it.
///
/// ```
/// # use cloakroom::http::{Json, Now, Problem, Public};
/// async fn time(_: Public, Now(now): Now) -> Result<Json<String>, Problem> {
///     Ok(Json(now.to_string()))
/// }
/// ```
pub struct Now(pub Time);

impl Argument for Now {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self(Time(call.services().clock.now())))
    }
}

/// A new id for a record, ordered by time (UUIDv7).
///
/// ```
/// # use cloakroom::http::{Json, NewId, Problem, Public};
/// # cloakroom::uuid_id! {
/// #     /// A coat's id.
/// #     pub struct CoatId;
/// # }
/// async fn reserve(_: Public, NewId(id): NewId<CoatId>) -> Result<Json<String>, Problem> {
///     Ok(Json(id.to_string()))
/// }
/// ```
pub struct NewId<Id>(pub Id);

impl<Id: From<Uuid> + 'static> Argument for NewId<Id> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let services = call.services();
        Ok(Self(Id::from(services.random.uuid_at(services.clock.now())?)))
    }
}

/// The settings of the application, declared with [`settings!`](crate::settings!) and named with
/// [`App::settings`](crate::App::settings).
///
/// ```
/// use cloakroom::config::{DefaultValue::Is, at, parse};
/// use cloakroom::http::{Configured, Json, Problem, Public};
///
/// cloakroom::settings! {
///     /// The settings of the library.
///     pub struct LibrarySettings {
///         /// The number of shelves.
///         shelves: u32 = at("LIBRARY_SHELVES", Is("100")), parse::number(1..=10_000);
///     }
/// }
///
/// async fn shelves(_: Public, settings: Configured<LibrarySettings>) -> Result<Json<u32>, Problem> {
///     Ok(Json(settings.shelves))
/// }
///
/// let app = cloakroom::App::new("library").settings::<LibrarySettings>();
/// ```
pub struct Configured<S>(Arc<S>);

impl<S> Deref for Configured<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.0
    }
}

impl<S: Settings> Argument for Configured<S> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        call.services().extensions.get().map(Self).ok_or_else(|| Problem::new(Code::Internal))
    }

    fn describe(description: &mut Description) {
        description.settings.push((TypeId::of::<S>(), type_name::<S>()));
    }
}

/// A value of the application that its handlers share, such as an HTTP client or a pool: named with
/// [`App::state`](crate::App::state).
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use cloakroom::http::{Json, Problem, Public, State};
///
/// struct Visits(AtomicU64);
///
/// async fn visit(_: Public, visits: State<Visits>) -> Result<Json<u64>, Problem> {
///     Ok(Json(visits.0.fetch_add(1, Ordering::Relaxed)))
/// }
///
/// let app = cloakroom::App::new("library").state(Visits(AtomicU64::new(0)));
/// ```
pub struct State<T>(Arc<T>);

impl<T> State<T> {
    /// Returns the shared value.
    pub fn into_arc(self) -> Arc<T> {
        self.0
    }
}

impl<T> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send + Sync + 'static> Argument for State<T> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        call.services().states.get().map(Self).ok_or_else(|| Problem::new(Code::Internal))
    }

    fn describe(description: &mut Description) {
        description.states.push((TypeId::of::<T>(), type_name::<T>()));
    }
}

/// The segments of the path that the decision does not read.
///
/// ```
/// # use cloakroom::{authz::{Allowed, action::Read}, domain::{User, UserId}, http::{Json, Problem, Segments}};
/// async fn is_same_user(user: Allowed<User, Read>, segments: Segments) -> Result<Json<bool>, Problem> {
///     let other: UserId = segments.get("other")?;
///     Ok(Json(user.id == other))
/// }
/// ```
pub struct Segments(Captured);

impl Segments {
    /// Returns the segment of this name.
    ///
    /// # Errors
    /// 404 when it cannot be parsed: no record has such an id.
    pub fn get<T: FromStr>(&self, name: &str) -> Result<T, Problem> {
        let segment = self.0.iter().find(|(known, _)| *known == name);
        segment.and_then(|(_, text)| text.parse().ok()).ok_or_else(|| Problem::new(Code::NotFound))
    }
}

impl Argument for Segments {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self(call.captured.clone()))
    }

    fn describe(description: &mut Description) {
        description.names_a_record();
    }
}
