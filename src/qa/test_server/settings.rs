//! Settings of a test server.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::app::{App, Loaded};
use crate::config::{Database, Environment, Fault, Faults, Sources};
use crate::hashing::Argon2Cost;

use super::server::DATABASE;

/// Master key. It protects no stored data.
pub(crate) const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Cost of password hashes, below the minimum of a configuration: the documentation has these passwords.
pub(crate) const CHEAP: Argon2Cost = Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 };

/// Settings of cloakroom that a test server takes. It takes each setting of the application.
const TAKEN: [&str; 23] = [
    "CLOAKROOM_LISTEN",
    "CLOAKROOM_ISSUER",
    "CLOAKROOM_AUDIENCE",
    "CLOAKROOM_RESOURCES",
    "CLOAKROOM_REGISTRATION",
    "CLOAKROOM_ACCESS_TOKEN_TTL",
    "CLOAKROOM_REFRESH_TOKEN_TTL",
    "CLOAKROOM_SESSION_TTL",
    "CLOAKROOM_STEP_UP",
    "CLOAKROOM_LEEWAY",
    "CLOAKROOM_TRUSTED_ISSUERS",
    "CLOAKROOM_CORS_ORIGINS",
    "CLOAKROOM_TRUSTED_PROXIES",
    "CLOAKROOM_FORWARDING_HEADER",
    "CLOAKROOM_RATE_LIMITS",
    "CLOAKROOM_CONNECTIONS_PER_ADDRESS",
    "CLOAKROOM_WRITE_TIMEOUT",
    "CLOAKROOM_DOCS",
    "CLOAKROOM_MAIL_FROM",
    "CLOAKROOM_MAIL_TEMPLATES",
    "CLOAKROOM_LINKS",
    "CLOAKROOM_LOG_FORMAT",
    "CLOAKROOM_ACCESS_LOG",
];

/// Settings with another default than on other servers.
const OTHER_DEFAULTS: [(&str, &str); 2] =
    [("CLOAKROOM_RATE_LIMITS", "off"), ("CLOAKROOM_MAIL_FROM", "no-reply@example.com")];

/// Settings that are the same on every test server.
const FIXED: [(&str, &str); 6] = [
    ("CLOAKROOM_MASTER_KEY", MASTER_KEY),
    // No mail leaves a test server, but the settings must say that there are mails.
    ("CLOAKROOM_MAIL_URL", "smtp://127.0.0.1"),
    ("CLOAKROOM_WORKERS", "2"),
    // With one connection, no request waits for the lock of another.
    ("CLOAKROOM_DB_POOL", "1"),
    ("CLOAKROOM_METRICS_LISTEN", "off"),
    ("CLOAKROOM_SHUTDOWN_GRACE", "0s"),
];

/// Error of the settings of a test server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TestServerError {
    /// Other machines could reach it.
    #[error("a test server must listen on a loopback address, and {0} is not one; give --listen 127.0.0.1:0")]
    Listen(SocketAddr),
    /// A setting has a fault.
    #[error("{0}")]
    Settings(#[from] Faults),
}

/// Returns the settings of a test server. A setting that it does not take is a fault.
pub(crate) fn settings(app: &App, given: &Sources) -> Result<Loaded, TestServerError> {
    let mut sources = given.clone();
    let not_taken: Vec<&str> = sources.settings.iter().map(|setting| setting.variable).collect();
    for variable in not_taken.into_iter().filter(|name| is_cloakrooms(name) && !is_taken(name)) {
        let Some((source, _)) = sources.given(variable) else { continue };
        let problem = format!(
            "is not taken by a test server: remove it. These are taken: {}, RUST_LOG, and the settings of an application",
            TAKEN.join(", ")
        );
        sources.faults.push(Fault { variable: variable.to_owned(), source, value: None, problem });
        for from in [&mut sources.flags, &mut sources.environment, &mut sources.dotenv] {
            from.remove(variable);
        }
    }
    for (name, value) in OTHER_DEFAULTS.into_iter().chain(FIXED) {
        if sources.given(name).is_none() {
            sources.environment.insert(name.to_owned(), value.to_owned());
        }
    }
    // This check comes before the others, so that its error is the one that is shown.
    let listen = sources.given("CLOAKROOM_LISTEN").and_then(|(_, listen)| listen.parse().ok());
    if let Some(listen) = listen.filter(|listen: &SocketAddr| !listen.ip().to_canonical().is_loopback()) {
        return Err(TestServerError::Listen(listen));
    }
    let mut loaded = app.load(&sources)?;
    loaded.config.database = Database::Sqlite(DATABASE.into());
    loaded.config.argon2 = CHEAP;
    loaded.config.environment = Environment::Test;
    loaded.test = Some(crate::app::TestSettings { taken: taken(&sources), seed: None });
    Ok(loaded)
}

/// Returns the settings that a test server takes, as they are in force.
fn taken(sources: &Sources) -> BTreeMap<&'static str, String> {
    let settings = sources.settings.iter().filter(|setting| is_taken(setting.variable));
    let value = |setting: &crate::config::Setting| {
        let given = sources.given(setting.variable).map(|(_, text)| setting.shown(text));
        given.unwrap_or_else(|| setting.default_text().to_owned())
    };
    settings.map(|setting| (setting.variable, value(setting))).collect()
}

fn is_taken(name: &str) -> bool {
    TAKEN.contains(&name) || name == "RUST_LOG" || !is_cloakrooms(name)
}

fn is_cloakrooms(name: &str) -> bool {
    name.starts_with("CLOAKROOM_") || name == "DATABASE_URL" || name == "RUST_LOG"
}
