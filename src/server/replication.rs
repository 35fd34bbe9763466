//! Replication: each replica reads revocations and signing keys that other replicas or the operator write.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::duties::DutyReport;
use super::signing_keys::{create, load};
use crate::domain::Clock;
use crate::store::{Notifications, StoreError, TrustedStore};
use crate::token::{KeyError, Keys, Revocations, SigningAlgorithm, SignsFrom};

/// How many sequence numbers before the newest a poll reads again. A sequence number is assigned before its
/// transaction commits, and transactions do not commit in that order.
const OVERLAP: i64 = 1_000;

/// Intervals of the background task.
#[derive(Clone, Copy, Debug)]
pub(super) struct Intervals {
    /// Interval between two reads of others' changes when no notification comes. A change takes effect within
    /// a second, the time of a request included.
    pub(super) poll: Duration,
    /// Interval between two sweeps. A sweep reads again what is newer than the sweep before the last, and
    /// forgets revocations that have expired. No transaction that revokes lives as long as the interval.
    pub(super) sweep: Duration,
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
    /// The clock.
    pub(super) clock: Clock,
}

/// How far revocations were read: sequence numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    newest: i64,
    /// The newest at the last sweep.
    swept: i64,
    /// The newest at the sweep before the last. All transactions before it have ended.
    settled: i64,
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

impl Replication {
    /// Loads the revocations, and starts the background task.
    ///
    /// # Errors
    /// When the database is not available.
    pub(super) async fn start(
        self,
        notifications: Notifications,
        intervals: Intervals,
        report: DutyReport,
    ) -> Result<(), StoreError> {
        let newest = self.read_revocations(0).await?;
        let progress = Progress { newest, swept: newest, settled: 0 };
        actix_web::rt::spawn(self.run(notifications, intervals, progress, report));
        Ok(())
    }

    async fn run(
        self,
        mut notifications: Notifications,
        intervals: Intervals,
        mut progress: Progress,
        mut report: DutyReport,
    ) {
        let mut swept = Instant::now();
        loop {
            // A notification and a timeout both lead to a read.
            let _ = tokio::time::timeout(intervals.poll, notifications.next()).await;
            let is_sweep = swept.elapsed() >= intervals.sweep;
            let after = if is_sweep { progress.settled } else { progress.newest - OVERLAP };
            let read = self.read(after.max(progress.settled)).await;
            report.take(&read.as_ref().map(|_| ()));
            let Ok(newest) = read else { continue };
            progress.newest = newest.max(progress.newest);
            if is_sweep {
                swept = Instant::now();
                progress = Progress { settled: progress.swept, swept: progress.newest, ..progress };
                self.revocations.prune(self.clock.now());
            }
        }
    }

    /// Reads the revocations after a sequence number, and the keys. Returns the number of the newest revocation.
    async fn read(&self, after: i64) -> Result<i64, ReplicationError> {
        let newest = self.read_revocations(after).await?;
        self.read_keys().await?;
        Ok(newest)
    }

    async fn read_revocations(&self, after: i64) -> Result<i64, StoreError> {
        self.store.revocations(after, |page| self.revocations.apply(page)).await
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
            let first = create(keys, SignsFrom::Now).await?;
            load(keys, self.store.add_first_key(first).await?).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::rt::System;
    use tempfile::TempDir;

    use chrono::TimeDelta;

    use super::*;
    use crate::App;
    use crate::authz::Operator;
    use crate::domain::{ClockAndRandom, Lifetimes, Random, Rotating, SigningKey, StoredKey};
    use crate::server::duties::Duty;
    use crate::server::master_key::use_trail_keys;
    use crate::server::signing_keys::{KeyRotation, load_or_create_keys};
    use crate::store::Engine;
    use crate::telemetry::metrics::Metrics;
    use crate::token::{KeySettings, KeyStore, MasterKey};

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
            let master = MasterKey::new([9; 32]);
            use_trail_keys(&store, &Rotating::new(master.clone(), None), &clock_and_random.random).unwrap();
            let safe = KeyStore::new(usage, master, clock_and_random);
            let keys = Arc::new(load_or_create_keys(&store, safe).await.unwrap());
            Self { store, keys, revocations: Arc::default(), clock: clock.clone() }
        }

        async fn replicate(&self, notifications: Notifications, intervals: Intervals) {
            let (store, keys, clock) = (self.store.clone(), Some(Arc::clone(&self.keys)), self.clock.clone());
            let revocations = Arc::clone(&self.revocations);
            let replication = Replication { store, revocations, keys, clock: clock.clone() };
            let report = DutyReport::new("replication", Metrics::new("sqlite").unwrap().duties, clock);
            replication.start(notifications, intervals, report).await.unwrap();
        }

        fn rotate_every(&self, every: TimeDelta, pause: Duration) {
            let (store, keys, clock) = (self.store.clone(), Arc::clone(&self.keys), self.clock.clone());
            let rotation = KeyRotation { store, keys, every: Some(every), clock };
            let duty = Duty::new("key-rotation", pause, move || rotation.clone().run());
            duty.start(&self.store, &Metrics::new("sqlite").unwrap().duties, &self.clock);
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
            there.replicate(notifications, Intervals { poll: NEVER, sweep: NEVER }).await;
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
            there.replicate(here.store.notifications().unwrap(), Intervals { poll, sweep: NEVER }).await;
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
                replica.replicate(notifications, intervals).await;
                replica.rotate_every(TimeDelta::days(90), often);
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
