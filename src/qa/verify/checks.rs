//! What holds for every application, whatever its page says.

use serde_json::Value;

use super::client::Answer;
use crate::authz::matrix::CallerKind;
use crate::authz::{OwnerFrom, Rule};
use crate::domain::Role;
use crate::http::{Access, Code, Endpoint};

/// Whether the records are somebody's, and not every user's to reach.
pub(crate) fn is_private(rule: &Rule) -> bool {
    rule.owner_from != OwnerFrom::Nobody && !lets_every_user(rule)
}

/// Whether the policy says in so many words that it lets in users who are nothing to the record:
/// while it is in some state, or by the role that every user has.
fn lets_every_user(rule: &Rule) -> bool {
    rule.condition.relations().any(|(relation, _)| !relation.is_personal())
        || rule.condition.roles().any(|(role, _)| role == Role::USER)
}

/// The rule, where another user must not be told whether a record is there that they cannot reach.
pub(crate) fn hides_what_is_there(endpoint: &Endpoint) -> bool {
    let read = endpoint.description().read_rule;
    matches!(endpoint.access, Access::Record(rule) if is_private(rule)) && read.is_some_and(is_private)
}

/// The rule of a list that must not show another user the owner's records.
pub(crate) fn private_list(endpoint: &Endpoint) -> Option<&'static Rule> {
    match endpoint.access {
        Access::Collection(rule) if !rule.changes && rule.owner_from == OwnerFrom::Record => {
            Some(rule).filter(|rule| is_private(rule))
        }
        _ => None,
    }
}

/// Whether somebody of this kind must be refused by a route of this access, whatever the policy says.
pub(crate) fn must_be_refused(kind: CallerKind, access: Access) -> bool {
    match (kind, access) {
        (CallerKind::Owner | CallerKind::Role(_) | CallerKind::ClientWithAny, _) | (_, Access::Public) => {
            false
        }
        (CallerKind::BadToken, _) => true,
        (_, Access::PublicWhileOpen(_)) => false,
        (CallerKind::Nobody, _) => true,
        (CallerKind::WithoutScope, Access::Record(_) | Access::Own(_) | Access::Collection(_)) => true,
        (CallerKind::AnotherUser | CallerKind::Client, Access::Record(rule)) => is_private(rule),
        _ => false,
    }
}

/// The codes by which a decision refuses; what else goes wrong comes after it.
const OF_A_DECISION: [Code; 6] = [
    Code::Unauthenticated,
    Code::InvalidToken,
    Code::InsufficientScope,
    Code::NotOwner,
    Code::WrongState,
    Code::AboveCaller,
];

/// What of an answer is not what the rule says; `expected` is how it refuses, if it does.
pub(crate) fn differs(endpoint: &Endpoint, expected: Option<Code>, answer: &Answer) -> Option<String> {
    let told = answer.summary();
    if answer.status >= 500 {
        return Some(format!("is answered {told}"));
    }
    let wire = |code: Code| endpoint.family.name_of(code);
    match expected {
        Some(code) => {
            let is_said =
                answer.status == code.status().as_u16() && answer.code().as_deref() == Some(wire(code));
            let said = format!("{} {}", code.status().as_u16(), wire(code));
            (!is_said).then(|| format!("is answered {told}; the rule says {said}"))
        }
        None => {
            let decides = endpoint.access.looks_at_tokens();
            let is_refused = OF_A_DECISION.into_iter().any(|code| {
                decides
                    && answer.status == code.status().as_u16()
                    && answer.code().as_deref() == Some(wire(code))
            });
            is_refused.then(|| format!("is refused with {told}; the rule lets them in"))
        }
    }
}

/// What stands in no answer: of a password's hash, and of a private key.
const NEVER: [&str; 3] = ["$argon2", "password_hash", "-----BEGIN"];

/// What an answer holds that nobody may be told, if it does.
pub(crate) fn secret_in(endpoint: &Endpoint, answer: &Answer, secrets: &[&str]) -> Option<String> {
    let holds = |text: &&&str| !text.is_empty() && answer.body.contains(**text);
    if let Some(never) = NEVER.iter().find(holds) {
        return Some(format!("is told {never:?}"));
    }
    let has_private_key = answer.json().get("keys").and_then(Value::as_array).is_some_and(|keys| {
        keys.iter().any(|key| ["d", "p", "q", "k"].iter().any(|member| key.get(member).is_some()))
    });
    if has_private_key {
        return Some("is told a private key".to_owned());
    }
    // A password and a token that were sent along do not come back, but for the token that was asked for.
    let issues = endpoint.path == "/sessions" || endpoint.path == "/oauth/token";
    let is_told = !issues && secrets.iter().any(|secret| holds(&secret));
    is_told.then(|| "is told a password or a token".to_owned())
}
