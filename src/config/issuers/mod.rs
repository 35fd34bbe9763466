//! `CLOAKROOM_TRUSTED_ISSUERS`: other people's issuers, as JSON or in a file of it; and what of it
//! only shows beside other settings.

mod entry;

use std::fs;

use serde_json::Value;

use super::parse::Parsed;
use super::{Config, Fault, Faults, Reader, Source, Sources};
use crate::authz::Vocabulary;
use crate::json::parse_strict;
use crate::token::TrustedIssuer;

/// Reads the list, or the file that has it.
pub(super) fn trusted(text: &str) -> Parsed<Vec<TrustedIssuer>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(Vec::new());
    }
    if text.starts_with(['[', '{']) {
        return list(text);
    }
    match fs::read_to_string(text) {
        Ok(written) => list(written.trim()),
        Err(error) => Err(format!(
            "cannot be read: {error}; write a JSON list of issuers, or the path of a file that has one"
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
            faults.push(format!("{} is there twice", issuer.issuer));
        }
    }
    if faults.is_empty() { Ok(read) } else { Err(faults.join("; ")) }
}

/// How the settings about issuers contradict each other.
pub(super) fn contradictions(config: &Config, reader: &mut Reader<'_>) {
    reader.contradiction(
        !config.authorization_server && config.hs256_secret.is_some(),
        &["CLOAKROOM_HS256_SECRET", "CLOAKROOM_AUTHORIZATION_SERVER", "CLOAKROOM_SIGNING_ALGORITHM"],
        "would be ignored; take it away, because CLOAKROOM_AUTHORIZATION_SERVER is off",
    );
    reader.contradiction(
        !config.authorization_server && config.trusted_issuers.is_empty(),
        &["CLOAKROOM_AUTHORIZATION_SERVER", "CLOAKROOM_TRUSTED_ISSUERS"],
        "is off, and no token of anybody would be taken; name the issuers in \
             CLOAKROOM_TRUSTED_ISSUERS",
    );
    reader.contradiction(
        config.issuer.as_ref().is_some_and(|own| config.trusts(own)),
        &["CLOAKROOM_TRUSTED_ISSUERS", "CLOAKROOM_ISSUER"],
        "names this server itself, which CLOAKROOM_ISSUER is",
    );
}

impl Config {
    /// Whether tokens of this issuer, which is not our own, are taken.
    pub(crate) fn trusts(&self, issuer: &str) -> bool {
        self.trusted_issuers.iter().any(|trusted| trusted.issuer() == issuer)
    }

    /// Checks what only the application knows: that the scopes that others' are mapped to exist.
    pub(crate) fn check_vocabulary(&self, vocabulary: &Vocabulary, sources: &Sources) -> Result<(), Faults> {
        let variable = "CLOAKROOM_TRUSTED_ISSUERS";
        let source = sources.given(variable).map_or(Source::Default, |(source, _)| source);
        let unknown = self.trusted_issuers.iter().flat_map(|issuer| {
            let unknown = issuer.unknown_scopes(|name| vocabulary.scope(name).is_some());
            unknown.into_iter().map(|name| {
                let nearest = vocabulary
                    .scopes()
                    .iter()
                    .min_by_key(|scope| strsim::damerau_levenshtein(scope.as_str(), name))
                    .map_or("", |scope| scope.as_str());
                let (issuer, name) = (issuer.issuer(), name.escape_debug());
                format!("maps to {name} for {issuer}, which is no scope here; the nearest is {nearest}")
            })
        });
        let fault = |problem| Fault { variable: variable.to_owned(), source, value: None, problem };
        let faults: Vec<Fault> = unknown.map(fault).collect();
        if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
    }
}
