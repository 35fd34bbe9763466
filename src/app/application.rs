//! Application and its settings.

use std::any::{Any, TypeId};
use std::sync::Arc;

use super::jobs::DeclaredJob;
use crate::authz::matrix::Matrix;
use crate::authz::{Scope, Vocabulary};
use crate::config::{Config, Faults, Settings, SettingsList, Sources};
use crate::domain::Role;
use crate::http;
use crate::http::{Endpoint, Rules, ServedParts};
use crate::store::{
    Engine, MigrationState, Migrations, OWN_MIGRATIONS, StoreError, migrate, migration_states,
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
    pub(crate) settings: SettingsList,
    pub(crate) settings_type: TypeId,
    pub(crate) jobs: Vec<DeclaredJob>,
    load: fn(&Sources) -> Result<Loaded, Faults>,
}

/// Checked settings of an application.
#[derive(Clone)]
pub struct Loaded {
    /// Settings of cloakroom.
    pub config: Config,
    /// Settings of the application.
    pub(crate) own: Arc<dyn Any + Send + Sync>,
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
        Self {
            name,
            vocabulary: Vocabulary::default(),
            migrations: vec![&OWN_MIGRATIONS],
            endpoints: http::endpoints(),
            settings: SettingsList::default(),
            settings_type: TypeId::of::<()>(),
            jobs: Vec::new(),
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

    /// Returns its routes, cloakroom's first.
    pub fn routes(&self) -> &[Endpoint] {
        &self.endpoints
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

    /// Returns all migrations with their states in the database.
    ///
    /// # Errors
    /// When the database is not available.
    pub fn migration_states(&self, engine: &Engine) -> Result<Vec<MigrationState>, StoreError> {
        migration_states(engine, &self.migrations)
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
    Ok(Loaded { config, own: Arc::new(own) })
}
