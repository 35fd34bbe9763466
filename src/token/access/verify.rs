//! Verification of access tokens (RFC 9068 §4, RFC 8725).

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::cache::{Accepted, CACHED_TOKENS, TokenCache};
use super::claims::Claims;
use crate::authz::{Caller, Vocabulary};
use crate::domain::{Clock, LinkedUser, sha256};
use crate::token::issuers::identity_cache::IdentityCache;
use crate::token::jws::{Jws, check_size};
use crate::token::keys::verification_keys::VerificationKeys;
use crate::token::{
    CacheUsage, ExternalIssuer, ExternalToken, InvalidToken, Keys, Revocations, TokenTyp, TrustedIssuer,
    Verification, Verified,
};

/// Token verifier. Only it turns a token into a [`Caller`](crate::authz::Caller).
///
/// It owns keys, cache and revocations, so no use of a token can skip one of them. Its constructor and its
/// verifying functions are `pub(crate)`: an application's handler gets its caller from the router.
///
/// ```compile_fail,E0624
/// fn caller(verifier: &cloakroom::token::Verifier, token: &str) {
///     let _ = verifier.verify(token);
/// }
/// ```
/// ```
/// fn keys(verifier: &cloakroom::token::Verifier) -> serde_json::Value {
///     verifier.jwks()
/// }
/// ```
pub struct Verifier {
    issuer: String,
    audience: String,
    leeway: TimeDelta,
    /// None when the server issues no tokens.
    keys: Option<Arc<Keys>>,
    external_issuers: Vec<Arc<ExternalIssuer>>,
    revocations: Arc<Revocations>,
    pub(super) clock: Clock,
    pub(super) vocabulary: Arc<Vocabulary>,
    cache: TokenCache,
    identities: IdentityCache,
}

/// Issuer and audience of the tokens that are accepted.
#[derive(Clone, Debug)]
pub struct Expected {
    /// Exact value of `iss`.
    pub issuer: String,
    /// Exact value that `aud` has.
    pub audience: String,
    /// Permitted difference between clocks.
    pub leeway: Duration,
}

impl Verifier {
    /// Creates a verifier. It knows the scopes and roles of the vocabulary. Without `keys` it accepts
    /// tokens of external issuers alone.
    pub(crate) fn new(
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
            external_issuers: Vec::new(),
            revocations,
            clock,
            vocabulary,
            cache: TokenCache::new(CACHED_TOKENS),
            identities: IdentityCache::new(),
        }
    }

    /// Accepts the tokens of these external issuers too.
    pub(crate) fn with_trusted_issuers(mut self, issuers: &[TrustedIssuer]) -> Self {
        let known = issuers.iter().map(|issuer| ExternalIssuer::new(issuer.clone(), &self.audience));
        self.external_issuers = known.map(Arc::new).collect();
        self
    }

    /// Returns the external issuers whose tokens are accepted.
    pub fn external_issuers(&self) -> &[Arc<ExternalIssuer>] {
        &self.external_issuers
    }

    /// Verifies a token as [`Verifier::verify`] does. When the key is unknown, an external issuer may have
    /// published it meanwhile: fetches the issuer's keys, and waits for them for 2 s at most.
    ///
    /// # Errors
    /// As [`Verifier::verify`].
    pub(crate) async fn verify_awaiting_keys(&self, token: &str) -> Result<Verification, InvalidToken> {
        let first = self.verify(token);
        if !matches!(first, Err(InvalidToken::UnknownKey)) {
            return first;
        }
        let Some(issuer) = Jws::parse(token).ok().and_then(|jws| self.external_issuer(&jws)) else {
            return first;
        };
        let Some(mut wait) = issuer.wait_for_keys(self.clock.now()) else { return first };
        if wait.ended().await { self.verify(token) } else { first }
    }

    /// Returns the verified token of an external issuer, given the linked account that was looked up.
    ///
    /// # Errors
    /// When there is no linked account, it is suspended, or the token is too old: see [`InvalidToken`].
    pub(crate) fn confirm_external(
        &self,
        external: &ExternalToken,
        linked: Option<LinkedUser>,
    ) -> Result<Verified, InvalidToken> {
        let linked = linked.ok_or(InvalidToken::NoSuchUser)?;
        let verified = external.confirm(&linked)?;
        let identity = external.user().identity.clone();
        self.identities.insert(identity, linked, external.sequence, self.clock.now());
        Ok(verified)
    }

    /// Verifies a token: its form, key, signature and claims, and that it is neither expired nor revoked.
    /// For a cached token it checks expiry and revocation, and that its key is still in force.
    ///
    /// # Errors
    /// The first reason, for the log. The client gets `invalid_token` for all of them.
    pub(crate) fn verify(&self, token: &str) -> Result<Verification, InvalidToken> {
        check_size(token)?;
        let now = self.clock.now();
        let digest = sha256(token.as_bytes());
        let known = self.cache.get(&digest);
        let is_new = known.is_none();
        let accepted = match known {
            Some(accepted) => accepted,
            None => Arc::new(self.examine(token, &digest, now, false)?),
        };
        let checked = self.with_keys(accepted.issuer.as_deref(), |keys| {
            accepted.check(keys, &self.revocations, now, self.leeway)
        });
        let checked = if fault!(cache_outlives_revocation) && !is_new { Ok(()) } else { checked };
        match checked {
            Ok(()) if is_new => self.cache.insert(digest, Arc::clone(&accepted)),
            // An expired token stays cached, so its next use is refused without a signature check.
            Ok(()) | Err(InvalidToken::Expired) => checked?,
            Err(reason) => {
                self.cache.remove(&digest);
                return Err(reason);
            }
        }
        match &accepted.verification {
            Verification::External(external) => self.find_linked_user(external, now),
            verification => Ok(verification.clone()),
        }
    }

    /// True when the caller's token was revoked after its verification.
    pub(crate) fn is_revoked(&self, caller: &Caller) -> bool {
        caller.revocable().is_some_and(|token| self.revocations.is_revoked(token))
    }

    /// Verifies a token for any audience. The result gives access to nothing here; it serves introspection.
    pub(in crate::token) fn verify_for_any_audience(
        &self,
        token: &str,
    ) -> Result<Verification, InvalidToken> {
        let now = self.clock.now();
        let accepted = self.examine(token, &sha256(token.as_bytes()), now, true)?;
        self.with_keys(accepted.issuer.as_deref(), |keys| {
            accepted.check(keys, &self.revocations, now, self.leeway)
        })?;
        Ok(accepted.verification)
    }

    /// Returns the verified token when the linked account is cached.
    fn find_linked_user(
        &self,
        external: &ExternalToken,
        now: DateTime<Utc>,
    ) -> Result<Verification, InvalidToken> {
        let sequence = self.revocations.sequence();
        match self.identities.get(&external.user().identity, &self.revocations, now) {
            Some(linked) => external.confirm(&linked).map(Verification::Verified),
            None => Ok(Verification::External(external.looked_up_after(sequence))),
        }
    }

    /// Forgets all revocations. A test server calls it when it resets its database.
    pub(crate) fn clear_revocations(&self) {
        self.revocations.clear();
    }

    /// Returns the public keys in force as a JWK Set (RFC 7517 §5).
    pub fn jwks(&self) -> Value {
        self.keys.as_ref().map_or_else(|| json!({ "keys": [] }), |keys| keys.current().jwks().clone())
    }

    /// Returns the external issuer that the token names; none when it is not a trusted one.
    fn external_issuer(&self, jws: &Jws<'_>) -> Option<Arc<ExternalIssuer>> {
        if self.external_issuers.is_empty() {
            return None;
        }
        let name = jws.issuer()?;
        self.external_issuers.iter().find(|issuer| issuer.settings.issuer == name).cloned()
    }

    /// Runs `check` with the keys of this external issuer alone, or with our own keys alone when it is none.
    fn with_keys<T>(
        &self,
        external: Option<&ExternalIssuer>,
        check: impl FnOnce(&VerificationKeys) -> Result<T, InvalidToken>,
    ) -> Result<T, InvalidToken> {
        match (external, &self.keys) {
            (Some(issuer), _) => check(&issuer.keys()),
            (None, Some(keys)) => check(&keys.current().verification),
            (None, None) => Err(InvalidToken::WrongIssuer),
        }
    }

    /// Verifies everything but expiry and revocation. With `any_audience`, `aud` is not checked.
    fn examine(
        &self,
        token: &str,
        digest: &[u8; 32],
        now: DateTime<Utc>,
        any_audience: bool,
    ) -> Result<Accepted, InvalidToken> {
        let jws = Jws::parse(token)?;
        let external = self.external_issuer(&jws);
        let typ = external.as_ref().map_or(TokenTyp::AccessToken, |issuer| issuer.settings.typ);
        if !accepts_typ(typ, jws.header.typ.as_deref()) && !fault!(type_not_compared) {
            return Err(InvalidToken::WrongType);
        }
        self.with_keys(external.as_deref(), |keys| {
            let key = keys.find(jws.header.kid.as_deref(), jws.header.algorithm)?;
            let payload = self.cache.signature(digest, &key.fingerprint, || jws.verify(key))?;
            let (claims, issuer, audience) = match &external {
                Some(issuer) => {
                    let claims = Claims::read_external(&payload, issuer, &self.vocabulary)?;
                    (claims, issuer.settings.issuer.as_str(), issuer.audiences.as_slice())
                }
                None => {
                    let claims = Claims::read(&payload, &self.vocabulary)?;
                    (claims, &*self.issuer, std::slice::from_ref(&self.audience))
                }
            };
            claims.check(issuer, (!any_audience).then_some(audience), now, self.leeway)?;
            Ok(Accepted {
                issuer: external.clone(),
                revocable: claims.revocable.clone(),
                expires_at: claims.expires_at(),
                verification: Verification::of(claims)?,
                kid: jws.header.kid.clone(),
                algorithm: key.algorithm,
                fingerprint: key.fingerprint,
            })
        })
    }

    /// Returns the counters of the cache.
    pub fn cache_usage(&self) -> CacheUsage {
        self.cache.usage()
    }

    #[cfg(test)]
    pub(in crate::token) fn cached_token(&self, token: &str) -> Option<Arc<Accepted>> {
        self.cache.get(&sha256(token.as_bytes()))
    }
}

/// True when the `typ` header is accepted (RFC 9068 §2.1). Media types ignore case (RFC 7515 §4.1.9).
fn accepts_typ(typ: TokenTyp, name: Option<&str>) -> bool {
    let Some(name) = name else { return typ == TokenTyp::Absent };
    let names: &[&str] = match typ {
        TokenTyp::AccessToken | TokenTyp::Absent => &["at+jwt", "application/at+jwt"],
        TokenTyp::Any => &["at+jwt", "application/at+jwt", "JWT"],
    };
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}
