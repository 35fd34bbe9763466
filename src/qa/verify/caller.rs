//! Callers of a verification: the kinds of the matrix, in more detail.

use crate::authz::matrix::CallerKind;
use crate::authz::{Relation, Vocabulary};
use crate::domain::Role;
use crate::token::TokenDefect;

/// Caller, in relation to the owner of the record of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Sends no token.
    Anonymous,
    /// Sends a text that is not a token.
    Malformed,
    /// Sends a token with this defect.
    Wrong(TokenDefect),
    /// Sends a token without a scope of the rule.
    WithoutScope,
    /// Is another user.
    AnotherUser,
    /// Is another user, to whom the record has this relation.
    Related(Relation),
    /// Is another user with this role.
    Role(Role),
    /// Is a client that acts for itself, with the scopes of users.
    Client,
    /// Is a client whose id is that of the owner.
    NamedLikeTheOwner,
    /// Is a client with every scope.
    ClientWithAny,
    /// Is an administrator whose token carries one scope of the rule. The record belongs to another administrator.
    Narrow,
    /// Is the owner, who authenticated too long ago for a rule with `fresh`.
    StaleOwner,
    /// Is an administrator who authenticated too long ago for a rule with `fresh`.
    StaleAdmin,
    /// Is the owner, by the cookie of a browser session.
    Browser,
    /// Is an administrator, by the cookie of a browser session.
    AdminsBrowser,
    /// Is a page of another origin in the owner's browser, which says so in this way.
    ForeignPage(Foreign),
    /// Is the owner.
    Owner,
    /// Is the owner after logout.
    Ended,
    /// Is the owner after suspension.
    Suspended,
    /// Is the owner after deletion.
    Deleted,
    /// Loses the token's effect in the middle of the request, in this way.
    Interrupted(Interruption),
}

/// Way in which a browser says that a page has another origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    /// Names another site.
    Site,
    /// Names another origin of the same site, such as a sibling subdomain.
    Sibling,
    /// Hides the origin, as for a sandboxed frame.
    Hidden,
}

impl Foreign {
    const ALL: [Self; 3] = [Self::Site, Self::Sibling, Self::Hidden];

    /// Returns the headers of a request from such a page.
    pub(crate) fn headers(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Site => &[("origin", "https://evil.example"), ("sec-fetch-site", "cross-site")],
            Self::Sibling => &[("sec-fetch-site", "same-site")],
            Self::Hidden => &[("origin", "null")],
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Site => "a page of another site",
            Self::Sibling => "a page of a sibling subdomain",
            Self::Hidden => "a page with a hidden origin",
        }
    }
}

/// Way in which a token loses its effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interruption {
    /// Its user is suspended.
    Suspended,
    /// Its user's roles are replaced.
    Demoted,
    /// Its session ends.
    LoggedOut,
    /// Its user is deleted.
    Deleted,
}

impl Interruption {
    const ALL: [Self; 4] = [Self::Suspended, Self::Demoted, Self::LoggedOut, Self::Deleted];

    fn verb(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::Demoted => "demoted",
            Self::LoggedOut => "logged out",
            Self::Deleted => "deleted",
        }
    }
}

/// Defects of tokens that are tried on every route.
const DEFECTS: [TokenDefect; 10] = [
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
    /// Returns all callers in the order of the run. Those that end what others need come last.
    pub(crate) fn all(vocabulary: &Vocabulary) -> Vec<Caller> {
        let roles = CallerKind::all(vocabulary).into_iter().filter_map(|kind| match kind {
            CallerKind::Role(role) => Some(Caller::Role(role)),
            _ => None,
        });
        let related = vocabulary.relations().iter().copied().map(Caller::Related);
        let wrong = DEFECTS.map(Caller::Wrong);
        let first = [Caller::Anonymous, Caller::Malformed].into_iter().chain(wrong);
        first
            .chain([Caller::WithoutScope, Caller::AnotherUser])
            .chain(related)
            .chain(roles)
            .chain([Caller::Client, Caller::NamedLikeTheOwner, Caller::ClientWithAny, Caller::Narrow])
            .chain([Caller::StaleOwner, Caller::StaleAdmin, Caller::AdminsBrowser])
            .chain(Foreign::ALL.map(Caller::ForeignPage))
            .chain([Caller::Browser])
            .chain([Caller::Owner, Caller::Ended, Caller::Suspended, Caller::Deleted])
            .chain(Interruption::ALL.map(Caller::Interrupted))
            .collect()
    }

    /// Returns the kind in the matrix.
    pub(crate) fn kind(self) -> CallerKind {
        match self {
            Caller::Anonymous => CallerKind::Nobody,
            Caller::Malformed | Caller::Wrong(_) | Caller::Ended | Caller::Suspended | Caller::Deleted => {
                CallerKind::BadToken
            }
            Caller::Interrupted(_) => CallerKind::BadToken,
            Caller::WithoutScope => CallerKind::WithoutScope,
            Caller::AnotherUser => CallerKind::AnotherUser,
            Caller::Related(relation) => CallerKind::Related(relation),
            Caller::Role(role) => CallerKind::Role(role),
            Caller::Narrow => CallerKind::NarrowAdmin,
            Caller::Client | Caller::NamedLikeTheOwner => CallerKind::Client,
            Caller::ClientWithAny => CallerKind::ClientWithAny,
            Caller::StaleOwner => CallerKind::StaleOwner,
            Caller::StaleAdmin => CallerKind::StaleAdmin,
            Caller::Owner => CallerKind::Owner,
            Caller::Browser => CallerKind::Browser,
            Caller::AdminsBrowser => CallerKind::AdminsBrowser,
            Caller::ForeignPage(_) => CallerKind::ForeignPage,
        }
    }

    /// Returns the name for reports.
    pub(crate) fn name(self) -> String {
        match self {
            Caller::Malformed => "malformed token".to_owned(),
            Caller::Wrong(defect) => format!("{} token", defect.name()),
            Caller::NamedLikeTheOwner => "a client named like the owner".to_owned(),
            Caller::Ended => "the owner, logged out".to_owned(),
            Caller::Suspended => "the owner, suspended".to_owned(),
            Caller::Deleted => "the owner, deleted".to_owned(),
            Caller::Interrupted(how) => format!("a user {} during the request", how.verb()),
            Caller::StaleOwner => "the owner, who authenticated long ago".to_owned(),
            Caller::StaleAdmin => "an administrator, who authenticated long ago".to_owned(),
            Caller::Owner => "the owner".to_owned(),
            Caller::Browser => "the owner's browser".to_owned(),
            Caller::AdminsBrowser => "an administrator's browser".to_owned(),
            Caller::ForeignPage(how) => format!("{} in the owner's browser", how.name()),
            Caller::Client => "a client".to_owned(),
            Caller::ClientWithAny => "a client with every scope".to_owned(),
            Caller::Narrow => "an administrator with one scope, on an administrator's record".to_owned(),
            Caller::WithoutScope => "the owner without the scope".to_owned(),
            Caller::Related(relation) => format!("a user with the relation {}", relation.name()),
            Caller::Anonymous | Caller::AnotherUser | Caller::Role(_) => self.kind().name(),
        }
    }
}
