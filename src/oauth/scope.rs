//! Scopes of a request, of a client and of a grant (RFC 6749 §3.3).

use super::OAuthError;
use crate::authz::{ScopeSet, Vocabulary, scope_names};
use crate::domain::Invalid;
use crate::store::StoredClient;

/// Longest `scope` parameter, in bytes.
const MAX_BYTES: usize = 4_096;

/// Most scopes in one `scope` parameter.
const MAX_SCOPES: usize = 128;

/// Reads a `scope` parameter (RFC 6749 §3.3). Scopes that the server does not know grant nothing.
///
/// # Errors
/// When it is not a list of scope tokens, or when it exceeds 4096 bytes or 128 scopes.
pub fn scope_parameter(list: &str, vocabulary: &Vocabulary) -> Result<ScopeSet, Invalid> {
    let is_token = |token: &str| token.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
    let named = scope_names(list).take(MAX_SCOPES + 1).count();
    if list.len() > MAX_BYTES || !(1..=MAX_SCOPES).contains(&named) || !scope_names(list).all(is_token) {
        return Err(Invalid::new("invalid-scope", "must be 1 to 128 scopes, separated by spaces"));
    }
    Ok(vocabulary.scopes_in(list))
}

/// Reads a `scope` parameter that may be missing. One of spaces alone names no scope, as an empty one.
///
/// # Errors
/// See [`scope_parameter`].
pub fn optional_scope(list: Option<&str>, vocabulary: &Vocabulary) -> Result<Option<ScopeSet>, Invalid> {
    let list = list.filter(|list| !list.trim_matches(' ').is_empty());
    list.map(|list| scope_parameter(list, vocabulary)).transpose()
}

/// Returns the scopes that the client is registered for.
pub(super) fn registered_scopes(client: &StoredClient, vocabulary: &Vocabulary) -> ScopeSet {
    if fault!(client_scope_not_limited) {
        return vocabulary.scopes().iter().copied().collect();
    }
    vocabulary.scopes_in(&client.client.scope.join(" "))
}

/// Returns the requested scopes that are grantable; all grantable scopes when none is requested.
///
/// # Errors
/// [`OAuthError::InvalidScope`] when scopes are requested and none of them is grantable.
pub(super) fn granted_scopes(
    requested: Option<&ScopeSet>,
    grantable: &ScopeSet,
) -> Result<ScopeSet, OAuthError> {
    let Some(requested) = requested else { return Ok(grantable.clone()) };
    if fault!(requested_scope_granted) {
        return Ok(requested.clone());
    }
    let granted = requested.intersection(grantable);
    if granted.is_empty() { Err(OAuthError::InvalidScope) } else { Ok(granted) }
}
