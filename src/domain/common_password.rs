//! Estimate of how many guesses find a password. Its work is bounded for every text.
//!
//! zxcvbn compares each part of a password with its word lists, once for each way to read signs and digits as
//! letters. A password with all of them has 576 such readings, which took 0.1 s.

/// Number of guesses below which a password counts as common.
const GUESSES_OF_A_LISTED_PASSWORD: u64 = 10_000;

/// Maximum length for the estimate, in characters. Its work grows with the square of the length.
const MOST_ESTIMATED: usize = 32;

/// Largest number of readings that are tried. No entry of the word lists has more.
const MOST_READINGS: usize = 16;

/// Characters that zxcvbn reads as the same letter, where there is more than one.
const ALIKE: [&str; 7] = ["4@", "({[<", "69", "1!|", "1|7", "$5", "+7"];

/// Characters that it reads as one of two letters.
const AMBIGUOUS: &str = "1|7";

/// True when an attacker finds the password among the first guesses. `context` holds text that an attacker
/// would try first for this user.
pub(super) fn is_common(text: &str, context: &[&str]) -> bool {
    if context.iter().any(|known| known.to_lowercase() == text.to_lowercase()) {
        return true;
    }
    let beginning: String = text.chars().take(MOST_ESTIMATED).collect();
    let estimated = if readings(&beginning) > MOST_READINGS { unified(&beginning) } else { beginning };
    zxcvbn::zxcvbn(&estimated, context).guesses() <= GUESSES_OF_A_LISTED_PASSWORD
}

/// Returns an upper bound of the number of readings.
fn readings(text: &str) -> usize {
    let kinds = |group: &str| group.chars().filter(|c| text.contains(*c)).count();
    ALIKE.iter().map(|group| kinds(group).max(1)).product::<usize>() << kinds(AMBIGUOUS)
}

/// Writes characters that stand for the same letter in one way, so that at most eight readings remain.
fn unified(text: &str) -> String {
    let first = |c| match c {
        '@' => '4',
        '{' | '[' | '<' => '(',
        '9' => '6',
        '!' | '|' => '1',
        '$' => '5',
        '+' => '7',
        other => other,
    };
    text.chars().map(first).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_are_bounded_for_every_text() {
        let every_sign = "4@8({[<3691!|10$5+7%2";
        assert!(readings(every_sign) > 1_000);
        assert!(readings(&unified(every_sign)) <= MOST_READINGS);
        for plain in ["1234567890", "1qaz!QAZ2wsx@WSX", "!@#$%^&*()_+", "p4ssw0rd", "98765432"] {
            assert!(readings(plain) <= MOST_READINGS, "{plain} is estimated as it is");
        }
    }

    #[test]
    fn signs_in_the_place_of_letters_hide_no_common_password() {
        for common in ["p4ssw0rd", "P@ssw0rd", "1qaz2wsx", "!@#$%^&*", "1!|1!|1!|", "1234567890", "iloveyou1"]
        {
            assert!(is_common(common, &[]), "{common}");
        }
        assert!(!is_common("4@8({[<3691!|10$5+7%24@8({[<3691!|10$5+7", &[]));
    }

    #[test]
    fn own_address_of_any_length_is_common() {
        let address = "ada.king.countess.of.lovelace@engineering.example.com";
        assert!(is_common(address, &[address]) && is_common(&address.to_uppercase(), &[address]));
        assert!(!is_common(&format!("{address} and more"), &[address]));
    }
}
