//! Master key and signing algorithm.

use super::*;

#[test]
fn master_key_is_32_bytes_in_any_base64() {
    let variable = "CLOAKROOM_MASTER_KEY";
    for text in [KEY.to_owned(), format!(" {KEY}\n"), KEY.replace('=', "")] {
        let Some(MasterKeySource::Given(key)) = loaded(&[(variable, &text)]).master_key_source() else {
            panic!("{text:?} is not accepted")
        };
        assert_eq!(*key.to_base64(), KEY);
    }
    for text in ["AAEC", &format!("AAAA{KEY}"), &format!("AA{}", KEY.replace('=', "")), "!"] {
        assert_fault(
            &[(variable, text)],
            variable,
            "is \"(hidden)\" (environment): must be exactly 32 bytes",
        );
    }
}

#[test]
fn master_key_is_given_once_or_made_beside_sqlite() {
    let database = ("DATABASE_URL", "sqlite:///data/app.db");
    let key = ("CLOAKROOM_MASTER_KEY", KEY);
    let file = ("CLOAKROOM_MASTER_KEY_FILE", "/run/key");
    let source = |settings: &[(&str, &str)]| match loaded(settings).master_key_source() {
        Some(MasterKeySource::Given(_)) => "given".to_owned(),
        Some(MasterKeySource::File(path)) => format!("file {}", path.display()),
        Some(MasterKeySource::DataDirectory(path)) => format!("made {}", path.display()),
        None => "none".to_owned(),
    };
    assert_eq!(source(&[database, key]), "given");
    assert_eq!(source(&[database, file]), "file /run/key");
    assert_eq!(source(&[database]), "made /data/cloakroom.master-key");
    assert_eq!(source(&[]), "made cloakroom.master-key");
    assert_fault(&[key, file], "CLOAKROOM_MASTER_KEY", "remove one of them");
}

#[test]
fn postgresql_needs_a_master_key() {
    let database = ("DATABASE_URL", "postgres://db/app");
    assert_fault(&[database], "CLOAKROOM_MASTER_KEY", "head -c 32 /dev/urandom | base64");
    loaded(&[database, ("CLOAKROOM_MASTER_KEY_FILE", "/run/key")]);
}

#[test]
fn hs256_and_its_secret_need_each_other() {
    for algorithm in SigningAlgorithm::ALL {
        let secret = (algorithm == SigningAlgorithm::Hs256).then_some(("CLOAKROOM_HS256_SECRET", SECRET));
        let settings: Vec<_> =
            secret.into_iter().chain([("CLOAKROOM_SIGNING_ALGORITHM", algorithm.as_str())]).collect();
        assert_eq!(loaded(&settings).signing_algorithm, algorithm);
    }
    let hs256 = ("CLOAKROOM_SIGNING_ALGORITHM", "HS256");
    let secret = ("CLOAKROOM_HS256_SECRET", SECRET);
    loaded(&[hs256, secret]);
    assert_fault(&[hs256], "CLOAKROOM_HS256_SECRET", "must be given with HS256");
    assert_fault(&[secret], "CLOAKROOM_HS256_SECRET", "would be ignored");
    for short in ["", "thirty-one bytes are not enough"] {
        let short = ("CLOAKROOM_HS256_SECRET", short);
        assert_fault(&[short], "CLOAKROOM_HS256_SECRET", "");
        assert_fault(&[hs256, short], "CLOAKROOM_HS256_SECRET", "");
    }
    assert_refused("CLOAKROOM_SIGNING_ALGORITHM", &["none", "es256", "ES512"]);
}
