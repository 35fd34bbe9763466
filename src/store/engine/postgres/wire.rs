//! The socket of a connection. It is asynchronous until the connection is open. After that a read blocks the calling
//! thread: a statement is one system call to send and one to receive, and no reactor is asked in between.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::Socket;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// A socket, which the driver owns and its caller controls.
#[derive(Clone)]
pub(super) struct Wire(Arc<Mutex<State>>);

enum State {
    Tcp(TcpStream),
    Unix(UnixStream),
    Blocking(Blocking),
    /// Only after a failure to block.
    Closed,
}

struct Blocking {
    socket: Socket,
    /// Timeout of a read and of a write.
    limit: Option<Duration>,
    /// Set when the next read may block. Any other read returns that nothing has arrived.
    may_read: bool,
    /// Set when a read or a write took longer than the limit.
    is_late: bool,
}

impl Wire {
    pub(super) fn tcp(stream: TcpStream) -> Self {
        Self(Arc::new(Mutex::new(State::Tcp(stream))))
    }

    /// Connects to the socket in a directory.
    ///
    /// # Errors
    /// When the server does not accept.
    pub(super) async fn unix(path: &Path) -> io::Result<Self> {
        Ok(Self(Arc::new(Mutex::new(State::Unix(UnixStream::connect(path).await?)))))
    }

    /// Makes the socket a blocking one.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(super) fn block(&self) -> io::Result<()> {
        let mut state = self.state();
        let socket = match std::mem::replace(&mut *state, State::Closed) {
            State::Tcp(stream) => Socket::from(stream.into_std()?),
            State::Unix(stream) => Socket::from(stream.into_std()?),
            State::Blocking(Blocking { socket, .. }) => socket,
            State::Closed => return Err(ErrorKind::NotConnected.into()),
        };
        socket.set_nonblocking(false)?;
        *state = State::Blocking(Blocking { socket, limit: None, may_read: false, is_late: false });
        Ok(())
    }

    /// Limits the time that each further read and write may take.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub(super) fn set_limit(&self, limit: Option<Duration>) -> io::Result<()> {
        match &mut *self.state() {
            State::Blocking(blocking) if blocking.limit != limit => {
                blocking.socket.set_read_timeout(limit)?;
                blocking.socket.set_write_timeout(limit)?;
                blocking.limit = limit;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Says whether the next read may block. The one after it may not: the driver reads until nothing is left.
    pub(super) fn set_may_read(&self, may_read: bool) {
        if let State::Blocking(blocking) = &mut *self.state() {
            blocking.may_read = may_read;
        }
    }

    /// Returns true when a read or a write took longer than the limit since the last call.
    pub(super) fn take_late(&self) -> bool {
        match &mut *self.state() {
            State::Blocking(blocking) => std::mem::take(&mut blocking.is_late),
            _ => false,
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Blocking {
    fn read(&mut self, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !std::mem::take(&mut self.may_read) {
            return Poll::Pending;
        }
        let read = self.in_time(|socket| socket.read(into.initialize_unfilled()));
        read.map_ok(|count| into.advance(count))
    }

    fn write(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.in_time(|socket| socket.write(bytes))
    }

    fn in_time<T>(&mut self, mut work: impl FnMut(&mut Socket) -> io::Result<T>) -> Poll<io::Result<T>> {
        loop {
            match work(&mut self.socket) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    self.is_late = true;
                    return Poll::Pending;
                }
                result => return Poll::Ready(result),
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self.state() {
            State::Tcp(stream) => Pin::new(stream).poll_read(context, into),
            State::Unix(stream) => Pin::new(stream).poll_read(context, into),
            State::Blocking(blocking) => blocking.read(into),
            State::Closed => Poll::Ready(Ok(())),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self.state() {
            State::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            State::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            State::Blocking(blocking) => blocking.write(bytes),
            State::Closed => Poll::Ready(Err(ErrorKind::NotConnected.into())),
        }
    }

    /// A socket has no buffer of its own to flush.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self.state() {
            State::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            State::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            State::Blocking(blocking) => Poll::Ready(blocking.socket.shutdown(std::net::Shutdown::Write)),
            State::Closed => Poll::Ready(Ok(())),
        }
    }
}
