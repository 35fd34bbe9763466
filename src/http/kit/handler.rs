//! Handlers: the traits of a handler, of its arguments and of its result.

use actix_web::HttpResponse;

use super::decision::closed;
use super::{Access, Answer, Argument, Call, Decision, Description, DryRun, Problem};
use crate::authz::Explanation;
use crate::store::StoreError;

/// Handler of a route: an asynchronous function whose first argument is a [`Decision`], whose other arguments
/// are [`Argument`]s, and which returns `Result<impl Answer, Problem>`. This trait requires only the
/// function; [`Arguments`] and [`Outcome`] require the rest, so that the compiler names the one type that is
/// wrong.
#[diagnostic::on_unimplemented(
    message = "a handler must be an `async fn` whose first argument is a decision",
    label = "write `async fn name(note: Allowed<Note, Read>, …) -> Result<impl Answer, Problem>`",
    note = "the first argument of a public route is `Public`",
    note = "a handler can have at most six arguments after the decision"
)]
pub trait Handler<Arguments>: Clone + Send + Sync + 'static {
    /// The type that it returns.
    type Outcome;
    /// Runs the handler.
    fn handle(&self, arguments: Arguments) -> impl Future<Output = Self::Outcome>;
}

/// Arguments of a handler: a [`Decision`], then [`Argument`]s. No other type can implement it.
pub trait Arguments: closed::Closed + Sized + 'static {
    /// Returns the access rule of the route.
    fn access() -> Access;
    /// Describes the route.
    fn describe(description: &mut Description);
    /// Explains the decision for a hypothetical caller.
    fn dry_run(inputs: &DryRun<'_>) -> impl Future<Output = Result<Explanation, StoreError>>;
    /// Makes the decision, then takes the other arguments in their order.
    fn take(call: &mut Call) -> impl Future<Output = Result<Self, Problem>>;
}

/// Result of a handler: `Result<impl Answer, Problem>`.
#[diagnostic::on_unimplemented(
    message = "a handler must return `Result<impl Answer, Problem>`, but this one returns `{Self}`",
    label = "write `-> Result<Shown<Note>, Problem>`, or use another `Answer`"
)]
pub trait Outcome {
    /// Set when a user reads the response in a browser.
    const FOR_PEOPLE: bool;
    /// Describes the route.
    fn describe(description: &mut Description);
    /// Makes the response.
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

            fn dry_run(inputs: &DryRun<'_>) -> impl Future<Output = Result<Explanation, StoreError>> {
                D::dry_run(inputs)
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
    (A a, B b, C c, E e, G g);
    (A a, B b, C c, E e, G g, I i);
}
