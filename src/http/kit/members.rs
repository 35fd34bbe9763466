//! Members of a JSON object: of a body, or of an object inside a body.

use std::ops::RangeInclusive;
use std::str::FromStr;

use serde_json::{Map, Value};

use super::BrokenRule;
use super::given::Given;
use super::json_rules::{no_nul_within, number, parsed, whole_number, wrong_type};
use crate::domain::Invalid;

/// Largest number of broken rules in a response.
const MOST_BROKEN_RULES: usize = 100;

/// Members of a JSON object. Each is read once, and broken rules are collected.
pub struct Members {
    object: Map<String, Value>,
    pointer: String,
    errors: Vec<BrokenRule>,
}

impl Members {
    pub(crate) fn of(object: Map<String, Value>, pointer: &str) -> Self {
        Self { object, pointer: pointer.to_owned(), errors: Vec::new() }
    }

    fn pointer_to(&self, name: &str) -> String {
        format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1"))
    }

    /// Reports that a member breaks a rule.
    pub fn broken(&mut self, name: &str, rule: Invalid) {
        let pointer = self.pointer_to(name);
        self.errors.push(BrokenRule::new(pointer, rule));
    }

    /// Returns the text of a member, which stays.
    pub(crate) fn peek_text(&self, name: &str) -> Option<&str> {
        self.object.get(name).and_then(Value::as_str)
    }

    /// True when the object has the member.
    pub(super) fn has(&self, name: &str) -> bool {
        self.object.contains_key(name)
    }

    /// Removes a member of any type.
    fn take(&mut self, name: &str) -> Given<Value> {
        match self.object.shift_remove(name) {
            None => Given::Absent,
            Some(Value::Null) => Given::Null,
            Some(value) => Given::Value(value),
        }
    }

    /// Reads a text that may be left out or null. A text with U+0000 breaks a rule, whatever `parse` permits.
    pub fn text<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, Invalid>) -> Given<T> {
        let rule = match self.take(name) {
            Given::Absent => return Given::Absent,
            Given::Null => return Given::Null,
            Given::Value(Value::String(text)) => match parsed(&text, parse) {
                Ok(value) => return Given::Value(value),
                Err(rule) => rule,
            },
            Given::Value(_) => wrong_type("string", "must be a string"),
        };
        self.broken(name, rule);
        Given::Absent
    }

    /// Reads a text that may be left out but not be null: in a merge patch (RFC 7396), a value that cannot be
    /// removed.
    pub fn optional_text<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        let given = self.text(name, parse);
        self.not_null(name, given)
    }

    /// Reads a required text.
    pub fn required_text<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        self.required_by(name, |members| members.text(name, parse))
    }

    /// Reads a text that is required if the condition holds. Otherwise the member is unknown.
    pub fn required_text_if<T>(
        &mut self,
        name: &str,
        condition: bool,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<Option<T>> {
        if condition { self.required_text(name, parse).map(Some) } else { Some(None) }
    }

    /// Returns the value of a member that may be left out but not be null.
    fn not_null<T>(&mut self, name: &str, given: Given<T>) -> Option<T> {
        if matches!(given, Given::Null) {
            self.required(name);
        }
        given.value()
    }

    /// Reads a whole number of this range, which may be left out or null.
    pub fn integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Given<i64> {
        self.json(name, |value| whole_number(value, &range))
    }

    /// Reads a whole number that may be left out but not be null.
    pub fn optional_integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let given = self.integer(name, range);
        self.not_null(name, given)
    }

    /// Reads a required whole number.
    pub fn required_integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        self.required_by(name, |members| members.integer(name, range))
    }

    /// Reads a number of this range, which may be left out or null.
    pub fn number(&mut self, name: &str, range: RangeInclusive<f64>) -> Given<f64> {
        self.json(name, |value| number(value, &range))
    }

    /// Reads a number that may be left out but not be null.
    pub fn optional_number(&mut self, name: &str, range: RangeInclusive<f64>) -> Option<f64> {
        let given = self.number(name, range);
        self.not_null(name, given)
    }

    /// Reads a required number.
    pub fn required_number(&mut self, name: &str, range: RangeInclusive<f64>) -> Option<f64> {
        self.required_by(name, |members| members.number(name, range))
    }

    /// Reads an id that may be left out or null.
    pub fn id<T: FromStr>(&mut self, name: &str) -> Given<T> {
        self.text(name, |text| text.parse().map_err(|_| Invalid::new("invalid-id", "must be an id")))
    }

    /// Reads a required id.
    pub fn required_id<T: FromStr>(&mut self, name: &str) -> Option<T> {
        self.required_by(name, |members| members.id(name))
    }

    /// Reads a member that must not be missing or null.
    fn required_by<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> Given<T>) -> Option<T> {
        let before = self.errors.len();
        let value = read(self).value();
        if value.is_none() && self.errors.len() == before {
            self.required(name);
        }
        value
    }

    /// Reads a boolean that may be left out but not be null.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.take(name) {
            Given::Absent => None,
            Given::Value(Value::Bool(value)) => Some(value),
            _ => {
                self.broken(name, wrong_type("boolean", "must be true or false"));
                None
            }
        }
    }

    /// Reads a required boolean.
    pub fn required_boolean(&mut self, name: &str) -> Option<bool> {
        let before = self.errors.len();
        let value = self.boolean(name);
        if value.is_none() && self.errors.len() == before {
            self.required(name);
        }
        value
    }

    /// Reads an array of texts that may be left out but not be null.
    pub fn texts<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, Invalid>) -> Option<Vec<T>> {
        let items = match self.take(name) {
            Given::Absent => return None,
            Given::Value(Value::Array(items)) => items,
            _ => {
                self.broken(name, wrong_type("array", "must be an array of strings"));
                return None;
            }
        };
        let list = self.pointer_to(name);
        let mut values = Vec::new();
        for (index, item) in items.iter().enumerate() {
            // Further rules are not in the answer.
            if self.errors.len() >= MOST_BROKEN_RULES {
                break;
            }
            let text = item.as_str().ok_or_else(|| wrong_type("string", "must be a string"));
            match text.and_then(|text| parsed(text, &parse)) {
                Ok(value) => values.push(value),
                Err(rule) => {
                    let pointer = format!("{list}/{index}");
                    self.errors.push(BrokenRule::new(pointer, rule));
                }
            }
        }
        Some(values)
    }

    /// Reads a required array of texts.
    pub fn required_texts<T>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, Invalid>,
    ) -> Option<Vec<T>> {
        let before = self.errors.len();
        let values = self.texts(name, parse);
        if values.is_none() && self.errors.len() == before {
            self.required(name);
        }
        values
    }

    /// Reads a value of any JSON type that may be left out or null.
    pub fn json<T>(&mut self, name: &str, parse: impl FnOnce(&Value) -> Result<T, Invalid>) -> Given<T> {
        match self.take(name) {
            Given::Absent => Given::Absent,
            Given::Null => Given::Null,
            Given::Value(value) => {
                match parse(&value).and_then(|parsed| no_nul_within(&value).map(|()| parsed)) {
                    Ok(value) => Given::Value(value),
                    Err(rule) => {
                        self.broken(name, rule);
                        Given::Absent
                    }
                }
            }
        }
    }

    /// True when the member, or a member in it, breaks a rule that was checked already.
    pub fn is_broken(&self, name: &str) -> bool {
        let pointer = self.pointer_to(name);
        let within = |rule: &BrokenRule| {
            rule.pointer.strip_prefix(&pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.errors.iter().any(within)
    }

    /// Reads an object with its own members. It may be left out but not be null.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Members) -> Option<T>) -> Option<T> {
        match self.take(name) {
            Given::Absent => None,
            Given::Value(Value::Object(object)) => {
                let mut inner = Members::of(object, &self.pointer_to(name));
                let value = read(&mut inner);
                self.errors.append(&mut inner.finish());
                value
            }
            _ => {
                self.broken(name, wrong_type("object", "must be an object"));
                None
            }
        }
    }

    /// Reads a required object with its own members.
    pub fn required_object<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Members) -> Option<T>,
    ) -> Option<T> {
        if !self.object.contains_key(name) {
            self.required(name);
        }
        self.object(name, read)
    }

    /// Reports that a required member is missing.
    pub fn required(&mut self, name: &str) {
        self.broken(name, Invalid::new("required", "is required"));
    }

    /// Refuses members that exist but that the caller may not write.
    pub fn read_only(&mut self, names: &[&str]) {
        for name in names {
            if self.object.shift_remove(*name).is_some() && !fault!(read_only_ignored) {
                self.broken(name, Invalid::read_only());
            }
        }
    }

    /// Returns the broken rules. Each remaining member is an unknown one.
    pub(crate) fn finish(&mut self) -> Vec<BrokenRule> {
        let unknown: Vec<String> = self.object.keys().take(MOST_BROKEN_RULES).cloned().collect();
        for name in unknown.into_iter().filter(|_| !fault!(unknown_members_taken)) {
            self.broken(&name, Invalid::new("unknown", "is not a known member"));
        }
        self.errors.truncate(MOST_BROKEN_RULES);
        std::mem::take(&mut self.errors)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_read_as_json_means_them() {
        let read = |value: Value| {
            let mut members = Members::of(Map::from_iter([("n".to_owned(), value)]), "");
            let number = members.required_integer("n", -5..=1_000_000);
            let broken = members.finish().pop().map(|rule| rule.code);
            (number, broken)
        };
        for (value, number) in [(json!(7), 7), (json!(7.0), 7), (json!(1e6), 1_000_000), (json!(-5), -5)] {
            assert_eq!(read(value.clone()), (Some(number), None), "{value}");
        }
        let huge = serde_json::from_str("123456789012345678901234567890").unwrap();
        for (value, code) in [
            (json!(-6), "out-of-range"),
            (json!(1_000_001), "out-of-range"),
            (json!(1e300), "out-of-range"),
            (json!(u64::MAX), "out-of-range"),
            (huge, "out-of-range"),
            (json!(0.5), "wrong-type"),
            (json!("7"), "wrong-type"),
            (json!(true), "wrong-type"),
            (json!([7]), "wrong-type"),
            (json!(null), "required"),
        ] {
            assert_eq!(read(value.clone()), (None, Some(code)), "{value}");
        }
        let mut members = Members::of(Map::from_iter([("n".to_owned(), json!(0.25))]), "");
        assert_eq!(members.number("n", 0.0..=1.0), Given::Value(0.25));
        assert_eq!(members.optional_number("n", 0.0..=1.0), None);
    }

    #[test]
    fn u0000_breaks_a_rule_in_each_kind_of_text() {
        let Value::Object(object) = json!({
            "text": "a\0", "array": ["a", "\0"], "value": [{ "deep": "\0" }], "name": { "\0": 1 }, "inner": { "text": "\0" },
        }) else {
            panic!("an object")
        };
        let mut members = Members::of(object, "");
        let any = |text: &str| Ok(text.to_owned());
        members.text("text", any);
        members.texts("array", any);
        members.json("value", |value| Ok(value.clone()));
        members.json("name", |value| Ok(value.clone()));
        members.object("inner", |inner| inner.required_text("text", any));
        let broken = members.finish();
        let pointers: Vec<&str> = broken.iter().map(|rule| rule.pointer.as_str()).collect();
        assert_eq!(pointers, ["/text", "/array/1", "/value", "/name", "/inner/text"]);
        assert!(broken.iter().all(|rule| rule.code == "control-character"));
    }
}
