//! Report of all settings, as `cloakroom config` prints it.

use serde_json::{Value, json};

use super::{DefaultValue, Setting, Source, Sources};

/// Row of the report: one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The environment variable.
    pub variable: &'static str,
    /// The value in effect. A secret is `(hidden)`; without a value, these are the words of the default.
    pub value: String,
    /// Source of the value.
    pub source: Source,
    /// Purpose of the setting.
    pub meaning: &'static str,
}

/// Report of all settings: cloakroom's, followed by the application's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report(Vec<Row>);

impl Report {
    /// Returns the report for these sources, which may have faults.
    pub fn of(sources: &Sources) -> Self {
        Self(sources.settings.iter().map(|setting| Row::of(setting, sources)).collect())
    }

    /// Returns the rows, one for each setting.
    pub fn rows(&self) -> &[Row] {
        &self.0
    }

    /// Returns a table for people: variable, value, source, meaning.
    pub fn to_table(&self) -> String {
        let sources: Vec<String> = self.0.iter().map(|row| row.source.to_string()).collect();
        let widest =
            |texts: &mut dyn Iterator<Item = &str>| texts.map(|text| text.chars().count()).max().unwrap_or(0);
        let variable = widest(&mut self.0.iter().map(|row| row.variable));
        let value = widest(&mut self.0.iter().map(|row| row.value.as_str()));
        let source = widest(&mut sources.iter().map(String::as_str));
        let line = |(row, from): (&Row, &String)| {
            let meaning = row.meaning.replace('`', "");
            format!("{:variable$}  {:value$}  {from:source$}  {meaning}\n", row.variable, row.value)
        };
        self.0.iter().zip(&sources).map(line).collect()
    }

    /// Returns an array of `{variable, value, source, meaning}`.
    pub fn to_json(&self) -> Value {
        let object = |row: &Row| {
            json!({
                "variable": row.variable,
                "value": row.value,
                "source": row.source.to_string(),
                "meaning": row.meaning,
            })
        };
        self.0.iter().map(object).collect()
    }
}

impl Row {
    fn of(setting: &Setting, sources: &Sources) -> Self {
        let (source, text) = sources.resolve(setting);
        let value = match setting.default {
            DefaultValue::Unset(words) if text.is_empty() => words.replace('`', ""),
            _ => setting.shown(&text),
        };
        Self { variable: setting.variable, value, source, meaning: setting.meaning }
    }
}
