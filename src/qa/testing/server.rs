//! Application that runs in this process, on its own port.

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use tempfile::TempDir;

use crate::app::{App, Loaded};
use crate::config::Sources;
use crate::domain::ClockAndRandom;
use crate::http::Endpoint;
use crate::qa::test_server::{CHEAP, MASTER_KEY};
use crate::qa::verify::{Credential, Stop, Target, error_lines};
use crate::server::{open_store, stored_keys};

/// Running server. It stops when it is dropped.
pub(crate) struct Server {
    url: String,
    settings: Loaded,
    app: Arc<App>,
    handle: actix_web::dev::ServerHandle,
    thread: Option<JoinHandle<()>>,
    _directory: TempDir,
}

impl Server {
    /// Starts the application on the database at this URL, or else on its own SQLite database.
    pub(crate) fn start(app: &Arc<App>, database_url: Option<String>, settings: &[(String, String)]) -> Self {
        error_lines::collect();
        let directory = tempfile::tempdir().expect("a directory");
        let sqlite = || format!("sqlite://{}", directory.path().join("walk.db").display());
        let settings = load(app, database_url.unwrap_or_else(sqlite), settings);
        let (served, kept) = (Arc::clone(app), settings.clone());
        let app = Arc::clone(app);
        let (send, receive) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                match app.start(&settings, ClockAndRandom::default()).await {
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

    /// Returns its URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the target for a verification, with the signing keys of the server.
    pub(crate) fn target(&self) -> Target {
        let (config, clock_and_random) = (&self.settings.config, ClockAndRandom::default());
        let store = open_store(&self.app, config, &clock_and_random, Arc::new(|_| {}));
        let keys = stored_keys(&store, config, &clock_and_random);
        let keys = actix_web::rt::System::new().block_on(keys).expect("the keys are those of the server");
        let url = || self.url.clone();
        Target {
            url: url(),
            issuer: url(),
            audience: url(),
            everything: Credential::Key,
            keys: Some(keys),
            remove_last_admin: None,
            is_test_server: false,
            stop: Stop::default(),
        }
    }

    /// Returns the routes of an application that a server with these settings serves.
    pub(crate) fn routes(&self, app: &App) -> Vec<Endpoint> {
        app.routes_served(&self.settings.config)
    }
}

fn load(app: &App, database_url: String, given: &[(String, String)]) -> Loaded {
    let mut sources = Sources { settings: app.settings_list(), ..Sources::default() };
    let own = [
        ("DATABASE_URL", database_url.as_str()),
        ("CLOAKROOM_LISTEN", "127.0.0.1:0"),
        ("CLOAKROOM_METRICS_LISTEN", "off"),
        ("CLOAKROOM_WORKERS", "1"),
        ("CLOAKROOM_REGISTRATION", "open"),
        ("CLOAKROOM_MASTER_KEY", MASTER_KEY),
    ];
    let own = own.map(|(variable, value)| (variable.to_owned(), value.to_owned()));
    sources.environment.extend(own.into_iter().chain(given.iter().cloned()));
    let mut settings = app.load(&sources).unwrap_or_else(|faults| panic!("{faults}"));
    settings.config.argon2 = CHEAP;
    settings
}

impl Drop for Server {
    fn drop(&mut self) {
        // Not gracefully, because the client keeps its connection open.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
