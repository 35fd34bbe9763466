//! What comes from outside every request: the time and randomness. Both are passed in as values,
//! so that a test can hold the clock still; this is the one file that may ask the system for them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, SecondsFormat, Utc};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};
use uuid::Uuid;

use super::ids::InvalidId;

/// Where the time comes from: the system, or a hand that a test moves.
#[derive(Clone, Debug, Default)]
pub struct Clock(Source);

#[derive(Clone, Debug, Default)]
enum Source {
    #[default]
    Machine,
    /// It stands at so many milliseconds.
    Standing(Arc<AtomicI64>),
    /// It is so many milliseconds ahead of the machine's.
    Shifted(Arc<AtomicI64>),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::Machine)
    }

    /// The machine's clock, until it is moved by [`Clock::advance`]; it goes on from there.
    pub fn shifted() -> Self {
        Self(Source::Shifted(Arc::default()))
    }

    /// A clock that stands still at `now` until it is moved by [`Clock::advance`].
    pub fn standing(now: DateTime<Utc>) -> Self {
        Self(Source::Standing(Arc::new(AtomicI64::new(now.timestamp_millis()))))
    }

    /// The time, in whole milliseconds: what is answered is exactly what is stored and compared.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn now(&self) -> DateTime<Utc> {
        let millis = match &self.0 {
            Source::Machine => Utc::now().timestamp_millis(),
            Source::Standing(hand) => hand.load(Ordering::SeqCst),
            Source::Shifted(ahead) => {
                Utc::now().timestamp_millis().saturating_add(ahead.load(Ordering::SeqCst))
            }
        };
        DateTime::from_timestamp_millis(millis).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// Moves a clock that can be moved; the machine's moves by itself.
    pub fn advance(&self, by: chrono::Duration) {
        if let Source::Standing(hand) | Source::Shifted(hand) = &self.0 {
            hand.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
        }
    }

    /// Sets a shifted clock to the machine's time.
    pub(crate) fn return_to_the_machines(&self) {
        if let Source::Shifted(ahead) = &self.0 {
            ahead.store(0, Ordering::SeqCst);
        }
    }
}

/// The operating system's cryptographic randomness.
#[derive(Clone, Debug, Default)]
pub struct Random(());

/// The operating system gave no randomness: nothing that needs it may go on.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no randomness")]
pub struct NoRandomness;

impl Random {
    /// The system's generator.
    pub fn system() -> Self {
        Self(())
    }

    /// `N` unpredictable bytes.
    ///
    /// # Errors
    /// When the operating system cannot give any.
    #[expect(clippy::disallowed_methods, reason = "the one place that asks for randomness")]
    pub fn bytes<const N: usize>(&self) -> Result<[u8; N], NoRandomness> {
        let mut bytes = [0; N];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
        Ok(bytes)
    }

    /// A new UUIDv7 (RFC 9562 §5.7): ordered by `at`, unguessable in its last 74 bits.
    ///
    /// # Errors
    /// As [`Random::bytes`].
    pub fn uuid_at(&self, at: DateTime<Utc>) -> Result<Uuid, NoRandomness> {
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or(0);
        Ok(uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()?).into_uuid())
    }
}

/// What comes from outside: the time and randomness.
#[derive(Clone, Debug, Default)]
pub struct ClockAndRandom {
    /// The time.
    pub clock: Clock,
    /// Randomness.
    pub random: Random,
}

/// A time as records hold it: in JSON and in the database.
///
/// ```
/// use cloakroom::domain::Time;
/// let time: Time = "2026-01-31T12:00:00+01:00".parse().unwrap();
/// assert_eq!(time.to_string(), "2026-01-31T11:00:00.000Z");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub DateTime<Utc>);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_time(self.0))
    }
}

impl FromStr for Time {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        // A query whose `+` was not escaped has a space there.
        parse_time(&text.replace(' ', "+")).map(Self).ok_or(InvalidId("is not an RFC 3339 time"))
    }
}

impl serde::Serialize for Time {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Time {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl utoipa::PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        ObjectBuilder::new().schema_type(Type::String).format(Some(format)).into()
    }
}

impl utoipa::ToSchema for Time {}

/// RFC 3339 in UTC with milliseconds, the only form in which a time leaves the server.
pub fn format_time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Reads an RFC 3339 time, in whatever offset, as UTC.
pub fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc())
}
