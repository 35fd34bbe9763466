//! Run of the checks: the fixture, and requests that several checks send.

use std::ops::Deref;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::client::Answer;
use super::super::fixture::{Fixture, TestUser};
use super::super::{Request, VerifyError};
use crate::authz::matrix::CallerKind;
use crate::authz::{Scope, Vocabulary};
use crate::domain::Role;
use crate::http::{Code, Endpoint, Rules};

/// Run of the checks on one server. It dereferences to the [`Fixture`].
pub(in crate::qa::verify) struct CheckRun<'f> {
    fixture: &'f Fixture,
    /// Routes that the server serves.
    pub(super) endpoints: &'f [Endpoint],
    rules: &'f Rules<'f, Endpoint>,
}

impl Deref for CheckRun<'_> {
    type Target = Fixture;

    fn deref(&self) -> &Fixture {
        self.fixture
    }
}

impl<'f> CheckRun<'f> {
    pub(in crate::qa::verify) fn new(
        fixture: &'f Fixture,
        endpoints: &'f [Endpoint],
        rules: &'f Rules<'f, Endpoint>,
    ) -> Self {
        Self { fixture, endpoints, rules }
    }

    /// True when every caller may register.
    pub(super) fn registration_open(&self) -> bool {
        self.rules.registration_open
    }

    /// Returns the scopes and roles of the application.
    pub(super) fn vocabulary(&self) -> &'f Arc<Vocabulary> {
        self.rules.vocabulary
    }

    /// Returns the refusal of a kind of caller by a route. None when the rule allows it.
    pub(super) fn refusal(&self, endpoint: &Endpoint, kind: CallerKind) -> Option<Code> {
        self.rules.refusal(endpoint, endpoint.read_rule(), kind)
    }

    /// Creates an administrator.
    pub(super) fn new_admin(&self) -> Result<TestUser, VerifyError> {
        self.new_user(&[Role::ADMIN, Role::USER])
    }

    /// Creates a client that acts for itself with these scopes, and returns its token.
    pub(super) fn client_with(&self, scopes: &[Scope]) -> Result<String, VerifyError> {
        self.token_of(&self.new_client(&scopes.iter().copied().collect())?)
    }

    /// Logs in with this password and these scopes.
    pub(super) fn log_in_as(
        &self,
        email: &str,
        password: &str,
        scope: Option<&str>,
    ) -> Result<Answer, VerifyError> {
        let mut body = json!({ "email": email, "password": password });
        if let (Some(scope), Some(members)) = (scope, body.as_object_mut()) {
            members.insert("scope".to_owned(), scope.into());
        }
        self.send(&Request::post("/sessions").json(&body), None)
    }

    /// Logs in a user of the run.
    pub(super) fn session(&self, user: &TestUser, scope: Option<&str>) -> Result<Answer, VerifyError> {
        let answer = self.log_in_as(&user.email, &self.password, scope)?;
        match answer.is_success() {
            true => Ok(answer),
            false => Err(VerifyError::new(format!("{} cannot log in: {}", user.email, answer.summary()))),
        }
    }

    /// Returns a token of the user with one scope.
    pub(super) fn token_with(&self, user: &TestUser, scope: Scope) -> Result<String, VerifyError> {
        self.log_in(&user.email, Some(&[scope].into_iter().collect()))
    }

    /// Sends a form without an Authorization header.
    pub(super) fn form(&self, path: &str, pairs: &[(&str, &str)]) -> Result<Answer, VerifyError> {
        self.send(&Request::post(path).form(pairs), None)
    }

    /// Returns the body of a record that must exist, as a caller with every scope reads it.
    pub(super) fn record(&self, path: &str) -> Result<Value, VerifyError> {
        Ok(self.done(&Request::get(path), Some(&self.everything()?))?.json())
    }

    /// True when a request with this token is answered as one of a valid caller.
    pub(super) fn is_accepted(&self, token: &str) -> Result<bool, VerifyError> {
        let answer = self.send(&Request::get("/users/me"), Some(token))?;
        Ok(answer.status != 401)
    }
}

/// Returns the scopes of a token answer.
pub(super) fn scope_of(answer: &Answer) -> Result<Vec<String>, VerifyError> {
    Ok(answer.text("scope")?.split(' ').map(str::to_owned).collect())
}

/// Returns the path of a user.
pub(super) fn path_of(user: &TestUser) -> String {
    format!("/users/{}", user.id)
}
