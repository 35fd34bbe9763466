//! Mail: forgotten passwords, proofs of addresses, invitations, and their delivery.

mod address_changes;
mod delivery;
mod invitations;
mod operator;
mod pages;
mod password_resets;
mod registrations;

use serde_json::{Value, json};

use crate::support::{Answer, Engine, MailServer, Server};

pub const NEW: &str = "an even stranger passphrase";

/// Server with a mail server of its own.
pub struct Mailing {
    pub server: Server,
    pub mails: MailServer,
}

impl std::ops::Deref for Mailing {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Mailing {
    pub fn start(engine: Engine) -> Self {
        Self::start_with(engine, &[])
    }

    pub fn start_with(engine: Engine, more: &[(&str, &str)]) -> Self {
        Self::started(engine, more, false)
    }

    /// Starts one whose clock stands still until the test moves it.
    pub fn standing(engine: Engine, more: &[(&str, &str)]) -> Self {
        Self::started(engine, more, true)
    }

    fn started(engine: Engine, more: &[(&str, &str)], stands: bool) -> Self {
        let mails = MailServer::start();
        let own = mails.settings();
        let settings: Vec<(&str, &str)> =
            own.iter().map(|(name, value)| (*name, value.as_str())).chain(more.iter().copied()).collect();
        let server = match stands {
            true => Server::start_with_standing_clock(engine, &settings),
            false => Server::start_with(engine, &settings),
        };
        Self { server, mails }
    }

    pub fn request_reset(&self, email: &str) -> Answer {
        self.post("/password-resets").json(&json!({ "email": email })).send()
    }

    pub fn reset(&self, token: &str, password: &str) -> Answer {
        let body = json!({ "token": token, "new_password": password });
        self.post("/password-resets/redeem").json(&body).send()
    }

    pub fn verify(&self, token: &str) -> Answer {
        self.post("/email-verifications/redeem").json(&json!({ "token": token })).send()
    }

    pub fn try_log_in(&self, email: &str, password: &str) -> u16 {
        self.post("/sessions").json(&json!({ "email": email, "password": password })).send().status
    }

    /// Returns a user as an administrator sees it.
    pub fn user(&self, id: &str, admin: &str) -> Value {
        self.get(&format!("/users/{id}")).bearer(admin).send().expect(200).json()
    }
}
