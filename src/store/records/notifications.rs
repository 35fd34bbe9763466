//! Pub/sub between replicas: a transaction that changes what every replica holds in memory notifies the others
//! when it commits. PostgreSQL does it (`NOTIFY`). A notification has no content: a replica reads the tables, and
//! reads them from time to time without one.

use std::convert::Infallible;
use std::time::Duration;

use futures_util::future::select;
use tokio::sync::mpsc;

use crate::store::engine::connection::parse_url;
use crate::store::engine::postgres::{Listener, PostgresUrl};
use crate::store::{Engine, StoreError, TrustedStore};

/// Channel of the notifications.
const CHANNEL: &str = "cloakroom";

/// Interval of keep-alive queries. A connection that broke without a word would stay silent for ever.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);

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
    /// Subscribes, on a connection of its own. An async runtime must run this thread.
    ///
    /// # Errors
    /// If the URL of the database is wrong.
    pub(crate) fn notifications(&self) -> Result<Notifications, StoreError> {
        let url = match self.engine() {
            Engine::Sqlite(_) => return Ok(Notifications(None)),
            Engine::Postgres(url) => parse_url(url)?,
        };
        // `LISTEN` belongs to a session, and a connection pooler in transaction mode has none.
        if url.is_pooled {
            return Ok(Notifications(None));
        }
        // One waiting notification says as much as two.
        let (sender, receiver) = mpsc::channel(1);
        drop(tokio::spawn(async move {
            let ended = Box::pin(sender.closed());
            select(ended, Box::pin(listen(&url, &sender))).await;
        }));
        Ok(Notifications(Some(receiver)))
    }
}

/// Listens, and reconnects when the connection breaks.
async fn listen(url: &PostgresUrl, sender: &mpsc::Sender<()>) {
    let mut is_broken = false;
    loop {
        let Err(why) = receive(url, sender, &mut is_broken).await;
        if !is_broken {
            log::warn!("cannot listen to other replicas and poll for their changes instead: {why}");
            is_broken = true;
        }
        tokio::time::sleep(RECONNECT_DELAY).await;
    }
}

/// Receives until the connection breaks.
async fn receive(
    url: &PostgresUrl,
    sender: &mpsc::Sender<()>,
    is_broken: &mut bool,
) -> Result<Infallible, String> {
    let mut listener = Listener::open(url, CHANNEL).await?;
    if std::mem::take(is_broken) {
        log::info!("listening to other replicas again");
    }
    // A notification may have been sent before.
    forward(sender);
    loop {
        if listener.next(KEEP_ALIVE_INTERVAL).await? {
            forward(sender);
        }
    }
}

/// Forwards a notification. If the queue is full, one is waiting already.
fn forward(sender: &mpsc::Sender<()>) {
    let _ = sender.try_send(());
}
