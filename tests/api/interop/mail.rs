//! Mail to a real mail server with STARTTLS, read by Python's own mail parser.

use std::net::TcpStream;
use std::process::Child;

use tempfile::TempDir;

use super::*;
use crate::support::{MASTER_KEY, Postgres, Process, eventually, free_port};

/// Mail server with a certificate of its own. It is stopped when it is dropped.
struct RealMailServer {
    dir: TempDir,
    port: u16,
    child: Child,
}

impl Drop for RealMailServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl RealMailServer {
    /// Starts one whose certificate has this name.
    fn start(name: &str) -> Self {
        let (dir, port) = (TempDir::new().unwrap(), free_port());
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let file = |name: &str| dir.path().join(name);
        std::fs::write(file("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let child = Command::new(python())
            .arg(scripts().join("mail_server.py"))
            .arg(port.to_string())
            .args([file("cert.pem"), file("key.pem"), file("mails")])
            .spawn()
            .unwrap();
        eventually("the mail server listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { dir, port, child }
    }

    fn mails(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.dir.path().join("mails")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Starts a server that sends its mail here and trusts the certificate.
    fn sender(&self, engine: Engine) -> Process {
        let database = match engine {
            Engine::Sqlite => format!("sqlite://{}", self.dir.path().join("cloakroom.db").display()),
            Engine::Postgres => Postgres::new_database(),
        };
        let (url, roots) = (
            format!("smtp://localhost:{}", self.port),
            self.dir.path().join("cert.pem").display().to_string(),
        );
        let settings = [
            ("DATABASE_URL", database.as_str()),
            ("CLOAKROOM_MASTER_KEY", MASTER_KEY),
            ("CLOAKROOM_LISTEN", "127.0.0.1:0"),
            ("CLOAKROOM_MAIL_URL", &url),
            ("CLOAKROOM_MAIL_FROM", "Grüße <no-reply@example.org>"),
            ("SSL_CERT_FILE", &roots),
        ];
        Process::start(self.dir.path(), &settings)
    }
}

on_both_engines! {
    fn real_mail_server_gets_well_formed_mail_by_tls(engine: Engine) {
        if !are_installed(&[&python()]) {
            return;
        }
        let mails = RealMailServer::start("localhost");
        let server = mails.sender(engine);
        // A local part beyond ASCII, and a domain that is written in ASCII.
        for typed in ["ada@example.com", "zoë@bücher.example"] {
            server.registration(typed).send().expect(201);
            server.post("/password-resets").json(&json!({ "email": typed })).send().expect(202);
        }
        eventually("both mails arrive", || mails.mails().len() == 2);
        for (mail, to) in mails.mails().iter().zip(["ada@example.com", "zoë@xn--bcher-kva.example"]) {
            assert_eq!((&mail["tls"], &mail["defects"]), (&json!(true), &json!([])), "{mail}");
            assert_eq!(mail["envelope"], json!({ "from": "no-reply@example.org", "to": [to] }));
            let headers = &mail["headers"];
            assert_eq!((&headers["from"], &headers["to"]), (&json!("Grüße <no-reply@example.org>"), &json!(to)));
            assert_eq!((&headers["auto-submitted"], &headers["mime-version"]), (&json!("auto-generated"), &json!("1.0")));
            for required in ["date", "message-id", "subject"] {
                assert!(headers[required].is_string(), "{required}: {mail}");
            }
            let parts = mail["parts"].as_array().unwrap();
            let kinds: Vec<&Value> = parts.iter().map(|part| &part[0]).collect();
            assert_eq!(kinds, ["text/plain", "text/html"]);
            assert!(parts.iter().all(|part| part[1].as_str().unwrap().contains("token=")), "{mail}");
            assert!(mail["longest_line"].as_u64().unwrap() <= 998, "{mail}");
        }
    }

    fn mail_server_with_the_wrong_name_gets_nothing(engine: Engine) {
        if !are_installed(&[&python()]) {
            return;
        }
        let mails = RealMailServer::start("another.example");
        let server = mails.sender(engine);
        server.registration("ada@example.com").send().expect(201);
        server.post("/password-resets").json(&json!({ "email": "ada@example.com" })).send().expect(202);
        eventually("the error is logged", || server.log().contains("the job send mail failed"));
        assert_eq!(mails.mails(), Vec::<Value>::new());
    }
}
