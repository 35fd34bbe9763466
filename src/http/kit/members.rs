//! The members of a JSON object, of a body or inside one.

use serde_json::{Map, Value};

use super::problem::BrokenRule;
use crate::domain::Invalid;

/// More broken rules than a person would read are not listed.
const MOST_BROKEN_RULES: usize = 100;

/// The members of a JSON object: each is taken once, and what is wrong is collected.
pub struct Members {
    object: Map<String, Value>,
    pointer: String,
    errors: Vec<BrokenRule>,
}

/// A member that may be left out, and may be null.
#[derive(Debug, PartialEq, Eq)]
pub enum Given<T> {
    /// It is not there.
    Absent,
    /// It is null.
    Null,
    /// It has a value.
    Value(T),
}

impl<T> Given<T> {
    /// Carries a merge patch out (RFC 7396): null unsets, what is absent stays.
    pub fn apply(self, member: &mut Option<T>) {
        match self {
            Given::Value(value) => *member = Some(value),
            Given::Null => *member = None,
            Given::Absent => {}
        }
    }

    /// The value, if there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Given::Value(value) => Some(value),
            Given::Absent | Given::Null => None,
        }
    }
}

impl Members {
    pub(crate) fn of(object: Map<String, Value>, pointer: &str) -> Self {
        Self { object, pointer: pointer.to_owned(), errors: Vec::new() }
    }

    fn pointer_to(&self, name: &str) -> String {
        format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1"))
    }

    /// Notes that a member breaks a rule.
    pub fn broken(&mut self, name: &str, rule: Invalid) {
        let pointer = self.pointer_to(name);
        self.errors.push(BrokenRule { pointer, code: rule.code, detail: rule.detail });
    }

    /// Takes a member out, whatever it is.
    fn take(&mut self, name: &str) -> Given<Value> {
        match self.object.shift_remove(name) {
            None => Given::Absent,
            Some(Value::Null) => Given::Null,
            Some(value) => Given::Value(value),
        }
    }

    /// A text that may be left out or null.
    pub fn text<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, Invalid>) -> Given<T> {
        let rule = match self.take(name) {
            Given::Absent => return Given::Absent,
            Given::Null => return Given::Null,
            Given::Value(Value::String(text)) => match parse(&text) {
                Ok(value) => return Given::Value(value),
                Err(rule) => rule,
            },
            Given::Value(_) => Invalid::new("wrong-type", "must be a string"),
        };
        self.broken(name, rule);
        Given::Absent
    }

    /// A text that may be left out, but not be null: in a merge patch (RFC 7396), one that cannot
    /// be unset.
    pub fn optional_text<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        let given = self.text(name, parse);
        if matches!(given, Given::Null) {
            self.required(name);
        }
        given.value()
    }

    /// A text that must be there.
    pub fn required_text<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        let before = self.errors.len();
        let value = self.text(name, parse).value();
        if value.is_none() && self.errors.len() == before {
            self.required(name);
        }
        value
    }

    /// A text that must be there under a condition; without it the member is unknown.
    pub fn required_text_if<T>(
        &mut self,
        name: &str,
        condition: bool,
        parse: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<Option<T>> {
        if condition { self.required_text(name, parse).map(Some) } else { Some(None) }
    }

    /// True or false; may be left out, but not be null.
    pub fn boolean(&mut self, name: &str) -> Option<bool> {
        match self.take(name) {
            Given::Absent => None,
            Given::Value(Value::Bool(value)) => Some(value),
            _ => {
                self.broken(name, Invalid::new("wrong-type", "must be true or false"));
                None
            }
        }
    }

    /// True or false; must be there.
    pub fn required_boolean(&mut self, name: &str) -> Option<bool> {
        let before = self.errors.len();
        let value = self.boolean(name);
        if value.is_none() && self.errors.len() == before {
            self.required(name);
        }
        value
    }

    /// A list of texts; may be left out, but not be null.
    pub fn texts<T>(&mut self, name: &str, parse: impl Fn(&str) -> Result<T, Invalid>) -> Option<Vec<T>> {
        let items = match self.take(name) {
            Given::Absent => return None,
            Given::Value(Value::Array(items)) => items,
            _ => {
                self.broken(name, Invalid::new("wrong-type", "must be an array of strings"));
                return None;
            }
        };
        let list = self.pointer_to(name);
        let mut values = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let parsed =
                item.as_str().ok_or_else(|| Invalid::new("wrong-type", "must be a string")).and_then(&parse);
            match parsed {
                Ok(value) => values.push(value),
                Err(rule) => {
                    let pointer = format!("{list}/{index}");
                    self.errors.push(BrokenRule { pointer, code: rule.code, detail: rule.detail });
                }
            }
        }
        Some(values)
    }

    /// A list of texts that must be there.
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

    /// A value of any JSON type; may be left out or null.
    pub fn json<T>(&mut self, name: &str, parse: impl FnOnce(&Value) -> Result<T, Invalid>) -> Given<T> {
        match self.take(name) {
            Given::Absent => Given::Absent,
            Given::Null => Given::Null,
            Given::Value(value) => match parse(&value) {
                Ok(value) => Given::Value(value),
                Err(rule) => {
                    self.broken(name, rule);
                    Given::Absent
                }
            },
        }
    }

    /// Whether the member, or what is in it, breaks a rule as far as it was read.
    pub fn is_broken(&self, name: &str) -> bool {
        let pointer = self.pointer_to(name);
        let within = |rule: &BrokenRule| {
            rule.pointer.strip_prefix(&pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        self.errors.iter().any(within)
    }

    /// An object with rules of its own; may be left out, but not be null.
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
                self.broken(name, Invalid::new("wrong-type", "must be an object"));
                None
            }
        }
    }

    /// Notes that a member which must be there is not.
    pub fn required(&mut self, name: &str) {
        self.broken(name, Invalid::new("required", "is required"));
    }

    /// Members that exist but are not the caller's to write.
    pub fn read_only(&mut self, names: &[&str]) {
        for name in names {
            if self.object.shift_remove(*name).is_some() {
                self.broken(name, Invalid::new("read-only", "is not yours to write"));
            }
        }
    }

    pub(crate) fn finish(&mut self) -> Vec<BrokenRule> {
        let unknown: Vec<String> = self.object.keys().take(MOST_BROKEN_RULES).cloned().collect();
        for name in unknown {
            self.broken(&name, Invalid::new("unknown", "is not a member that this route knows"));
        }
        self.errors.truncate(MOST_BROKEN_RULES);
        std::mem::take(&mut self.errors)
    }
}
