//! What a replica learns from the others and from the operator while it runs: what was revoked,
//! and which keys there are. And what any one of them does for all: it rotates the keys when that
//! is due, and forgets what says nothing any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;

use crate::domain::{Clock, KeyLifecycle, StoredKey};
use crate::store::{Announcements, StoreError, TrustedStore};
use crate::token::{KeyError, KeyStore, Keys, Revocations, SigningAlgorithm, SignsFrom};

/// How often things are looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// What others changed, when nobody announces it. With a request's own time, within a second.
    poll: Duration,
    /// Everything anew, and what has passed or is due.
    sweep: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { poll: Duration::from_millis(500), sweep: Duration::from_secs(30) }
    }
}

/// Keeps what this replica holds in memory as the database has it.
pub(crate) struct Follower {
    /// Where it reads.
    pub(crate) store: TrustedStore,
    /// What was revoked.
    pub(crate) revocations: Arc<Revocations>,
    /// The keys, where the server issues tokens.
    pub(crate) keys: Option<Arc<Keys>>,
    /// How long a key signs before its successor does; for ever when none.
    pub(crate) rotation: Option<TimeDelta>,
    /// The time.
    pub(crate) clock: Clock,
}

/// Why something could not be followed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FollowError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Keys(#[from] KeyError),
    #[error("the work ended early: {0}")]
    Panic(#[from] tokio::task::JoinError),
}

/// The keys of the database, and a first one if none signs yet.
///
/// # Errors
/// When the database is away, or a key does not open.
pub(crate) async fn open_keys(store: &TrustedStore, safe: KeyStore) -> Result<Keys, FollowError> {
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

impl Follower {
    /// Loads what was revoked, and keeps following.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn start(self, announcements: Announcements, pace: Pace) -> Result<(), StoreError> {
        let last = self.learn_revocations(0).await?;
        actix_web::rt::spawn(self.follow(announcements, pace, last));
        Ok(())
    }

    async fn follow(self, mut announcements: Announcements, pace: Pace, mut last: i64) {
        let (mut away, mut swept) = (false, None);
        loop {
            // Either is a reason to look.
            let _ = tokio::time::timeout(pace.poll, announcements.next()).await;
            let sweep = swept.is_none_or(|swept: Instant| swept.elapsed() >= pace.sweep);
            match self.learn(if sweep { 0 } else { last }).await {
                Ok(newest) => {
                    last = newest.max(last);
                    away = false;
                }
                Err(error) if !away => {
                    log::error!("what other replicas change cannot be read: {error}");
                    away = true;
                }
                Err(_) => {}
            }
            if sweep && !away {
                swept = Some(Instant::now());
                if let Err(error) = self.sweep().await {
                    log::warn!("{error}");
                }
            }
        }
    }

    /// Learns what is new since revocation number `last`; the number of the newest.
    async fn learn(&self, last: i64) -> Result<i64, FollowError> {
        let newest = self.learn_revocations(last).await?;
        self.learn_keys().await?;
        Ok(newest)
    }

    async fn learn_revocations(&self, last: i64) -> Result<i64, StoreError> {
        let (new, newest) = self.store.revocations(last).await?;
        self.revocations.apply(&new);
        Ok(newest)
    }

    async fn learn_keys(&self) -> Result<(), FollowError> {
        let Some(keys) = &self.keys else { return Ok(()) };
        let stored = self.store.signing_keys().await?;
        if keys.are_loaded(&stored) {
            return Ok(());
        }
        load(keys, stored).await?;
        let algorithm = keys.key_store().algorithm();
        if !keys.current().signs() && algorithm != SigningAlgorithm::Hs256 {
            log::warn!("no key is left to sign with by {algorithm}; making another one");
            let first = make(keys, SignsFrom::Now).await?;
            load(keys, self.store.add_first_key(first).await?).await?;
        }
        Ok(())
    }

    /// Does what is due, and forgets what has passed.
    async fn sweep(&self) -> Result<(), FollowError> {
        let now = self.clock.now();
        self.revocations.prune(now);
        self.store.prune().await?;
        let Some(keys) = &self.keys else { return Ok(()) };
        let (known, algorithm) = (keys.known(), keys.key_store().algorithm());
        let lives = KeyLifecycle::new(&known, keys.key_store().lifetime());
        if let Some(every) = self.rotation.filter(|every| lives.is_due(algorithm.as_str(), *every, now)) {
            let next = make(keys, SignsFrom::KnownToCaches).await?;
            let (kid, from) = (next.key.kid.clone(), next.key.signs_from);
            if let Some(stored) = self.store.rotate_keys_when_due(next, every).await? {
                log::info!("made the signing key {kid}, which signs from {from}");
                load(keys, stored).await?;
            }
        }
        if lives.forgotten(now).next().is_some() {
            self.store.prune_keys().await?;
        }
        Ok(())
    }
}

/// Opening keys is work, and making them more.
async fn load(keys: &Arc<Keys>, stored: Vec<StoredKey>) -> Result<(), FollowError> {
    let keys = Arc::clone(keys);
    Ok(tokio::task::spawn_blocking(move || keys.load(stored)).await?)
}

async fn make(keys: &Arc<Keys>, signs_from: SignsFrom) -> Result<StoredKey, FollowError> {
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
            let keys = Arc::new(open_keys(&store, safe).await.unwrap());
            Self { store, keys, revocations: Arc::default(), clock: clock.clone() }
        }

        async fn follow(&self, rotation: Option<TimeDelta>, announcements: Announcements, pace: Pace) {
            let (store, keys, clock) = (self.store.clone(), Some(Arc::clone(&self.keys)), self.clock.clone());
            let revocations = Arc::clone(&self.revocations);
            let follower = Follower { store, revocations, keys, rotation, clock };
            follower.start(announcements, pace).await.unwrap();
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
    fn an_announcement_alone_is_reason_enough_to_look() {
        let dir = tempfile::tempdir().unwrap();
        System::new().block_on(async {
            let (here, there) = (Replica::on(&dir, &standing()).await, Replica::on(&dir, &standing()).await);
            let (told, announcements) = Announcements::by_hand();
            there.follow(None, announcements, Pace { poll: NEVER, sweep: NEVER }).await;
            here.rotate().await;
            assert_eq!(there.keys.known().len(), 1);
            told.send(()).await.unwrap();
            eventually("the key is known", || there.keys.known().len() == 2).await;
        });
    }

    #[test]
    fn where_nothing_is_announced_it_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        System::new().block_on(async {
            let (here, there) = (Replica::on(&dir, &standing()).await, Replica::on(&dir, &standing()).await);
            let poll = Duration::from_millis(20);
            there.follow(None, here.store.announcements().unwrap(), Pace { poll, sweep: NEVER }).await;
            here.rotate().await;
            eventually("the key is known", || there.keys.known().len() == 2).await;
        });
    }

    #[test]
    fn what_is_due_is_done_once_by_one_of_them_and_what_has_passed_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        System::new().block_on(async {
            let clock = standing();
            let replicas = [Replica::on(&dir, &clock).await, Replica::on(&dir, &clock).await];
            let often = Duration::from_millis(20);
            for replica in &replicas {
                let (_, announcements) = Announcements::by_hand();
                let pace = Pace { poll: often, sweep: often };
                replica.follow(Some(TimeDelta::days(90)), announcements, pace).await;
            }
            let known = || replicas.iter().map(|replica| replica.keys.known().len()).collect::<Vec<_>>();
            let first = replicas[0].stored().await[0].key.kid.clone();
            clock.advance(TimeDelta::days(90));
            eventually("the next key is made", || known() == [2, 2]).await;
            assert_eq!(replicas[0].stored().await.len(), 2);
            // Its time comes, and the one before verifies nothing any more.
            clock.advance(TimeDelta::days(60));
            eventually("the old key is forgotten", || known() == [1, 1]).await;
            assert_ne!(replicas[0].stored().await[0].key.kid, first);
        });
    }
}
