//! The thumbprint of a key (RFC 7638), by which a token says to whom it is bound.

use std::fmt;

use super::opaque_token::is_32_bytes;

/// SHA-256 of a public key, in base64url.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Thumbprint(String);

impl Thumbprint {
    /// Reads one; none when it is not 32 bytes in base64url.
    pub fn parse(text: &str) -> Option<Self> {
        is_32_bytes(text).then(|| Self(text.to_owned()))
    }

    /// One that was read before.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_thumbprint_is_none() {
        for text in ["", "x", &"A".repeat(42), &"A".repeat(44), &format!("{}=", "A".repeat(42))] {
            assert_eq!(Thumbprint::parse(text), None, "{text}");
        }
    }
}
