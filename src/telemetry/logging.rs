//! The log on standard error: one record is one line, whatever its message holds.

use std::fmt::Display;
use std::io::Write as _;

use env_logger::{Builder, Target};
use serde_json::json;

use crate::config::LogFormat;

/// Starts the log, for the whole process and once: a later call changes nothing. `filter` is in
/// env_logger's syntax.
pub fn init(format: LogFormat, filter: &str) {
    let mut builder = Builder::new();
    builder.parse_filters(filter).target(Target::Stderr);
    builder.format(move |out, record| {
        let time = out.timestamp_millis();
        let (level, target, message) = (record.level(), record.target(), record.args().to_string());
        let line = match format {
            LogFormat::Text => {
                let style = out.default_level_style(level);
                text_line(time, format_args!("{style}{level:<5}{style:#}"), target, &message)
            }
            LogFormat::Json => json_line(time, level, target, &message),
        };
        writeln!(out, "{line}")
    });
    // Only a second start can fail, and the first one stands.
    let _ = builder.try_init();
}

/// A line for people.
fn text_line(time: impl Display, level: impl Display, target: &str, message: &str) -> String {
    let escape = |text: &str| escape_with(text, |c| c.escape_default().to_string());
    format!("{time} {level} {} {}", escape(target), escape(message))
}

/// A line for programs.
fn json_line(time: impl Display, level: impl Display, target: &str, message: &str) -> String {
    let object = json!({
        "ts": time.to_string(),
        "level": level.to_string(),
        "target": target,
        "message": message,
    });
    // JSON itself lets some of them stand, and a terminal obeys them.
    escape_with(&object.to_string(), |c| format!("\\u{:04x}", u32::from(c)))
}

/// Escapes what could forge a line or deceive a terminal: control characters, line and paragraph
/// separators, and those that turn the direction of writing.
fn escape_with(text: &str, escape: impl Fn(char) -> String) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => escaped += &escape(c),
            _ if c.is_control() => escaped += &escape(c),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIME: &str = "2026-11-23T10:00:00.000Z";
    const HOSTILE: &str = "a\r\n2026 INFO b\u{1b}[31m\u{9b}\u{85}\u{7f}\u{2028}\u{2029}\u{202e}\t\0é";

    #[test]
    fn a_text_line_reads_time_level_target_message() {
        let line = text_line(TIME, format_args!("{:<5}", log::Level::Info), "cloakroom::app", "up");
        assert_eq!(line, "2026-11-23T10:00:00.000Z INFO  cloakroom::app up");
    }

    #[test]
    fn input_cannot_forge_a_text_line() {
        let line = text_line(TIME, "INFO", "t\n", HOSTILE);
        assert_eq!(
            line,
            "2026-11-23T10:00:00.000Z INFO t\\n a\\r\\n2026 INFO b\\u{1b}[31m\\u{9b}\\u{85}\
             \\u{7f}\\u{2028}\\u{2029}\\u{202e}\\t\\u{0}é"
        );
    }

    #[test]
    fn a_json_line_is_one_object_that_gives_the_message_back() {
        let line = json_line(TIME, log::Level::Warn, "cloakroom", HOSTILE);
        assert!(!line.chars().any(|c| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c)));
        let object: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        let expected = json!({"ts": TIME, "level": "WARN", "target": "cloakroom", "message": HOSTILE});
        assert_eq!(object, expected);
    }
}
