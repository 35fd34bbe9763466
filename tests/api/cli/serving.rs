//! `cloakroom serve`, and commands of the operator beside it.

use super::*;
use crate::support::eventually;

/// `cloakroom` without arguments, on a free port. It is killed when it is dropped.
struct Serving(Child, Vec<String>);

impl Serving {
    fn start(machine: &Machine, arguments: &[&str]) -> Self {
        let arguments = [arguments, &["--listen", "127.0.0.1:0"]].concat();
        let mut child = machine.command(&arguments).stderr(Stdio::inherit()).spawn().expect("it starts");
        let out = BufReader::new(child.stdout.take().expect("an output"));
        let lines = out.lines().map(|line| line.expect("UTF-8"));
        let mut told = Vec::new();
        for line in lines {
            told.push(line);
            if told.last().is_some_and(|line| line.contains("--role admin")) {
                break;
            }
        }
        Self(child, told)
    }

    fn url(&self) -> &str {
        self.1.first().and_then(|line| line.strip_prefix("listening on ")).expect("an address")
    }

    fn log_in(&self, password: &str) -> u16 {
        let body = json!({ "email": "ada@example.com", "password": password });
        Request::new("POST", format!("{}/sessions", self.url())).json(&body).send().status
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn new_machine_serves_and_prints_next_steps() {
    let machine = Machine::new();
    let server = Serving::start(&machine, &[]);
    let told = server.1.join("\n");
    let issuer = format!("issuer {}", server.url());
    for words in ["database sqlite://cloakroom.db", &issuer, "curl ", "cloakroom users create --email"] {
        assert!(told.contains(words), "{told}");
    }
    let live = Request::new("GET", format!("{}/health/ready", server.url())).send();
    live.expect(200);
    let address = server.url().strip_prefix("http://").expect("an address");
    machine.refused(&["serve", "--listen", address], &["cannot listen on", address, "--listen"]);
    drop(server);
    // The next start uses the master key of the first one.
    Serving::start(&machine, &["serve"]).url();
}

#[test]
fn operator_works_while_the_server_runs() {
    let machine = Machine::new();
    let server = Serving::start(&machine, &["serve"]);
    let made = machine.json(&["users", "create", "--email", "ada@example.com"]);
    let password = made["password"].as_str().expect("a password");
    let body = json!({ "email": "ada@example.com", "password": password });
    let session = Request::new("POST", format!("{}/sessions", server.url())).json(&body).send();
    let token = session.json()["access_token"].as_str().expect("a token").to_owned();
    let read = || Request::new("GET", format!("{}/users/me", server.url())).bearer(&token).send().status;
    assert_eq!(read(), 200);

    machine.done(&["users", "suspend", "ada@example.com"]);
    assert_eq!(server.log_in(password), 401);
    eventually("the token is refused", || read() == 401);
    machine.done(&["users", "activate", "ada@example.com"]);
    let new = machine.json(&["users", "set-password", "ada@example.com"]);
    assert_eq!(server.log_in(password), 401);
    assert_eq!(server.log_in(new["password"].as_str().expect("a password")), 200);

    let client = machine.json(&["clients", "create", "--id", "reports", "--scope", "users:read:any"]);
    let token = |secret: &Value| {
        let secret = secret["client_secret"].as_str().expect("a secret");
        let request = Request::new("POST", format!("{}/oauth/token", server.url())).basic("reports", secret);
        request.form(&[("grant_type", "client_credentials")]).send().status
    };
    assert_eq!(token(&client), 200);
    let rotated = machine.json(&["clients", "rotate-secret", "reports", "--keep-old", "0s"]);
    assert_eq!((token(&client), token(&rotated)), (401, 200));
    machine.done(&["clients", "delete", "reports"]);
    assert_eq!(token(&rotated), 401);
}
