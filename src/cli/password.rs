//! A password that the operator sets: read from standard input, or generated and shown once.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Arg, ArgMatches};
use zeroize::Zeroizing;

use super::arguments::switch;
use super::output::Failure;
use crate::domain::{Email, NewPassword, Random};

/// More bytes than any password can have.
const MOST_BYTES: u64 = 16 * 1024;

pub(super) fn password_flag() -> Arg {
    switch(
        "password-stdin",
        "Read the password from standard input; without it one is generated and printed, once",
    )
}

/// A password to be set.
pub(super) struct Password {
    pub(super) new: NewPassword,
    /// The text, when nobody knows it yet.
    pub(super) generated: Option<Zeroizing<String>>,
}

impl Password {
    /// For the account with this address.
    pub(super) fn take(matches: &ArgMatches, email: &Email, random: &Random) -> Result<Self, Failure> {
        let stdin = matches.get_flag("password-stdin");
        let text =
            if stdin { read()? } else { Zeroizing::new(URL_SAFE_NO_PAD.encode(random.bytes::<16>()?)) };
        let new = NewPassword::parse(&text, &[email.as_str()])
            .map_err(|invalid| Failure::new(format!("the password {invalid}")))?;
        Ok(Self { new, generated: (!stdin).then_some(text) })
    }
}

/// One line; what ends it is not part of the password.
fn read() -> Result<Zeroizing<String>, Failure> {
    let mut text = Zeroizing::new(String::new());
    std::io::stdin()
        .lock()
        .take(MOST_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| Failure::new(format!("the password cannot be read from standard input: {error}")))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.contains(['\n', '\r']) {
        return Err(Failure::new("the password must be one line of standard input, and nothing else"));
    }
    Ok(Zeroizing::new(line.to_owned()))
}
