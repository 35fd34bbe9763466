//! Password that the operator sets: read from standard input, or generated and printed once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Arg, ArgMatches};
use zeroize::Zeroizing;

use super::arguments::switch;
use super::output::Failure;
use crate::domain::{Email, NewPassword, Random};
use crate::text_file::read_stdin;

/// Maximum length of the input, in bytes. It is above that of any password.
const MAX_BYTES: u64 = 16 * 1024;

pub(super) fn password_flag() -> Arg {
    switch(
        "password-stdin",
        "Read the password from standard input; by default one is generated and printed once",
    )
}

/// Password to set.
pub(super) struct Password {
    pub(super) new: NewPassword,
    /// The text of a generated password, to print it once.
    pub(super) generated: Option<Zeroizing<String>>,
}

impl Password {
    /// Reads or generates a password for the account with this address.
    pub(super) fn take(matches: &ArgMatches, email: &Email, random: &Random) -> Result<Self, Failure> {
        let stdin = matches.get_flag("password-stdin");
        let text =
            if stdin { read()? } else { Zeroizing::new(URL_SAFE_NO_PAD.encode(random.bytes::<16>()?)) };
        let new = NewPassword::parse(&text, &[email.as_str()])
            .map_err(|invalid| Failure::new(format!("the password {invalid}")))?;
        Ok(Self { new, generated: (!stdin).then_some(text) })
    }
}

/// Reads one line from standard input. The end of the line is not part of the password.
fn read() -> Result<Zeroizing<String>, Failure> {
    let text = read_stdin(MAX_BYTES)
        .map_err(|error| Failure::new(format!("the password cannot be read from standard input: {error}")))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.contains(['\n', '\r']) {
        return Err(Failure::new("standard input must contain only the password, on one line"));
    }
    Ok(Zeroizing::new(line.to_owned()))
}
