//! Examples of responses: the example of the type, or one made of the examples of its members.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Returns a value that is valid by the schema, which may refer to `schemas`.
pub(crate) fn of(schema: &Value, schemas: &BTreeMap<String, Value>) -> Value {
    at(schema, schemas, &Within { name: "", outer: None })
}

/// The enclosing schemas, so that a recursive schema ends.
struct Within<'a> {
    name: &'a str,
    outer: Option<&'a Within<'a>>,
}

impl Within<'_> {
    fn has(&self, name: &str) -> bool {
        self.name == name || self.outer.is_some_and(|outer| outer.has(name))
    }
}

fn at(schema: &Value, schemas: &BTreeMap<String, Value>, within: &Within<'_>) -> Value {
    if let Some(given) = given(schema) {
        return given.clone();
    }
    let deeper = |schema: &Value| at(schema, schemas, within);
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        let known = schemas.get(name).filter(|_| !within.has(name));
        return known
            .map_or(Value::Null, |schema| at(schema, schemas, &Within { name, outer: Some(within) }));
    }
    for either in ["oneOf", "anyOf"] {
        if let Some(first) = schema[either].as_array().and_then(|schemas| schemas.first()) {
            return deeper(first);
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let members = parts.iter().map(deeper).filter_map(|part| match part {
            Value::Object(members) => Some(members),
            _ => None,
        });
        return members.flatten().collect::<Map<_, _>>().into();
    }
    match kind(schema) {
        "object" => {
            let members = schema["properties"].as_object().into_iter().flatten();
            members.map(|(name, schema)| (name.clone(), deeper(schema))).collect::<Map<_, _>>().into()
        }
        "array" => json!([deeper(&schema["items"])]),
        "boolean" => json!(true),
        "integer" | "number" => schema["minimum"].as_i64().unwrap_or(1).max(1).into(),
        "string" => text(schema["format"].as_str().unwrap_or_default()).into(),
        _ => Value::Null,
    }
}

/// Returns the value that the schema itself names.
fn given(schema: &Value) -> Option<&Value> {
    let first = |name: &str| schema[name].as_array().and_then(|values| values.first());
    let own = |name: &str| schema.get(name);
    first("examples").or_else(|| own("example")).or_else(|| own("const")).or_else(|| first("enum"))
}

/// Returns the type; of several types, the first one that is not null.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default()
        }
        _ => "",
    }
}

fn text(format: &str) -> &'static str {
    match format {
        "uuid" => "019ab1f7-3c2a-7d41-9f3e-6b0d2c8a5e17",
        "date-time" => "2026-11-25T18:30:00.000Z",
        "date" => "1815-12-10",
        "email" => "ada@example.com",
        "uri" => "https://example.com/ada",
        "password" => "a most unusual passphrase",
        _ => "text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_is_made_of_its_members_examples() {
        let coat = json!({ "type": "object", "properties": {
            "colour": { "type": "string", "examples": ["blue"] },
            "peg": { "type": ["integer", "null"], "minimum": 17 },
            "kind": { "enum": ["loden", "mac"] },
            "brought_at": { "type": "string", "format": "date-time" },
            "wet": { "type": "boolean" },
        } });
        let schemas = BTreeMap::from([("Coat".to_owned(), coat)]);
        let list = json!({ "type": "array", "items": { "$ref": "#/components/schemas/Coat" } });
        let brought_at = "2026-11-25T18:30:00.000Z";
        let coat =
            json!({ "colour": "blue", "peg": 17, "kind": "loden", "brought_at": brought_at, "wet": true });
        assert_eq!(of(&list, &schemas), json!([coat]));
    }

    #[test]
    fn takes_the_first_alternative_and_merges_all_of() {
        let schemas = BTreeMap::new();
        assert_eq!(of(&json!({ "oneOf": [{ "const": 1 }, { "type": "null" }] }), &schemas), json!(1));
        let part = |name: &str| json!({ "type": "object", "properties": { name: { "const": name } } });
        let whole = json!({ "allOf": [part("a"), part("b")] });
        assert_eq!(of(&whole, &schemas), json!({ "a": "a", "b": "b" }));
    }

    #[test]
    fn a_recursive_schema_ends() {
        let tree =
            json!({ "type": "object", "properties": { "child": { "$ref": "#/components/schemas/Tree" } } });
        let schemas = BTreeMap::from([("Tree".to_owned(), tree.clone())]);
        assert_eq!(of(&tree, &schemas), json!({ "child": { "child": null } }));
    }
}
