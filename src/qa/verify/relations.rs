//! Relations between a record and a user: the owner gives one by the request that its route declares.

use serde_json::Value;

use super::Request;
use super::fixture::{Fixture, TestUser};
use super::records::NoRecord;
use super::trial::Trial;
use crate::authz::Relation;
use crate::http::{Access, Endpoint};

/// Text that stands for the id of the user who gets the relation.
const USER: &str = "{user}";

/// Returns true when the rule of a route about a record, or that for reading the record, names this relation.
pub(super) fn names_relation(endpoint: &Endpoint, relation: Relation) -> bool {
    let Access::Record(rule) = endpoint.access else { return false };
    let rules = [Some(rule), endpoint.read_rule()];
    rules.into_iter().flatten().any(|rule| rule.condition.relations().any(|(named, _)| named == relation))
}

impl Fixture {
    /// Gives a user this relation to the record of a trial.
    pub(super) fn relate(
        &self,
        relation: Relation,
        user: &TestUser,
        trial: &Trial<'_>,
    ) -> Result<(), NoRecord> {
        let of_record = |endpoint: &&Endpoint| start(endpoint.path) == start(trial.endpoint.path);
        let given = self.app.routes().iter().filter(of_record).find_map(|endpoint| {
            let (_, body) = endpoint.gives.iter().find(|(given, _)| *given == relation)?;
            Some((endpoint, body))
        });
        let Some((endpoint, body)) = given else {
            return Err(NoRecord::NotMade(format!(
                "no route gives the relation {}: declare it with Endpoint::gives",
                relation.name()
            )));
        };
        let record = segment(trial, "id").unwrap_or_default();
        let description = endpoint.description();
        let path = endpoint.path.split(['{', '}']).enumerate().map(|(place, part)| match part {
            literal if place % 2 == 0 => literal,
            "id" => record,
            name => description.first_value_of(name).unwrap_or(&user.id),
        });
        let mut request = Request::new(endpoint.method.clone(), path.collect::<String>());
        if !body.is_null() {
            request = request.json(&with_user(body, &user.id));
        }
        let answer = self.send(&request, Some(&trial.owner.token))?;
        let refused = || format!("the relation {} is not given: {}", relation.name(), answer.summary());
        if answer.is_success() { Ok(()) } else { Err(NoRecord::NotMade(refused())) }
    }
}

/// Returns the part of a path before the record's id.
fn start(path: &str) -> Option<&str> {
    path.split_once("{id}").map(|(start, _)| start)
}

/// Returns a segment of the path of a trial.
fn segment<'t>(trial: &'t Trial<'_>, name: &str) -> Option<&'t str> {
    let place = trial.endpoint.path.split('/').position(|part| part == format!("{{{name}}}"))?;
    trial.path.split(['/', '?']).nth(place)
}

/// Returns the body with the user's id in the place of [`USER`].
fn with_user(body: &Value, id: &str) -> Value {
    match body {
        Value::String(text) => text.replace(USER, id).into(),
        Value::Array(values) => values.iter().map(|value| with_user(value, id)).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), with_user(value, id))).collect()
        }
        other => other.clone(),
    }
}
