//! Pub/sub between replicas: a transaction that changes what every replica holds in memory notifies the others
//! when it commits. PostgreSQL does it (`NOTIFY`). A notification has no content: a replica reads the tables, and
//! reads them from time to time without one.

use std::time::{Duration, Instant};

use diesel::PgConnection;
use diesel::connection::SimpleConnection as _;
use tokio::sync::mpsc;

use crate::store::{Engine, Link, StoreError, TrustedStore};

/// Interval at which the listener polls its socket. A poll is no query.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Interval of keep-alive queries. A connection that broke without a word would stay silent for ever.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(30);

/// Pause before a new connection attempt.
const RECONNECT_DELAY: Duration = Duration::from_secs(1);

/// Subscription to the notifications of other replicas. It ends when this is dropped.
pub struct Notifications(Option<mpsc::Receiver<()>>);

impl Notifications {
    /// Returns when a notification arrived since the last call, or may have arrived while the connection was
    /// broken. On SQLite, which has one replica, it never returns.
    pub async fn next(&mut self) {
        let received = match &mut self.0 {
            Some(receiver) => receiver.recv().await,
            None => None,
        };
        if received.is_none() {
            self.0 = None;
            std::future::pending().await
        }
    }

    /// Returns a subscription and the sender of its notifications.
    #[cfg(test)]
    pub(crate) fn by_hand() -> (mpsc::Sender<()>, Self) {
        let (sender, receiver) = mpsc::channel(1);
        (sender, Self(Some(receiver)))
    }
}

impl TrustedStore {
    /// Subscribes, on a connection and a thread of its own.
    ///
    /// # Errors
    /// If the operating system provides no thread.
    pub(crate) fn notifications(&self) -> Result<Notifications, StoreError> {
        let engine = match self.engine() {
            Engine::Sqlite(_) => return Ok(Notifications(None)),
            // `LISTEN` belongs to a session, and a connection pooler in transaction mode has none.
            engine if engine.is_pooled() => return Ok(Notifications(None)),
            engine @ Engine::Postgres(_) => engine.clone(),
        };
        // One waiting notification says as much as two.
        let (sender, receiver) = mpsc::channel(1);
        let thread = std::thread::Builder::new().name("notifications".to_owned());
        thread
            .spawn(move || listen(&engine, &sender))
            .map_err(|error| StoreError::Internal(format!("cannot start a thread to listen in: {error}")))?;
        Ok(Notifications(Some(receiver)))
    }
}

/// Listens until the subscription ends, and reconnects when the connection breaks.
fn listen(engine: &Engine, sender: &mpsc::Sender<()>) {
    let mut is_broken = false;
    while !sender.is_closed() {
        let ended = match engine.open() {
            Ok(Link::Postgres(mut conn)) => receive(&mut conn, sender, &mut is_broken),
            Ok(Link::Sqlite(_)) => return,
            Err(error) => Err(error),
        };
        if let Err(error) = ended {
            if !is_broken {
                log::warn!("cannot listen to other replicas and poll for their changes instead: {error}");
                is_broken = true;
            }
            sleep(RECONNECT_DELAY, sender);
        }
    }
}

/// Receives until the subscription ends or the connection breaks.
fn receive(
    conn: &mut PgConnection,
    sender: &mpsc::Sender<()>,
    is_broken: &mut bool,
) -> Result<(), StoreError> {
    conn.batch_execute("LISTEN cloakroom")?;
    if std::mem::take(is_broken) {
        log::info!("listening to other replicas again");
    }
    // A notification may have been sent before.
    forward(sender);
    let mut last_query = Instant::now();
    while !sender.is_closed() {
        let received =
            conn.notifications_iter().try_fold(false, |_, notification| notification.map(|_| true))?;
        if received {
            forward(sender);
        }
        if last_query.elapsed() >= KEEP_ALIVE_INTERVAL {
            conn.batch_execute("SELECT 1")?;
            last_query = Instant::now();
        }
        std::thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// Forwards a notification. If the queue is full, one is waiting already.
fn forward(sender: &mpsc::Sender<()>) {
    let _ = sender.try_send(());
}

/// Sleeps, at most until the subscription ends.
fn sleep(duration: Duration, sender: &mpsc::Sender<()>) {
    let began = Instant::now();
    while began.elapsed() < duration && !sender.is_closed() {
        std::thread::sleep(POLL_INTERVAL);
    }
}
