//! `/test/clock`: the clock of a test server, which can be read, moved and frozen.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use super::server::test_server;
use crate::domain::{Clock, ClockState, Invalid, format_time, parse_time};
use crate::http::{Body, Json, Problem, Public, Services};

crate::body! {
    /// Change of the clock: at most one of `advance`, `set` and `reset`, and `freeze`.
    pub struct ClockChange {
        /// Moves it by this duration, such as `10m` or `1h 30m`.
        advance: Option<String> as Option<TimeDelta> = text(duration);
        /// To this time.
        #[schema(format = "date-time")]
        set: Option<String> as Option<DateTime<Utc>> = text(time);
        /// Back to the time of the machine, and running.
        reset: Option<bool> = boolean();
        /// True stops it, after the change. False lets it go on.
        freeze: Option<bool> = boolean();
    }
    example { "advance": "0s" }
}

/// Time of the server.
#[derive(Clone, Serialize, ToSchema)]
pub struct TestTime {
    /// The current time.
    #[schema(format = "date-time")]
    now: String,
    /// True while it stands still.
    frozen: bool,
}

impl TestTime {
    pub(super) fn of(clock: &Clock) -> Self {
        let frozen = matches!(clock.state(), ClockState::Frozen(_));
        Self { now: format_time(clock.now()), frozen }
    }
}

enum Change {
    By(TimeDelta),
    To(DateTime<Utc>),
    Back,
    None,
}

fn duration(text: &str) -> Result<TimeDelta, Invalid> {
    let duration = humantime::parse_duration(text).ok().and_then(|by| TimeDelta::from_std(by).ok());
    duration.ok_or_else(|| Invalid::new("not-a-time", "must be a time such as 10m"))
}

fn time(text: &str) -> Result<DateTime<Utc>, Invalid> {
    parse_time(text).ok_or_else(|| Invalid::new("not-a-time", "must be an RFC 3339 time"))
}

/// `GET /test/clock`
pub(super) async fn read(_: Public, services: Arc<Services>) -> Result<Json<TestTime>, Problem> {
    Ok(Json(TestTime::of(&test_server(&services)?.clock)))
}

/// `POST /test/clock`
pub(super) async fn set(
    _: Public,
    body: Body<ClockChange>,
    services: Arc<Services>,
) -> Result<Json<TestTime>, Problem> {
    let clock = &test_server(&services)?.clock;
    let (change, freeze) = body.read(|members| {
        let ClockChange { advance, set, reset, freeze } = ClockChange::read(members)?;
        let one = |rule: &'static str| Invalid::new("one-change", rule);
        let change = match (advance, set, reset.unwrap_or_default()) {
            (Some(by), None, false) => Change::By(by),
            (None, Some(to), false) => Change::To(to),
            (None, None, true) => Change::Back,
            (None, None, false) if freeze.is_some() => Change::None,
            _ => {
                members.broken("advance", one("must be one of `advance`, `set`, `reset` and `freeze`"));
                return None;
            }
        };
        let to = match change {
            Change::By(by) => clock.now().checked_add_signed(by),
            Change::To(to) => Some(to),
            Change::Back | Change::None => Some(clock.now()),
        };
        // HTTP's dates, UUIDs of version 7 and tokens have no other years.
        if !to.is_some_and(|to| (DateTime::UNIX_EPOCH..LAST).contains(&to)) {
            let member = if matches!(change, Change::By(_)) { "advance" } else { "set" };
            members.broken(member, Invalid::new("out-of-range", "must lead to a year from 1970 to 9998"));
        }
        Some((change, freeze))
    })?;
    match change {
        Change::By(apart) => clock.advance(apart),
        Change::To(time) => clock.advance(time - clock.now()),
        Change::Back => clock.adjust(ClockState::default()),
        Change::None => {}
    }
    if let Some(freeze) = freeze {
        clock.freeze(freeze);
    }
    Ok(Json(TestTime::of(clock)))
}

/// First moment that the clock does not show: the beginning of the year 9999.
const LAST: DateTime<Utc> = match DateTime::from_timestamp_millis(253_370_764_800_000) {
    Some(last) => last,
    None => DateTime::<Utc>::MAX_UTC,
};
