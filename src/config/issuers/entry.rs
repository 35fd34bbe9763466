//! One issuer of the list.

use std::collections::BTreeMap;

use jsonwebtoken::Algorithm;
use serde_json::{Map, Value};
use url::Url;

use super::super::checks;
use super::super::parse::Parsed;
use crate::authz::scope_names;
use crate::domain::strict_url;
use crate::token::{ClientToken, TokenTyp, TrustedIssuer, is_safe};

/// Members of an issuer.
const MEMBERS: [&str; 13] = [
    "issuer",
    "audience",
    "audience_claim",
    "algorithms",
    "jwks_uri",
    "typ",
    "scope_claim",
    "scopes",
    "client_id_claim",
    "client_token",
    "subject_claim",
    "provision",
    "allow_http",
];

/// Accepted signing algorithms. HMAC is not among them: with HMAC, each verifier can also make tokens.
const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::ES256,
    Algorithm::EdDSA,
    Algorithm::RS256,
    Algorithm::PS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS384,
    Algorithm::PS512,
];

/// Claims that name no user, or that a user can change or another user can get later (OpenID Connect Core §5.7).
const NOT_A_SUBJECT: [&str; 23] = [
    "iss",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "azp",
    "appid",
    "cid",
    "client_id",
    "scope",
    "scp",
    "tid",
    "email",
    "phone_number",
    "name",
    "given_name",
    "family_name",
    "nickname",
    "preferred_username",
    "unique_name",
    "upn",
    "username",
];

/// Number of [`ALGORITHMS`] that are accepted by default.
const USUAL: usize = 4;

/// Reads one issuer and collects all its faults.
pub(super) fn read(number: usize, entry: &Value, faults: &mut Vec<String>) -> Option<TrustedIssuer> {
    let Value::Object(members) = entry else {
        faults.push(format!("issuer {number} must be an object"));
        return None;
    };
    let mut entry = Entry { number, members, faults };
    entry.refuse_unknown();
    let allow_http = entry.take("allow_http", boolean).unwrap_or(false);
    let issuer = entry.take("issuer", |value| issuer(value, allow_http));
    if issuer.is_none() && !members.contains_key("issuer") {
        entry.fault("`issuer` is missing");
    }
    let audiences = entry.take("audience", audiences);
    let audience_claim = entry.take("audience_claim", name);
    if audience_claim.as_ref().is_some_and(|claim| claim != "aud") && !members.contains_key("audience") {
        entry.fault("`audience_claim` needs `audience`: the values of that claim that are accepted");
    }
    let algorithms = entry.take("algorithms", algorithms);
    let jwks_uri = entry.take("jwks_uri", |value| jwks_uri(text(value)?, allow_http));
    let typ = entry.take("typ", typ);
    let scope_claims = entry.take("scope_claim", texts);
    let scopes = entry.take("scopes", scopes);
    let client_id_claim = entry.take("client_id_claim", name);
    let client_token = entry.take("client_token", client_token);
    let subject_claim = entry.take("subject_claim", subject_claim);
    if subject_claim.is_some() && (subject_claim == client_id_claim || subject_claim == audience_claim) {
        entry.fault("`subject_claim` is the claim of the client or of the audience, so it names no user");
    }
    let provision = entry.take("provision", provision);
    Some(TrustedIssuer {
        issuer: issuer?,
        audiences: audiences.unwrap_or_default(),
        audience_claim: audience_claim.unwrap_or_else(|| "aud".to_owned()),
        algorithms: algorithms.unwrap_or_else(|| ALGORITHMS.iter().take(USUAL).copied().collect()),
        jwks_uri,
        typ: typ.unwrap_or(TokenTyp::AccessToken),
        scope_claims: scope_claims.unwrap_or_else(|| vec!["scope".to_owned()]),
        scopes: scopes.unwrap_or_default(),
        client_id_claim: client_id_claim.unwrap_or_else(|| "client_id".to_owned()),
        subject_claim: subject_claim.unwrap_or_else(|| "sub".to_owned()),
        client_token: client_token.unwrap_or(ClientToken::SubjectIsClient),
        provision: provision.unwrap_or(false),
        allow_http,
    })
}

struct Entry<'a> {
    number: usize,
    members: &'a Map<String, Value>,
    faults: &'a mut Vec<String>,
}

impl<'a> Entry<'a> {
    fn fault(&mut self, problem: &str) {
        let name = self.members.get("issuer").and_then(Value::as_str);
        let name = name.map(|name| format!(" ({})", name.escape_debug())).unwrap_or_default();
        self.faults.push(format!("issuer {}{name}: {problem}", self.number));
    }

    fn refuse_unknown(&mut self) {
        for name in self.members.keys().filter(|name| !MEMBERS.contains(&name.as_str())) {
            let distance = |known: &&&str| strsim::damerau_levenshtein(known, name);
            let nearest = MEMBERS.iter().min_by_key(distance).copied().unwrap_or_default();
            self.fault(&format!("`{}` is not a member; the nearest is `{nearest}`", name.escape_debug()));
        }
    }

    fn take<T>(&mut self, name: &str, read: impl Fn(&'a Value) -> Parsed<T>) -> Option<T> {
        match read(self.members.get(name)?) {
            Ok(value) => Some(value),
            Err(problem) => {
                self.fault(&format!("`{name}`: {problem}"));
                None
            }
        }
    }
}

fn text(value: &Value) -> Parsed<&str> {
    value.as_str().ok_or_else(|| "write a string".to_owned())
}

fn audiences(value: &Value) -> Parsed<Vec<String>> {
    texts(value)?.iter().map(|audience| checks::audience(audience)).collect()
}

fn name(value: &Value) -> Parsed<String> {
    match text(value)? {
        "" => Err("write a name".to_owned()),
        name => Ok(name.to_owned()),
    }
}

fn subject_claim(value: &Value) -> Parsed<String> {
    let name = name(value)?;
    let last = name.rsplit('.').next().unwrap_or_default();
    match NOT_A_SUBJECT.contains(&name.as_str()) || NOT_A_SUBJECT.contains(&last) {
        true => Err(format!(
            "{name} does not name one user for ever; write a claim that never changes and that no other user gets, \
             such as oid of Entra ID or uid of Okta"
        )),
        false => Ok(name),
    }
}

/// Reads one name or a list of names.
fn texts(value: &Value) -> Parsed<Vec<String>> {
    match value {
        Value::Array(names) if !names.is_empty() => names.iter().map(name).collect(),
        Value::Array(_) => Err("write at least one name".to_owned()),
        one => name(one).map(|name| vec![name]),
    }
}

fn boolean(value: &Value) -> Parsed<bool> {
    value.as_bool().ok_or_else(|| "write true or false".to_owned())
}

fn check_transport(url: &Url, allow_http: bool) -> Parsed<()> {
    let problem = match (is_safe(url, allow_http), allow_http) {
        (true, _) => return Ok(()),
        (false, false) => {
            "must be https, unless the host is localhost, 127.0.0.1 or [::1]; for development, \"allow_http\": true \
             permits http to a private address or a container's name"
        }
        (false, true) => {
            "must be https: allow_http permits http only to a private address, a name without dots, or one that ends \
             in .internal, .local, .localhost, .test or .home.arpa; nothing permits a link-local address"
        }
    };
    Err(problem.to_owned())
}

/// Reads the issuer exactly as its tokens have it, without normalization.
fn issuer(value: &Value, allow_http: bool) -> Parsed<String> {
    let text = text(value)?;
    let url = strict_url(text).ok_or("write the `iss` of its tokens, such as https://id.example.org")?;
    check_transport(&url, allow_http)?;
    let plain = !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '?' | '#' | '@'));
    if plain { Ok(text.to_owned()) } else { Err("must not have ? # @ or spaces".to_owned()) }
}

fn jwks_uri(text: &str, allow_http: bool) -> Parsed<Url> {
    let url = strict_url(text).ok_or("write the URL of its JWK Set")?;
    check_transport(&url, allow_http)?;
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err("must not hold a user, a password or a #".to_owned());
    }
    Ok(url)
}

fn algorithms(value: &Value) -> Parsed<Vec<Algorithm>> {
    let known = |name: &String| ALGORITHMS.into_iter().find(|known| format!("{known:?}") == *name);
    let names = texts(value)?;
    let wrong = names.iter().find(|name| known(name).is_none());
    if let Some(wrong) = wrong {
        let names = ALGORITHMS.map(|known| format!("{known:?}")).join(", ");
        return Err(format!("{} is none of {names}", wrong.escape_debug()));
    }
    Ok(names.iter().filter_map(known).collect())
}

fn typ(value: &Value) -> Parsed<TokenTyp> {
    match text(value)? {
        "at+jwt" => Ok(TokenTyp::AccessToken),
        "JWT" => Ok(TokenTyp::Any),
        "none" => Ok(TokenTyp::Absent),
        _ => Err("write at+jwt, JWT or none".to_owned()),
    }
}

/// Reads the issuer's scopes, each with the scopes of this server that it grants. An empty list grants nothing.
fn scopes(value: &Value) -> Parsed<BTreeMap<String, Vec<String>>> {
    let wrong = "write an object from their names to ours, such as {\"read\": \"users:read profiles:read\"}";
    let map = value.as_object().ok_or(wrong)?;
    let ours = |value: &Value| match value {
        Value::String(list) => Some(scope_names(list).map(str::to_owned).collect()),
        Value::Array(names) => names.iter().map(|name| name.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    map.iter().map(|(theirs, value)| Ok((theirs.clone(), ours(value).ok_or(wrong)?))).collect()
}

fn client_token(value: &Value) -> Parsed<ClientToken> {
    let wrong = "write {\"claim\": \"gty\", \"value\": \"client-credentials\"}, or the claim alone when it is enough that it is there";
    let members = value.as_object().ok_or(wrong)?;
    let claim = members.get("claim").map(name).ok_or(wrong)??;
    let expected = members.get("value").map(name).transpose()?;
    match members.keys().all(|name| ["claim", "value"].contains(&name.as_str())) {
        true => Ok(ClientToken::Claim(claim, expected)),
        false => Err(wrong.to_owned()),
    }
}

fn provision(value: &Value) -> Parsed<bool> {
    match text(value)? {
        "jit" => Ok(true),
        "none" => Ok(false),
        _ => Err("write jit or none".to_owned()),
    }
}
