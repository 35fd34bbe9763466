//! Kinds of callers, and the policy's answer to each. The answer comes from the decision itself, for
//! a hypothetical caller of the kind: the rules are not repeated here.

use std::sync::Arc;

use uuid::Uuid;

use super::Term;
use crate::authz::evaluation::Ranked;
use crate::authz::{
    Caller, OwnerFrom, Reason, RecordAttributes, Relation, RelationSet, RowFilter, Rule, ScopeSet, Step,
    Subject, System, Vocabulary,
};
use crate::domain::{Role, UserId};

const OWNER: UserId = UserId(Uuid::from_u128(1));
const ANOTHER: UserId = UserId(Uuid::from_u128(2));

/// End of the name of a caller who authenticated too long ago.
pub(super) const STALE: &str = ", stale";

/// Record of an administrator.
struct OfAnAdmin;

impl Ranked for OfAnAdmin {
    fn powers(&self, vocabulary: &Vocabulary) -> ScopeSet {
        vocabulary.powers_of(&[Role::ADMIN])
    }
}

/// Kind of caller, relative to the owner of the route's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallerKind {
    /// Request without a token.
    Nobody,
    /// Request with a token that is not acceptable.
    BadToken,
    /// Owner, with a token that carries no scope of the rule.
    WithoutScope,
    /// Owner, with every scope of the role `user`.
    Owner,
    /// Owner who authenticated too long ago for a rule with `fresh`.
    StaleOwner,
    /// Another user.
    AnotherUser,
    /// Another user, who also has this role.
    Role(Role),
    /// Another user, to whom the record has this relation.
    Related(Relation),
    /// Administrator who authenticated too long ago for a rule with `fresh`.
    StaleAdmin,
    /// Administrator whose token carries one scope of the rule. The record is another administrator's.
    NarrowAdmin,
    /// Owner, by the cookie of a browser session.
    Browser,
    /// Administrator who does not own the record, by the cookie of a browser session.
    AdminsBrowser,
    /// Page of another origin, in the owner's browser.
    ForeignPage,
    /// Client that acts for itself, with every scope of the role `user`.
    Client,
    /// Client that acts for itself, with every scope.
    ClientWithAny,
    /// System caller of the application. It sends no requests: its answers say what its job may do.
    System(System),
}

/// Target of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// One record. This rule states who may read it.
    Record(&'a Rule),
    /// The caller's own record.
    Own,
    /// Collection: the records that the caller may see, or a new record.
    Collection,
    /// Records of one user, whom the path or the body names.
    CollectionOf,
}

impl CallerKind {
    /// Returns every kind of caller of an application: those that send requests, and its system callers.
    pub fn all(vocabulary: &Vocabulary) -> Vec<CallerKind> {
        let systems = vocabulary.systems().iter().copied().map(CallerKind::System);
        Self::of_requests(vocabulary).into_iter().chain(systems).collect()
    }

    /// Returns every kind of caller that sends requests.
    pub fn of_requests(vocabulary: &Vocabulary) -> Vec<CallerKind> {
        let special = |role: &Role| *role != Role::USER && *role != Role::ADMIN;
        let roles = vocabulary.roles().filter(special).chain([Role::ADMIN]).map(CallerKind::Role);
        let related = vocabulary.relations().iter().copied().map(CallerKind::Related);
        [
            CallerKind::Nobody,
            CallerKind::BadToken,
            CallerKind::WithoutScope,
            CallerKind::Owner,
            CallerKind::AnotherUser,
        ]
        .into_iter()
        .chain(related)
        .chain(roles)
        .chain([CallerKind::NarrowAdmin])
        .chain([CallerKind::Client, CallerKind::ClientWithAny])
        .chain([CallerKind::StaleOwner, CallerKind::StaleAdmin])
        .chain([CallerKind::Browser, CallerKind::AdminsBrowser, CallerKind::ForeignPage])
        .collect()
    }

    /// Returns the heading of its column.
    pub fn name(self) -> String {
        match self {
            CallerKind::Nobody => "nobody".to_owned(),
            CallerKind::BadToken => "bad token".to_owned(),
            CallerKind::WithoutScope => "no scope".to_owned(),
            CallerKind::Owner => "owner".to_owned(),
            CallerKind::StaleOwner => format!("{}{STALE}", CallerKind::Owner.name()),
            CallerKind::AnotherUser => "another user".to_owned(),
            CallerKind::Role(role) => role.to_string(),
            CallerKind::Related(relation) => format!("related: {}", relation.name()),
            CallerKind::StaleAdmin => format!("{}{STALE}", Role::ADMIN),
            CallerKind::NarrowAdmin => format!("{}, one scope", Role::ADMIN),
            CallerKind::Browser => "browser".to_owned(),
            CallerKind::AdminsBrowser => "admin's browser".to_owned(),
            CallerKind::ForeignPage => "foreign page".to_owned(),
            CallerKind::Client => "client".to_owned(),
            CallerKind::ClientWithAny => "client, any".to_owned(),
            CallerKind::System(system) => format!("system: {}", system.name()),
        }
    }

    /// Returns its name with its meaning.
    pub fn term(self) -> Term {
        let meaning = match self {
            CallerKind::Nobody => "a request without a token".to_owned(),
            CallerKind::BadToken => {
                "a request with a token that is malformed, forged, expired, revoked or made for another service, or \
                 with the token of a suspended or deleted user"
                    .to_owned()
            }
            CallerKind::WithoutScope => "the owner, with a token that carries no scope of the rule".to_owned(),
            CallerKind::Owner => "the owner, with every scope that the role user grants".to_owned(),
            CallerKind::StaleOwner => "the owner, who authenticated longer ago than the limit of fresh rules".to_owned(),
            CallerKind::AnotherUser => "a user who does not own the record, with every scope that the role user grants".to_owned(),
            CallerKind::Role(role) => format!("a user who does not own the record and has the role {role}"),
            CallerKind::Related(relation) => format!(
                "another user to whom the record has the relation {}, with every scope that the role user grants",
                relation.name()
            ),
            CallerKind::NarrowAdmin => "an administrator whose token carries one scope of the rule; the record is another administrator's".to_owned(),
            CallerKind::StaleAdmin => "an administrator who does not own the record and authenticated longer ago than the limit of fresh rules".to_owned(),
            CallerKind::Browser => "the owner, by the cookie of a browser session, from a page of this server's own origin".to_owned(),
            CallerKind::AdminsBrowser => "an administrator who does not own the record, by the cookie of a browser session, which carries no scope that reaches others".to_owned(),
            CallerKind::ForeignPage => "a page of another origin that sends the cookie of the owner's browser session".to_owned(),
            CallerKind::Client => "a client that acts for itself, with every scope that the role user grants".to_owned(),
            CallerKind::ClientWithAny => "a client that acts for itself, with every scope".to_owned(),
            CallerKind::System(system) => {
                let scopes: ScopeSet = system.scopes().iter().copied().collect();
                format!("the job \"{}\" of the application, which sends no requests, with: {scopes}", system.name())
            }
        };
        Term { name: self.name(), meaning }
    }

    /// Returns a caller of this kind. `None` for a request without an acceptable token or cookie.
    fn caller(self, rule: &Rule, vocabulary: &Arc<Vocabulary>) -> Option<Caller> {
        let of = |roles: &[Role]| vocabulary.granted_by(roles);
        let user = |id, roles: &[Role]| Subject::User { id, roles: roles.to_vec() };
        let client = || Subject::Client { id: "client".to_owned() };
        // A client that acts for itself never gets a scope of OpenID Connect.
        let of_client = |scope: ScopeSet| scope.iter().filter(|scope| !scope.is_identity()).collect();
        let (subject, scope) = match self {
            CallerKind::Nobody | CallerKind::BadToken | CallerKind::ForeignPage => return None,
            CallerKind::Browser => {
                return Some(Caller::hypothetical_browser(Arc::clone(vocabulary), (OWNER, vec![Role::USER])));
            }
            CallerKind::AdminsBrowser => {
                return Some(Caller::hypothetical_browser(
                    Arc::clone(vocabulary),
                    (ANOTHER, vec![Role::ADMIN, Role::USER]),
                ));
            }
            CallerKind::WithoutScope => {
                let opens: ScopeSet = rule.condition.scopes().collect();
                (user(OWNER, &[Role::USER]), of(&[Role::USER]).difference(&opens))
            }
            CallerKind::Owner | CallerKind::StaleOwner => (user(OWNER, &[Role::USER]), of(&[Role::USER])),
            CallerKind::AnotherUser | CallerKind::Related(_) => {
                (user(ANOTHER, &[Role::USER]), of(&[Role::USER]))
            }
            CallerKind::Role(role) => (user(ANOTHER, &[role, Role::USER]), of(&[role, Role::USER])),
            CallerKind::StaleAdmin => {
                (user(ANOTHER, &[Role::ADMIN, Role::USER]), of(&[Role::ADMIN, Role::USER]))
            }
            CallerKind::NarrowAdmin => {
                let scope = rule.condition.anyone_scope().into_iter().collect();
                (user(ANOTHER, &[Role::ADMIN, Role::USER]), scope)
            }
            CallerKind::Client => (client(), of_client(of(&[Role::USER]))),
            CallerKind::ClientWithAny => (client(), of_client(vocabulary.scopes().iter().copied().collect())),
            CallerKind::System(system) => {
                (Subject::System { name: system.name() }, system.scopes().iter().copied().collect())
            }
        };
        let caller = Caller::hypothetical(Arc::clone(vocabulary), subject, scope);
        let is_stale = matches!(self, CallerKind::StaleOwner | CallerKind::StaleAdmin);
        Some(if is_stale { caller.stale() } else { caller })
    }

    /// Returns the reason for which the rule refuses a caller of this kind. The record is in the states
    /// that the rule names, and has no relation to the caller but that of the kind. `None` if the rule permits the caller,
    /// and for a request without an acceptable token.
    pub fn refused(
        self,
        rule: &'static Rule,
        target: Target<'_>,
        vocabulary: &Arc<Vocabulary>,
    ) -> Option<Reason> {
        let caller = self.caller(rule, vocabulary)?;
        let is_named = |relation: &Relation| rule.condition.states().any(|state| state == *relation);
        let is_related = |relation: &Relation| self == CallerKind::Related(*relation);
        let relations = RelationSet::of(
            rule.relations().iter().map(|relation| is_named(relation) || is_related(relation)),
        );
        let rank = (self == CallerKind::NarrowAdmin).then_some(&OfAnAdmin as &dyn Ranked);
        let attributes = |owner| RecordAttributes { owner, relations, rank };
        match target {
            Target::Record(read) => {
                let owner = (rule.owner_from != OwnerFrom::Nobody).then_some(OWNER);
                let reason = rule.visible_reason(read, &caller, attributes(owner));
                // If the URL names the owner, the refusal precedes the lookup.
                let in_url = rule.owner_from == OwnerFrom::Url && reason == Some(Reason::NotFound);
                if in_url { Some(Reason::NotOwner) } else { reason }
            }
            Target::Own => match caller.user_id() {
                Some(own) => rule.failed_step(&caller, attributes(Some(own))).map(|step| step.reason()),
                None => Some(
                    rule.check_token(&caller).map_or_else(|refusal| refusal.reason, |()| Reason::NotOwner),
                ),
            },
            Target::CollectionOf => {
                let check = || {
                    rule.check_token(&caller)?;
                    rule.check(Step::Owner, &caller, RecordAttributes::owned_by(OWNER))
                };
                check().err().map(|refusal| refusal.reason)
            }
            Target::Collection => match rule.check_token(&caller) {
                Err(refusal) => Some(refusal.reason),
                Ok(()) => RowFilter::of(&caller, &[rule]).terms().is_empty().then_some(Reason::NotOwner),
            },
        }
    }
}
