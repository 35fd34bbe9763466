//! Tests of the whole module: hand-made tokens and a verifier.

mod issuing;
mod jwk;
mod key_lifecycle;
mod lifetime;
mod refusals;
mod refused_claims;
mod wycheproof;

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, EncodingKey};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::{
    Expected, InvalidToken, KeyRing, KeySet, KeySettings, KeyStore, Keys, MasterKey, Revocations,
    SigningAlgorithm, SignsFrom, Verification, Verified, Verifier,
};
use crate::domain::{Clock, ClockAndRandom, Random, StoredKey};

const ISSUER: &str = "https://id.example.org";
const AUDIENCE: &str = "https://api.example.org";
const NOW: i64 = 1_800_000_000;
const USER: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const SECRET: &str = "an HS256 secret of at least 32 bytes";

/// Stored keys, generated once: RSA keys take long.
static STORED: LazyLock<Vec<StoredKey>> = LazyLock::new(|| {
    let asymmetric = &SigningAlgorithm::ALL[..4];
    asymmetric.iter().map(|algorithm| stored(*algorithm)).collect()
});

fn master() -> MasterKey {
    MasterKey::new([9; 32])
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(seconds, 0).unwrap()
}

fn stored(algorithm: SigningAlgorithm) -> StoredKey {
    key_store(algorithm, None, Clock::standing(at(NOW))).generate(SignsFrom::Now).unwrap()
}

/// Returns a key store for this algorithm, whose tokens are accepted for 605 s.
fn key_store(algorithm: SigningAlgorithm, secret: Option<&str>, clock: Clock) -> KeyStore {
    let usage = KeySettings {
        algorithm,
        hs256_secret: secret.map(SecretString::from),
        lifetime: TimeDelta::seconds(605),
        leeway: TimeDelta::seconds(5),
    };
    KeyStore::new(usage, master(), ClockAndRandom { clock, random: Random::system() })
}

/// Returns all stored keys and the secret.
fn set(signing: SigningAlgorithm) -> KeySet {
    set_of(STORED.clone(), signing)
}

fn set_of(stored: Vec<StoredKey>, signing: SigningAlgorithm) -> KeySet {
    key_store(signing, Some(SECRET), Clock::system()).open(stored).unwrap()
}

/// Returns the same keys as a ring.
fn ring(signing: SigningAlgorithm) -> KeyRing {
    set(signing).at(at(NOW)).0
}

/// A verifier with its clock, keys and revocations.
struct World {
    clock: Clock,
    keys: Arc<Keys>,
    revocations: Arc<Revocations>,
    verifier: Verifier,
}

impl World {
    fn new() -> Self {
        let clock = Clock::standing(at(NOW));
        let key_store = key_store(SigningAlgorithm::Es256, Some(SECRET), clock.clone());
        let keys = Arc::new(Keys::open(key_store, STORED.clone()).unwrap());
        let revocations = Arc::new(Revocations::default());
        let leeway = Duration::from_secs(5);
        let expected = Expected { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned(), leeway };
        let (ring, ended) = (keys.clone(), revocations.clone());
        let verifier = Verifier::new(expected, ring, ended, clock.clone(), Arc::default());
        Self { clock, keys, revocations, verifier }
    }

    fn verify(&self, token: &str) -> Result<Verified, InvalidToken> {
        self.verifier.verify(token).map(verified)
    }
}

fn verified(verification: Verification) -> Verified {
    match verification {
        Verification::Verified(verified) => Some(verified),
        Verification::Bound(_) | Verification::Unconfirmed(_) | Verification::External(_) => None,
    }
    .expect("a token that needs no further check")
}

/// Returns the claims of a valid user token.
fn claims() -> Value {
    json!({
        "iss": ISSUER, "sub": USER, "aud": AUDIENCE, "exp": NOW + 600, "iat": NOW, "jti": "j",
        "client_id": "cloakroom", "scope": "users:read", "roles": ["user"], "epoch": 1,
    })
}

/// Returns the header of a valid token with this algorithm.
fn header(algorithm: SigningAlgorithm) -> Value {
    json!({ "typ": "at+jwt", "alg": algorithm.as_str(), "kid": ring(algorithm).signing.unwrap().kid })
}

/// Signs header and claims unchanged, with this algorithm's key.
fn sign(algorithm: SigningAlgorithm, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = ring(algorithm).signing.unwrap().sign(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Signs header and claims unchanged, with any key.
fn sign_with(key: &EncodingKey, algorithm: Algorithm, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, algorithm);
    format!("{message}.{}", signature.unwrap())
}

/// Returns a token with these claims, signed with the HS256 secret.
fn token(claims: &Value) -> String {
    let algorithm = SigningAlgorithm::Hs256;
    sign(algorithm, &header(algorithm).to_string(), &claims.to_string())
}

/// Returns `object` with a member replaced or removed.
fn with(object: &Value, member: &str, value: Option<Value>) -> Value {
    let mut changed = object.clone();
    match value {
        Some(value) => changed[member] = value,
        None => drop(changed.as_object_mut().unwrap().remove(member)),
    }
    changed
}
