//! The claims of an access token (RFC 9068 §2.2), for issuing and for verification.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use crate::authz::{Revocable, ScopeSet, TokenId, TokenSubject, Vocabulary};
use crate::domain::{Role, SessionId, Thumbprint};
use crate::token::jws::{optional_text, parse_object};
use crate::token::{InvalidToken, numeric_date};

/// Claims of a token that this server issues. Two claims are our own. A token is revoked when its `epoch` is
/// lower than the present epoch of its subject, or its `client_epoch` than that of its client.
#[derive(serde::Serialize)]
pub(in crate::token) struct AccessTokenClaims<'a> {
    pub(in crate::token) iss: &'a str,
    pub(in crate::token) sub: &'a str,
    pub(in crate::token) aud: &'a str,
    pub(in crate::token) exp: i64,
    pub(in crate::token) iat: i64,
    pub(in crate::token) jti: String,
    pub(in crate::token) client_id: &'a str,
    pub(in crate::token) scope: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::token) sid: Option<SessionId>,
    /// Time of the user's authentication, and its method (RFC 9068 §2.2.1, RFC 8176 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::token) auth_time: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::token) amr: Option<[&'static str; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::token) roles: Option<&'a [Role]>,
    pub(in crate::token) epoch: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::token) client_epoch: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::token) cnf: Option<Confirmation<'a>>,
}

/// Thumbprint of the key that a token is bound to (RFC 9449 §6.1).
#[derive(serde::Serialize)]
pub(in crate::token) struct Confirmation<'a> {
    pub(in crate::token) jkt: &'a Thumbprint,
}

/// Parsed claims, each of the right type.
#[derive(Debug)]
pub(in crate::token) struct Claims {
    pub(in crate::token) registered: Registered,
    pub(in crate::token) revocable: Revocable,
    pub(in crate::token) token: TokenId,
    pub(in crate::token) scope: ScopeSet,
    /// Time of the user's authentication.
    pub(in crate::token) authenticated_at: DateTime<Utc>,
    pub(in crate::token) roles: Option<Vec<Role>>,
    /// Thumbprint of the key that the token is bound to (RFC 9449 §6).
    pub(in crate::token) bound_to: Option<Thumbprint>,
    pub(in crate::token) vocabulary: Arc<Vocabulary>,
}

/// Registered claims, which the tokens of every issuer have (RFC 7519 §4.1).
#[derive(Debug)]
pub(in crate::token) struct Registered {
    pub(in crate::token) issuer: String,
    pub(in crate::token) subject: String,
    pub(in crate::token) audience: Vec<String>,
    pub(in crate::token) issued_at: DateTime<Utc>,
    pub(in crate::token) not_before: Option<DateTime<Utc>>,
    pub(in crate::token) expires_at: DateTime<Utc>,
}

impl Registered {
    /// Reads the claims beside the audience, which some issuers name elsewhere.
    pub(in crate::token) fn read(
        claims: &Map<String, Value>,
        audience: Vec<String>,
    ) -> Result<Self, InvalidToken> {
        let required =
            |name, error| optional_text(claims, name, error)?.filter(|text| !text.is_empty()).ok_or(error);
        let date = |name, error| claims.get(name).map(|date| numeric_date(date).ok_or(error));
        let (exp, iat) = (InvalidToken::MalformedExpiry, InvalidToken::MalformedIssueTime);
        Ok(Self {
            issuer: required("iss", InvalidToken::MalformedIssuer)?,
            subject: required("sub", InvalidToken::MalformedSubject)?,
            audience,
            expires_at: match date("exp", exp) {
                None if fault!(expiry_not_required) => DateTime::<Utc>::MAX_UTC,
                date => date.ok_or(exp)??,
            },
            issued_at: date("iat", iat).ok_or(iat)??,
            not_before: date("nbf", InvalidToken::MalformedNotBefore).transpose()?,
        })
    }
}

impl Claims {
    pub(in crate::token) fn read(payload: &[u8], vocabulary: &Arc<Vocabulary>) -> Result<Self, InvalidToken> {
        let claims = parse_object(payload)?;
        let text = |name, error| optional_text(&claims, name, error);
        let registered = Registered::read(&claims, audience(claims.get("aud"))?)?;
        let client_id = text("client_id", InvalidToken::MalformedClientId)?;
        let scope = text("scope", InvalidToken::MalformedScope)?.unwrap_or_default();
        let session = match text("sid", InvalidToken::MalformedSession)? {
            Some(id) => Some(id.parse().map_err(|_| InvalidToken::MalformedSession)?),
            None => None,
        };
        let epoch = |name| match claims.get(name) {
            Some(epoch) => epoch.as_i64().map(Some).ok_or(InvalidToken::MalformedEpoch),
            None => Ok(None),
        };
        let jti = text("jti", InvalidToken::MalformedTokenId)?;
        let revocable = Revocable {
            subject: token_subject(&registered.subject, client_id.as_deref())?,
            epoch: epoch("epoch")?,
            session,
            client_id: client_id.clone(),
            client_epoch: epoch("client_epoch")?,
            jti: jti.clone(),
            issued_at: registered.issued_at,
        };
        Ok(Self {
            authenticated_at: authenticated_at(&claims, registered.issued_at),
            registered,
            roles: roles(&claims, vocabulary)?,
            bound_to: bound_to(&claims)?,
            revocable,
            token: TokenId { jti, client_id },
            scope: vocabulary.scopes_in(&scope),
            vocabulary: Arc::clone(vocabulary),
        })
    }

    /// `exp`
    pub(in crate::token) fn expires_at(&self) -> DateTime<Utc> {
        self.registered.expires_at
    }

    /// Checks that issuer and one audience match exactly and that `nbf` and `iat` are not in the future.
    /// Without `audience`, any audience is accepted. Expiry is not checked here but at every use.
    pub(in crate::token) fn check(
        &self,
        issuer: &str,
        audience: Option<&[String]>,
        now: DateTime<Utc>,
        leeway: TimeDelta,
    ) -> Result<(), InvalidToken> {
        if self.registered.issuer != issuer && !fault!(issuer_not_compared) {
            return Err(InvalidToken::WrongIssuer);
        }
        let names =
            |accepted: &[String]| self.registered.audience.iter().any(|named| accepted.contains(named));
        if audience.is_some_and(|accepted| !names(accepted)) && !fault!(audience_not_compared) {
            return Err(InvalidToken::WrongAudience);
        }
        // The leeway is added to our own time: adding to the token's time could overflow.
        let is_early = self.registered.not_before.is_some_and(|time| time > now + leeway);
        if is_early && !fault!(not_before_not_checked) {
            return Err(InvalidToken::NotYetValid);
        }
        if self.registered.issued_at > now + leeway && !fault!(issue_time_not_checked) {
            return Err(InvalidToken::IssuedInTheFuture);
        }
        Ok(())
    }

    /// True when the token was issued after `moment`.
    pub(in crate::token) fn issued_after(&self, moment: DateTime<Utc>) -> bool {
        self.revocable.issued_after(moment)
    }
}

/// Reads `aud`: one string, or an array of strings (RFC 7519 §4.1.3).
pub(in crate::token) fn audience(aud: Option<&Value>) -> Result<Vec<String>, InvalidToken> {
    let strings = match aud {
        Some(Value::String(one)) => Some(vec![one.clone()]),
        Some(Value::Array(several)) if !several.is_empty() => strings(several),
        _ => None,
    };
    strings.ok_or(InvalidToken::MalformedAudience)
}

/// Reads `auth_time`. A token without it tells only that its user had authenticated when it was issued. A value
/// that is not a date counts as an authentication long ago.
pub(in crate::token) fn authenticated_at(
    claims: &Map<String, Value>,
    issued_at: DateTime<Utc>,
) -> DateTime<Utc> {
    let auth_time = claims.get("auth_time").filter(|_| !fault!(auth_time_not_read));
    auth_time.map_or(issued_at, |time| numeric_date(time).unwrap_or_default())
}

/// Reads `cnf` (RFC 7800 §3.1). A confirmation of an unknown kind is an error, as the token is bound.
fn bound_to(claims: &Map<String, Value>) -> Result<Option<Thumbprint>, InvalidToken> {
    let Some(cnf) = claims.get("cnf") else { return Ok(None) };
    let jkt = cnf.as_object().filter(|cnf| cnf.len() == 1).and_then(|cnf| cnf.get("jkt")?.as_str());
    jkt.and_then(Thumbprint::parse).map(Some).ok_or(InvalidToken::MalformedConfirmation)
}

/// Reads `roles`. A role that this version does not know grants nothing.
fn roles(claims: &Map<String, Value>, vocabulary: &Vocabulary) -> Result<Option<Vec<Role>>, InvalidToken> {
    let names = match claims.get("roles") {
        None => return Ok(None),
        Some(Value::Array(names)) => strings(names),
        Some(_) => None,
    };
    let names = names.ok_or(InvalidToken::MalformedRoles)?;
    Ok(Some(names.iter().filter_map(|name| vocabulary.role(name)).collect()))
}

pub(in crate::token) fn strings(values: &[Value]) -> Option<Vec<String>> {
    values.iter().map(|value| value.as_str().map(str::to_owned)).collect()
}

fn token_subject(subject: &str, client_id: Option<&str>) -> Result<TokenSubject, InvalidToken> {
    if client_id == Some(subject) {
        return Ok(TokenSubject::Client(subject.to_owned()));
    }
    subject.parse().map(TokenSubject::User).map_err(|_| InvalidToken::UnknownSubject)
}
