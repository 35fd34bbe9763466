//! The authorization server. One file a grant, one an endpoint's own work:
//!
//! | RFC 6749 | file |
//! |---|---|
//! | §2.3 client authentication | [`client_authentication`] |
//! | §4.4 client credentials | [`client_credentials`] |
//! | first-party login with a password | [`password_login`] |
//! | RFC 8414, RFC 9728: metadata | [`metadata`] |

pub mod client_authentication;
pub mod client_credentials;
mod error;
pub mod metadata;
pub mod password_login;

pub use error::OAuthError;

use crate::authz::{ScopeSet, Vocabulary};
use crate::domain::Invalid;

/// Reads a `scope` parameter (RFC 6749 §3.3). Names that the server does not know grant nothing.
///
/// # Errors
/// When it is no list of scope tokens, or a longer one than anybody needs.
pub fn scope_parameter(list: &str, vocabulary: &Vocabulary) -> Result<ScopeSet, Invalid> {
    let token = |token: &str| {
        !token.is_empty() && token.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e))
    };
    if list.len() > 4_096 || list.split(' ').count() > 128 || !list.split(' ').all(token) {
        return Err(Invalid::new("invalid-scope", "must be at most 128 scopes, separated by single spaces"));
    }
    Ok(vocabulary.scopes_in(list))
}

/// What is granted: what was asked for, as far as the client is registered for it and, for a user,
/// the roles grant it. Everything that could be granted when nothing in particular was asked for.
fn granted(asked: Option<&ScopeSet>, grantable: &ScopeSet) -> Result<ScopeSet, OAuthError> {
    let granted = asked.map_or_else(|| grantable.clone(), |asked| asked.intersection(grantable));
    if granted.is_empty() && asked.is_some() { Err(OAuthError::InvalidScope) } else { Ok(granted) }
}
