//! The matrix as data: routes, rules and answers, in the form of its JSON.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::authz::{Clause, OwnerFrom, Relation, Rule};

/// Authorization matrix of one server: its routes, with their rules and answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(examples(json!({
    "name": "cloakroom", "version": "1.0.0",
    "callers": [{ "name": "another user", "meaning": "A user who does not own the record" }],
    "routes": [{
        "method": "GET", "path": "/users/{id}", "summary": "Read an account",
        "access": "by scope", "action": "read user", "own_scope": "users:read", "related": [], "roles": [], "systems": [],
        "any_scope": "users:read:any", "only_while": null, "owner_from": "url", "not_above": false, "fresh": false,
        "answers": [{ "caller": "another user", "allowed": false, "status": 403, "code": "not-owner" }],
    }],
    "roles": [{ "name": "user", "scopes": ["users:read"] }],
    "scopes": [{ "name": "users:read", "meaning": "Read your account" }],
})))]
pub struct Matrix {
    /// Name of the application.
    pub name: String,
    /// Version of the application.
    pub version: String,
    /// Kinds of callers, in the order of the answers.
    pub callers: Vec<Term>,
    /// Routes.
    pub routes: Vec<RouteRow>,
    /// Roles, with the scopes that they grant.
    pub roles: Vec<RoleRow>,
    /// Scopes, with their meaning.
    pub scopes: Vec<Term>,
}

/// Role, with the scopes that it grants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MatrixRole)]
pub struct RoleRow {
    /// Name.
    pub name: String,
    /// Scopes.
    pub scopes: Vec<String>,
}

/// Name with its meaning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MatrixTerm)]
pub struct Term {
    /// Name.
    pub name: String,
    /// Meaning.
    pub meaning: String,
}

/// Route, with its rule and its answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MatrixRow)]
pub struct RouteRow {
    /// Method.
    pub method: String,
    /// Path, with its parameters in braces.
    pub path: String,
    /// Purpose, in a few words.
    pub summary: String,
    /// Rule.
    #[serde(flatten)]
    pub rule: RouteRule,
    /// Answer to each kind of caller.
    pub answers: Vec<CallerAnswer>,
}

/// Answer to a kind of caller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MatrixAnswer)]
pub struct CallerAnswer {
    /// Name of the kind of caller.
    pub caller: String,
    /// True when the decision permits the request.
    pub allowed: bool,
    /// For a refusal: the status.
    #[schema(required = true)]
    pub status: Option<u16>,
    /// For a refusal: the code of the problem.
    #[schema(required = true)]
    pub code: Option<String>,
}

/// Rule of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MatrixEntry)]
pub struct RouteRule {
    /// Access, in a few words.
    pub access: String,
    /// Action and kind of record.
    #[schema(required = true)]
    pub action: Option<String>,
    /// Scope that the owner needs.
    #[schema(required = true)]
    pub own_scope: Option<String>,
    /// State that the record must be in for its owner. Absent when no state is required of the owner alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_while: Option<String>,
    /// Relations to the caller that permit the request, each with its scope.
    pub related: Vec<ClauseEntry>,
    /// Roles that permit the request, each with its scope.
    pub roles: Vec<ClauseEntry>,
    /// System callers that the rule permits, each with its scope.
    #[serde(default)]
    #[schema(required = true)]
    pub systems: Vec<ClauseEntry>,
    /// Scope that reaches everyone's records.
    #[schema(required = true)]
    pub any_scope: Option<String>,
    /// State that the record must be in for this scope. Absent when no state is required for it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub any_while: Option<String>,
    /// State that the record must be in.
    #[schema(required = true)]
    pub only_while: Option<String>,
    /// Source of the owner.
    #[schema(required = true)]
    pub owner_from: Option<OwnerFrom>,
    /// True when the caller must have every power over others that the record has.
    pub not_above: bool,
    /// True when the caller's user must have authenticated a short time ago.
    #[serde(default)]
    pub fresh: bool,
}

/// Relation, role or system caller that the rule permits, with its scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = MatrixWay)]
pub struct ClauseEntry {
    /// Name of the relation or of the role.
    pub name: String,
    /// Scope that the token needs.
    pub scope: String,
    /// State that the record must be in. Absent when no state is required for this entry alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_while: Option<String>,
}

impl RouteRule {
    /// Describes a route without a rule.
    pub fn without_rule(access: &str) -> Self {
        Self { access: access.to_owned(), ..Self::default() }
    }

    /// Describes a route with a rule. A collection has no owner.
    pub fn of(access: &str, rule: &Rule, names_a_record: bool) -> Self {
        let condition = &rule.condition;
        let mut row = Self {
            access: access.to_owned(),
            action: Some(format!("{} {}", rule.action, rule.resource)),
            only_while: condition.state().map(Relation::name).map(str::to_owned),
            owner_from: names_a_record.then_some(rule.owner_from),
            not_above: condition.is_ranked(),
            fresh: condition.needs_freshness(),
            ..Self::default()
        };
        for (clause, state) in condition.ways() {
            let (scope, only_while) =
                (clause.scope().to_string(), state.map(|state| state.name().to_owned()));
            let entry = |name: &str, scope| ClauseEntry { name: name.to_owned(), scope, only_while: None };
            let (list, entry) = match clause {
                Clause::Owner(_) => {
                    (row.own_scope, row.own_while) = (Some(scope), only_while);
                    continue;
                }
                Clause::Anyone(_) | Clause::Everybody(_) => {
                    (row.any_scope, row.any_while) = (Some(scope), only_while);
                    continue;
                }
                Clause::Related(relation, _) => (&mut row.related, entry(relation.name(), scope)),
                Clause::Role(role, _) => (&mut row.roles, entry(role.as_str(), scope)),
                Clause::System(system, _) => (&mut row.systems, entry(system.name(), scope)),
            };
            list.push(ClauseEntry { only_while, ..entry });
        }
        row
    }
}
