//! Fairness between the connections of a worker thread. A client can send requests without waiting for their
//! answers (pipelining, RFC 9112 §9.3.2). Such a connection yields to the others between its requests, and
//! little is read ahead of the request in progress.

use std::cell::Cell;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use actix_web::HttpMessage as _;
use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::ServiceRequest;
use actix_web::http::header;
use actix_web::web::Bytes;
use pin_project_lite::pin_project;

use super::incoming::LARGEST_BODY;

/// Bytes that are read ahead of the requests that have begun. It is enough for most heads. A request of thirty
/// bytes takes five kilobytes of memory once it is parsed, so more would be costly.
const READ_AHEAD: usize = 2 * 1024;

/// Bytes of the longest chunked body: six bytes for one, in the smallest chunks, and some more.
const LONGEST_CHUNKED: usize = 8 * LARGEST_BODY;

/// State that a connection shares with its requests. All of them run on one thread.
pub(crate) struct Pipeline {
    /// Number of requests that have begun.
    begun: Cell<u64>,
    /// `begun` when the allowance was renewed last.
    renewed_at: Cell<u64>,
    /// Requests that have begun since the connection's task was polled last.
    in_turn: Cell<u32>,
    /// Set from the beginning of a request to the end of its answer.
    in_flight: Cell<bool>,
    /// Bytes that may be read now.
    allowance: Cell<usize>,
    /// Task that waits until it may read.
    paused: Cell<Option<Waker>>,
}

impl Default for Pipeline {
    fn default() -> Self {
        let (begun, renewed_at, in_turn, in_flight, paused) = Default::default();
        Self { begun, renewed_at, in_turn, in_flight, allowance: Cell::new(READ_AHEAD), paused }
    }
}

impl Pipeline {
    /// Notes that the connection's task is polled again.
    pub(crate) fn begin_turn(&self) {
        self.in_turn.set(0);
    }

    /// Returns the number of requests that have begun.
    pub(crate) fn begun(&self) -> u64 {
        self.begun.get()
    }

    /// True from the beginning of a request to the end of its answer.
    pub(crate) fn is_in_flight(&self) -> bool {
        self.in_flight.get()
    }

    /// Returns how many bytes the connection may read, when it may. It may not while requests wait that were
    /// read already.
    pub(crate) fn poll_allowance(&self, cx: &mut Context<'_>) -> Poll<usize> {
        let has_begun = self.renewed_at.get() != self.begun.get();
        if !self.in_flight.get() && (has_begun || self.allowance.get() == 0) {
            self.renewed_at.set(self.begun.get());
            self.allowance.set(READ_AHEAD);
            if !has_begun {
                // The head of a request is long. The next part of it is read after the other tasks have run, and
                // after new input of the other connections.
                let _ = pin!(tokio::task::yield_now()).poll(cx);
                return Poll::Pending;
            }
        }
        match self.allowance.get() {
            0 => {
                self.pause(cx);
                Poll::Pending
            }
            bytes => Poll::Ready(bytes),
        }
    }

    /// Counts bytes that were read.
    pub(crate) fn count_read(&self, bytes: usize) {
        self.allowance.set(self.allowance.get().saturating_sub(bytes));
    }

    /// Lets the connection read as many further bytes of a body that is longer than one of JSON. The handler took all
    /// that was read before.
    pub(super) fn allow_body(&self, bytes: usize) {
        if self.allowance.get() < bytes {
            self.allowance.set(bytes);
            self.resume();
        }
    }

    /// Lets the task wait until [`Pipeline::resume`].
    pub(crate) fn pause(&self, cx: &Context<'_>) {
        self.paused.set(Some(cx.waker().clone()));
    }

    /// Wakes the task that waits until it may read.
    pub(crate) fn resume(&self) {
        if let Some(waker) = self.paused.take() {
            waker.wake();
        }
    }

    /// Begins a request. The second request of a turn, and each further one, first lets the other connections
    /// have theirs.
    pub(super) async fn begin(request: &ServiceRequest) -> Option<InFlight> {
        let pipeline = Rc::clone(request.request().conn_data::<Rc<Self>>()?);
        pipeline.begun.set(pipeline.begun.get() + 1);
        pipeline.in_flight.set(true);
        let allowance = pipeline.allowance.get() + body_length(request);
        pipeline.allowance.set(allowance.min(READ_AHEAD + LONGEST_CHUNKED));
        let in_turn = pipeline.in_turn.get();
        pipeline.in_turn.set(in_turn + 1);
        let begun = InFlight(pipeline);
        if in_turn > 0 {
            tokio::task::yield_now().await;
        }
        Some(begun)
    }
}

/// Returns how much of the connection is the request's body, at most.
fn body_length(request: &ServiceRequest) -> usize {
    let length = request.headers().get(header::CONTENT_LENGTH);
    match length.and_then(|length| length.to_str().ok()).and_then(|length| length.parse().ok()) {
        Some(length) => LARGEST_BODY.min(length),
        None if request.chunked().unwrap_or(false) => LONGEST_CHUNKED,
        None => 0,
    }
}

/// A request in progress. It ends when this is dropped.
pub(super) struct InFlight(Rc<Pipeline>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.set(false);
        self.0.resume();
    }
}

pin_project! {
    /// Body of an answer, with the request that it ends.
    pub(super) struct TrackedBody<B> {
        #[pin]
        body: B,
        in_flight: Option<InFlight>,
    }
}

impl<B> TrackedBody<B> {
    pub(super) fn of(body: B, in_flight: Option<InFlight>) -> Self {
        Self { body, in_flight }
    }
}

impl<B: MessageBody> MessageBody for TrackedBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.project().body.poll_next(cx)
    }
}
