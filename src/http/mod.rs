//! The API over HTTP. [`endpoints`] is the whole of it on one screen; a request goes from there
//! through [`decide`](Decision) to its handler and back as an [`Answer`].

mod actions;
mod answer;
#[cfg(feature = "bench-limits")]
mod bench_limits;
mod body;
mod call;
mod cursor;
mod decide;
mod describe;
mod edge;
mod endpoint;
mod oauth;
mod openapi;
mod problem;
mod profiles;
mod query;
mod routes;
mod service;
mod services;
mod sessions;
mod standing;
mod user_list;
mod users;

pub use answer::{Answer, Created, Document, IfMatch, Json, NoContent, Page, Record};
pub use body::{Body, BodyType, Given, Members};
pub use call::{Argument, Call};
pub use cursor::CursorKey;
pub use decide::{Access, Authenticated, Decision, Named, PathId, Public};
pub use describe::Description;
pub use endpoint::{Endpoint, Handler, endpoint};
pub use openapi::document as openapi_document;
pub use problem::{BrokenRule, Code, Problem};
pub use query::{Parameters, Query, QueryType};
pub use routes::{endpoints, matrix};
pub use services::Services;

pub(crate) use edge::wrap;
pub(crate) use endpoint::mount;
