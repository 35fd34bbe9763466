//! The pages that list the settings agree with the code.

use super::*;

#[test]
fn env_example_lists_every_setting() {
    let written: Vec<(String, String)> = page(".env.example")
        .split("\n\n")
        .filter_map(|block| {
            let (comment, line) = block.trim_end().rsplit_once('\n')?;
            let line = line.strip_prefix('#').filter(|line| !line.starts_with(' '))?;
            let words = comment.lines().map(|line| line.trim_start_matches("# "));
            Some((line.to_owned(), words.collect::<Vec<_>>().join(" ")))
        })
        .collect();
    let known: Vec<(String, String)> = SETTINGS
        .iter()
        .map(|setting| match setting.default {
            DefaultValue::Unset(words) => {
                (format!("{}=", setting.variable), format!("{} Default: {words}.", setting.meaning))
            }
            _ => (format!("{}={}", setting.variable, setting.default_text()), setting.meaning.to_owned()),
        })
        .collect();
    assert_eq!(written, known);
}

#[test]
fn env_example_equals_the_defaults() {
    let mut sources = Sources::default();
    sources.read_dotenv(&page(".env.example"));
    assert!(sources.dotenv.is_empty());

    let written = page(".env.example").lines().fold(String::new(), |text, line| {
        let default = line.strip_prefix('#').filter(|line| !line.starts_with(' '));
        text + default.filter(|line| !line.ends_with('=')).unwrap_or_default() + "\n"
    });
    sources.read_dotenv(&written);
    assert!(sources.dotenv.len() > 12);
    let values = |sources: &Sources| -> Vec<String> {
        Report::of(sources).rows().iter().map(|row| row.value.clone()).collect()
    };
    Config::load(&sources).unwrap_or_else(|faults| panic!("{faults}"));
    assert_eq!(values(&sources), values(&Sources::default()));
}

#[test]
fn documentation_has_the_same_table() {
    let page = page("docs/configuration.md");
    let written: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let known: Vec<String> = SETTINGS
        .iter()
        .map(|setting| {
            let default = match setting.default {
                DefaultValue::Unset(words) => words.to_owned(),
                _ => format!("`{}`", setting.default_text()),
            };
            format!("| `{}` | {default} | {} |", setting.variable, setting.meaning)
        })
        .collect();
    assert_eq!(written, known);
    assert!(SETTINGS.iter().all(|setting| !setting.meaning.contains('|')), "a cell ends at |");
}

#[test]
fn every_setting_except_secrets_has_a_flag() {
    let command = clap::Command::new("cloakroom").args(SettingsList::default().flags());
    let flags: Vec<&str> = command.get_arguments().filter_map(|arg| arg.get_long()).collect();
    assert_eq!(flags.len(), SETTINGS.len() - 4);
    assert!(["listen", "database-url", "log-format", "rust-log"].iter().all(|flag| flags.contains(flag)));
    let hidden = ["master-key", "master-key-previous", "hs256-secret", "mail-url"];
    assert!(!hidden.iter().any(|hidden| flags.contains(hidden)));
}
