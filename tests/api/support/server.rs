//! Server in this process for one test, with a clock that the test moves.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;

use cloakroom::App;
use cloakroom::config::Sources;
use cloakroom::domain::{Clock, ClockAndRandom, Random};
use cloakroom::hashing::Argon2Cost;
use cloakroom::store::PostgresConnection;
use tempfile::TempDir;

use super::http::Request;
use super::postgres::Postgres;
use super::wait::eventually;

/// Database engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Settings of a server: pairs of environment variable and value.
pub type Settings<'a> = &'a [(&'a str, &'a str)];

/// Fixed master key: 32 bytes in base64.
pub const MASTER_KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

/// Settings of a server that writes its mail into the log.
pub const MAIL_TO_LOG: [(&str, &str); 2] =
    [("CLOAKROOM_MAIL_URL", "log:"), ("CLOAKROOM_MAIL_FROM", "no-reply@example.org")];

/// Running server. It stops when it is dropped.
pub struct Server {
    pub address: SocketAddr,
    pub url: String,
    pub metrics: Option<SocketAddr>,
    pub clock: Clock,
    pub engine: Engine,
    pub database_url: String,
    app: fn() -> App,
    handle: actix_web::dev::ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
    dir: Option<TempDir>,
}

impl Server {
    pub fn start(engine: Engine) -> Self {
        Self::start_with(engine, &[])
    }

    /// Starts a server with these settings on its own database.
    pub fn start_with(engine: Engine, settings: Settings) -> Self {
        Self::start_at(engine, App::default, settings, Clock::system())
    }

    /// Starts a server with an application other than plain cloakroom.
    pub fn start_app(engine: Engine, app: fn() -> App) -> Self {
        Self::start_at(engine, app, &[], Clock::system())
    }

    /// Starts a server with an application and these settings.
    pub fn start_app_with(engine: Engine, app: fn() -> App, settings: Settings) -> Self {
        Self::start_at(engine, app, settings, Clock::system())
    }

    /// Starts a server whose clock stands still until the test moves it.
    pub fn start_with_standing_clock(engine: Engine, settings: Settings) -> Self {
        Self::start_at(engine, App::default, settings, Clock::standing(Clock::system().now()))
    }

    /// Starts an application whose clock stands still until the test moves it.
    pub fn start_app_with_standing_clock(engine: Engine, app: fn() -> App) -> Self {
        Self::start_at(engine, app, &[], Clock::standing(Clock::system().now()))
    }

    fn start_at(engine: Engine, app: fn() -> App, settings: Settings, clock: Clock) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let url = match engine {
            Engine::Sqlite => format!("sqlite://{}", dir.path().join("cloakroom.db").display()),
            Engine::Postgres => Postgres::new_database(),
        };
        let mut server = Self::start_on(engine, app, &url, settings, clock);
        server.dir = Some(dir);
        server
    }

    /// Starts another replica on the same database.
    pub fn replica(&self) -> Self {
        self.replica_with(&[])
    }

    /// Starts another replica with these settings.
    pub fn replica_with(&self, settings: Settings) -> Self {
        let issuer = [("CLOAKROOM_ISSUER", self.url.as_str())];
        let settings = [&issuer, settings].concat();
        Self::start_on(self.engine, self.app, &self.database_url, &settings, self.clock.clone())
    }

    /// Stops the server and starts it again on the same database. The issuer stays the same, the port does
    /// not.
    pub fn restart(self) -> Self {
        self.restart_with(&[])
    }

    /// Restarts the server with these settings.
    pub fn restart_with(mut self, settings: Settings) -> Self {
        self.stop();
        let mut again = self.replica_with(settings);
        again.dir = self.dir.take();
        again
    }

    fn start_on(
        engine: Engine,
        app: fn() -> App,
        database_url: &str,
        settings: Settings,
        clock: Clock,
    ) -> Self {
        let mut sources = Sources::default();
        let given = [
            ("DATABASE_URL", database_url),
            ("CLOAKROOM_LISTEN", "127.0.0.1:0"),
            ("CLOAKROOM_MASTER_KEY", MASTER_KEY),
            ("CLOAKROOM_WORKERS", "2"),
            ("CLOAKROOM_METRICS_LISTEN", "off"),
        ];
        for (name, value) in given.iter().chain(settings) {
            sources.environment.insert((*name).to_owned(), (*value).to_owned());
        }
        let mut loaded = app().load(&sources).unwrap_or_else(|faults| panic!("{faults}"));
        if !settings.iter().any(|(name, _)| *name == "CLOAKROOM_ARGON2") {
            // Weaker than a configuration allows: these tests do not depend on the hash's strength. It admits
            // the hashes that the command line makes.
            loaded.config.argon2 = Argon2Cost { memory_kib: 1_792, passes: 3, lanes: 1 };
        }
        let (send, receive) = mpsc::channel();
        let clock_and_random = ClockAndRandom { clock: clock.clone(), random: Random::system() };
        let thread = std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let server = app().start(&loaded, clock_and_random).await.expect("the server starts");
                send.send((server.address, server.metrics_address(), server.handle()))
                    .expect("the test waits");
                server.run().await.expect("the server runs");
            });
        });
        let (address, metrics, handle) = receive.recv().expect("the server starts");
        Self {
            address,
            metrics,
            url: format!("http://{address}"),
            clock,
            engine,
            database_url: database_url.to_owned(),
            app,
            handle,
            thread: Some(thread),
            dir: None,
        }
    }

    pub fn request(&self, method: &str, path: &str) -> Request {
        Request::new(method, format!("{}{path}", self.url))
    }

    /// Returns the `iss` of its tokens. A replica has the issuer of the first server.
    pub fn issuer(&self) -> String {
        let metadata = self.get("/.well-known/oauth-authorization-server").send().expect(200);
        metadata.json()["issuer"].as_str().expect("an issuer").to_owned()
    }

    /// Returns the name of a cookie, which ends with the port of the issuer: no test server has TLS.
    pub fn cookie_name(&self, name: &str) -> String {
        let issuer = self.issuer();
        let port = issuer.rsplit(':').next().expect("a port");
        format!("{name}-{port}")
    }

    pub fn get(&self, path: &str) -> Request {
        self.request("GET", path)
    }

    pub fn post(&self, path: &str) -> Request {
        self.request("POST", path)
    }

    pub fn put(&self, path: &str) -> Request {
        self.request("PUT", path)
    }

    pub fn patch(&self, path: &str) -> Request {
        self.request("PATCH", path)
    }

    pub fn delete(&self, path: &str) -> Request {
        self.request("DELETE", path)
    }

    /// Runs the command line on this server's database and returns its standard output.
    pub fn operator(&self, arguments: &[&str]) -> String {
        self.operator_with_input(arguments, "")
    }

    /// Runs a command that must fail and returns its standard error.
    pub fn operator_refused(&self, arguments: &[&str]) -> String {
        self.operator_refused_with_input(arguments, "")
    }

    pub fn operator_refused_with_input(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run_operator(arguments, input);
        assert!(!output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    /// Runs a command that may fail and returns its standard output.
    pub fn operator_output(&self, arguments: &[&str]) -> String {
        self.operator_output_with_input(arguments, "")
    }

    pub fn operator_output_with_input(&self, arguments: &[&str], input: &str) -> String {
        String::from_utf8_lossy(&self.run_operator(arguments, input).stdout).into_owned()
    }

    pub fn operator_with_input(&self, arguments: &[&str], input: &str) -> String {
        let output = self.run_operator(arguments, input);
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {out}{err}");
        out.into_owned()
    }

    /// Runs a command with these settings besides those of the database.
    pub fn operator_with_settings(&self, arguments: &[&str], settings: Settings) -> String {
        let output = self.operator_command(arguments).envs(settings.iter().copied()).output();
        let output = output.expect("the command line runs");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Starts a command with the server's own settings.
    pub fn spawn_operator(&self, arguments: &[&str]) -> Child {
        self.operator_command(arguments).spawn().expect("the command line runs")
    }

    fn operator_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cloakroom"));
        command
            .args(arguments)
            .env_clear()
            .env("DATABASE_URL", &self.database_url)
            .env("CLOAKROOM_MASTER_KEY", MASTER_KEY)
            .env("CLOAKROOM_ARGON2", "m=7168,t=5,p=1")
            .env("RUST_LOG", "warn")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn run_operator(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = self.spawn_operator(arguments);
        let _ = child.stdin.take().expect("an input").write_all(input.as_bytes());
        child.wait_with_output().expect("the command line ends")
    }
}

impl Server {
    /// Stops the server. Its database stays.
    pub fn stop(&mut self) {
        // Not graceful: the HTTP client of the test keeps its connections alive.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Server {
    /// Waits until the token is refused. Another replica or the operator has revoked it.
    #[track_caller]
    pub fn eventually_refuses(&self, token: &str) {
        eventually("the token is refused", || self.get("/users/me").bearer(token).send().status == 401);
    }

    /// Runs statements on the database.
    pub fn db_run(&self, statements: &str) {
        use diesel::connection::SimpleConnection as _;
        use diesel::{Connection as _, SqliteConnection};
        if self.engine == Engine::Postgres {
            return PostgresConnection::establish(&self.database_url)
                .unwrap()
                .batch_execute(statements)
                .unwrap();
        }
        let path = self.database_url.trim_start_matches("sqlite://");
        let statements = format!("PRAGMA busy_timeout = 5000; {statements}");
        SqliteConnection::establish(path).unwrap().batch_execute(&statements).unwrap();
    }

    /// Returns the value of the column `total` of a query.
    pub fn db_number(&self, query: &str) -> i64 {
        use diesel::prelude::*;

        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::BigInt)]
            total: i64,
        }

        let rows: Vec<Row> = if self.engine == Engine::Postgres {
            let mut conn = PostgresConnection::establish(&self.database_url).unwrap();
            diesel::sql_query(query).load(&mut conn).unwrap()
        } else {
            let path = self.database_url.trim_start_matches("sqlite://");
            let mut conn = SqliteConnection::establish(path).unwrap();
            diesel::sql_query("PRAGMA busy_timeout = 5000").execute(&mut conn).unwrap();
            diesel::sql_query(query).load(&mut conn).unwrap()
        };
        rows[0].total
    }

    /// Returns the contents of all tables as text.
    pub fn db_everything(&self) -> String {
        use diesel::prelude::*;
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Text)]
            row: String,
        }
        if self.engine == Engine::Sqlite {
            let path = self.database_url.trim_start_matches("sqlite://");
            let files = ["", "-wal"].map(|end| std::fs::read(format!("{path}{end}")).unwrap_or_default());
            return String::from_utf8_lossy(&files.concat()).into_owned();
        }
        let mut conn = PostgresConnection::establish(&self.database_url).expect("a database");
        let mut load = |query: &str| -> Vec<String> {
            let rows = diesel::sql_query(query).load::<Row>(&mut conn).expect("rows");
            rows.into_iter().map(|row| row.row).collect()
        };
        let tables = load(
            "SELECT table_name::text AS row FROM information_schema.tables WHERE table_schema = 'public'",
        );
        tables
            .iter()
            .flat_map(|table| load(&format!("SELECT everything::text AS row FROM {table} AS everything")))
            .collect()
    }
}
