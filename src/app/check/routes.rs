//! Faults of routes and of the policy lines that decide them.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::Method;

use super::super::App;
use crate::authz::{Clause, Rule};
use crate::domain::Role;
use crate::http::{Code, Endpoint, Route};

/// Finds what a route lacks, or says wrongly.
pub(super) fn of_route(app: &App, endpoint: &Endpoint) -> Vec<String> {
    let description = endpoint.description();
    let mut faults = description.faults.clone();
    if endpoint.summary.trim().is_empty() {
        faults.push("it has no summary: describe it in one sentence".to_owned());
    }
    for segment in endpoint.path.split(['{', '}']).skip(1).step_by(2) {
        if description.segments.iter().all(|known| known.name != segment) {
            faults.push(format!("{{{segment}}} has no description: add `.segment({segment:?}, …)`"));
        }
    }
    for parameter in description.parameters.iter().filter(|one| one.required && one.example().is_none()) {
        let name = &parameter.name;
        faults.push(format!("its required parameter {name:?} has no example: add `examples` to its schema"));
    }
    for segment in description.segments.iter().map(|segment| &segment.name) {
        if endpoint.segment_names().all(|known| known != segment) {
            faults.push(format!("its decision reads {{{segment}}}, which its path does not have"));
        }
    }
    let shown = &description.shown;
    for name in description.selects_by.iter().filter(|name| !shown.iter().any(|member| member == *name)) {
        faults.push(format!(
            "its list is filtered or sorted by {name:?}, which is no member of the record's JSON"
        ));
    }
    if !endpoint.path.starts_with('/') || endpoint.path.ends_with('/') {
        faults.push("its path must begin with / and must not end with /".to_owned());
    }
    if let Some(rule) = endpoint.access.rule() {
        if endpoint.method == Method::GET && rule.changes {
            faults.push(format!("GET must not change anything, and {} does", rule.action));
        }
        faults.extend(of_rule(app, rule));
    }
    let relations = app.vocabulary.relations();
    for (relation, _) in endpoint.gives.iter().filter(|(relation, _)| !relations.contains(relation)) {
        faults.push(format!("it gives the relation {:?}, which no rule names", relation.name()));
    }
    for (settings, name) in description.settings {
        if settings != app.settings_type {
            faults.push(format!("its handler takes {name}: name it with App::settings"));
        }
    }
    for (_, name) in description.states.iter().filter(|(state, _)| !app.states.has(*state)) {
        faults.push(format!("its handler takes State<{name}>: name it with App::state"));
    }
    for code in description.problems.iter().filter(|code| matches!(code, Code::Own(_))) {
        if !app.problems.contains(code) {
            faults.push(format!("it names the problem {:?}: add it with App::problems", code.as_str()));
        }
    }
    faults.into_iter().map(|fault| format!("{} {}: {fault}", endpoint.method, endpoint.path)).collect()
}

/// Finds scopes, roles and jobs that the application does not have, and clauses that open too much or nothing.
fn of_rule(app: &App, rule: &Rule) -> Vec<String> {
    let unknown = rule.condition.scopes().filter(|scope| app.vocabulary.scope(scope.as_str()).is_none());
    let scopes = unknown.map(|scope| format!("the scope {scope} is unknown: add it with App::scopes"));
    let roles = rule.condition.roles().filter(|(role, _)| app.vocabulary.role(role.as_str()).is_none());
    let roles = roles.map(|(role, _)| format!("the role {role} is unknown: add it with App::role"));
    let systems = rule.condition.systems().filter(|(system, _)| !app.vocabulary.systems().contains(system));
    let systems = systems.map(|(system, _)| {
        format!("no job acts as the system caller {:?}: add it with App::job or App::after", system.name())
    });
    let plain = app.vocabulary.granted_by(&[Role::USER]);
    let open = rule.condition.clauses().filter_map(|clause| match clause {
        Clause::Anyone(scope) if plain.contains(scope) => Some(format!(
            "each user has the scope {scope}, so anyone({scope}) opens every {} to every user: write everybody({scope}) \
             if that is meant, or a scope that users do not have",
            rule.resource
        )),
        Clause::Everybody(scope) if !plain.contains(scope) => Some(format!(
            "users do not have the scope {scope} by themselves: write anyone({scope}) in place of everybody({scope})"
        )),
        _ => None,
    });
    let unreachable =
        rule.condition.clauses().all(|clause| matches!(clause, Clause::System(..))).then(|| {
            format!("the policy allows no caller to {} a {}: add a rule", rule.action, rule.resource)
        });
    scopes.chain(roles).chain(systems).chain(open).chain(unreachable).collect()
}

/// Finds two routes with the same method and path, and paths that differ only in the names of parameters.
pub(super) fn of_paths(app: &App) -> Vec<String> {
    let mut known: BTreeMap<String, &'static str> = BTreeMap::new();
    let mut routes: BTreeSet<(String, &'static str)> = BTreeSet::new();
    let mut faults = Vec::new();
    for Route { method, path, .. } in app.endpoints.iter().map(Endpoint::route) {
        let shape: String = path.split(['{', '}']).step_by(2).collect::<Vec<_>>().join("{}");
        let other = *known.entry(shape).or_insert(path);
        if other != *path {
            faults.push(format!("{method} {path}: {other} is the same path with other parameter names"));
        }
        if !routes.insert((method.to_string(), path)) {
            faults.push(format!("{method} {path}: two routes have it"));
        }
    }
    faults
}
