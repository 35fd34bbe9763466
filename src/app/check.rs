//! Checks of an application at its start: faults that the compiler cannot find.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use actix_web::http::Method;

use super::App;
use super::jobs::Trigger;
use crate::authz::{Clause, Rule};
use crate::http::kit::RouteTable;
use crate::http::{Access, Endpoint, Route};

/// Shortest interval of a job. Each run is two transactions besides its own.
const SHORTEST_INTERVAL: Duration = Duration::from_secs(1);

impl App {
    /// Returns the faults of the application, one sentence each, which names the route, the scope or the
    /// migration.
    pub fn faults(&self) -> Vec<String> {
        let routes = self.endpoints.iter().flat_map(|endpoint| of_route(self, endpoint));
        let mut faults: Vec<String> = routes.chain(of_paths(self)).chain(of_vocabulary(self)).collect();
        let routes = self.endpoints.iter().map(|endpoint| endpoint.route().clone()).collect();
        faults.extend(RouteTable::new(routes, "").err());
        faults.extend(self.migrations.iter().flat_map(|migrations| migrations.faults()));
        faults.extend(of_migrations(self));
        faults.extend(of_jobs(self));
        faults.extend(self.settings.clashes());
        faults
    }
}

fn of_route(app: &App, endpoint: &Endpoint) -> Vec<String> {
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
    if !endpoint.path.starts_with('/') || endpoint.path.ends_with('/') {
        faults.push("its path must begin with / and must not end with /".to_owned());
    }
    if let Access::Record(rule) | Access::Own(rule) | Access::Collection(rule) = endpoint.access {
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
    let unknown = rule.condition.scopes().filter(|scope| app.vocabulary.scope(scope.as_str()).is_none());
    let scopes = unknown.map(|scope| format!("the scope {scope} is unknown: add it with App::scopes"));
    let roles = rule.condition.roles().filter(|(role, _)| app.vocabulary.role(role.as_str()).is_none());
    let roles = roles.map(|(role, _)| format!("the role {role} is unknown: add it with App::role"));
    let systems = rule.condition.systems().filter(|(system, _)| !app.vocabulary.systems().contains(system));
    let systems = systems.map(|(system, _)| {
        format!("no job acts as the system caller {:?}: add it with App::job or App::after", system.name())
    });
    let unreachable =
        rule.condition.clauses().all(|clause| matches!(clause, Clause::System(..))).then(|| {
            format!("the policy allows no caller to {} a {}: add a rule", rule.action, rule.resource)
        });
    scopes.chain(roles).chain(systems).chain(unreachable).collect()
}

/// Finds two routes with the same method and path, and paths that differ only in the names of parameters.
fn of_paths(app: &App) -> Vec<String> {
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

fn of_vocabulary(app: &App) -> Vec<String> {
    let mut known = BTreeSet::new();
    let twice = app.vocabulary.scopes().iter().filter(|scope| !known.insert(scope.as_str()));
    twice.map(|scope| format!("the scope {scope} is declared twice")).collect()
}

fn of_jobs(app: &App) -> Vec<String> {
    let mut known = BTreeSet::new();
    let mut faults = Vec::new();
    for job in &app.jobs {
        let name = job.system.name();
        let mut fault = |fault: String| faults.push(format!("the job {name:?}: {fault}"));
        if !is_job_name(name) {
            fault("its name must be 1 to 60 lowercase letters, digits, spaces and hyphens".to_owned());
        }
        if !known.insert(name) {
            fault("two jobs have this name".to_owned());
        }
        if matches!(&job.trigger, Trigger::Every(every, _) if *every < SHORTEST_INTERVAL) {
            fault("its interval must be at least a second".to_owned());
        }
        for scope in job.system.scopes() {
            if app.vocabulary.scope(scope.as_str()).is_none() {
                fault(format!("the scope {scope} is unknown: add it with App::scopes"));
            } else if scope.is_identity() {
                fault(format!("the scope {scope} is for users"));
            }
        }
        if let Trigger::After(reactions) = &job.trigger {
            let mut kinds = BTreeSet::new();
            for reaction in reactions.iter().filter(|one| !kinds.insert((one.resource, one.action))) {
                fault(format!("it has two reactions to {} {}", reaction.action, reaction.resource));
            }
        }
    }
    faults
}

fn is_job_name(name: &str) -> bool {
    let is_known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == ' ' || c == '-';
    (1..=60).contains(&name.len()) && name.trim() == name && name.chars().all(is_known)
}

fn of_migrations(app: &App) -> Vec<String> {
    let mut known = BTreeSet::new();
    let names = app.migrations.iter().flat_map(|migrations| migrations.versions());
    let twice: Vec<String> = names.filter(|version| !known.insert(version.clone())).collect();
    twice.iter().map(|version| format!("two migrations have the version {version}")).collect()
}

#[cfg(test)]
mod tests {
    use diesel_migrations::embed_migrations;

    use super::*;
    use crate::app::jobs::{Event, Job, JobError};
    use crate::authz::action::{Create, Delete, Read, Update};
    use crate::authz::{Allowed, OwnerFrom, Reach, Relation, Resource, RowFilter, Scope, Sealed, System};
    use crate::config::{DefaultValue::Is, at, parse};
    use crate::domain::{Role, UserId};
    use crate::http::kit::endpoint::endpoint;
    use crate::http::{Configured, NoContent, Problem, Public};
    use crate::store::{Lookup, Migrations, StoreError, Stored};

    const KNOWN: Scope = Scope::new("users:read", "Read your account");
    const UNKNOWN: Scope = Scope::new("coats:write", "Change your coats");
    const LENT: Relation = Relation::to_caller("borrower");

    crate::uuid_id! {
        struct CoatId;
    }

    struct Coat(CoatId, UserId);

    impl Resource for Coat {
        type Id = CoatId;
        const NAME: &'static str = "coat";
        const OWNER: OwnerFrom = OwnerFrom::Record;

        fn id(&self) -> CoatId {
            self.0
        }

        fn owner(&self) -> Option<UserId> {
            Some(self.1)
        }
    }

    crate::policy! {
        Coat {
            Create: owner(UNKNOWN);
            Read:   owner(KNOWN), related(LENT, KNOWN);
            Update: role(Role::new("tailor"), KNOWN);
            Delete: system(System::new("moth", &[KNOWN]), KNOWN);
        }
    }

    impl Stored for Coat {
        async fn find(_: Lookup<'_, Self>, _: CoatId, _: RowFilter) -> Result<Sealed<Self>, StoreError> {
            Err(StoreError::Changed)
        }
    }

    crate::settings! {
        /// Settings that are not added to the application.
        #[expect(dead_code, reason = "declared, and never read")]
        struct PegSettings {
            /// How many pegs there are.
            pegs: u32 = at("COATS_PEGS", Is("10")), parse::number(1..=100);
        }
    }

    static LOPSIDED: Migrations = Migrations {
        sqlite: embed_migrations!("examples/notes/migrations/sqlite"),
        postgres: embed_migrations!("migrations/postgres"),
    };

    async fn create(_: Reach<Coat, Create>) -> Result<NoContent, Problem> {
        Ok(NoContent)
    }

    async fn read(_: Allowed<Coat, Read>) -> Result<NoContent, Problem> {
        Ok(NoContent)
    }

    async fn update(_: Allowed<Coat, Update>) -> Result<NoContent, Problem> {
        Ok(NoContent)
    }

    async fn delete(_: Allowed<Coat, Delete>) -> Result<NoContent, Problem> {
        Ok(NoContent)
    }

    async fn hello(_: Public) -> Result<NoContent, Problem> {
        Ok(NoContent)
    }

    async fn pegs(_: Public, _: Configured<PegSettings>) -> Result<NoContent, Problem> {
        Ok(NoContent)
    }

    #[test]
    fn each_fault_names_its_route_and_the_remedy() {
        let app = App::new("wardrobe").endpoints(vec![
            endpoint(Method::POST, "/coats", "Bring a coat", create),
            endpoint(Method::GET, "/coats/{id}", "See a coat", read),
            endpoint(Method::GET, "/coats/{coat}/mend", "Mend a coat", update),
            endpoint(Method::PUT, "/coats/{id}/mend", "Mend a coat", update),
            endpoint(Method::GET, "/hello", "", hello),
            endpoint(Method::GET, "/health/live", "Say hello", hello),
            endpoint(Method::GET, "/pegs/", "Count the pegs", pegs),
        ]);
        let faults = app.faults().join("\n");
        for fault in [
            "POST /coats: the scope coats:write is unknown: add it with App::scopes",
            "GET /coats/{id}: the policy names the relation \"borrower\", which a coat does not have",
            "GET /coats/{coat}/mend: {coat} has no description: add `.segment(\"coat\", …)`",
            "GET /coats/{coat}/mend: GET must not change anything, and update does",
            "GET /coats/{coat}/mend: the role tailor is unknown: add it with App::role",
            "PUT /coats/{id}/mend: /coats/{coat}/mend is the same path with other parameter names",
            "GET /hello: it has no summary",
            "GET /health/live: two routes have it",
            "GET /pegs/: its path must begin with / and must not end with /",
            "PegSettings: name it with App::settings",
        ] {
            assert!(faults.contains(fault), "{fault} is not in\n{faults}");
        }
    }

    async fn brush(_: Job) -> Result<(), JobError> {
        Ok(())
    }

    async fn fold(_: Job, _: Event<Coat>) -> Result<(), JobError> {
        Ok(())
    }

    #[test]
    fn each_fault_of_a_job_names_the_job() {
        const TIDY: System = System::new("tidy up", &[UNKNOWN]);
        let hour = Duration::from_secs(3_600);
        let app = App::new("wardrobe")
            .job(TIDY, Duration::ZERO, brush)
            .job("Brush: coats", hour, brush)
            .after::<Coat, Update>("fold coats", fold)
            .after::<Coat, Create>("fold coats", fold)
            .after::<Coat, Create>("fold coats", fold)
            .job("fold coats", hour, brush)
            .endpoints(vec![endpoint(Method::DELETE, "/coats/{id}", "Take a coat", delete)]);
        let faults = app.faults().join("\n");
        for fault in [
            "the job \"tidy up\": its interval must be at least a second",
            "the job \"tidy up\": the scope coats:write is unknown: add it with App::scopes",
            "the job \"Brush: coats\": its name must be 1 to 60 lowercase letters",
            "the job \"fold coats\": it has two reactions to create coat",
            "the job \"fold coats\": two jobs have this name",
            "no job acts as the system caller \"moth\": add it with App::job or App::after",
            "DELETE /coats/{id}: the policy allows no caller to delete a coat: add a rule",
        ] {
            assert!(faults.contains(fault), "{fault} is not in\n{faults}");
        }
        assert_eq!(faults.lines().count(), 7, "{faults}");
    }

    #[test]
    fn migrations_need_both_engines_and_scopes_are_unique() {
        let faults = App::new("wardrobe").migrations(&LOPSIDED).scopes(&[KNOWN]).faults().join("\n");
        for fault in [
            "the migration 20261125100000_notes is missing for PostgreSQL",
            "the migration 20261123000000_accounts is missing for SQLite",
            "the scope users:read is declared twice",
        ] {
            assert!(faults.contains(fault), "{fault} is not in\n{faults}");
        }
        assert!(App::default().faults().is_empty());
    }
}
