//! The application, running in this process on a port of its own.

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;

use crate::config::Sources;
use crate::domain::Surroundings;
use crate::hashing::Argon2Cost;
use crate::http::Endpoint;
use crate::master_key::load_master_key;
use crate::server::{key_safe, open_store};
use crate::token::{Forger, IssueRequest, IssueTo, Issuer, Keys};
use crate::verify::{Credential, Target};
use crate::{App, Loaded};

/// PostgreSQL has no directory beside it in which one could be made.
const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// The client that has every scope.
const CLIENT: &str = "everything";

/// Longer than the walk takes.
const LONG: Duration = Duration::from_secs(24 * 60 * 60);

/// Below the floor that a configuration must keep: these passwords protect nothing.
const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };

/// A running server. It stops when it is dropped.
pub(super) struct Server {
    url: String,
    settings: Loaded,
    app: Arc<App>,
    handle: actix_web::dev::ServerHandle,
    thread: Option<JoinHandle<()>>,
    _directory: TempDir,
}

impl Server {
    /// On the database of this URL; otherwise on SQLite in a directory of its own.
    pub(super) fn start(app: &Arc<App>, database_url: Option<String>, settings: &[(String, String)]) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let sqlite = || format!("sqlite://{}", directory.path().join("walk.db").display());
        let settings = load(app, database_url.unwrap_or_else(sqlite), settings);
        let (served, kept) = (Arc::clone(app), settings.clone());
        let app = Arc::clone(app);
        let (send, receive) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                match app.start(&settings, Surroundings::default()).await {
                    Ok(server) => {
                        let _ = send.send(Ok((server.issuer.clone(), server.handle())));
                        let _ = server.run().await;
                    }
                    Err(error) => drop(send.send(Err(error.to_string()))),
                }
            });
        });
        let started = receive.recv().unwrap_or_else(|_| Err("its thread ended".to_owned()));
        let (url, handle) = started.unwrap_or_else(|error| panic!("the application does not start: {error}"));
        Self { url, settings: kept, app: served, handle, thread: Some(thread), _directory: directory }
    }

    /// What is needed to ask it as everybody: its keys too, which are those of its database.
    pub(super) fn target(&self) -> Target {
        let (config, surroundings) = (&self.settings.config, Surroundings::default());
        let keys = actix_web::rt::System::new().block_on(async {
            let store = open_store(&self.app, config, &surroundings, Arc::new(|_| {}));
            let stored = store.signing_keys().await.expect("the keys are there");
            let master =
                load_master_key(config, &surroundings.random, true).expect("the master key is given");
            Keys::open(key_safe(config, master, &surroundings), stored).expect("the keys can be opened")
        });
        let issuer =
            Issuer::new(&self.url, &self.url, LONG, None, surroundings.clock.clone(), surroundings.random);
        let everything = self.app.vocabulary().scopes().iter().copied().collect();
        let request = IssueRequest {
            subject: IssueTo::Client { id: CLIENT.to_owned(), epoch: i64::MAX },
            client_id: CLIENT.to_owned(),
            scope: &everything,
            session: None,
            audience: None,
            bound_to: None,
        };
        let forger = Forger { keys: Some(&keys), jwks: None, now: surroundings.clock.now() };
        let draft = issuer.draft(request).expect("randomness");
        let everything = forger.good(draft).expect("a key that signs");
        Target {
            url: self.url.clone(),
            issuer: self.url.clone(),
            audience: self.url.clone(),
            everything: Credential::Token(everything),
            keys: Some(keys),
        }
    }

    /// The routes of an application that a server with these settings serves.
    pub(super) fn routes(&self, app: &App) -> Vec<Endpoint> {
        app.routes_served(&self.settings.config)
    }
}

fn load(app: &App, database_url: String, given: &[(String, String)]) -> Loaded {
    let mut sources = Sources { settings: app.settings_list(), ..Sources::default() };
    let own = [
        ("DATABASE_URL", database_url.as_str()),
        ("CLOAKROOM_LISTEN", "127.0.0.1:0"),
        ("CLOAKROOM_WORKERS", "1"),
        ("CLOAKROOM_REGISTRATION", "open"),
        ("CLOAKROOM_MASTER_KEY", MASTER_KEY),
    ];
    let own = own.map(|(variable, value)| (variable.to_owned(), value.to_owned()));
    sources.environment.extend(given.iter().cloned().chain(own));
    let mut settings = app.load(&sources).unwrap_or_else(|faults| panic!("{faults}"));
    settings.config.argon2 = CHEAP;
    settings
}

impl Drop for Server {
    fn drop(&mut self) {
        // Not gracefully: the client keeps its connection.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
