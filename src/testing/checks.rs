//! What holds for every application, whatever its page says.

use super::kind::Kind;
use crate::authz::{OwnerFrom, Rule};
use crate::domain::Role;
use crate::http::{Access, Endpoint};

/// Whether a caller of this kind must be refused by a route of this access.
pub(super) fn must_be_refused(kind: Kind, access: Access) -> bool {
    match (kind, access) {
        (Kind::Owner | Kind::UserWithAny | Kind::ClientWithAny, _) | (_, Access::Public) => false,
        (Kind::BadSignature | Kind::Expired | Kind::OwnerSuspended, _) => true,
        (_, Access::PublicWhileOpen(_)) => false,
        (Kind::Nobody, _) => true,
        (Kind::WithoutTheScope, Access::Record(_) | Access::Own(_) | Access::Collection(_)) => true,
        (Kind::AnotherUser | Kind::ClientNamedLikeTheOwner, Access::Record(rule)) => is_private(rule),
        _ => false,
    }
}

/// Whether the records are somebody's, and not every user's to reach.
pub(super) fn is_private(rule: &Rule) -> bool {
    rule.owner_from != OwnerFrom::Nobody && !lets_every_user(rule)
}

/// Whether the policy says in so many words that it lets in users who are nothing to the record:
/// while it is in some state, or by the role that every user has.
fn lets_every_user(rule: &Rule) -> bool {
    rule.who.relations().any(|(relation, _)| !relation.is_personal())
        || rule.who.roles().any(|(role, _)| role == Role::USER)
}

/// The rule, where another user must not be told whether a record is there that they cannot reach.
pub(super) fn hides_what_is_there(endpoint: &Endpoint) -> bool {
    let read = endpoint.description().read_rule;
    matches!(endpoint.access, Access::Record(rule) if is_private(rule)) && read.is_some_and(is_private)
}

/// The rule of a list that must not show another user the owner's records.
pub(super) fn private_list(endpoint: &Endpoint) -> Option<&'static Rule> {
    match endpoint.access {
        Access::Collection(rule) if !rule.changes && rule.owner_from == OwnerFrom::Record => {
            Some(rule).filter(|rule| is_private(rule))
        }
        _ => None,
    }
}
