//! The claims of an access token (RFC 9068 §2.2): as they are written, and as they are read.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};

use super::revocation::{Bearer, Speaker};
use crate::authz::{ScopeSet, TokenId, Vocabulary};
use crate::domain::{Role, SessionId, Thumbprint};
use crate::token::invalid::InvalidToken;
use crate::token::jws::{optional_text, parse_object};

/// The claims of a token that this server issues. `epoch` is its own: tokens of an epoch before
/// the user's or the client's present one are dead.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::token) roles: Option<&'a [Role]>,
    pub(in crate::token) epoch: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::token) cnf: Option<Confirmation<'a>>,
}

/// The key to which a token is bound (RFC 9449 §6.1).
#[derive(serde::Serialize)]
pub(in crate::token) struct Confirmation<'a> {
    pub(in crate::token) jkt: &'a Thumbprint,
}

/// The claims that were read, each of its right type.
#[derive(Debug)]
pub(in crate::token) struct Claims {
    pub(in crate::token) registered: Registered,
    pub(in crate::token) bearer: Bearer,
    pub(in crate::token) token: TokenId,
    pub(in crate::token) scope: ScopeSet,
    pub(in crate::token) roles: Option<Vec<Role>>,
    /// The key to which the token is bound, if it is (RFC 9449 §6).
    pub(in crate::token) bound_to: Option<Thumbprint>,
    pub(in crate::token) vocabulary: Arc<Vocabulary>,
}

/// The claims that every token has, whoever issued it (RFC 7519 §4.1).
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
    pub(in crate::token) fn read(claims: &Map<String, Value>) -> Result<Self, InvalidToken> {
        let required = |name, otherwise| {
            optional_text(claims, name, otherwise)?.filter(|text| !text.is_empty()).ok_or(otherwise)
        };
        let date = |name, otherwise| claims.get(name).map(|date| numeric_date(date).ok_or(otherwise));
        let (exp, iat) = (InvalidToken::MalformedExpiry, InvalidToken::MalformedIssueTime);
        Ok(Self {
            issuer: required("iss", InvalidToken::MalformedIssuer)?,
            subject: required("sub", InvalidToken::MalformedSubject)?,
            audience: audience(claims)?,
            expires_at: date("exp", exp).ok_or(exp)??,
            issued_at: date("iat", iat).ok_or(iat)??,
            not_before: date("nbf", InvalidToken::MalformedNotBefore).transpose()?,
        })
    }
}

impl Claims {
    pub(in crate::token) fn read(payload: &[u8], vocabulary: &Arc<Vocabulary>) -> Result<Self, InvalidToken> {
        let claims = parse_object(payload)?;
        let text = |name, otherwise| optional_text(&claims, name, otherwise);
        let registered = Registered::read(&claims)?;
        let client_id = text("client_id", InvalidToken::MalformedClientId)?;
        let scope = text("scope", InvalidToken::MalformedScope)?.unwrap_or_default();
        let session = match text("sid", InvalidToken::MalformedSession)? {
            Some(id) => Some(id.parse().map_err(|_| InvalidToken::MalformedSession)?),
            None => None,
        };
        let epoch = match claims.get("epoch") {
            Some(epoch) => Some(epoch.as_i64().ok_or(InvalidToken::MalformedEpoch)?),
            None => None,
        };
        let jti = text("jti", InvalidToken::MalformedTokenId)?;
        let bearer = Bearer {
            speaker: speaker(&registered.subject, client_id.as_deref())?,
            epoch,
            session,
            client_id: client_id.clone(),
            jti: jti.clone(),
            issued_at: registered.issued_at,
        };
        Ok(Self {
            registered,
            roles: roles(&claims, vocabulary)?,
            bound_to: bound_to(&claims)?,
            bearer,
            token: TokenId { jti, client_id },
            scope: vocabulary.scopes_in(&scope),
            vocabulary: Arc::clone(vocabulary),
        })
    }

    /// `exp`
    pub(in crate::token) fn expires_at(&self) -> DateTime<Utc> {
        self.registered.expires_at
    }

    /// Whether the token is from `issuer` and for `audience`, exactly (for anybody, when it is none),
    /// and its times do not lie in the future. That it has not expired is checked at every use, not once.
    pub(in crate::token) fn check(
        &self,
        issuer: &str,
        audience: Option<&str>,
        now: DateTime<Utc>,
        leeway: TimeDelta,
    ) -> Result<(), InvalidToken> {
        if self.registered.issuer != issuer {
            return Err(InvalidToken::WrongIssuer);
        }
        if audience.is_some_and(|audience| !self.registered.audience.iter().any(|named| named == audience)) {
            return Err(InvalidToken::WrongAudience);
        }
        // The leeway goes to our own time: a token's may be at the end of the calendar.
        if self.registered.not_before.is_some_and(|time| time > now + leeway) {
            return Err(InvalidToken::NotYetValid);
        }
        if self.registered.issued_at > now + leeway {
            return Err(InvalidToken::IssuedInTheFuture);
        }
        Ok(())
    }

    /// Whether the token was issued after `moment`, told apart by whole seconds, which is all that
    /// `iat` has: one of the same second is taken for older.
    pub(in crate::token) fn issued_after(&self, moment: DateTime<Utc>) -> bool {
        self.registered.issued_at.timestamp() > moment.timestamp()
    }
}

/// A NumericDate (RFC 7519 §2), of whole seconds alone and not before 1970.
fn numeric_date(date: &Value) -> Option<DateTime<Utc>> {
    let seconds = date.as_i64().filter(|seconds| *seconds >= 0)?;
    DateTime::from_timestamp(seconds, 0)
}

/// RFC 7519 §4.1.3: one string, or an array of them.
fn audience(claims: &Map<String, Value>) -> Result<Vec<String>, InvalidToken> {
    let strings = match claims.get("aud") {
        Some(Value::String(one)) => Some(vec![one.clone()]),
        Some(Value::Array(several)) if !several.is_empty() => strings(several),
        _ => None,
    };
    strings.ok_or(InvalidToken::MalformedAudience)
}

/// RFC 7800 §3.1: a confirmation that is not understood must not be taken for none.
fn bound_to(claims: &Map<String, Value>) -> Result<Option<Thumbprint>, InvalidToken> {
    let Some(cnf) = claims.get("cnf") else { return Ok(None) };
    let jkt = cnf.as_object().filter(|cnf| cnf.len() == 1).and_then(|cnf| cnf.get("jkt")?.as_str());
    jkt.and_then(Thumbprint::parse).map(Some).ok_or(InvalidToken::MalformedConfirmation)
}

/// A role that this version does not know grants nothing.
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

fn speaker(subject: &str, client_id: Option<&str>) -> Result<Speaker, InvalidToken> {
    if client_id == Some(subject) {
        return Ok(Speaker::Client(subject.to_owned()));
    }
    subject.parse().map(Speaker::User).map_err(|_| InvalidToken::SpeaksForNobody)
}
