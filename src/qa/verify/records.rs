//! What stands in the braces of a path: a fresh record of the owner's, made by the application's
//! own route for that.

use serde_json::Value;

use super::client::{Answer, Request};
use super::people::{Person, World};
use super::{Trouble, body};
use crate::authz::action::{Action as _, Create};
use crate::authz::{OwnerFrom, Rule};
use crate::http::{Access, Endpoint};

/// What an insert answers where another record has what must be one's own.
const TAKEN: &str = "409 taken";

/// Why a path cannot be filled in.
pub(crate) enum NoRecord {
    /// There is no route by which its record could be made, or it was not made; in a few words.
    NotMade(String),
    /// The server does not answer as it should.
    Trouble(Trouble),
}

impl From<Trouble> for NoRecord {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl World {
    /// The path of a route to what is the owner's:
    ///
    /// - `{id}` is a record of the owner's, or where the path names a user, the owner;
    /// - `{sid}` is the owner's session; of what has certain values alone it is the first;
    /// - every other segment is the id of the other user, so that a route which lets somebody in
    ///   is asked to let in the very user who must stay out.
    pub(crate) fn path(&self, endpoint: &Endpoint, owner: &Person) -> Result<String, NoRecord> {
        let id = match self.rule_of_id(endpoint) {
            Some(rule) if rule.owner_from != OwnerFrom::Url => self.make(rule, owner)?,
            _ => owner.id.clone(),
        };
        Ok(self.path_to(endpoint, &id, owner)?)
    }

    /// The same with this id.
    pub(crate) fn path_to(&self, endpoint: &Endpoint, id: &str, owner: &Person) -> Result<String, Trouble> {
        let parts = endpoint.path.split(['{', '}']).enumerate();
        let description = endpoint.description();
        parts.into_iter().try_fold(String::new(), |path, (place, part)| {
            Ok(match part {
                literal if place % 2 == 0 => path + literal,
                "id" => path + id,
                "sid" => path + &self.session_of(owner)?,
                name => path + description.first_value_of(name).unwrap_or(&self.other.id),
            })
        })
    }

    /// The rule about the kind of record that `{id}` names: the route's own, or that of another
    /// route whose path begins in the same way.
    fn rule_of_id(&self, endpoint: &Endpoint) -> Option<&'static Rule> {
        let prefix = |endpoint: &Endpoint| Some((endpoint.path.split_once("{id}")?.0, ()));
        let here = prefix(endpoint)?;
        let same = self.app.routes().iter().filter(|other| prefix(other) == Some(here));
        std::iter::once(endpoint).chain(same).find_map(|endpoint| match endpoint.access {
            Access::Record(rule) => Some(rule),
            _ => None,
        })
    }

    /// Makes a record of the kind that the rule is about; its id. One that somebody may own is
    /// made by the owner, one that nobody owns by a client with every scope.
    pub(crate) fn make(&self, rule: &Rule, owner: &Person) -> Result<String, NoRecord> {
        let kinds = [Some(rule.resource), rule.part_of];
        let create = kinds.into_iter().flatten().find_map(|kind| self.create_route(kind));
        let create = create.ok_or_else(|| NoRecord::NotMade("no create route".to_owned()))?;
        let path = self.path(create, owner)?;
        let maker = match rule.owner_from {
            OwnerFrom::Nobody => self.everything()?,
            OwnerFrom::Url | OwnerFrom::Record => owner.token.clone(),
        };
        let answer = self.ask(create, path.clone(), owner, true, Some(&maker))?;
        let id = match answer.json().get("id") {
            Some(Value::String(id)) => Some(id.clone()),
            Some(Value::Number(id)) => Some(id.to_string()),
            _ => answer.made().map(str::to_owned),
        };
        let id = id.filter(|_| answer.is_success());
        let id = id.ok_or_else(|| NoRecord::NotMade(format!("not created: {}", answer.summary())))?;
        self.made_record(format!("{path}/{id}"));
        Ok(id)
    }

    /// The route that makes records of a kind, and needs none of the kind for it.
    fn create_route(&self, kind: &str) -> Option<&Endpoint> {
        self.app.routes().iter().find(|endpoint| {
            let makes = matches!(
                endpoint.access,
                Access::Collection(rule) if rule.action == Create::NAME && rule.resource == kind
            );
            makes && self.rule_of_id(endpoint).is_none_or(|rule| rule.resource != kind)
        })
    }

    /// Sends the request that the route's documentation tells of.
    pub(crate) fn ask(
        &self,
        endpoint: &Endpoint,
        path: String,
        owner: &Person,
        is_owner: bool,
        token: Option<&str>,
    ) -> Result<Answer, Trouble> {
        let mut request = Request::new(endpoint.method.clone(), path);
        let Some((media_type, example)) = body::example(endpoint) else { return self.send(&request, token) };
        let unique = format!("{}.{}", self.next_number(), self.mark());
        let example = body::fitted(endpoint, example, owner, is_owner, &unique);
        request.body = Some((media_type, body::text(media_type, &example)));
        let answer = self.send(&request, token)?;
        if answer.summary() != TAKEN {
            return Ok(answer);
        }
        request.body = Some((media_type, body::text(media_type, &body::numbered(example, &unique))));
        self.send(&request, token)
    }
}
