//! Faults of the problems that the application adds.

use crate::http::Code;

/// Finds problems with a code that is taken, or with a status that cloakroom alone answers.
pub(super) fn of_problems(problems: &[Code]) -> Vec<String> {
    let mut faults = Vec::new();
    for (place, code) in problems.iter().enumerate() {
        let (name, status) = (code.as_str(), code.status().as_u16());
        let mut fault = |fault: &str| faults.push(format!("the problem {name:?}: {fault}"));
        if Code::named(name).is_some() {
            fault("cloakroom has a problem with this code: choose another one");
        }
        if problems.iter().take(place).any(|other| other.as_str() == name) {
            fault("two problems have this code");
        }
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=60).contains(&name.len()) || !name.chars().all(is_plain) {
            fault("its code must be 1 to 60 lowercase letters, digits and hyphens");
        }
        if !matches!(status, 400 | 402..=499 | 502..=504) {
            fault("its status must be 400, 402 to 499, or 502 to 504: a decision alone answers 401");
        }
    }
    faults
}
