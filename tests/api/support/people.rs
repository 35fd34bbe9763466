//! Callers of the tests: users, administrators and clients, made through the API or the command line.

use serde_json::{Value, json};

use super::server::Server;

/// Password of every test user.
pub const PASSWORD: &str = "a most unusual passphrase";

/// User with an access token.
#[derive(Clone, Debug)]
pub struct Person {
    pub id: String,
    pub email: String,
    pub token: String,
}

impl Person {
    pub fn path(&self) -> String {
        format!("/users/{}", self.id)
    }
}

impl Server {
    /// Registers a user and logs in.
    pub fn register(&self, name: &str) -> Person {
        let email = format!("{name}@example.com");
        let answer =
            self.post("/users").json(&json!({ "email": email, "password": PASSWORD })).send().expect(201);
        let id = answer.json()["id"].as_str().expect("an id").to_owned();
        Person { token: self.log_in(&email), id, email }
    }

    /// Returns a token with every scope that the user's roles grant.
    pub fn log_in(&self, email: &str) -> String {
        self.log_in_for(email, None)
    }

    /// Returns a token with part of those scopes.
    pub fn log_in_for(&self, email: &str, scope: Option<&str>) -> String {
        let mut body = json!({ "email": email, "password": PASSWORD });
        if let Some(scope) = scope {
            body["scope"] = scope.into();
        }
        let answer = self.post("/sessions").json(&body).send().expect(200);
        answer.json()["access_token"].as_str().expect("a token").to_owned()
    }

    /// Makes a user with these roles through the command line, and logs in.
    pub fn person_with_roles(&self, name: &str, roles: &[&str]) -> Person {
        let email = format!("{name}@example.com");
        let mut arguments = vec!["users", "create", "--email", &email, "--json", "--password-stdin"];
        arguments.extend(roles.iter().flat_map(|role| ["--role", role]));
        let made: Value =
            serde_json::from_str(&self.operator_with_input(&arguments, PASSWORD)).expect("JSON");
        let id = made["id"].as_str().expect("an id").to_owned();
        Person { token: self.log_in(&email), id, email }
    }

    /// Makes an administrator and logs in.
    pub fn admin(&self) -> Person {
        self.person_with_roles("admin", &["admin", "user"])
    }

    /// Registers a client with this scope and returns its token.
    pub fn client_token(&self, id: &str, scope: &str) -> String {
        let made = self.operator(&["clients", "create", "--id", id, "--scope", scope, "--json"]);
        let made: Value = serde_json::from_str(&made).expect("JSON");
        let secret = made["client_secret"].as_str().expect("a secret");
        let form = [("grant_type", "client_credentials")];
        let answer = self.post("/oauth/token").basic(id, secret).form(&form).send().expect(200);
        answer.json()["access_token"].as_str().expect("a token").to_owned()
    }
}
