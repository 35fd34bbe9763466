//! Outcome of a transaction that may refuse a request.

/// Outcome of a transaction that is committed either way. A refusal is stored too: a session whose token was used twice
/// ends, and a guess counts.
#[derive(Debug)]
pub(crate) enum Settled<T, R> {
    /// The request is granted.
    Granted(T),
    /// The request is refused.
    Refused(R),
}

impl<T, R> Settled<T, R> {
    /// Returns the refusal as an error.
    pub(crate) fn granted(self) -> Result<T, R> {
        match self {
            Self::Granted(value) => Ok(value),
            Self::Refused(refusal) => Err(refusal),
        }
    }
}
