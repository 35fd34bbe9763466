//! Userinfo (OpenID Connect Core §5.3): the user's claims, for a client with the user's consent.

use serde_json::{Map, Value};

use crate::authz::action::ReadClaims;
use crate::authz::{Allowed, EMAIL, PROFILE};
use crate::domain::{Profile, ProfileClaim, User};

/// Returns the claims that the scopes of the token allow (OpenID Connect Core §5.4). `bio` is not a
/// standard claim and is left out. A profile value never replaces a claim that the server sets.
pub fn claims(user: &Allowed<User, ReadClaims>, profile: &Profile) -> Map<String, Value> {
    let mut claims = Map::new();
    let scope = user.by().scope();
    if scope.contains(PROFILE) {
        let standard = profile.claims.iter().filter(|(claim, _)| **claim != ProfileClaim::Bio);
        claims.extend(standard.map(|(claim, value)| (claim.to_string(), Value::from(value.as_str()))));
        claims.insert("updated_at".to_owned(), user.updated_at.timestamp().into());
    }
    if scope.contains(EMAIL) {
        claims.insert("email".to_owned(), user.email.to_string().into());
        claims.insert("email_verified".to_owned(), user.email_verified.into());
    }
    claims.insert("sub".to_owned(), user.id.to_string().into());
    claims
}
