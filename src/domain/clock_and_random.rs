//! Clock and randomness. Both are passed in as values, so that a test can stop the clock. Only this
//! file asks the system for them.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// Clock: of the system, or under the control of a test.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    System,
    /// Stopped at this Unix time, in milliseconds.
    Stopped(Arc<AtomicI64>),
    /// Under the control of a test server.
    Adjustable(Arc<RwLock<ClockState>>),
}

/// State of the clock of a test server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClockState {
    /// Ahead of the system clock by this many milliseconds.
    Ahead(i64),
    /// Frozen at this Unix time, in milliseconds.
    Frozen(i64),
}

impl Default for ClockState {
    fn default() -> Self {
        Self::Ahead(0)
    }
}

impl Clock {
    /// Returns the system clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// Returns a running clock that a test server can move and freeze.
    pub(crate) fn adjustable() -> Self {
        Self(Source::Adjustable(Arc::default()))
    }

    /// Returns a clock that is stopped at `now` until [`Clock::advance`] moves it.
    pub fn standing(now: DateTime<Utc>) -> Self {
        Self(Source::Stopped(Arc::new(AtomicI64::new(now.timestamp_millis()))))
    }

    /// Returns the time in whole milliseconds, so that answers, the database and comparisons agree.
    pub fn now(&self) -> DateTime<Utc> {
        let millis = match &self.0 {
            Source::System => system_millis(),
            Source::Stopped(millis) => millis.load(Ordering::SeqCst),
            Source::Adjustable(_) => match self.state() {
                ClockState::Ahead(ahead) => system_millis().saturating_add(ahead),
                ClockState::Frozen(millis) => millis,
            },
        };
        DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// Moves a stopped or adjustable clock. Has no effect on the system clock.
    pub fn advance(&self, by: chrono::Duration) {
        let by = by.num_milliseconds();
        match &self.0 {
            Source::System => {}
            Source::Stopped(millis) => drop(millis.fetch_add(by, Ordering::SeqCst)),
            Source::Adjustable(_) => self.adjust(match self.state() {
                ClockState::Ahead(ahead) => ClockState::Ahead(ahead.saturating_add(by)),
                ClockState::Frozen(millis) => ClockState::Frozen(millis.saturating_add(by)),
            }),
        }
    }

    /// Freezes an adjustable clock at its time, or lets it go on from there.
    pub(crate) fn freeze(&self, is_frozen: bool) {
        let now = self.now().timestamp_millis();
        self.adjust(match is_frozen {
            true => ClockState::Frozen(now),
            false => ClockState::Ahead(now.saturating_sub(system_millis())),
        });
    }

    /// Returns the state of an adjustable clock.
    pub(crate) fn state(&self) -> ClockState {
        match &self.0 {
            Source::Adjustable(state) => *state.read().unwrap_or_else(PoisonError::into_inner),
            Source::System | Source::Stopped(_) => ClockState::default(),
        }
    }

    /// Sets the state of an adjustable clock.
    pub(crate) fn adjust(&self, to: ClockState) {
        if let Source::Adjustable(state) = &self.0 {
            *state.write().unwrap_or_else(PoisonError::into_inner) = to;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
fn system_millis() -> i64 {
    Utc::now().timestamp_millis()
}

/// Cryptographic random number generator of the operating system.
#[derive(Clone, Debug, Default)]
pub struct Random(());

/// The operating system gave no randomness. Work that needs it must fail.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no randomness")]
pub struct NoRandomness;

impl Random {
    /// Returns the system's generator.
    pub fn system() -> Self {
        Self(())
    }

    /// Returns `N` unpredictable bytes.
    ///
    /// # Errors
    /// When the operating system cannot give any.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks for randomness")]
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(bytes)
    }

    /// Returns a new UUIDv7 (RFC 9562 §5.7): ordered by `at`, with 74 random bits.
    ///
    /// # Errors
    /// As [`Random::bytes`].
    pub fn uuid_at(&self, at: DateTime<Utc>) -> Result<Uuid, NoRandomness> {
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        Ok(uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()?).into_uuid())
    }
}

/// Clock and random number generator.
#[derive(Clone, Debug, Default)]
pub struct ClockAndRandom {
    /// Clock.
    pub clock: Clock,
    /// Random number generator.
    pub random: Random,
}
