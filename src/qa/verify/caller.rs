//! Who calls: the kinds of the matrix, and of each everybody who can be told apart.

use crate::authz::Vocabulary;
use crate::authz::matrix::CallerKind;
use crate::domain::Role;
use crate::token::TokenDefect;

/// Somebody who calls, as seen from the owner of the record that a route is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Sends no token.
    Nobody,
    /// Sends something that is no token.
    Malformed,
    /// Sends a token that is wrong in this way.
    Wrong(TokenDefect),
    /// Sends a token without a scope of the rule.
    WithoutScope,
    /// Is another user.
    AnotherUser,
    /// Is another user, with this role besides.
    Role(Role),
    /// Is a client that acts for itself, with what users are granted.
    Client,
    /// Is a client that has the owner's id for a name.
    NamedLikeTheOwner,
    /// Is a client with every scope there is.
    ClientWithAny,
    /// Is the owner.
    Owner,
    /// Was the owner, whose session has ended.
    Ended,
    /// Was the owner, who is suspended.
    Suspended,
    /// Was the owner, who is deleted.
    Deleted,
}

/// The ways in which a token is wrong that are tried on every route.
const WRONG: [TokenDefect; 10] = [
    TokenDefect::Tampered,
    TokenDefect::WrongKey,
    TokenDefect::EmbeddedJwk,
    TokenDefect::Hs256WithPublicKey,
    TokenDefect::Unsigned,
    TokenDefect::Expired,
    TokenDefect::NotYetValid,
    TokenDefect::WrongIssuer,
    TokenDefect::WrongAudience,
    TokenDefect::IdToken,
];

impl Caller {
    /// Everybody, in the order in which they are tried: whoever ends what the others need comes last.
    pub(crate) fn all(vocabulary: &Vocabulary) -> Vec<Caller> {
        let roles = CallerKind::all(vocabulary).into_iter().filter_map(|kind| match kind {
            CallerKind::Role(role) => Some(Caller::Role(role)),
            _ => None,
        });
        let wrong = WRONG.map(Caller::Wrong);
        let first = [Caller::Nobody, Caller::Malformed].into_iter().chain(wrong);
        first
            .chain([Caller::WithoutScope, Caller::AnotherUser])
            .chain(roles)
            .chain([Caller::Client, Caller::NamedLikeTheOwner, Caller::ClientWithAny, Caller::Owner])
            .chain([Caller::Ended, Caller::Suspended, Caller::Deleted])
            .collect()
    }

    /// What the matrix says of them.
    pub(crate) fn kind(self) -> CallerKind {
        match self {
            Caller::Nobody => CallerKind::Nobody,
            Caller::Malformed | Caller::Wrong(_) | Caller::Ended | Caller::Suspended | Caller::Deleted => {
                CallerKind::BadToken
            }
            Caller::WithoutScope => CallerKind::WithoutScope,
            Caller::AnotherUser => CallerKind::AnotherUser,
            Caller::Role(role) => CallerKind::Role(role),
            Caller::Client | Caller::NamedLikeTheOwner => CallerKind::Client,
            Caller::ClientWithAny => CallerKind::ClientWithAny,
            Caller::Owner => CallerKind::Owner,
        }
    }

    /// Their name.
    pub(crate) fn name(self) -> String {
        match self {
            Caller::Malformed => "malformed token".to_owned(),
            Caller::Wrong(defect) => format!("{} token", defect.name()),
            Caller::NamedLikeTheOwner => "a client named like the owner".to_owned(),
            Caller::Ended => "the owner, logged out".to_owned(),
            Caller::Suspended => "the owner, suspended".to_owned(),
            Caller::Deleted => "the owner, deleted".to_owned(),
            Caller::Owner => "the owner".to_owned(),
            Caller::Client => "a client".to_owned(),
            Caller::ClientWithAny => "a client with every scope".to_owned(),
            Caller::WithoutScope => "the owner without the scope".to_owned(),
            Caller::Nobody | Caller::AnotherUser | Caller::Role(_) => self.kind().name(),
        }
    }
}
