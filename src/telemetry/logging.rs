//! The log on standard error: one record is one line, whatever its message and its fields hold.

use std::fmt::Display;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use env_logger::{Builder, Target};
use log::LevelFilter;
use log::kv::{self, Source, VisitSource, VisitValue};
use serde_json::{Map, Value};

/// Target of the access log.
pub(crate) const ACCESS: &str = "access";

/// Set when each request has a line in the access log.
static ACCESS_LOG: AtomicBool = AtomicBool::new(false);

/// Format of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people: the message, then the fields as `name=value`.
    Text,
    /// For programs: one JSON object on each line.
    Json,
}

/// Starts the log for the whole process. Only the first call has an effect. `filter` has env_logger's
/// syntax; the access log does not depend on it.
pub fn init(format: LogFormat, filter: &str, access_log: bool) {
    let mut builder = Builder::new();
    let level = default_level(filter);
    // At `info` actix says only how many workers it starts, which tells an operator nothing.
    builder.filter_module("actix_server", level.min(LevelFilter::Warn));
    // The HTTP library writes an error for each malformed request. A stranger would fill the disk with them.
    if level < LevelFilter::Debug {
        builder.filter_module("actix_http", LevelFilter::Off);
    }
    builder.parse_filters(filter);
    if access_log {
        builder.filter_module(ACCESS, level.max(LevelFilter::Info));
    }
    builder.target(Target::Stderr).format(move |out, record| {
        let time = out.timestamp_millis();
        let (level, target, message) = (record.level(), record.target(), record.args().to_string());
        let fields = Fields::of(record.key_values());
        let line = match format {
            LogFormat::Text => {
                let style = out.default_level_style(level);
                text_line(time, format_args!("{style}{level:<5}{style:#}"), target, &message, &fields)
            }
            LogFormat::Json => json_line(time, level, target, message, fields),
        };
        writeln!(out, "{line}")
    });
    if builder.try_init().is_ok() {
        ACCESS_LOG.store(access_log, Ordering::Relaxed);
    }
}

/// Returns true when each request has a line in the access log.
pub(crate) fn access_log() -> bool {
    ACCESS_LOG.load(Ordering::Relaxed)
}

/// Returns the level for targets that `filter` does not name.
fn default_level(filter: &str) -> LevelFilter {
    let directives = filter.split('/').next().unwrap_or_default().split(',');
    directives.filter_map(|directive| directive.trim().parse().ok()).next_back().unwrap_or(LevelFilter::Off)
}

/// Fields of a record, in their order. A field without a value is left out.
struct Fields(Map<String, Value>);

impl Fields {
    fn of(source: &dyn Source) -> Self {
        let mut fields = Self(Map::new());
        // Collecting does not fail.
        let _ = source.visit(&mut fields);
        fields
    }
}

impl<'a> VisitSource<'a> for Fields {
    fn visit_pair(&mut self, key: kv::Key<'a>, value: kv::Value<'a>) -> Result<(), kv::Error> {
        let mut field = Field(Value::Null);
        value.visit(&mut field)?;
        if !field.0.is_null() {
            self.0.insert(key.as_str().to_owned(), field.0);
        }
        Ok(())
    }
}

/// Value of a field: a number and a boolean stay what they are, all else is text.
struct Field(Value);

impl<'a> VisitValue<'a> for Field {
    fn visit_any(&mut self, value: kv::Value<'_>) -> Result<(), kv::Error> {
        self.0 = value.to_string().into();
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), kv::Error> {
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), kv::Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), kv::Error> {
        self.0 = value.into();
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), kv::Error> {
        self.0 = value.into();
        Ok(())
    }
}

/// Returns a line for people.
fn text_line(
    time: impl Display,
    level: impl Display,
    target: &str,
    message: &str,
    fields: &Fields,
) -> String {
    let escape = |text: &str| escape_with(text, |c| c.escape_default().to_string());
    let fields = fields.0.iter().map(|(name, value)| {
        // A plain value needs no quotes; in quotes, a value cannot pass for the next field.
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.:/{}".contains(c);
        match value {
            Value::String(text) if text.is_empty() || !text.chars().all(is_plain) => {
                format!(" {name}={}", escape(&format!("{text:?}")))
            }
            Value::String(text) => format!(" {name}={text}"),
            other => format!(" {name}={other}"),
        }
    });
    format!("{time} {level} {} {}{}", escape(target), escape(message), fields.collect::<String>())
}

/// Returns a line for programs: the four members of every line, then the fields.
fn json_line(
    time: impl Display,
    level: impl Display,
    target: &str,
    message: String,
    fields: Fields,
) -> String {
    let own = [
        ("ts", time.to_string()),
        ("level", level.to_string()),
        ("target", target.to_owned()),
        ("message", message),
    ];
    let mut object: Map<String, Value> =
        own.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect();
    for (name, value) in fields.0 {
        object.entry(name).or_insert(value);
    }
    // JSON does not escape all characters that change what a terminal shows.
    escape_with(&Value::from(object).to_string(), |c| format!("\\u{:04x}", u32::from(c)))
}

/// Escapes the characters that can forge a line or deceive a terminal: control characters, line and
/// paragraph separators, and those that change the writing direction.
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
    use serde_json::json;

    const TIME: &str = "2026-11-23T10:00:00.000Z";
    const HOSTILE: &str = "a\r\n2026 INFO b\u{1b}[31m\u{9b}\u{85}\u{7f}\u{2028}\u{2029}\u{202e}\t\0é";

    fn fields(of: &[(&str, Value)]) -> Fields {
        Fields(of.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
    }

    #[test]
    fn a_text_line_has_time_level_target_message_and_fields() {
        let fields = fields(&[
            ("request_id", json!("a-1")),
            ("status", json!(200)),
            ("caller", json!("user 1")),
            ("path", json!("/a b=\"c\" d=e")),
        ]);
        let line = text_line(TIME, format_args!("{:<5}", log::Level::Info), "cloakroom::app", "up", &fields);
        assert_eq!(
            line,
            "2026-11-23T10:00:00.000Z INFO  cloakroom::app up request_id=a-1 status=200 caller=\"user 1\" \
             path=\"/a b=\\\"c\\\" d=e\""
        );
    }

    #[test]
    fn input_cannot_forge_a_text_line() {
        let line = text_line(TIME, "INFO", "t\n", HOSTILE, &fields(&[("path", json!(HOSTILE))]));
        assert!(
            line.starts_with(
                "2026-11-23T10:00:00.000Z INFO t\\n a\\r\\n2026 INFO b\\u{1b}[31m\\u{9b}\\u{85}\
                 \\u{7f}\\u{2028}\\u{2029}\\u{202e}\\t\\u{0}é path=\"a\\r\\n2026 INFO b"
            ),
            "{line}"
        );
        assert!(!line.chars().any(|c| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c)), "{line:?}");
    }

    #[test]
    fn a_json_line_is_one_object_that_gives_everything_back() {
        let fields = fields(&[("path", json!(HOSTILE)), ("status", json!(404)), ("level", json!("forged"))]);
        let line = json_line(TIME, log::Level::Warn, "cloakroom", HOSTILE.to_owned(), fields);
        assert!(!line.chars().any(|c| c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c)));
        let object: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(
            object,
            json!({
                "ts": TIME, "level": "WARN", "target": "cloakroom", "message": HOSTILE,
                "path": HOSTILE, "status": 404,
            })
        );
    }

    #[test]
    fn fields_keep_their_types_and_leave_out_what_is_unknown() {
        let pairs: &[(&str, kv::Value<'_>)] = &[
            ("count", 3_u16.into()),
            ("ratio", 0.5.into()),
            ("done", true.into()),
            ("name", kv::Value::from_display(&"ada")),
            ("nothing", kv::Value::null()),
        ];
        assert_eq!(
            Value::from(Fields::of(&pairs).0),
            json!({ "count": 3, "ratio": 0.5, "done": true, "name": "ada" })
        );
    }

    #[test]
    fn the_default_level_is_the_last_one_without_a_module() {
        for (filter, level) in [
            ("info", LevelFilter::Info),
            ("off", LevelFilter::Off),
            ("cloakroom=debug", LevelFilter::Off),
            ("warn,cloakroom::store=debug/words", LevelFilter::Warn),
        ] {
            assert_eq!(default_level(filter), level, "{filter}");
        }
    }
}
