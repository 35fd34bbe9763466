//! The settings that a program has: cloakroom's, followed by those of the application.

use std::collections::{BTreeMap, BTreeSet};

use clap::Arg;

use super::{Config, Reader, Setting, Settings};

/// What the variables of cloakroom begin with, but for those that have a name everywhere.
const PREFIX: &str = "CLOAKROOM_";

/// The settings of a program: cloakroom's, followed by those of the application built on it.
#[derive(Clone, Copy, Debug)]
pub struct SettingsList {
    application: &'static [Setting],
    /// Finds their faults; their values are for [`Config::load_with`].
    pub(super) check_application: fn(&mut Reader<'_>) -> Option<()>,
}

/// Cloakroom's alone.
impl Default for SettingsList {
    fn default() -> Self {
        Self::of::<()>()
    }
}

impl SettingsList {
    /// Cloakroom's, followed by these.
    pub fn of<S: Settings>() -> Self {
        Self { application: S::SETTINGS, check_application: |reader| S::read(reader).map(drop) }
    }

    /// The settings, in the order in which they are shown.
    pub fn iter(&self) -> impl Iterator<Item = &'static Setting> + use<> {
        Config::SETTINGS.iter().chain(self.application)
    }

    /// A flag for every setting that is not a secret, for every command. The name of its variable
    /// is the id of each.
    pub fn flags(&self) -> Vec<Arg> {
        self.iter().filter_map(Setting::arg).collect()
    }

    /// What the application must declare otherwise, a sentence each: a variable or a flag that is
    /// there already, and a variable that begins with `CLOAKROOM_`, since the next version of
    /// cloakroom may have it. To be asked when the program starts.
    pub fn clashes(&self) -> Vec<String> {
        let reserved = self.application.iter().filter(|setting| has_prefix(setting.variable));
        let reserved = reserved.map(|setting| format!("{} must not begin with {PREFIX}", setting.variable));
        let (mut variables, mut flags) = (BTreeSet::new(), BTreeMap::new());
        let twice = self.iter().filter_map(|setting| {
            let variable = setting.variable;
            if !variables.insert(variable) {
                return Some(format!("{variable} is declared twice"));
            }
            let flag = setting.flag()?;
            let other = flags.insert(flag.clone(), variable)?;
            Some(format!("{variable} would have the flag --{flag}, which is that of {other}"))
        });
        reserved.chain(twice).collect()
    }

    pub(super) fn has(&self, variable: &str) -> bool {
        self.iter().any(|setting| setting.variable == variable)
    }

    /// Whether the variable is meant for this program, rightly spelled or not. One that begins like
    /// an application's and is none of its settings is not: it may be another program's, as where
    /// Kubernetes sets `NOTES_PORT` because there is a service named `notes`.
    pub(super) fn is_meant(&self, variable: &str) -> bool {
        self.has(variable) || has_prefix(variable)
    }

    pub(super) fn nearest(&self, variable: &str) -> &'static str {
        let distinct = |name: &str| name.to_ascii_uppercase().replacen(PREFIX, "", 1);
        let distance = |setting: &&Setting| {
            strsim::damerau_levenshtein(&distinct(setting.variable), &distinct(variable))
        };
        self.iter().min_by_key(distance).map_or("", |setting| setting.variable)
    }
}

fn has_prefix(variable: &str) -> bool {
    variable.to_ascii_uppercase().starts_with(PREFIX)
}
