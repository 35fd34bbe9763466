//! Checks for any setting. Each returns a function from the text of a setting to its value, or to what to
//! write instead. An application can use its own function in their place.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

use crate::domain::parse_number;

/// The value, or what to write instead, such as `write a number from 1 to 9`. The error message has it after
/// the name of the variable and its text.
pub type Parsed<T> = Result<T, String>;

/// Reads an empty text as None, and any other text by `parse`. For settings whose default is
/// [`Unset`](super::DefaultValue::Unset): their text is empty.
pub fn optional<T>(parse: impl Fn(&str) -> Parsed<T>) -> impl Fn(&str) -> Parsed<Option<T>> {
    move |text| if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

/// Reads values separated by commas. An empty text is an empty list.
pub fn list<T>(parse: impl Fn(&str) -> Parsed<T>) -> impl Fn(&str) -> Parsed<Vec<T>> {
    move |text| {
        let values = text.split(',').map(str::trim).filter(|_| !text.is_empty());
        values.map(&parse).collect()
    }
}

/// Accepts any text.
pub fn text(text: &str) -> Parsed<String> {
    Ok(text.to_owned())
}

/// Reads a path, which need not exist.
pub fn path(text: &str) -> Parsed<PathBuf> {
    if text.contains(char::is_control) {
        return Err("write a path without control characters".to_owned());
    }
    Ok(PathBuf::from(text))
}

/// Reads one of these names as the value beside it. A switch is
/// `choice([("on", true), ("off", false)])`.
pub fn choice<T: Clone, const N: usize>(choices: [(&'static str, T); N]) -> impl Fn(&str) -> Parsed<T> {
    move |text| match choices.iter().find(|(name, _)| *name == text) {
        Some((_, value)) => Ok(value.clone()),
        None => Err(format!("write {}", choices.each_ref().map(|(name, _)| *name).join(" or "))),
    }
}

/// Reads a number within `range`.
pub fn number<N: FromStr + PartialOrd + Display>(range: RangeInclusive<N>) -> impl Fn(&str) -> Parsed<N> {
    move |text| {
        let number = parse_number(text).filter(|number| range.contains(number));
        number.ok_or_else(|| format!("write a number from {} to {}", range.start(), range.end()))
    }
}

/// Reads a number within `range`, for settings whose default is [`Auto`](super::DefaultValue::Auto).
pub fn number_or_auto<N>(range: RangeInclusive<N>) -> impl Fn(&str) -> Parsed<N>
where
    N: FromStr + PartialOrd + Display,
{
    let number = number(range);
    move |text| number(text).map_err(|problem| problem.replacen("write", "write auto, or", 1))
}

/// Reads a duration such as `90s` or `1h 30m`: whole seconds within `seconds`.
pub fn duration(seconds: RangeInclusive<u64>) -> impl Fn(&str) -> Parsed<Duration> {
    move |text| {
        let duration = humantime::parse_duration(text).ok();
        let whole =
            duration.filter(|duration| duration.subsec_nanos() == 0 && seconds.contains(&duration.as_secs()));
        let ends = [*seconds.start(), *seconds.end()]
            .map(|end| humantime::format_duration(Duration::from_secs(end)).to_string());
        whole.ok_or_else(|| format!("write whole seconds from {}, such as 5s", ends.join(" to ")))
    }
}

/// Reads a secret of at least this many bytes, exactly as it is written. Make its setting
/// [hidden](super::Setting::hidden) too.
pub fn secret(bytes: usize) -> impl Fn(&str) -> Parsed<SecretString> {
    move |text| match text.len() >= bytes {
        true => Ok(SecretString::from(text)),
        false => Err(format!(
            "must be at least {bytes} bytes; make one with `head -c {bytes} /dev/urandom | base64`"
        )),
    }
}
