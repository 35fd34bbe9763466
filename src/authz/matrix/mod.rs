//! The authorization matrix: every route, who may call it with what, and what each kind of caller is
//! answered, as a table that a person reads and a program compares.

mod diff;
mod kind;
mod page;
mod text;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::relation::Relation;
use super::resource::OwnerFrom;
use super::rule::Rule;
use super::scope::Scope;

pub use diff::{Change, Direction, difference};
pub use kind::{Kind, Reached};
pub(crate) use page::document;
pub use page::{SCRIPT, STYLE, as_html};
pub use text::{as_markdown, as_table};

/// The rules of every route of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({
    "name": "cloakroom", "version": "1.0.0",
    "callers": [{ "name": "another user", "meaning": "A user with the role user, and somebody else's record" }],
    "routes": [{
        "method": "GET", "path": "/users/{id}", "summary": "Read an account",
        "access": "by scope", "action": "read user", "own_scope": "users:read", "related": [], "roles": [],
        "any_scope": "users:read:any", "only_while": null, "owner_from": "url", "not_above": false,
        "answers": [{ "caller": "another user", "allowed": false, "status": 403, "code": "not-owner" }],
    }],
    "roles": [{ "name": "user", "scopes": ["users:read"] }],
    "scopes": [{ "name": "users:read", "meaning": "Read your account" }],
})))]
pub struct Matrix {
    /// The application's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The kinds of callers, in the order of the answers.
    pub callers: Vec<Described>,
    /// The routes.
    pub routes: Vec<Row>,
    /// What each role grants.
    pub roles: Vec<RoleRow>,
    /// What each scope means.
    pub scopes: Vec<Described>,
}

/// A role, and the scopes that it grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MatrixRole)]
pub struct RoleRow {
    /// Its name.
    pub name: String,
    /// The scopes.
    pub scopes: Vec<String>,
}

/// A name and what it means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MatrixTerm)]
pub struct Described {
    /// The name.
    pub name: String,
    /// What it means.
    pub meaning: String,
}

/// A route and who gets in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MatrixRow)]
pub struct Row {
    /// The method.
    pub method: String,
    /// The path, with its parameters in braces.
    pub path: String,
    /// What it does.
    pub summary: String,
    /// Who gets in.
    #[serde(flatten)]
    pub entry: Entry,
    /// What each kind of caller is answered.
    pub answers: Vec<Answered>,
}

/// What a kind of caller is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MatrixAnswer)]
pub struct Answered {
    /// The kind's name.
    pub caller: String,
    /// Whether the decision lets them in.
    pub allowed: bool,
    /// Of a refusal: the status.
    #[schema(required = true)]
    pub status: Option<u16>,
    /// Of a refusal: the code of the problem.
    #[schema(required = true)]
    pub code: Option<String>,
}

/// Who gets in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MatrixEntry)]
pub struct Entry {
    /// In a few words.
    pub access: String,
    /// What is done, to what kind of record.
    #[schema(required = true)]
    pub action: Option<String>,
    /// The scope that reaches one's own.
    #[schema(required = true)]
    pub own_scope: Option<String>,
    /// What else a record can be to the caller that lets them in, each with its scope.
    pub related: Vec<Way>,
    /// The roles that let somebody in, each with its scope.
    pub roles: Vec<Way>,
    /// The scope that reaches everyone's.
    #[schema(required = true)]
    pub any_scope: Option<String>,
    /// The state that the record must be in.
    #[schema(required = true)]
    pub only_while: Option<String>,
    /// Where the owner is read from.
    #[schema(required = true)]
    pub owner_from: Option<OwnerFrom>,
    /// Whether the caller must have every power that goes with the record.
    pub not_above: bool,
}

/// A way in that is neither owning the record nor a scope for everyone's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MatrixWay)]
pub struct Way {
    /// The relation's, or the role's, name.
    pub name: String,
    /// The scope that it takes.
    pub scope: String,
}

impl Entry {
    /// A route without a rule.
    pub fn without_rule(access: &str) -> Self {
        Self { access: access.to_owned(), ..Self::default() }
    }

    /// A route with one; a collection has no owner.
    pub fn of(access: &str, rule: &Rule, names_a_record: bool) -> Self {
        let who = &rule.who;
        let way = |name: &str, scope: Scope| Way { name: name.to_owned(), scope: scope.to_string() };
        Self {
            access: access.to_owned(),
            action: Some(format!("{} {}", rule.action, rule.resource)),
            own_scope: who.owner_scope().map(|scope| scope.to_string()),
            related: who.relations().map(|(relation, scope)| way(relation.name(), scope)).collect(),
            roles: who.roles().map(|(role, scope)| way(role.as_str(), scope)).collect(),
            any_scope: who.anyone_scope().map(|scope| scope.to_string()),
            only_while: who.state().map(Relation::name).map(str::to_owned),
            owner_from: names_a_record.then_some(rule.owner_from),
            not_above: who.is_ranked(),
        }
    }
}
