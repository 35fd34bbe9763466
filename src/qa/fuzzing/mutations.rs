//! Search near the corpora without a fuzzer: changed inputs, as many and the same ones on each run. A fuzzer, which
//! looks for code that no input has reached yet, takes a nightly compiler and minutes (`just fuzz`).

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::targets::{TARGETS, Target, corpus};

/// Inputs of each target.
const INPUTS: u32 = 1_000;

/// Bytes that parsers treat differently from others, and characters that change when they are normalized.
#[rustfmt::skip]
const SPECIAL: &[&str] = &[
    "\0", "\n", "\r", " ", "\"", "\\", "/", "%", "&", "=", "+", "-", ".", ",", ";", ":", "@", "#", "?", "$",
    "{", "}", "[", "]", "0", "9", "-1", "1e400", "18446744073709551616", "null", "%00", "%C3", "\\u0000",
    "\\ud800", "xn--", "\u{feff}", "\u{200d}", "\u{301}", "\u{130}", "\u{ff21}", "\u{10ffff}", "ß", "é",
];

/// A change of an input, at a place between its beginning and its end.
#[derive(Clone, Debug)]
enum Change {
    /// Other bytes at this place.
    Insert(Index, Vec<u8>),
    /// Some bytes from this place on are left out.
    Remove(Index, usize),
    /// Another byte at this place.
    Replace(Index, u8),
    /// The bytes from this place on are there twice.
    Repeat(Index),
    /// The rest comes from another input.
    Splice(Index, Vec<u8>),
}

impl Change {
    fn any_of(inputs: &[Vec<u8>]) -> impl Strategy<Value = Self> + use<> {
        let special = select(SPECIAL).prop_map(|text| text.as_bytes().to_vec());
        let bytes = prop_oneof![special, vec(any::<u8>(), 1..4)];
        prop_oneof![
            (any::<Index>(), bytes).prop_map(|(at, bytes)| Self::Insert(at, bytes)),
            (any::<Index>(), 1..8_usize).prop_map(|(at, length)| Self::Remove(at, length)),
            (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Self::Replace(at, byte)),
            any::<Index>().prop_map(Self::Repeat),
            (any::<Index>(), select(inputs.to_vec())).prop_map(|(at, other)| Self::Splice(at, other)),
        ]
    }

    fn apply(&self, input: &mut Vec<u8>) {
        let place = |at: &Index| at.index(input.len() + 1);
        match self {
            Self::Insert(at, bytes) => drop(input.splice(place(at)..place(at), bytes.iter().copied())),
            Self::Remove(at, length) => {
                let from = place(at);
                drop(input.drain(from..input.len().min(from + length)));
            }
            Self::Replace(at, byte) => {
                let from = place(at);
                if let Some(old) = input.get_mut(from) {
                    *old = *byte;
                }
            }
            Self::Repeat(at) => input.extend_from_within(place(at)..),
            Self::Splice(at, other) => {
                let from = place(at);
                input.truncate(from);
                input.extend(other.iter().skip(from));
            }
        }
    }
}

/// Inputs of the corpus with some changes.
fn changed(target: &Target) -> impl Strategy<Value = Vec<u8>> + use<> {
    let inputs = corpus(target.name);
    let changes = vec(Change::any_of(&inputs), 1..6);
    (prop_oneof![9 => select(inputs), 1 => Just(Vec::new())], changes).prop_map(|(mut input, changes)| {
        changes.iter().for_each(|change| change.apply(&mut input));
        input
    })
}

#[test]
fn properties_hold_for_inputs_near_the_corpora() {
    for target in TARGETS {
        let config = Config { cases: INPUTS, failure_persistence: None, ..Config::default() };
        let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let outcome = TestRunner::new_with_rng(config, random).run(&changed(target), |input| {
            if input.len() <= target.longest {
                (target.check)(&input);
            }
            Ok(())
        });
        assert!(outcome.is_ok(), "{}: {outcome:?}", target.name);
    }
}
