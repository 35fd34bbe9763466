//! Fields of a resource, as a written template names them: the lines of each.

use serde_json::{Map, Value, json};

use super::fields::{Field, Kind, variant};
use super::words::capitalised;

impl Field {
    /// Returns the type of a value, without `Option`.
    fn value(&self, kind: &str) -> String {
        match &self.kind {
            Kind::Text => "String".to_owned(),
            Kind::Integer => "i64".to_owned(),
            Kind::Number => "f64".to_owned(),
            Kind::Boolean => "bool".to_owned(),
            Kind::Enumeration(_) => {
                format!("{}{}", kind, self.name.split('_').map(capitalised).collect::<String>())
            }
        }
    }

    /// Returns its types in `table!`, on SQLite and on PostgreSQL.
    fn columns(&self) -> [&'static str; 3] {
        match self.kind {
            Kind::Text | Kind::Enumeration(_) => ["Text", "TEXT", "text"],
            Kind::Integer => ["BigInt", "BIGINT", "bigint"],
            Kind::Number => ["Double", "DOUBLE", "double precision"],
            Kind::Boolean => ["Bool", "BOOLEAN", "boolean"],
        }
    }

    /// Returns the end of the name of the function that reads it from a body, and its rule.
    fn read(&self, kind: &str) -> (&'static str, String) {
        match &self.kind {
            Kind::Text => ("text", "text_of".to_owned()),
            Kind::Integer => ("integer", "0..=1_000_000_000".to_owned()),
            Kind::Number => ("number", "0.0..=1_000_000_000.0".to_owned()),
            Kind::Boolean => ("boolean", String::new()),
            Kind::Enumeration(_) => ("text", format!("{}::parse", self.value(kind))),
        }
    }

    /// Returns its rule in the schema of a body.
    fn schema(&self) -> &'static str {
        match self.kind {
            Kind::Text => "        #[schema(max_length = 10_000)]\n",
            Kind::Integer | Kind::Number => "        #[schema(minimum = 0, maximum = 1_000_000_000)]\n",
            Kind::Boolean | Kind::Enumeration(_) => "",
        }
    }

    fn examples(&self) -> [Value; 2] {
        match &self.kind {
            Kind::Text => {
                [json!("The blue one has a loose button."), json!("The blue one has a new button.")]
            }
            Kind::Integer => [json!(1), json!(2)],
            Kind::Number => [json!(1.5), json!(2.5)],
            Kind::Boolean => [json!(true), json!(false)],
            Kind::Enumeration(values) => [json!(values.first()), json!(values.last())],
        }
    }

    fn meaning(&self) -> String {
        format!("The {}.", self.name.replace('_', " "))
    }

    /// Returns `of`, or an option of it.
    fn nullable(&self, of: String) -> String {
        if self.is_optional { format!("Option<{of}>") } else { of }
    }

    /// Returns the member of the record, with its column.
    fn member(&self, kind: &str) -> String {
        let (of, [column, ..]) = (self.nullable(self.value(kind)), self.columns());
        let column = if self.is_optional { format!("Nullable<{column}>") } else { column.to_owned() };
        format!("        /// {}\n        pub {}: {of} => {column},\n", self.meaning(), self.name)
    }

    /// Returns the column in the SQL of an engine: 1 is SQLite, 2 is PostgreSQL.
    fn sql(&self, engine: usize) -> String {
        let null = if self.is_optional { "" } else { " NOT NULL" };
        let of = self.columns().get(engine).copied().unwrap_or_default();
        format!("    \"{}\" {of}{null},\n", self.name)
    }

    /// Returns the member of the body that creates a record.
    fn of_new_body(&self, kind: &str) -> String {
        let (read, rule) = self.read(kind);
        let read = if self.is_optional { read.to_owned() } else { format!("required_{read}") };
        let of = self.nullable(self.value(kind));
        self.of_body(&format!("{of} = {read}({rule})"))
    }

    /// Returns the member of the body that changes a record.
    fn of_patch_body(&self, kind: &str) -> String {
        let ((read, rule), of) = (self.read(kind), self.value(kind));
        let (given, read) = match (&self.kind, self.is_optional) {
            (Kind::Boolean, _) => (String::new(), read.to_owned()),
            (_, true) => (format!(" as Given<{of}>"), read.to_owned()),
            (_, false) => (String::new(), format!("optional_{read}")),
        };
        self.of_body(&format!("Option<{of}>{given} = {read}({rule})"))
    }

    fn of_body(&self, declared: &str) -> String {
        format!("        /// {}\n{}        {}: {declared};\n", self.meaning(), self.schema(), self.name)
    }

    /// Returns the type of an enumeration; nothing for another field.
    fn enumeration(&self, kind: &str) -> String {
        let Kind::Enumeration(values) = &self.kind else { return String::new() };
        let line = |value: &String| {
            format!("        /// {}.\n        {} = {value:?},\n", capitalised(value), variant(value))
        };
        let (of, variants) = (self.value(kind), values.iter().map(line).collect::<String>());
        let meaning = self.meaning();
        format!("cloakroom::text_enum! {{\n    /// {meaning}\n    pub enum {of} {{\n{variants}    }}\n}}\n\n")
    }

    /// Returns the filter of a list; nothing for a field by which no list is filtered.
    fn filter(&self, kind: &str) -> String {
        match self.kind {
            Kind::Enumeration(_) => format!(", {}: {} [any_of]", self.name, self.value(kind)),
            _ => String::new(),
        }
    }
}

/// Returns a written template with these fields in place of its `text`.
pub(super) fn write(kind: &str, fields: &[Field], written: String) -> String {
    if fields.is_empty() {
        return written;
    }
    let each = |lines: &dyn Fn(&Field) -> String| fields.iter().map(lines).collect::<String>();
    let list = fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(", ");
    let examples = |which: usize, most: usize| {
        let example = |field: &Field| Some((field.name.clone(), field.examples().into_iter().nth(which)?));
        let members: Map<String, Value> = fields.iter().take(most).filter_map(example).collect();
        let members: Vec<String> = members.iter().map(|(name, value)| format!("{name:?}: {value}")).collect();
        format!("example {{ {} }}", members.join(", "))
    };
    let (enumerations, filters) = (each(&|field| field.enumeration(kind)), each(&|field| field.filter(kind)));
    let mut written = written
        .replace("        /// The content.\n        pub text: String => Text,\n", &each(&|field| field.member(kind)))
        .replace("    text TEXT NOT NULL,\n", &each(&|field| field.sql(1)))
        .replace("    text text NOT NULL,\n", &each(&|field| field.sql(2)))
        .replace(
            "        /// The content.\n        #[schema(max_length = 10_000)]\n        text: String = required_text(text_of);\n",
            &each(&|field| field.of_new_body(kind)),
        )
        .replace(
            "        /// The content.\n        #[schema(max_length = 10_000)]\n        text: Option<String> = optional_text(text_of);\n",
            &each(&|field| field.of_patch_body(kind)),
        )
        .replace("example { \"text\": \"The blue one has a loose button.\" }", &examples(0, usize::MAX))
        .replace("example { \"text\": \"The blue one has a new button.\" }", &examples(1, 1))
        .replace(&format!("New{kind} {{ text }}"), &format!("New{kind} {{ {list} }}"))
        .replace("        text,\n", &each(&|field| format!("        {},\n", field.name)))
        .replace("filter: owner_id: UserId;", &format!("filter: owner_id: UserId{filters};"))
        .replace("cloakroom::record! {", &format!("{enumerations}cloakroom::record! {{"));
    if fields.iter().all(|field| !matches!(field.kind, Kind::Text)) {
        let text_of =
            "fn text_of(text: &str) -> Result<String, Invalid> {\n    plain_text(text, 10_000, true)\n}\n\n";
        written = written.replace(text_of, "").replace("{Invalid, ", "{").replace(", plain_text}", "}");
    }
    if fields.iter().any(|field| field.is_optional) {
        written = written.replace("Endpoint, NewId,", "Endpoint, Given, NewId,");
    }
    written
}
