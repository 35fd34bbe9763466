//! An open connection, whose caller's thread runs the driver while it waits for a result: a statement wakes no
//! other thread.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use diesel::QueryResult;
use diesel::result::Error as DieselError;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Error as DriverError};

use super::connect::{Driver, Opened, connect, dial, session, start};
use super::sqlstate::{describe, diesel_error, lost};
use super::tls::Tls;
use super::url::{Host, PostgresUrl};
use super::wire::Wire;

/// Timeout of the cancel request for a late statement. Its host may hang.
const CANCEL_TIMEOUT: Duration = Duration::from_millis(250);

/// Timeout of a new connection to a host whose commit is late.
const PROBE_TIMEOUT: Duration = Duration::from_secs(1);

/// Limit of a statement, and the action when it is late.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) enum Limit {
    /// Nothing.
    None,
    /// The statement is cancelled, and the connection is lost.
    Cancel(Duration),
    /// The connection is lost when its host no longer accepts another one. A commit waits for a standby longer than
    /// any other statement. A cancelled one would take effect without its standby.
    Probe(Duration),
}

impl Limit {
    fn duration(self) -> Option<Duration> {
        match self {
            Self::None => None,
            Self::Cancel(limit) | Self::Probe(limit) => Some(limit),
        }
    }
}

/// An open connection.
pub(super) struct Session {
    client: Client,
    driver: RefCell<Driver>,
    wire: Wire,
    host: Host,
    tls: Tls,
    limit: Cell<Limit>,
    /// Set when the connection broke or a statement was late. It is not used again.
    is_lost: Cell<bool>,
}

impl Session {
    /// Connects. Blocks the thread, which must not be one of an async runtime.
    ///
    /// # Errors
    /// The reason why no host accepts the connection.
    pub(super) fn open(url: &PostgresUrl) -> Result<Self, String> {
        let opened = blocking(async {
            let opened = connect(url).await?;
            opened.wire.block().map_err(|error| error.to_string())?;
            Ok::<_, String>(opened)
        });
        let Opened { client, driver, wire, host, tls } = opened.map_err(|error| error.to_string())??;
        let (driver, limit, is_lost) = (RefCell::new(driver), Cell::new(Limit::None), Cell::new(false));
        Ok(Self { client, driver, wire, host, tls, limit, is_lost })
    }

    /// Limits the time that each further statement may take: a host that hangs enforces no timeout.
    pub(super) fn set_limit(&self, limit: Limit) {
        self.limit.set(limit);
    }

    /// Runs `work` with the driver, and waits for its result.
    ///
    /// # Errors
    /// The error of the server, with its SQLSTATE; `ClosedConnection` when the connection is lost.
    pub(super) fn run<'a, T, F>(&'a self, work: impl FnOnce(&'a Client) -> F) -> QueryResult<T>
    where
        F: Future<Output = Result<T, DriverError>>,
    {
        if self.is_lost.get() {
            return Err(lost("the connection was lost before"));
        }
        let mut work = pin!(work(&self.client));
        let limit = self.limit.get();
        self.wire.set_limit(limit.duration()).map_err(|error| self.give_up(error.to_string()))?;
        loop {
            if let Some(result) = self.drive(work.as_mut()) {
                return result;
            }
            match limit {
                Limit::Probe(_) if self.host_accepts() => {}
                Limit::Cancel(_) => {
                    self.cancel();
                    return Err(self.late(limit));
                }
                Limit::None | Limit::Probe(_) => return Err(self.late(limit)),
            }
        }
    }

    /// Polls the work and the driver in turn. Returns none when the server is late.
    fn drive<T>(
        &self,
        mut work: Pin<&mut impl Future<Output = Result<T, DriverError>>>,
    ) -> Option<QueryResult<T>> {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(result) = work.as_mut().poll(&mut context) {
                return Some(result.map_err(|error| diesel_error(&error)));
            }
            // The driver reads before it writes. It must not wait for the answer to a question that it has not sent.
            for may_read in [false, true] {
                self.wire.set_may_read(may_read);
                if let Poll::Ready(why) = self.poll_driver(&mut context) {
                    self.is_lost.set(true);
                    return Some(match work.poll(&mut context) {
                        // The server may have answered before it closed the connection.
                        Poll::Ready(Ok(value)) => Ok(value),
                        Poll::Ready(Err(error)) if error.as_db_error().is_some() => Err(diesel_error(&error)),
                        _ => Err(lost(why)),
                    });
                }
                if self.wire.take_late() {
                    return None;
                }
            }
        }
    }

    /// Sends and receives, until the connection ends with a reason.
    fn poll_driver(&self, context: &mut Context<'_>) -> Poll<String> {
        let mut driver = self.driver.borrow_mut();
        loop {
            match driver.poll_message(context) {
                // A notice. Notifications have a connection of their own.
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => return Poll::Ready(describe(&error)),
                Poll::Ready(None) => return Poll::Ready("the connection is closed".to_owned()),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Asks the server to cancel the running statement. A host that hangs does not take this request either.
    fn cancel(&self) {
        let _ = blocking(cancel(&self.client, &self.host, &self.tls));
    }

    /// Returns true when the host of this connection accepts another one, or has too many.
    fn host_accepts(&self) -> bool {
        match blocking(async { timeout(PROBE_TIMEOUT, start(&self.host, PROBE_TIMEOUT, &self.tls)).await }) {
            Ok(Ok(Ok(_))) => true,
            Ok(Ok(Err(why))) => why.starts_with(SqlState::TOO_MANY_CONNECTIONS.code()),
            _ => false,
        }
    }

    fn late(&self, limit: Limit) -> DieselError {
        let millis = limit.duration().unwrap_or_default().as_millis();
        self.give_up(format!("the database did not answer a statement within {millis} ms"))
    }

    /// Gives the connection up. Its owner closes the socket by dropping it.
    fn give_up(&self, why: String) -> DieselError {
        self.is_lost.set(true);
        lost(why)
    }
}

/// Asks the server to cancel the statement that runs on a connection.
pub(super) async fn cancel(client: &Client, host: &Host, tls: &Tls) {
    let token = client.cancel_token();
    let cancel = async {
        let wire = dial(host).await.ok()?;
        token.cancel_query_raw(wire, session(tls, host)).await.ok()
    };
    let _ = timeout(CANCEL_TIMEOUT, cancel).await;
}

/// Runs async work on this thread, which must not be one of an async runtime.
///
/// # Errors
/// When the operating system has no resources for it.
fn blocking<T>(work: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(work);
    // A resolver that hangs is not waited for.
    runtime.shutdown_background();
    Ok(result)
}
