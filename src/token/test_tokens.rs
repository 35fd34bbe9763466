//! Test tokens: valid ones, and ones with one defect each.
//!
//! A defect of the signature needs no key of the server. Every other defect needs it: without the key, the
//! token would be refused for its signature.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::keys::private_key::PrivateKey;
use super::keys::signer::SigningKey;
use super::{InvalidToken, IssueError, IssueRequest, Issuer, KeyError, Keys, SigningAlgorithm};

/// Header and claims of a token to sign.
#[derive(Clone, Debug)]
pub(crate) struct UnsignedToken {
    /// Header (RFC 7515 §4).
    pub(crate) header: Map<String, Value>,
    /// Claims.
    pub(crate) claims: Map<String, Value>,
}

impl UnsignedToken {
    /// Sets these claims and these members of the header. `null` removes one.
    pub(crate) fn set(&mut self, claims: &Map<String, Value>, header: &Map<String, Value>) {
        set_members(&mut self.claims, claims);
        set_members(&mut self.header, header);
    }
}

fn set_members(members: &mut Map<String, Value>, new: &Map<String, Value>) {
    for (name, value) in new {
        match value {
            Value::Null => drop(members.shift_remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
}

macro_rules! defects {
    ($($(#[$_about:meta])* $defect:ident = $name:literal $refusal:ident $needs:literal $meaning:literal;)*) => {
        /// A defect of a token.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum TokenDefect {
            $(#[doc = $meaning] $defect,)*
        }

        impl TokenDefect {
            /// All defects.
            pub(crate) const ALL: &'static [TokenDefect] = &[$(Self::$defect),*];

            /// Returns the name on the command line.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$defect => $name,)* }
            }

            /// Returns the description of the defect.
            pub(crate) fn meaning(self) -> &'static str {
                match self { $(Self::$defect => $meaning,)* }
            }

            /// Returns the reason for which the server refuses the token.
            pub(crate) fn refusal(self) -> InvalidToken {
                match self { $(Self::$defect => InvalidToken::$refusal,)* }
            }

            /// True when the token must be signed with the server's key, so that it has no other defect.
            pub(crate) fn needs_key(self) -> bool {
                match self { $(Self::$defect => $needs,)* }
            }
        }
    };
}

defects! {
    Expired = "expired" Expired true "Expired an hour ago (exp)";
    NotYetValid = "not-yet-valid" NotYetValid true "Not valid before an hour from now (nbf)";
    IssuedInTheFuture = "issued-in-the-future" IssuedInTheFuture true "Issued an hour from now (iat)";
    WrongIssuer = "wrong-issuer" WrongIssuer true "Of another issuer (iss)";
    WrongAudience = "wrong-audience" WrongAudience true "For another service (aud)";
    IdToken = "id-token" WrongType true "An ID token, not an access token (typ)";
    WrongTyp = "wrong-typ" WrongType true "With typ JWT instead of at+jwt";
    Crit = "crit" CriticalHeader true "With a critical header (crit)";
    Revoked = "revoked" Revoked true "Revoked (RFC 7009)";
    Tampered = "tampered" WrongSignature false "Changed after signing";
    WrongKey = "wrong-key" WrongSignature false "Signed with another key, with the kid of the server's key";
    UnknownKey = "unknown-key" UnknownKey false "Signed with an unknown key (kid)";
    EmbeddedJwk = "embedded-jwk" WrongSignature false "With the key that signed it in the header (jwk)";
    Hs256WithPublicKey = "hs256-with-public-key" WrongAlgorithm false "HS256, with the server's public key as the secret";
    Unsigned = "unsigned" UnknownAlgorithm false "Without a signature (alg none)";
    TwoParts = "two-parts" NotThreeParts false "Without the signature part";
}

/// Returns a time of authentication that is too long ago for every limit of `CLOAKROOM_STEP_UP`.
pub(crate) fn long_ago(now: DateTime<Utc>) -> DateTime<Utc> {
    now - TimeDelta::days(30)
}

/// Why a test token could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TestTokenError {
    #[error(
        "this token ({0}) needs the server's signing key: run the command where the server is configured"
    )]
    NeedsKey(&'static str),
    #[error("the server's public keys are needed: set --jwks FILE to the content of /.well-known/jwks.json")]
    NeedsJwks,
    #[error("the server signs with HS256 and has no public key")]
    NoPublicKey,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl Issuer {
    /// Returns header and claims as [`Issuer::issue`] would sign them.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub(crate) fn draft(&self, request: IssueRequest<'_>) -> Result<UnsignedToken, IssueError> {
        let claims = self.claims(request, |claims| serde_json::to_value(claims))?;
        match claims {
            Ok(Value::Object(claims)) => {
                let header = json!({ "typ": "at+jwt" });
                Ok(UnsignedToken { header: header.as_object().cloned().unwrap_or_default(), claims })
            }
            _ => Err(IssueError::NotSigned),
        }
    }
}

/// Maker of test tokens, with the server's keys or its public keys.
#[derive(Clone, Copy)]
pub(crate) struct TestTokens<'a> {
    /// The server's keys, if the command has them.
    pub(crate) keys: Option<&'a Keys>,
    /// The server's public keys, if they are known.
    pub(crate) jwks: Option<&'a Value>,
    /// Current time.
    pub(crate) now: DateTime<Utc>,
}

impl TestTokens<'_> {
    /// Signs a valid token.
    ///
    /// # Errors
    /// [`TestTokenError::NeedsKey`] without the server's key.
    pub(crate) fn valid(&self, token: UnsignedToken) -> Result<String, TestTokenError> {
        let keys = self.keys.ok_or(TestTokenError::NeedsKey("valid"))?;
        let ring = keys.current();
        Ok(signed(token, ring.signing_key()?)?)
    }

    /// Makes a token with this defect.
    ///
    /// # Errors
    /// When a key that the defect needs is missing, or signing fails.
    pub(crate) fn defective(
        &self,
        defect: TokenDefect,
        mut token: UnsignedToken,
    ) -> Result<String, TestTokenError> {
        if defect.needs_key() && self.keys.is_none() {
            return Err(TestTokenError::NeedsKey(defect.name()));
        }
        self.apply(defect, &mut token);
        match defect {
            TokenDefect::Tampered => {
                let token = match self.keys {
                    Some(_) => self.valid(token)?,
                    None => self.signed_by_other_key(token, self.kid())?,
                };
                Ok(tampered(&token))
            }
            TokenDefect::WrongKey => self.signed_by_other_key(token, self.kid()),
            TokenDefect::UnknownKey => self.signed_by_other_key(token, None),
            TokenDefect::EmbeddedJwk => {
                let key = PrivateKey::generate(self.algorithm())?;
                let public = key.public_key()?;
                token.header.insert("jwk".to_owned(), public.jwk);
                let kid = self.kid().unwrap_or(public.kid);
                Ok(signed(token, &key.signer(&kid)?)?)
            }
            TokenDefect::Hs256WithPublicKey => {
                let key = self.public_key()?;
                token.header.insert("kid".to_owned(), key.get("kid").cloned().unwrap_or_default());
                token.header.insert("alg".to_owned(), "HS256".into());
                Ok(hmac_signed(&token, key))
            }
            TokenDefect::Unsigned => Ok(unsigned(token, "none", self.kid())),
            TokenDefect::TwoParts => {
                let token = self.signed_by_other_key(token, self.kid())?;
                Ok(token.rsplit_once('.').map_or_else(String::new, |(rest, _)| rest.to_owned()))
            }
            _ => self.valid(token),
        }
    }

    /// Makes an unsigned token with this `alg` in its header.
    pub(crate) fn with_algorithm(&self, token: UnsignedToken, algorithm: &str) -> String {
        unsigned(token, algorithm, self.kid())
    }

    fn apply(&self, defect: TokenDefect, token: &mut UnsignedToken) {
        let hour = TimeDelta::hours(1);
        let mut claim = |name: &str, value: Value| drop(token.claims.insert(name.to_owned(), value));
        match defect {
            TokenDefect::Expired => {
                claim("iat", (self.now - hour - hour).timestamp().into());
                claim("exp", (self.now - hour).timestamp().into());
            }
            TokenDefect::NotYetValid => claim("nbf", (self.now + hour).timestamp().into()),
            TokenDefect::IssuedInTheFuture => {
                claim("iat", (self.now + hour).timestamp().into());
                claim("exp", (self.now + hour + hour).timestamp().into());
            }
            TokenDefect::WrongIssuer => claim("iss", "https://issuer.invalid".into()),
            TokenDefect::WrongAudience => claim("aud", "https://service.invalid".into()),
            TokenDefect::IdToken => {
                let client = token.claims.get("client_id").cloned().unwrap_or_default();
                token.claims.insert("aud".to_owned(), client);
                for of_access in ["scope", "client_id", "roles", "epoch"] {
                    token.claims.shift_remove(of_access);
                }
                token.header.insert("typ".to_owned(), "JWT".into());
            }
            TokenDefect::WrongTyp => drop(token.header.insert("typ".to_owned(), "JWT".into())),
            TokenDefect::Crit => drop(token.header.insert("crit".to_owned(), json!(["exp"]))),
            _ => {}
        }
    }

    /// Returns the `kid` of the server's signing key, if it is known.
    fn kid(&self) -> Option<String> {
        if let Some(key) = self.keys.map(Keys::current).and_then(|ring| ring.signing.clone()) {
            return Some(key.kid.clone());
        }
        let first = self.jwks?.get("keys")?.get(0)?;
        first.get("kid")?.as_str().map(str::to_owned)
    }

    /// Returns the algorithm of the server's signing key, so that a token by another key has no second defect. A
    /// server with a shared secret has no key pair, and any algorithm of one is another.
    fn algorithm(&self) -> SigningAlgorithm {
        let published = || self.jwks?.get("keys")?.get(0)?.get("alg")?.as_str()?.parse().ok();
        let known: Option<SigningAlgorithm> = published();
        known.unwrap_or(SigningAlgorithm::Es256)
    }

    fn signed_by_other_key(
        &self,
        token: UnsignedToken,
        kid: Option<String>,
    ) -> Result<String, TestTokenError> {
        let key = PrivateKey::generate(self.algorithm())?;
        let own = key.public_key()?.kid;
        Ok(signed(token, &key.signer(&kid.unwrap_or(own))?)?)
    }

    fn public_key(&self) -> Result<&Map<String, Value>, TestTokenError> {
        let keys = self.jwks.ok_or(TestTokenError::NeedsJwks)?;
        let first = keys.get("keys").and_then(|keys| keys.get(0)).and_then(Value::as_object);
        first.ok_or(TestTokenError::NoPublicKey)
    }
}

fn encoded(part: &Map<String, Value>) -> String {
    URL_SAFE_NO_PAD.encode(Value::Object(part.clone()).to_string())
}

fn message(token: &UnsignedToken) -> String {
    format!("{}.{}", encoded(&token.header), encoded(&token.claims))
}

fn signed(mut token: UnsignedToken, key: &SigningKey) -> Result<String, IssueError> {
    token.header.insert("alg".to_owned(), json!(key.algorithm));
    token.header.insert("kid".to_owned(), key.kid.clone().into());
    let message = message(&token);
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes())?);
    Ok(format!("{message}.{signature}"))
}

fn unsigned(mut token: UnsignedToken, algorithm: &str, kid: Option<String>) -> String {
    token.header.insert("alg".to_owned(), algorithm.into());
    token.header.extend(kid.map(|kid| ("kid".to_owned(), kid.into())));
    format!("{}.", message(&token))
}

/// Signs with HS256. The secret is the public key, as the JWK Set has it.
fn hmac_signed(token: &UnsignedToken, key: &Map<String, Value>) -> String {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, Value::Object(key.clone()).to_string().as_bytes());
    let message = message(token);
    let signature = hmac::sign(&secret, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Returns the token with more scopes and its old signature.
fn tampered(token: &str) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return token.to_owned() };
    let decoded = URL_SAFE_NO_PAD.decode(claims).ok().and_then(|claims| serde_json::from_slice(&claims).ok());
    let mut claims: Map<String, Value> = decoded.unwrap_or_default();
    claims.insert("scope".to_owned(), "users:read:any users:delete:any".into());
    format!("{header}.{}.{signature}", encoded(&claims))
}
