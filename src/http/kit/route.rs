//! Route as data. The matrix, the OpenAPI document and the tests are made from it.

use actix_web::http::Method;
use futures_util::future::LocalBoxFuture;
use serde_json::Value;

use super::problem_code::Code;
use super::{Access, Description, DryRun, Family, Parameter};
use crate::authz::{Explanation, Relation, Rule};
use crate::store::StoreError;

/// The part of the server that a route belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Always served.
    Always,
    /// The authorization server: its endpoints, its clients and its keys.
    AuthorizationServer,
    /// The interactive documentation.
    Docs,
    /// The routes that send mail.
    Mail,
}

/// The parts of the server that are on.
#[derive(Clone, Copy)]
pub(crate) struct ServedParts {
    /// Set when the server issues tokens.
    pub(crate) authorization_server: bool,
    /// Set when the interactive documentation is served.
    pub(crate) docs: bool,
    /// Set when the server sends mail.
    pub(crate) mail: bool,
}

impl ServedParts {
    /// True when the route is served.
    pub(crate) fn include(self, route: &Route) -> bool {
        match route.part {
            Part::Always => true,
            Part::AuthorizationServer => self.authorization_server,
            Part::Docs => self.docs,
            Part::Mail => self.mail,
        }
    }
}

/// Explains the decision of a route in a dry run.
pub(super) type RunDry = for<'a> fn(&'a DryRun<'a>) -> LocalBoxFuture<'a, Result<Explanation, StoreError>>;

/// A route of the API.
#[derive(Clone)]
pub struct Route {
    /// The method; GET answers HEAD too.
    pub method: Method,
    /// The path, with its parameters in braces.
    pub path: &'static str,
    /// The summary, in one sentence.
    pub summary: &'static str,
    /// Its access rule.
    pub access: Access,
    /// The `operationId` in the OpenAPI document. None for one that is derived from the method and the path.
    pub(crate) operation_id: Option<&'static str>,
    /// Set when the OpenAPI document has it. The address of a form on a page is not for a program.
    pub(crate) is_documented: bool,
    pub(crate) family: Family,
    pub(crate) part: Part,
    /// Set when it takes an `Idempotency-Key`.
    pub(crate) takes_key: bool,
    pub(super) describe: fn(&mut Description),
    pub(super) problems: &'static [Code],
    /// Codes of the broken rules that are the application's own.
    pub(crate) rules: &'static [&'static str],
    pub(super) segments: Vec<(&'static str, &'static str)>,
    /// Relations that it gives to a user, each with the body that does.
    pub(crate) gives: Vec<(Relation, Value)>,
    pub(super) run_dry: RunDry,
}

impl AsRef<Route> for Route {
    fn as_ref(&self) -> &Route {
        self
    }
}

impl Route {
    /// True when it answers requests by this method.
    pub(crate) fn answers(&self, method: &Method) -> bool {
        self.method == *method || (self.method == Method::GET && *method == Method::HEAD)
    }

    /// Returns the method and the path: `GET /users/{id}`.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Explains the decision for a hypothetical caller.
    pub(crate) async fn dry_run(&self, inputs: &DryRun<'_>) -> Result<Explanation, StoreError> {
        (self.run_dry)(inputs).await
    }

    /// Returns the names of the parameters of its path, in their order.
    pub(crate) fn segment_names(&self) -> impl Iterator<Item = &'static str> {
        self.path.split(['{', '}']).skip(1).step_by(2)
    }

    /// Returns the rule for reading the record that the path names, if it names one.
    pub(crate) fn read_rule(&self) -> Option<&'static Rule> {
        self.description().read_rule
    }

    /// Returns its description, made of the types of its handler and the additions of the endpoint.
    pub fn description(&self) -> Description {
        let mut description = Description::default();
        for (name, meaning) in &self.segments {
            description.segment(name, meaning, "");
        }
        (self.describe)(&mut description);
        if self.takes_key {
            description.request_headers.push(idempotency_key());
            description.problems.extend([
                Code::InvalidIdempotencyKey,
                Code::IdempotencyKeyInUse,
                Code::IdempotencyKeyReused,
            ]);
        }
        description.problems.extend(self.problems);
        description
    }
}

fn idempotency_key() -> Parameter {
    Parameter::optional(
        "Idempotency-Key",
        "A unique key for this request, such as a new UUID. A repetition with the same key within 24 hours gets the \
         stored response of the first request, and the change is not made again",
        serde_json::json!({
            "type": "string", "minLength": 1, "maxLength": 257,
            "pattern": "^([!#-\\[\\]-~]{1,255}|\"[!#-\\[\\]-~]{1,255}\")$",
            "examples": ["8e03978e-40d5-43dd-bc93-6894a57f9324"],
        }),
    )
}
