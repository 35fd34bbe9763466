//! Userinfo (OpenID Connect Core §5.3): the user's claims, for a client with the user's consent. ID tokens can have
//! them too (§5.4).

use serde_json::{Map, Value};

use crate::authz::action::ReadClaims;
use crate::authz::{Allowed, EMAIL, PROFILE, ScopeSet};
use crate::domain::{Profile, ProfileClaim, User};

/// Returns the claims that the scopes of the token allow, and the subject.
pub fn claims(user: &Allowed<User, ReadClaims>, profile: &Profile) -> Map<String, Value> {
    let mut claims = scope_claims(user, profile, user.by().scope());
    claims.insert("sub".to_owned(), user.id.to_string().into());
    claims
}

/// Returns the claims that these scopes allow (OpenID Connect Core §5.4). `bio` is not a standard claim and is left out.
/// A profile value never replaces a claim that the server sets.
pub(super) fn scope_claims(user: &User, profile: &Profile, scope: &ScopeSet) -> Map<String, Value> {
    let mut claims = Map::new();
    if scope.contains(PROFILE) || fault!(userinfo_profile_always) {
        let standard = profile.claims.iter().filter(|(claim, _)| **claim != ProfileClaim::Bio);
        claims.extend(standard.map(|(claim, value)| (claim.to_string(), Value::from(value.as_str()))));
        claims.insert("updated_at".to_owned(), user.updated_at.timestamp().into());
    }
    if scope.contains(EMAIL) || fault!(userinfo_email_always) {
        claims.insert("email".to_owned(), user.email.to_string().into());
        claims.insert("email_verified".to_owned(), user.email_verified.into());
    }
    claims
}
