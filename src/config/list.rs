//! List of the settings of a program: cloakroom's, followed by those of the application.

use std::collections::{BTreeMap, BTreeSet};

use clap::Arg;

use super::{Fault, Setting, Sources};

/// Prefix of cloakroom's variables, except those with a common name.
const PREFIX: &str = "CLOAKROOM_";

/// List of the settings of a program: cloakroom's, followed by those of the application built on it.
#[derive(Clone, Copy, Debug)]
pub struct SettingsList {
    pub(super) own: &'static [Setting],
    pub(super) application: &'static [Setting],
    /// Finds everything that is wrong with the settings.
    pub(super) check: fn(&Sources) -> Vec<Fault>,
}

impl SettingsList {
    /// Returns the settings, in the order in which they are shown.
    pub fn iter(&self) -> impl Iterator<Item = &'static Setting> + use<> {
        self.own.iter().chain(self.application)
    }

    /// Returns a flag for every setting that is not a secret, for all commands. The id of a flag is its
    /// variable.
    pub fn flags(&self) -> Vec<Arg> {
        self.iter().filter_map(Setting::arg).collect()
    }

    /// Returns the conflicts in the application's declarations, one sentence each. A conflict is a variable or a flag
    /// that exists already. A variable that begins with `CLOAKROOM_` is one too, because a later version of cloakroom
    /// may use it. Check this at start.
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
            Some(format!("{variable} would have the flag --{flag}, which {other} has"))
        });
        reserved.chain(twice).collect()
    }

    pub(super) fn has(&self, variable: &str) -> bool {
        self.iter().any(|setting| setting.variable == variable)
    }

    /// Returns true when the variable is for this program, also when it is misspelled. A variable with the
    /// application's prefix that is not a setting can belong to another program: Kubernetes sets
    /// `NOTES_PORT` for a service named `notes`.
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
