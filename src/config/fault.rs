//! Faults of a configuration, with what to write instead.

use std::fmt;

use serde_json::{Value, json};

/// Source of a value, in the order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag on the command line.
    Flag,
    /// The environment of the process.
    Environment,
    /// The file `.env` in the working directory.
    DotEnv,
    /// It is not given.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::DotEnv => ".env",
            Self::Default => "default",
        })
    }
}

/// Fault of one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The variable, or `.env` for a fault of the file itself.
    pub variable: String,
    /// Source of its value.
    pub source: Source,
    /// The value, when the fault is in the value. A secret is `(hidden)`.
    pub value: Option<String>,
    /// The problem, and what to write instead.
    pub problem: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.variable.escape_debug())?;
        match (&self.value, self.source) {
            (Some(value), source) => write!(f, " is {value:?} ({source}): {}", self.problem),
            (None, Source::Default) => write!(f, " {}", self.problem),
            (None, Source::DotEnv) if self.variable == ".env" => write!(f, " {}", self.problem),
            (None, source) => write!(f, " ({source}) {}", self.problem),
        }
    }
}

/// All faults of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub(super) Vec<Fault>);

impl Faults {
    /// Returns the faults.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// Returns an array of `{variable, value, source, problem}`. `value` is null when the fault is not in the
    /// value.
    pub fn to_json(&self) -> Value {
        let object = |fault: &Fault| {
            json!({
                "variable": fault.variable,
                "value": fault.value,
                "source": fault.source.to_string(),
                "problem": fault.problem,
            })
        };
        self.iter().map(object).collect()
    }
}

impl std::error::Error for Faults {}

/// One line for each fault.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.iter().map(Fault::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}
