//! Problems of an application, beside those of the table.

/// Kind of problem of an application. [`problems!`](crate::problems!) declares it.
#[derive(Debug, PartialEq, Eq)]
pub struct OwnProblem {
    pub(super) status: u16,
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) meaning: &'static str,
}

impl OwnProblem {
    #[doc(hidden)]
    pub const fn new(status: u16, name: &'static str, title: &'static str, meaning: &'static str) -> Self {
        Self { status, name, title, meaning }
    }
}

/// Declares problems of the application: the status, the stable code, the title, and the explanation on the page
/// `/problems/{code}`. [`App::problems`](crate::App::problems) adds them; [`Endpoint::or`](crate::http::Endpoint::or)
/// names them at the routes that return them.
///
/// ```
/// use cloakroom::App;
/// use cloakroom::http::{Json, Problem, Public};
///
/// cloakroom::problems! {
///     /// The problems of pegs.
///     pub PROBLEMS:
///     NO_PEG_LEFT = 409 "no-peg-left", "Every peg is taken": "Bring the coat again when another guest has left.";
/// }
///
/// async fn bring(_: Public) -> Result<Json<String>, Problem> {
///     Err(Problem::new(NO_PEG_LEFT))
/// }
///
/// let app = App::new("wardrobe").problems(PROBLEMS);
/// ```
#[macro_export]
macro_rules! problems {
    (
        $(#[$meta:meta])*
        $visibility:vis $list:ident:
        $($code:ident = $status:literal $name:literal, $title:literal: $meaning:literal;)+
    ) => {
        $(
            #[doc = $title]
            $visibility const $code: $crate::http::Code =
                $crate::http::Code::Own(&$crate::http::OwnProblem::new($status, $name, $title, $meaning));
        )+

        $(#[$meta])*
        $visibility const $list: &[$crate::http::Code] = &[$($code),+];
    };
}
