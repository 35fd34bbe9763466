//! `/oauth/…` and `/.well-known/…`: the authorization server over HTTP.

use std::sync::Arc;

use actix_web::http::header;
use actix_web_httpauth::headers::authorization::{Basic, Scheme as _};
use serde::Serialize;
use utoipa::ToSchema;

use super::answer::{Document, Json};
use super::call::Call;
use super::decide::closed::Closed;
use super::decide::{Access, Decision, Public};
use super::describe::{BodyDescription, Description};
use super::form::{FORM, Form};
use super::problem::{Code, Problem};
use super::services::Services;
use crate::domain::ClientSecret;
use crate::oauth::client_authentication::{ClientCredentials, authenticate};
use crate::oauth::{OAuthError, client_credentials, metadata, scope_parameter};
use crate::store::StoredClient;
use crate::token::IssuedToken;

/// The answer of RFC 6749 §5.1.
#[derive(Serialize, ToSchema)]
#[schema(as = Token)]
pub struct TokenAnswer {
    /// The token, a JWT by RFC 9068.
    access_token: String,
    /// `Bearer`.
    #[schema(value_type = String)]
    token_type: &'static str,
    /// Seconds until it expires.
    expires_in: u64,
    /// What it allows.
    scope: String,
}

impl From<IssuedToken> for TokenAnswer {
    fn from(token: IssuedToken) -> Self {
        Self {
            access_token: token.access_token.expose().to_owned(),
            token_type: "Bearer",
            expires_in: token.expires_in,
            scope: token.scope.to_string(),
        }
    }
}

/// A client that proved who it is, and what it asks for.
pub struct ClientAuth {
    client: StoredClient,
    form: Form,
}

impl Closed for ClientAuth {}

impl Decision for ClientAuth {
    fn access() -> Access {
        Access::Client
    }

    async fn decide(call: &mut Call) -> Result<Self, Problem> {
        let form = Form::read(call).await?;
        let credentials = match (by_basic(call)?, form.get("client_secret")) {
            (Some(_), Some(_)) => {
                return Err(OAuthError::InvalidRequest("the client authenticates in two ways at once").into());
            }
            (Some(basic), None) if form.get("client_id").is_some_and(|id| id != basic.id) => {
                return Err(
                    OAuthError::InvalidRequest("client_id names another client than the header").into()
                );
            }
            (Some(basic), None) => basic,
            (None, Some(secret)) => {
                let id = form.get("client_id").ok_or(OAuthError::InvalidRequest("client_id is missing"))?;
                ClientCredentials { id: id.to_owned(), secret: ClientSecret::presented(secret), basic: false }
            }
            (None, None) => return Err(OAuthError::InvalidClient { basic: false }.into()),
        };
        let client = authenticate(&call.services().store, credentials).await?;
        Ok(Self { client, form })
    }

    fn describe(description: &mut Description) {
        let schema = description.schema_of::<TokenRequest>();
        let example = serde_json::json!({ "grant_type": "client_credentials", "scope": "users:read:any" });
        description.body = Some(BodyDescription { media_type: FORM, schema, example });
        description.problems.extend([
            Code::InvalidRequest,
            Code::InvalidClient,
            Code::UnauthorizedClient,
            Code::UnsupportedGrantType,
            Code::InvalidScope,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
        ]);
    }
}

/// What `POST /oauth/token` takes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "its members are the body's documentation")]
struct TokenRequest {
    /// `client_credentials`.
    grant_type: String,
    /// Scopes to ask for, separated by spaces; all that the client is registered for when left out.
    scope: Option<String>,
    /// The client, unless it authenticates by HTTP Basic.
    client_id: Option<String>,
    /// Its secret, unless it authenticates by HTTP Basic.
    #[schema(format = "password")]
    client_secret: Option<String>,
}

/// The client's credentials by HTTP Basic; both halves are form-encoded (RFC 6749 §2.3.1).
fn by_basic(call: &Call) -> Result<Option<ClientCredentials>, Problem> {
    let mut headers = call.request().headers().get_all(header::AUTHORIZATION);
    let Some(value) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(OAuthError::InvalidRequest("Authorization stands twice").into());
    }
    let refused = || Problem::from(OAuthError::InvalidClient { basic: true });
    let basic = Basic::parse(value).map_err(|_| refused())?;
    let id = form_decoded(basic.user_id()).ok_or_else(refused)?;
    let secret = form_decoded(basic.password().unwrap_or_default()).ok_or_else(refused)?;
    Ok(Some(ClientCredentials { id, secret: ClientSecret::presented(&secret), basic: true }))
}

/// One form-encoded value, which has neither `&` nor `=`.
fn form_decoded(text: &str) -> Option<String> {
    if text.contains(['&', '=']) {
        return None;
    }
    let (value, _) = form_urlencoded::parse(text.as_bytes()).next().unwrap_or_default();
    Some(value.into_owned())
}

/// `POST /oauth/token`
pub async fn token(client: ClientAuth, services: Arc<Services>) -> Result<Json<TokenAnswer>, Problem> {
    let ClientAuth { client, form } = client;
    match form.get("grant_type") {
        Some("client_credentials") => {
            let asked = form.get("scope").map(|list| scope_parameter(list, &services.vocabulary)).transpose();
            let asked = asked.map_err(|_| OAuthError::InvalidScope)?;
            Ok(Json(
                client_credentials::issue(&services.issuer, &services.vocabulary, &client, asked.as_ref())?
                    .into(),
            ))
        }
        Some(_) => Err(OAuthError::UnsupportedGrantType.into()),
        None => Err(OAuthError::InvalidRequest("grant_type is missing").into()),
    }
}

const METADATA_LIFETIME: &str = "public, max-age=300";

fn json_document(value: &serde_json::Value) -> Document {
    Document { media_type: "application/json", body: value.to_string(), cache_control: METADATA_LIFETIME }
}

/// `GET /.well-known/jwks.json`
pub async fn jwks(_: Public, services: Arc<Services>) -> Result<Document, Problem> {
    Ok(json_document(&services.verifier.jwks()))
}

/// `GET /.well-known/oauth-authorization-server`
pub async fn authorization_server(_: Public, services: Arc<Services>) -> Result<Document, Problem> {
    Ok(json_document(&metadata::authorization_server(&services.issuer_url, &services.vocabulary)))
}

/// `GET /.well-known/oauth-protected-resource`
pub async fn protected_resource(_: Public, services: Arc<Services>) -> Result<Document, Problem> {
    let Services { issuer_url, audience, vocabulary, .. } = services.as_ref();
    Ok(json_document(&metadata::protected_resource(issuer_url, audience, vocabulary)))
}

impl From<OAuthError> for Problem {
    fn from(error: OAuthError) -> Self {
        let code = match error {
            OAuthError::InvalidRequest(why) => return Self::new(Code::InvalidRequest).with_detail(why),
            OAuthError::InvalidClient { basic } => {
                let problem = Self::new(Code::InvalidClient);
                return if basic {
                    problem
                        .with_header(header::WWW_AUTHENTICATE, "Basic realm=\"cloakroom\", charset=\"UTF-8\"")
                } else {
                    problem
                };
            }
            OAuthError::UnauthorizedClient => Code::UnauthorizedClient,
            OAuthError::UnsupportedGrantType => Code::UnsupportedGrantType,
            OAuthError::InvalidScope => Code::InvalidScope,
            OAuthError::InvalidCredentials => Code::InvalidCredentials,
            OAuthError::Store(error) => return error.into(),
            OAuthError::Hash(error) => return error.into(),
            OAuthError::Issue(error) => {
                log::error!("{error}");
                Code::Internal
            }
        };
        Self::new(code)
    }
}
