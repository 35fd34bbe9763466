//! The pages of the authorization server: sign-in, consent, sign-out, mailed links and errors. They are rendered on the
//! server, without resources from other sites. Two scripts are all: the button that shows a password, and the one that
//! sends an authorization response.
//!
//! Each page is a function from its content to a [`PageAnswer`]. A page with a form also takes the
//! [`Browser`](super::Browser), for the CSRF token and its cookie.

mod account_links;
mod answer;
mod consent;
mod destination;
mod error;
mod files;
mod form_post;
mod layout;
mod log_in;
mod log_out;
mod password_field;
mod sign_up;

pub use account_links::{
    ACCEPT_INVITATION, ForgottenPasswordForm, InvitationForm, LINK_TOKEN, LinkWords, NewLink,
    NewPasswordError, RESET_PASSWORD, ResetPasswordForm, UNDO_EMAIL_CHANGE, UndoEmailChangeForm,
    VERIFY_EMAIL, VerifyEmailForm, confirmation, forgotten_password, invalid_link, link_requested, link_used,
    new_password, registration_requested,
};
pub use answer::{BrowserAnswer, PageAnswer, SeeOther};
pub use consent::{Consent, ConsentChoice, ConsentForm, Permission, consent};
pub use destination::Destination;
pub use error::{ErrorPage, error, expired, explanation, explanations};
pub use files::{mark, stylesheet};
pub use form_post::form_post;
pub use layout::{Application, form};
pub use log_in::{LogIn, LogInChoice, LogInError, LogInForm, STAY_SIGNED_IN, log_in};
pub use log_out::{LogOut, LogOutChoice, LogOutForm, log_out, logged_out, still_logged_in};
pub use sign_up::{SignUp, SignUpChoice, SignUpError, SignUpForm, sign_up};

pub(crate) use error::render_problem;
