//! Checks of cloakroom's settings against each other, and against the scopes of the application.

use super::{Config, Fault, Faults, Reader, Registration, Source, Sources};
use crate::authz::Vocabulary;
use crate::mail::MailUrl;
use crate::token::SigningAlgorithm;

impl Config {
    pub(super) fn contradictions(&self, reader: &mut Reader<'_>) {
        let hs256 = self.signing_algorithm == SigningAlgorithm::Hs256;
        reader.contradiction(
            !self.listen.ip().to_canonical().is_loopback() && self.issuer.is_none(),
            &["CLOAKROOM_ISSUER", "CLOAKROOM_LISTEN"],
            "must be given, because the server listens beyond this machine; write its public URL, \
             such as https://id.example.org",
        );
        reader.contradiction(
            self.master_key.is_some() && self.master_key_file.is_some(),
            &["CLOAKROOM_MASTER_KEY", "CLOAKROOM_MASTER_KEY_FILE"],
            "is given and CLOAKROOM_MASTER_KEY_FILE too; remove one of them",
        );
        reader.contradiction(
            self.previous_master_key.is_some() && self.previous_master_key_file.is_some(),
            &["CLOAKROOM_MASTER_KEY_PREVIOUS", "CLOAKROOM_MASTER_KEY_PREVIOUS_FILE"],
            "is given and CLOAKROOM_MASTER_KEY_PREVIOUS_FILE too; remove one of them",
        );
        reader.contradiction(
            self.master_key_source().is_none(),
            &["CLOAKROOM_MASTER_KEY", "CLOAKROOM_MASTER_KEY_FILE", "DATABASE_URL"],
            "must be given with PostgreSQL, or else CLOAKROOM_MASTER_KEY_FILE; make one with \
             `head -c 32 /dev/urandom | base64` and keep it",
        );
        reader.contradiction(
            hs256 && self.hs256_secret.is_none(),
            &["CLOAKROOM_HS256_SECRET", "CLOAKROOM_SIGNING_ALGORITHM"],
            "must be given with HS256; make one with `head -c 32 /dev/urandom | base64`",
        );
        reader.contradiction(
            !hs256 && self.hs256_secret.is_some(),
            &["CLOAKROOM_HS256_SECRET", "CLOAKROOM_SIGNING_ALGORITHM"],
            "would be ignored; remove it, or set CLOAKROOM_SIGNING_ALGORITHM=HS256",
        );
        reader.contradiction(
            self.tls_cert.is_some() != self.tls_key.is_some(),
            &["CLOAKROOM_TLS_CERT", "CLOAKROOM_TLS_KEY"],
            "and the other must be given together: both the certificate and its key, or neither",
        );
        reader.contradiction(
            !self.authorization_server && self.hs256_secret.is_some(),
            &["CLOAKROOM_HS256_SECRET", "CLOAKROOM_AUTHORIZATION_SERVER", "CLOAKROOM_SIGNING_ALGORITHM"],
            "would be ignored; remove it, because CLOAKROOM_AUTHORIZATION_SERVER is off",
        );
        reader.contradiction(
            !self.authorization_server && self.trusted_issuers.is_empty(),
            &["CLOAKROOM_AUTHORIZATION_SERVER", "CLOAKROOM_TRUSTED_ISSUERS"],
            "is off, so the server would accept no token; name the issuers in CLOAKROOM_TRUSTED_ISSUERS",
        );
        reader.contradiction(
            self.mail_url.is_some() && self.mail_from.is_none(),
            &["CLOAKROOM_MAIL_FROM", "CLOAKROOM_MAIL_URL"],
            "must be given with CLOAKROOM_MAIL_URL, such as no-reply@example.org",
        );
        reader.contradiction(
            self.mail_url.as_ref().is_some_and(MailUrl::is_log) && !self.has_loopback_issuer(),
            &["CLOAKROOM_MAIL_URL", "CLOAKROOM_ISSUER"],
            "must not be log: where users are, because the log would have their links; name a mail server",
        );
        reader.contradiction(
            self.registration == Registration::Verified && self.mail_url.is_none(),
            &["CLOAKROOM_REGISTRATION", "CLOAKROOM_MAIL_URL"],
            "must not be verified without CLOAKROOM_MAIL_URL: no link would be sent",
        );
        reader.contradiction(
            self.mail_url.is_some() && !self.authorization_server,
            &["CLOAKROOM_MAIL_URL", "CLOAKROOM_AUTHORIZATION_SERVER"],
            "would be ignored; remove it, because CLOAKROOM_AUTHORIZATION_SERVER is off",
        );
        reader.contradiction(
            self.issuer.as_ref().is_some_and(|own| self.trusts(own)),
            &["CLOAKROOM_TRUSTED_ISSUERS", "CLOAKROOM_ISSUER"],
            "names this server itself, which CLOAKROOM_ISSUER is",
        );
    }

    /// Returns true when the public URL is on this machine.
    pub(crate) fn has_loopback_issuer(&self) -> bool {
        let host = self.issuer.as_deref().and_then(|issuer| url::Url::parse(issuer).ok());
        let host = host.as_ref().and_then(url::Url::host_str);
        host.is_none_or(|host| matches!(host, "localhost" | "[::1]") || host.starts_with("127."))
    }

    /// Returns true when tokens of this issuer, which is not this server, are accepted.
    pub(crate) fn trusts(&self, issuer: &str) -> bool {
        self.trusted_issuers.iter().any(|trusted| trusted.issuer() == issuer)
    }

    /// Checks that the scopes to which trusted issuers' scopes are mapped exist. Only the application knows
    /// them all.
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
                format!("maps to {name} for {issuer}, which is not a scope here; the nearest is {nearest}")
            })
        });
        let fault = |problem| Fault { variable: variable.to_owned(), source, value: None, problem };
        let faults: Vec<Fault> = unknown.map(fault).collect();
        if faults.is_empty() { Ok(()) } else { Err(Faults(faults)) }
    }
}
