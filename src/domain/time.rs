//! Time in records: its form in JSON and in the database.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike as _, SecondsFormat, Timelike as _, Utc};
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, SchemaFormat, Type};
use utoipa::openapi::{RefOr, Schema};

use super::InvalidId;

/// Time in JSON and in the database.
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
        // An unescaped `+` in a query string arrives as a space.
        let time = parse_time(&text.replace(' ', "+")).map(Self);
        time.ok_or(InvalidId("must be an RFC 3339 time, like 2026-01-31T12:00:00Z"))
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

/// Formats a time as RFC 3339 in UTC with milliseconds, the only form that the server sends.
pub fn format_time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Parses an RFC 3339 time with any offset, and converts it to UTC in milliseconds, which is all that the
/// server stores and sends. Years 0 to 9999; a leap second is the last millisecond before it.
pub fn parse_time(text: &str) -> Option<DateTime<Utc>> {
    // chrono is more lenient than RFC 3339 §5.6 about what stands between the digits.
    let shape = |(at, byte): (usize, u8)| match at {
        4 | 7 => byte == b'-',
        10 => matches!(byte, b'T' | b't'),
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    if text.len() < 20 || !text.bytes().take(19).enumerate().all(shape) {
        return None;
    }
    let time = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    let nanos = time.nanosecond().min(999_999_999);
    let time = time.with_nanosecond(nanos - nanos % 1_000_000)?;
    (0..=9_999).contains(&time.year()).then_some(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        parse_time(text).map(format_time)
    }

    #[test]
    fn keeps_the_milliseconds_that_it_shows() {
        for (text, time) in [
            ("2026-01-31T12:00:00.123987654+01:00", "2026-01-31T11:00:00.123Z"),
            ("2026-01-31t12:00:00z", "2026-01-31T12:00:00.000Z"),
            ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(read(text).as_deref(), Some(time), "{text}");
            assert_eq!(parse_time(text), parse_time(time), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_rfc_3339() {
        for text in [
            "",
            "2026-01-31",
            "2026-01-31T12:00:00",
            "2026-01-31 12:00:00Z",
            "2026-1-31T12:00:00Z",
            "+026-01-31T12:00:00Z",
            "2026- 1-31T12:00:00Z",
            "2026-01-31T12:00:00 Z",
            "2026-01-31T12:00Z",
            "0000-01-01T00:00:00+01:00",
            "9999-12-31T23:59:59-01:00",
            "12026-01-31T12:00:00Z",
            "2026-01-31T12:00:00Z ",
            "2026-02-30T12:00:00Z",
            "2026-01-31T24:00:00Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
