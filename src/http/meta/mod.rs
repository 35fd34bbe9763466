//! Routes about the server itself: health, OpenAPI, the interactive docs, the authorization matrix,
//! explanations, AuthZEN.

pub(crate) mod authzen;
pub(crate) mod authzen_evaluation;
pub(crate) mod authzen_evaluator;
pub(crate) mod authzen_reach;
mod authzen_request;
pub(crate) mod docs;
pub(crate) mod explain;
pub(crate) mod health;
pub(crate) mod matrix;
pub(crate) mod metrics;
pub(crate) mod openapi;
pub(crate) mod problems;
pub(crate) mod service;
