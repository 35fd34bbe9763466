//! The pages that a person sees: signing in, consent, signing out, and what went wrong. Made on
//! the server, without a script and without anything from elsewhere.
//!
//! Each page is a function from what it says to a [`PageAnswer`]. One with a form takes the
//! [`Browser`](super::Browser) besides, for the form's token and its cookie.

mod answer;
mod consent;
mod destination;
mod error;
mod files;
mod layout;
mod log_in;
mod log_out;

pub use answer::{BrowserAnswer, PageAnswer, SeeOther};
pub use consent::{Consent, ConsentChoice, ConsentForm, Permission, consent};
pub use destination::Destination;
pub use error::{ErrorPage, Explanation, error, explanation};
pub use files::{mark, stylesheet};
pub use layout::{Application, form};
pub use log_in::{LogIn, LogInChoice, LogInError, LogInForm, log_in};
pub use log_out::{LogOut, LogOutChoice, LogOutForm, log_out, logged_out, still_logged_in};

pub(crate) use error::render_problem;
