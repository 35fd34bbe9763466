//! The checks that any setting may want. Each makes a function from the text of a setting to its
//! value, or to what to write instead; whatever else does so can stand in its place.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use secrecy::SecretString;

/// The value, or what to write instead, such as `write a number from 1 to 9`: it stands behind the
/// name of the variable and what was written there.
pub type Parsed<T> = Result<T, String>;

/// Nothing for an empty text, which is what a setting without a value is: for settings whose
/// default is [`Unset`](super::DefaultValue::Unset).
pub fn optional<T>(parse: impl Fn(&str) -> Parsed<T>) -> impl Fn(&str) -> Parsed<Option<T>> {
    move |text| if text.is_empty() { Ok(None) } else { parse(text).map(Some) }
}

/// Values separated by commas, and none for an empty text.
pub fn list<T>(parse: impl Fn(&str) -> Parsed<T>) -> impl Fn(&str) -> Parsed<Vec<T>> {
    move |text| {
        let values = text.split(',').map(str::trim).filter(|_| !text.is_empty());
        values.map(&parse).collect()
    }
}

/// Any text.
pub fn text(text: &str) -> Parsed<String> {
    Ok(text.to_owned())
}

/// A path, whether or not something is there.
pub fn path(text: &str) -> Parsed<PathBuf> {
    if text.contains(char::is_control) {
        return Err("write a path without control characters".to_owned());
    }
    Ok(PathBuf::from(text))
}

/// One of these names, for the value beside it. A switch is
/// `choice([("on", true), ("off", false)])`.
pub fn choice<T: Clone, const N: usize>(choices: [(&'static str, T); N]) -> impl Fn(&str) -> Parsed<T> {
    move |text| match choices.iter().find(|(name, _)| *name == text) {
        Some((_, value)) => Ok(value.clone()),
        None => Err(format!("write {}", choices.each_ref().map(|(name, _)| *name).join(" or "))),
    }
}

/// A number within `range`.
pub fn number<N: FromStr + PartialOrd + Display>(range: RangeInclusive<N>) -> impl Fn(&str) -> Parsed<N> {
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        number.ok_or_else(|| format!("write a number from {} to {}", range.start(), range.end()))
    }
}

/// A number within `range`, for settings whose default is [`Auto`](super::DefaultValue::Auto).
pub fn number_or_auto<N>(range: RangeInclusive<N>) -> impl Fn(&str) -> Parsed<N>
where
    N: FromStr + PartialOrd + Display,
{
    let number = number(range);
    move |text| number(text).map_err(|problem| problem.replacen("write", "write auto, or", 1))
}

/// A time such as `90s` or `1h 30m`, in whole seconds, as many as `seconds` has.
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

/// A secret of at least so many bytes, as they are written. Its setting wants to be
/// [hidden](super::Setting::hidden) too.
pub fn secret(bytes: usize) -> impl Fn(&str) -> Parsed<SecretString> {
    move |text| match text.len() >= bytes {
        true => Ok(SecretString::from(text)),
        false => Err(format!(
            "must be at least {bytes} bytes; make one with `head -c {bytes} /dev/urandom | base64`"
        )),
    }
}
