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
        Self::start_with(name, &[])
    }

    fn start_with(name: &str, arguments: &[&str]) -> Self {
        let (dir, port) = (TempDir::new().unwrap(), free_port());
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let file = |name: &str| dir.path().join(name);
        std::fs::write(file("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let child = Command::new(python())
            .arg(scripts().join("mail_server.py"))
            .arg(port.to_string())
            .args([file("cert.pem"), file("key.pem"), file("mails")])
            .args(arguments)
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
        let own = self.settings(&database(engine, self.dir.path()), &[]);
        Process::start(self.dir.path(), &borrowed(&own))
    }

    fn settings(&self, database: &str, more: &[(&str, &str)]) -> Vec<(String, String)> {
        settings(database, self.port, self.dir.path(), more)
    }

    /// Runs a command of the operator, which must succeed, and returns what it prints.
    fn operator(&self, settings: &[(String, String)], arguments: &[&str]) -> String {
        let output = Process::command(self.dir.path(), &borrowed(settings), arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Returns the mail of this number to an address, once it is there.
    fn mail_to(&self, to: &str, number: usize) -> Value {
        let mut found = Vec::new();
        eventually(&format!("mail {number} to {to}"), || {
            found = self.mails();
            found.retain(|mail| mail["envelope"]["to"] == json!([to]));
            found.len() >= number
        });
        found.swap_remove(number - 1)
    }
}

fn database(engine: Engine, dir: &Path) -> String {
    match engine {
        Engine::Sqlite => format!("sqlite://{}", dir.join("cloakroom.db").display()),
        Engine::Postgres => Postgres::new_database(),
    }
}

/// Returns the settings of a server that sends its mail to a port of this machine, and trusts the certificate in the
/// directory.
fn settings(database: &str, port: u16, dir: &Path, more: &[(&str, &str)]) -> Vec<(String, String)> {
    let (url, roots) = (format!("smtp://localhost:{port}"), dir.join("cert.pem").display().to_string());
    let own = [
        ("DATABASE_URL", database),
        ("CLOAKROOM_MASTER_KEY", MASTER_KEY),
        ("CLOAKROOM_LISTEN", "127.0.0.1:0"),
        ("CLOAKROOM_MAIL_URL", &url),
        ("CLOAKROOM_MAIL_FROM", "Grüße <no-reply@example.org>"),
        ("SSL_CERT_FILE", &roots),
    ];
    own.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn borrowed(settings: &[(String, String)]) -> Vec<(&str, &str)> {
    settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

/// Requests a reset for an address beyond ASCII and for one in ASCII, after their registration.
fn request_two_resets(server: &Process) {
    for typed in ["ada@example.com", "zoë@bücher.example"] {
        server.registration(typed).send().expect(201);
        server.post("/password-resets").json(&json!({ "email": typed })).send().expect(202);
    }
}

/// Returns the token of a mail.
#[track_caller]
fn token_of(mail: &Value) -> String {
    let text = mail["parts"][0][1].as_str().expect("a text part");
    let link = text.split_whitespace().find(|word| word.contains("token=")).expect("a link");
    link.split_once("token=").expect("a token").1.to_owned()
}

#[track_caller]
fn assert_well_formed(mail: &Value, to: &str) {
    assert_readable(mail, to);
    let parts = mail["parts"].as_array().unwrap();
    assert!(parts.iter().all(|part| part[1].as_str().unwrap().contains("token=")), "{mail}");
}

#[track_caller]
fn assert_readable(mail: &Value, to: &str) {
    assert_eq!(mail["defects"], json!([]), "{mail}");
    let headers = &mail["headers"];
    assert_eq!((&headers["from"], &headers["to"]), (&json!("Grüße <no-reply@example.org>"), &json!(to)));
    assert_eq!(
        (&headers["auto-submitted"], &headers["mime-version"]),
        (&json!("auto-generated"), &json!("1.0"))
    );
    for required in ["date", "message-id", "subject"] {
        assert!(headers[required].is_string(), "{required}: {mail}");
    }
    let parts = mail["parts"].as_array().unwrap();
    let kinds: Vec<&Value> = parts.iter().map(|part| &part[0]).collect();
    assert_eq!(kinds, ["text/plain", "text/html"]);
    assert!(mail["longest_line"].as_u64().unwrap() <= 998, "{mail}");
}

/// Postfix of Debian, with STARTTLS, in a directory of its own. It delivers to a maildir.
struct Postfix {
    dir: TempDir,
    port: u16,
    master: Child,
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // Its master ends the other processes.
        let _ = Command::new("kill").arg(self.master.id().to_string()).status();
        let _ = self.master.wait();
    }
}

impl Postfix {
    const MASTER: &str = "/usr/lib/postfix/sbin/master";

    /// True when it is installed and may be started: it changes its user, as root alone can.
    fn can_start() -> bool {
        let is_root =
            std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        if !is_root && std::env::var_os("CI").is_none() {
            eprintln!("SKIPPED: Postfix is started by root alone");
            return false;
        }
        are_installed(&[Path::new(Self::MASTER), &python()])
    }

    fn start() -> Self {
        let (dir, port) = (TempDir::new().unwrap(), free_port());
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let file = |name: &str| dir.path().join(name);
        for name in ["conf", "queue", "data", "mails"] {
            std::fs::create_dir(file(name)).unwrap();
        }
        // Its processes have users of their own.
        std::fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        std::fs::write(file("cert.pem"), made.cert.pem()).unwrap();
        std::fs::write(file("key.pem"), made.signing_key.serialize_pem()).unwrap();
        let settings = std::fs::read_to_string(scripts().join("postfix/main.cf")).unwrap();
        let services = std::fs::read_to_string(scripts().join("postfix/master.cf")).unwrap();
        let here = dir.path().display().to_string();
        std::fs::write(file("conf/main.cf"), settings.replace("DIRECTORY", &here)).unwrap();
        std::fs::write(file("conf/master.cf"), services.replace("PORT", &port.to_string())).unwrap();
        for (owner, name) in [("postfix", "data"), ("nobody", "mails")] {
            finish(Command::new("chown").arg(owner).arg(file(name)), "chown");
        }
        finish(Command::new("postfix").arg("-c").arg(file("conf")).arg("check"), "postfix check");
        let master = Command::new(Self::MASTER).arg("-d").arg("-c").arg(file("conf")).spawn().unwrap();
        let started = Self { dir, port, master };
        eventually("Postfix listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        started
    }

    fn mails(&self) -> Vec<Value> {
        let read = Command::new(python())
            .arg(scripts().join("mail_reader.py"))
            .arg(self.dir.path().join("mails"))
            .output()
            .unwrap();
        let text = String::from_utf8(read.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

on_both_engines! {
    fn real_mail_server_gets_well_formed_mail_by_tls(engine: Engine) {
        if !are_installed(&[&python()]) {
            return;
        }
        let mails = RealMailServer::start("localhost");
        let server = mails.sender(engine);
        request_two_resets(&server);
        eventually("both mails arrive", || mails.mails().len() == 2);
        // A local part beyond ASCII, and a domain that is written in ASCII.
        for (mail, to) in mails.mails().iter().zip(["ada@example.com", "zoë@xn--bcher-kva.example"]) {
            assert_eq!(mail["tls"], true, "{mail}");
            assert_eq!(mail["envelope"], json!({ "from": "no-reply@example.org", "to": [to] }));
            assert_well_formed(mail, to);
        }
    }

    fn mail_of_each_template_is_well_formed(engine: Engine) {
        if !are_installed(&[&python()]) {
            return;
        }
        let mails = RealMailServer::start("localhost");
        let more = [("CLOAKROOM_REGISTRATION", "verified"), ("CLOAKROOM_ISSUER", "http://localhost:1")];
        let own = mails.settings(&database(engine, mails.dir.path()), &more);
        let server = Process::start(mails.dir.path(), &borrowed(&own));
        // Two addresses of 254 bytes stand in one mail.
        let domain = ["a".repeat(62), "b".repeat(62), "c".repeat(60), "de".to_owned()].join(".");
        let [old, new] = ["o", "n"].map(|letter| format!("{}@{domain}", letter.repeat(64)));
        assert_eq!((old.len(), new.len()), (254, 254));
        let redeem = |route: &str, body: &Value| server.post(route).json(body).send().expect(204);
        server.registration(&old).send().expect(202);
        let confirm = mails.mail_to(&old, 1);
        assert_well_formed(&confirm, &old);
        redeem("/email-verifications/redeem", &json!({ "token": token_of(&confirm) }));
        let token = server.token(&old);
        let id = server.get("/users/me").bearer(&token).send().expect(200).json()["id"].as_str().unwrap().to_owned();
        let patch = server.request("PATCH", &format!("/users/{id}")).bearer(&token).header("if-match", "*");
        patch.json(&json!({ "email": new })).send().expect(200);
        let confirm = mails.mail_to(&new, 1);
        assert_well_formed(&confirm, &new);
        redeem("/email-verifications/redeem", &json!({ "token": token_of(&confirm) }));
        assert_well_formed(&mails.mail_to(&old, 2), &old);
        server.post("/password-resets").json(&json!({ "email": new })).send().expect(202);
        assert_well_formed(&mails.mail_to(&new, 2), &new);
        mails.operator(&own, &["users", "invite", "--email", "grace@example.com"]);
        assert_well_formed(&mails.mail_to("grace@example.com", 1), "grace@example.com");
        // The owner of the address learns of a registration.
        server.registration("grace@example.com").send().expect(202);
        assert_readable(&mails.mail_to("grace@example.com", 2), "grace@example.com");
        mails.operator(&own, &["mail", "test", "grace@example.com"]);
        assert_readable(&mails.mail_to("grace@example.com", 3), "grace@example.com");
    }

    fn templates_and_links_of_the_operator_reach_the_mailbox(engine: Engine) {
        if !are_installed(&[&python()]) {
            return;
        }
        let (mails, templates) = (RealMailServer::start("localhost"), TempDir::new().unwrap());
        let long = "é".repeat(2_000);
        let file = |name: &str, text: &str| std::fs::write(templates.path().join(name), text).unwrap();
        file("reset-password.subject", "Schlüssel für {{ service }} 鍵");
        file("reset-password.txt", &format!("{long}\n{{{{ link }}}}\n"));
        let directory = templates.path().display().to_string();
        let links = r#"{"reset_password": "https://app.example.org/reset#token={token}"}"#;
        let more = [("CLOAKROOM_MAIL_TEMPLATES", directory.as_str()), ("CLOAKROOM_LINKS", links)];
        let own = mails.settings(&database(engine, mails.dir.path()), &more);
        let server = Process::start(mails.dir.path(), &borrowed(&own));
        server.registration("ada@example.com").send().expect(201);
        server.post("/password-resets").json(&json!({ "email": "ada@example.com" })).send().expect(202);
        let mail = mails.mail_to("ada@example.com", 1);
        assert_well_formed(&mail, "ada@example.com");
        assert_eq!(mail["headers"]["subject"], "Schlüssel für cloakroom 鍵");
        let text = mail["parts"][0][1].as_str().unwrap();
        assert!(text.contains(&long) && text.contains("https://app.example.org/reset#token="), "{text}");
        // A template without an override.
        let token = server.token("ada@example.com");
        let me = server.get("/users/me").bearer(&token).send().expect(200).json();
        let path = format!("/users/{}/email-verification", me["id"].as_str().unwrap());
        server.post(&path).bearer(&token).send().expect(202);
        assert_well_formed(&mails.mail_to("ada@example.com", 2), "ada@example.com");
        let preview = mails.operator(&own, &["mail", "preview", "reset-password"]);
        assert!(preview.starts_with("Subject: Schlüssel für cloakroom 鍵"), "{preview}");
    }

    fn postfix_delivers_each_mail_into_its_maildir(engine: Engine) {
        if !Postfix::can_start() {
            return;
        }
        let postfix = Postfix::start();
        let dir = postfix.dir.path();
        let own = settings(&database(engine, dir), postfix.port, dir, &[]);
        let server = Process::start(dir, &borrowed(&own));
        request_two_resets(&server);
        eventually("both mails arrive", || postfix.mails().len() == 2);
        let mails = postfix.mails();
        for to in ["ada@example.com", "zoë@xn--bcher-kva.example"] {
            let mail = mails.iter().find(|mail| mail["headers"]["to"] == to);
            let mail = mail.unwrap_or_else(|| panic!("a mail to {to}: {mails:?}"));
            assert_well_formed(mail, to);
            let received = mail["headers"]["received"].as_str().unwrap_or_default();
            assert!(received.contains("ESMTPS") || received.contains("UTF8SMTPS"), "{received}");
        }
    }

    fn faults_of_a_mail_server_lose_no_mail(engine: Engine) {
        if !are_installed(&[&python()]) {
            return;
        }
        let mails = RealMailServer::start("localhost");
        let server = mails.sender(engine);
        for name in ["later", "stalled", "cut", "refused", "ada"] {
            let email = format!("{name}@example.com");
            server.registration(&email).send().expect(201);
            server.post("/password-resets").json(&json!({ "email": email })).send().expect(202);
        }
        let of = |name: &str| -> Vec<Value> {
            let to = json!([format!("{name}@example.com")]);
            mails.mails().into_iter().filter(|mail| mail["envelope"]["to"] == to).collect()
        };
        eventually("each mail arrives", || {
            ["later", "stalled", "ada"].iter().all(|name| of(name).len() == 1) && of("cut").len() == 2
        });
        // A duplicate can be recognised.
        let duplicates = of("cut");
        assert_eq!(duplicates[0]["headers"]["message-id"], duplicates[1]["headers"]["message-id"]);
        assert_eq!(of("refused"), Vec::<Value>::new());
    }

    fn mail_server_of_this_machine_needs_no_starttls(engine: Engine) {
        if !are_installed(&[&python()]) {
            return;
        }
        let mails = RealMailServer::start_with("localhost", &["plain"]);
        let server = mails.sender(engine);
        server.registration("ada@example.com").send().expect(201);
        server.post("/password-resets").json(&json!({ "email": "ada@example.com" })).send().expect(202);
        eventually("the mail arrives", || mails.mails().len() == 1);
        assert_eq!(mails.mails()[0]["tls"], false);
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
