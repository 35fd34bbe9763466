//! The API over HTTP. [`endpoints`] lists all of its routes. A request goes through the [`Decision`] of its
//! route to the handler, whose [`Answer`] becomes the response.

pub(crate) mod api;
#[cfg(feature = "bench-limits")]
mod bench_limits;
pub(crate) mod kit;
pub(crate) mod meta;
mod oauth;
pub mod pages;
mod routes;

pub use kit::access::Access;
pub use kit::answer::{Answer, Json, NoContent, Page, Record};
pub use kit::argument::Argument;
pub use kit::body::Body;
pub use kit::browser::{Browser, BrowserForm, Forgery, FormGuard, PageForm, SetCookie};
pub use kit::call::Call;
pub use kit::cursor::CursorKey;
pub use kit::decision::{Authenticated, Decision, Own, Public};
pub use kit::description::{BodyType, Description, Parameter};
pub use kit::document::Document;
pub use kit::dry_run::DryRun;
pub use kit::endpoint::{Endpoint, endpoint};
pub use kit::handler::{Arguments, Handler, Outcome};
pub use kit::if_match::IfMatch;
pub use kit::injected::{Configured, NewId, Now, Segments};
pub use kit::list::ListOf;
pub use kit::members::{Given, Members};
#[doc(hidden)]
pub use kit::path_id::uuid_from_path;
pub use kit::path_id::{Named, PathId, PathSegments};
pub use kit::plain;
pub use kit::problem::{BrokenRule, Code, Problem};
pub use kit::query::{Parameters, Query, QueryType};
pub use kit::representation::{Created, Listed, Shown, View};
pub use kit::route::Route;
pub use meta::explain::Explained;
pub use meta::matrix::Rules;
pub use meta::openapi::document as openapi_document;
pub use routes::endpoints;

pub(crate) use api::client_representation::ClientView;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use api::profiles::read_profile;
pub(crate) use api::transfer::{Line, LinePassword, line_of};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use kit::form::Form;
pub(crate) use kit::middleware::{ENVIRONMENT_HEADER, wrap};
pub(crate) use kit::route::ServedParts;
pub(crate) use kit::router::{Router, mount};
pub(crate) use kit::services::Services;
pub(crate) use meta::metrics::metrics_server;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use oauth::credentials_by_basic;
