//! The words of an explanation. What they tell of is decided elsewhere.

use super::super::caller::Caller;
use super::super::relation::Relation;
use super::super::rule::{Reason, RecordAttributes, Rule, Step};
use super::super::scope::{Scope, ScopeSet};
use super::super::who::Clause;
use crate::authz::roles::Vocabulary;
use crate::domain::Role;

pub(super) fn names(rule: &Rule) -> String {
    let names: Vec<String> = rule.who.scopes().map(|scope| scope.to_string()).collect();
    names.join(", ")
}

pub(super) fn carried(rule: &Rule, scope: &ScopeSet) -> String {
    let carried: Vec<&str> =
        rule.who.scopes().filter(|known| scope.contains(*known)).map(Scope::as_str).collect();
    format!("it carries {}", carried.join(" and "))
}

/// In which ways the caller reaches the record.
pub(super) fn reached(rule: &Rule, caller: &Caller, facts: RecordAttributes<'_>) -> String {
    let open = rule.who.ways().filter(|way| rule.opens(*way, caller, facts));
    open.map(in_words).collect::<Vec<_>>().join("; ")
}

fn in_words(way: Clause) -> String {
    let is = match way {
        Clause::Anyone(scope) => return format!("the token carries {scope}, which reaches everyone's"),
        Clause::Owner(_) => "it is the caller's own".to_owned(),
        Clause::Related(relation, _) if relation.is_personal() => {
            format!("the caller is its {}", relation.name())
        }
        Clause::Related(relation, _) => format!("it is {}", relation.name()),
        Clause::Role(role, _) => format!("the caller has the role {role}"),
    };
    format!("{is}, and the token carries {}", way.scope())
}

pub(super) fn not_reached(rule: &Rule, caller: &Caller, facts: RecordAttributes<'_>) -> String {
    let whose = match (caller.user_id(), facts.owner) {
        (Some(user), Some(owner)) if user == owner => {
            let scope = rule.who.owner_scope();
            scope.map_or_else(
                || "it is the caller's own, and that is no way in".to_owned(),
                |scope| format!("it is the caller's own, but the token does not carry {scope}"),
            )
        }
        (Some(user), Some(owner)) => format!("it belongs to user {owner}, and the caller is user {user}"),
        (None, Some(owner)) => {
            format!("it belongs to user {owner}, and the caller is a client, which owns nothing")
        }
        (_, None) => "it belongs to nobody".to_owned(),
    };
    match rule.who.anyone_scope() {
        Some(scope) => format!("{whose}; the token does not carry {scope}"),
        None => whose,
    }
}

/// The name of the state that the rule asks for; empty where it asks for none.
pub(super) fn state(rule: &Rule) -> &'static str {
    rule.who.state().map_or("", Relation::name)
}

pub(super) fn in_state(rule: &Rule) -> String {
    match rule.who.state() {
        Some(state) => format!("it is {}", state.name()),
        None => "the rule asks for none".to_owned(),
    }
}

pub(super) fn level(rule: &Rule, caller: &Caller, facts: RecordAttributes<'_>) -> String {
    if !rule.who.is_ranked() {
        "the rule does not ask".to_owned()
    } else if caller.user_id().is_some() && caller.user_id() == facts.owner {
        "it is the caller's own".to_owned()
    } else {
        "it has".to_owned()
    }
}

/// Why a step fails on a record, and what would have been enough.
pub(super) fn failed(
    rule: &Rule,
    step: Step,
    caller: &Caller,
    facts: RecordAttributes<'_>,
) -> (String, Vec<String>) {
    let enough = enough(rule, step.reason(), caller.vocabulary());
    match step {
        Step::Scope | Step::Owner => (not_reached(rule, caller, facts), enough),
        Step::State => (format!("it is not {}", state(rule)), enough),
        Step::Rank => {
            let lacks = facts.rank.map(|record| caller.lacks_of(record)).unwrap_or_default();
            let because = format!("the caller lacks {lacks}, which goes with the record");
            (because, vec![format!("roles, or for a client a token, that give {lacks}")])
        }
    }
}

/// What would have been enough where this was the reason.
pub(super) fn enough(rule: &Rule, reason: Reason, vocabulary: &Vocabulary) -> Vec<String> {
    let told = |way| {
        let scope = scope_and_roles(way, vocabulary);
        format!("a token with {scope}, {}", where_it_leads(way))
    };
    match reason {
        Reason::InsufficientScope => rule.who.ways().map(told).collect(),
        Reason::NotOwner => {
            rule.who.ways().filter(|way| !matches!(way, Clause::Owner(_))).map(told).collect()
        }
        Reason::WrongState => vec![format!("a {} that is {}", rule.resource, state(rule))],
        Reason::NotFound | Reason::AboveCaller => Vec::new(),
    }
}

/// What would have been enough for who sends no token.
pub(super) fn any_way(rule: Option<&Rule>) -> Vec<String> {
    let Some(rule) = rule else { return vec!["any acceptable access token".to_owned()] };
    rule.who.ways().map(|way| format!("a token with {}, {}", way.scope(), where_it_leads(way))).collect()
}

/// The scope, and the roles that grant it.
fn scope_and_roles(way: Clause, vocabulary: &Vocabulary) -> String {
    let scope = way.scope();
    let grants = |role: &Role| vocabulary.granted_by(&[*role]).contains(scope);
    let roles: Vec<String> = vocabulary.roles().filter(grants).map(|role| role.to_string()).collect();
    if roles.is_empty() {
        scope.to_string()
    } else {
        format!("{scope} (which {} grants)", roles.join(" or "))
    }
}

fn where_it_leads(way: Clause) -> String {
    match way {
        Clause::Owner(_) => "for one's own".to_owned(),
        Clause::Related(relation, _) if relation.is_personal() => {
            format!("where the caller is the record's {}", relation.name())
        }
        Clause::Related(relation, _) => format!("where the record is {}", relation.name()),
        Clause::Role(role, _) => format!("and the role {role}"),
        Clause::Anyone(_) => "for everyone's".to_owned(),
    }
}
