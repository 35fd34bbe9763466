//! The store: records in SQLite or PostgreSQL, and the audit trail.
//!
//! [`Store`] is the handle for handlers, `TrustedStore` the one for the authorization server, the server's
//! own duties and the command line. Its walls:
//!
//! 1. A function that reads a record returns it [`Sealed`](crate::authz::Sealed). One that changes a record
//!    takes the proof that the caller may do it: [`Allowed`](crate::authz::Allowed) or
//!    [`Reach`](crate::authz::Reach).
//! 2. A proof for another action does not compile:
//!    ```compile_fail,E0308
//!    use cloakroom::{authz::{Allowed, action::Read}, domain::User, store::Store};
//!    async fn remove(store: Store, user: Allowed<User, Read>) { let _ = store.delete_user(user).await; }
//!    ```
//!    ```
//!    use cloakroom::{authz::{Allowed, action::Delete}, domain::User, store::Store};
//!    async fn remove(store: Store, user: Allowed<User, Delete>) { let _ = store.delete_user(user).await; }
//!    ```
//! 3. Functions without a proof are on `TrustedStore`. A handler of an application can neither name it nor
//!    make it from a [`Store`]:
//!    ```compile_fail,E0603
//!    use cloakroom::http::{NoContent, Problem, Public};
//!    use cloakroom::store::TrustedStore;
//!    async fn handler(_: Public, store: TrustedStore) -> Result<NoContent, Problem> { Ok(NoContent) }
//!    ```
//!    ```
//!    use cloakroom::http::{NoContent, Problem, Public};
//!    use cloakroom::store::Store;
//!    async fn handler(_: Public, store: Store) -> Result<NoContent, Problem> { Ok(NoContent) }
//!    ```
//! 4. The schema and the connections are private, so that no other part can make a query:
//!    ```compile_fail,E0603
//!    use cloakroom::store::schema::users;
//!    ```
//!    ```
//!    use cloakroom::store::Store;
//!    ```
//! 5. A change, its audit event and its revocations commit in one transaction.

pub(crate) mod audit;
mod changes;
pub(crate) mod engine;
pub(crate) mod extension;
mod handle;
mod keyset;
pub(crate) mod records;
mod renewed;
mod settled;
mod shared;
#[cfg(test)]
mod tests;
mod trusted;

pub(crate) use audit::chain::EXPIRE;
pub(crate) use audit::chain::Place;
pub use audit::entries::{Entry, EntryId, Inputs};
pub use audit::filter::AuditFilter;
pub(crate) use audit::queue::Recorder;
pub(crate) use audit::seal::{BEGINNING, ChainKey};
pub(crate) use audit::sealer::Sealer;
pub use audit::trail::AuditPage;
pub(crate) use audit::trail_keys::TrailKeys;
#[doc(hidden)]
pub use engine::connection::Link;
pub(crate) use engine::connection::check_postgres_url;
pub use engine::connection::{Connection, Engine};
pub use engine::error::StoreError;
pub use engine::migrate::{MigrationState, Migrations};
pub(crate) use engine::migrate::{OWN_MIGRATIONS, migrate, migration_states, unknown_migrations};
pub use engine::pool::PoolUse;
#[doc(hidden)]
pub use engine::postgres::PostgresConnection;
pub(crate) use engine::snapshot::hold;
pub(crate) use engine::snapshot::{InMemory, Snapshot};
pub use engine::sql_types::{Moment, Uid};
pub(crate) use extension::declared_table::DeclaredTable;
pub(crate) use extension::filters::MOST_VALUES;
pub use extension::lookup::{Lookup, Stored};
pub use extension::repository::{RecordKey, Repository};
pub use extension::selection::{Position, Selected, Selection};
pub use extension::sql_condition::Within;
pub use handle::Store;
pub use keyset::{Keyset, KeysetPage};
pub(crate) use records::account_tokens::{Issued, LiveToken, NewAccountToken};
pub use records::browser_sessions::SignedIn;
pub use records::client_rows::StoredClient;
pub(crate) use records::code_rows::{CodeBinding, CodeRedemption, CodeRefused, NewCode};
pub(crate) use records::expiry::{EXPIRING, Expiring};
pub(crate) use records::idempotency::{EarlierRequest, IdempotentRequest, run_idempotent};
pub(crate) use records::import_export::{ExportedUser, ImportOutcome, ImportedUser};
pub(crate) use records::jobs::{Claim, DUTY, JobState};
pub(crate) use records::link_redemptions::ChangeMails;
pub use records::login::LoginRefused;
pub(crate) use records::login::VerifiedPassword;
pub use records::login_attempts::StoredPassword;
pub(crate) use records::mail_queue::{MAIL, QueuedMail};
pub(crate) use records::master_keys::{MasterKeyState, NotSwitched};
pub(crate) use records::notifications::Notifications;
pub(crate) use records::outbox::{Backlog, Message};
pub(crate) use records::pending_registrations::{PendingRegistration, RegistrationMail};
pub use records::rate_limits::CountedAttempt;
pub(crate) use records::refresh_tokens::{NewRefreshToken, RefreshRefused, RefreshRequest};
pub(crate) use records::revocations::TokenOwner;
pub(crate) use records::sealed_values::{RowKey, SealedKind, SealedValue};
pub(crate) use records::session_rows::{SessionCookie, TokenSession};
pub use records::sessions::SessionPosition;
pub(crate) use records::used_jtis::{OneTimeJwt, OneTimeJwts};
pub use records::user_list::UserPage;
pub use records::user_query::{SortKey, UserCount, UserFilter, UserQuery, UserSort};
pub use records::user_rows::NewUser;
pub use records::users::UserChange;
pub use renewed::Renewed;
pub(crate) use settled::Settled;
pub(crate) use shared::OnRevoked;
pub(crate) use trusted::TrustedStore;

/// Names that [`stored!`](crate::stored) writes into an application.
#[doc(hidden)]
pub mod private {
    pub use super::engine::limit::page;
    pub use super::extension::assertions::{IsSerialize, NotSerialize, has_hidden_members, sortable};
    pub use super::extension::declared_table::{DeclaredTable, declared};
    pub use super::extension::filters::{
        FilterCondition, FilterDescription, parse_any_of, parse_filter, substr,
    };
    pub use super::extension::repository::Rows;
    pub use super::extension::sql_condition::{FilterPart, SqlCondition, held, or_never, sql_condition};
}
