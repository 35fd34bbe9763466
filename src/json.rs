//! Strict JSON parser (RFC 8259) for tokens and bodies: one value, no duplicate members, and a limited
//! depth.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Maximum depth of nested arrays and objects. It is below `serde_json`'s own limit, so that this module
/// reports the error.
const MAX_DEPTH: usize = 64;

/// Error of the parser.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// The bytes are not one JSON value in UTF-8. The detail names the position and quotes nothing.
    #[error("not valid JSON: {0}")]
    Malformed(String),
    /// An object has this member twice. Parsers differ in which one they take (RFC 8259 §4). The name is
    /// text of the sender.
    #[error("a member is named twice")]
    DuplicateMember(String),
    /// Arrays and objects are nested more than 64 levels deep.
    #[error("nested too deeply")]
    TooDeep,
}

/// Parses one JSON value.
///
/// # Errors
/// See [`JsonError`]; also when anything but white space follows the value.
pub fn parse_strict(bytes: &[u8]) -> Result<Value, JsonError> {
    let refusal = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = Strict { refusal: &refusal, levels: MAX_DEPTH }
        .deserialize(&mut reader)
        .and_then(|value| reader.end().map(|()| value));
    read.map_err(|error| refusal.into_inner().unwrap_or_else(|| JsonError::Malformed(error.to_string())))
}

/// Visitor that accepts `levels` more levels. It stores its own error in `refusal`, because an error of
/// `serde_json` carries only text.
#[derive(Clone, Copy)]
struct Strict<'a> {
    refusal: &'a RefCell<Option<JsonError>>,
    levels: usize,
}

impl Strict<'_> {
    fn refuse<E: serde::de::Error>(&self, why: JsonError) -> E {
        let error = E::custom(&why);
        *self.refusal.borrow_mut() = Some(why);
        error
    }

    fn inside<E: serde::de::Error>(self) -> Result<Self, E> {
        let levels = if fault!(depth_not_bounded) { Some(MAX_DEPTH) } else { self.levels.checked_sub(1) };
        match levels {
            Some(levels) => Ok(Self { levels, ..self }),
            None => Err(self.refuse(JsonError::TooDeep)),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut array = Vec::new();
        while let Some(element) = elements.next_element_seed(inside)? {
            array.push(element);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inside = self.inside()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if object.contains_key(&name) && !fault!(duplicate_members_taken) {
                return Err(self.refuse(JsonError::DuplicateMember(name)));
            }
            object.insert(name, members.next_value_seed(inside)?);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Value, JsonError> {
        parse_strict(text.as_bytes())
    }

    fn malformed(bytes: &[u8]) -> bool {
        matches!(parse_strict(bytes), Err(JsonError::Malformed(_)))
    }

    #[test]
    fn parses_every_kind_of_value() {
        let text = r#"{"z":[null,true,-1,18446744073709551615,1.5,"é"],"a":{"b":{}}}"#;
        let value = parse(text).unwrap();
        assert_eq!(value.to_string(), text);
        assert_eq!(parse(" 1 ").unwrap(), 1);
    }

    #[test]
    fn keeps_integers_and_floats_apart() {
        assert!(parse("1").unwrap().is_i64());
        for float in ["1.0", "1e3", "-0"] {
            assert!(parse(float).unwrap().is_f64(), "{float}");
        }
    }

    #[test]
    fn refuses_duplicate_members_at_any_depth_and_spelling() {
        let twice = |name: &str| Err(JsonError::DuplicateMember(name.to_owned()));
        assert_eq!(parse(r#"{"a":1,"a":1}"#), twice("a"));
        assert_eq!(parse(r#"[{"b":{"a":1,"c":2,"\u0061":3}}]"#), twice("a"));
        assert_eq!(parse(r#"{"":1,"":2}"#), twice(""));
        assert!(parse(r#"{"a":{"a":1},"A":2,"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn refuses_anything_but_one_json_value_in_utf_8() {
        for text in [
            "",
            " ",
            "{",
            "1 2",
            "{}{}",
            "[1,]",
            "{\"a\":1,}",
            "NaN",
            "1e400",
            "'a'",
            "\"\\ud800\"",
            "\u{feff}1",
        ] {
            assert!(malformed(text.as_bytes()), "{text:?}");
        }
        assert!(malformed(b"\"\xff\""));
    }

    #[test]
    fn detail_quotes_no_input() {
        for text in [r#"{"hunter2":tru}"#, r#""hunter2"#, r#"{"a":"b"} hunter2"#, r#"["hunter2\ud800"]"#] {
            assert!(!parse(text).unwrap_err().to_string().contains("hunter2"), "{text}");
        }
    }

    #[test]
    fn accepts_64_levels_and_refuses_more() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(parse(&nested(64)).is_ok());
        assert_eq!(parse(&nested(65)), Err(JsonError::TooDeep));
        assert_eq!(parse(&"[".repeat(100_000)), Err(JsonError::TooDeep));
        assert_eq!(parse(&r#"{"a":"#.repeat(100_000)), Err(JsonError::TooDeep));
    }
}
