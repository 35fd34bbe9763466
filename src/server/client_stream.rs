//! TCP connection of a client, with deadlines for its progress.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_web::rt::net::TcpStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::connections::{Closed, Place};
use super::listening::HEAD_TIMEOUT;
use crate::http::kit::Pipeline;

/// TCP connection of a client.
///
/// - A client that accepts no byte of an answer within the write timeout is cut off. While it accepts none,
///   nothing is read from it either.
/// - The head of each request must arrive in time. The HTTP library checks the first one of a connection, and
///   answers 408.
pub(super) struct ClientStream {
    io: TcpStream,
    pipeline: Rc<Pipeline>,
    place: Place,
    /// Since when the client accepts nothing.
    blocked_since: Option<Instant>,
    /// Since when a request arrives that has not begun, and how many had begun before it.
    arrives_since: Option<(Instant, u64)>,
    /// Wakes the task at a deadline, or earlier.
    timer: Option<Pin<Box<Sleep>>>,
}

impl ClientStream {
    pub(super) fn new(io: TcpStream, place: Place) -> Self {
        let pipeline = Rc::default();
        Self { io, pipeline, place, blocked_since: None, arrives_since: None, timer: None }
    }

    /// Returns the state that the connection shares with its requests.
    pub(super) fn pipeline(&self) -> Rc<Pipeline> {
        Rc::clone(&self.pipeline)
    }

    /// Resolves `limit` after `since`.
    fn poll_deadline(&mut self, since: Instant, limit: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = since + limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        loop {
            if timer.is_elapsed() || timer.deadline() > deadline {
                timer.as_mut().reset(deadline);
            }
            // A timer for an earlier deadline is left as it is: most of them are never reached.
            let reached = timer.deadline() == deadline;
            ready!(timer.as_mut().poll(cx));
            if reached {
                return Poll::Ready(());
            }
        }
    }

    /// Discards what the kernel has not sent, and returns the error with which the connection ends.
    fn cut_off(&mut self, why: Closed) -> io::Error {
        self.place.count_closed(why);
        let _ = self.io.set_zero_linger();
        io::ErrorKind::TimedOut.into()
    }

    /// Ends the connection when the head of a request has been arriving for too long.
    fn check_arrival(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let Some((since, before)) = self.arrives_since else { return Ok(()) };
        if before != self.pipeline.begun() {
            self.arrives_since = None;
            return Ok(());
        }
        let is_later_request = before > 0 && !self.pipeline.is_in_flight();
        if is_later_request && self.poll_deadline(since, HEAD_TIMEOUT, cx).is_ready() {
            return Err(self.cut_off(Closed::HeadTimeout));
        }
        Ok(())
    }

    /// Notes whether the client accepted a part of an answer.
    fn check_progress(
        &mut self,
        written: Poll<io::Result<usize>>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            if self.blocked_since.take().is_some() {
                self.pipeline.resume();
            }
            return written;
        }
        let since = *self.blocked_since.get_or_insert_with(Instant::now);
        let timeout = self.place.write_timeout();
        ready!(self.poll_deadline(since, timeout, cx));
        Poll::Ready(Err(self.cut_off(Closed::WriteTimeout)))
    }
}

impl AsyncRead for ClientStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.pipeline.begin_turn();
        if self.blocked_since.is_some() {
            self.pipeline.pause(cx);
            return Poll::Pending;
        }
        let allowance = ready!(self.pipeline.poll_allowance(cx));
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(allowance.min(buf.remaining())));
        let read = Pin::new(&mut self.io).poll_read(cx, &mut part);
        let bytes = part.filled().len();
        buf.advance(bytes);
        if read.is_pending() {
            self.check_arrival(cx)?;
        }
        ready!(read)?;
        self.pipeline.count_read(bytes);
        let begun = self.pipeline.begun();
        let is_first_part = self.arrives_since.is_none_or(|(_, before)| before != begun);
        if bytes > 0 && is_first_part && !self.pipeline.is_in_flight() {
            self.arrives_since = Some((Instant::now(), begun));
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        self.check_progress(written, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(cx, bufs);
        self.check_progress(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
