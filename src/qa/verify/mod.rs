//! The matrix, proved: every route as every kind of caller against a running server, over HTTP, and
//! each answer held against what the policy says. `cloakroom verify` does so from outside, and the
//! tests of an application ([`Walk`](super::testing::Walk)) to a server of their own.
//!
//! Besides what the matrix says, of every application holds what it cannot say ([`checks`]): another's
//! id and one that is nobody's are answered alike, a refused change changed nothing, a list does not
//! show another's records, and no answer holds a secret.

mod body;
mod caller;
mod checks;
mod client;
mod page;
mod people;
mod records;
mod report;
mod run;
mod timing;

use crate::token::Keys;

pub(crate) use client::{Client, Request};
pub(crate) use page::{as_html, as_junit};
pub(crate) use report::{Outcome, Report, RouteReport};
pub(crate) use run::{Options, Verification};

/// A server, and what is needed to ask it as everybody.
pub(crate) struct Target {
    /// Where it is.
    pub(crate) url: String,
    /// `iss` of its tokens.
    pub(crate) issuer: String,
    /// `aud` of its tokens.
    pub(crate) audience: String,
    /// By what somebody with every scope there is gets a token.
    pub(crate) everything: Credential,
    /// Its keys, where they are at hand: then good tokens are made that are wrong in one way alone.
    pub(crate) keys: Option<Keys>,
}

/// By what somebody gets a token.
pub(crate) enum Credential {
    /// It is one, for as long as it is good.
    Token(String),
    /// A client's id and secret.
    Client(String, String),
    /// A user's e-mail and password.
    User(String, String),
    /// The server's own key, by which one is made.
    Key,
}

/// The server does not do what it must for anything to be tried.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Trouble(pub(crate) String);

impl Trouble {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}
