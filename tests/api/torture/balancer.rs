//! Replicas behind haproxy, restarted one after the other without a failed request.

use std::sync::atomic::{AtomicBool, Ordering};

use tempfile::TempDir;

use super::{Ledger, for_a_while, on_database};
use crate::support::{ExternalProgram, Postgres, Process, Request, free_port};

/// haproxy without retries: a request that fails at one replica has failed.
fn balancer(replicas: &[u16]) -> Option<ExternalProgram> {
    let servers: String = replicas
        .iter()
        .map(|port| format!("    server replica{port} 127.0.0.1:{port} check inter 100ms fall 1 rise 1\n"))
        .collect();
    ExternalProgram::start("haproxy", |port, _| {
        format!(
            "defaults\n    mode http\n    retries 0\n    timeout connect 2s\n    timeout client 30s\n    timeout server 30s\n\
             frontend front\n    bind 127.0.0.1:{port}\n    stats enable\n    stats uri /balancer\n    default_backend replicas\n\
             backend replicas\n    balance roundrobin\n    option httpchk GET /health/ready\n{servers}"
        )
    })
}

#[test]
fn rolling_restart_fails_no_request() {
    if !Postgres::is_available() {
        return;
    }
    let ports = [free_port(), free_port(), free_port()];
    let Some(balancer) = balancer(&ports) else { return };
    let (dir, database) = (TempDir::new().unwrap(), Postgres::new_database());
    let url = format!("http://127.0.0.1:{}", balancer.port);
    let start = |port: u16| {
        let listen = format!("127.0.0.1:{port}");
        let own = vec![
            ("CLOAKROOM_LISTEN", listen.as_str()),
            ("CLOAKROOM_ISSUER", url.as_str()),
            ("CLOAKROOM_SHUTDOWN_GRACE", "1s"),
        ];
        Process::start(dir.path(), &[on_database(&database), own].concat())
    };
    let mut replicas = ports.map(start);
    let ready = || Request::new("GET", format!("{url}/health/ready")).send().status == 200;
    super::eventually("the balancer knows the replicas", ready);
    let email = "reader@example.com";
    replicas[0].registration(email).send().expect(201);
    let token = replicas[0].token(email);
    let stop = AtomicBool::new(false);
    let ledger = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let mut answered = 0;
                    while !stop.load(Ordering::Relaxed) {
                        Request::new("GET", format!("{url}/users/me")).bearer(&token).send().expect(200);
                        answered += 1;
                    }
                    answered
                })
            })
            .collect();
        let ledger = Ledger::of(&url, |_| {
            let mut next = (0..3).cycle();
            for_a_while(|| {
                let at = next.next().unwrap_or_default();
                replicas[at].terminate();
                assert!(replicas[at].wait().success());
                replicas[at] = start(ports[at]);
                let ready = || replicas[at].get("/health/ready").send().status == 200;
                super::eventually("the replica is ready again", ready);
                // The balancer must use it again before the next replica stops.
                let name = format!("replicas,replica{},", ports[at]);
                super::eventually("the balancer uses the replica", || {
                    let table = Request::new("GET", format!("{url}/balancer;csv")).send().expect(200).body;
                    table.lines().any(|line| line.starts_with(&name) && line.contains(",UP,"))
                });
            });
        });
        stop.store(true, Ordering::Relaxed);
        let answered: usize = readers.into_iter().map(|reader| reader.join().expect("it reads")).sum();
        println!("{answered} reads, all answered");
        ledger
    });
    assert_eq!(ledger.not_done(), 0, "no request may fail");
    Request::new("DELETE", format!("{url}/users/me")).bearer(&token).send().expect(204);
    ledger.check(dir.path(), &on_database(&database));
}
