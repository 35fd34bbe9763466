//! Configuration: permitted values, refused values and the messages.

mod addresses;
mod applications;
mod faults;
mod keys;
mod limits;
mod pages;
mod sources;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cloakroom::config::{
    Config, Database, DefaultValue, Faults, LogFormat, MasterKeySource, Registration, Report, Setting,
    Settings, SettingsList, Source, Sources,
};
use cloakroom::token::SigningAlgorithm;

const SETTINGS: &[Setting] = Config::SETTINGS;
const KEY: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
const SECRET: &str = "a secret of more than thirty-two bytes";

fn map(settings: &[(&str, &str)]) -> BTreeMap<String, String> {
    settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn environment(settings: &[(&str, &str)]) -> Sources {
    Sources { environment: map(settings), ..Sources::default() }
}

fn load(settings: &[(&str, &str)]) -> Result<Config, Faults> {
    Config::load(&environment(settings))
}

fn loaded(settings: &[(&str, &str)]) -> Config {
    load(settings).unwrap_or_else(|faults| panic!("{settings:?} is refused:\n{faults}"))
}

fn faults(settings: &[(&str, &str)]) -> String {
    match load(settings) {
        Ok(_) => panic!("{settings:?} is accepted"),
        Err(faults) => faults.to_string(),
    }
}

/// Checks that there is exactly one fault, of this variable, and that its message contains `words`.
fn assert_fault(settings: &[(&str, &str)], variable: &str, words: &str) {
    let text = faults(settings);
    assert_eq!(text.lines().count(), 1, "{settings:?}: {text}");
    assert!(text.starts_with(variable) && text.contains(words), "{settings:?}: {text}");
}

fn assert_refused(variable: &str, values: &[&str]) {
    for value in values {
        assert_fault(&[(variable, value)], variable, "");
    }
}

fn page(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
