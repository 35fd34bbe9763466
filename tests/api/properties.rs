//! Property tests: rules that hold for every input.

use cloakroom::authz::Vocabulary;
use cloakroom::domain::{ClientId, Email, ProfileClaim, UserId, fold_case, format_time, parse_time};
use cloakroom::json::parse_strict;
use cloakroom::oauth::scope_parameter;
use proptest::prelude::*;

proptest! {
    #[test]
    fn email_round_trips(text in "\\PC{0,30}@[a-zA-Z0-9ä.-]{1,20}") {
        if let Ok(email) = Email::parse(&text) {
            let again = Email::parse(email.as_str()).expect("an accepted address parses again");
            prop_assert_eq!(again.as_str(), email.as_str());
            prop_assert_eq!(again.key(), email.key());
        }
    }

    #[test]
    fn email_comparison_ignores_case(text in "[a-zA-Zäöüßéñσς]{1,12}@[a-zA-Z]{1,8}\\.org") {
        let key = |text: &str| Email::parse(text).map(|email| email.key());
        prop_assert_eq!(key(&text), key(&text.to_lowercase()));
        prop_assert_eq!(key(&text), key(&text.to_uppercase()));
    }

    #[test]
    fn case_folding_is_idempotent(text in "\\PC{0,40}") {
        prop_assert_eq!(fold_case(&fold_case(&text)), fold_case(&text));
    }

    #[test]
    fn strict_json_agrees_with_the_json_parser(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(value) = parse_strict(&bytes) {
            prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&bytes).expect("JSON"), value);
        }
    }

    #[test]
    fn no_input_panics_a_parser(text in "\\PC{0,80}|[ -~]{0,80}|(a |:any|users|read|\\x00){0,20}") {
        for claim in ProfileClaim::ALL {
            if let Ok(kept) = claim.check(&text) {
                prop_assert_eq!(&kept, &text);
            }
        }
        let vocabulary = Vocabulary::default();
        let _ = (text.parse::<ClientId>(), text.parse::<UserId>(), parse_time(&text), scope_parameter(&text, &vocabulary));
        let set = vocabulary.scopes_in(&text);
        prop_assert_eq!(vocabulary.scopes_in(&set.to_string()), set);
    }

    #[test]
    fn time_round_trips(millis in 0_i64..4_102_444_800_000) {
        let time = chrono::DateTime::from_timestamp_millis(millis).expect("in range");
        prop_assert_eq!(parse_time(&format_time(time)), Some(time));
    }
}
