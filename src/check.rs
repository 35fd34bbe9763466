//! What the compiler cannot see of an application: found at its start, in a sentence each.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::http::Method;

use crate::App;
use crate::authz::Rule;
use crate::http::{Access, Endpoint};

/// Everything that is wrong with an application.
pub(crate) fn faults(app: &App) -> Vec<String> {
    let routes = app.endpoints.iter().flat_map(|endpoint| of_route(app, endpoint));
    let mut faults: Vec<String> = routes.chain(of_paths(app)).chain(of_vocabulary(app)).collect();
    faults.extend(app.migrations.iter().flat_map(|migrations| migrations.faults()));
    faults.extend(of_migrations(app));
    faults.extend(app.settings.clashes());
    faults
}

fn of_route(app: &App, endpoint: &Endpoint) -> Vec<String> {
    let description = endpoint.description();
    let mut faults = description.faults.clone();
    if endpoint.summary.trim().is_empty() {
        faults.push("it has no documentation: say in a sentence what it does".to_owned());
    }
    if !endpoint.path.starts_with('/') || endpoint.path.ends_with('/') {
        faults.push("its path must begin with / and not end with it".to_owned());
    }
    if let Access::Record(rule) | Access::Collection(rule) = endpoint.access {
        if endpoint.method == Method::GET && rule.changes {
            faults.push(format!("GET must not change anything, and {} does", rule.action));
        }
        faults.extend(of_rule(app, rule));
    }
    for (settings, name) in description.settings {
        if settings != app.settings_type {
            faults.push(format!("its handler takes {name}: name it with App::settings"));
        }
    }
    faults.into_iter().map(|fault| format!("{} {}: {fault}", endpoint.method, endpoint.path)).collect()
}

fn of_rule(app: &App, rule: &Rule) -> Vec<String> {
    let unknown = rule.who.scopes().filter(|scope| app.vocabulary.scope(scope.as_str()).is_none());
    let scopes = unknown
        .map(|scope| format!("nobody can get the scope {scope}: add it with App::scopes"));
    let roles = rule.who.roles().filter(|(role, _)| app.vocabulary.role(role.as_str()).is_none());
    let roles = roles.map(|(role, _)| format!("nobody can have the role {role}: add it with App::role"));
    let nobody = rule.weakest_scope().is_none().then(|| {
        format!("the policy lets nobody {} a {}: give it a way in", rule.action, rule.resource)
    });
    scopes.chain(roles).chain(nobody).collect()
}

/// Two routes for one path: the same method, or parameters that differ in their names alone.
fn of_paths(app: &App) -> Vec<String> {
    let mut known: BTreeMap<String, &'static str> = BTreeMap::new();
    let mut routes: BTreeSet<(String, &'static str)> = BTreeSet::new();
    let mut faults = Vec::new();
    for Endpoint { method, path, .. } in &app.endpoints {
        let shape: String = path.split(['{', '}']).step_by(2).collect::<Vec<_>>().join("{}");
        let other = *known.entry(shape).or_insert(path);
        if other != *path {
            faults.push(format!("{method} {path}: {other} is the same path with other names"));
        }
        if !routes.insert((method.to_string(), path)) {
            faults.push(format!("{method} {path}: there are two routes for it"));
        }
    }
    faults
}

fn of_vocabulary(app: &App) -> Vec<String> {
    let mut known = BTreeSet::new();
    let twice = app.vocabulary.scopes().iter().filter(|scope| !known.insert(scope.as_str()));
    twice.map(|scope| format!("the scope {scope} is declared twice")).collect()
}

fn of_migrations(app: &App) -> Vec<String> {
    let mut known = BTreeSet::new();
    let names = app.migrations.iter().flat_map(|migrations| migrations.versions());
    let twice: Vec<String> = names.filter(|version| !known.insert(version.clone())).collect();
    twice.iter().map(|version| format!("two migrations have the version {version}")).collect()
}
