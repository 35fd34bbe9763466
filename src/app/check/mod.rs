//! Checks of an application at its start: faults that the compiler cannot find.

mod jobs;
mod members;
mod problems;
mod routes;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use super::App;
use crate::http::kit::RouteTable;

impl App {
    /// Returns the faults of the application, one sentence each, which names the route, the scope or the
    /// migration.
    pub fn faults(&self) -> Vec<String> {
        let routes = self.endpoints.iter().flat_map(|endpoint| routes::of_route(self, endpoint));
        let mut faults: Vec<String> =
            routes.chain(routes::of_paths(self)).chain(of_vocabulary(self)).collect();
        let routes = self.endpoints.iter().map(|endpoint| endpoint.route().clone()).collect();
        faults.extend(RouteTable::new(routes, "").err());
        faults.extend(self.migrations.iter().flat_map(|migrations| migrations.faults()));
        faults.extend(members::of_members(self));
        faults.extend(of_migrations(self));
        faults.extend(jobs::of_jobs(self));
        faults.extend(self.settings.clashes());
        faults.extend(problems::of_problems(&self.problems));
        faults
    }
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
