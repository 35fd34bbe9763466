//! Settings of an application built on cloakroom, declared in the same way as cloakroom's own.

use cloakroom::config::{DefaultValue::*, ExposeSecret, Lookup, Reader, SecretString, at, parse};

use super::*;

cloakroom::settings! {
    /// Settings of an application that keeps notes.
    #[derive(Debug)]
    struct Notes {
        /// How many notes one user may keep, 1 to 10000;
        /// more are refused.
        most_notes: u32 = at("NOTES_MOST_NOTES", Is("1000")), parse::number(1..=10_000);

        /// How many notes one user may share.
        most_shared: u32 = at("NOTES_MOST_SHARED", Is("10")), parse::number(0..=10_000);

        /// How long a deleted note can be had back.
        kept: Duration = at("NOTES_KEPT", Is("1h")), parse::duration(0..=86_400);

        /// Whether notes have colours.
        colours: bool = at("NOTES_COLOURS", Is("on")), parse::choice([("on", true), ("off", false)]);

        /// The tags of a new note.
        tags: Vec<String> = at("NOTES_TAGS", Unset("none")), parse::list(tag);

        /// Where attachments are.
        attachments: Option<PathBuf> = at("NOTES_ATTACHMENTS", Unset("nowhere")), parse::optional(parse::path);

        /// Threads that make pictures.
        painters: u8 = at("NOTES_PAINTERS", Auto(painters)), parse::number_or_auto(1..=8);

        /// The key of the service that reads notes aloud.
        voice_key: Option<SecretString> =
            at("NOTES_VOICE_KEY", Unset("none")).hidden(), parse::optional(parse::secret(8));
    }
    check Notes::contradictions;
}

/// Check that the application adds.
fn tag(text: &str) -> parse::Parsed<String> {
    match text.chars().all(char::is_alphanumeric) && !text.is_empty() {
        true => Ok(text.to_owned()),
        false => Err("write words, separated by commas".to_owned()),
    }
}

fn painters(given: &Lookup<'_>) -> String {
    if given("NOTES_ATTACHMENTS").is_some() { "4" } else { "1" }.to_owned()
}

impl Notes {
    fn contradictions(&self, reader: &mut Reader<'_>) {
        reader.contradiction(
            self.most_shared > self.most_notes,
            &["NOTES_MOST_SHARED", "NOTES_MOST_NOTES"],
            "must not be more than NOTES_MOST_NOTES",
        );
    }
}

fn sources(settings: &[(&str, &str)]) -> Sources {
    Sources { settings: SettingsList::of::<Notes>(), ..environment(settings) }
}

fn notes(settings: &[(&str, &str)]) -> (Config, Notes) {
    Config::load_with(&sources(settings)).unwrap_or_else(|faults| panic!("{settings:?}:\n{faults}"))
}

fn faults_of_notes(settings: &[(&str, &str)]) -> Vec<String> {
    let sources = sources(settings);
    let faults = Config::load_with::<Notes>(&sources).map(drop).expect_err("faults");
    assert_eq!(Config::load(&sources).map(drop).expect_err("faults"), faults, "only the values differ");
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn settings_have_defaults_and_values() {
    let (config, none) = notes(&[]);
    assert_eq!(config.leeway, Duration::from_secs(5));
    assert_eq!((none.most_notes, none.most_shared, none.kept.as_secs()), (1000, 10, 3600));
    assert!(none.colours && none.tags.is_empty() && none.attachments.is_none() && none.voice_key.is_none());
    assert_eq!(none.painters, 1);

    let (config, all) = notes(&[
        ("CLOAKROOM_LEEWAY", "1s"),
        ("NOTES_MOST_NOTES", "7"),
        ("NOTES_MOST_SHARED", "7"),
        ("NOTES_KEPT", "2m"),
        ("NOTES_COLOURS", "off"),
        ("NOTES_TAGS", "new, red"),
        ("NOTES_ATTACHMENTS", "files"),
        ("NOTES_PAINTERS", "auto"),
        ("NOTES_VOICE_KEY", "hunter2!"),
    ]);
    assert_eq!(config.leeway, Duration::from_secs(1));
    assert_eq!((all.most_notes, all.most_shared, all.kept.as_secs()), (7, 7, 120));
    assert_eq!((all.colours, all.tags, all.painters), (false, vec!["new".to_owned(), "red".to_owned()], 4));
    assert_eq!(all.attachments, Some(PathBuf::from("files")));
    assert_eq!(all.voice_key.as_ref().map(ExposeSecret::expose_secret), Some("hunter2!"));
}

#[test]
fn reports_faults_together_with_those_of_cloakroom() {
    let said = faults_of_notes(&[
        ("CLOAKROOM_LEEWAY", "soon"),
        ("CLOAKROOM_LISTEN", "0.0.0.0:80"),
        ("CLOAKROOM_NOTES_MOST_NOTES", "3"),
        ("NOTES_MOST_NOTES", "0"),
        ("NOTES_KEPT", "1d 1s"),
        ("NOTES_COLOURS", "yes"),
        ("NOTES_TAGS", "a,,b"),
        ("NOTES_ATTACHMENTS", ""),
        ("NOTES_PAINTERS", "9"),
        ("NOTES_VOICE_KEY", "short"),
    ]);
    let expected = [
        "CLOAKROOM_LEEWAY is \"soon\" (environment): write whole seconds from 0s to 1m, such as 5s",
        "CLOAKROOM_ISSUER must be given, because the server listens beyond this machine",
        "NOTES_MOST_NOTES is \"0\" (environment): write a number from 1 to 10000",
        "NOTES_KEPT is \"1d 1s\" (environment): write whole seconds from 0s to 1day",
        "NOTES_COLOURS is \"yes\" (environment): write on or off",
        "NOTES_TAGS is \"a,,b\" (environment): write words, separated by commas",
        "NOTES_ATTACHMENTS is \"\" (environment): write a value, or remove the variable",
        "NOTES_PAINTERS is \"9\" (environment): write auto, or a number from 1 to 8",
        "NOTES_VOICE_KEY is \"(hidden)\" (environment): must be at least 8 bytes; make one with `head -c 8 ",
        "CLOAKROOM_NOTES_MOST_NOTES (environment) is not a setting; the nearest is NOTES_MOST_NOTES",
    ];
    assert_eq!(said.len(), expected.len(), "{said:#?}");
    for (said, start) in said.iter().zip(expected) {
        assert!(said.starts_with(start), "{said}");
    }
}

#[test]
fn cross_checks_run_only_on_valid_settings() {
    let words = "NOTES_MOST_SHARED (environment) must not be more than NOTES_MOST_NOTES";
    assert_eq!(faults_of_notes(&[("NOTES_MOST_SHARED", "1001")]), [words]);
    let both = faults_of_notes(&[("NOTES_MOST_SHARED", "1001"), ("NOTES_MOST_NOTES", "none")]);
    assert!(both.len() == 1 && both[0].starts_with("NOTES_MOST_NOTES is"), "{both:?}");
}

#[test]
fn ignores_an_undeclared_variable_with_the_same_prefix() {
    notes(&[("NOTES_PORT", "tcp://10.0.0.1:80")]);
    let mut sources = sources(&[]);
    sources.read_dotenv("NOTES_PORT=1\nNOTES_MOST_NOTES=2\nOTHER=3\n");
    assert_eq!(sources.dotenv, map(&[("NOTES_MOST_NOTES", "2")]));
}

#[test]
fn every_setting_except_secrets_is_a_flag() {
    let settings = SettingsList::of::<Notes>();
    let command =
        || clap::Command::new("notes").args(settings.flags()).subcommand(clap::Command::new("serve"));
    let line = ["notes", "serve", "--notes-most-notes=2", "--leeway=1s"];
    let matches = command().try_get_matches_from(line).unwrap_or_else(|error| panic!("{error}"));
    let sources = Sources::from_process(settings, &matches);
    assert_eq!(sources.flags, map(&[("CLOAKROOM_LEEWAY", "1s"), ("NOTES_MOST_NOTES", "2")]));
    assert!(command().try_get_matches_from(["notes", "--notes-voice-key=x"]).is_err());
    let command = command();
    let flag = command.get_arguments().find(|flag| flag.get_id() == "NOTES_MOST_NOTES").expect("a flag");
    let help = flag.get_help().expect("a help text").to_string();
    assert!(help.contains("more are refused. [NOTES_MOST_NOTES, default: 1000]"), "{help}");
    assert!(flag.is_hide_set(), "the help of a command does not list settings");
}

#[test]
fn report_lists_them_without_secrets() {
    let given = sources(&[("NOTES_VOICE_KEY", "hunter2!"), ("NOTES_TAGS", "new")]);
    let report = Report::of(&given);
    let (first, last) = report.rows().split_at(SETTINGS.len());
    assert!(first.iter().zip(SETTINGS).all(|(row, setting)| row.variable == setting.variable));
    let shown: Vec<(&str, &str, Source)> =
        last.iter().map(|row| (row.variable, row.value.as_str(), row.source)).collect();
    assert_eq!(
        shown,
        [
            ("NOTES_MOST_NOTES", "1000", Source::Default),
            ("NOTES_MOST_SHARED", "10", Source::Default),
            ("NOTES_KEPT", "1h", Source::Default),
            ("NOTES_COLOURS", "on", Source::Default),
            ("NOTES_TAGS", "new", Source::Environment),
            ("NOTES_ATTACHMENTS", "nowhere", Source::Default),
            ("NOTES_PAINTERS", "1", Source::Default),
            ("NOTES_VOICE_KEY", "(hidden)", Source::Environment),
        ]
    );
    assert_eq!(last[0].meaning, "How many notes one user may keep, 1 to 10000; more are refused.");
    let (_, notes) = Config::load_with::<Notes>(&given).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(!format!("{notes:?}{}{}", report.to_table(), report.to_json()).contains("hunter2"));
}

cloakroom::settings! {
    /// Settings whose names clash.
    struct Careless {
        /// Cloakroom's already.
        database: String = at("DATABASE_URL", Is("notes.db")), parse::text;
        /// Begins like cloakroom's.
        colour: String = at("CLOAKROOM_COLOUR", Is("red")), parse::text;
        /// The flag is cloakroom's.
        listen: String = at("LISTEN", Is("127.0.0.1:1")), parse::text;
        /// A flag, and again.
        most: String = at("NOTES_MOST", Is("1")), parse::text;
        /// A flag, once more.
        again: String = at("NOTES_MOST", Is("1")), parse::text;
    }
}

#[test]
fn refuses_a_taken_name() {
    assert!(SettingsList::default().clashes().is_empty());
    assert!(SettingsList::of::<Notes>().clashes().is_empty());
    assert_eq!(
        SettingsList::of::<Careless>().clashes(),
        [
            "CLOAKROOM_COLOUR must not begin with CLOAKROOM_",
            "DATABASE_URL is declared twice",
            "LISTEN would have the flag --listen, which CLOAKROOM_LISTEN has",
            "NOTES_MOST is declared twice",
        ]
    );
}
