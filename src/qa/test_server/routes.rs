//! `/test`: additional routes of a test server.

use std::sync::Arc;

use actix_web::http::Method;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::mail;
use super::seeds::Seeds;
use super::server::test_server;
use super::token::token;
use crate::domain::{Invalid, format_time, parse_time};
use crate::http::{Body, Code, Endpoint, Json, NoContent, Problem, Public, Services, endpoint};

/// Returns the additional routes of a test server.
#[rustfmt::skip]
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET,  "/test",       "List the test accounts", seeds),
        endpoint(Method::POST, "/test/token", "Make a token for a situation",        token).or(&[Code::NotFound, Code::Conflict]),
        endpoint(Method::POST, "/test/clock", "Set the clock",                       clock),
        endpoint(Method::POST, "/test/reset", "Reset to the state at start",         reset),
        endpoint(Method::GET,  "/test/mail",  "List the mails that were not sent",   mail::list),
    ]
}

crate::body! {
    /// Change of the clock: one of the three.
    pub struct ClockChange {
        /// Moves it by this duration, such as `10m` or `1h 30m`.
        advance: Option<String> as Option<TimeDelta> = text(duration);
        /// To this time.
        #[schema(format = "date-time")]
        set: Option<String> as Option<DateTime<Utc>> = text(time);
        /// Back to the time of the machine.
        reset: Option<bool> = boolean();
    }
    example { "advance": "0s" }
}

/// Time of the server.
#[derive(Serialize, ToSchema)]
pub struct TestTime {
    /// The current time.
    #[schema(format = "date-time")]
    now: String,
}

enum Change {
    By(TimeDelta),
    To(DateTime<Utc>),
    Back,
}

fn duration(text: &str) -> Result<TimeDelta, Invalid> {
    let duration = humantime::parse_duration(text).ok().and_then(|by| TimeDelta::from_std(by).ok());
    duration.ok_or_else(|| Invalid::new("not-a-time", "must be a time such as 10m"))
}

fn time(text: &str) -> Result<DateTime<Utc>, Invalid> {
    parse_time(text).ok_or_else(|| Invalid::new("not-a-time", "must be an RFC 3339 time"))
}

/// `GET /test`
async fn seeds(_: Public, services: Arc<Services>) -> Result<Json<Seeds>, Problem> {
    Ok(Json(test_server(&services)?.seeds.clone()))
}

/// `POST /test/clock`
async fn clock(
    _: Public,
    body: Body<ClockChange>,
    services: Arc<Services>,
) -> Result<Json<TestTime>, Problem> {
    let change = body.read(|members| {
        let ClockChange { advance, set, reset } = ClockChange::read(members)?;
        match (advance, set, reset.unwrap_or(false)) {
            (Some(by), None, false) => Some(Change::By(by)),
            (None, Some(to), false) => Some(Change::To(to)),
            (None, None, true) => Some(Change::Back),
            _ => {
                members.broken(
                    "advance",
                    Invalid::new("one-change", "must be one of `advance`, `set` and `reset`"),
                );
                None
            }
        }
    })?;
    let clock = &test_server(&services)?.clock;
    match change {
        Change::By(apart) => clock.advance(apart),
        Change::To(time) => clock.advance(time - clock.now()),
        Change::Back => clock.reset(),
    }
    Ok(Json(TestTime { now: format_time(clock.now()) }))
}

/// `POST /test/reset`: restores every table and the clock. All issued tokens become invalid, because the server
/// signs with a new key.
async fn reset(_: Public, services: Arc<Services>) -> Result<NoContent, Problem> {
    let test = test_server(&services)?;
    services.recorder.discard().await?;
    test.snapshot.restore().await?;
    test.clock.reset();
    test.mailbox.clear();
    services.forget_tokens().await?;
    Ok(NoContent)
}
