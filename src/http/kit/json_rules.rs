//! Rules of a single value in JSON: its type, its range, and U+0000.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::Value;

use crate::domain::Invalid;

/// Returns the error for a value of another JSON type than `expected`.
pub(super) fn wrong_type(expected: &str, detail: &str) -> Invalid {
    Invalid::new("wrong-type", detail).with("expected", expected)
}

/// Refuses U+0000. PostgreSQL stores no text with it, and SQLite tools cut it off there.
fn without_nul(text: &str) -> Result<(), Invalid> {
    match text.contains('\0') {
        true => Err(Invalid::new("control-character", "must not contain U+0000")),
        false => Ok(()),
    }
}

/// Parses a text, and refuses U+0000 whatever `parse` permits. The error of `parse` says more.
pub(super) fn parsed<T>(text: &str, parse: impl FnOnce(&str) -> Result<T, Invalid>) -> Result<T, Invalid> {
    let value = parse(text)?;
    without_nul(text)?;
    Ok(value)
}

/// Refuses U+0000 in each text and each name of a value. The strict parser has bounded the depth.
pub(super) fn no_nul_within(value: &Value) -> Result<(), Invalid> {
    match value {
        Value::String(text) => without_nul(text),
        Value::Array(items) => items.iter().try_for_each(no_nul_within),
        Value::Object(members) => {
            members.iter().try_for_each(|(name, value)| without_nul(name).and_then(|()| no_nul_within(value)))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// Reads a whole number. In JSON `2.0` and `2` are the same number.
pub(super) fn whole_number(value: &Value, range: &RangeInclusive<i64>) -> Result<i64, Invalid> {
    // Above 2^53 a double has no exact whole numbers.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = |double: f64| (double.fract() == 0.0 && double.abs() <= EXACT).then_some(double as i64);
    let is_number = value.is_number();
    match value.as_i64().or_else(|| value.as_f64().and_then(whole)) {
        Some(number) if range.contains(&number) => Ok(number),
        // A whole number beyond 64 bits is out of every range.
        None if !is_number || value.as_f64().is_some_and(|double| double.fract() != 0.0) => {
            Err(wrong_type("integer", "must be a whole number"))
        }
        _ => Err(out_of_range(range.start(), range.end())),
    }
}

pub(super) fn number(value: &Value, range: &RangeInclusive<f64>) -> Result<f64, Invalid> {
    match value.as_f64() {
        Some(number) if range.contains(&number) => Ok(number),
        Some(_) => Err(out_of_range(range.start(), range.end())),
        None => Err(wrong_type("number", "must be a number")),
    }
}

fn out_of_range<T: Copy + Into<Value> + Display>(min: &T, max: &T) -> Invalid {
    Invalid::new("out-of-range", format!("must be from {min} to {max}")).with("min", *min).with("max", *max)
}
