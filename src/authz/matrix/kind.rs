//! The kinds of callers, and what the policy answers each: not a second telling of the rules, but the
//! decision itself, asked about somebody of the kind.

use std::sync::Arc;

use uuid::Uuid;

use super::super::caller::{Caller, Subject};
use super::super::relation::RelationSet;
use super::super::resource::OwnerFrom;
use super::super::rule::{Reason, RecordAttributes, Rule};
use super::super::scope::ScopeSet;
use super::Described;
use crate::authz::roles::Vocabulary;
use crate::authz::row_filter::RowFilter;
use crate::domain::{Role, UserId};

const OWNER: UserId = UserId(Uuid::from_u128(1));
const ANOTHER: UserId = UserId(Uuid::from_u128(2));

/// A kind of caller, as seen from the owner of the record that a route is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sends no token.
    Nobody,
    /// Sends a token that is not acceptable.
    BadToken,
    /// Is the owner, with a token that carries no scope of the rule.
    WithoutScope,
    /// Is the owner, with all that users are granted.
    Owner,
    /// Is another user.
    AnotherUser,
    /// Is another user who has this role besides.
    Role(Role),
    /// Acts for itself, with all that users are granted.
    Client,
    /// Acts for itself, with every scope there is.
    ClientWithAny,
}

/// What a route reaches for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached<'a> {
    /// One record, of which this rule says who may know.
    Record(&'a Rule),
    /// What is the caller's own.
    Own,
    /// All records of a kind that the caller may see, or a new one.
    Collection,
}

impl Kind {
    /// Every kind that an application tells apart.
    pub fn all(vocabulary: &Vocabulary) -> Vec<Kind> {
        let special = |role: &Role| *role != Role::USER && *role != Role::ADMIN;
        let roles = vocabulary.roles().filter(special).chain([Role::ADMIN]).map(Kind::Role);
        [Kind::Nobody, Kind::BadToken, Kind::WithoutScope, Kind::Owner, Kind::AnotherUser]
            .into_iter()
            .chain(roles)
            .chain([Kind::Client, Kind::ClientWithAny])
            .collect()
    }

    /// The heading of its column.
    pub fn name(self) -> String {
        match self {
            Kind::Nobody => "nobody".to_owned(),
            Kind::BadToken => "bad token".to_owned(),
            Kind::WithoutScope => "no scope".to_owned(),
            Kind::Owner => "owner".to_owned(),
            Kind::AnotherUser => "another user".to_owned(),
            Kind::Role(role) => role.to_string(),
            Kind::Client => "client".to_owned(),
            Kind::ClientWithAny => "client, any".to_owned(),
        }
    }

    /// Who that is.
    pub fn described(self) -> Described {
        let meaning = match self {
            Kind::Nobody => "sends no token".to_owned(),
            Kind::BadToken => {
                "sends a token that is malformed, forged, expired, revoked or meant for somebody else, or that of \
                 a user who is suspended or deleted"
                    .to_owned()
            }
            Kind::WithoutScope => "the owner, with a token that carries no scope of the rule".to_owned(),
            Kind::Owner => "the user whose record it is, with all that users are granted".to_owned(),
            Kind::AnotherUser => "a user whose record it is not, with all that users are granted".to_owned(),
            Kind::Role(role) => format!("a user whose record it is not, who has the role {role} besides"),
            Kind::Client => "a client acting for itself, with all that users are granted".to_owned(),
            Kind::ClientWithAny => "a client acting for itself, with every scope there is".to_owned(),
        };
        Described { name: self.name(), meaning }
    }

    /// Somebody of the kind; nobody where the token tells of nobody.
    fn caller(self, rule: &Rule, vocabulary: &Arc<Vocabulary>) -> Option<Caller> {
        let of = |roles: &[Role]| vocabulary.granted_by(roles);
        let user = |id, roles: &[Role]| Subject::User { id, roles: roles.to_vec() };
        let client = || Subject::Client { id: "client".to_owned() };
        // No client acting for itself is ever given what tells of a user.
        let of_client = |scope: ScopeSet| scope.iter().filter(|scope| !scope.is_identity()).collect();
        let (subject, scope) = match self {
            Kind::Nobody | Kind::BadToken => return None,
            Kind::WithoutScope => {
                let opens: ScopeSet = rule.who.scopes().collect();
                (user(OWNER, &[Role::USER]), of(&[Role::USER]).difference(&opens))
            }
            Kind::Owner => (user(OWNER, &[Role::USER]), of(&[Role::USER])),
            Kind::AnotherUser => (user(ANOTHER, &[Role::USER]), of(&[Role::USER])),
            Kind::Role(role) => (user(ANOTHER, &[role, Role::USER]), of(&[role, Role::USER])),
            Kind::Client => (client(), of_client(of(&[Role::USER]))),
            Kind::ClientWithAny => (client(), of_client(vocabulary.scopes().iter().copied().collect())),
        };
        Some(Caller::supposed(Arc::clone(vocabulary), subject, scope))
    }

    /// Why somebody of the kind is refused by the rule, if they are: of a record that is in the state
    /// which the rule asks for, and has no relation to them. Asked of those who have a good token.
    pub fn refused(
        self,
        rule: &'static Rule,
        reached: Reached<'_>,
        vocabulary: &Arc<Vocabulary>,
    ) -> Option<Reason> {
        let caller = self.caller(rule, vocabulary)?;
        let state = rule.who.state();
        let held = RelationSet::of(rule.relations().iter().map(|relation| Some(*relation) == state));
        let facts = |owner| RecordAttributes { owner, held, rank: None };
        match reached {
            Reached::Record(read) => {
                let owner = (rule.owner_from != OwnerFrom::Nobody).then_some(OWNER);
                let told = rule.told(read, &caller, facts(owner));
                // Where the owner is in the URL, nothing was looked up yet.
                let in_url = rule.owner_from == OwnerFrom::Url && told == Some(Reason::NotFound);
                if in_url { Some(Reason::NotOwner) } else { told }
            }
            Reached::Own => match caller.user_id() {
                Some(own) => rule.against(&caller, facts(Some(own))).map(|step| step.reason()),
                None if rule.check_scope(&caller).is_err() => Some(Reason::InsufficientScope),
                None => Some(Reason::NotOwner),
            },
            Reached::Collection if rule.check_scope(&caller).is_err() => Some(Reason::InsufficientScope),
            Reached::Collection => {
                RowFilter::of(&caller, &[rule]).terms().is_empty().then_some(Reason::NotOwner)
            }
        }
    }
}
