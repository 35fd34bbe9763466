//! The application, running in this process on a port of its own.

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use tempfile::TempDir;

use crate::config::Sources;
use crate::domain::Surroundings;
use crate::hashing::Argon2Cost;
use crate::{App, Loaded};

/// The secret with which the server, and the walk, sign tokens.
pub(super) const SECRET: &str = "a secret that both sides of this test know";

/// PostgreSQL has no directory beside it in which one could be made.
const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Below the floor that a configuration must keep: these passwords protect nothing.
const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };

/// A running server. It stops when it is dropped.
pub(super) struct Server {
    pub(super) url: String,
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
        Self { url, handle, thread: Some(thread), _directory: directory }
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
        ("CLOAKROOM_SIGNING_ALGORITHM", "HS256"),
        ("CLOAKROOM_HS256_SECRET", SECRET),
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
