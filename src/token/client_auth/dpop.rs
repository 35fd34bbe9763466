//! Proofs of possession (DPoP, RFC 9449): the client proves, for each request, that it holds the key that
//! its token is bound to.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::{Jwk, ThumbprintHash};
use serde_json::Value;
use url::Url;

use crate::domain::{Thumbprint, sha256};
use crate::token::jws::{Jws, parse_object};
use crate::token::{InvalidToken, UnfitKey, VerificationKey, numeric_date};

/// Algorithms of proofs.
const ALGORITHMS: [Algorithm; 4] = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256, Algorithm::PS256];

/// Names of the algorithms of proofs, for metadata and challenges.
pub const DPOP_ALGORITHMS: [&str; 4] = ["ES256", "EdDSA", "RS256", "PS256"];

/// Longest age of a proof. It allows for a slow network and a slow clock.
const MAX_AGE: TimeDelta = TimeDelta::seconds(60);

/// Longest time by which the client's clock may be ahead.
const MAX_AHEAD: TimeDelta = TimeDelta::seconds(30);

/// Longest `jti`, in bytes.
const MAX_JTI: usize = 256;

/// Number of used proofs from which on a replica divides its memory equally between the keys.
const DIVIDED_FROM: usize = 200_000;

/// Seconds of a slot of used proofs. Those of a slot are forgotten together.
const SLOT_SECONDS: i64 = 30;

/// The request that a proof must match.
pub struct ProofFor<'a> {
    /// HTTP method.
    pub method: &'a str,
    /// Public URL. Query and fragment are ignored.
    pub url: &'a str,
    /// Access token of the request, if it has one.
    pub access_token: Option<&'a str>,
    /// Current time.
    pub now: DateTime<Utc>,
}

/// A valid proof.
#[derive(Clone, Debug)]
pub struct Proof {
    /// Thumbprint of the key that signed it.
    pub key: Thumbprint,
    /// Id by which a second use is detected.
    pub id: [u8; 32],
    /// Time until which the id must be stored. After it, no replica accepts the proof.
    pub remembered_until: DateTime<Utc>,
}

/// Why a proof is refused (RFC 9449 §4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidProof {
    /// The proof is required and missing.
    #[error("the proof is missing")]
    Missing,
    /// The request has more than one `DPoP` header.
    #[error("there is more than one proof")]
    Several,
    /// It is not a JWT, or a claim is missing or of the wrong type.
    #[error("the proof is malformed")]
    Malformed,
    /// `typ` is not `dpop+jwt`.
    #[error("typ of the proof is not dpop+jwt")]
    Type,
    /// `jwk` is missing, private, weak, or of an algorithm that is not supported.
    #[error("the key of the proof is missing or cannot be used")]
    Key,
    /// The signature is not valid for the key.
    #[error("the signature of the proof is wrong")]
    Signature,
    /// `htm` is another method.
    #[error("htm of the proof is not the method")]
    Method,
    /// `htu` is another URL.
    #[error("htu of the proof is not the URL")]
    Url,
    /// `iat` is too old or in the future.
    #[error("iat of the proof is too old or in the future")]
    Time,
    /// `ath` is not the hash of the token.
    #[error("ath of the proof is not the hash of the token")]
    Token,
    /// The token is bound to another key.
    #[error("the token is bound to another key")]
    AnotherKey,
    /// The proof was used before.
    #[error("the proof was used before")]
    Replayed,
    /// The key has used its share of what is stored against replay.
    #[error("the key has used too many proofs within a minute")]
    TooMany,
}

impl From<InvalidToken> for InvalidProof {
    fn from(reason: InvalidToken) -> Self {
        match reason {
            InvalidToken::WrongSignature | InvalidToken::WrongAlgorithm => Self::Signature,
            _ => Self::Malformed,
        }
    }
}

impl From<UnfitKey> for InvalidProof {
    fn from(_: UnfitKey) -> Self {
        Self::Key
    }
}

impl Proof {
    /// Verifies a proof. The caller must check that it was not used before.
    ///
    /// # Errors
    /// The first reason for which it is refused.
    pub fn verify(proof: &str, request: &ProofFor<'_>) -> Result<Self, InvalidProof> {
        let jws = Jws::parse(proof)?;
        if jws.header.typ.as_deref() != Some("dpop+jwt") {
            return Err(InvalidProof::Type);
        }
        if !ALGORITHMS.contains(&jws.header.algorithm) {
            return Err(InvalidProof::Key);
        }
        let mut jwk = jws.jwk().ok_or(InvalidProof::Key)?;
        let key = thumbprint(&jwk).ok_or(InvalidProof::Key)?;
        if let Some(jwk) = jwk.as_object_mut() {
            // An RSA key without `alg` is for the algorithm of this proof.
            jwk.entry("alg").or_insert_with(|| format!("{:?}", jws.header.algorithm).into());
        }
        let claims = parse_object(&jws.verify(&VerificationKey::from_jwk(&jwk)?)?)?;
        let text = |name: &str| claims.get(name).and_then(Value::as_str).ok_or(InvalidProof::Malformed);
        if text("htm")? != request.method {
            return Err(InvalidProof::Method);
        }
        if normalised(text("htu")?).is_none_or(|url| Some(url) != normalised(request.url)) {
            return Err(InvalidProof::Url);
        }
        let made = claims.get("iat").and_then(numeric_date).ok_or(InvalidProof::Malformed)?;
        if made < request.now - MAX_AGE || made > request.now + MAX_AHEAD {
            return Err(InvalidProof::Time);
        }
        if let Some(token) = request.access_token {
            let hash = URL_SAFE_NO_PAD.encode(sha256(token.as_bytes()));
            if text("ath")? != hash {
                return Err(InvalidProof::Token);
            }
        }
        let jti = text("jti")?;
        if jti.is_empty() || jti.len() > MAX_JTI {
            return Err(InvalidProof::Malformed);
        }
        let id = sha256(format!("proof {key} {jti}").as_bytes());
        // A replica whose clock is slow accepts it for longer.
        Ok(Self { key, id, remembered_until: made + MAX_AGE + MAX_AHEAD })
    }
}

/// Returns the thumbprint of a public key (RFC 7638); none when it is not a JWK.
fn thumbprint(jwk: &Value) -> Option<Thumbprint> {
    let jwk: Jwk = serde_json::from_value(jwk.clone()).ok()?;
    Thumbprint::parse(&jwk.thumbprint(ThumbprintHash::SHA256).ok()?)
}

/// Returns the URL without query and fragment, normalised for comparison (RFC 3986 §6.2.2, §6.2.3).
fn normalised(url: &str) -> Option<Url> {
    let mut url = Url::parse(url).ok()?;
    url.set_query(None);
    url.set_fragment(None);
    Some(url)
}

/// Proofs that were used on this replica, stored while they could be used again (RFC 9449 §11.1).
///
/// Memory is shared between the keys. Once there are many proofs, a key with more than an equal part is refused,
/// and the others are not. So there are at most twice as many.
#[derive(Default)]
pub struct UsedProofs(Mutex<BTreeMap<i64, Slot>>);

/// Proofs that can be used again until about the same time.
#[derive(Default)]
struct Slot {
    by_key: HashMap<Thumbprint, HashSet<[u8; 32]>>,
    count: usize,
}

impl UsedProofs {
    /// Records the use of a proof.
    ///
    /// # Errors
    /// [`InvalidProof::Replayed`] unless it is the first use; [`InvalidProof::TooMany`] when the key has used its
    /// share.
    pub fn use_up(&self, proof: &Proof, now: DateTime<Utc>) -> Result<(), InvalidProof> {
        let slot_of = |time: DateTime<Utc>| time.timestamp().div_euclid(SLOT_SECONDS);
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while slots.first_key_value().is_some_and(|(slot, _)| *slot < slot_of(now)) {
            slots.pop_first();
        }
        let of_key = || slots.values().filter_map(|slot| slot.by_key.get(&proof.key));
        if of_key().any(|used| used.contains(&proof.id)) {
            return Err(InvalidProof::Replayed);
        }
        let keys = slots.values().map(|slot| slot.by_key.len()).max().unwrap_or_default();
        let all: usize = slots.values().map(|slot| slot.count).sum();
        if all >= DIVIDED_FROM && of_key().map(HashSet::len).sum::<usize>() >= DIVIDED_FROM / keys.max(1) {
            return Err(InvalidProof::TooMany);
        }
        let slot = slots.entry(slot_of(proof.remembered_until)).or_default();
        slot.by_key.entry(proof.key.clone()).or_default().insert(proof.id);
        slot.count += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// The example of RFC 9449 §4.2 and §7.1, with its token.
    const PROOF: &str = "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";

    fn is_for<'a>(method: &'a str, url: &'a str, seconds: i64) -> ProofFor<'a> {
        let now = DateTime::from_timestamp(1_562_262_616 + seconds, 0).unwrap();
        ProofFor { method, url, access_token: None, now }
    }

    #[test]
    fn accepts_the_example_of_rfc_9449_for_its_request_alone() {
        let url = "https://server.example.com/token";
        let proof = Proof::verify(PROOF, &is_for("POST", url, 0)).unwrap();
        assert_eq!(proof.key.as_str(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
        for same in ["https://SERVER.example.com:443/token", "https://server.example.com/token?a=b#c"] {
            assert!(Proof::verify(PROOF, &is_for("POST", same, 0)).is_ok(), "{same}");
        }
        for (method, url, seconds, why) in [
            ("GET", url, 0, InvalidProof::Method),
            ("post", url, 0, InvalidProof::Method),
            ("POST", "https://server.example.com/token/", 0, InvalidProof::Url),
            ("POST", "http://server.example.com/token", 0, InvalidProof::Url),
            ("POST", "https://server.example.com:8443/token", 0, InvalidProof::Url),
            ("POST", url, 61, InvalidProof::Time),
            ("POST", url, -31, InvalidProof::Time),
        ] {
            assert_eq!(Proof::verify(PROOF, &is_for(method, url, seconds)).unwrap_err(), why, "{url}");
        }
        let with_token = ProofFor { access_token: Some("token"), ..is_for("POST", url, 0) };
        assert_eq!(Proof::verify(PROOF, &with_token).unwrap_err(), InvalidProof::Malformed);
        let forged = PROOF.replace(".2-Gx", ".3-Gx");
        assert_eq!(Proof::verify(&forged, &is_for("POST", url, 0)).unwrap_err(), InvalidProof::Signature);
        for broken in ["", "a.b.c", &PROOF[1..], &PROOF.replace('.', "")] {
            assert_eq!(Proof::verify(broken, &is_for("POST", url, 0)).unwrap_err(), InvalidProof::Malformed);
        }
    }

    #[test]
    fn thumbprint_ignores_optional_members() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        let expected = Thumbprint::parse("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert!(expected.is_some());
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "x": x });
        assert_eq!(thumbprint(&key), expected);
        let key = json!({ "kid": "a", "use": "sig", "x": x, "crv": "Ed25519", "kty": "OKP" });
        assert_eq!(thumbprint(&key), expected);
    }

    #[test]
    fn accepts_a_proof_once() {
        let request = is_for("POST", "https://server.example.com/token", 0);
        let proof = Proof::verify(PROOF, &request).unwrap();
        let used = UsedProofs::default();
        assert_eq!(used.use_up(&proof, request.now), Ok(()));
        assert_eq!(used.use_up(&proof, request.now), Err(InvalidProof::Replayed));
    }

    /// Returns a valid proof with this number, of the key with this letter.
    fn numbered(key: char, number: usize, now: DateTime<Utc>) -> Proof {
        let key = Thumbprint::stored(key.to_string());
        let id = sha256(&number.to_be_bytes());
        Proof { key, id, remembered_until: now + MAX_AGE + MAX_AHEAD }
    }

    #[test]
    fn one_key_fills_its_own_share_alone() {
        let (used, now) = (UsedProofs::default(), DateTime::from_timestamp(1_764_100_200, 0).unwrap());
        let use_up = |key, number, now| used.use_up(&numbered(key, number, now), now);
        for number in 0..DIVIDED_FROM {
            assert_eq!(use_up('a', number, now), Ok(()));
        }
        assert_eq!(use_up('a', DIVIDED_FROM, now), Err(InvalidProof::TooMany));
        assert_eq!(use_up('a', 0, now), Err(InvalidProof::Replayed));
        // Others have their part, however full it is.
        for number in 0..1_000 {
            assert_eq!(use_up('b', number, now), Ok(()));
        }
        assert_eq!(use_up('b', 0, now), Err(InvalidProof::Replayed));
        // Proofs that cannot be used again take no place, and none is forgotten earlier.
        let last = numbered('a', 0, now);
        assert_eq!(used.use_up(&last, last.remembered_until), Err(InvalidProof::Replayed));
        let later = now + MAX_AGE + MAX_AHEAD + TimeDelta::seconds(SLOT_SECONDS);
        assert_eq!(use_up('a', 0, later), Ok(()));
        assert_eq!(used.0.lock().unwrap().len(), 1);
    }
}
