//! What is wrong with a configuration, said so that it can be put right.

use std::fmt;

use serde_json::{Value, json};

/// Where a value came from; the earlier wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag on the command line.
    Flag,
    /// The environment of the process.
    Environment,
    /// The file `.env` in the working directory.
    DotEnv,
    /// Nobody set it.
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

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The variable, or `.env` when the fault is in the file itself.
    pub variable: String,
    /// Where its value came from.
    pub source: Source,
    /// The value, when it takes part in the fault; a secret is `(hidden)`.
    pub value: Option<String>,
    /// What is wrong and what to write instead.
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

/// Everything that is wrong, not only the first of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(pub(super) Vec<Fault>);

impl Faults {
    /// The faults, one by one.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// The faults for a program: an array of `{variable, value, source, problem}`; `value` is null
    /// where it takes no part.
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

/// One line a fault.
impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.iter().map(Fault::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}
