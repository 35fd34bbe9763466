//! Verification of the authorization matrix: every route is called over HTTP as every kind of caller, and each
//! answer is compared with the policy. `cloakroom verify` does this to any server, and the tests of an
//! application ([`Walk`](super::testing::Walk)) to their own.
//!
//! Then it tries rules that need more than one request ([`checks`]).
//!
//! It also checks invariants of every application ([`invariants`]). Another user's id and an unknown id get the
//! same answer. A refused change changes nothing. A list has no records of another user, and no answer contains
//! a secret.

mod body;
mod caller;
mod checks;
mod client;
pub(crate) mod error_lines;
mod fixture;
mod interrupted_body;
mod invariants;
mod leftovers;
mod page;
mod records;
mod relations;
mod report;
mod run;
mod situations;
mod stop;
mod target;
mod timing;
mod tokens;
mod trial;

pub(crate) use client::{Answer, Client, Request};
#[cfg(feature = "testing")]
pub(crate) use fixture::Fixture;
pub(crate) use page::{as_html, as_junit, mark};
pub(crate) use report::{CheckReport, Outcome, Report, RouteReport};
pub(crate) use run::{Options, Verification};
pub(crate) use stop::Stop;
pub(crate) use target::{Credential, RemoveLastAdmin, Target, VerifyError};
