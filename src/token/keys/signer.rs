//! Signing keys, parsed once and not for each signature.

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair,
};
use jsonwebtoken::Algorithm;

use crate::token::{IssueError, KeyError, SigningAlgorithm};

/// Key that signs tokens.
pub(in crate::token) struct SigningKey {
    pub(in crate::token) kid: String,
    pub(in crate::token) algorithm: Algorithm,
    half: Half,
}

/// Private half of the key.
enum Half {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
    Hs256(Box<hmac::Key>),
}

impl SigningKey {
    /// Parses a private key in PKCS#8 (RFC 5208).
    ///
    /// # Errors
    /// When it is not a key of the algorithm.
    pub(in crate::token) fn new(
        kid: &str,
        algorithm: SigningAlgorithm,
        pkcs8: &[u8],
    ) -> Result<Self, KeyError> {
        let half = match algorithm {
            SigningAlgorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Half::Es256)
            }
            SigningAlgorithm::EdDsa => Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map(Half::EdDsa),
            SigningAlgorithm::Rs256 => rsa(pkcs8, &RSA_PKCS1_SHA256),
            SigningAlgorithm::Ps256 => rsa(pkcs8, &RSA_PSS_SHA256),
            SigningAlgorithm::Hs256 => return Err(KeyError::Symmetric),
        };
        let half = half.map_err(|_| KeyError::Malformed)?;
        Ok(Self { kid: kid.to_owned(), algorithm: algorithm.jws(), half })
    }

    /// Creates the key for HS256 from its secret.
    pub(in crate::token) fn hs256(kid: &str, secret: &[u8]) -> Self {
        let half = Half::Hs256(Box::new(hmac::Key::new(hmac::HMAC_SHA256, secret)));
        Self { kid: kid.to_owned(), algorithm: Algorithm::HS256, half }
    }

    /// Signs a message (RFC 7515 §5.1).
    ///
    /// # Errors
    /// When signing fails.
    pub(in crate::token) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IssueError> {
        let failed = |_| IssueError::NotSigned;
        match &self.half {
            Half::Es256(pair) => {
                let signature = pair.sign(&SystemRandom::new(), message).map_err(failed)?;
                Ok(signature.as_ref().to_vec())
            }
            Half::EdDsa(pair) => Ok(pair.sign(message).as_ref().to_vec()),
            Half::Rsa(pair, padding) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(*padding, &SystemRandom::new(), message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Half::Hs256(key) => Ok(hmac::sign(key, message).as_ref().to_vec()),
        }
    }
}

fn rsa(pkcs8: &[u8], padding: &'static dyn RsaEncoding) -> Result<Half, aws_lc_rs::error::KeyRejected> {
    RsaKeyPair::from_pkcs8(pkcs8).map(|pair| Half::Rsa(pair, padding))
}
