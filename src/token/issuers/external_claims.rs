//! The claims of an external issuer's access token. `sid`, `roles` and `epoch` are not read, as they have a
//! meaning in our own tokens alone. The configuration decides which scopes count.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::authz::{Revocable, Scope, ScopeSet, TokenId, TokenSubject, Vocabulary, scope_names};
use crate::domain::{Email, ExternalUser, Identity, ProfileChange, ProfileClaim};
use crate::token::access::claims::{Claims, Registered, audience, authenticated_at, strings};
use crate::token::jws::{optional_text, parse_object};
use crate::token::{ClientToken, ExternalIssuer, InvalidToken, TokenTyp, TrustedIssuer};

/// Longest `sub` (OpenID Connect Core §2) and longest client id, in characters.
const MAX_CHARACTERS: usize = 255;

/// Claims of ID tokens, logout tokens and Keycloak refresh tokens that an access token never has (OpenID
/// Connect Core §2, §3.3.2.11; Back-Channel Logout §2.4).
const NOT_OF_AN_ACCESS_TOKEN: [&str; 5] = ["nonce", "at_hash", "c_hash", "s_hash", "events"];

impl Claims {
    /// Reads the claims of a token of this issuer.
    pub(in crate::token) fn read_external(
        payload: &[u8],
        issuer: &ExternalIssuer,
        vocabulary: &Arc<Vocabulary>,
    ) -> Result<Self, InvalidToken> {
        let claims = parse_object(payload)?;
        let settings = &issuer.settings;
        let registered = Registered::read(&claims, audience(find(&claims, &settings.audience_claim))?)?;
        check_aud(&claims, issuer)?;
        let client = client(&claims, settings)?;
        // A key-bound token is not valid without a proof of the key (RFC 9449 §7.1).
        if claims.contains_key("cnf") {
            return Err(InvalidToken::Bound);
        }
        refuse_other_kinds(&claims, &client, issuer)?;
        if !is_valid_name(&registered.subject) {
            return Err(InvalidToken::UnfitSubject);
        }
        let by = format!("{}#{client}", settings.issuer);
        let subject = if is_client_token(&claims, settings, &registered.subject, &client)? {
            TokenSubject::Client(by.clone())
        } else {
            TokenSubject::External(Arc::new(ExternalUser {
                identity: Identity { issuer: settings.issuer.clone(), subject: user(&claims, settings)? },
                email: verified_email(&claims),
                profile: profile(&claims),
                issued_at: registered.issued_at,
                provision: settings.provision,
            }))
        };
        let jti = optional_text(&claims, "jti", InvalidToken::MalformedTokenId)?;
        Ok(Self {
            authenticated_at: authenticated_at(&claims, registered.issued_at),
            roles: None,
            bound_to: None,
            // Our revocations name our own ids. An external issuer may use the same ids for something else.
            revocable: Revocable {
                subject,
                epoch: None,
                session: None,
                client_id: None,
                client_epoch: None,
                jti: None,
                issued_at: registered.issued_at,
            },
            registered,
            token: TokenId { jti, client_id: Some(by) },
            scope: scope(&claims, settings, vocabulary)?,
            vocabulary: Arc::clone(vocabulary),
        })
    }
}

/// Returns the client that the token was issued to. Every access token names it (RFC 9068 §2.2).
fn client(claims: &Map<String, Value>, issuer: &TrustedIssuer) -> Result<String, InvalidToken> {
    match find(claims, &issuer.client_id_claim) {
        Some(Value::String(client)) if is_valid_name(client) => Ok(client.clone()),
        Some(_) => Err(InvalidToken::MalformedClientId),
        None => Err(InvalidToken::NoClient),
    }
}

/// Returns the user's name at the issuer.
fn user(claims: &Map<String, Value>, issuer: &TrustedIssuer) -> Result<String, InvalidToken> {
    match find(claims, &issuer.subject_claim) {
        Some(Value::String(subject)) if is_valid_name(subject) => Ok(subject.clone()),
        _ => Err(InvalidToken::UnfitSubject),
    }
}

/// Checks `aud` where another claim names the audience. A token with `aud` is still for that audience alone.
fn check_aud(claims: &Map<String, Value>, issuer: &ExternalIssuer) -> Result<(), InvalidToken> {
    match claims.get("aud") {
        Some(aud) if issuer.settings.audience_claim != "aud" => {
            let ours = audience(Some(aud))?.contains(&issuer.our_audience);
            ours.then_some(()).ok_or(InvalidToken::WrongAudience)
        }
        _ => Ok(()),
    }
}

/// Refuses tokens that are not access tokens, by their claims. It is needed when `typ` does not distinguish
/// access tokens from ID tokens, since the same key signs both.
fn refuse_other_kinds(
    claims: &Map<String, Value>,
    client: &str,
    issuer: &ExternalIssuer,
) -> Result<(), InvalidToken> {
    let settings = &issuer.settings;
    let (kind, token_use) = (claims.get("typ"), claims.get("token_use"));
    let is_bearer = |kind: &Value| kind.as_str().is_some_and(|kind| kind.eq_ignore_ascii_case("bearer"));
    let is_access = |token_use: &Value| token_use.as_str() == Some("access");
    let mut refused = token_use.is_some_and(|token_use| !is_access(token_use));
    if settings.typ != TokenTyp::AccessToken {
        refused |= kind.is_some_and(|kind| !is_bearer(kind))
            || NOT_OF_AN_ACCESS_TOKEN.iter().any(|name| claims.contains_key(*name));
        // An ID token is for the client. Where that is how access tokens name their audience, too, the token
        // must say that it is an access token.
        refused |= match settings.audience_claim.as_str() {
            "aud" => issuer.audiences.iter().any(|audience| audience == client),
            _ => kind.is_none() && token_use.is_none(),
        };
    }
    if settings.typ == TokenTyp::Absent {
        refused |= settings.scope_claims.iter().all(|name| find(claims, name).is_none());
    }
    if refused { Err(InvalidToken::NotAnAccessToken) } else { Ok(()) }
}

/// True when the token is the client's own, and not a user's.
fn is_client_token(
    claims: &Map<String, Value>,
    issuer: &TrustedIssuer,
    subject: &str,
    client: &str,
) -> Result<bool, InvalidToken> {
    let (name, expected) = match &issuer.client_token {
        ClientToken::SubjectIsClient => return Ok(subject == client),
        ClientToken::Claim(name, expected) => (name, expected.as_deref()),
    };
    let own = match (find(claims, name), expected) {
        (None | Some(Value::Null), _) => false,
        (Some(_), None) => true,
        (Some(found), Some(expected)) => found.as_str() == Some(expected),
    };
    // The two signs contradict each other, so the subject is unknown.
    if !own && subject == client { Err(InvalidToken::UnknownSubject) } else { Ok(own) }
}

/// Returns our scopes that the issuer's scopes stand for. A scope that the configuration does not map counts
/// when it is one of ours and reaches only the caller's own records.
fn scope(
    claims: &Map<String, Value>,
    issuer: &TrustedIssuer,
    vocabulary: &Vocabulary,
) -> Result<ScopeSet, InvalidToken> {
    let mut scope = Vec::new();
    for name in &issuer.scope_claims {
        let names = match find(claims, name) {
            None => continue,
            Some(Value::String(list)) => scope_names(list).map(str::to_owned).collect(),
            Some(Value::Array(names)) => strings(names).ok_or(InvalidToken::MalformedScope)?,
            Some(_) => return Err(InvalidToken::MalformedScope),
        };
        for name in names {
            match issuer.scopes.get(&name) {
                Some(ours) => scope.extend(ours.iter().filter_map(|ours| vocabulary.scope(ours))),
                None => scope.extend(vocabulary.scope(&name).filter(|scope: &Scope| !scope.reaches_others())),
            }
        }
    }
    Ok(scope.into_iter().collect())
}

/// Returns the e-mail address when the issuer marks it as verified.
fn verified_email(claims: &Map<String, Value>) -> Option<Email> {
    let verified = claims.get("email_verified") == Some(&Value::Bool(true));
    let email = claims.get("email").and_then(Value::as_str).filter(|_| verified)?;
    Email::parse(email).ok().filter(|email| !email.is_placeholder())
}

/// Returns the members of a profile that the token names. A value that a profile would refuse is left out.
fn profile(claims: &Map<String, Value>) -> ProfileChange {
    // `bio` is a member of ours, and no standard claim.
    let standard = ProfileClaim::ALL.into_iter().filter(|claim| *claim != ProfileClaim::Bio);
    let valid = standard.filter_map(|claim| {
        let value = claim.check(claims.get(claim.as_str())?.as_str()?).ok()?;
        Some((claim, Some(value)))
    });
    ProfileChange(valid.collect())
}

/// True when the text is not empty, not too long, and has no control characters.
fn is_valid_name(text: &str) -> bool {
    (1..=MAX_CHARACTERS).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// Returns the claim of this name. When there is none, dots in the name lead through nested objects.
pub(crate) fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let nested = |at: usize| {
        let inner = claims.get(name.get(..at)?)?.as_object()?;
        find(inner, name.get(at + 1..)?)
    };
    claims.get(name).or_else(|| name.match_indices('.').find_map(|(at, _)| nested(at)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn finds_a_claim_by_name_or_path() {
        let claims = json!({
            "a": { "b": { "c": 1 }, "b.c": 2 }, "https://x.example/roles": 3, "e.f": { "g": 4 }, "h": [5],
        });
        let find = |name| find(claims.as_object().unwrap(), name).and_then(Value::as_i64);
        for (name, value) in [
            ("a.b.c", Some(2)),
            ("https://x.example/roles", Some(3)),
            ("e.f.g", Some(4)),
            ("a.b.c.d", None),
            ("h.0", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(find(name), value, "{name}");
        }
    }
}
