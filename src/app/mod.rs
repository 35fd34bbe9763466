//! An application: cloakroom itself, or one that is built on it and adds records of its own.

pub(crate) mod check;
use std::any::{Any, TypeId};
use std::process::ExitCode;
use std::sync::Arc;

use crate::authz::matrix::Matrix;
use crate::authz::{Scope, Vocabulary};
use crate::config::{Config, Faults, Registration, Settings, SettingsList, Sources};
use crate::domain::{ClockAndRandom, Role};
use crate::http::{self, Endpoint, Rules, ServedParts};
use crate::server::{Server, StartError};
use crate::store::migrate;
use crate::store::{Engine, MigrationState, Migrations, OWN_MIGRATIONS, StoreError, migration_states};
use check::faults;

/// An application: what cloakroom serves, and what is added to it. [`App::run`] is its `main`.
///
/// What the compiler cannot see of it, [`App::faults`] says, and no command runs while there is
/// one.
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
///     Ok(Json("Good evening. Your coat?".to_owned()))
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
    load: fn(&Sources) -> Result<Loaded, Faults>,
}

/// The settings of an application, checked.
#[derive(Clone)]
pub struct Loaded {
    /// Cloakroom's.
    pub config: Config,
    /// The application's own.
    pub(crate) own: Arc<dyn Any + Send + Sync>,
}

impl Default for App {
    /// Cloakroom itself.
    fn default() -> Self {
        Self::new("cloakroom")
    }
}

impl App {
    /// An application of this name, which serves what cloakroom does until something is added.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            vocabulary: Vocabulary::default(),
            migrations: vec![&OWN_MIGRATIONS],
            endpoints: http::endpoints(),
            settings: SettingsList::default(),
            settings_type: TypeId::of::<()>(),
            load: load::<()>,
        }
    }

    /// Adds scopes, declared with [`scopes!`](crate::scopes). Administrators have them at once,
    /// users those that reach their own records.
    pub fn scopes(mut self, scopes: &[Scope]) -> Self {
        self.vocabulary.add_scopes(scopes);
        self
    }

    /// Lets a role, which is made if it is new, grant these scopes besides what it grants already.
    pub fn role(mut self, role: Role, grants: &[Scope]) -> Self {
        self.vocabulary.grant(role, grants);
        self
    }

    /// Adds tables, for both engines.
    pub fn migrations(mut self, migrations: &'static Migrations) -> Self {
        self.migrations.push(migrations);
        self
    }

    /// Adds routes.
    pub fn endpoints(mut self, endpoints: Vec<Endpoint>) -> Self {
        self.endpoints.extend(endpoints);
        self
    }

    /// Adds settings, declared with [`settings!`](crate::settings!); handlers take them as
    /// [`Configured`](crate::http::Configured).
    pub fn settings<S: Settings>(mut self) -> Self {
        self.settings = SettingsList::of::<S>();
        self.settings_type = TypeId::of::<S>();
        self.load = load::<S>;
        self
    }

    /// Its routes, cloakroom's first.
    pub fn routes(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Those of its routes that a server with this configuration serves: not those of a part that is
    /// off.
    pub(crate) fn routes_served(&self, config: &Config) -> Vec<Endpoint> {
        let parts = ServedParts { authorization_server: config.authorization_server, docs: config.docs };
        self.endpoints.iter().filter(|endpoint| parts.include(endpoint)).cloned().collect()
    }

    /// The authorization matrix of all its routes, while anybody may register.
    pub fn matrix(&self) -> Matrix {
        self.matrix_of(&self.endpoints, true)
    }

    /// That of a server with this configuration.
    pub(crate) fn matrix_served(&self, config: &Config) -> Matrix {
        self.matrix_of(&self.routes_served(config), config.registration == Registration::Open)
    }

    /// That of these of its routes.
    pub(crate) fn matrix_of(&self, endpoints: &[Endpoint], registration_open: bool) -> Matrix {
        let vocabulary = Arc::new(self.vocabulary.clone());
        Rules { name: self.name, routes: endpoints, vocabulary: &vocabulary, registration_open }.matrix()
    }

    /// Its scopes and roles.
    pub fn vocabulary(&self) -> &Vocabulary {
        &self.vocabulary
    }

    /// Its settings.
    pub fn settings_list(&self) -> SettingsList {
        self.settings
    }

    /// What is wrong with it, a sentence each, which names the route, the scope or the migration.
    pub fn faults(&self) -> Vec<String> {
        faults(self)
    }

    /// Brings a database up to date, and names what was applied.
    ///
    /// # Errors
    /// When the database is away, or a statement fails; then nothing was applied.
    pub fn migrate(&self, engine: &Engine) -> Result<Vec<String>, StoreError> {
        migrate(engine, &self.migrations)
    }

    /// Every migration, and whether the database has it.
    ///
    /// # Errors
    /// When the database is away.
    pub fn migration_states(&self, engine: &Engine) -> Result<Vec<MigrationState>, StoreError> {
        migration_states(engine, &self.migrations)
    }

    /// Reads and checks every setting.
    ///
    /// # Errors
    /// All faults there are.
    pub fn load(&self, sources: &Sources) -> Result<Loaded, Faults> {
        let loaded = (self.load)(sources)?;
        loaded.config.check_vocabulary(&self.vocabulary, sources)?;
        Ok(loaded)
    }

    /// Brings the database up to date, makes what is missing and begins to listen.
    ///
    /// # Errors
    /// What keeps it from starting.
    pub async fn start(
        &self,
        settings: &Loaded,
        clock_and_random: ClockAndRandom,
    ) -> Result<Server, StartError> {
        Server::start(self, settings, clock_and_random).await
    }

    /// Runs the command that the process was started with; without one, it serves.
    pub fn run(self) -> ExitCode {
        crate::cli::run(self)
    }
}

fn load<S: Settings>(sources: &Sources) -> Result<Loaded, Faults> {
    let (config, own) = Config::load_with::<S>(sources)?;
    Ok(Loaded { config, own: Arc::new(own) })
}
