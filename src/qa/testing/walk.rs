//! Walk: every route as every kind of caller.

use std::path::Path;
use std::sync::Arc;

use super::Page;
use super::server::Server;
use crate::app::App;
use crate::authz::Relation;
use crate::qa::verify::{Options, Verification};

/// Walk of every route of an application as every kind of caller, on a running server.
///
/// ```no_run
/// use cloakroom::{App, testing::Walk};
/// # fn new_database() -> String { String::new() }
/// let page = Walk::of(App::default()).on(new_database()).run();
/// page.assert_golden("tests/who_may_do_what.md");
/// ```
#[must_use = "a walk proves nothing before it is run"]
pub struct Walk {
    app: Arc<App>,
    served: Arc<App>,
    database_url: Option<String>,
    settings: Vec<(String, String)>,
    waived: Waived,
}

/// Routes and relations that a walk need not try.
#[derive(Default)]
pub(super) struct Waived {
    /// Routes that need not let in a kind of caller.
    pub(super) routes: Vec<&'static str>,
    /// Relations that need not be tried.
    pub(super) relations: Vec<Relation>,
}

impl Walk {
    /// Returns a walk of this application, on its own SQLite database.
    pub fn of(app: App) -> Self {
        let app = Arc::new(app);
        Self {
            served: Arc::clone(&app),
            app,
            database_url: None,
            settings: Vec::new(),
            waived: Waived::default(),
        }
    }

    /// Serves another application, to check that the walk finds its faults.
    #[cfg(test)]
    pub(crate) fn while_serving(self, served: App) -> Self {
        Self { served: Arc::new(served), ..self }
    }

    /// Uses the database at this URL. It must be new: the walk fills it.
    pub fn on(self, database_url: impl Into<String>) -> Self {
        Self { database_url: Some(database_url.into()), ..self }
    }

    /// Adds a setting. The environment is not read.
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.settings.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// Waives, for a route such as `POST /orders/{id}/refund`, that a kind of caller must be let in: it needs what the
    /// walk cannot prepare. The route is still called as every kind of caller.
    pub fn waive(mut self, route: &'static str) -> Self {
        self.waived.routes.push(route);
        self
    }

    /// Waives that the walk must try a route as a user with this relation: no route gives it, or the walk cannot send the
    /// request that does.
    pub fn waive_relation(mut self, relation: Relation) -> Self {
        self.waived.relations.push(relation);
        self
    }

    /// Runs the walk.
    ///
    /// # Panics
    /// When the application does not start or cannot create users.
    pub fn run(self) -> Page {
        let server = Server::start(&self.served, self.database_url, &self.settings);
        let options = Options { careful: false, timing: false, registration_open: true, fail_fast: false };
        let routes = server.routes(&self.app);
        let report = Verification::run(&self.app, server.target(), options, &routes, |_| {});
        if let Some(why) = &report.ended {
            panic!("the walk cannot continue: {why}");
        }
        Page::of(&report, &self.app, &self.waived)
    }
}

/// Calls every route of an application as every kind of caller, on SQLite. The answers of the application's own routes
/// are compared with the page `golden`, a path from the root of the package. Those of cloakroom's routes are compared
/// with the rules of cloakroom. `UPDATE_GOLDEN=1` writes the page. For PostgreSQL, and for an
/// application with required settings, see [`Walk`].
///
/// ```no_run
/// cloakroom::testing::assert_matrix(cloakroom::App::default(), "tests/who_may_do_what.md");
/// ```
///
/// # Panics
/// When the result differs, or an invariant of every application is broken.
#[track_caller]
pub fn assert_matrix(app: App, golden: impl AsRef<Path>) {
    Walk::of(app).run().assert_golden(golden);
}
