//! Thumbprint of a public key (RFC 7638), to which a token can be bound.

use std::fmt;

use super::opaque_token::is_32_bytes;

/// Thumbprint: SHA-256 of a public key, in base64url.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct Thumbprint(String);

impl Thumbprint {
    /// Parses a thumbprint. Returns `None` unless the text is 32 bytes in base64url.
    pub fn parse(text: &str) -> Option<Self> {
        is_32_bytes(text).then(|| Self(text.to_owned()))
    }

    /// Restores a thumbprint that was parsed before.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the text.
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
    fn refuses_text_that_is_not_a_thumbprint() {
        for text in ["", "x", &"A".repeat(42), &"A".repeat(44), &format!("{}=", "A".repeat(42))] {
            assert_eq!(Thumbprint::parse(text), None, "{text}");
        }
    }
}
