//! The decision for others to ask: the OpenID AuthZEN Authorization API 1.0. A gateway or a service asks
//! for a route (`resource.type` is `route`, its id a path, the action a method), or for an action of the
//! policy on a record (`resource.type` is a kind of record, its id the record's).

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::authzen_evaluator::Desk;
use super::authzen_request::{EvaluationRequest, EvaluationsRequest, Several, read_one, read_several};
use crate::authz::action::Explain;
use crate::authz::{Explanation, Reach};
use crate::http::kit::answer::Json;
use crate::http::kit::body::Body;
use crate::http::kit::decision::Public;
use crate::http::kit::problem::Problem;
use crate::http::kit::services::Services;

/// The answer to one (AuthZEN §6.2).
#[derive(Serialize, ToSchema)]
pub struct Evaluation {
    /// Whether the subject may.
    #[schema(examples(false))]
    decision: bool,
    /// Why.
    context: EvaluationContext,
}

/// Why an evaluation went as it did.
#[derive(Serialize, ToSchema)]
pub struct EvaluationContext {
    /// Of a refusal: the code, as a caller is told it; `unknown-resource` where there is no rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(examples("not-owner"))]
    reason: Option<String>,
    /// The decision, step by step.
    #[serde(skip_serializing_if = "Option::is_none")]
    explanation: Option<Explanation>,
}

/// The answer to several, in their order; or to one, where only one was asked.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Evaluations {
    /// To several.
    Several {
        /// One each, up to the one that decided.
        evaluations: Vec<Evaluation>,
    },
    /// To one.
    One(Box<Evaluation>),
}

/// Where evaluations are asked for (AuthZEN §9).
#[derive(Serialize, ToSchema)]
pub struct AuthzenConfiguration {
    /// The server.
    #[schema(format = "uri", examples("https://id.example.org"))]
    policy_decision_point: String,
    /// For one evaluation.
    #[schema(format = "uri", examples("https://id.example.org/access/v1/evaluation"))]
    access_evaluation_endpoint: String,
    /// For several.
    #[schema(format = "uri", examples("https://id.example.org/access/v1/evaluations"))]
    access_evaluations_endpoint: String,
}

/// `GET /.well-known/authzen-configuration`
pub async fn configuration(
    _: Public,
    services: Arc<Services>,
) -> Result<Json<AuthzenConfiguration>, Problem> {
    let issuer = &services.issuer_url;
    Ok(Json(AuthzenConfiguration {
        policy_decision_point: issuer.clone(),
        access_evaluation_endpoint: format!("{issuer}/access/v1/evaluation"),
        access_evaluations_endpoint: format!("{issuer}/access/v1/evaluations"),
    }))
}

/// `POST /access/v1/evaluation`
pub async fn evaluation(
    reach: Reach<Explanation, Explain>,
    body: Body<EvaluationRequest>,
    services: Arc<Services>,
) -> Result<Json<Evaluation>, Problem> {
    let request = body.read(read_one)?;
    let mut desk = Desk::of(&services, reach.by());
    Ok(Json(desk.evaluate(&request).await?))
}

/// `POST /access/v1/evaluations`
pub async fn evaluations(
    reach: Reach<Explanation, Explain>,
    body: Body<EvaluationsRequest>,
    services: Arc<Services>,
) -> Result<Json<Evaluations>, Problem> {
    let (asked, semantic) = body.read(read_several)?;
    let mut desk = Desk::of(&services, reach.by());
    let asked = match asked {
        Several::One(request) => {
            return Ok(Json(Evaluations::One(Box::new(desk.evaluate(&request).await?))));
        }
        Several::Each(requests) => requests,
    };
    let mut evaluations = Vec::with_capacity(asked.len());
    for request in &asked {
        let evaluation = desk.evaluate(request).await?;
        let decision = evaluation.decision;
        evaluations.push(evaluation);
        if semantic.ends_with(decision) {
            break;
        }
    }
    Ok(Json(Evaluations::Several { evaluations }))
}

impl Evaluation {
    /// Of what cannot be asked about at all: it is denied, with this reason.
    pub(super) fn unknown(reason: &str) -> Self {
        let reason = Some(reason.to_owned());
        Self { decision: false, context: EvaluationContext { reason, explanation: None } }
    }
}

impl From<Explanation> for Evaluation {
    fn from(explanation: Explanation) -> Self {
        let decision = explanation.allowed == Some(true);
        let not_told = explanation.allowed.is_none().then(|| "not-told".to_owned());
        let reason = explanation.reason.clone().or(not_told);
        Self { decision, context: EvaluationContext { reason, explanation: Some(explanation) } }
    }
}
