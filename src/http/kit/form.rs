//! Forms of clients at the token endpoint, and of browsers on the pages.

use super::body::{check_type, read_bytes};
use super::{Call, Problem};
use crate::oauth::OAuthError;
use crate::oauth::parameters::Parameters;

/// The media type of a form.
pub const FORM: &str = "application/x-www-form-urlencoded";

/// Largest number of parameters. No grant and no page has so many.
pub(crate) const MOST_PARAMETERS: usize = 32;

/// Parameters of a form or a query, each of which may occur once (RFC 6749 §3.1, §3.2).
#[derive(Clone)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// 413, 415, 408, or 400 when there are too many parameters or one is repeated.
    pub async fn read(call: &mut Call) -> Result<Self, Problem> {
        check_type(call, FORM)?;
        let bytes = read_bytes(call).await?;
        Self::parse(&bytes)
    }

    /// Parses form-encoded bytes.
    ///
    /// # Errors
    /// 400 when there are too many parameters or one is repeated.
    pub fn parse(encoded: &[u8]) -> Result<Self, Problem> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            if pairs.len() == MOST_PARAMETERS {
                return Err(OAuthError::InvalidRequest("there are too many parameters").into());
            }
            if pairs.iter().any(|(known, _)| *known == name) {
                return Err(OAuthError::InvalidRequest("a parameter is repeated").into());
            }
            pairs.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(pairs))
    }

    /// Makes a form of these parameters.
    pub fn of<const N: usize>(pairs: [(&str, String); N]) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    /// Returns the value of a parameter. An empty value counts as missing (RFC 6749 §3.2).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, value)| known == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// Returns the encoded form.
    pub fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }

    /// Returns a copy with another value for a parameter; an empty value removes it.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut pairs: Vec<(String, String)> =
            self.0.iter().filter(|(known, _)| known != name).cloned().collect();
        if !value.is_empty() {
            pairs.push((name.to_owned(), value.to_owned()));
        }
        Self(pairs)
    }
}

impl Parameters for Form {
    fn get(&self, name: &str) -> Option<&str> {
        Form::get(self, name)
    }
}
