//! The claims of another issuer's access token. Nothing that only our own tokens mean (`sid`,
//! `roles`, `epoch`) is read from it, and its scopes count as far as the configuration says.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::{ClientToken, ForeignIssuer, TokenTyp, TrustedIssuer};
use crate::authz::{Scope, ScopeSet, TokenId, Vocabulary};
use crate::domain::{Email, Identity, Newcomer};
use crate::token::access::claims::{Claims, Registered, strings};
use crate::token::access::revocation::{Bearer, Speaker};
use crate::token::invalid::InvalidToken;
use crate::token::jws::{optional_text, parse_object};

/// OpenID Connect Core §2: a `sub` is no longer. Nor is a client's name.
const MOST_CHARACTERS: usize = 255;

/// What an ID token, a logout token and a Keycloak refresh token have and an access token has not
/// (OpenID Connect Core §2, §3.3.2.11; Back-Channel Logout §2.4).
const NOT_OF_AN_ACCESS_TOKEN: [&str; 5] = ["nonce", "at_hash", "c_hash", "s_hash", "events"];

impl Claims {
    /// Reads the claims of this issuer's token.
    pub(in crate::token) fn read_foreign(
        payload: &[u8],
        issuer: &ForeignIssuer,
        vocabulary: &Arc<Vocabulary>,
    ) -> Result<Self, InvalidToken> {
        let claims = parse_object(payload)?;
        let registered = Registered::read(&claims)?;
        let ForeignIssuer { settings, audience, .. } = issuer;
        let client = client(&claims, settings)?;
        // RFC 9449 §7.1: a token that is bound to a key is worth nothing without proof of it.
        if claims.contains_key("cnf") {
            return Err(InvalidToken::Bound);
        }
        if settings.typ == TokenTyp::Any {
            refuse_other_kinds(&claims, &client, audience)?;
        }
        if !is_a_name(&registered.subject) {
            return Err(InvalidToken::UnfitSubject);
        }
        let by = format!("{}#{client}", settings.issuer);
        let speaker = if is_clients_own(&claims, settings, &registered.subject, &client)? {
            Speaker::Client(by.clone())
        } else {
            Speaker::Stranger(Arc::new(Newcomer {
                identity: Identity { issuer: settings.issuer.clone(), subject: registered.subject.clone() },
                email: verified_email(&claims),
                issued_at: registered.issued_at,
                provision: settings.provision,
            }))
        };
        let jti = optional_text(&claims, "jti", InvalidToken::MalformedTokenId)?;
        Ok(Self {
            roles: None,
            bound_to: None,
            // Revocations of ours mean ids of ours, which another issuer may have given too.
            bearer: Bearer {
                speaker,
                epoch: None,
                session: None,
                client_id: None,
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

/// The client that the token was issued to, which every access token names (RFC 9068 §2.2).
fn client(claims: &Map<String, Value>, issuer: &TrustedIssuer) -> Result<String, InvalidToken> {
    match find(claims, &issuer.client_id_claim) {
        Some(Value::String(client)) if is_a_name(client) => Ok(client.clone()),
        Some(_) => Err(InvalidToken::MalformedClientId),
        None => Err(InvalidToken::NoClient),
    }
}

/// Where the header does not tell an access token from an ID token, the claims have to: one made
/// for a client to read is no ticket for an API, though the same key signed it.
fn refuse_other_kinds(claims: &Map<String, Value>, client: &str, audience: &str) -> Result<(), InvalidToken> {
    let kind = claims.get("typ");
    let other_kind =
        kind.is_some_and(|kind| kind.as_str().is_none_or(|kind| !kind.eq_ignore_ascii_case("bearer")));
    if other_kind
        || client == audience
        || NOT_OF_AN_ACCESS_TOKEN.iter().any(|name| claims.contains_key(*name))
    {
        return Err(InvalidToken::NotAnAccessToken);
    }
    Ok(())
}

fn is_clients_own(
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
    // One of the two is wrong, and neither may be guessed at.
    if !own && subject == client { Err(InvalidToken::SpeaksForNobody) } else { Ok(own) }
}

/// Ours that the issuer's names stand for. A name that the configuration does not list counts when
/// it is one of ours and reaches the caller's own records alone.
fn scope(
    claims: &Map<String, Value>,
    issuer: &TrustedIssuer,
    vocabulary: &Vocabulary,
) -> Result<ScopeSet, InvalidToken> {
    let mut scope = Vec::new();
    for name in &issuer.scope_claims {
        let names = match find(claims, name) {
            None => continue,
            Some(Value::String(list)) => list.split(' ').map(str::to_owned).collect(),
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

/// The address, when the issuer says that it is known to be theirs.
fn verified_email(claims: &Map<String, Value>) -> Option<Email> {
    let verified = claims.get("email_verified") == Some(&Value::Bool(true));
    let email = claims.get("email").and_then(Value::as_str).filter(|_| verified)?;
    Email::parse(email).ok().filter(|email| !email.is_placeholder())
}

/// A text that can be kept and shown: not empty, not endless, and no control character in it.
fn is_a_name(text: &str) -> bool {
    (1..=MOST_CHARACTERS).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

/// The claim of this name; where there is none, the dots in it lead through nested objects.
fn find<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
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
    fn a_claim_is_found_by_its_name_or_by_the_way_to_it() {
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
