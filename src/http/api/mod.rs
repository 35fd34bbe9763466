//! The resources of cloakroom: accounts, profiles, sessions, clients, keys and the audit trail. Start here.

pub(crate) mod audit;
pub(crate) mod audit_query;
pub(crate) mod audit_representation;
pub(crate) mod audit_stream;
pub(crate) mod client_body;
pub(crate) mod client_list;
pub(crate) mod client_representation;
pub(crate) mod clients;
pub(crate) mod consents;
pub(crate) mod email_verifications;
pub(crate) mod invitations;
pub(crate) mod keys;
pub(crate) mod password;
pub(crate) mod password_resets;
pub(crate) mod profiles;
pub(crate) mod roles;
pub(crate) mod sessions;
pub(crate) mod status;
pub(crate) mod transfer;
pub(crate) mod user_list;
pub(crate) mod users;
