//! Opaque tokens: secrets of 256 random bits, shown once and stored as their hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::{NoRandomness, Random};

macro_rules! opaque_secrets {
    ($($(#[$meaning:meta])* $name:ident;)*) => {$(
        $(#[$meaning])*
        ///
        /// 256 random bits in base64url; only the SHA-256 hash is stored. Only `expose` reads it, so that
        /// it is never printed or serialized by accident.
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// Generates a new secret.
            ///
            /// # Errors
            /// When the operating system gives no randomness.
            pub fn generate(random: &Random) -> Result<Self, NoRandomness> {
                Ok(Self(SecretString::from(URL_SAFE_NO_PAD.encode(random.bytes::<32>()?))))
            }

            /// Wraps a presented secret.
            pub fn presented(text: &str) -> Self {
                Self(SecretString::from(text))
            }

            /// Returns the secret, for its recipient.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }

            /// Returns the stored hash.
            pub fn hash(&self) -> SecretHash {
                SecretHash(sha256(self.expose().as_bytes()))
            }
        }
    )*};
}

opaque_secrets! {
    /// Client secret (RFC 6749 §2.3.1).
    ClientSecret;
    /// Authorization code (RFC 6749 §4.1.2).
    AuthorizationCode;
    /// Refresh token (RFC 6749 §1.5).
    RefreshToken;
    /// Secret of a link that is mailed: for a new password, or to prove an address.
    AccountToken;
    /// Secret of a browser, in a cookie.
    BrowserSecret;
}

/// SHA-256 of a secret. A fast hash is enough, because 256 random bits cannot be guessed. The hash
/// covers the whole text, so that every change of the text changes the hash.
#[derive(Clone)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Compares two hashes in constant time.
    pub fn matches(&self, other: &SecretHash) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl BrowserSecret {
    /// Parses a cookie value. Returns `None` unless it has the form of a secret.
    pub fn parse(text: &str) -> Option<Self> {
        is_32_bytes(text).then(|| Self::presented(text))
    }
}

/// True for 32 bytes in canonical base64url.
pub(super) fn is_32_bytes(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode_slice(text, &mut [0; 33]) == Ok(32)
}

/// Returns the SHA-256 hash.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browsers_secret_is_32_bytes_in_base64url_and_in_no_other_spelling() {
        let secret = BrowserSecret::generate(&Random::system()).unwrap();
        let read = BrowserSecret::parse(secret.expose()).unwrap();
        assert!(read.hash().matches(&secret.hash()));
        let text = "A".repeat(43);
        assert!(BrowserSecret::parse(&text).is_some());
        // The last character holds only four bits. Another spelling of them is not canonical.
        let respelled = format!("{}B", "A".repeat(42));
        for wrong in ["", &text[1..], &format!("{text}A"), &format!("{text}="), &respelled, &"é".repeat(43)]
        {
            assert!(BrowserSecret::parse(wrong).is_none(), "{wrong}");
        }
    }
}
