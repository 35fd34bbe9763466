//! TLS to PostgreSQL: what each `sslmode` verifies, client certificates, and passwords by SCRAM.

use cloakroom::store::PostgresConnection;
use diesel::prelude::*;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;

use super::on_database;
use crate::support::{Cluster, Postgres, Process, free_port};

const ACCESS: &str = "local all all trust
hostssl all ada 127.0.0.1/32 scram-sha-256
hostssl all bob 127.0.0.1/32 cert
host all all 127.0.0.1/32 trust
";

/// A cluster that offers TLS, and the certificates of its clients.
struct World {
    _cluster: Cluster,
    dir: TempDir,
    port: u16,
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Returns a certificate and its key, as PEM.
fn issue(authority: &CertifiedIssuer<'static, KeyPair>, name: &str) -> [String; 2] {
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    [params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem()]
}

impl World {
    fn new() -> Option<Self> {
        let mut cluster = Postgres::dedicated_cluster()?;
        let (dir, port) = (TempDir::new().unwrap(), free_port());
        let (own, other) = (authority("own"), authority("other"));
        let [certificate, key] = issue(&own, "localhost");
        for statement in [
            "SET password_encryption = 'scram-sha-256'; CREATE ROLE ada LOGIN PASSWORD 'p%c'",
            "CREATE ROLE bob LOGIN",
            "ALTER SYSTEM SET ssl = on",
            "ALTER SYSTEM SET ssl_ca_file = 'ca.crt'",
            "ALTER SYSTEM SET listen_addresses = '127.0.0.1'",
        ] {
            assert!(cluster.admin(statement), "{statement}");
        }
        cluster.write_files(&[
            ("server.crt", &certificate),
            ("server.key", &key),
            ("ca.crt", &own.pem()),
            ("pg_hba.conf", ACCESS),
        ]);
        cluster.listen(port);
        let [bob, bobs_key] = issue(&own, "bob");
        for (name, content) in
            [("own.crt", own.pem()), ("other.crt", other.pem()), ("bob.crt", bob), ("bob.key", bobs_key)]
        {
            std::fs::write(dir.path().join(name), content).unwrap();
        }
        Some(Self { _cluster: cluster, dir, port })
    }

    /// Returns the URL of a user on a host. `{}` in the parameters is the directory of the certificates.
    fn url(&self, user: &str, host: &str, parameters: &str) -> String {
        let parameters = parameters.replace("{}", &self.dir.path().display().to_string());
        format!("postgres://{user}@{host}:{}/postgres?{parameters}", self.port)
    }

    /// Returns whether the connection uses TLS. None if there is no connection.
    fn uses_tls(&self, user: &str, host: &str, parameters: &str) -> Option<bool> {
        #[derive(QueryableByName)]
        struct Row {
            #[diesel(sql_type = diesel::sql_types::Bool)]
            ssl: bool,
        }
        let mut conn = PostgresConnection::establish(&self.url(user, host, parameters)).ok()?;
        let query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
        Some(diesel::sql_query(query).get_result::<Row>(&mut conn).unwrap().ssl)
    }
}

#[test]
fn each_sslmode_verifies_what_it_says() {
    let Some(world) = World::new() else { return };
    for (host, parameters, expected) in [
        ("localhost", "sslmode=disable", Some(false)),
        ("localhost", "", Some(true)),
        ("localhost", "sslmode=require", Some(true)),
        // As with libpq, a file of certificates makes `require` verify the chain.
        ("127.0.0.1", "sslmode=require&sslrootcert={}/own.crt", Some(true)),
        ("127.0.0.1", "sslmode=require&sslrootcert={}/other.crt", None),
        ("127.0.0.1", "sslmode=verify-ca&sslrootcert={}/own.crt", Some(true)),
        ("localhost", "sslmode=verify-ca&sslrootcert={}/other.crt", None),
        ("localhost", "sslmode=verify-full&sslrootcert={}/own.crt", Some(true)),
        ("127.0.0.1", "sslmode=verify-full&sslrootcert={}/own.crt", None),
        ("localhost", "sslmode=verify-full&sslrootcert={}/other.crt", None),
        ("localhost", "sslmode=verify-full&sslrootcert={}/missing.crt", None),
        ("localhost", "sslmode=verify-full", None),
        // The name of the certificate is that of the host, wherever the host is.
        ("localhost", "sslmode=verify-full&sslrootcert={}/own.crt&hostaddr=127.0.0.1", Some(true)),
        ("other.example", "sslmode=verify-full&sslrootcert={}/own.crt&hostaddr=127.0.0.1", None),
    ] {
        assert_eq!(world.uses_tls("postgres", host, parameters), expected, "{host} {parameters}");
    }
}

#[test]
fn passwords_and_client_certificates_are_accepted() {
    let Some(world) = World::new() else { return };
    for (user, parameters, expected) in [
        ("ada:p%25c", "", Some(true)),
        ("ada:p%25c", "channel_binding=require", Some(true)),
        ("ada:wrong", "", None),
        ("ada", "", None),
        ("bob", "sslcert={}/bob.crt&sslkey={}/bob.key", Some(true)),
        ("bob", "", None),
        ("carol", "sslcert={}/bob.crt&sslkey={}/bob.key", None),
    ] {
        assert_eq!(world.uses_tls(user, "localhost", parameters), expected, "{user} {parameters}");
    }
}

#[test]
fn server_works_over_verified_tls() {
    let Some(world) = World::new() else { return };
    let url = world.url("postgres", "localhost", "sslmode=verify-full&sslrootcert={}/own.crt");
    let dir = TempDir::new().unwrap();
    let server = Process::start(dir.path(), &on_database(&url));
    server.registration("ada@example.com").send().expect(201);
    let token = server.token("ada@example.com");
    server.get("/users/me").bearer(&token).send().expect(200);
}
