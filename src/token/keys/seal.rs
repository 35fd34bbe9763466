//! The key that seals the signing keys at rest.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use crate::domain::Random;

/// 32 bytes from which every key that protects data at rest is derived. Wiped from memory when
/// dropped, never printed, never serialised.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// Sealing or opening did not work. It says no more: whoever tampered learns nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot be sealed or opened with this master key")]
pub struct SealError;

impl MasterKey {
    /// A key of these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads 32 bytes in standard or URL-safe base64, padded or not, with any space around them.
    pub fn from_base64(text: &str) -> Option<Self> {
        let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
        let alphabet = if text.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
        // Room for one byte too many, so that a longer key is noticed and not cut.
        let mut decoded = Zeroizing::new([0; 33]);
        let length =
            GeneralPurpose::new(alphabet, config).decode_slice(text.trim(), decoded.as_mut_slice()).ok()?;
        match decoded.first_chunk() {
            Some(key) if length == key.len() => Some(Self(Zeroizing::new(*key))),
            _ => None,
        }
    }

    /// The key in padded base64, to be written to a file that its owner alone can read.
    pub fn to_base64(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0.as_slice()))
    }

    /// Seals `plaintext` with AES-256-GCM under a new nonce. It opens in the same `context` alone,
    /// so that what was sealed for one purpose cannot be passed off for another.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn seal(&self, random: &Random, plaintext: &[u8], context: &str) -> Result<Vec<u8>, SealError> {
        let nonce: [u8; NONCE_LEN] = random.bytes().map_err(|_| SealError)?;
        // In place, and in a buffer that is large enough from the start: no copy of the plaintext
        // is left behind.
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

    /// Opens what [`MasterKey::seal`] made in the same `context`.
    ///
    /// # Errors
    /// When the key or the context is another, or a single bit was changed.
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

    /// A key for one `purpose`, from which neither this key nor that for another purpose can be
    /// found: HKDF-SHA256 (RFC 5869) with the purpose as `info`.
    pub fn derive(&self, purpose: &str) -> [u8; 32] {
        let extract = hmac::Key::new(hmac::HMAC_SHA256, b"cloakroom");
        let extracted = hmac::sign(&extract, self.0.as_slice());
        // One block of output is all that 32 bytes take (RFC 5869 §2.3).
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

/// What only who has a certain token opens. The token itself is kept nowhere, and its hash, which
/// is, does not open it.
#[derive(Clone)]
pub struct TokenSeal(MasterKey);

impl TokenSeal {
    /// The seal of a token.
    pub fn of(token: &str) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"cloakroom seal of a token");
        let mut bytes = [0; 32];
        bytes.copy_from_slice(hmac::sign(&key, token.as_bytes()).as_ref());
        Self(MasterKey::new(bytes))
    }

    /// Seals, as [`MasterKey::seal`] does.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn seal(&self, random: &Random, plaintext: &[u8], context: &str) -> Result<Vec<u8>, SealError> {
        self.0.seal(random, plaintext, context)
    }

    /// Opens, as [`MasterKey::open`] does.
    ///
    /// # Errors
    /// When it was sealed with another token.
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
    fn what_is_sealed_opens_with_the_same_key_in_the_same_context_alone() {
        let sealed = key(1).seal(&Random::system(), b"coat", "here").unwrap();
        assert_eq!(key(1).open(&sealed, "here").unwrap().as_slice(), b"coat");
        assert_eq!(key(2).open(&sealed, "here").err(), Some(SealError));
        assert_eq!(key(1).open(&sealed, "there").err(), Some(SealError));
        assert!(!sealed.windows(4).any(|window| window == b"coat"));
    }

    #[test]
    fn a_changed_or_cut_seal_does_not_open() {
        let sealed = key(1).seal(&Random::system(), b"coat", "here").unwrap();
        for place in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[place] ^= 1;
            assert!(key(1).open(&changed, "here").is_err(), "byte {place}");
            assert!(key(1).open(&sealed[..place], "here").is_err(), "cut at {place}");
        }
    }

    #[test]
    fn what_is_sealed_with_a_token_opens_with_it_and_not_with_its_hash() {
        let sealed = TokenSeal::of("token").seal(&Random::system(), b"answer", "here").unwrap();
        assert_eq!(TokenSeal::of("token").open(&sealed, "here").unwrap().as_slice(), b"answer");
        assert!(TokenSeal::of("tokem").open(&sealed, "here").is_err());
        let hash = MasterKey::new(crate::domain::sha256(b"token"));
        assert!(hash.open(&sealed, "here").is_err());
    }

    #[test]
    fn the_same_plaintext_never_seals_alike() {
        let seal = || key(1).seal(&Random::system(), b"coat", "here").unwrap();
        assert_ne!(seal(), seal());
    }

    #[test]
    fn a_derived_key_is_hkdf_sha256_of_the_purpose() {
        let salt = hkdf::Salt::new(hkdf::HKDF_SHA256, b"cloakroom");
        let mut expected = [0; 32];
        let prk = salt.extract(&[7; 32]);
        prk.expand(&[b"cursor"], hkdf::HKDF_SHA256).unwrap().fill(&mut expected).unwrap();
        assert_eq!(key(7).derive("cursor"), expected);
        assert_ne!(key(7).derive("cursor"), key(7).derive("seal"));
    }

    #[test]
    fn a_key_is_32_bytes_in_any_base64() {
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
    fn a_key_is_never_printed() {
        assert_eq!(format!("{:?}", key(1)), "MasterKey(hidden)");
    }
}
