//! Additional members of bodies: a JSON body has none, and a form may have parameters that the server ignores
//! (RFC 6749 §3.2). A schema says nothing of those, because a generated type cannot have a type for all other members
//! beside optional ones.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::http::kit::{BodyDescription, FORM, MOST_PARAMETERS};

/// Sets `additionalProperties` in each schema of a JSON body, and `maxProperties` in that of a form.
pub(crate) fn close<'a>(
    schemas: &mut BTreeMap<String, Value>,
    bodies: impl Iterator<Item = &'a BodyDescription>,
) {
    for body in bodies {
        let (mut next, mut seen) = (names_in(&json!(body.schema)), BTreeSet::new());
        while let Some(name) = next.pop() {
            let Some(schema) = schemas.get_mut(&name).filter(|_| seen.insert(name)) else { continue };
            next.extend(names_in(schema));
            let Some(members) = schema.as_object_mut().filter(|schema| schema.contains_key("properties"))
            else {
                continue;
            };
            if body.media_type == FORM {
                members.insert("maxProperties".to_owned(), MOST_PARAMETERS.into());
            } else {
                members.entry("additionalProperties").or_insert(Value::Bool(false));
            }
        }
    }
}

/// Returns the names of the schemas that a schema refers to.
fn names_in(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, member)| match (name.as_str(), member.as_str()) {
                ("$ref", Some(reference)) => reference.rsplit('/').take(1).map(str::to_owned).collect(),
                _ => names_in(member),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(names_in).collect(),
        _ => Vec::new(),
    }
}
