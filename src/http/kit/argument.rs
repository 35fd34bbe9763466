//! Arguments of handlers after the decision.

use super::{Call, Description, Problem};

/// Argument of a handler. The arguments are read in their order, after the decision. So the body is not read
/// before the decision is made.
#[diagnostic::on_unimplemented(
    message = "a handler cannot have an argument of type `{Self}` after the decision",
    label = "use `Body<…>`, `IfMatch`, `ListOf<…>`, `NewId<…>`, `Now`, `Query<…>`, `Segments`, `Configured<…>`, `State<…>` or `Store`",
    note = "a handler has one decision, which is its first argument"
)]
pub trait Argument: Sized + 'static {
    /// Reads the argument from the request.
    fn take(call: &mut Call) -> impl Future<Output = Result<Self, Problem>>;

    /// Describes the route.
    fn describe(_: &mut Description) {}
}
