//! `/test`: additional routes of a test server.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::http::Method;
use serde::Serialize;
use utoipa::ToSchema;

use super::seeds::Seeds;
use super::server::test_server;
use super::token::{inspect, token};
use super::{clock, fault, mail};
use crate::http::{Code, Endpoint, Json, NoContent, Problem, Public, Services, endpoint};

/// Returns the additional routes of a test server.
#[rustfmt::skip]
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET,  "/test",          "List the test accounts, the time and the settings", state),
        endpoint(Method::POST, "/test/token",    "Make a token for a situation",       token).or(&[Code::NotFound, Code::Conflict]),
        endpoint(Method::POST, "/test/token/inspect", "Tell why a token is refused",   inspect),
        endpoint(Method::GET,  "/test/clock",    "Read the clock",                     clock::read),
        endpoint(Method::POST, "/test/clock",    "Move, freeze or reset the clock",    clock::set),
        endpoint(Method::POST, "/test/baseline", "Make the present state the one that a reset restores", baseline),
        endpoint(Method::POST, "/test/reset",    "Reset to the baseline, or else to the state at start", reset),
        endpoint(Method::POST, "/test/fault",    "Make answers of a route late, or errors", fault::plan),
        endpoint(Method::GET,  "/test/mail",     "List the mails that were not sent",  mail::list),
    ]
}

/// State of a test server.
#[derive(Serialize, ToSchema)]
pub struct TestState {
    /// The test accounts and records.
    #[serde(flatten)]
    seeds: Seeds,
    /// The time.
    clock: clock::TestTime,
    /// The settings that a test server takes, with their values.
    settings: BTreeMap<&'static str, String>,
}

/// `GET /test`
async fn state(_: Public, services: Arc<Services>) -> Result<Json<TestState>, Problem> {
    let test = test_server(&services)?;
    let clock = clock::TestTime::of(&test.clock);
    Ok(Json(TestState { seeds: test.seeds(), clock, settings: test.settings.clone() }))
}

/// `POST /test/baseline`: takes a snapshot of every table and of the clock.
async fn baseline(_: Public, services: Arc<Services>) -> Result<NoContent, Problem> {
    let test = test_server(&services)?;
    // The refusals so far belong to the state.
    services.recorder.close().await?;
    test.snapshot.renew().await?;
    test.keep_clock();
    Ok(NoContent)
}

/// `POST /test/reset`: restores every table and the clock, and ends every fault. All issued tokens become invalid,
/// because the server signs with a new key.
async fn reset(_: Public, services: Arc<Services>) -> Result<NoContent, Problem> {
    let test = test_server(&services)?;
    test.faults.clear();
    services.recorder.discard().await?;
    test.snapshot.restore().await?;
    test.restore_clock();
    test.mailbox.clear();
    services.rate_limits.forget();
    services.forgeries.forget();
    services.forget_tokens().await?;
    Ok(NoContent)
}
