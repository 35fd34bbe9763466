//! Verification of access tokens (RFC 9068 §4, RFC 8725).

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::cache::{Accepted, CACHED_TOKENS, CacheUse, TokenCache};
use super::claims::Claims;
use super::revocation::Revocations;
use super::verified::{Stranger, Ticket, Verified};
use crate::authz::Vocabulary;
use crate::domain::{Clock, Resident, sha256};
use crate::token::invalid::InvalidToken;
use crate::token::issuers::identity_cache::Residents;
use crate::token::issuers::{ForeignIssuer, TokenTyp, TrustedIssuer};
use crate::token::jws::{Jws, check_size};
use crate::token::keys::{Keys, VerificationKeys};

/// The one way from a token to a caller. Keys, cache and revocations are behind it, so that no
/// use of a token can leave one of them out.
pub struct Verifier {
    issuer: String,
    audience: String,
    leeway: TimeDelta,
    /// None where the server issues nothing itself.
    keys: Option<Arc<Keys>>,
    foreign: Vec<Arc<ForeignIssuer>>,
    revocations: Arc<Revocations>,
    clock: Clock,
    vocabulary: Arc<Vocabulary>,
    cache: TokenCache,
    residents: Residents,
}

/// Whose tokens are taken.
#[derive(Clone, Debug)]
pub struct Expected {
    /// What `iss` is, exactly.
    pub issuer: String,
    /// What `aud` has, exactly.
    pub audience: String,
    /// By how much clocks may differ.
    pub leeway: Duration,
}

impl Verifier {
    /// Takes the tokens that are expected; of scopes and roles, it understands those that the
    /// vocabulary has. Without keys of its own the server takes no token of its own.
    pub fn new(
        expected: Expected,
        keys: impl Into<Option<Arc<Keys>>>,
        revocations: Arc<Revocations>,
        clock: Clock,
        vocabulary: Arc<Vocabulary>,
    ) -> Self {
        Self {
            leeway: TimeDelta::from_std(expected.leeway).unwrap_or_default(),
            issuer: expected.issuer,
            audience: expected.audience,
            keys: keys.into(),
            foreign: Vec::new(),
            revocations,
            clock,
            vocabulary,
            cache: TokenCache::new(CACHED_TOKENS),
            residents: Residents::new(),
        }
    }

    /// Takes the tokens of these issuers too.
    pub fn trusting(mut self, issuers: &[TrustedIssuer]) -> Self {
        let known = issuers.iter().map(|issuer| ForeignIssuer::new(issuer.clone(), &self.audience));
        self.foreign = known.map(Arc::new).collect();
        self
    }

    /// The other issuers whose tokens are taken.
    pub fn foreign_issuers(&self) -> &[Arc<ForeignIssuer>] {
        &self.foreign
    }

    /// As [`Verifier::verify`], but for a token whose key is not known yet: when its issuer may
    /// have published the key meanwhile, waits a moment for it.
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub async fn admit(&self, token: &str) -> Result<Ticket, InvalidToken> {
        let first = self.verify(token);
        if !matches!(first, Err(InvalidToken::UnknownKey)) {
            return first;
        }
        let Some(issuer) = Jws::parse(token).ok().and_then(|jws| self.foreign_issuer(&jws)) else {
            return first;
        };
        let Some(mut wait) = issuer.wait_for_keys(self.clock.now()) else { return first };
        if wait.ended().await { self.verify(token) } else { first }
    }

    /// Whom a token of another issuer speaks for, now that it was looked up who they are here.
    ///
    /// # Errors
    /// When they are nobody here, suspended, or the token is too old: see [`InvalidToken`].
    pub fn recognize(
        &self,
        stranger: &Stranger,
        resident: Option<Resident>,
    ) -> Result<Verified, InvalidToken> {
        let resident = resident.ok_or(InvalidToken::NoSuchUser)?;
        let verified = stranger.confirm(&resident)?;
        let identity = stranger.newcomer().identity.clone();
        self.residents.insert(identity, resident, stranger.mark, self.clock.now());
        Ok(verified)
    }

    /// Checks a token: its form, its key, its signature, its claims, and that it is neither
    /// expired nor revoked now. A token that was verified before is only asked the last of these,
    /// and whether its key is still one of ours.
    ///
    /// # Errors
    /// The first thing that is wrong, for the log; the caller is told `invalid_token`.
    pub fn verify(&self, token: &str) -> Result<Ticket, InvalidToken> {
        check_size(token)?;
        let now = self.clock.now();
        let digest = sha256(token.as_bytes());
        let known = self.cache.get(&digest);
        let is_new = known.is_none();
        let accepted = match known {
            Some(accepted) => accepted,
            None => Arc::new(self.examine(token, &digest, now, false)?),
        };
        let checked = self.with_keys(accepted.from.as_deref(), |keys| {
            accepted.check(keys, &self.revocations, now, self.leeway)
        });
        match checked {
            Ok(()) if is_new => self.cache.insert(digest, Arc::clone(&accepted)),
            // That it has expired is found out again without its signature.
            Ok(()) | Err(InvalidToken::Expired) => checked?,
            Err(reason) => {
                self.cache.remove(&digest);
                return Err(reason);
            }
        }
        match &accepted.ticket {
            Ticket::Stranger(stranger) => self.find_resident(stranger, now),
            ticket => Ok(ticket.clone()),
        }
    }

    /// Whether the token was verified before and needs no signature checked.
    pub(crate) fn remembers(&self, token: &str) -> bool {
        self.cache.has(&sha256(token.as_bytes()))
    }

    /// Checks a token of our own that may be meant for another service, which nobody gets into here.
    pub(in crate::token) fn verify_elsewhere(&self, token: &str) -> Result<Ticket, InvalidToken> {
        let now = self.clock.now();
        let accepted = self.examine(token, &sha256(token.as_bytes()), now, true)?;
        self.with_keys(accepted.from.as_deref(), |keys| {
            accepted.check(keys, &self.revocations, now, self.leeway)
        })?;
        Ok(accepted.ticket)
    }

    /// The stranger as who they are here, if that is known.
    fn find_resident(&self, stranger: &Stranger, now: DateTime<Utc>) -> Result<Ticket, InvalidToken> {
        let mark = self.revocations.mark();
        match self.residents.get(&stranger.newcomer().identity, &self.revocations, now) {
            Some(resident) => stranger.confirm(&resident).map(Ticket::Complete),
            None => Ok(Ticket::Stranger(stranger.looked_up_after(mark))),
        }
    }

    /// Forgets what was revoked, where the database does too: on a server made for tests.
    pub(crate) fn forget_revocations(&self) {
        self.revocations.forget();
    }

    /// The public keys in force as a JWK Set (RFC 7517 §5).
    pub fn jwks(&self) -> Value {
        self.keys.as_ref().map_or_else(|| json!({ "keys": [] }), |keys| keys.current().jwks().clone())
    }

    /// The issuer that the token names, if it is one of the others.
    fn foreign_issuer(&self, jws: &Jws<'_>) -> Option<Arc<ForeignIssuer>> {
        if self.foreign.is_empty() {
            return None;
        }
        let name = jws.issuer()?;
        self.foreign.iter().find(|issuer| issuer.settings.issuer == name).cloned()
    }

    /// Runs `check` with the keys of one issuer, ours where none is named, and with no others.
    fn with_keys<T>(
        &self,
        from: Option<&ForeignIssuer>,
        check: impl FnOnce(&VerificationKeys) -> Result<T, InvalidToken>,
    ) -> Result<T, InvalidToken> {
        match (from, &self.keys) {
            (Some(issuer), _) => check(&issuer.keys()),
            (None, Some(keys)) => check(&keys.current().verification),
            (None, None) => Err(InvalidToken::WrongIssuer),
        }
    }

    /// `elsewhere`: the token may be meant for another service than this one.
    fn examine(
        &self,
        token: &str,
        digest: &[u8; 32],
        now: DateTime<Utc>,
        elsewhere: bool,
    ) -> Result<Accepted, InvalidToken> {
        let jws = Jws::parse(token)?;
        let from = self.foreign_issuer(&jws);
        let typ = from.as_ref().map_or(TokenTyp::AccessToken, |issuer| issuer.settings.typ);
        if !jws.header.typ.as_deref().is_some_and(|name| is_taken(typ, name)) {
            return Err(InvalidToken::WrongType);
        }
        self.with_keys(from.as_deref(), |keys| {
            let key = keys.find(jws.header.kid.as_deref(), jws.header.algorithm)?;
            let payload = self.cache.signature(digest, &key.fingerprint, || jws.verify(key))?;
            let (claims, issuer, audience) = match &from {
                Some(issuer) => {
                    let claims = Claims::read_foreign(&payload, issuer, &self.vocabulary)?;
                    (claims, issuer.settings.issuer.as_str(), issuer.audience.as_str())
                }
                None => (Claims::read(&payload, &self.vocabulary)?, &*self.issuer, &*self.audience),
            };
            claims.check(issuer, (!elsewhere).then_some(audience), now, self.leeway)?;
            Ok(Accepted {
                from: from.clone(),
                bearer: claims.bearer.clone(),
                expires_at: claims.expires_at(),
                ticket: Ticket::of(claims)?,
                kid: jws.header.kid.clone(),
                algorithm: key.algorithm,
                fingerprint: key.fingerprint,
            })
        })
    }

    /// How often a token was one that had been verified before.
    pub fn cache_use(&self) -> CacheUse {
        self.cache.usage()
    }

    #[cfg(test)]
    pub(in crate::token) fn cached_token(&self, token: &str) -> Option<Arc<Accepted>> {
        self.cache.get(&sha256(token.as_bytes()))
    }
}

/// RFC 9068 §2.1; media types do not mind case (RFC 7515 §4.1.9).
fn is_taken(typ: TokenTyp, name: &str) -> bool {
    let names: &[&str] = match typ {
        TokenTyp::AccessToken => &["at+jwt", "application/at+jwt"],
        TokenTyp::Any => &["at+jwt", "application/at+jwt", "JWT"],
    };
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}
