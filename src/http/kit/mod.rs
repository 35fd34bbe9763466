//! A small web framework on top of actix-web's listener: from bytes to an argument of a handler, and from an
//! answer to bytes. Nothing here knows a resource of cloakroom.

pub(crate) mod actions;
pub(crate) mod answer;
pub(crate) mod body;
pub(crate) mod browser;
pub(crate) mod client_address;
pub(crate) mod cursor;
pub(crate) mod decision;
pub(crate) mod description;
pub(crate) mod dpop;
pub(crate) mod endpoint;
pub(crate) mod forgery_throttle;
pub(crate) mod form;
pub(crate) mod idempotency;
pub(crate) mod if_match;
pub(crate) mod list;
pub(crate) mod members;
pub(crate) mod middleware;
pub(crate) mod mount;
pub(crate) mod path_id;
pub mod plain;
pub(crate) mod problem;
pub(crate) mod problem_code;
pub(crate) mod query;
pub(crate) mod rate_limit;
pub(crate) mod representation;
pub(crate) mod request;
pub(crate) mod router;
pub(crate) mod services;
pub(crate) mod transfer;
