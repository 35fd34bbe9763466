//! Policy decision point by the OpenID AuthZEN Authorization API 1.0. A gateway or a service requests a decision for
//! a route: `resource.type` is `route`, its id is a path, and the action is a method. Or it requests one for an action
//! of the policy on a record: `resource.type` is a kind of record, and its id is the record's.
//!
//! A caller with `authz:explain` asks about each subject and is told the reasons. A user with `authz:evaluate` asks about
//! itself, and is told the decision alone: that of the request which this very caller would send.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::authzen_evaluation::Evaluation;
use super::authzen_evaluator::{Evaluated, Evaluator};
use super::authzen_reach::EvaluationReach;
use super::authzen_request::{EvaluationRequest, EvaluationsRequest, Several, read_one, read_several};
use crate::http::kit::{Body, Json, Problem, Public, Services};

/// The results of several requests, in their order, or of a single request.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Evaluations {
    /// Several evaluations.
    Several {
        /// One result for each request, up to the one that ended the evaluation.
        evaluations: Vec<Evaluation>,
    },
    /// A single evaluation.
    One(Box<Evaluation>),
}

/// Metadata of the policy decision point (AuthZEN §9).
#[derive(Serialize, ToSchema)]
pub struct AuthzenConfiguration {
    /// The URL of the server.
    #[schema(format = "uri", examples("https://id.example.org"))]
    policy_decision_point: String,
    /// The URL for a single evaluation.
    #[schema(format = "uri", examples("https://id.example.org/access/v1/evaluation"))]
    access_evaluation_endpoint: String,
    /// The URL for several evaluations.
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
    reach: EvaluationReach,
    body: Body<EvaluationRequest>,
    services: Arc<Services>,
) -> Result<Evaluated<Evaluation>, Problem> {
    let request = body.read(read_one)?;
    let mut evaluator = Evaluator::new(&services, reach.for_subjects_of(std::slice::from_ref(&request))?);
    let evaluation = evaluator.evaluate(&request).await?;
    Ok(evaluator.answer(evaluation))
}

/// `POST /access/v1/evaluations`
pub async fn evaluations(
    reach: EvaluationReach,
    body: Body<EvaluationsRequest>,
    services: Arc<Services>,
) -> Result<Evaluated<Evaluations>, Problem> {
    let (requests, semantic) = body.read(read_several)?;
    let requests = match requests {
        Several::One(request) => {
            let reach = reach.for_subjects_of(std::slice::from_ref(&request))?;
            let mut evaluator = Evaluator::new(&services, reach);
            let evaluation = evaluator.evaluate(&request).await?;
            return Ok(evaluator.answer(Evaluations::One(Box::new(evaluation))));
        }
        Several::Each(requests) => requests,
    };
    let mut evaluator = Evaluator::new(&services, reach.for_subjects_of(&requests)?);
    let mut evaluations = Vec::with_capacity(requests.len());
    for request in &requests {
        let evaluation = evaluator.evaluate(request).await?;
        let decision = evaluation.decision;
        evaluations.push(evaluation);
        if semantic.ends_with(decision) {
            break;
        }
    }
    Ok(evaluator.answer(Evaluations::Several { evaluations }))
}
