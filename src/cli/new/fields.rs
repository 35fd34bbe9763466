//! Fields of a resource, as the command line names them: `status:enum(draft,placed) total:int note:text?`.

use std::collections::BTreeSet;

use super::words::{KEYWORDS, capitalised, is_identifier};

/// Names that the templates use for something else.
const TAKEN: &[&str] = &[
    "body",
    "change",
    "created_at",
    "id",
    "if_match",
    "made",
    "new",
    "now",
    "owner_id",
    "reach",
    "revision",
    "store",
    "type",
    "updated_at",
];

/// Most values of an enumeration.
const MOST_VALUES: usize = 20;

/// Field of a record.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) is_optional: bool,
}

#[derive(Debug)]
pub(super) enum Kind {
    Text,
    Integer,
    Number,
    Boolean,
    /// The values.
    Enumeration(Vec<String>),
}

impl Field {
    /// Parses a field.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, kind) =
            text.split_once(':').ok_or_else(|| format!("{text:?} has no type: write it like total:int"))?;
        if !is_identifier(name) || KEYWORDS.contains(&name) || TAKEN.contains(&name) {
            return Err(format!("{name:?} cannot be the name of a field"));
        }
        let (kind, is_optional) = kind.strip_suffix('?').map_or((kind, false), |kind| (kind, true));
        let values = kind.strip_prefix("enum(").and_then(|rest| rest.strip_suffix(')'));
        let kind = match (kind, values) {
            ("text", _) => Kind::Text,
            ("int", _) => Kind::Integer,
            ("number", _) => Kind::Number,
            ("bool", _) if is_optional => {
                return Err(format!("{name}: a bool cannot be left out; use an enum of three values"));
            }
            ("bool", _) => Kind::Boolean,
            (_, Some(values)) => Kind::Enumeration(values_of(name, values)?),
            _ => {
                return Err(format!(
                    "{name}: the type {kind:?} is none of text, int, number, bool, enum(a,b)"
                ));
            }
        };
        Ok(Self { name: name.to_owned(), kind, is_optional })
    }
}

/// Returns a name that two of the fields have.
pub(super) fn repeated(fields: &[Field]) -> Option<&str> {
    let mut places = fields.iter().enumerate();
    places.find_map(|(place, field)| {
        let mut others = fields.iter().take(place);
        others.any(|other| other.name == field.name).then_some(field.name.as_str())
    })
}

fn values_of(name: &str, values: &str) -> Result<Vec<String>, String> {
    let is_value = |value: &str| {
        value.starts_with(|c: char| c.is_ascii_lowercase())
            && value.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let values: Vec<String> = values.split(',').map(|value| value.trim().to_owned()).collect();
    if let Some(value) = values.iter().find(|value| !is_value(value)) {
        return Err(format!("{name}: {value:?} cannot be a value: write it like draft or in-transit"));
    }
    let variants: BTreeSet<String> = values.iter().map(|value| variant(value)).collect();
    if variants.len() < values.len() || values.len() > MOST_VALUES {
        return Err(format!("{name}: an enum has up to {MOST_VALUES} different values"));
    }
    Ok(values)
}

pub(super) fn variant(value: &str) -> String {
    value.split('-').map(capitalised).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_cannot_be_a_field() {
        for (field, words) in [
            ("total", "has no type"),
            ("Total:int", "cannot be the name"),
            ("id:text", "cannot be the name"),
            ("type:text", "cannot be the name"),
            ("match:text", "cannot be the name"),
            ("total:money", "is none of"),
            ("paid:bool?", "cannot be left out"),
            ("state:enum()", "cannot be a value"),
            ("state:enum(Draft)", "cannot be a value"),
            ("state:enum(a,a)", "different values"),
            ("state:enum(a", "is none of"),
        ] {
            let refused = Field::parse(field).unwrap_err();
            assert!(refused.contains(words), "{field}: {refused}");
        }
    }
}
