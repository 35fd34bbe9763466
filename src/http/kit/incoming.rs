//! The body of a request as it arrives, within its limits of size and time.

use std::rc::Rc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::web::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use tokio::time::{Instant, timeout_at};

use super::{Call, Code, Pipeline, Problem};

/// Largest JSON body or form, in bytes. A larger body of another type is kept in a file while it arrives.
pub const LARGEST_BODY: usize = 64 * 1024;

/// Time limit for the arrival of a body, or of the first [`LARGEST_BODY`] bytes of a larger one.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a larger body that must arrive in each further second, on average.
const SLOWEST: usize = 32 * 1024;

/// Body that arrives.
pub(super) struct Incoming {
    payload: Payload,
    pipeline: Option<Rc<Pipeline>>,
    /// Most bytes that it may have.
    most: usize,
    received: usize,
    began: Instant,
}

impl Incoming {
    /// Takes the body out of a request.
    ///
    /// # Errors
    /// 413 when the client announces more than `most` bytes.
    pub(super) fn of(call: &mut Call, most: usize) -> Result<Self, Problem> {
        let most = if fault!(body_not_bounded) { usize::MAX } else { most };
        let announced = call.header(header::CONTENT_LENGTH).and_then(|text| text.parse::<usize>().ok());
        if announced.is_some_and(|length| length > most) {
            return Err(too_large(most));
        }
        let pipeline = call.request().conn_data::<Rc<Pipeline>>().map(Rc::clone);
        Ok(Self { payload: call.take_payload(), pipeline, most, received: 0, began: Instant::now() })
    }

    /// Returns the next part, or none at the end.
    ///
    /// # Errors
    /// 413 for a body that is too large, 408 for one that arrives too slowly, 400 for one that is incomplete.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let further = self.received.saturating_sub(LARGEST_BODY) / SLOWEST;
        let deadline = self.began + BODY_TIMEOUT + Duration::from_secs(further as u64);
        let next = timeout_at(deadline, self.payload.next()).await;
        let Some(chunk) = next.map_err(|_| Problem::new(Code::RequestTimeout))? else { return Ok(None) };
        let incomplete = |_| Problem::new(Code::MalformedBody).with_detail("the body is incomplete");
        let chunk = chunk.map_err(incomplete)?;
        self.received += chunk.len();
        if self.received > self.most {
            return Err(too_large(self.most));
        }
        if let Some(pipeline) = self.pipeline.as_ref().filter(|_| self.most > LARGEST_BODY) {
            pipeline.allow_body(LARGEST_BODY);
        }
        Ok(Some(chunk))
    }

    /// Reads the whole body into memory.
    ///
    /// # Errors
    /// The errors of [`Incoming::next`].
    pub(super) async fn bytes(mut self) -> Result<BytesMut, Problem> {
        let mut bytes = BytesMut::new();
        while let Some(chunk) = self.next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

fn too_large(most: usize) -> Problem {
    Problem::new(Code::BodyTooLarge).with_detail(format!("the body can have at most {most} bytes"))
}
