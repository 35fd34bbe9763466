//! Tokens for every situation, for whoever tests a server: good ones, and ones that are wrong in one
//! way each. A forged token needs no key of the server's; one that is only expired, or meant for
//! somebody else, needs it, or it would be refused for its signature.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::access::issue::{IssueError, IssueRequest, Issuer};
use super::invalid::InvalidToken;
use super::keys::algorithm::SigningAlgorithm;
use super::keys::private_key::PrivateKey;
use super::keys::signer::SigningKey;
use super::keys::{KeyError, Keys};

/// What a token is to say, before it is signed.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// The header (RFC 7515 §4).
    pub(crate) header: Map<String, Value>,
    /// The claims.
    pub(crate) claims: Map<String, Value>,
}

macro_rules! situations {
    ($($(#[$_about:meta])* $situation:ident = $name:literal $refusal:ident $needs:literal $meaning:literal;)*) => {
        /// A way in which a token is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Situation {
            $(#[doc = $meaning] $situation,)*
        }

        impl Situation {
            /// Every one.
            pub(crate) const ALL: &'static [Situation] = &[$(Self::$situation),*];

            /// Its name at the command line.
            pub(crate) fn name(self) -> &'static str {
                match self { $(Self::$situation => $name,)* }
            }

            /// What is wrong with such a token.
            pub(crate) fn meaning(self) -> &'static str {
                match self { $(Self::$situation => $meaning,)* }
            }

            /// Why the server refuses it.
            pub(crate) fn refusal(self) -> InvalidToken {
                match self { $(Self::$situation => InvalidToken::$refusal,)* }
            }

            /// Whether it takes the server's key, so that nothing but this is wrong with it.
            pub(crate) fn needs_key(self) -> bool {
                match self { $(Self::$situation => $needs,)* }
            }
        }
    };
}

situations! {
    Expired = "expired" Expired true "Good until an hour ago";
    NotYetValid = "not-yet-valid" NotYetValid true "Not good before an hour from now (nbf)";
    IssuedInTheFuture = "issued-in-the-future" IssuedInTheFuture true "Issued an hour from now (iat)";
    WrongIssuer = "wrong-issuer" WrongIssuer true "From another issuer (iss)";
    WrongAudience = "wrong-audience" WrongAudience true "For another service (aud)";
    IdToken = "id-token" WrongType true "An ID token: for the client, not for access";
    Crit = "crit" CriticalHeader true "With a header that must be understood (crit)";
    Revoked = "revoked" Revoked true "Taken back (RFC 7009)";
    Tampered = "tampered" WrongSignature false "Changed after it was signed";
    WrongKey = "wrong-key" WrongSignature false "Signed with another key, under the name of the server's";
    UnknownKey = "unknown-key" UnknownKey false "Signed with a key that nobody knows";
    EmbeddedJwk = "embedded-jwk" WrongSignature false "Bringing along the key that it is signed with (jwk)";
    Hs256WithPublicKey = "hs256-with-public-key" WrongAlgorithm false "HS256, with the server's public key for a secret";
    Unsigned = "unsigned" UnknownAlgorithm false "Without a signature (alg none)";
    TwoParts = "two-parts" NotThreeParts false "Cut off before its signature";
}

/// Why a token could not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForgeError {
    #[error("the server's key is needed for a token that is {0}: run it where the server is configured")]
    NeedsKey(&'static str),
    #[error("the server's public keys are needed: give --jwks FILE, the answer of /.well-known/jwks.json")]
    NeedsJwks,
    #[error("a secret is shared with HS256, and no public key is there to be taken for one")]
    NoPublicKey,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl Issuer {
    /// A token as it would be issued, not yet signed.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub(crate) fn draft(&self, request: IssueRequest<'_>) -> Result<Draft, IssueError> {
        let claims = self.claims(request, |claims| serde_json::to_value(claims))?;
        match claims {
            Ok(Value::Object(claims)) => {
                let header = json!({ "typ": "at+jwt" });
                Ok(Draft { header: header.as_object().cloned().unwrap_or_default(), claims })
            }
            _ => Err(IssueError::NotSigned),
        }
    }
}

/// Whoever makes tokens: with the server's keys, or with what is public about them.
#[derive(Clone, Copy)]
pub(crate) struct Forger<'a> {
    /// The server's keys, where they are at hand.
    pub(crate) keys: Option<&'a Keys>,
    /// Its public keys, where they are known.
    pub(crate) jwks: Option<&'a Value>,
    /// The time.
    pub(crate) now: DateTime<Utc>,
}

impl Forger<'_> {
    /// A good token.
    ///
    /// # Errors
    /// Without the server's key.
    pub(crate) fn good(&self, draft: Draft) -> Result<String, ForgeError> {
        let keys = self.keys.ok_or(ForgeError::NeedsKey("good"))?;
        let ring = keys.current();
        Ok(signed(draft, ring.signing_key()?)?)
    }

    /// A token that is wrong in this way.
    ///
    /// # Errors
    /// As [`ForgeError`] says.
    pub(crate) fn wrong(&self, situation: Situation, mut draft: Draft) -> Result<String, ForgeError> {
        if situation.needs_key() && self.keys.is_none() {
            return Err(ForgeError::NeedsKey(situation.name()));
        }
        self.change(situation, &mut draft);
        match situation {
            Situation::Tampered => {
                let token = match self.keys {
                    Some(_) => self.good(draft)?,
                    None => self.by_another(draft, self.kid())?,
                };
                Ok(tampered(&token))
            }
            Situation::WrongKey => self.by_another(draft, self.kid()),
            Situation::UnknownKey => self.by_another(draft, None),
            Situation::EmbeddedJwk => {
                let key = PrivateKey::generate(SigningAlgorithm::Es256)?;
                let public = key.public_key()?;
                draft.header.insert("jwk".to_owned(), public.jwk);
                let kid = self.kid().unwrap_or(public.kid);
                Ok(signed(draft, &key.signer(&kid)?)?)
            }
            Situation::Hs256WithPublicKey => {
                let key = self.public_key()?;
                draft.header.insert("kid".to_owned(), key.get("kid").cloned().unwrap_or_default());
                draft.header.insert("alg".to_owned(), "HS256".into());
                Ok(hmac_signed(&draft, key))
            }
            Situation::Unsigned => Ok(unsigned(draft, "none", self.kid())),
            Situation::TwoParts => {
                let token = self.by_another(draft, self.kid())?;
                Ok(token.rsplit_once('.').map_or_else(String::new, |(rest, _)| rest.to_owned()))
            }
            _ => self.good(draft),
        }
    }

    /// A token with this `alg` in its header, and no signature.
    pub(crate) fn with_algorithm(&self, draft: Draft, algorithm: &str) -> String {
        unsigned(draft, algorithm, self.kid())
    }

    fn change(&self, situation: Situation, draft: &mut Draft) {
        let hour = TimeDelta::hours(1);
        let mut claim = |name: &str, value: Value| drop(draft.claims.insert(name.to_owned(), value));
        match situation {
            Situation::Expired => {
                claim("iat", (self.now - hour - hour).timestamp().into());
                claim("exp", (self.now - hour).timestamp().into());
            }
            Situation::NotYetValid => claim("nbf", (self.now + hour).timestamp().into()),
            Situation::IssuedInTheFuture => {
                claim("iat", (self.now + hour).timestamp().into());
                claim("exp", (self.now + hour + hour).timestamp().into());
            }
            Situation::WrongIssuer => claim("iss", "https://issuer.invalid".into()),
            Situation::WrongAudience => claim("aud", "https://service.invalid".into()),
            Situation::IdToken => {
                let client = draft.claims.get("client_id").cloned().unwrap_or_default();
                draft.claims.insert("aud".to_owned(), client);
                for of_access in ["scope", "client_id", "roles", "epoch"] {
                    draft.claims.shift_remove(of_access);
                }
                draft.header.insert("typ".to_owned(), "JWT".into());
            }
            Situation::Crit => drop(draft.header.insert("crit".to_owned(), json!(["exp"]))),
            _ => {}
        }
    }

    /// The name of the key that the server signs with, as far as it is known.
    fn kid(&self) -> Option<String> {
        if let Some(key) = self.keys.map(Keys::current).and_then(|ring| ring.signing.clone()) {
            return Some(key.kid.clone());
        }
        let first = self.jwks?.get("keys")?.get(0)?;
        first.get("kid")?.as_str().map(str::to_owned)
    }

    fn by_another(&self, draft: Draft, kid: Option<String>) -> Result<String, ForgeError> {
        let key = PrivateKey::generate(SigningAlgorithm::Es256)?;
        let own = key.public_key()?.kid;
        Ok(signed(draft, &key.signer(&kid.unwrap_or(own))?)?)
    }

    fn public_key(&self) -> Result<&Map<String, Value>, ForgeError> {
        let keys = self.jwks.ok_or(ForgeError::NeedsJwks)?;
        let first = keys.get("keys").and_then(|keys| keys.get(0)).and_then(Value::as_object);
        first.ok_or(ForgeError::NoPublicKey)
    }
}

fn encoded(part: &Map<String, Value>) -> String {
    URL_SAFE_NO_PAD.encode(Value::Object(part.clone()).to_string())
}

fn message(draft: &Draft) -> String {
    format!("{}.{}", encoded(&draft.header), encoded(&draft.claims))
}

fn signed(mut draft: Draft, key: &SigningKey) -> Result<String, IssueError> {
    draft.header.insert("alg".to_owned(), json!(key.algorithm));
    draft.header.insert("kid".to_owned(), key.kid.clone().into());
    let message = message(&draft);
    let signature = URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes())?);
    Ok(format!("{message}.{signature}"))
}

fn unsigned(mut draft: Draft, algorithm: &str, kid: Option<String>) -> String {
    draft.header.insert("alg".to_owned(), algorithm.into());
    draft.header.extend(kid.map(|kid| ("kid".to_owned(), kid.into())));
    format!("{}.", message(&draft))
}

/// With what is public about a key for a secret, as the JWK Set has it.
fn hmac_signed(draft: &Draft, key: &Map<String, Value>) -> String {
    let secret = hmac::Key::new(hmac::HMAC_SHA256, Value::Object(key.clone()).to_string().as_bytes());
    let message = message(draft);
    let signature = hmac::sign(&secret, message.as_bytes());
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The same signature over a wider scope.
fn tampered(token: &str) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return token.to_owned() };
    let decoded = URL_SAFE_NO_PAD.decode(claims).ok().and_then(|claims| serde_json::from_slice(&claims).ok());
    let mut claims: Map<String, Value> = decoded.unwrap_or_default();
    claims.insert("scope".to_owned(), "users:read:any users:delete:any".into());
    format!("{header}.{}.{signature}", encoded(&claims))
}
