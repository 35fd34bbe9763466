//! Path parameters: each is the id of a new record of the owner, created by the application's own route.

use serde_json::Value;

use super::body::{self, Example};
use super::client::Answer;
use super::fixture::{Fixture, TestUser};
use super::{Request, VerifyError};
use crate::authz::action::{Action as _, Create};
use crate::authz::{OwnerFrom, Rule};
use crate::http::{Access, Endpoint};

/// Answer to a value that must be unique and is not.
const TAKEN: &str = "409 taken";

/// Reason for which a record cannot be made: the application has no route for it.
pub(crate) const NO_ROUTE: &str = "no create route";

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
    /// - `{id}` is a record of the owner, or the owner where the path names a user; the segment after it is then a
    ///   record of the owner, where the decision is on one;
    /// - `{sid}` is a session of the owner, and `{client_id}` a client that the owner has consented to;
    /// - a parameter with a single allowed value has that value, and a required one of the query its example;
    /// - every other parameter is the id of the other user. So a route that grants access is asked to grant it to the
    ///   user who must have none.
    pub(crate) fn path(&self, endpoint: &Endpoint, owner: &TestUser) -> Result<String, NoRecord> {
        let id = match self.rule_of_id(endpoint) {
            Some(rule) if rule.owner_from != OwnerFrom::Url => self.make(rule, owner)?,
            _ => owner.id.clone(),
        };
        match (endpoint.access, endpoint.description().own_segment) {
            (Access::Record(rule), Some(own)) => {
                let record = self.make(rule, owner)?;
                Ok(self.path_with(endpoint, &id, Some((&own, &record)), owner)?)
            }
            _ => Ok(self.path_to(endpoint, &id, owner)?),
        }
    }

    /// Returns the path with this `{id}`.
    pub(crate) fn path_to(
        &self,
        endpoint: &Endpoint,
        id: &str,
        owner: &TestUser,
    ) -> Result<String, VerifyError> {
        self.path_with(endpoint, id, None, owner)
    }

    /// Returns the path with this `{id}`, and with this value of another segment.
    fn path_with(
        &self,
        endpoint: &Endpoint,
        id: &str,
        own: Option<(&str, &str)>,
        owner: &TestUser,
    ) -> Result<String, VerifyError> {
        let parts = endpoint.path.split(['{', '}']).enumerate();
        let description = endpoint.description();
        let path: Result<String, VerifyError> =
            parts.into_iter().try_fold(String::new(), |path, (place, part)| {
                Ok(match part {
                    literal if place % 2 == 0 => path + literal,
                    "id" => path + id,
                    name if own.is_some_and(|(own, _)| own == name) => {
                        path + own.map_or("", |(_, record)| record)
                    }
                    "sid" => path + &self.session_of(owner)?,
                    "client_id" => path + &self.consented_client(owner)?,
                    name => path + description.first_value_of(name).unwrap_or(&self.other.id),
                })
            });
        let required = description.parameters.iter().filter(|parameter| parameter.required);
        let examples = required.filter_map(|one| Some((one.name.as_ref(), one.example()?)));
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(examples).finish();
        Ok(if query.is_empty() { path? } else { format!("{}?{query}", path?) })
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
        let create = create.ok_or_else(|| NoRecord::NotMade(NO_ROUTE.to_owned()))?;
        let path = self.path(create, owner)?;
        let maker = match rule.owner_from {
            OwnerFrom::Nobody => self.everything()?,
            OwnerFrom::Url | OwnerFrom::Body | OwnerFrom::Record => owner.token.clone(),
        };
        let answer = self.call(create, path.clone(), owner, true, Some(&maker))?;
        let id = match answer.json().get("id") {
            Some(Value::String(id)) => Some(id.clone()),
            Some(Value::Number(id)) => Some(id.to_string()),
            _ => answer.made().map(str::to_owned),
        };
        let id = id.filter(|_| answer.is_success());
        let id = id.ok_or_else(|| NoRecord::NotMade(format!("not created: {}", answer.summary())))?;
        let is_made_by_owner = rule.owner_from != OwnerFrom::Nobody;
        self.note_record(format!("{path}/{id}"), is_made_by_owner.then_some(owner));
        Ok(id)
    }

    /// Returns the route that creates records of a kind, and does not need one of them.
    fn create_route(&self, kind: &str) -> Option<&Endpoint> {
        self.app.routes().iter().find(|endpoint| {
            let makes = matches!(
                endpoint.access,
                Access::Collection(rule) | Access::CollectionOf(rule) if rule.action == Create::NAME && rule.resource == kind
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
        let (media_type, example) = match body::example(endpoint) {
            Some(Example::Members(media_type, example)) => (media_type, example),
            Some(Example::Bytes(media_type, bytes)) => {
                request.body = Some((media_type, bytes));
                return send(&request);
            }
            None => return send(&request),
        };
        let unique = format!("{}.{}", self.next_number(), self.mark());
        let example = body::fitted(endpoint, example, owner, is_owner, self);
        request.body = Some((media_type, body::bytes(media_type, &example)));
        let answer = send(&request)?;
        if answer.summary() != TAKEN {
            return Ok(answer);
        }
        request.body = Some((media_type, body::bytes(media_type, &body::numbered(example, &unique))));
        send(&request)
    }
}
