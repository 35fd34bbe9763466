//! `CLOAKROOM_TRUSTED_ISSUERS`: issuers other than this server, as JSON or as the path of a JSON file.

mod entry;
mod list;

pub(super) use list::trusted;
