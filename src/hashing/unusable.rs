//! Reasons why no password is compared with a stored hash.

/// Why no password is compared with a stored hash. No text of it repeats the hash.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableHash {
    /// The text has the form of no supported scheme.
    #[error(
        "must be a hash by argon2, bcrypt, scrypt, PBKDF2 or SHA-crypt, as $argon2id$v=19$m=19456,t=2,p=1$…, or a digest \
         without a salt by MD5, SHA-1, SHA-256 or SHA-512"
    )]
    Unknown,
    /// The text is a digest without a salt. Only an import takes one, and stores argon2id of it.
    #[error("is a digest without a salt, which only an import takes")]
    Unwrapped,
    /// The scheme is known, and it is not supported.
    #[error("is a hash by {scheme}, which is not supported: {reason}")]
    Unsupported {
        /// Name of the scheme.
        scheme: &'static str,
        /// Why it is not supported.
        reason: &'static str,
    },
    /// The scheme is supported, and the text breaks a rule of it.
    #[error("is not a valid hash by {scheme}: {fault}")]
    Malformed {
        /// Name of the scheme.
        scheme: &'static str,
        /// The broken rule.
        fault: &'static str,
    },
    /// The cost is above the ceiling.
    #[error("costs {cost}, more than {ceiling}")]
    TooCostly {
        /// Cost of the hash.
        cost: String,
        /// Largest cost that is computed.
        ceiling: String,
    },
}

impl UnusableHash {
    /// Returns the code of the broken rule.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::TooCostly { .. } => "too-costly-hash",
            Self::Unknown | Self::Unwrapped | Self::Unsupported { .. } | Self::Malformed { .. } => {
                "invalid-hash"
            }
        }
    }
}
