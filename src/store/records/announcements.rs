//! That something changed which every replica holds in memory: announced in the transaction that
//! changes it, heard by all others when it is made to last. Announcing is PostgreSQL's (`NOTIFY`);
//! what is announced is read from the tables, and whoever hears nothing asks them from time to
//! time.

use std::time::{Duration, Instant};

use diesel::PgConnection;
use diesel::connection::SimpleConnection as _;
use tokio::sync::mpsc;

use crate::store::engine::connection::{Engine, Link};
use crate::store::engine::error::StoreError;
use crate::store::trusted::TrustedStore;

/// How often a listener looks whether something came: a look at its socket, and no query.
const LOOK: Duration = Duration::from_millis(20);

/// How often it asks the server for a sign of life: a connection that ended without a word would
/// be silent for ever.
const SIGN_OF_LIFE: Duration = Duration::from_secs(30);

/// How long it waits before it connects again.
const RECONNECT: Duration = Duration::from_secs(1);

/// What is announced, as it is heard. Listening ends when this is dropped.
pub struct Announcements(Option<mpsc::Receiver<()>>);

impl Announcements {
    /// Returns when something was announced since the last time, or may have been: when the
    /// connection was away meanwhile. On SQLite, where nobody announces, never.
    pub async fn next(&mut self) {
        let heard = match &mut self.0 {
            Some(heard) => heard.recv().await,
            None => None,
        };
        if heard.is_none() {
            self.0 = None;
            std::future::pending().await
        }
    }

    /// What is told by hand.
    #[cfg(test)]
    pub(crate) fn by_hand() -> (mpsc::Sender<()>, Self) {
        let (told, heard) = mpsc::channel(1);
        (told, Self(Some(heard)))
    }
}

impl TrustedStore {
    /// Listens, on a connection and in a thread of its own.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub(crate) fn announcements(&self) -> Result<Announcements, StoreError> {
        let engine = match self.engine() {
            Engine::Sqlite(_) => return Ok(Announcements(None)),
            // What is listened to belongs to a session, which a pooler does not have.
            engine if engine.is_pooled() => return Ok(Announcements(None)),
            engine @ Engine::Postgres(_) => engine.clone(),
        };
        // One that waits says all that two would say.
        let (told, heard) = mpsc::channel(1);
        let thread = std::thread::Builder::new().name("announcements".to_owned());
        thread
            .spawn(move || listen(&engine, &told))
            .map_err(|error| StoreError::Internal(format!("no thread to listen in: {error}")))?;
        Ok(Announcements(Some(heard)))
    }
}

/// Until nobody wants to know any more.
fn listen(engine: &Engine, told: &mpsc::Sender<()>) {
    let mut away = false;
    while !told.is_closed() {
        let lost = match engine.open() {
            Ok(Link::Postgres(mut conn)) => hear(&mut conn, told, &mut away),
            Ok(Link::Sqlite(_)) => return,
            Err(error) => Err(error),
        };
        if let Err(error) = lost {
            if !away {
                log::warn!("what other replicas announce is not heard, and asked for instead: {error}");
                away = true;
            }
            wait(RECONNECT, told);
        }
    }
}

/// Until nobody wants to know any more, or the connection ends.
fn hear(conn: &mut PgConnection, told: &mpsc::Sender<()>, away: &mut bool) -> Result<(), StoreError> {
    conn.batch_execute("LISTEN cloakroom")?;
    if std::mem::take(away) {
        log::info!("what other replicas announce is heard again");
    }
    // Something may have been announced before.
    tell(told);
    let mut last_sign = Instant::now();
    while !told.is_closed() {
        let heard = conn.notifications_iter().try_fold(false, |_, heard| heard.map(|_| true))?;
        if heard {
            tell(told);
        }
        if last_sign.elapsed() >= SIGN_OF_LIFE {
            conn.batch_execute("SELECT 1")?;
            last_sign = Instant::now();
        }
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// Where it is full, the listener is going to look anyway.
fn tell(told: &mpsc::Sender<()>) {
    let _ = told.try_send(());
}

/// Sleeps, unless nobody wants to know any more.
fn wait(duration: Duration, told: &mpsc::Sender<()>) {
    let began = Instant::now();
    while began.elapsed() < duration && !told.is_closed() {
        std::thread::sleep(LOOK);
    }
}
