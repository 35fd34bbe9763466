//! Numbers as people and programs write them.

use std::str::FromStr;

/// Parses a decimal number. The standard library also takes `+5` and `007`, which not every program reads as the same
/// number, and in which `+` may have been a space.
pub fn parse_number<N: FromStr>(text: &str) -> Option<N> {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_canonical = are_digits(fraction) && are_digits(whole) && (whole == "0" || !whole.starts_with('0'));
    if is_canonical && text != "-0" { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(["0", "5", "65535"].map(parse_number::<u16>), [Some(0), Some(5), Some(65_535)]);
        assert_eq!(parse_number::<i64>("-12"), Some(-12));
        assert_eq!(parse_number::<f64>("-0.5"), Some(-0.5));
        assert_eq!(["1e3", "inf", "NaN", ".5", "5."].map(parse_number::<f64>), [None; 5]);
        for wrong in
            ["", "+5", "05", "00", "-0", "-", "--1", " 5", "5 ", "5.0", "1e3", "0x5", "٥", "-1", "65536"]
        {
            assert_eq!(parse_number::<u16>(wrong), None, "{wrong:?}");
        }
    }
}
