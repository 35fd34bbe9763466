//! Replication: each replica reads revocations and signing keys that other replicas or the operator write.
//! Any replica rotates the keys when that is due, and removes rows that have expired.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;

use crate::domain::{Clock, KeyLifecycle, StoredKey};
use crate::store::{Notifications, StoreError, TrustedStore};
use crate::token::{KeyError, KeyStore, Keys, Revocations, SigningAlgorithm, SignsFrom};

/// Intervals of the background task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Intervals {
    /// Interval between two reads of others' changes when no notification comes. A change takes effect within
    /// a second, the time of a request included.
    poll: Duration,
    /// Interval between two full reads, each followed by the rotation and the removal that are due.
    sweep: Duration,
}

impl Default for Intervals {
    fn default() -> Self {
        Self { poll: Duration::from_millis(500), sweep: Duration::from_secs(30) }
    }
}

/// Background task that keeps this replica's memory up to date with the database.
pub(super) struct Replication {
    /// The database.
    pub(super) store: TrustedStore,
    /// The revocations in memory.
    pub(super) revocations: Arc<Revocations>,
    /// The signing keys in memory. None when the server issues no tokens.
    pub(super) keys: Option<Arc<Keys>>,
    /// Time after which a new key signs. None when keys are not rotated.
    pub(super) rotation: Option<TimeDelta>,
    /// The clock.
    pub(super) clock: Clock,
}

/// Error of the replication.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReplicationError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error("a worker thread panicked: {0}")]
    Panic(#[from] tokio::task::JoinError),
}

/// Returns the signing keys of the database, and creates the first one when none signs.
///
/// # Errors
/// When the database is not available, or the master key does not open a key.
pub(super) async fn load_or_create_keys(
    store: &TrustedStore,
    safe: KeyStore,
) -> Result<Keys, ReplicationError> {
    let stored = store.signing_keys().await?;
    let lives = KeyLifecycle::new(stored.iter().map(|stored| &stored.key), safe.lifetime());
    let algorithm = safe.algorithm();
    let signs = lives.signing(algorithm.as_str(), safe.now()).is_some();
    if signs || algorithm == SigningAlgorithm::Hs256 {
        return Ok(Keys::open(safe, stored)?);
    }
    let stored = store.add_first_key(safe.generate(SignsFrom::Now)?).await?;
    Ok(Keys::open(safe, stored)?)
}

impl Replication {
    /// Loads the revocations, and starts the background task.
    ///
    /// # Errors
    /// When the database is not available.
    pub(super) async fn start(
        self,
        notifications: Notifications,
        intervals: Intervals,
    ) -> Result<(), StoreError> {
        let last = self.read_revocations(0).await?;
        actix_web::rt::spawn(self.run(notifications, intervals, last));
        Ok(())
    }

    async fn run(self, mut notifications: Notifications, intervals: Intervals, mut last: i64) {
        let (mut unavailable, mut swept) = (false, None);
        loop {
            // A notification and a timeout both lead to a read.
            let _ = tokio::time::timeout(intervals.poll, notifications.next()).await;
            let sweep = swept.is_none_or(|swept: Instant| swept.elapsed() >= intervals.sweep);
            match self.read(if sweep { 0 } else { last }).await {
                Ok(newest) => {
                    last = newest.max(last);
                    unavailable = false;
                }
                Err(error) if !unavailable => {
                    log::error!("changes of other replicas cannot be read: {error}");
                    unavailable = true;
                }
                Err(_) => {}
            }
            if sweep && !unavailable {
                swept = Some(Instant::now());
                if let Err(error) = self.sweep().await {
                    log::warn!("key rotation or the removal of expired rows failed: {error}");
                }
            }
        }
    }

    /// Reads the revocations after number `last`, and the keys. Returns the number of the newest revocation.
    async fn read(&self, last: i64) -> Result<i64, ReplicationError> {
        let newest = self.read_revocations(last).await?;
        self.read_keys().await?;
        Ok(newest)
    }

    async fn read_revocations(&self, last: i64) -> Result<i64, StoreError> {
        let (new, newest) = self.store.revocations(last).await?;
        self.revocations.apply(&new);
        Ok(newest)
    }

    async fn read_keys(&self) -> Result<(), ReplicationError> {
        let Some(keys) = &self.keys else { return Ok(()) };
        let stored = self.store.signing_keys().await?;
        if keys.are_loaded(&stored) {
            return Ok(());
        }
        load(keys, stored).await?;
        let algorithm = keys.key_store().algorithm();
        if !keys.current().signs() && algorithm != SigningAlgorithm::Hs256 {
            log::warn!("no {algorithm} key is left to sign with; a new one is created");
            let first = make(keys, SignsFrom::Now).await?;
            load(keys, self.store.add_first_key(first).await?).await?;
        }
        Ok(())
    }

    /// Rotates the keys when that is due, and removes what has expired.
    async fn sweep(&self) -> Result<(), ReplicationError> {
        let now = self.clock.now();
        self.revocations.prune(now);
        let mut began = Instant::now();
        while self.store.delete_covered().await? {
            // Requests have the database for half of the time at least.
            tokio::time::sleep(began.elapsed()).await;
            began = Instant::now();
        }
        self.store.prune().await?;
        let Some(keys) = &self.keys else { return Ok(()) };
        let (known, algorithm) = (keys.known(), keys.key_store().algorithm());
        let lives = KeyLifecycle::new(&known, keys.key_store().lifetime());
        if let Some(every) = self.rotation.filter(|every| lives.is_due(algorithm.as_str(), *every, now)) {
            let next = make(keys, SignsFrom::KnownToCaches).await?;
            let (kid, from) = (next.key.kid.clone(), next.key.signs_from);
            if let Some(stored) = self.store.rotate_keys_when_due(next, every).await? {
                log::info!("the signing key {kid} was created; it signs from {from}");
                load(keys, stored).await?;
            }
        }
        if lives.deletable(now).next().is_some() {
            self.store.prune_keys().await?;
        }
        Ok(())
    }
}

/// Opens the keys in a worker thread: it takes time.
async fn load(keys: &Arc<Keys>, stored: Vec<StoredKey>) -> Result<(), ReplicationError> {
    let keys = Arc::clone(keys);
    Ok(tokio::task::spawn_blocking(move || keys.load(stored)).await?)
}

/// Creates a key in a worker thread: it takes time.
async fn make(keys: &Arc<Keys>, signs_from: SignsFrom) -> Result<StoredKey, ReplicationError> {
    let keys = Arc::clone(keys);
    Ok(tokio::task::spawn_blocking(move || keys.key_store().generate(signs_from)).await??)
}

#[cfg(test)]
mod tests {
    use actix_web::rt::System;
    use tempfile::TempDir;

    use super::*;
    use crate::App;
    use crate::authz::Operator;
    use crate::domain::{ClockAndRandom, Lifetimes, Random, SigningKey};
    use crate::store::Engine;
    use crate::token::{KeySettings, MasterKey};

    const NEVER: Duration = Duration::from_secs(3_600);

    /// A replica on a database that it shares with others.
    struct Replica {
        store: TrustedStore,
        keys: Arc<Keys>,
        revocations: Arc<Revocations>,
        clock: Clock,
    }

    impl Replica {
        #[expect(clippy::disallowed_methods, reason = "each replica of this test opens a store")]
        async fn on(dir: &TempDir, clock: &Clock) -> Self {
            let engine = Engine::Sqlite(dir.path().join("cloakroom.db"));
            App::default().migrate(&engine).unwrap();
            let lifetime = TimeDelta::minutes(10);
            let clock_and_random = ClockAndRandom { clock: clock.clone(), random: Random::system() };
            let quiet = Arc::new(|_: &[crate::domain::Revocation]| {});
            let lifetimes = Lifetimes { access_token: lifetime, refresh_token: lifetime, session: lifetime };
            let store =
                TrustedStore::open(engine, 4, clock_and_random.clone(), Arc::default(), lifetimes, quiet);
            let algorithm = SigningAlgorithm::Es256;
            let usage = KeySettings { algorithm, hs256_secret: None, lifetime, leeway: TimeDelta::zero() };
            let safe = KeyStore::new(usage, MasterKey::new([9; 32]), clock_and_random);
            let keys = Arc::new(load_or_create_keys(&store, safe).await.unwrap());
            Self { store, keys, revocations: Arc::default(), clock: clock.clone() }
        }

        async fn replicate(
            &self,
            rotation: Option<TimeDelta>,
            notifications: Notifications,
            intervals: Intervals,
        ) {
            let (store, keys, clock) = (self.store.clone(), Some(Arc::clone(&self.keys)), self.clock.clone());
            let revocations = Arc::clone(&self.revocations);
            let replication = Replication { store, revocations, keys, rotation, clock };
            replication.start(notifications, intervals).await.unwrap();
        }

        async fn stored(&self) -> Vec<StoredKey> {
            self.store.signing_keys().await.unwrap()
        }

        async fn rotate(&self) {
            let may = operator().reach::<SigningKey, crate::authz::action::Rotate>().unwrap();
            self.store
                .rotate_keys(may, self.keys.key_store().generate(SignsFrom::KnownToCaches).unwrap())
                .await
                .unwrap();
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this test is its own operator")]
    fn operator() -> Operator {
        Operator::at_the_command_line(Arc::default())
    }

    async fn eventually(what: &str, is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < Duration::from_secs(30), "never: {what}");
            actix_web::rt::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn standing() -> Clock {
        Clock::standing(Clock::system().now())
    }

    #[test]
    fn an_announcement_leads_to_a_read() {
        let dir = tempfile::tempdir().unwrap();
        System::new().block_on(async {
            let (here, there) = (Replica::on(&dir, &standing()).await, Replica::on(&dir, &standing()).await);
            let (told, notifications) = Notifications::by_hand();
            there.replicate(None, notifications, Intervals { poll: NEVER, sweep: NEVER }).await;
            here.rotate().await;
            assert_eq!(there.keys.known().len(), 1);
            told.send(()).await.unwrap();
            eventually("the key is known", || there.keys.known().len() == 2).await;
        });
    }

    #[test]
    fn polls_without_announcements() {
        let dir = tempfile::tempdir().unwrap();
        System::new().block_on(async {
            let (here, there) = (Replica::on(&dir, &standing()).await, Replica::on(&dir, &standing()).await);
            let poll = Duration::from_millis(20);
            there
                .replicate(None, here.store.notifications().unwrap(), Intervals { poll, sweep: NEVER })
                .await;
            here.rotate().await;
            eventually("the key is known", || there.keys.known().len() == 2).await;
        });
    }

    #[test]
    fn one_replica_rotates_and_expired_keys_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        System::new().block_on(async {
            let clock = standing();
            let replicas = [Replica::on(&dir, &clock).await, Replica::on(&dir, &clock).await];
            let often = Duration::from_millis(20);
            for replica in &replicas {
                let (_, notifications) = Notifications::by_hand();
                let intervals = Intervals { poll: often, sweep: often };
                replica.replicate(Some(TimeDelta::days(90)), notifications, intervals).await;
            }
            let known = || replicas.iter().map(|replica| replica.keys.known().len()).collect::<Vec<_>>();
            let first = replicas[0].stored().await[0].key.kid.clone();
            clock.advance(TimeDelta::days(90));
            eventually("the next key is made", || known() == [2, 2]).await;
            assert_eq!(replicas[0].stored().await.len(), 2);
            // The new key signs, and the old one verifies no valid token any more.
            clock.advance(TimeDelta::days(60));
            eventually("the old key is forgotten", || known() == [1, 1]).await;
            assert_ne!(replicas[0].stored().await[0].key.kid, first);
        });
    }
}
