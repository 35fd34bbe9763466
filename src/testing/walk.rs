//! The walk: every route, as every kind of caller.

use std::sync::Arc;

use super::checks::{hides_what_is_there, must_be_refused, private_list};
use super::http::Answer;
use super::kind::Kind;
use super::page::Page;
use super::people::{Person, World};
use super::server::Server;
use crate::App;
use crate::domain::{Clock, Random};
use crate::http::Endpoint;

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
    database_url: Option<String>,
    settings: Vec<(String, String)>,
}

impl Walk {
    /// Of this application, on a SQLite database of its own.
    pub fn of(app: App) -> Self {
        Self { app: Arc::new(app), database_url: None, settings: Vec::new() }
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
        let server = Server::start(&self.app, self.database_url, &self.settings);
        let world = World::of(&self.app, server);
        let mut page = Page::default();
        // First, while a list is too short to have a second page.
        for endpoint in self.app.routes() {
            page.note(&route(endpoint), Kind::AnotherUser, shows_the_owners(&world, endpoint));
        }
        for endpoint in self.app.routes() {
            let cells = Kind::ALL.map(|kind| {
                let mut broken = Vec::new();
                let cell = outcome(&world, endpoint, kind, &mut broken);
                page.note(&route(endpoint), kind, broken);
                cell
            });
            page.add(&route(endpoint), &cells);
        }
        page
    }
}

fn route(endpoint: &Endpoint) -> String {
    format!("{} {}", endpoint.method, endpoint.path)
}

/// Whether a list of what is somebody's shows another user what is the owner's.
fn shows_the_owners(world: &World, endpoint: &Endpoint) -> Option<String> {
    let (rule, owner) = (private_list(endpoint)?, world.new_owner());
    let (id, path) = (world.make(rule, &owner).ok()?, world.path(endpoint, &owner).ok()?);
    let token = world.token(Kind::AnotherUser, &owner, Some(rule));
    let answer = world.ask(endpoint, path, &owner, Kind::AnotherUser, token.as_deref());
    answer.body.contains(&id).then(|| "is shown a record of the owner's".to_owned())
}

/// What such a caller is answered, and what of it must not be.
fn outcome(world: &World, endpoint: &Endpoint, kind: Kind, broken: &mut Vec<String>) -> String {
    let owner = world.new_owner();
    let path = match world.path(endpoint, &owner) {
        Ok(path) => path,
        Err(no_record) => return no_record,
    };
    let token = world.token(kind, &owner, endpoint.access.rule());
    let answer = world.ask(endpoint, path, &owner, kind, token.as_deref());
    let summary = answer.summary();
    if answer.status >= 500 {
        broken.push(format!("is answered {summary}"));
    }
    if answer.is_success() && must_be_refused(kind, endpoint.access) {
        broken.push(format!("is answered {summary} and must be refused"));
    } else if kind == Kind::AnotherUser && !answer.is_success() && hides_what_is_there(endpoint) {
        broken.extend(differs_from_missing(world, endpoint, &owner, token.as_deref(), &answer));
    }
    summary
}

/// Whether a record that is not there is answered otherwise than one that is not the caller's.
fn differs_from_missing(
    world: &World,
    endpoint: &Endpoint,
    owner: &Person,
    token: Option<&str>,
    answer: &Answer,
) -> Option<String> {
    let missing = Random::system().uuid_at(Clock::system().now()).expect("the system gives randomness");
    let path = world.path_to(endpoint, &missing.to_string(), owner);
    let missing = world.ask(endpoint, path, owner, Kind::AnotherUser, token);
    (missing.says() != answer.says()).then(|| {
        let (there, not_there) = (answer.summary(), missing.summary());
        format!("can tell a record that is there ({there}) from one that is not ({not_there})")
    })
}
