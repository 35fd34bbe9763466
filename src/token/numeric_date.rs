//! NumericDate: seconds since 1970, with or without a fraction (RFC 7519 §2).

use chrono::{DateTime, Utc};
use serde_json::Value;

/// Last second that is read, in the year 9999 (RFC 3339 §1). A fraction is exact to the microsecond up to here.
const LAST_SECOND: f64 = 253_402_300_799.0;

/// Reads a NumericDate from 1970 on. A number with a fraction must be before the year 10000.
pub(crate) fn numeric_date(date: &Value) -> Option<DateTime<Utc>> {
    let text = date.as_str().filter(|_| fault!(text_as_time));
    if let Some(seconds) = date.as_i64().or_else(|| text?.parse().ok()) {
        return DateTime::from_timestamp(seconds, 0).filter(|_| seconds >= 0);
    }
    let seconds = date.as_f64().filter(|seconds| seconds.is_sign_positive() && *seconds <= LAST_SECOND)?;
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked, and microseconds are enough")]
    let micros = (seconds * 1e6) as i64;
    DateTime::from_timestamp_micros(micros)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn micros(text: &str) -> Option<i64> {
        numeric_date(&serde_json::from_str(text).unwrap()).map(|date| date.timestamp_micros())
    }

    #[test]
    fn reads_whole_seconds_and_fractions() {
        for (text, expected) in [
            ("0", 0),
            ("0.0", 0),
            ("1800000000", 1_800_000_000_000_000),
            ("1800000000.0", 1_800_000_000_000_000),
            ("18e8", 1_800_000_000_000_000),
            ("1800000000.5", 1_800_000_000_500_000),
            ("1800000000.125", 1_800_000_000_125_000),
            ("253402300799.0", 253_402_300_799_000_000),
        ] {
            assert_eq!(micros(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_negative_infinite_and_other_values() {
        for text in [
            "-1",
            "-0.0",
            "-0.5",
            "-1e300",
            "1e300",
            "1.7976931348623157e308",
            "253402300799.5",
            "9223372036854775807",
            "9223372036854775808",
            "null",
            "true",
            "\"1800000000\"",
            "[1800000000]",
            "{}",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
        assert_eq!(numeric_date(&json!(f64::NAN)), None);
        assert_eq!(numeric_date(&json!(f64::INFINITY)), None);
    }
}
