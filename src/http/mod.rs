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

#[doc(hidden)]
pub use kit::path_id::uuid_from_path;
pub use kit::plain;
pub use meta::explain::Explained;
pub use meta::matrix::Rules;
pub use meta::openapi::document as openapi_document;
pub use routes::endpoints;

pub(crate) use api::client_representation::ClientView;
pub(crate) use api::transfer::{Line, LinePassword, line_of};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use api::{audit_query::AuditQuery, profiles::read_profile, user_list::UserListQuery};
pub use kit::{
    Access, Answer, Argument, Arguments, Authenticated, Body, BodyType, BrokenRule, Browser, BrowserForm,
    Call, Code, Configured, Created, CursorKey, Decision, Description, Document, DryRun, Endpoint, Forgery,
    FormGuard, Given, Handler, IfMatch, Json, ListOf, Listed, Members, Named, NewId, NoContent, Now, Outcome,
    Own, Page, PageForm, Parameter, Parameters, PathId, PathSegments, Problem, Public, Query, QueryType,
    Record, Route, Segments, SetCookie, Shown, View, endpoint,
};
pub(crate) use kit::{ENVIRONMENT_HEADER, Router, ServedParts, Services, mount, wrap};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use kit::{
    body::LARGEST_BODY,
    browser::cookie::{SESSION as SESSION_COOKIE, read as read_cookie},
    client_address::TrustedProxies,
    form::Form,
    query::read_query,
};
pub(crate) use meta::metrics::metrics_server;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use oauth::credentials_by_basic;
