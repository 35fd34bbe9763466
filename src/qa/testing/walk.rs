//! The walk: every route, as every kind of caller.

use std::sync::Arc;

use super::page::Page;
use super::server::Server;
use crate::App;
use crate::qa::verify::{Options, Verification};

/// A walk of every route of an application as every kind of caller, against the running server.
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
}

impl Walk {
    /// Of this application, on a SQLite database of its own.
    pub fn of(app: App) -> Self {
        let app = Arc::new(app);
        Self { served: Arc::clone(&app), app, database_url: None, settings: Vec::new() }
    }

    /// While what is served is another one: to see that the walk finds what is wrong with it.
    #[cfg(test)]
    pub(crate) fn while_serving(self, served: App) -> Self {
        Self { served: Arc::new(served), ..self }
    }

    /// On the database of this URL, which has to be new: the walk fills it.
    pub fn on(self, database_url: impl Into<String>) -> Self {
        Self { database_url: Some(database_url.into()), ..self }
    }

    /// With this setting, for what the application must be given. The environment is not read.
    pub fn with(mut self, variable: &str, value: &str) -> Self {
        self.settings.push((variable.to_owned(), value.to_owned()));
        self
    }

    /// Walks.
    ///
    /// # Panics
    /// When the application does not start or cannot make users.
    pub fn run(self) -> Page {
        let server = Server::start(&self.served, self.database_url, &self.settings);
        let options = Options { careful: false, timing: false, registration_open: true };
        let report = Verification::begin(&self.app, server.target(), options)
            .and_then(|verification| verification.run(&server.routes(&self.app), |_| {}))
            .unwrap_or_else(|trouble| panic!("the walk cannot go on: {trouble}"));
        Page::of(&report, self.app.vocabulary())
    }
}
