//! Checks beyond the matrix: rules that a single request of one caller does not show. They need several requests, a
//! browser, or two clients.
//!
//! A new check is a small function in the file of its subject, and a line in [`CHECKS`].

mod application;
mod audit;
mod authorization;
mod browser;
mod clients;
mod conditions;
mod cookies;
mod exchange;
mod findings;
mod limits;
mod lists;
mod login;
mod members;
mod others;
mod rank;
mod ruled_members;
mod run;
mod tokens;
mod userinfo;

use std::time::Instant;

use findings::{Checked, Findings, Stopped};
pub(super) use run::CheckRun;

use super::report::CheckReport;
use super::{Outcome, VerifyError};

/// Check with the rule that it tries.
pub(super) struct Check {
    /// The rule, as a sentence.
    pub(super) rule: &'static str,
    try_it: fn(&CheckRun<'_>, &mut Findings) -> Checked,
}

const fn check(rule: &'static str, try_it: fn(&CheckRun<'_>, &mut Findings) -> Checked) -> Check {
    Check { rule, try_it }
}

/// Every check, in the order of the run.
#[rustfmt::skip]
pub(super) const CHECKS: &[Check] = &[
    check("a wrong password is refused",                              login::wrong_password),
    check("a suspended or deleted user cannot log in",                login::inactive_user),
    check("a login gets no scope beyond the user's roles",            login::scope_beyond_roles),
    check("a changed password ends the old one",                      login::old_password),
    check("the sign-in page refuses what a login refuses",            login::sign_in_page),

    check("a wrong client secret is refused",                         clients::wrong_secret),
    check("a client authenticates by its registered method alone",    clients::other_method),
    check("a client uses its registered grant types alone",           clients::other_grant),
    check("a client gets no scope beyond its registration",           clients::scope_beyond_registration),
    check("a replaced secret and a deleted client are refused",       clients::ended_credentials),

    check("authorization gets no scope beyond roles and registration", authorization::scope_beyond),
    check("only a registered redirect URI is used",                   authorization::redirect_uri),
    check("PKCE cannot be left out",                                  authorization::pkce),
    check("a code is bound to its request and its client",            authorization::bound_code),
    check("a code is redeemed once",                                  authorization::used_code),
    check("a client gets a code only with the user's consent",        authorization::consent),
    check("a first-party client reaches its own user alone",         authorization::first_party),
    check("prompt=login asks for the password",                       authorization::prompted),
    check("a form is accepted only from its own page",                authorization::foreign_form),

    check("a refresh token is bound to its client",                   exchange::foreign_refresh),
    check("reuse of a refresh token ends its session",                exchange::reused_refresh),
    check("a refresh gets no scope beyond the grant",                 exchange::refreshed_scope),
    check("a refresh looks at its user again",                        exchange::refresh_of_changed_user),
    check("a client revokes its own tokens alone",                    exchange::foreign_revocation),
    check("introspection tells a foreign client nothing",             exchange::foreign_introspection),

    check("every defect of a token is refused",                       tokens::defects),
    check("every malformed claim is refused",                         tokens::claims),
    check("every wrong header of a token is refused",                 tokens::headers),
    check("only an access token in the header is accepted",           tokens::other_tokens),
    check("a token ends with what it depends on",                     tokens::ended),

    check("a cookie counts from the server's own pages alone",        cookies::own_page),
    check("a cookie beside a token does not count",                   cookies::beside_a_token),
    check("a cookie reaches its user's own records alone",            cookies::own_records),
    check("a cookie ends with its session and its user",              cookies::ended),

    check("registration gives no roles and no status",                rank::registration),
    check("no role above the caller is granted",                      rank::granted_roles),
    check("no client above the caller is registered or changed",      rank::clients),
    check("one scope of a rule does not reach an administrator",      rank::one_scope),
    check("an equal is not above",                                    rank::equals),

    check("members that the caller may not write are refused",        members::read_only),
    check("_actions names what the caller may do, and no more",       members::actions),
    check("a new address is not verified",                            members::new_address),
    check("a member with a rule is shown to no other caller",         ruled_members::ruled),

    check("a list below a record shows only that record's",           lists::below_a_record),
    check("a record below a user is found under that user alone",     lists::foreign_parent),
    check("a cursor is valid for its own list",                       lists::foreign_cursor),
    check("a list of an application shows only what its caller may read", lists::two_owners),

    check("a change needs the current version",                       conditions::if_match),
    check("a new password needs the current one",                     conditions::current_password),
    check("an idempotency key belongs to its caller and its request", conditions::idempotency_key),

    check("userinfo tells what the scope permits",                    userinfo::claims),

    check("the audit trail has refusals, changes and reads",          audit::written),
    check("the audit trail tells a user nothing of third parties",    audit::third_parties),
    check("the audit trail of a user is about that user",             audit::of_one_user),

    check("ending sessions leaves those of others",                   others::sessions),
    check("a change of one account leaves the others",                others::accounts),
    check("a refused request leaves everything as it was",            others::refused),

    check("sizes and forms of requests are bounded",                  limits::requests),
    check("a weak password is refused",                               limits::weak_password),
    check("answers are not stored, and not for foreign origins",      limits::headers),
];

impl Check {
    /// Tries the rule. What ends the run is the error.
    pub(super) fn run(&self, run: &CheckRun<'_>) -> (CheckReport, Option<VerifyError>) {
        let (began, mut found) = (Instant::now(), Findings::default());
        let stopped = (self.try_it)(run, &mut found).err();
        let (untried, error) = match stopped {
            Some(Stopped::Untried(reason)) => (Some(reason), None),
            Some(Stopped::Failed(error)) => (None, Some(error)),
            None => (None, None),
        };
        if let Some(VerifyError(why)) = &error {
            found.add(format!("cannot be tried: {why}"));
        }
        let outcome = match (found.outcome(), untried) {
            (Outcome::Different(differences), _) => Outcome::Different(differences),
            (_, Some(reason)) => Outcome::NotTried(reason),
            (outcome, None) => outcome,
        };
        (CheckReport { rule: self.rule, outcome, took: began.elapsed() }, error)
    }
}
