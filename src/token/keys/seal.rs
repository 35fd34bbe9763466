//! Encryption of data at rest.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::domain::Random;

/// Master key of 32 bytes, from which every key for data at rest is derived. It is wiped from memory when
/// dropped, never printed, and never serialised.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// Sealing or opening failed. The error has no details, so that an attacker learns nothing from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot be sealed or opened with this master key")]
pub struct SealError;

impl MasterKey {
    /// Creates a key of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads 32 bytes in standard or URL-safe base64, padded or not. Surrounding white space is ignored.
    pub fn from_base64(text: &str) -> Option<Self> {
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let alphabet = if text.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
        // One byte more than a key has, so that a longer key is refused and not truncated.
        let mut decoded = Zeroizing::new([0; 33]);
        let length =
            GeneralPurpose::new(alphabet, config).decode_slice(text.trim(), decoded.as_mut_slice()).ok()?;
        match decoded.first_chunk() {
            Some(key) if length == key.len() => Some(Self(Zeroizing::new(*key))),
            _ => None,
        }
    }

    /// Returns the key in padded base64, for a file that only its owner can read.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0.as_slice()))
    }

    /// Seals `plaintext` with AES-256-GCM and a new nonce. Only the same `context` opens it, so that data
    /// sealed for one purpose cannot be used for another.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn seal(&self, random: &Random, plaintext: &[u8], context: &str) -> Result<Vec<u8>, SealError> {
        let nonce: [u8; NONCE_LEN] = random.bytes().map_err(|_| SealError)?;
        // Encrypts in place, in a buffer that never grows: no copy of the plaintext stays in memory.
        let mut sealed = Vec::with_capacity(NONCE_LEN + plaintext.len() + AES_256_GCM.tag_len());
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let (_, body) = sealed.split_at_mut(NONCE_LEN);
        let tag = self
            .sealing_key()?
            .seal_in_place_separate_tag(nonce_of(nonce), Aad::from(context), body)
            .map_err(|_| SealError)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens data that [`MasterKey::seal`] sealed in the same `context`.
    ///
    /// # Errors
    /// When the key or the context is not the same, or the data was changed.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>().ok_or(SealError)?;
        let mut plaintext = Zeroizing::new(body.to_vec());
        let length = self
            .sealing_key()?
            .open_in_place(nonce_of(*nonce), Aad::from(context), &mut plaintext)
            .map_err(|_| SealError)?
            .len();
        plaintext.truncate(length);
        Ok(plaintext)
    }

    /// Derives a key for one `purpose` by HKDF-SHA256 (RFC 5869) with the purpose as `info`. It reveals
    /// neither the master key nor the key for another purpose.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let extract = hmac::Key::new(hmac::HMAC_SHA256, b"cloakroom");
        let extracted = hmac::sign(&extract, self.0.as_slice());
        // 32 bytes are one block of output (RFC 5869 §2.3).
        let mut expand = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, extracted.as_ref()));
        expand.update(purpose.as_bytes());
        expand.update(&[1]);
        let mut derived = [0; 32];
        derived.copy_from_slice(expand.sign().as_ref());
        derived
    }

    fn sealing_key(&self) -> Result<LessSafeKey, SealError> {
        let key = Zeroizing::new(self.derive("seal"));
        let key = UnboundKey::new(&AES_256_GCM, key.as_slice()).map_err(|_| SealError)?;
        Ok(LessSafeKey::new(key))
    }
}

/// Encryption with a key that is derived from a token. The token itself is not stored, and its stored hash
/// does not open the data.
#[derive(Clone)]
pub struct TokenSeal(MasterKey);

impl TokenSeal {
    /// Derives the key from a token.
    pub fn of(token: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"cloakroom seal of a token");
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hmac::sign(&key, token.as_bytes()).as_ref());
        Self(MasterKey::new(bytes))
    }

    /// Seals as [`MasterKey::seal`] does.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn seal(&self, random: &Random, plaintext: &[u8], context: &str) -> Result<Vec<u8>, SealError> {
        self.0.seal(random, plaintext, context)
    }

    /// Opens as [`MasterKey::open`] does.
    ///
    /// # Errors
    /// When the data was sealed with another token.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.0.open(sealed, context)
    }
}

fn nonce_of(bytes: [u8; NONCE_LEN]) -> Nonce {
    Nonce::assume_unique_for_key(bytes)
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hkdf;

    use super::*;

    fn key(byte: u8) -> MasterKey {
        MasterKey::new([byte; 32])
    }

    #[test]
    fn opens_with_the_same_key_and_context_alone() {
        let sealed = key(1).seal(&Random::system(), b"coat", "here").unwrap();
        assert_eq!(key(1).open(&sealed, "here").unwrap().as_slice(), b"coat");
        assert_eq!(key(2).open(&sealed, "here").err(), Some(SealError));
        assert_eq!(key(1).open(&sealed, "there").err(), Some(SealError));
        assert!(!sealed.windows(4).any(|window| window == b"coat"));
    }

    #[test]
    fn refuses_changed_or_truncated_data() {
        let sealed = key(1).seal(&Random::system(), b"coat", "here").unwrap();
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(key(1).open(&changed, "here").is_err(), "byte {place}");
            assert!(key(1).open(&sealed[..place], "here").is_err(), "cut at {place}");
        }
    }

    #[test]
    fn hash_of_a_token_does_not_open_its_seal() {
        let sealed = TokenSeal::of("token").seal(&Random::system(), b"answer", "here").unwrap();
        assert_eq!(TokenSeal::of("token").open(&sealed, "here").unwrap().as_slice(), b"answer");
        assert!(TokenSeal::of("tokem").open(&sealed, "here").is_err());
        let hash = MasterKey::new(crate::domain::sha256(b"token"));
        assert!(hash.open(&sealed, "here").is_err());
    }

    #[test]
    fn each_sealing_has_its_own_nonce() {
        let seal = || key(1).seal(&Random::system(), b"coat", "here").unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn derives_by_hkdf_sha256_of_the_purpose() {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"cloakroom");
        let mut expected = [0; 32];
        let prk = salt.extract(&[7; 32]);
        prk.expand(&[b"cursor"], hkdf::HKDF_SHA256).unwrap().fill(&mut expected).unwrap();
        assert_eq!(key(7).derive("cursor"), expected);
        assert_ne!(key(7).derive("cursor"), key(7).derive("seal"));
    }

    #[test]
    fn reads_32_bytes_in_any_base64() {
        let text = key(0xfb).to_base64();
        for spelling in [
            text.to_string(),
            format!(" {}\n", text.as_str()),
            text.trim_end_matches('=').to_owned(),
            text.replace('+', "-").replace('/', "_"),
        ] {
            let read = MasterKey::from_base64(&spelling).unwrap();
            assert_eq!(*read.to_base64(), *text);
        }
        for wrong in ["", "AAAA", &STANDARD.encode([0; 31]), &STANDARD.encode([0; 33]), "not base64!"] {
            assert!(MasterKey::from_base64(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn debug_hides_the_key() {
        assert_eq!(format!("{:?}", key(1)), "MasterKey(hidden)");
    }
}
