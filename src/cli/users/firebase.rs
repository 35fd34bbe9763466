//! The parameters of a Firebase project, which `cloakroom users import` adds to each hash of it.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::ArgMatches;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::super::output::Failure;
use super::accounts::Users;
use crate::domain::parse_number;
use crate::hashing::{FirebaseProject, Hasher};
use crate::json::parse_strict;
use crate::server::master_key::{load_master_keys, open_master_keys};
use crate::server::{hasher, open_signer_keys, seal_signer_key};
use crate::text_file::read_text;
use crate::token::MasterKey;

/// Length of a signer key, in bytes.
const SIGNER_KEY_BYTES: usize = 64;

/// Longest salt separator, in bytes.
const LONGEST_SEPARATOR: usize = 32;

/// Name and value of a parameter.
type Member = (String, Zeroizing<String>);

/// Password hash parameters, as the console of Firebase shows them.
#[derive(Debug, PartialEq, Eq)]
struct Parameters {
    signer_key: Zeroizing<Vec<u8>>,
    salt_separator: Vec<u8>,
    rounds: u8,
    memory_cost: u8,
}

impl Users<'_> {
    /// Returns the hasher that checks the hashes of an import, and the Firebase project of the hashes if there is
    /// one. Its signer key is sealed by the master key.
    pub(super) async fn hasher(
        &self,
        given: &ArgMatches,
    ) -> Result<(Hasher, Option<FirebaseProject>), Failure> {
        let (config, clock_and_random) = (self.context.config(), &self.context.clock_and_random);
        let random = &clock_and_random.random;
        let hasher = hasher(config, clock_and_random)?;
        let Some(file) = given.get_one::<PathBuf>("firebase-key-file") else {
            // Hashes with a sealed key are in an export of this server, so its master key exists.
            let master = load_master_keys(config, clock_and_random, true);
            return Ok((master.map_or(hasher.clone(), |master| open_signer_keys(hasher, master)), None));
        };
        let project = read(file)?;
        let master = match given.get_flag("dry-run") {
            // A check of the lines creates no master key.
            true => match load_master_keys(config, clock_and_random, true) {
                Ok(master) => master,
                Err(_) => MasterKey::new(random.bytes()?).into(),
            },
            false => open_master_keys(&self.store, config, clock_and_random).await?,
        };
        let sealed = seal_signer_key(&master, random, &project.signer_key)
            .map_err(|error| Failure::new(format!("the signer key {error}")))?;
        let Parameters { salt_separator, rounds, memory_cost, .. } = &project;
        let project = FirebaseProject::new(&sealed, salt_separator, *rounds, *memory_cost);
        Ok((open_signer_keys(hasher, master), Some(project)))
    }
}

fn read(file: &Path) -> Result<Parameters, Failure> {
    let text = read_text(file)
        .map_err(|error| Failure::new(format!("{} cannot be read: {error}", file.display())))?;
    parse(&Zeroizing::new(text)).map_err(|fault| Failure::new(format!("{}: {fault}", file.display())))
}

/// Reads the text of the console, `hash_config { name: value, … }`, or the same as JSON. A fault repeats no value.
fn parse(text: &str) -> Result<Parameters, String> {
    let (mut signer_key, mut salt_separator, mut rounds, mut memory_cost) = (None, None, None, None);
    let members = match parse_strict(text.as_bytes()) {
        Ok(Value::Object(object)) => of_json(object),
        _ => of_console(text)?,
    };
    for (name, value) in &members {
        let value = value.as_str();
        let is_new = match name.as_str() {
            "algorithm" if value == "SCRYPT" => true,
            "algorithm" => return Err("algorithm must be SCRYPT".to_owned()),
            "base64_signer_key" => signer_key.replace(value).is_none(),
            "base64_salt_separator" => salt_separator.replace(value).is_none(),
            "rounds" => rounds.replace(value).is_none(),
            "mem_cost" => memory_cost.replace(value).is_none(),
            _ => return Err(format!("{name} is not a parameter of Firebase's scrypt")),
        };
        if !is_new {
            return Err(format!("{name} is there twice"));
        }
    }
    let signer_key = decode("base64_signer_key", signer_key)?;
    if signer_key.len() != SIGNER_KEY_BYTES {
        return Err(format!("base64_signer_key must have {SIGNER_KEY_BYTES} bytes"));
    }
    let salt_separator = decode("base64_salt_separator", salt_separator)?;
    if salt_separator.len() > LONGEST_SEPARATOR {
        return Err(format!("base64_salt_separator must have at most {LONGEST_SEPARATOR} bytes"));
    }
    Ok(Parameters {
        signer_key: Zeroizing::new(signer_key),
        salt_separator,
        rounds: number("rounds", rounds, 8)?,
        memory_cost: number("mem_cost", memory_cost, 14)?,
    })
}

/// Returns the members of a JSON object, each value as a text.
fn of_json(object: Map<String, Value>) -> Vec<Member> {
    let text = |value| match value {
        Value::String(text) => text,
        value => value.to_string(),
    };
    object.into_iter().map(|(name, value)| (name, Zeroizing::new(text(value)))).collect()
}

/// Reads the text of the console, with a name and a value on each line.
fn of_console(text: &str) -> Result<Vec<Member>, String> {
    let lines = text.lines().map(|line| line.trim().trim_end_matches(','));
    let lines = lines.filter(|line| !matches!(*line, "" | "{" | "}" | "hash_config {"));
    let read = |line: &str| {
        let (name, value) = line.split_once(':').ok_or("each line must be a name, a colon and a value")?;
        let text = |text: &str| text.trim().trim_matches('"').to_owned();
        Ok((text(name), Zeroizing::new(text(value))))
    };
    lines.map(read).collect()
}

fn decode(name: &str, value: Option<&str>) -> Result<Vec<u8>, String> {
    let value = value.ok_or_else(|| format!("{name} is missing"))?;
    STANDARD.decode(value).map_err(|_| format!("{name} must be standard base64"))
}

fn number(name: &str, value: Option<&str>, most: u8) -> Result<u8, String> {
    let value = value.ok_or_else(|| format!("{name} is missing"))?;
    let number = parse_number(value).filter(|number| (1..=most).contains(number));
    number.ok_or_else(|| format!("{name} must be a number from 1 to {most}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters that the README of firebase/scrypt publishes for its test.
    const CONSOLE: &str = "hash_config {
  algorithm: SCRYPT,
  base64_signer_key: jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==,
  base64_salt_separator: Bw==,
  rounds: 8,
  mem_cost: 14,
}
";

    #[test]
    fn reads_what_the_console_shows_and_json() {
        let read = parse(CONSOLE).unwrap();
        assert_eq!((read.signer_key.len(), read.salt_separator.as_slice()), (64, &[7][..]));
        assert_eq!((read.rounds, read.memory_cost), (8, 14));
        let json = CONSOLE.replace("hash_config ", "").replace(": ", "\": \"").replace(",\n", "\",\n");
        assert_eq!(parse(&json.replace("  ", "  \"").replace('\n', "\r\n")).unwrap(), read);
        let on_one_line = serde_json::json!({
            "algorithm": "SCRYPT", "base64_salt_separator": "Bw==", "rounds": 8, "mem_cost": 14,
            "base64_signer_key":
                "jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==",
        });
        assert_eq!(parse(&on_one_line.to_string()).unwrap(), read);
    }

    #[test]
    fn fault_names_the_parameter_and_repeats_no_key() {
        for (from, to, fault) in [
            ("SCRYPT", "BCRYPT", "algorithm must be SCRYPT"),
            ("rounds: 8", "rounds: 9", "rounds must be a number from 1 to 8"),
            ("rounds: 8", "rounds: 0", "rounds must be a number from 1 to 8"),
            ("rounds: 8", "rounds: ", "rounds must be a number from 1 to 8"),
            ("mem_cost: 14", "mem_cost: 15", "mem_cost must be a number from 1 to 14"),
            ("mem_cost: 14", "rounds: 8", "rounds is there twice"),
            ("  mem_cost: 14,\n", "", "mem_cost is missing"),
            ("rounds", "passes", "passes is not a parameter"),
            ("jxspr8Ki", "", "base64_signer_key must have 64 bytes"),
            ("jxspr8Ki", "!", "base64_signer_key must be standard base64"),
            ("  base64_signer_key: ", "  ", "each line must be a name"),
        ] {
            let said = parse(&CONSOLE.replacen(from, to, 1)).unwrap_err();
            assert!(said.contains(fault) && !said.contains("0QsEmYUSDzZ"), "{to}: {said}");
        }
    }
}
