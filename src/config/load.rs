//! What a program was given: flags, environment and `.env`.

use std::collections::BTreeMap;
use std::io::ErrorKind;

use clap::ArgMatches;

use super::{Fault, SettingsList, Source};

/// What was given, by variable, from each place. The names of other programs are left out.
#[derive(Clone, Default)]
pub struct Sources {
    /// The settings that the program has.
    pub settings: SettingsList,
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
    pub fn from_process(settings: SettingsList, matches: &ArgMatches) -> Self {
        let mut sources = Self { settings, ..Self::default() };
        for setting in settings.iter() {
            if let Ok(Some(text)) = matches.try_get_one::<String>(setting.variable) {
                sources.flags.insert(setting.variable.to_owned(), text.clone());
            }
        }
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else { continue };
            if !settings.is_meant(&name) {
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
                Ok((name, value)) if self.settings.is_meant(&name) => drop(self.dotenv.insert(name, value)),
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

    /// Where a variable is set, and to what; of several places the first.
    pub fn given(&self, variable: &str) -> Option<(Source, &str)> {
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

    /// The variables that are meant as settings and are none.
    pub(super) fn unknown(&self) -> impl Iterator<Item = Fault> {
        let names = self
            .places()
            .into_iter()
            .flat_map(|(source, values)| values.keys().map(move |name| (source, name)));
        let settings = self.settings;
        let unknown = names.filter(move |(_, name)| settings.is_meant(name) && !settings.has(name));
        unknown.map(move |(source, name)| Fault {
            variable: name.clone(),
            source,
            value: None,
            problem: format!("is not a setting; the nearest is {}", settings.nearest(name)),
        })
    }
}
