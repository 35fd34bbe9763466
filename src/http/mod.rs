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

pub(crate) use api::client_body::{NewClientBody, checked as checked_client};
pub(crate) use api::client_representation::ClientView;
pub(crate) use api::transfer::{Line, LinePassword, line_of};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use api::{audit_query::AuditQuery, profiles::read_profile, user_list::UserListQuery};
pub use kit::{
    Access, Answer, Argument, Arguments, Authenticated, Body, BodyType, BrokenRule, Browser, BrowserForm,
    Call, Code, Configured, Content, Created, CreatedJson, CursorKey, Decision, Description, Document,
    DryRun, Endpoint, Forgery, FormGuard, FormPart, FormParts, Given, Handler, IfMatch, Json, ListOf, Listed,
    MediaType, Members, MergePatch, Multipart, Named, NewId, NoContent, Now, Outcome, Own, OwnProblem, Page,
    PageForm, Paging, Parameter, Parameters, PathId, PathSegments, Problem, Public, Query, QueryType,
    RawBody, ReachOf, Record, Route, Segments, SetCookie, Shown, State, Upload, View, endpoint,
};
pub(crate) use kit::{Cookies, ENVIRONMENT_HEADER, Router, ServedParts, Services, mount, wrap};
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use kit::{
    browser::cookie::{SESSION as SESSION_COOKIE, read as read_cookie},
    client_address::TrustedProxies,
    form::Form,
    incoming::LARGEST_BODY,
    query::read_query,
};
pub(crate) use meta::metrics::metrics_server;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) use oauth::credentials_by_basic;
