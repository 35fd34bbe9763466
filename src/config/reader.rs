//! From what was given to values, collecting every fault on the way.

use super::parse::Parsed;
use super::{Fault, Faults, Setting, Source, Sources};

/// Reads one setting after the other and keeps the faults.
pub struct Reader<'a> {
    sources: &'a Sources,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        Self { sources, faults: sources.faults.clone() }
    }

    /// The value of one setting. One that is at fault falls back to its default, so that the
    /// settings can still be checked against each other; None is for a default that is at fault
    /// too. `parse` makes the value, or says what to write instead: see [`parse`](super::parse).
    pub fn read<T>(&mut self, setting: &Setting, parse: impl Fn(&str) -> Parsed<T>) -> Option<T> {
        let (source, text) = setting.resolve(self.sources);
        let empty = text.is_empty() && source != Source::Default && !setting.may_be_empty();
        let parsed = match empty {
            true => Err("write a value, or take the variable away".to_owned()),
            false => parse(&text),
        };
        let fall_back = |problem| {
            let value = Some(if empty { text.clone() } else { setting.shown(&text) });
            let variable = setting.variable.to_owned();
            self.faults.push(Fault { variable, source, value, problem });
            parse(&setting.default_value(self.sources))
        };
        parsed.or_else(fall_back).ok()
    }

    /// A fault of the first variable against the others, unless one of them is at fault already.
    pub fn contradiction(&mut self, wrong: bool, variables: &[&str], problem: &str) {
        let at_fault = |variable: &&str| self.faults.iter().any(|fault| fault.variable == **variable);
        let Some(variable) = variables.first() else { return };
        if wrong && !variables.iter().any(at_fault) {
            let source = self.sources.given(variable).map_or(Source::Default, |(source, _)| source);
            let (variable, problem) = ((*variable).to_owned(), problem.to_owned());
            self.faults.push(Fault { variable, source, value: None, problem });
        }
    }

    pub(super) fn finish<T>(mut self, settings: Option<T>) -> Result<T, Faults> {
        self.faults.extend(self.sources.unknown());
        match settings {
            Some(settings) if self.faults.is_empty() => Ok(settings),
            _ => Err(Faults(self.faults)),
        }
    }
}
