//! Arguments of handlers: what a handler takes after its decision.

use super::call::Call;
use super::description::Description;
use super::problem::Problem;

/// An argument of a handler. The arguments are taken in their order, each after the one before it: the body is not
/// read before the decision is made.
#[diagnostic::on_unimplemented(
    message = "after its decision a handler cannot take a `{Self}`",
    label = "it can take `Body<…>`, `IfMatch`, `ListOf<…>`, `NewId<…>`, `Now`, `Query<…>`, `Segments`, `Configured<…>`, `Store`",
    note = "a handler makes one decision, and it is the first argument"
)]
pub trait Argument: Sized + 'static {
    /// Takes it from the request.
    fn take(call: &mut Call) -> impl Future<Output = Result<Self, Problem>>;

    /// Describes what it means for the route.
    fn describe(_: &mut Description) {}
}
