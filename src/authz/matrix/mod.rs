//! The authorization matrix: every route, its rule, and the answer to each kind of caller. A person
//! reads it as a table, a program compares it as JSON.

mod caller_kind;
mod diff;
mod page;
mod table;
mod text;

pub use caller_kind::{CallerKind, Target};
pub use diff::{Change, Direction, difference};
pub(crate) use page::document;
pub use page::{SCRIPT, STYLE, as_html};
pub use table::{CallerAnswer, ClauseEntry, Matrix, RoleRow, RouteRow, RouteRule, Term};
pub use text::{as_markdown, as_table};
