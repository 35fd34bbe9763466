//! Client authentication at the endpoints of the authorization server.

use std::sync::Arc;

use actix_web::http::header::{self, HeaderValue};
use actix_web_httpauth::headers::authorization::{Basic, Scheme as _};
use utoipa::PartialSchema as _;
use utoipa::openapi::{Ref, RefOr, Schema};

use crate::domain::{Bucket, ClientSecret, Network};
use crate::http::kit::decision::closed::Closed;
use crate::http::kit::form::Form;
use crate::http::kit::{Access, BodyDescription, Call, Code, Decision, Description, FORM, Problem};
use crate::oauth::OAuthError;
use crate::oauth::client_authentication::{AuthenticatedClient, PresentedCredentials, authenticate};
use crate::oauth::parameters::{DeclaredRequest, parameters};
use crate::token::ClientAssertion;

const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Authenticated client, with its request `R`, a form.
pub struct ClientAuth<R> {
    /// The client.
    pub client: AuthenticatedClient,
    /// The parameters of the request, except those that authenticate the client.
    pub form: R,
}

parameters! {
    /// The parameters that authenticate the client.
    pub struct ClientParameters {
        /// The client's id, unless it authenticates by HTTP Basic.
        #[schema(required = false)]
        client_id: String,
        /// The client's secret, for `client_secret_post`.
        #[schema(required = false, format = "password")]
        client_secret: String,
        /// `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`, for `private_key_jwt`.
        #[schema(required = false)]
        client_assertion_type: String,
        /// A JWT that the client signed (RFC 7523), for `private_key_jwt`.
        #[schema(required = false)]
        client_assertion: String,
    }
    example { "client_id": "photos" }
}

impl<R> Closed for ClientAuth<R> {}

impl<R: DeclaredRequest> Decision for ClientAuth<R> {
    fn access() -> Access {
        Access::Client
    }

    async fn decide(call: &mut Call) -> Result<Self, Problem> {
        let (services, allowance) = (Arc::clone(call.services()), call.allowance());
        let form = Form::read(call).await?;
        let presented = presented(by_basic(call)?, &ClientParameters::read(&form))?;
        let client = match authenticate(&services.oauth(), presented, call.origin()).await {
            Err(refused @ OAuthError::InvalidClient { .. }) => {
                let bucket = call.address().map(|address| Bucket::failures_from(Network::of(address)));
                services.rate_limits.refuse_exhausted(bucket, &allowance)?;
                services.rate_limits.count_failure(bucket, &allowance).await?;
                return Err(refused.into());
            }
            client => client?,
        };
        Ok(Self { client, form: R::read(&form) })
    }

    fn describe(description: &mut Description) {
        description.problems.extend([
            Code::InvalidRequest,
            Code::InvalidClient,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::TooManyRequests,
        ]);
        description.limited = true;
        R::schemas(&mut description.schemas);
        description.schemas.push((R::name().into_owned(), with_client_parameters(R::schema())));
        let schema = Ref::from_schema_name(R::name()).into();
        description.body =
            Some(BodyDescription { example: R::example(), ..BodyDescription::of(FORM, schema) });
    }
}

/// Adds the parameters that authenticate the client to the schema of a request.
fn with_client_parameters(mut request: RefOr<Schema>) -> RefOr<Schema> {
    if let RefOr::T(Schema::Object(request)) = &mut request
        && let RefOr::T(Schema::Object(client)) = ClientParameters::schema()
    {
        request.properties.extend(client.properties);
    }
    request
}

/// Returns the credentials of the client, which must use one method only (RFC 6749 §2.3).
fn presented(
    basic: Option<(String, ClientSecret)>,
    form: &ClientParameters,
) -> Result<PresentedCredentials, OAuthError> {
    let (id, secret) = (form.client_id.as_deref(), form.client_secret.as_deref());
    if let Some(assertion) = assertion(form)? {
        if basic.is_some() || secret.is_some() {
            return Err(TWO_METHODS);
        }
        let named = || ClientAssertion::client_named_in(assertion);
        let id = id
            .map(str::to_owned)
            .or_else(named)
            .ok_or(OAuthError::InvalidClient { basic: false, registered: None })?;
        return Ok(PresentedCredentials::Assertion { id, assertion: assertion.to_owned() });
    }
    match (basic, secret, id) {
        (Some(_), Some(_), _) => Err(TWO_METHODS),
        (Some((basic, _)), None, Some(id)) if id != basic => {
            Err(OAuthError::InvalidRequest("client_id names another client than the header"))
        }
        (Some((id, secret)), None, _) => Ok(PresentedCredentials::Secret { id, secret, basic: true }),
        (None, Some(secret), Some(id)) => {
            let secret = ClientSecret::presented(secret);
            Ok(PresentedCredentials::Secret { id: id.to_owned(), secret, basic: false })
        }
        (None, Some(_), None) => Err(OAuthError::InvalidRequest("client_id is missing")),
        (None, None, Some(id)) => Ok(PresentedCredentials::ClientId { id: id.to_owned() }),
        (None, None, None) => Err(OAuthError::InvalidClient { basic: false, registered: None }),
    }
}

const TWO_METHODS: OAuthError = OAuthError::InvalidRequest("the client uses two authentication methods");

/// Returns the assertion that the client signed (RFC 7523 §2.2).
fn assertion(form: &ClientParameters) -> Result<Option<&str>, OAuthError> {
    match (form.client_assertion_type.as_deref(), form.client_assertion.as_deref()) {
        (None, None) => Ok(None),
        (Some(JWT_BEARER), Some(assertion)) => Ok(Some(assertion)),
        (Some(_), Some(_)) => Err(OAuthError::InvalidRequest("client_assertion_type is not supported")),
        _ => Err(OAuthError::InvalidRequest(
            "client_assertion and client_assertion_type must be sent together",
        )),
    }
}

/// Returns the client's credentials by HTTP Basic. Both halves are form-encoded (RFC 6749 §2.3.1).
fn by_basic(call: &Call) -> Result<Option<(String, ClientSecret)>, Problem> {
    let mut headers = call.request().headers().get_all(header::AUTHORIZATION);
    let Some(value) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(OAuthError::InvalidRequest("Authorization is repeated").into());
    }
    let credentials = credentials_by_basic(value);
    credentials.map(Some).ok_or_else(|| OAuthError::InvalidClient { basic: true, registered: None }.into())
}

/// Parses an `Authorization` header by HTTP Basic.
pub(crate) fn credentials_by_basic(value: &HeaderValue) -> Option<(String, ClientSecret)> {
    let basic = Basic::parse(value).ok()?;
    let id = form_decoded(basic.user_id())?;
    let secret = form_decoded(basic.password().unwrap_or_default())?;
    Some((id, ClientSecret::presented(&secret)))
}

/// Decodes one form-encoded value, which has neither `&` nor `=`.
fn form_decoded(text: &str) -> Option<String> {
    if text.contains(['&', '=']) {
        return None;
    }
    let (value, _) = form_urlencoded::parse(text.as_bytes()).next().unwrap_or_default();
    Some(value.into_owned())
}
