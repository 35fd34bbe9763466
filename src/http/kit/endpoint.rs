//! Endpoints: a route and its handler, whose first argument is a decision. There is no other way to mount a
//! handler.
//!
//! A handler without a decision does not compile:
//! ```compile_fail,E0277
//! use cloakroom::http::{endpoint, Endpoint, NoContent, Problem};
//! use cloakroom::store::Store;
//! use actix_web::http::Method;
//! async fn open_door(store: Store) -> Result<NoContent, Problem> { Ok(NoContent) }
//! fn mount() -> Endpoint { endpoint(Method::GET, "/door", "A door", open_door) }
//! ```
//! ```
//! use cloakroom::http::{endpoint, Endpoint, NoContent, Problem, Public};
//! use cloakroom::store::Store;
//! use actix_web::http::Method;
//! async fn open_door(_: Public, store: Store) -> Result<NoContent, Problem> { Ok(NoContent) }
//! fn mount() -> Endpoint { endpoint(Method::GET, "/door", "A door", open_door) }
//! ```

use std::ops::Deref;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::Method;
use futures_util::future::LocalBoxFuture;
use serde_json::Value;

use super::idempotency::Repetition;
use super::{Access, Arguments, Call, Code, Family, Handler, Outcome, Part, Problem, Route};
use crate::authz::Relation;

type Response<'a> = LocalBoxFuture<'a, Result<HttpResponse, Problem>>;
type Run = Arc<dyn for<'a> Fn(&'a mut Call) -> Response<'a> + Send + Sync>;

/// Work in front of an endpoint. Its answer, if there is one, takes the place of the endpoint's.
pub(crate) type Before =
    Arc<dyn Fn() -> LocalBoxFuture<'static, Option<Result<HttpResponse, Problem>>> + Send + Sync>;

/// A route and its handler.
#[derive(Clone)]
pub struct Endpoint {
    route: Route,
    /// Decides, and runs the handler.
    pub(super) run: Run,
}

impl AsRef<Route> for Endpoint {
    fn as_ref(&self) -> &Route {
        &self.route
    }
}

impl Deref for Endpoint {
    type Target = Route;

    fn deref(&self) -> &Route {
        &self.route
    }
}

/// Makes an endpoint of a handler, with a summary of one sentence.
///
/// ```
/// use actix_web::http::Method;
/// use cloakroom::authz::{Allowed, action::Read};
/// use cloakroom::domain::User;
/// use cloakroom::http::{Code, Endpoint, Problem, Shown, endpoint};
///
/// async fn read(user: Allowed<User, Read>) -> Result<Shown<User>, Problem> {
///     Ok(user.into())
/// }
///
/// fn endpoints() -> Vec<Endpoint> {
///     vec![endpoint(Method::GET, "/people/{id}", "Read an account", read).or(&[Code::Conflict])]
/// }
/// ```
pub fn endpoint<A, H>(method: Method, path: &'static str, summary: &'static str, handler: H) -> Endpoint
where
    H: Handler<A>,
    A: Arguments,
    H::Outcome: Outcome,
{
    let access = A::access();
    let takes_key = takes_key(&method, &access);
    let changes = access.rule().is_some_and(|rule| rule.changes);
    let route = Route {
        method,
        path,
        summary,
        access,
        operation_id: None,
        is_documented: true,
        family: if H::Outcome::FOR_PEOPLE { Family::Page } else { Family::Api },
        part: Part::Always,
        takes_key,
        describe: |description| {
            A::describe(description);
            H::Outcome::describe(description);
        },
        problems: &[],
        rules: &[],
        segments: Vec::new(),
        gives: Vec::new(),
        run_dry: |inputs| Box::pin(A::dry_run(inputs)),
    };
    let run: Run = Arc::new(move |call| {
        let handler = handler.clone();
        Box::pin(async move {
            let arguments = A::take(call).await?;
            if !changes {
                // A change looks again in its transaction.
                call.refuse_revoked()?;
            }
            let repetition = if takes_key { call.repetition().await? } else { Repetition::NoKey };
            let handled = async {
                let answer = handler.handle(arguments).await.respond(call)?;
                call.after_look(answer).await
            };
            match repetition {
                Repetition::NoKey => handled.await,
                Repetition::First(request) => call.run_first(request, handled).await,
                Repetition::Answered(answer) => Ok(answer),
            }
        })
    });
    Endpoint { route, run }
}

impl Endpoint {
    /// Runs `before` in front of the endpoint.
    pub(crate) fn preceded_by(self, before: Before) -> Self {
        let run = self.run;
        let run: Run = Arc::new(move |call| {
            let (before, run) = (before(), Arc::clone(&run));
            Box::pin(async move {
                match before.await {
                    Some(answer) => answer,
                    None => run(call).await,
                }
            })
        });
        Self { run, ..self }
    }

    /// Adds problems that the handler can return, besides those of its types.
    pub fn or(mut self, problems: &'static [Code]) -> Self {
        self.route.problems = problems;
        self
    }

    /// Names the codes of broken rules ([`Invalid`](crate::domain::Invalid)) that the handler can report besides
    /// [`RULES`](crate::domain::RULES). The OpenAPI document lists them.
    pub fn rules(mut self, codes: &'static [&'static str]) -> Self {
        self.route.rules = codes;
        self
    }

    /// Sets the `operationId` of the OpenAPI document, after which generated clients name their functions. By default it
    /// is made of the method and the path: `listNotes` for `GET /notes`.
    pub fn named(mut self, operation_id: &'static str) -> Self {
        self.route.operation_id = Some(operation_id);
        self
    }

    /// Leaves the endpoint out of the OpenAPI document. It is the address of a form on a page.
    pub fn undocumented(mut self) -> Self {
        self.route.is_documented = false;
        self
    }

    /// Describes a segment of the path that the decision does not read.
    pub fn segment(mut self, name: &'static str, meaning: &'static str) -> Self {
        self.route.segments.push((name, meaning));
        self
    }

    /// States that a request of the owner with this body gives another user a relation to the record. The walk and
    /// `verify` send it to call each route of the record as that user. The user's id takes the place of the text
    /// `{user}` in the body, and of each segment of the path after the record's id.
    ///
    /// ```
    /// # use actix_web::http::Method;
    /// # use cloakroom::authz::Relation;
    /// # use cloakroom::http::{Endpoint, NoContent, Problem, Public, endpoint};
    /// # const READER: Relation = Relation::to_caller("reader");
    /// # async fn share(_: Public) -> Result<NoContent, Problem> { Ok(NoContent) }
    /// let share = endpoint(Method::PUT, "/coats/{id}/shares/{user}", "Share a coat", share)
    ///     .gives(READER, serde_json::json!({ "may_edit": false }));
    /// ```
    pub fn gives(mut self, relation: Relation, body: Value) -> Self {
        self.route.gives.push((relation, body));
        self
    }

    /// Assigns the endpoint to a part of the server.
    pub(crate) fn in_part(mut self, part: Part) -> Self {
        self.route.part = part;
        self
    }

    /// Reports errors by RFC 6749 §5.2, unless the endpoint responds with pages.
    pub(crate) fn with_oauth_errors(mut self) -> Self {
        if self.route.family == Family::Api {
            self.route.family = Family::OAuth;
        }
        self
    }

    /// Returns the route without its handler.
    pub(crate) fn route(&self) -> &Route {
        &self.route
    }
}

/// True for a POST route whose rule is about a change.
fn takes_key(method: &Method, access: &Access) -> bool {
    *method == Method::POST && access.rule().is_some_and(|rule| rule.changes)
}
