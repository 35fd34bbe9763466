//! Search for the worst case without a fuzzer: texts that repeat what is costly somewhere, as long as a caller can send
//! them. It finds work that grows faster than its input on each machine that runs the tests.

use std::time::Duration;

use super::cpu;
use super::properties::{ISSUER, NOW, VERIFIER, signed};
use super::targets::{TARGETS, Target, corpus};

/// CPU time that an input may take. A build without optimization is some ten times slower, and a busy machine up to
/// twice.
const LIMIT: Duration = Duration::from_millis(if cfg!(debug_assertions) { 150 } else { 5 });

/// CPU time from which its growth is looked at. Below it, what does not depend on the input counts too much.
const NOTABLE: Duration = Duration::from_millis(if cfg!(debug_assertions) { 10 } else { 1 });

/// Largest factor of the CPU time for four times the input. Linear work has 4, quadratic work 16.
const GROWTH: u32 = 9;

/// Parts of texts that some parser expands, sorts, decodes, nests or looks up.
const UNITS: &[&str] = &[
    "a",
    "A",
    "0",
    " ",
    "\t",
    ".",
    ",",
    ";",
    "&",
    "=",
    "/",
    "%",
    "-",
    "+",
    "\"",
    "\\",
    "@",
    ":",
    "~",
    "\0",
    "[",
    "{",
    "]",
    "a.",
    "-.",
    "..",
    "%41",
    "%2e",
    "%00",
    "%f0",
    "&a=",
    "a=b&",
    "../",
    "\\u0041",
    "\\ud83d\\ude00",
    "1e9,",
    "0,",
    "\"\",",
    "[],",
    "{},",
    "\"a\":",
    "[[[[[]]]]],",
    "xn--a.",
    "xn--",
    "for=1.2.3.4,",
    "for=\"[::1]:1\";",
    "1.2.3.4, ",
    "127.0.0.1,",
    "e\u{301}",
    "\u{301}",
    "\u{315}\u{300}\u{5ae}",
    "\u{344}",
    "\u{fb2c}",
    "\u{1d160}",
    "\u{130}",
    "\u{df}",
    "\u{3a3}",
    "\u{ac00}",
    "\u{1100}\u{1161}\u{11a8}",
    "\u{200d}",
    "\u{640}",
    "\u{5d0}.",
    "\u{1f469}\u{200d}",
    "\u{fdfa}",
    "4@8({[<3691!|10$5+7%2",
    "1!|7+",
    "aab",
    "qwerty",
    "01.01.1990",
    "password1",
    "1990",
    "users:read ",
    "$m=1,",
];

/// Texts around the repeated part, where a parser looks at it more closely.
fn frames(target: &str) -> &'static [(&'static str, &'static str)] {
    match target {
        "token" => &[("!{\"alg\":\"HS256\",\"typ\":\"at+jwt\"}\n{\"scope\":\"", "\"}"), ("e30.e30.", "")],
        "merge_patch" => {
            &[("{\"name\":\"", "\"}"), ("{\"website\":\"https://", "\"}"), ("{\"bio\":[", "0]}")]
        }
        "redirect_uri" => {
            &[("https://a.example/", ""), ("https://", ".example/cb"), ("http://127.0.0.1:", "/")]
        }
        "email" => &[("a@", ""), ("", "@example.com")],
        "basic" => &[("a:", "")],
        "form" => &[("scope=", "")],
        "account" => &[
            ("{\"email\":\"a@", "\"}"),
            ("{\"email\":\"a@b.c\",\"password\":\"", "\"}"),
            ("{\"email\":\"a@b.c\",\"password_hash\":\"$argon2id$v=19$", "\"}"),
            ("{\"email\":\"a@b.c\",\"password_hash\":\"$2b$10$", "\"}"),
            ("{\"email\":\"a@b.c\",\"password_hash\":\"$6$rounds=1", "\"}"),
            ("{\"email\":\"a@b.c\",\"password_hash\":\"$scrypt$ln=1", "\"}"),
            ("{\"email\":\"a@b.c\",\"password_hash\":\"pbkdf2_sha256$1", "\"}"),
            ("{\"email\":\"a@b.c\",\"password_hash\":\"AQAAAAEAAAPoAAAA", "\"}"),
            ("{\"email\":\"a@b.c\",\"roles\":[\"", "\"]}"),
        ],
        "query" => &[("q=", ""), ("limit=2&email=a@", "")],
        "forwarded" => &[("for=", "")],
        "cookie" => &[("__Host-cloakroom=", "")],
        "client_keys" => {
            &[("{\"keys\":[", "0]}"), ("{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"", "\"}]}")]
        }
        _ => &[],
    }
}

/// Returns the inputs of about this length.
fn inputs(target: &str, length: usize) -> Vec<Vec<u8>> {
    let frames = frames(target).iter().chain(&[("", ""), ("[\"", "\"]")]);
    let repeated = frames.flat_map(|(before, after)| {
        UNITS.iter().map(move |unit| {
            let room = length.saturating_sub(before.len() + after.len());
            [before, &*unit.repeat(room / unit.len()), after].concat().into_bytes()
        })
    });
    let numbered = |item: fn(usize) -> String, before: &str, after: &str| {
        let mut text = before.to_owned();
        for number in 0.. {
            let next = item(number);
            if text.len() + next.len() + after.len() > length {
                break;
            }
            text += &next;
        }
        (text + after).into_bytes()
    };
    repeated
        .chain([
            numbered(|number| format!("\"{number}\":0,"), "{", "\"a\":0}"),
            numbered(|number| format!("{number}=&"), "", "a="),
            numbered(|number| format!("{number} "), "scope=", ""),
            numbered(|number| format!("\"{number}\","), "{\"email\":\"a@b.c\",\"roles\":[", "0]}"),
        ])
        .collect()
}

fn time_of(target: &Target, input: &[u8], limit: Duration) -> Duration {
    cpu::time_of(limit, || (target.check)(input))
}

/// True when the work grows faster than the input. What a single run shows is measured again.
fn grows(target: &Target, time: Duration, input: &[u8], quarter: &[u8]) -> bool {
    let least = |input| time_of(target, input, Duration::ZERO);
    time > NOTABLE
        && time > time_of(target, quarter, LIMIT) * GROWTH
        && least(input) > least(quarter) * GROWTH
}

/// Lengths just below the limits that parsers set themselves.
const LENGTHS: [usize; 5] = [32, 250, 1_000, 4_000, 8_000];

#[test]
fn no_input_costs_more_than_the_limit_or_grows_faster_than_its_length() {
    for target in TARGETS {
        // The first run fills tables.
        (target.check)(b"warm");
        let mut costs = Vec::new();
        for length in LENGTHS.into_iter().filter(|length| *length < target.longest).chain([target.longest]) {
            let quarters = inputs(target.name, length / 4);
            for (input, quarter) in inputs(target.name, length).iter().zip(quarters) {
                let time = time_of(target, input, LIMIT);
                let shown = || String::from_utf8_lossy(input).chars().take(60).collect::<String>();
                if time > LIMIT {
                    costs.push(format!("{}: {time:?} for {} bytes of {}", target.name, input.len(), shown()));
                } else if grows(target, time, input, &quarter) {
                    costs.push(format!(
                        "{} grows faster than its input: {time:?} for {}",
                        target.name,
                        shown()
                    ));
                }
            }
        }
        for input in corpus(target.name) {
            let time = time_of(target, &input, LIMIT);
            if time > LIMIT {
                costs.push(format!("{}: {time:?} for an input of the corpus", target.name));
            }
        }
        assert!(costs.is_empty(), "{costs:#?}");
    }
}

#[test]
fn a_password_of_many_readings_costs_no_more_than_another() {
    let password = TARGETS.iter().find(|target| target.name == "password").unwrap();
    let cost = |text: &str| time_of(password, text.as_bytes(), Duration::ZERO);
    cost("warm");
    let plain = cost("mein pinguin tanzt gern im regen, du");
    for signs in ["4@8({[<3691!|10$5+7%24@8({[<3691!|10$5+7", "({[<4@1!|7+69$5({[<4@1!|7+69$5a1b2"] {
        assert!(cost(signs) < plain * 6, "{signs}: {:?}, and {plain:?}", cost(signs));
    }
}

#[test]
fn a_complete_token_is_accepted_so_that_its_claims_are_checked() {
    let claims = serde_json::json!({
        "iss": ISSUER, "aud": ISSUER, "sub": "reports", "client_id": "reports", "jti": "j",
        "exp": NOW + 600, "iat": NOW, "scope": "users:read:any",
    });
    let token = signed(br#"{"alg":"HS256","typ":"at+jwt"}"#, claims.to_string().as_bytes());
    assert!(VERIFIER.verify(&token).is_ok());
}
