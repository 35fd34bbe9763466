//! Path parameters: each is the id of a new record of the owner, created by the application's own route.

use serde_json::Value;

use super::body;
use super::client::Answer;
use super::fixture::{Fixture, TestUser};
use super::{Request, VerifyError};
use crate::authz::action::{Action as _, Create};
use crate::authz::{OwnerFrom, Rule};
use crate::http::{Access, Endpoint};

/// Answer to a value that must be unique and is not.
const TAKEN: &str = "409 taken";

/// Reason for which a path has no record.
pub(crate) enum NoRecord {
    /// No route creates such a record, or it was not created. The text says why.
    NotMade(String),
    /// The verification cannot continue.
    Failed(VerifyError),
}

impl From<VerifyError> for NoRecord {
    fn from(error: VerifyError) -> Self {
        Self::Failed(error)
    }
}

impl Fixture {
    /// Returns the path of a route to a record of the owner:
    ///
    /// - `{id}` is a record of the owner, or the owner where the path names a user;
    /// - `{sid}` is a session of the owner, and `{client_id}` a client that the owner has consented to;
    /// - a parameter with a single allowed value has that value;
    /// - every other parameter is the id of the other user, so that a route which grants access is asked to grant
    ///   it to the user who must have none.
    pub(crate) fn path(&self, endpoint: &Endpoint, owner: &TestUser) -> Result<String, NoRecord> {
        let id = match self.rule_of_id(endpoint) {
            Some(rule) if rule.owner_from != OwnerFrom::Url => self.make(rule, owner)?,
            _ => owner.id.clone(),
        };
        Ok(self.path_to(endpoint, &id, owner)?)
    }

    /// Returns the path with this `{id}`.
    pub(crate) fn path_to(
        &self,
        endpoint: &Endpoint,
        id: &str,
        owner: &TestUser,
    ) -> Result<String, VerifyError> {
        let parts = endpoint.path.split(['{', '}']).enumerate();
        let description = endpoint.description();
        parts.into_iter().try_fold(String::new(), |path, (place, part)| {
            Ok(match part {
                literal if place % 2 == 0 => path + literal,
                "id" => path + id,
                "sid" => path + &self.session_of(owner)?,
                "client_id" => path + &self.consented_client(owner)?,
                name => path + description.first_value_of(name).unwrap_or(&self.other.id),
            })
        })
    }

    /// Returns the rule about the record that `{id}` names: that of the route, or of another route with the same
    /// start of its path.
    fn rule_of_id(&self, endpoint: &Endpoint) -> Option<&'static Rule> {
        let prefix = |endpoint: &Endpoint| Some((endpoint.path.split_once("{id}")?.0, ()));
        let here = prefix(endpoint)?;
        let same = self.app.routes().iter().filter(|other| prefix(other) == Some(here));
        std::iter::once(endpoint).chain(same).find_map(|endpoint| match endpoint.access {
            Access::Record(rule) => Some(rule),
            _ => None,
        })
    }

    /// Creates a record of the rule's kind and returns its id. The owner creates a record that has an owner; a
    /// client with every scope creates any other.
    pub(crate) fn make(&self, rule: &Rule, owner: &TestUser) -> Result<String, NoRecord> {
        let kinds = [Some(rule.resource), rule.part_of];
        let create = kinds.into_iter().flatten().find_map(|kind| self.create_route(kind));
        let create = create.ok_or_else(|| NoRecord::NotMade("no create route".to_owned()))?;
        let path = self.path(create, owner)?;
        let maker = match rule.owner_from {
            OwnerFrom::Nobody => self.everything()?,
            OwnerFrom::Url | OwnerFrom::Record => owner.token.clone(),
        };
        let answer = self.call(create, path.clone(), owner, true, Some(&maker))?;
        let id = match answer.json().get("id") {
            Some(Value::String(id)) => Some(id.clone()),
            Some(Value::Number(id)) => Some(id.to_string()),
            _ => answer.made().map(str::to_owned),
        };
        let id = id.filter(|_| answer.is_success());
        let id = id.ok_or_else(|| NoRecord::NotMade(format!("not created: {}", answer.summary())))?;
        self.note_record(format!("{path}/{id}"));
        Ok(id)
    }

    /// Returns the route that creates records of a kind, and does not need one of them.
    fn create_route(&self, kind: &str) -> Option<&Endpoint> {
        self.app.routes().iter().find(|endpoint| {
            let makes = matches!(
                endpoint.access,
                Access::Collection(rule) if rule.action == Create::NAME && rule.resource == kind
            );
            makes && self.rule_of_id(endpoint).is_none_or(|rule| rule.resource != kind)
        })
    }

    /// Sends the documented example request of a route.
    pub(crate) fn call(
        &self,
        endpoint: &Endpoint,
        path: String,
        owner: &TestUser,
        is_owner: bool,
        token: Option<&str>,
    ) -> Result<Answer, VerifyError> {
        let request = Request::new(endpoint.method.clone(), path);
        self.with_examples(endpoint, request, owner, is_owner, |request| self.send(request, token))
    }

    /// Sends a request with the documented example as its body, and with other texts in it when a text that must
    /// be unique is taken.
    pub(crate) fn with_examples(
        &self,
        endpoint: &Endpoint,
        mut request: Request,
        owner: &TestUser,
        is_owner: bool,
        send: impl Fn(&Request) -> Result<Answer, VerifyError>,
    ) -> Result<Answer, VerifyError> {
        let Some((media_type, example)) = body::example(endpoint) else { return send(&request) };
        let unique = format!("{}.{}", self.next_number(), self.mark());
        let example = body::fitted(endpoint, example, owner, is_owner, self);
        request.body = Some((media_type, body::text(media_type, &example)));
        let answer = send(&request)?;
        if answer.summary() != TAKEN {
            return Ok(answer);
        }
        request.body = Some((media_type, body::text(media_type, &body::numbered(example, &unique))));
        send(&request)
    }
}
