//! Messages about faults, and what they must not contain.

use super::*;

#[test]
fn reports_every_fault_with_value_source_and_fix() {
    let sources = Sources {
        flags: map(&[("CLOAKROOM_LISTEN", "8080")]),
        environment: map(&[("CLOAKROOM_LEEWAY", "2m"), ("CLOAKROOM_HS256_SECRET", SECRET)]),
        dotenv: map(&[("CLOAKROOM_REGISTRATION", "no"), ("CLOAKROOM_LISTENS", "x")]),
        ..Sources::default()
    };
    let text = Config::load(&sources).map(|_| ()).unwrap_err().to_string();
    let expected = [
        "CLOAKROOM_LISTEN is \"8080\" (flag): write address:port",
        "CLOAKROOM_REGISTRATION is \"no\" (.env): write open or verified or closed",
        "CLOAKROOM_LEEWAY is \"2m\" (environment): write whole seconds from 0s to 1m",
        "CLOAKROOM_HS256_SECRET (environment) would be ignored",
        "CLOAKROOM_LISTENS (.env) is not a setting; the nearest is CLOAKROOM_LISTEN",
    ];
    assert_eq!(text.lines().count(), expected.len(), "{text}");
    for (line, start) in text.lines().zip(expected) {
        assert!(line.starts_with(start), "{line}");
    }
}

#[test]
fn fault_does_not_hide_contradictions_of_other_settings() {
    let contradicting = [("DATABASE_URL", "postgres://db/app"), ("CLOAKROOM_LISTEN", "0.0.0.0:80")];
    let involved = ["DATABASE_URL", "CLOAKROOM_LISTEN", "CLOAKROOM_ISSUER"];
    for setting in SETTINGS {
        let name = setting.variable;
        if !involved.contains(&name) && !name.contains("MASTER_KEY") {
            let text = faults(&[contradicting.as_slice(), &[(name, "\u{1}")]].concat());
            assert!(text.contains(&format!("{name} is ")), "{text}");
            assert!(text.contains("CLOAKROOM_MASTER_KEY must be given"), "{text}");
            assert!(text.contains("CLOAKROOM_ISSUER must be given"), "{text}");
        }
    }
}

#[test]
fn refuses_an_unknown_setting_and_names_the_nearest() {
    for (unknown, nearest) in [
        ("CLOAKROOM_ISSUR", "CLOAKROOM_ISSUER"),
        ("CLOAKROOM_ARGON", "CLOAKROOM_ARGON2"),
        ("CLOAKROOM_DATABASE_URL", "DATABASE_URL"),
        ("cloakroom_listen", "CLOAKROOM_LISTEN"),
    ] {
        let words = format!("nearest is {nearest}");
        assert_fault(&[(unknown, "hunter2")], unknown, &words);
        assert!(!faults(&[(unknown, "hunter2")]).contains("hunter2"));
    }
    loaded(&[("DATABASE_URI", "of another program")]);
}

#[test]
fn secrets_are_in_no_message_report_or_debug_output() {
    let database = "postgres://app:hunter2@db/app?password=hunter2";
    let secrets = ["hunter2", KEY, SECRET];
    let settings = [
        ("DATABASE_URL", database),
        ("CLOAKROOM_MASTER_KEY", KEY),
        ("CLOAKROOM_SIGNING_ALGORITHM", "HS256"),
        ("CLOAKROOM_HS256_SECRET", SECRET),
    ];
    let config = loaded(&settings);
    let report = Report::of(&environment(&settings));
    let shown =
        format!("{config:?}{}{}{:?}", report.to_table(), report.to_json(), config.master_key_source());
    assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
    assert!(report.to_table().contains("(hidden)") && shown.contains("postgres://app@db/app"));

    for (variable, value) in [
        ("DATABASE_URL", "mysql://app:hunter2@db/app"),
        ("DATABASE_URL", "postgres://app:hunter2"),
        ("DATABASE_URL", "postgres://app:hun?hunter2@db/app"),
        ("DATABASE_URL", "host=db password=hunter2"),
        ("DATABASE_URL", "postgres:/app:hunter2@db/app"),
        ("CLOAKROOM_ISSUER", "https://app:hunter2@id.example.org"),
        ("CLOAKROOM_ISSUER", "https:app:hunter2@id.example.org"),
        ("CLOAKROOM_CORS_ORIGINS", "https://app:hunter2@app.example.org"),
        ("CLOAKROOM_MASTER_KEY", "hunter2"),
        ("CLOAKROOM_HS256_SECRET", "hunter2"),
    ] {
        let report = Report::of(&environment(&[(variable, value)])).to_table();
        let text = faults(&[(variable, value)]) + &report;
        assert!(!text.contains("hunter2"), "{text}");
    }
}

#[test]
fn report_gives_value_and_source_of_every_setting() {
    let report = Report::of(&environment(&[("CLOAKROOM_HASH_LANES", "2")]));
    let rows = report.to_json();
    assert_eq!(rows.as_array().map(Vec::len), Some(SETTINGS.len()));
    let table = report.to_table();
    let words = |variable: &str| -> Vec<String> {
        let line = table.lines().find(|line| line.starts_with(&format!("{variable} ")));
        line.unwrap_or_default().split_whitespace().take(3).map(str::to_owned).collect()
    };
    assert_eq!(words("CLOAKROOM_HASH_LANES"), ["CLOAKROOM_HASH_LANES", "2", "environment"]);
    assert_eq!(words("CLOAKROOM_HASH_QUEUE"), ["CLOAKROOM_HASH_QUEUE", "64", "default"]);
}
