//! Starts of the server on a machine that is not ready: PostgreSQL down, a used port, an unusable database
//! file, service links of Kubernetes; and the question for its health.

use std::net::TcpListener;

use super::*;
use crate::support::{Cluster, MASTER_KEY, Postgres, Process, eventually};

fn postgres_settings(url: &str) -> [(&str, &str); 3] {
    [("DATABASE_URL", url), ("CLOAKROOM_MASTER_KEY", MASTER_KEY), ("CLOAKROOM_LISTEN", "127.0.0.1:0")]
}

#[test]
fn waits_for_a_database_that_starts_later() {
    let Some(mut cluster) = Postgres::dedicated_cluster() else { return };
    let machine = Machine::new();
    let url = cluster.url().replace("{}", "postgres");
    cluster.stop();
    let mut command = machine.command(&["serve"]);
    command.envs(postgres_settings(&url)).stderr(Stdio::piped());
    let mut server = command.spawn().expect("it starts");
    let mut log = BufReader::new(server.stderr.take().expect("a log")).lines();
    let first = log.next().expect("a line").expect("UTF-8");
    assert!(first.contains("waiting for the database"), "{first}");
    cluster.start_again();
    let mut out = BufReader::new(server.stdout.take().expect("an output")).lines();
    let first = out.next().expect("a line").expect("UTF-8");
    assert!(first.starts_with("listening on http://127.0.0.1:"), "{first}");
    server.kill().expect("it runs");
    server.wait().expect("it ends");
}

#[test]
fn gives_up_when_the_database_stays_away() {
    let Some(mut cluster) = Postgres::dedicated_cluster() else { return };
    let machine = Machine::new();
    let url = cluster.url().replace("{}", "postgres");
    cluster.stop();
    for command in ["serve", "migrate"] {
        let mut command = machine.command(&[command]);
        command.envs(postgres_settings(&url)).env("CLOAKROOM_DATABASE_WAIT", "0s");
        let ran = finish(command.spawn().expect("it starts"), "");
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains("not available") && ran.err.contains("DATABASE_URL"), "{ran:?}");
    }
}

#[test]
fn refuses_a_postgres_database_that_is_not_utf8() {
    let Some(cluster) = Postgres::dedicated_cluster() else { return };
    let create = "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0";
    let psql = Cluster::program("psql").expect("it comes with PostgreSQL");
    let made = Command::new(psql)
        .args(["-h", &cluster.socket_directory().display().to_string(), "-U", "postgres", "-c", create])
        .output()
        .expect("psql runs");
    assert!(made.status.success(), "{made:?}");
    let machine = Machine::new();
    for command in ["serve", "migrate"] {
        let mut command = machine.command(&[command]);
        command.envs(postgres_settings(&cluster.url().replace("{}", "latin")));
        let ran = finish(command.spawn().expect("it starts"), "");
        assert_eq!(ran.code, Some(1), "{ran:?}");
        assert!(ran.err.contains("encoding LATIN1") && ran.err.contains("UTF8"), "{ran:?}");
    }
}

#[test]
fn a_used_metrics_port_names_its_own_flag() {
    let machine = Machine::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--metrics-listen", &address];
    machine.refused(&arguments, &["cannot listen on", &address, "--metrics-listen"]);
}

#[test]
fn commands_do_not_create_a_database() {
    let machine = Machine::new();
    std::fs::write(machine.path().join("accounts.jsonl"), "").expect("a file");
    for command in [
        "users create --email ada@example.com",
        "users import accounts.jsonl",
        "users list",
        "clients create --id reports --scope users:read:any",
        "keys rotate",
        "audit verify",
        "token inspect x.y.z",
    ] {
        let ran = machine.run(&command.split(' ').collect::<Vec<_>>());
        let full = std::path::absolute(machine.path().join("cloakroom.db")).expect("a path");
        let names_it = ran.err.contains(&*full.to_string_lossy());
        assert!(!ran.err.contains("there is no database") || names_it, "{command}: {ran:?}");
        assert_eq!(machine.files(), 1, "{command}: {ran:?}");
    }
    machine.refused(
        &["users", "create", "--email", "ada@example.com"],
        &["there is no database", "DATABASE_URL", "cloakroom migrate"],
    );
    let machine = Machine::with_database();
    machine.done(&["users", "create", "--email", "ada@example.com"]);
}

#[test]
fn an_unusable_database_file_is_named_with_its_reason() {
    let machine = Machine::new();
    let arguments = ["migrate", "--database-url", "sqlite://no/such.db"];
    machine.refused(&arguments, &["no/such.db", "directory does not exist", "DATABASE_URL"]);
    std::fs::create_dir(machine.path().join("directory.db")).expect("a directory");
    let arguments = ["migrate", "--database-url", "sqlite://directory.db"];
    machine.refused(&arguments, &["directory.db", "owned by uid", "mode"]);
}

#[test]
fn service_links_of_kubernetes_are_not_settings() {
    let machine = Machine::new();
    let links = [
        ("CLOAKROOM_SERVICE_HOST", "10.96.0.7"),
        ("CLOAKROOM_SERVICE_PORT", "80"),
        ("CLOAKROOM_SERVICE_PORT_HTTP", "80"),
        ("CLOAKROOM_PORT", "tcp://10.96.0.7:80"),
        ("CLOAKROOM_PORT_80_TCP", "tcp://10.96.0.7:80"),
        ("CLOAKROOM_PORT_80_TCP_ADDR", "10.96.0.7"),
    ];
    let run = |variables: &[(&str, &str)]| {
        let mut command = machine.command(&["config"]);
        command.envs(variables.iter().copied());
        finish(command.spawn().expect("it starts"), "")
    };
    let ran = run(&links);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = run(&links[3..4]);
    assert_eq!(ran.code, Some(1), "a misspelled setting: {ran:?}");
}

#[test]
fn health_asks_the_server_of_these_settings() {
    let machine = Machine::new();
    let mut server = Process::start(machine.path(), &[]);
    let address = server.url.strip_prefix("http://").expect("an address").to_owned();
    let healthy = format!("http://{address}/health/ready: healthy\n");
    assert_eq!(machine.done(&["health", "--listen", &address]), healthy);
    let port = address.rsplit(':').next().expect("a port");
    let any = format!("0.0.0.0:{port}");
    let issuer = ["--issuer", "https://id.example.org"];
    let told = machine.json(&[&["health", "--live", "--listen", &any], issuer.as_slice()].concat());
    assert_eq!((&told["status"], &told["healthy"]), (&json!(200), &json!(true)));
    assert_eq!(told["url"], format!("http://127.0.0.1:{port}/health/live"));
    server.terminate();
    eventually("it is not ready", || machine.run(&["health", "--listen", &address]).code == Some(1));
    server.wait();
    machine.refused(&["health", "--listen", &address], &["/health/ready", "refused"]);
    machine.refused(&["health", "--listen", "127.0.0.1:0"], &["port 0", "--listen"]);
}

/// A user who may read the file and not write it. A test by root acts as another user.
#[cfg(unix)]
#[test]
fn database_file_of_another_owner_names_its_permissions() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt};
    use std::os::unix::process::CommandExt as _;

    let machine = Machine::with_database();
    let mode =
        |path: &Path, mode| std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("a mode");
    let database = machine.path().join("cloakroom.db");
    mode(&database, 0o444);
    let is_root = database.metadata().expect("a file").uid() == 0;
    for directory in [0o755, 0o777] {
        mode(machine.path(), directory);
        for arguments in [&["serve"][..], &["migrate"], &["users", "create", "--email", "ada@example.com"]] {
            let mut command = machine.command(arguments);
            if is_root {
                command.uid(65_534).gid(65_534);
            }
            command.env("CLOAKROOM_LISTEN", "127.0.0.1:0");
            let ran = finish(command.spawn().expect("it starts"), "");
            assert_eq!(ran.code, Some(1), "{ran:?}");
            for words in ["permission denied", "with mode 444", "cloakroom.db"] {
                assert!(ran.err.contains(words), "{arguments:?}: {ran:?}");
            }
        }
    }
}
