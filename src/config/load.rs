//! From flags, environment and `.env` to values, collecting every fault on the way.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use clap::ArgMatches;

use super::{Config, Fault, Faults, SETTINGS, Setting, Source};

/// What was given, by variable, from each place. The names of other programs are left out.
#[derive(Clone, Default)]
pub struct Sources {
    /// From the command line: wins over all.
    pub flags: BTreeMap<String, String>,
    /// From the environment of the process.
    pub environment: BTreeMap<String, String>,
    /// From `.env` in the working directory: loses to all but the default.
    pub dotenv: BTreeMap<String, String>,
    /// What could not even be read.
    pub faults: Vec<Fault>,
}

impl Sources {
    /// What this process was given. Its environment is read, never changed.
    pub fn from_process(matches: &ArgMatches) -> Self {
        let mut sources = Self::default();
        for setting in SETTINGS {
            if let Ok(Some(text)) = matches.try_get_one::<String>(setting.variable) {
                sources.flags.insert(setting.variable.to_owned(), text.clone());
            }
        }
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            if !is_ours(&name) {
                continue;
            }
            match value.into_string() {
                Ok(value) => drop(sources.environment.insert(name, value)),
                Err(_) => sources.fault(name, Source::Environment, "is not UTF-8".to_owned()),
            }
        }
        match std::fs::read_to_string(".env") {
            Ok(text) => sources.read_dotenv(&text),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => sources.dotenv_fault(format!("cannot be read: {error}")),
        }
        sources
    }

    /// Adds the text of a `.env` file. A line that cannot be read is a fault with its number, and
    /// without its text, which may hold a secret.
    pub fn read_dotenv(&mut self, text: &str) {
        let text = text.trim_start_matches('\u{feff}');
        let mut lines = (1..).zip(text.lines());
        for entry in dotenvy::from_read_iter(text.as_bytes()) {
            match entry {
                Ok((name, value)) if is_ours(&name) => drop(self.dotenv.insert(name, value)),
                Ok(_) => {}
                Err(dotenvy::Error::LineParse(entry, _)) => {
                    let start = entry.lines().next().unwrap_or_default().trim();
                    let found = lines.find(|(_, line)| line.trim().starts_with(start));
                    let number: usize = found.map_or(1, |(number, _)| number);
                    self.dotenv_fault(format!(
                        "line {number} cannot be read: write NAME=value, the value in single \
                         quotes when it has spaces, quotes or $"
                    ));
                }
                Err(error) => self.dotenv_fault(format!("cannot be read: {error}")),
            }
        }
    }

    fn dotenv_fault(&mut self, problem: String) {
        self.fault(".env".to_owned(), Source::DotEnv, problem);
    }

    pub(super) fn given(&self, variable: &str) -> Option<(Source, &str)> {
        self.places().into_iter().find_map(|(source, values)| Some((source, values.get(variable)?.as_str())))
    }

    fn places(&self) -> [(Source, &BTreeMap<String, String>); 3] {
        [
            (Source::Flag, &self.flags),
            (Source::Environment, &self.environment),
            (Source::DotEnv, &self.dotenv),
        ]
    }

    fn fault(&mut self, variable: String, source: Source, problem: String) {
        self.faults.push(Fault { variable, source, value: None, problem });
    }

    fn unknown(&self) -> impl Iterator<Item = Fault> {
        let names = self
            .places()
            .into_iter()
            .flat_map(|(source, values)| values.keys().map(move |name| (source, name)));
        names.filter(|(_, name)| !is_known(name) && is_ours(name)).map(|(source, name)| Fault {
            variable: name.clone(),
            source,
            value: None,
            problem: format!("is not a setting; the nearest is {}", nearest(name)),
        })
    }
}

fn is_known(name: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.variable == name)
}

/// Whether the variable is meant for this program, rightly spelled or not.
fn is_ours(name: &str) -> bool {
    is_known(name) || name.to_ascii_uppercase().starts_with("CLOAKROOM_")
}

fn nearest(name: &str) -> &'static str {
    let distinct = |name: &str| name.to_ascii_uppercase().replacen("CLOAKROOM_", "", 1);
    let distance =
        |setting: &&Setting| strsim::damerau_levenshtein(&distinct(setting.variable), &distinct(name));
    SETTINGS.iter().min_by_key(distance).map_or("", |setting| setting.variable)
}

/// Reads one setting after the other and keeps the faults.
pub(super) struct Reader<'a> {
    sources: &'a Sources,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        Self { sources, faults: sources.faults.clone() }
    }

    pub(super) fn sources(&self) -> &'a Sources {
        self.sources
    }

    pub(super) fn read<T>(
        &mut self,
        setting: &Setting,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
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
    pub(super) fn contradiction(&mut self, wrong: bool, variables: &[&str], problem: &str) {
        let at_fault = |variable: &&str| self.faults.iter().any(|fault| fault.variable == **variable);
        let Some(variable) = variables.first() else { return };
        if wrong && !variables.iter().any(at_fault) {
            let source = self.sources.given(variable).map_or(Source::Default, |(source, _)| source);
            let (variable, problem) = ((*variable).to_owned(), problem.to_owned());
            self.faults.push(Fault { variable, source, value: None, problem });
        }
    }

    pub(super) fn finish(mut self, config: Option<Config>) -> Result<Config, Faults> {
        self.faults.extend(self.sources.unknown());
        match config {
            Some(config) if self.faults.is_empty() => Ok(config),
            _ => Err(Faults(self.faults)),
        }
    }
}
