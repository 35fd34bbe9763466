//! Reader of settings: makes values of the given texts and collects all faults.

use super::parse::Parsed;
use super::{Fault, Faults, Setting, Source, Sources};

/// Reader of settings.
pub struct Reader<'a> {
    sources: &'a Sources,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        Self { sources, faults: sources.faults.clone() }
    }

    /// Returns the value of one setting. An invalid setting falls back to its default, so that the settings
    /// can still be checked against each other. None when the default is invalid too. `parse` returns the
    /// value, or what to write instead: see [`parse`](super::parse).
    pub fn read<T>(&mut self, setting: &Setting, parse: impl Fn(&str) -> Parsed<T>) -> Option<T> {
        let (source, text) = self.sources.resolve(setting);
        let empty = text.is_empty() && source != Source::Default && !setting.may_be_empty();
        let parsed = match empty {
            true => Err("write a value, or remove the variable".to_owned()),
            false => parse(&text),
        };
        let fall_back = |problem| {
            let value = Some(if empty { text.clone() } else { setting.shown(&text) });
            let variable = setting.variable.to_owned();
            self.faults.push(Fault { variable, source, value, problem });
            parse(&self.sources.default_of(setting))
        };
        parsed.or_else(fall_back).ok()
    }

    /// Records a fault of the first variable, unless one of `variables` has a fault already.
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
