//! Application and its settings.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::sync::Arc;

use clap::ArgMatches;
use serde_json::{Map, Value};

use super::jobs::DeclaredJob;
use crate::authz::matrix::Matrix;
use crate::authz::{Scope, Vocabulary};
use crate::config::{Config, Faults, Settings, SettingsList, Sources};
use crate::domain::Role;
use crate::http;
use crate::http::kit::Extensions;
use crate::http::{Code, Endpoint, Rules, ServedParts};
use crate::store::{
    DeclaredTable, Engine, MigrationState, Migrations, OWN_MIGRATIONS, StoreError, migrate, migration_states,
    unknown_migrations,
};

/// Application: cloakroom, and what is added to it. [`App::run`] is its `main`.
///
/// [`App::faults`] returns the faults that the compiler cannot find. No command runs while there is one.
///
/// ```
/// use cloakroom::App;
/// use cloakroom::domain::Role;
/// use cloakroom::http::{Endpoint, Json, Problem, Public, endpoint};
/// use actix_web::http::Method;
///
/// cloakroom::scopes! {
///     SCOPES:
///     PEGS_COUNT = "pegs:count", "Count the pegs", administrative;
/// }
///
/// async fn hello(_: Public) -> Result<Json<String>, Problem> {
///     Ok(Json("Good evening".to_owned()))
/// }
///
/// fn app() -> App {
///     App::new("wardrobe")
///         .scopes(SCOPES)
///         .role(Role::new("attendant"), &[PEGS_COUNT])
///         .endpoints(vec![endpoint(Method::GET, "/hello", "Say hello", hello)])
/// }
/// assert!(app().faults().is_empty());
/// ```
pub struct App {
    pub(crate) name: &'static str,
    pub(crate) vocabulary: Vocabulary,
    pub(crate) migrations: Vec<&'static Migrations>,
    pub(crate) endpoints: Vec<Endpoint>,
    /// Number of cloakroom's own routes, which come first.
    #[cfg(feature = "testing")]
    built_in: usize,
    pub(crate) settings: SettingsList,
    pub(crate) settings_type: TypeId,
    pub(crate) jobs: Vec<DeclaredJob>,
    pub(crate) problems: Vec<Code>,
    pub(crate) states: Arc<Extensions>,
    load: fn(&Sources) -> Result<Loaded, Faults>,
}

/// Checked settings of an application.
#[derive(Clone)]
pub struct Loaded {
    /// Settings of cloakroom.
    pub config: Config,
    /// Settings of the application.
    pub(crate) own: Arc<dyn Any + Send + Sync>,
    /// Additions of a test server.
    pub(crate) test: Option<TestSettings>,
}

/// Further settings of a test server.
#[derive(Clone, Default)]
pub(crate) struct TestSettings {
    /// The settings that it takes, with their values.
    pub(crate) taken: BTreeMap<&'static str, String>,
    /// The content of the seed file.
    pub(crate) seed: Option<Map<String, Value>>,
}

impl Default for App {
    /// Returns cloakroom itself.
    fn default() -> Self {
        Self::new("cloakroom")
    }
}

impl App {
    /// Returns an application with this name. It serves what cloakroom serves, and what is added.
    pub fn new(name: &'static str) -> Self {
        let endpoints = http::endpoints();
        Self {
            name,
            vocabulary: Vocabulary::default(),
            migrations: vec![&OWN_MIGRATIONS],
            #[cfg(feature = "testing")]
            built_in: endpoints.len(),
            endpoints,
            settings: SettingsList::default(),
            settings_type: TypeId::of::<()>(),
            jobs: Vec::new(),
            problems: Vec::new(),
            states: Arc::default(),
            load: load::<()>,
        }
    }

    /// Adds scopes, declared with [`scopes!`](crate::scopes). Administrators have all of them; users have
    /// those that reach their own records.
    pub fn scopes(mut self, scopes: &[Scope]) -> Self {
        self.vocabulary.add_scopes(scopes);
        self
    }

    /// Adds scopes to those that a role grants. A new role is created.
    pub fn role(mut self, role: Role, grants: &[Scope]) -> Self {
        self.vocabulary.grant(role, grants);
        self
    }

    /// Adds migrations, for both database engines.
    pub fn migrations(mut self, migrations: &'static Migrations) -> Self {
        self.migrations.push(migrations);
        self
    }

    /// Adds routes.
    pub fn endpoints(mut self, endpoints: Vec<Endpoint>) -> Self {
        let rules = endpoints
            .iter()
            .flat_map(|endpoint| endpoint.access.rule().into_iter().chain(endpoint.read_rule()));
        rules.for_each(|rule| self.vocabulary.add_relations(rule));
        self.endpoints.extend(endpoints);
        self
    }

    /// Adds settings, declared with [`settings!`](crate::settings!). Handlers take them as
    /// [`Configured`](crate::http::Configured).
    pub fn settings<S: Settings>(mut self) -> Self {
        self.settings = SettingsList::of::<S>();
        self.settings_type = TypeId::of::<S>();
        self.load = load::<S>;
        self
    }

    /// Adds problems, declared with [`problems!`](crate::problems!). Each has its page under `/problems`.
    pub fn problems(mut self, problems: &[Code]) -> Self {
        self.problems.extend(problems);
        self
    }

    /// Adds a value that handlers share, such as an HTTP client or a pool. They take it as
    /// [`State`](crate::http::State), and jobs by [`Job::state`](crate::jobs::Job::state). There is one of each type.
    pub fn state<T: Send + Sync + 'static>(self, value: T) -> Self {
        self.states.insert(Arc::new(value));
        self
    }

    /// Returns its routes, cloakroom's first.
    pub fn routes(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Returns the declarations of the tables that its routes use.
    pub(crate) fn tables(&self) -> Vec<DeclaredTable> {
        let tables = self.endpoints.iter().filter_map(|endpoint| Some(endpoint.description().table?()));
        let by_name: BTreeMap<String, DeclaredTable> =
            tables.map(|table| (table.name.clone(), table)).collect();
        by_name.into_values().collect()
    }

    /// Returns the routes of the application without cloakroom's; for cloakroom itself, all of them.
    #[cfg(feature = "testing")]
    pub(crate) fn added_routes(&self) -> &[Endpoint] {
        self.endpoints.get(self.built_in..).filter(|added| !added.is_empty()).unwrap_or(&self.endpoints)
    }

    /// Returns the routes that a server with this configuration serves. Parts that are off have none.
    pub(crate) fn routes_served(&self, config: &Config) -> Vec<Endpoint> {
        let parts = ServedParts {
            authorization_server: config.authorization_server,
            docs: config.docs,
            mail: config.sends_mail(),
        };
        self.endpoints.iter().filter(|endpoint| parts.include(endpoint)).cloned().collect()
    }

    /// Returns the authorization matrix of all its routes, with open registration.
    pub fn matrix(&self) -> Matrix {
        self.matrix_of(&self.endpoints, true)
    }

    /// Returns the authorization matrix of a server with this configuration.
    pub(crate) fn matrix_served(&self, config: &Config) -> Matrix {
        self.matrix_of(&self.routes_served(config), config.registration.is_open())
    }

    /// Returns the authorization matrix of these routes.
    pub(crate) fn matrix_of(&self, endpoints: &[Endpoint], registration_open: bool) -> Matrix {
        let vocabulary = Arc::new(self.vocabulary.clone());
        Rules { name: self.name, routes: endpoints, vocabulary: &vocabulary, registration_open }.matrix()
    }

    /// Returns its scopes and roles.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Returns its settings.
    pub fn settings_list(&self) -> SettingsList {
        self.settings
    }

    /// Migrates a database, and returns the names of the applied migrations.
    ///
    /// # Errors
    /// When the database is not available, or a statement fails. Then nothing was applied.
    pub fn migrate(&self, engine: &Engine) -> Result<Vec<String>, StoreError> {
        migrate(engine, &self.migrations)
    }

    /// Returns the versions of the migrations that a newer version of the program applied.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) fn unknown_migrations(&self, engine: &Engine) -> Result<Vec<String>, StoreError> {
        unknown_migrations(engine, &self.migrations)
    }

    /// Returns all migrations with their states in the database.
    ///
    /// # Errors
    /// When the database is not available.
    pub fn migration_states(&self, engine: &Engine) -> Result<Vec<MigrationState>, StoreError> {
        migration_states(engine, &self.migrations)
    }

    /// Reads and checks every setting of this process: its environment, and `.env` in its directory.
    ///
    /// # Errors
    /// All faults of the settings.
    pub fn load_from_process(&self) -> Result<Loaded, Faults> {
        self.load(&Sources::from_process(self.settings, &ArgMatches::default()))
    }

    /// Reads and checks every setting.
    ///
    /// # Errors
    /// All faults of the settings.
    pub fn load(&self, sources: &Sources) -> Result<Loaded, Faults> {
        let loaded = (self.load)(sources)?;
        loaded.config.check_vocabulary(&self.vocabulary, sources)?;
        Ok(loaded)
    }
}

fn load<S: Settings>(sources: &Sources) -> Result<Loaded, Faults> {
    let (config, own) = Config::load_with::<S>(sources)?;
    Ok(Loaded { config, own: Arc::new(own), test: None })
}
