//! Clock and randomness. Both are passed in as values, so that a test can stop the clock. Only this
//! file asks the system for them.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

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
    /// Ahead of the system clock by this many milliseconds.
    Shifted(Arc<AtomicI64>),
}

impl Clock {
    /// Returns the system clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// Returns a running clock that [`Clock::advance`] can move ahead of the system clock.
    pub fn shifted() -> Self {
        Self(Source::Shifted(Arc::default()))
    }

    /// Returns a clock that is stopped at `now` until [`Clock::advance`] moves it.
    pub fn standing(now: DateTime<Utc>) -> Self {
        Self(Source::Stopped(Arc::new(AtomicI64::new(now.timestamp_millis()))))
    }

    /// Returns the time in whole milliseconds, so that answers, the database and comparisons agree.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn now(&self) -> DateTime<Utc> {
        let millis = match &self.0 {
            Source::System => Utc::now().timestamp_millis(),
            Source::Stopped(millis) => millis.load(Ordering::SeqCst),
            Source::Shifted(ahead) => {
                Utc::now().timestamp_millis().saturating_add(ahead.load(Ordering::SeqCst))
            }
        };
        DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// Moves a stopped or shifted clock. Has no effect on the system clock.
    pub fn advance(&self, by: chrono::Duration) {
        if let Source::Stopped(millis) | Source::Shifted(millis) = &self.0 {
            millis.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
        }
    }

    /// Resets a shifted clock to the system's time.
    pub(crate) fn reset(&self) {
        if let Source::Shifted(ahead) = &self.0 {
            ahead.store(0, Ordering::SeqCst);
        }
    }
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
