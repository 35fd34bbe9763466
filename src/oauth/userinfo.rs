//! Userinfo (OpenID Connect Core §5.3): who the user is, for the client that they let in.

use serde_json::{Map, Value};

use crate::authz::action::ReadClaims;
use crate::authz::{Allowed, EMAIL, PROFILE};
use crate::domain::{Profile, ProfileClaim, User};

/// The claims that the scopes of the token let through (OpenID Connect Core §5.4); `bio` is none of its
/// standard claims. What a profile
/// holds never takes the place of a claim that the server makes.
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
