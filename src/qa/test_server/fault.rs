//! `POST /test/fault`: the next answers of a route are late, hung, or an error.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use serde_json::Value;
use tokio::sync::watch;

use super::server::test_server;
use crate::domain::Invalid;
use crate::http::{Body, Code, Endpoint, NoContent, Problem, Public, Services};

/// Longest delay of an answer.
const LONGEST_DELAY: Duration = Duration::from_secs(3600);

/// Largest number of answers of one fault.
const MOST_TIMES: u64 = 1_000_000;

crate::body! {
    /// Fault of the next answers of a route, or `clear`.
    pub struct NewFault {
        /// The method and the path of the route, as in the matrix.
        #[schema(examples("GET /users/{id}"))]
        route: Option<String> = text(any_text);
        /// The status: 429, 500 or 503 as this server sends it, 502 or 504 as a gateway sends it.
        #[schema(value_type = Option<u16>)]
        status: Option<u16> as Option<Status> = json(status);
        /// How late the answer is, such as `2s`; at most 1h. `forever` never answers.
        delay: Option<String> as Option<Delay> = text(delay);
        /// The number of answers. Default: 1.
        #[schema(minimum = 1, maximum = 1_000_000)]
        times: Option<u64> = json(times);
        /// Ends every fault, also that of a request that waits.
        clear: Option<bool> = boolean();
    }
    example { "route": "GET /users/{id}", "status": 503, "times": 1 }
}

/// Status of an answer that a fault replaces.
#[derive(Clone, Copy)]
pub(super) enum Status {
    /// Problem of this server.
    Own(Code),
    /// Answer of a gateway in front of it.
    OfGateway(StatusCode),
}

/// Delay of an answer.
#[derive(Clone, Copy)]
pub(super) enum Delay {
    For(Duration),
    Forever,
}

fn any_text(text: &str) -> Result<String, Invalid> {
    Ok(text.to_owned())
}

fn status(value: &Value) -> Result<Status, Invalid> {
    match value.as_u64() {
        Some(429) => Ok(Status::Own(Code::TooManyRequests)),
        Some(500) => Ok(Status::Own(Code::Internal)),
        Some(502) => Ok(Status::OfGateway(StatusCode::BAD_GATEWAY)),
        Some(503) => Ok(Status::Own(Code::Unavailable)),
        Some(504) => Ok(Status::OfGateway(StatusCode::GATEWAY_TIMEOUT)),
        _ => Err(Invalid::new("unknown", "must be 429, 500, 502, 503 or 504")),
    }
}

fn delay(text: &str) -> Result<Delay, Invalid> {
    if text == "forever" {
        return Ok(Delay::Forever);
    }
    let duration = humantime::parse_duration(text).ok().filter(|delay| *delay <= LONGEST_DELAY);
    let duration = duration.map(Delay::For);
    duration.ok_or_else(|| Invalid::new("not-a-time", "must be a time of at most 1h, such as 2s, or forever"))
}

fn times(value: &Value) -> Result<u64, Invalid> {
    let times = value.as_u64().filter(|times| (1..=MOST_TIMES).contains(times));
    times.ok_or_else(|| Invalid::new("out-of-range", "must be a number from 1 to 1000000"))
}

/// Faults of a test server, by route.
#[derive(Default)]
pub(crate) struct Faults {
    planned: Mutex<HashMap<String, Fault>>,
    /// Changes when the faults end.
    ended: watch::Sender<u64>,
}

#[derive(Clone)]
struct Fault {
    status: Option<Status>,
    delay: Option<Delay>,
    /// Answers that are left.
    left: u64,
}

impl Faults {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Fault>> {
        self.planned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends every fault. A request that waits gets its answer.
    pub(super) fn clear(&self) {
        self.lock().clear();
        self.ended.send_modify(|turn| *turn += 1);
    }

    /// Returns the fault of the next answer of a route.
    fn take(&self, route: &str) -> Option<Fault> {
        let mut planned = self.lock();
        let fault = planned.get_mut(route)?;
        fault.left -= 1;
        let next = fault.clone();
        if next.left == 0 {
            planned.remove(route);
        }
        Some(next)
    }

    /// Waits as the fault says. False when the faults ended meanwhile.
    async fn wait(&self, fault: &Fault) -> bool {
        let mut ended = self.ended.subscribe();
        let until = async {
            match fault.delay {
                None => {}
                Some(Delay::For(time)) => tokio::time::sleep(time).await,
                Some(Delay::Forever) => std::future::pending().await,
            }
        };
        tokio::select! {
            () = until => true,
            _ = ended.changed() => false,
        }
    }
}

/// Returns the endpoints with the faults in front of them.
pub(crate) fn with_faults(faults: &Arc<Faults>, endpoints: Vec<Endpoint>) -> Vec<Endpoint> {
    let with_faults = |endpoint: Endpoint| {
        let (faults, name) = (Arc::clone(faults), Arc::<str>::from(endpoint.name()));
        endpoint.preceded_by(Arc::new(move || {
            let (faults, name) = (Arc::clone(&faults), Arc::clone(&name));
            Box::pin(async move {
                let fault = faults.take(&name)?;
                let lasts = faults.wait(&fault).await;
                fault.status.filter(|_| lasts).map(answer)
            })
        }))
    };
    endpoints.into_iter().map(with_faults).collect()
}

fn answer(status: Status) -> Result<HttpResponse, Problem> {
    match status {
        Status::Own(Code::TooManyRequests) => {
            Err(Problem::new(Code::TooManyRequests).with_header(header::RETRY_AFTER, "1"))
        }
        Status::Own(code) => Err(Problem::new(code)),
        Status::OfGateway(status) => Ok(HttpResponse::new(status)),
    }
}

/// `POST /test/fault`
pub(super) async fn plan(
    _: Public,
    body: Body<NewFault>,
    services: Arc<Services>,
) -> Result<NoContent, Problem> {
    let test = test_server(&services)?;
    let order = body.read(|members| {
        let NewFault { route, status, delay, times, clear } = NewFault::read(members)?;
        if clear.unwrap_or_default() {
            if route.is_some() || status.is_some() || delay.is_some() || times.is_some() {
                members.broken("clear", Invalid::new("one-change", "must stand alone"));
            }
            return Some(None);
        }
        let Some(route) = route else {
            members.required("route");
            return None;
        };
        if let Some(nearest) = test.nearest_route(&route) {
            let rule = format!("must be a route of this server; the nearest is {nearest}");
            members.broken("route", Invalid::new("unknown", rule));
        }
        if status.is_none() && delay.is_none() {
            members.required("status");
        }
        Some(Some((route, Fault { status, delay, left: times.unwrap_or(1) })))
    })?;
    match order {
        Some((route, fault)) => drop(test.faults.lock().insert(route, fault)),
        None => test.faults.clear(),
    }
    Ok(NoContent)
}
