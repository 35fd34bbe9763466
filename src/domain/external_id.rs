//! Id of an account in another system.

use super::{Invalid, plain_text};

/// Largest number of code points.
const MOST: usize = 255;

/// Id of an account in the system that it comes from (`externalId`, RFC 7643 §3.1). Upper case and lower case are
/// distinguished.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(transparent)]
pub struct ExternalId(String);

impl ExternalId {
    /// Parses 1 to 255 code points without control characters. The text stays unchanged.
    ///
    /// # Errors
    /// The broken rule.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let id = plain_text(text, MOST, false)?;
        // Such ids look the same as those without the space.
        if text.trim() != text {
            return Err(Invalid::new("surrounding-space", "must neither begin nor end with a space"));
        }
        Ok(Self(id))
    }

    /// Returns an id that the database has.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }

    /// Returns the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
