//! The shipped configuration of haproxy, while the database is away.

use tempfile::TempDir;

use super::{eventually, on_database};
use crate::support::{ExternalProgram, Postgres, Process, Request, free_port};

const SHIPPED: &str = include_str!("../../../deploy/haproxy.cfg");

#[test]
fn public_keys_stay_while_the_database_is_away() {
    let Some(mut cluster) = Postgres::dedicated_cluster() else { return };
    let ports = [free_port(), free_port()];
    let Some(proxy) = ExternalProgram::start("haproxy", |port, _| {
        SHIPPED
            .replace(":8000", &format!("127.0.0.1:{port}"))
            .replace("127.0.0.1:8081", &format!("127.0.0.1:{}", ports[0]))
            .replace("127.0.0.1:8082", &format!("127.0.0.1:{}", ports[1]))
    }) else {
        return;
    };
    let (dir, database) = (TempDir::new().unwrap(), cluster.url().replace("{}", "postgres"));
    let url = format!("http://127.0.0.1:{}", proxy.port);
    let listens = ports.map(|port| format!("127.0.0.1:{port}"));
    let replicas = listens.each_ref().map(|listen| {
        let own = [("CLOAKROOM_LISTEN", listen.as_str()), ("CLOAKROOM_ISSUER", url.as_str())];
        Process::start(dir.path(), &[on_database(&database).as_slice(), &own].concat())
    });
    let status = |path: &str| Request::new("GET", format!("{url}{path}")).send().status;
    eventually("haproxy uses the replicas", || status("/health/ready") == 200);
    replicas[0].registration("ada@example.com").send().expect(201);

    cluster.stop();
    eventually("haproxy uses no replica", || status("/health/ready") == 503);
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration", "/openapi.json"] {
        assert_eq!(status(path), 200, "{path}");
    }
    cluster.start_again();
    eventually("haproxy uses the replicas again", || status("/health/ready") == 200);
}
