//! The list of trusted issuers.

use std::path::Path;

use serde_json::Value;

use super::super::parse::Parsed;
use super::entry;
use crate::json::parse_strict;
use crate::text_file::read_text;
use crate::token::TrustedIssuer;

/// Reads the list, or the file that contains it.
pub(crate) fn trusted(text: &str) -> Parsed<Vec<TrustedIssuer>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    if text.starts_with(['[', '{']) {
        return list(text);
    }
    match read_text(Path::new(text)) {
        Ok(written) => list(written.trim()),
        Err(error) => Err(format!(
            "cannot be read: {error}; write a JSON list of issuers, or the path of a file that contains one"
        )),
    }
}

fn list(text: &str) -> Parsed<Vec<TrustedIssuer>> {
    let value = parse_strict(text.as_bytes()).map_err(|error| format!("must be JSON, and is {error}"))?;
    let Value::Array(entries) = value else {
        return Err("write a list of issuers, such as [{\"issuer\": \"https://id.example.org\"}]".to_owned());
    };
    let mut faults = Vec::new();
    let read: Vec<TrustedIssuer> =
        (1..).zip(&entries).filter_map(|(number, entry)| entry::read(number, entry, &mut faults)).collect();
    for (index, issuer) in read.iter().enumerate() {
        if read.iter().take(index).any(|other| other.issuer == issuer.issuer) {
            faults.push(format!("{} is listed twice", issuer.issuer));
        }
    }
    if faults.is_empty() { Ok(read) } else { Err(faults.join("; ")) }
}
