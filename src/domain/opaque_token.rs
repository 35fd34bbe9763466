//! Secrets of 256 random bits that say nothing by themselves: shown once, kept as their hash.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::clock_and_random::{NoRandomness, Random};

macro_rules! opaque_secrets {
    ($($(#[$meaning:meta])* $name:ident;)*) => {$(
        $(#[$meaning])*
        ///
        /// 256 random bits in base64url, of which the SHA-256 alone is kept. Neither printed nor
        /// serialised by accident: it is read by `expose` alone.
        #[derive(Clone)]
        pub struct $name(SecretString);

        impl $name {
            /// A new one.
            ///
            /// # Errors
            /// When the operating system gives no randomness.
            pub fn generate(random: &Random) -> Result<Self, NoRandomness> {
                Ok(Self(SecretString::from(URL_SAFE_NO_PAD.encode(random.bytes::<32>()?))))
            }

            /// What somebody presented as one.
            pub fn presented(text: &str) -> Self {
                Self(SecretString::from(text))
            }

            /// The secret, for the one who may have it.
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }

            /// What is kept of it.
            pub fn hash(&self) -> SecretHash {
                SecretHash(sha256(self.expose().as_bytes()))
            }
        }
    )*};
}

opaque_secrets! {
    /// A client's secret (RFC 6749 §2.3.1).
    ClientSecret;
    /// An authorization code (RFC 6749 §4.1.2).
    AuthorizationCode;
    /// A refresh token (RFC 6749 §1.5).
    RefreshToken;
    /// What one browser holds in a cookie.
    BrowserSecret;
}

/// SHA-256 of a secret of 256 random bits: enough, since there is nothing to guess. Of the whole
/// text, so that one with a character changed, cut or added is another one.
#[derive(Clone)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    pub(crate) fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether both are of one secret, in constant time.
    pub fn matches(&self, other: &SecretHash) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl BrowserSecret {
    /// Reads what a cookie holds; none when it cannot be a secret of ours.
    pub fn parse(text: &str) -> Option<Self> {
        is_32_bytes(text).then(|| Self::presented(text))
    }
}

/// Whether this is 32 bytes in base64url, in their one spelling.
pub(super) fn is_32_bytes(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode_slice(text, &mut [0; 33]) == Ok(32)
}

/// SHA-256.
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
        // The last character holds four bits, so that another spelling of them is not taken.
        let respelled = format!("{}B", "A".repeat(42));
        for wrong in ["", &text[1..], &format!("{text}A"), &format!("{text}="), &respelled, &"é".repeat(43)]
        {
            assert!(BrowserSecret::parse(wrong).is_none(), "{wrong}");
        }
    }
}
