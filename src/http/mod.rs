//! The API over HTTP. [`endpoints`] is the whole of it on one screen; a request goes from there
//! through [`decide`](Decision) to its handler and back as an [`Answer`].

mod actions;
mod address;
mod answer;
mod audit;
mod authzen;
#[cfg(feature = "bench-limits")]
mod bench_limits;
mod body;
mod browser;
mod call;
mod client_answers;
mod client_list;
mod clients;
mod cursor;
mod decide;
mod describe;
mod docs;
mod edge;
mod endpoint;
mod explain;
mod form;
mod grants;
mod idempotency;
mod keys;
mod limits;
mod list;
mod matrix;
mod members;
mod metrics;
mod mount;
mod oauth;
mod openapi;
pub mod pages;
mod path;
mod paths;
pub mod plain;
mod possession;
mod problem;
mod profiles;
mod query;
mod routes;
mod service;
mod services;
mod sessions;
mod shown;
mod standing;
mod suspects;
mod transfer;
mod user_list;
mod users;

pub use answer::{Answer, Document, IfMatch, Json, NoContent, Page, Record};
pub use body::{Body, BodyType};
pub use browser::{Browser, BrowserForm, Forgery, FormGuard, PageForm, SetCookie};
pub use call::{Argument, Call};
pub use cursor::CursorKey;
pub use decide::{Access, Authenticated, Decision, Foresight, Own, Public};
pub use describe::{Description, Parameter};
pub use endpoint::{Arguments, Endpoint, Handler, Outcome, endpoint};
pub use explain::Explained;
pub use idempotency::AnswerSeal;
pub use limits::Exhausted;
pub use list::ListOf;
pub use matrix::Rules;
pub use members::{Given, Members};
pub use openapi::document as openapi_document;
#[doc(hidden)]
pub use path::uuid_from_path;
pub use path::{Named, PathId, PathSegments};
pub use problem::{BrokenRule, Code, Problem};
pub use query::{Parameters, Query, QueryType};
pub use routes::endpoints;
pub use services::{Configured, Segments, Services};
pub use shown::{Created, Listed, Shown, View};
pub use suspects::Suspects;

pub(crate) use actions::ActionTable;
pub(crate) use client_answers::ClientView;
pub(crate) use edge::{ENVIRONMENT_HEADER, wrap};
pub(crate) use endpoint::ServedParts;
pub(crate) use metrics::metrics_server;
pub(crate) use mount::{Mounted, mount};
pub(crate) use paths::Paths;
pub(crate) use transfer::{Line, LinePassword, line_of};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use {form::Form, oauth::credentials_by_basic, profiles::read_profile};
