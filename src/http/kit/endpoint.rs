//! An endpoint: a method, a path and a handler whose first argument is a decision. There is no
//! other way to mount a handler.
//!
//! A handler that decides nothing does not compile:
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

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::Method;
use futures_util::future::LocalBoxFuture;

use super::answer::Answer;
use super::decision::{Access, Decision, Foresight, closed};
use super::description::Description;
use super::idempotency;
use super::idempotency::{Turn, takes_key};
use super::problem::{Code, Problem};
use super::request::{Argument, Call};
use crate::authz::{Explanation, Rule};
use crate::store::StoreError;

type Answered<'a> = LocalBoxFuture<'a, Result<HttpResponse, Problem>>;
type Run = Arc<dyn for<'a> Fn(&'a mut Call) -> Answered<'a> + Send + Sync>;

/// What of the server a route belongs to, and whether it can be off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// What is always there.
    Always,
    /// The authorization server.
    AuthorizationServer,
    /// The page on which the API can be tried.
    Docs,
}

/// A route of the API.
#[derive(Clone)]
pub struct Endpoint {
    /// The method; GET answers HEAD too.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// What it does, in a sentence.
    pub summary: &'static str,
    /// Who gets in.
    pub access: Access,
    /// Whether it answers a person in a browser.
    pub for_people: bool,
    describe: fn(&mut Description),
    problems: &'static [Code],
    segments: Vec<(&'static str, &'static str)>,
    /// What of the server it belongs to.
    pub(crate) part: Part,
    /// Decides, and does the work.
    pub(crate) run: Run,
    foresee: Foresee,
}

/// Which parts of the server are on.
#[derive(Clone, Copy)]
pub(crate) struct ServedParts {
    /// Whether it issues tokens.
    pub(crate) authorization_server: bool,
    /// Whether the API can be tried on a page.
    pub(crate) docs: bool,
}

impl ServedParts {
    /// Whether the route belongs to them.
    pub(crate) fn have(self, endpoint: &Endpoint) -> bool {
        match endpoint.part {
            Part::Always => true,
            Part::AuthorizationServer => self.authorization_server,
            Part::Docs => self.docs,
        }
    }
}

type Foresee = for<'a> fn(&'a Foresight<'a>) -> LocalBoxFuture<'a, Result<Explanation, StoreError>>;

/// A function that answers a route: its first argument is a [`Decision`], the others are
/// [`Argument`]s, and it returns `Result<impl Answer, Problem>`. This says only that it is an
/// asynchronous function; [`Arguments`] and [`Outcome`] say the rest, so that the compiler names
/// the one type that is wrong.
#[diagnostic::on_unimplemented(
    message = "this cannot be mounted: a handler is an `async fn` whose first argument is a decision",
    label = "write `async fn name(note: Allowed<Note, Read>, …) -> Result<impl Answer, Problem>`",
    note = "a route that is open to everybody says so: its first argument is `Public`",
    note = "after the decision there can be four more arguments"
)]
pub trait Handler<Arguments>: Clone + Send + Sync + 'static {
    /// What it returns.
    type Outcome;
    /// Does the work.
    fn handle(&self, arguments: Arguments) -> impl Future<Output = Self::Outcome>;
}

/// What a handler takes: a [`Decision`], then [`Argument`]s. Nothing else can be it.
pub trait Arguments: closed::Closed + Sized + 'static {
    /// Who gets in.
    fn access() -> Access;
    /// What they say of the route.
    fn describe(description: &mut Description);
    /// What the decision would be.
    fn foresee(asked: &Foresight<'_>) -> impl Future<Output = Result<Explanation, StoreError>>;
    /// Decides, then takes the others in their order.
    fn take(call: &mut Call) -> impl Future<Output = Result<Self, Problem>>;
}

/// What a handler returns: `Result<impl Answer, Problem>`.
#[diagnostic::on_unimplemented(
    message = "a handler returns `Result<impl Answer, Problem>`, and this one a `{Self}`",
    label = "write `-> Result<Shown<Note>, Problem>`, or another `Answer` than `Shown<Note>`"
)]
pub trait Outcome {
    /// Whether it is for a person in a browser.
    const FOR_PEOPLE: bool;
    /// What it says of the route.
    fn describe(description: &mut Description);
    /// The answer.
    fn respond(self, call: &Call) -> Result<HttpResponse, Problem>;
}

impl<T: Answer> Outcome for Result<T, Problem> {
    const FOR_PEOPLE: bool = T::FOR_PEOPLE;

    fn describe(description: &mut Description) {
        T::describe(description);
    }

    fn respond(self, call: &Call) -> Result<HttpResponse, Problem> {
        self.map(|answer| answer.respond(call))
    }
}

macro_rules! handlers {
    ($(($($argument:ident $value:ident),*);)*) => {$(
        impl<F, Fut, D, $($argument),*> Handler<(D, $($argument,)*)> for F
        where
            F: Fn(D, $($argument),*) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future,
        {
            type Outcome = Fut::Output;

            fn handle(&self, (decision, $($value,)*): (D, $($argument,)*)) -> impl Future<Output = Fut::Output> {
                self(decision, $($value),*)
            }
        }

        impl<D: Decision, $($argument: Argument),*> closed::Closed for (D, $($argument,)*) {}

        impl<D: Decision, $($argument: Argument),*> Arguments for (D, $($argument,)*) {
            fn access() -> Access {
                D::access()
            }

            fn describe(description: &mut Description) {
                D::describe(description);
                $($argument::describe(description);)*
            }

            fn foresee(asked: &Foresight<'_>) -> impl Future<Output = Result<Explanation, StoreError>> {
                D::foresee(asked)
            }

            async fn take(call: &mut Call) -> Result<Self, Problem> {
                let decision = D::decide(call).await;
                call.count_decision(decision.as_ref().err());
                Ok((decision?, $($argument::take(call).await?,)*))
            }
        }
    )*};
}

handlers! {
    ();
    (A a);
    (A a, B b);
    (A a, B b, C c);
    (A a, B b, C c, E e);
}

/// Mounts `handler` at a path, with what it does in a sentence.
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
    let keyed = takes_key(&method, &access);
    Endpoint {
        method,
        path,
        summary,
        access,
        for_people: H::Outcome::FOR_PEOPLE,
        describe: |description| {
            A::describe(description);
            H::Outcome::describe(description);
        },
        problems: &[],
        segments: Vec::new(),
        part: Part::Always,
        foresee: |asked| Box::pin(A::foresee(asked)),
        run: Arc::new(move |call| {
            let handler = handler.clone();
            Box::pin(async move {
                let arguments = A::take(call).await?;
                let turn = if keyed { call.turn().await? } else { Turn::Free };
                let handled = async { handler.handle(arguments).await.respond(call) };
                match turn {
                    Turn::Free => handled.await,
                    Turn::First(request) => call.first(request, handled).await,
                    Turn::Answered(answer) => Ok(answer),
                }
            })
        }),
    }
}

impl Endpoint {
    /// Problems that its handler may answer with, besides those that its types tell of.
    pub fn or(mut self, problems: &'static [Code]) -> Self {
        self.problems = problems;
        self
    }

    /// What a segment of its path means, where it is not the id that the decision reads.
    pub fn segment(mut self, name: &'static str, meaning: &'static str) -> Self {
        self.segments.push((name, meaning));
        self
    }

    /// Whether it answers requests by this method: GET answers HEAD too.
    pub(crate) fn answers(&self, method: &Method) -> bool {
        self.method == *method || (self.method == Method::GET && *method == Method::HEAD)
    }

    /// The method and the path.
    pub fn route(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// What its decision would be, and why.
    pub(crate) async fn foresee(&self, asked: &Foresight<'_>) -> Result<Explanation, StoreError> {
        (self.foresee)(asked).await
    }

    /// The names of the parameters of its path, in their order.
    pub(crate) fn segment_names(&self) -> impl Iterator<Item = &'static str> {
        self.path.split(['{', '}']).skip(1).step_by(2)
    }

    /// The name under which it tells of a problem.
    pub(crate) fn code_on_the_wire(&self, code: Code) -> &'static str {
        if self.path.starts_with("/oauth/") { code.oauth() } else { code.as_str() }
    }

    /// Where it names a record, the rule that says who may know of it.
    pub(crate) fn read_rule(&self) -> Option<&'static Rule> {
        self.description().read_rule
    }

    /// What its handler's types say of it, and what was added.
    pub fn description(&self) -> Description {
        let mut description = Description::default();
        for (name, meaning) in &self.segments {
            description.segment(name, meaning, "");
        }
        (self.describe)(&mut description);
        if takes_key(&self.method, &self.access) {
            idempotency::describe(&mut description);
        }
        description.problems.extend(self.problems);
        description
    }
}
