//! Invariants of every application, and the comparison of an answer with the rule.

use serde_json::Value;

use super::client::Answer;
use super::error_lines;
use crate::authz::matrix::CallerKind;
use crate::authz::{OwnerFrom, Resource as _, Rule};
use crate::domain::{Client, Role};
use crate::http::{Access, Code, Endpoint};

/// Returns true when the records have owners and the policy does not allow every user.
pub(crate) fn is_private(rule: &Rule) -> bool {
    rule.owner_from != OwnerFrom::Nobody && !allows_every_user(rule)
}

/// Returns true when the policy explicitly allows users without a relation to the record: by a state of the
/// record, or by the role that every user has.
fn allows_every_user(rule: &Rule) -> bool {
    rule.condition.relations().any(|(relation, _)| !relation.is_personal())
        || rule.condition.roles().any(|(role, _)| role == Role::USER)
}

/// Returns true when another user must not learn that a record exists.
pub(crate) fn hides_existence(endpoint: &Endpoint) -> bool {
    let read = endpoint.description().read_rule;
    matches!(endpoint.access, Access::Record(rule) if is_private(rule)) && read.is_some_and(is_private)
}

/// Returns the rule of a list that must not show the owner's records to another user.
pub(crate) fn private_list(endpoint: &Endpoint) -> Option<&'static Rule> {
    match endpoint.access {
        Access::Collection(rule) if !rule.changes && rule.owner_from == OwnerFrom::Record => {
            Some(rule).filter(|rule| is_private(rule))
        }
        Access::CollectionOf(rule) if !rule.changes => Some(rule).filter(|rule| is_private(rule)),
        _ => None,
    }
}

/// Returns true when a route with this access must refuse this kind of caller under every policy.
pub(crate) fn is_always_refused(kind: CallerKind, access: Access) -> bool {
    match (kind, access) {
        (_, Access::Public) => false,
        (CallerKind::Owner | CallerKind::Browser, _) => false,
        (CallerKind::Role(_) | CallerKind::ClientWithAny | CallerKind::System(_), _) => false,
        (CallerKind::BadToken | CallerKind::ForeignPage, _) => true,
        (_, Access::PublicWhileOpen(_)) => false,
        (CallerKind::Nobody, _) => true,
        (
            CallerKind::WithoutScope,
            Access::Record(_) | Access::Own(_) | Access::Collection(_) | Access::CollectionOf(_),
        ) => true,
        (
            CallerKind::AnotherUser | CallerKind::Client | CallerKind::AdminsBrowser,
            Access::Record(rule) | Access::CollectionOf(rule),
        ) => is_private(rule),
        _ => false,
    }
}

/// Returns true when the route compares the caller's powers with those of a record that a verification can make. This
/// is a record of an administrator, or a client from the documented example, which has a power.
pub(crate) fn compares_powers(endpoint: &Endpoint) -> bool {
    match endpoint.access {
        Access::Record(rule) if rule.owner_from != OwnerFrom::Nobody => rule.condition.is_ranked(),
        Access::Record(rule) | Access::Collection(rule) => {
            rule.condition.is_ranked() && rule.resource == Client::NAME
        }
        _ => false,
    }
}

/// Codes with which a decision refuses. Other errors come after the decision.
const OF_A_DECISION: [Code; 7] = [
    Code::Unauthenticated,
    Code::InvalidToken,
    Code::ForeignOrigin,
    Code::InsufficientScope,
    Code::NotOwner,
    Code::WrongState,
    Code::AboveCaller,
];

/// Returns the difference between an answer and the rule. `expected` is the refusal, if the rule refuses.
pub(crate) fn difference_from_rule(
    endpoint: &Endpoint,
    expected: Option<Code>,
    answer: &Answer,
) -> Option<String> {
    let told = answer.summary();
    if answer.status >= 500 {
        let cause = error_lines::take_last().map(|line| format!("; the log of the server: {line}"));
        return Some(format!("gets {told}{}", cause.unwrap_or_default()));
    }
    let wire = |code: Code| endpoint.family.name_of(code);
    match expected {
        Some(code) => {
            let is_said =
                answer.status == code.status().as_u16() && answer.code().as_deref() == Some(wire(code));
            let said = format!("{} {}", code.status().as_u16(), wire(code));
            (!is_said).then(|| format!("gets {told}; the rule says {said}"))
        }
        None => {
            let decides = endpoint.access.looks_at_tokens();
            let is_refused = OF_A_DECISION.into_iter().any(|code| {
                decides
                    && answer.status == code.status().as_u16()
                    && answer.code().as_deref() == Some(wire(code))
            });
            is_refused.then(|| format!("is refused with {told}; the rule allows it"))
        }
    }
}

/// Texts that no answer may contain: parts of a password hash and of a private key.
const NEVER: [&str; 3] = ["$argon2", "\"password_hash\":\"", "-----BEGIN"];

/// Returns the secret that an answer contains, if any.
pub(crate) fn leaked_secret(endpoint: &Endpoint, answer: &Answer, secrets: &[&str]) -> Option<String> {
    let holds = |text: &&&str| !text.is_empty() && answer.body.contains(**text);
    if let Some(never) = NEVER.iter().find(holds) {
        return Some(format!("receives {never:?}"));
    }
    let has_private_key = answer.json().get("keys").and_then(Value::as_array).is_some_and(|keys| {
        keys.iter().any(|key| ["d", "p", "q", "k"].iter().any(|member| key.get(member).is_some()))
    });
    if has_private_key {
        return Some("receives a private key".to_owned());
    }
    // An answer does not repeat a sent password or token, except where a token is issued.
    let issues = endpoint.path == "/sessions" || endpoint.path == "/oauth/token";
    let is_told = !issues && secrets.iter().any(|secret| holds(&secret));
    is_told.then(|| "receives a password or a token".to_owned())
}
