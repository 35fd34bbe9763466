//! Sources of settings: flags, environment and `.env`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;

use clap::ArgMatches;

use super::service_links::is_service_link;
use super::{DefaultValue, Fault, Setting, SettingsList, Source};
use crate::text_file::BYTE_ORDER_MARK;

/// Advice for a line of `.env` that cannot be read as it stands.
const WRITE_IN_QUOTES: &str = "write NAME=value, and the value in single quotes when it has spaces, quotes, # or $; a comment has a line of its own";

/// Stand-in for `$` that dotenvy does not expand.
const LITERAL_DOLLAR: &str = "\u{e000}";

/// Stand-in for `\$`, while the other `$` are replaced.
const ESCAPED_DOLLAR: &str = "\u{e001}";

/// Texts that were given, by variable and source. Variables of other programs are left out.
#[derive(Clone, Default)]
pub struct Sources {
    /// The settings of the program.
    pub settings: SettingsList,
    /// Command line. It has the highest precedence.
    pub flags: BTreeMap<String, String>,
    /// Environment of the process.
    pub environment: BTreeMap<String, String>,
    /// `.env` in the working directory. It has the lowest precedence.
    pub dotenv: BTreeMap<String, String>,
    /// Faults of the sources themselves.
    pub faults: Vec<Fault>,
}

impl Sources {
    /// Returns the sources of this process. Its environment is read and never changed.
    pub fn from_process(settings: SettingsList, matches: &ArgMatches) -> Self {
        let mut sources = Self { settings, ..Self::default() };
        for setting in settings.iter() {
            if let Ok(Some(text)) = matches.try_get_one::<String>(setting.variable) {
                sources.flags.insert(setting.variable.to_owned(), text.clone());
            }
        }
        let variables: Vec<_> =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))).collect();
        let names: BTreeSet<String> = variables.iter().map(|(name, _)| name.clone()).collect();
        for (name, value) in variables {
            if !settings.is_meant(&name) || (!settings.has(&name) && is_service_link(&name, &names)) {
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

    /// Adds the text of a `.env` file. An invalid line is a fault with its number, and without its text,
    /// which may hold a secret. `$` outside of single quotes is a fault, and so are `\\` at the end of a line and `#`
    /// after a space: dotenvy would silently lose a part of a password. A name that is there twice is a fault too.
    pub fn read_dotenv(&mut self, text: &str) {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let mut lines = (1..).zip(text.lines());
        let mut fault_at = |start: &str| {
            let found = lines.find(|(_, line)| !line.trim().starts_with('#') && line.contains(start));
            let number: usize = found.map_or(1, |(number, _)| number);
            format!("line {number} cannot be read: {WRITE_IN_QUOTES}")
        };
        let literal = text.replace("\\$", ESCAPED_DOLLAR).replace('$', LITERAL_DOLLAR);
        let literal = literal.replace(ESCAPED_DOLLAR, "\\$");
        let expanded = dotenvy::from_read_iter(text.as_bytes());
        for (entry, literal) in expanded.zip(dotenvy::from_read_iter(literal.as_bytes())) {
            match (entry, literal) {
                (Ok((name, _)), _) if !self.settings.is_meant(&name) => {}
                (Ok((name, _)), _) if self.dotenv.contains_key(&name) => {
                    self.dotenv_fault(format!("has {name} twice: remove one of the lines"));
                }
                (Ok((name, value)), Ok((_, literal)))
                    if literal.replace(LITERAL_DOLLAR, "$") == value && !loses_end(text, &name) =>
                {
                    self.dotenv.insert(name, value);
                }
                (Ok((name, _)), _) => {
                    let problem = fault_at(&name);
                    self.dotenv_fault(problem);
                }
                (Err(dotenvy::Error::LineParse(entry, _)), _) => {
                    let problem = fault_at(entry.lines().next().unwrap_or_default().trim());
                    self.dotenv_fault(problem);
                }
                (Err(error), _) => self.dotenv_fault(format!("cannot be read: {error}")),
            }
        }
    }

    fn dotenv_fault(&mut self, problem: String) {
        self.fault(".env".to_owned(), Source::DotEnv, problem);
    }

    /// Returns the source of a variable, and its text there. Of several sources the first counts.
    pub fn given(&self, variable: &str) -> Option<(Source, &str)> {
        self.places().into_iter().find_map(|(source, values)| Some((source, values.get(variable)?.as_str())))
    }

    /// Returns the text in effect and its source. The text is empty when there is no value.
    pub(super) fn resolve(&self, setting: &Setting) -> (Source, String) {
        match (self.given(setting.variable), setting.default) {
            (Some((source, "auto")), DefaultValue::Auto(_)) => (source, self.default_of(setting)),
            (Some((source, text)), _) => (source, text.to_owned()),
            (None, _) => (Source::Default, self.default_of(setting)),
        }
    }

    /// Returns the default, which may depend on other settings.
    pub(super) fn default_of(&self, setting: &Setting) -> String {
        setting.default_value(&|variable| self.given(variable).map(|(_, text)| text.to_owned()))
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

    /// Returns the variables that look like settings and are not.
    pub(super) fn unknown(&self) -> impl Iterator<Item = Fault> {
        let names = self
            .places()
            .into_iter()
            .flat_map(|(source, values)| values.keys().map(move |name| (source, name)));
        let settings = self.settings;
        let is_setting = move |name: &str| settings.has(name) || plants_fault(name);
        let unknown = names.filter(move |(_, name)| settings.is_meant(name) && !is_setting(name));
        unknown.map(move |(source, name)| Fault {
            variable: name.clone(),
            source,
            value: None,
            problem: format!("is not a setting; the nearest is {}", settings.nearest(name)),
        })
    }
}

/// Returns true for the variable that plants a known fault: it is no setting.
fn plants_fault(variable: &str) -> bool {
    variable == "CLOAKROOM_FAULT" && crate::faults::is_any_planted()
}

/// Returns true when dotenvy drops the end of the line of this variable: `\`, or `#` after a space in a value without
/// quotes.
fn loses_end(text: &str, name: &str) -> bool {
    let value = |line| {
        let (given, value) = str::trim_start(line).trim_start_matches("export ").split_once('=')?;
        (given.trim() == name).then_some(value.trim())
    };
    let backslashes = |value: &str| value.chars().rev().take_while(|c| *c == '\\').count();
    let is_cut = |value: &str| value.starts_with('#') || value.contains(" #") || value.contains("\t#");
    let is_quoted = |value: &str| value.starts_with(['\'', '"']);
    text.lines()
        .filter_map(value)
        .any(|value| backslashes(value) % 2 == 1 || (!is_quoted(value) && is_cut(value)))
}
