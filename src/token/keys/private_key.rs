//! The private half of a signing key: generated, sealed, opened.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};
use jsonwebtoken::EncodingKey;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use serde_json::Value;
use zeroize::Zeroizing;

use super::signer::SigningKey;
use crate::domain::{Random, Rotating, StoredKey};
use crate::token::{KeyError, MasterKey, SigningAlgorithm};

/// The private half of an asymmetric key, as PKCS#8 (RFC 5208).
pub(in crate::token) struct PrivateKey {
    algorithm: SigningAlgorithm,
    pkcs8: Zeroizing<Vec<u8>>,
}

/// The public half as it is published (RFC 7517), with its `kid`.
pub(in crate::token) struct PublicKey {
    /// The thumbprint of RFC 7638.
    pub(in crate::token) kid: String,
    pub(in crate::token) jwk: Value,
}

impl PrivateKey {
    pub(in crate::token) fn generate(algorithm: SigningAlgorithm) -> Result<Self, KeyError> {
        let failed = |_| KeyError::NotGenerated;
        let pkcs8 = match algorithm {
            SigningAlgorithm::Es256 => {
                let der = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)
                    .and_then(|pair| pair.to_pkcs8v1());
                der.map_err(failed)?.as_ref().to_vec()
            }
            SigningAlgorithm::EdDsa => {
                let der = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new());
                der.map_err(failed)?.as_ref().to_vec()
            }
            SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => {
                let pair = rsa::KeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
                let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
                der.as_ref().to_vec()
            }
            SigningAlgorithm::Hs256 => return Err(KeyError::Symmetric),
        };
        Ok(Self { algorithm, pkcs8: Zeroizing::new(pkcs8) })
    }

    pub(in crate::token) fn seal(
        &self,
        kid: &str,
        master: &Rotating<MasterKey>,
        random: &Random,
    ) -> Result<Vec<u8>, KeyError> {
        let context = context(kid, self.algorithm);
        master.seal(random, &self.pkcs8, &context).map_err(|_| KeyError::NotGenerated)
    }

    pub(in crate::token) fn open(
        kid: &str,
        algorithm: SigningAlgorithm,
        sealed: &[u8],
        master: &Rotating<MasterKey>,
    ) -> Result<Self, KeyError> {
        let pkcs8 =
            master.open(sealed, &context(kid, algorithm)).map_err(|_| KeyError::Sealed(kid.to_owned()))?;
        Ok(Self { algorithm, pkcs8 })
    }

    /// Returns a signing key with this `kid`.
    pub(in crate::token) fn signer(&self, kid: &str) -> Result<SigningKey, KeyError> {
        SigningKey::new(kid, self.algorithm, &self.pkcs8)
    }

    /// Returns the key in the form from which `jsonwebtoken` computes the public half.
    fn encoding_key(&self) -> Result<EncodingKey, KeyError> {
        match self.algorithm {
            SigningAlgorithm::Es256 => Ok(EncodingKey::from_ec_der(&self.pkcs8)),
            SigningAlgorithm::EdDsa => Ok(EncodingKey::from_ed_der(&self.pkcs8)),
            SigningAlgorithm::Rs256 | SigningAlgorithm::Ps256 => {
                let pkcs1 = pkcs1_inside(&self.pkcs8).ok_or(KeyError::Malformed)?;
                Ok(EncodingKey::from_rsa_der(pkcs1))
            }
            SigningAlgorithm::Hs256 => Err(KeyError::Symmetric),
        }
    }

    pub(in crate::token) fn public_key(&self) -> Result<PublicKey, KeyError> {
        let malformed = |_| KeyError::Malformed;
        let mut jwk =
            Jwk::from_encoding_key(&self.encoding_key()?, self.algorithm.jws()).map_err(malformed)?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(malformed)?;
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        jwk.common.key_id = Some(kid.clone());
        let jwk = serde_json::to_value(jwk).map_err(|_| KeyError::Malformed)?;
        Ok(PublicKey { kid, jwk })
    }
}

fn context(kid: &str, algorithm: SigningAlgorithm) -> String {
    StoredKey::sealing_context(kid, algorithm.as_str())
}

/// Returns the RSAPrivateKey (RFC 8017 §A.1.2) in a PrivateKeyInfo (RFC 5208 §5): its third element, after
/// version and algorithm. `jsonwebtoken` reads the former, and aws-lc writes the latter.
fn pkcs1_inside(pkcs8: &[u8]) -> Option<&[u8]> {
    const INTEGER: u8 = 0x02;
    const OCTET_STRING: u8 = 0x04;
    const SEQUENCE: u8 = 0x30;
    let (info, _) = der_element(pkcs8, SEQUENCE)?;
    let (_, rest) = der_element(info, INTEGER)?;
    let (_, rest) = der_element(rest, SEQUENCE)?;
    let (key, _) = der_element(rest, OCTET_STRING)?;
    Some(key)
}

/// Returns the content of the first DER element, which must have this tag, and the bytes after it.
fn der_element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = input.split_first_chunk()?;
    if found != tag {
        return None;
    }
    let (length, rest) = match length {
        0x00..=0x7f => (usize::from(length), rest),
        0x81 => rest.split_first().map(|(&length, rest)| (usize::from(length), rest))?,
        0x82 => rest.split_first_chunk().map(|(&length, rest)| (u16::from_be_bytes(length).into(), rest))?,
        _ => return None,
    };
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{KeyPair as _, RsaKeyPair};

    use super::*;

    #[test]
    fn pkcs8_contains_the_same_rsa_key() {
        let key = PrivateKey::generate(SigningAlgorithm::Rs256).unwrap();
        let outer = RsaKeyPair::from_pkcs8(&key.pkcs8).unwrap();
        let inner = RsaKeyPair::from_der(pkcs1_inside(&key.pkcs8).unwrap()).unwrap();
        assert_eq!(outer.public_key().as_ref(), inner.public_key().as_ref());
        assert_eq!(inner.public_modulus_len(), 256);
    }

    #[test]
    fn refuses_truncated_or_other_der() {
        let key = PrivateKey::generate(SigningAlgorithm::Rs256).unwrap();
        for length in 0..key.pkcs8.len() {
            assert!(pkcs1_inside(&key.pkcs8[..length]).is_none(), "{length}");
        }
        assert!(pkcs1_inside(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff]).is_none());
        assert!(pkcs1_inside(&[0x31, 0]).is_none());
    }

    #[test]
    fn public_jwk_has_no_private_member() {
        for (algorithm, members) in [
            (SigningAlgorithm::Es256, ["kty", "crv", "x", "y"].as_slice()),
            (SigningAlgorithm::EdDsa, &["kty", "crv", "x"]),
            (SigningAlgorithm::Rs256, &["kty", "n", "e"]),
            (SigningAlgorithm::Ps256, &["kty", "n", "e"]),
        ] {
            let key = PrivateKey::generate(algorithm).unwrap().public_key().unwrap();
            let mut expected: Vec<&str> = members.iter().copied().chain(["alg", "kid", "use"]).collect();
            let mut found: Vec<&str> = key.jwk.as_object().unwrap().keys().map(String::as_str).collect();
            expected.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, expected);
            assert_eq!(key.jwk["alg"], algorithm.as_str());
            assert_eq!(key.jwk["use"], "sig");
            assert_eq!(key.jwk["kid"], key.kid);
        }
    }

    #[test]
    fn never_generates_a_symmetric_key() {
        assert!(matches!(PrivateKey::generate(SigningAlgorithm::Hs256), Err(KeyError::Symmetric)));
    }
}
