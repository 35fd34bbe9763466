//! The queries of cloakroom's own records: one file for each kind of record, and `…_rows` for its rows if they are
//! used by several.

pub(in crate::store) mod account_state;
pub(in crate::store) mod browser_sessions;
pub(in crate::store) mod client_list;
pub(in crate::store) mod client_rows;
pub(in crate::store) mod client_secrets;
pub(in crate::store) mod clients;
pub(in crate::store) mod code_rows;
pub(in crate::store) mod codes;
pub(in crate::store) mod consents;
pub(in crate::store) mod expiry;
pub(in crate::store) mod idempotency;
pub(in crate::store) mod identities;
pub(in crate::store) mod import_export;
pub(in crate::store) mod keys;
pub(in crate::store) mod login;
pub(in crate::store) mod login_attempts;
pub(in crate::store) mod notifications;
pub(in crate::store) mod profiles;
pub(in crate::store) mod rate_limits;
pub(in crate::store) mod refresh_token_rows;
pub(in crate::store) mod refresh_tokens;
pub(in crate::store) mod revocations;
pub(in crate::store) mod search_terms;
pub(in crate::store) mod session_rows;
pub(in crate::store) mod sessions;
pub(in crate::store) mod tombstones;
pub(in crate::store) mod used_jtis;
pub(in crate::store) mod user_list;
pub(in crate::store) mod user_list_query;
mod user_list_sql;
pub(in crate::store) mod user_query;
pub(in crate::store) mod user_roles;
pub(in crate::store) mod user_rows;
pub(in crate::store) mod users;
