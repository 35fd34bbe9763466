//! Interoperability with unmodified third-party libraries. The scripts are in `tests/interop`. Each gets its
//! own server with users and clients, and exits with 0 if everything is as the library expects. `just
//! interop` and `.ci/run` install what they need.

mod browser;
mod client;
mod collections;
mod docs;
mod external;
mod foreign_hashes;
mod mail;
mod openapi;
mod pages;
mod runners;
mod schemathesis;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Engine, IssuerKey, PASSWORD, Server, on_both_engines};

/// Time-out of a script. Several browsers at the same time are slow.
const PATIENCE: Duration = Duration::from_secs(900);

/// Redirect URI of the clients; no program listens there.
const CALLBACK: &str = "http://127.0.0.1:9/callback";
const GOODBYE: &str = "http://127.0.0.1:9/goodbye";

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop")
}

/// Returns the directory of an installed Node package.
fn package(name: &str) -> PathBuf {
    scripts().join("node_modules").join(name)
}

/// Returns the Python interpreter that has the packages of `requirements.txt`.
fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/interop-venv/bin/python")
}

/// Returns true if these files exist. Without them a test is skipped with a message; with `CI` set it fails.
fn are_installed(files: &[&Path]) -> bool {
    let missing: Vec<_> = files.iter().filter(|file| !file.exists()).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "missing: {missing:?}; `just interop` installs what is needed");
    eprintln!("SKIPPED: missing {missing:?}; `just interop` installs what is needed");
    false
}

/// Runs a script to its end.
fn run(program: &Path, script: &str, facts: &Value) {
    let mut command = Command::new(program);
    command.arg(scripts().join(script)).env("CLOAKROOM", facts.to_string());
    finish(command.current_dir(scripts()).env("AUTHLIB_INSECURE_TRANSPORT", "1"), script);
}

/// Runs a command that must succeed.
fn finish(command: &mut Command, name: &str) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{name}: {error}"));
    let readers =
        [reader(child.stdout.take().expect("an output")), reader(child.stderr.take().expect("an output"))];
    let began = Instant::now();
    let status = loop {
        match child.try_wait().expect("a child") {
            Some(status) => break Some(status),
            None if began.elapsed() > PATIENCE => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    let said = readers.map(|thread| thread.join().unwrap_or_default()).concat();
    assert!(status.is_some_and(|status| status.success()), "{name}: {status:?}\n{said}");
}

/// Reads the output of a child process, so that it never blocks on a full pipe.
fn reader(mut stream: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut said = String::new();
        let _ = stream.read_to_string(&mut said);
        said
    })
}

/// Prepares a server with a user and the scripts' clients. Returns the facts that the scripts get as JSON.
fn facts(server: &Server) -> Value {
    let ada = server.register("ada");
    let key = Es256::new();
    let register = |kind: &Value, members: Value| {
        let mut all = kind.clone();
        all.as_object_mut().expect("members").extend(members.as_object().expect("members").clone());
        server.register_application(&all).secret
    };
    let application = json!({
        "scope": "openid profile email offline_access users:read profiles:read",
        "redirect_uris": [CALLBACK], "post_logout_redirect_uris": [GOODBYE],
    });
    let service = json!({
        "scope": "users:read:any", "grant_types": ["client_credentials"],
        "redirect_uris": [], "post_logout_redirect_uris": [],
    });
    let app = register(
        &application,
        json!({ "client_id": "app", "token_endpoint_auth_method": "client_secret_post" }),
    );
    register(&application, json!({ "client_id": "spa", "token_endpoint_auth_method": "none" }));
    let secret = register(&service, json!({ "client_id": "service" }));
    let by_post =
        json!({ "client_id": "posting-service", "token_endpoint_auth_method": "client_secret_post" });
    let posted = register(&service, by_post);
    let keys = json!({ "keys": [key.public] });
    let by_key = json!({ "client_id": "signing-service", "token_endpoint_auth_method": "private_key_jwt", "jwks": keys });
    register(&service, by_key);
    json!({
        "issuer": server.url,
        "user": { "email": ada.email, "password": PASSWORD },
        "admin": server.admin().token,
        "callback": CALLBACK,
        "goodbye": GOODBYE,
        "secrets": { "app": app, "service": secret, "posting-service": posted },
        "key": key.private,
    })
}

/// Key pair of a client, as two JWKs.
struct Es256 {
    public: Value,
    private: Value,
}

impl Es256 {
    fn new() -> Self {
        let key = IssuerKey::new("of-the-service");
        let (public, mut private) = (key.jwk(), key.jwk());
        private["d"] = key.private_number().into();
        // Libraries compare these two members with the use of the key.
        private.as_object_mut().expect("a key").retain(|name, _| name != "use");
        Self { public, private }
    }
}

/// Runs a script against a server on this engine. Skips it if its dependencies are missing.
fn against(engine: Engine, program: &Path, script: &str, needs: &Path) {
    if are_installed(&[needs]) {
        run(program, script, &facts(&Server::start(engine)));
    }
}

on_both_engines! {
    fn oauth4webapi(engine: Engine) {
        against(engine, Path::new("node"), "oauth4webapi.mjs", &package("oauth4webapi"));
    }

    fn openid_client(engine: Engine) {
        against(engine, Path::new("node"), "openid-client.mjs", &package("openid-client"));
    }

    fn jose(engine: Engine) {
        against(engine, Path::new("node"), "jose.mjs", &package("jose"));
    }

    fn authlib(engine: Engine) {
        against(engine, &python(), "authlib_client.py", &python());
    }
}
