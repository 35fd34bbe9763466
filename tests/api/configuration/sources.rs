//! Sources of a value.

use super::*;

#[test]
fn defaults_are_safe_on_this_machine() {
    let config = loaded(&[]);
    assert!(config.listen.ip().is_loopback());
    assert_eq!(config.database.describe(), "sqlite://cloakroom.db");
    assert_eq!(config.registration, Registration::Open);
    assert_eq!(config.signing_algorithm, SigningAlgorithm::Es256);
    assert_eq!(config.access_token_ttl, Duration::from_secs(600));
    assert_eq!(config.leeway, Duration::from_secs(5));
    assert!(config.cors_origins.is_empty());
    assert!(config.db_pool >= 4 && config.workers >= 1);
}

#[test]
fn flag_beats_environment_beats_dotenv_beats_default() {
    let name = "CLOAKROOM_LEEWAY";
    let mut sources = Sources {
        flags: map(&[(name, "1s")]),
        environment: map(&[(name, "2s")]),
        dotenv: map(&[(name, "3s")]),
        ..Sources::default()
    };
    let leeway = |sources: &Sources| {
        let config = Config::load(sources).unwrap_or_else(|faults| panic!("{faults}"));
        let row = Report::of(sources).rows().iter().find(|row| row.variable == name).cloned();
        (config.leeway.as_secs(), row.map(|row| row.source))
    };
    assert_eq!(leeway(&sources), (1, Some(Source::Flag)));
    sources.flags.clear();
    assert_eq!(leeway(&sources), (2, Some(Source::Environment)));
    sources.environment.clear();
    assert_eq!(leeway(&sources), (3, Some(Source::DotEnv)));
    sources.dotenv.clear();
    assert_eq!(leeway(&sources), (5, Some(Source::Default)));
}

#[test]
fn flag_works_before_and_after_the_command() {
    let command = || {
        let serve = clap::Command::new("serve");
        clap::Command::new("cloakroom").args(SettingsList::default().flags()).subcommand(serve)
    };
    for line in [["cloakroom", "--leeway=7s", "serve"], ["cloakroom", "serve", "--leeway=7s"]] {
        let matches = command().try_get_matches_from(line).unwrap_or_else(|error| panic!("{error}"));
        let sources = Sources::from_process(SettingsList::default(), &matches);
        assert_eq!(sources.flags, map(&[("CLOAKROOM_LEEWAY", "7s")]), "{line:?}");
    }
}

#[test]
fn a_dollar_in_dotenv_is_literal_or_refused() {
    let read = |text: &str| {
        let mut sources = Sources::default();
        sources.read_dotenv(text);
        let faults: Vec<String> = sources.faults.iter().map(ToString::to_string).collect();
        (sources.dotenv.get("CLOAKROOM_HS256_SECRET").cloned(), faults.join("\n"))
    };
    for (given, value) in [
        (r"'hunter$2 and $HOME'", "hunter$2 and $HOME"),
        (r"hunter\$2", "hunter$2"),
        (r#""hunter\$2""#, "hunter$2"),
        ("hunter2", "hunter2"),
    ] {
        let read = read(&format!("\u{feff}CLOAKROOM_HS256_SECRET={given}\n"));
        assert_eq!(read, (Some(value.to_owned()), String::new()), "{given}");
    }
    // `#` begins a comment only behind a space, and in quotes it begins none.
    for (given, value) in
        [("hunter#2", "hunter#2"), ("'hunter #2' # a comment", "hunter #2"), ("\"hunter #2\"", "hunter #2")]
    {
        assert_eq!(
            read(&format!("CLOAKROOM_HS256_SECRET={given}\n")),
            (Some(value.to_owned()), String::new()),
            "{given}"
        );
    }
    let (value, faults) =
        read("CLOAKROOM_HS256_SECRET=hunter2\nOTHER=1\nOTHER=2\nCLOAKROOM_HS256_SECRET=hunter3\n");
    assert_eq!(value.as_deref(), Some("hunter2"));
    assert!(faults.contains("CLOAKROOM_HS256_SECRET twice") && !faults.contains("hunter"), "{faults}");
    // A comment may end with a backslash.
    let after_comment = read("# C:\\cloakroom\\\nCLOAKROOM_HS256_SECRET=hunter2\n");
    assert_eq!(after_comment, (Some("hunter2".to_owned()), String::new()));
    for given in [
        "hunter$2",
        "\"hunter$2\"",
        "${HOME}x",
        "hunter$",
        "$hunter",
        "a$b$c",
        "\"a'b'$c\"",
        r"ends\",
        "hunter #2",
        "hunter\t#2",
        "#hunter",
        " # hunter",
    ] {
        let (value, faults) =
            read(&format!("# CLOAKROOM_HS256_SECRET\n\nexport CLOAKROOM_HS256_SECRET={given}\n"));
        assert_eq!(value, None, "{given}");
        assert!(faults.contains("line 3") && faults.contains("single quotes"), "{given}: {faults}");
        assert!(!faults.contains("hunter"), "{faults}");
    }
}

#[test]
fn invalid_dotenv_line_is_reported_by_number_only() {
    let mut sources = Sources::default();
    sources.read_dotenv("# CLOAKROOM notes\nCLOAKROOM_LEEWAY=1s\n\nCLOAKROOM hunter2\nOTHER=x\n");
    let text = Config::load(&sources).map(|_| ()).unwrap_err().to_string();
    assert!(text.starts_with(".env line 4 ") && !text.contains("hunter2"), "{text}");
    assert_eq!(sources.dotenv, map(&[("CLOAKROOM_LEEWAY", "1s")]));
}

#[test]
fn empty_value_unsets_an_optional_setting_only() {
    assert!(loaded(&[("CLOAKROOM_CORS_ORIGINS", "")]).cors_origins.is_empty());
    assert!(loaded(&[("CLOAKROOM_RESOURCES", "")]).resources.is_empty());
    assert!(loaded(&[("CLOAKROOM_TRUSTED_PROXIES", "")]).trusted_proxies.is_empty());
    assert!(loaded(&[("CLOAKROOM_OTLP_ENDPOINT", "")]).otlp_endpoint.is_none());
    let may_be_none = [
        "CLOAKROOM_CORS_ORIGINS",
        "CLOAKROOM_RESOURCES",
        "CLOAKROOM_TRUSTED_PROXIES",
        "CLOAKROOM_TRUSTED_ISSUERS",
        "CLOAKROOM_OTLP_ENDPOINT",
        "CLOAKROOM_MAIL_FROM",
        "CLOAKROOM_LINKS",
    ];
    for setting in SETTINGS.iter().filter(|setting| !may_be_none.contains(&setting.variable)) {
        assert_fault(&[(setting.variable, "")], setting.variable, "is \"\" (environment)");
    }
}
