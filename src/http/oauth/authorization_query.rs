//! Requests that a client sends through its user's browser, in the query or in a form.

use std::marker::PhantomData;

use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::http::kit::form::Form;
use crate::http::kit::{
    Argument, BodyDescription, Call, Code, Description, FORM, Parameter, Problem, Services,
};
use crate::http::pages::SeeOther;

/// Request that a client sends through a browser, with GET or with POST. The members of the type are its
/// parameters.
pub trait Request: ToSchema + 'static {
    /// The path of the route.
    const PATH: &'static str;

    /// Returns an example.
    fn example() -> Value;
}

/// The authorization request (RFC 6749 §4.1.1).
#[derive(ToSchema)]
#[schema(as = AuthorizationRequest)]
#[expect(dead_code, reason = "its members are the request's documentation")]
pub struct Authorization {
    /// Always `code`.
    #[schema(pattern = "^code$", examples("code"))]
    response_type: String,
    /// The client's id.
    #[schema(examples("photos"))]
    client_id: String,
    /// The URL to which the browser returns, exactly as registered.
    #[schema(format = "uri", examples("https://photos.example.org/cb"))]
    redirect_uri: String,
    /// The requested scopes, separated by spaces. Default: all registered scopes of the client.
    #[schema(required = false, examples("openid users:read"))]
    scope: String,
    /// An opaque value of at most 4096 bytes that is returned unchanged.
    #[schema(required = false, examples("af0ifjsldkj"))]
    state: String,
    /// How the response comes back: `query` (the default) or `form_post`.
    #[schema(required = false, pattern = "^(query|form_post)$", examples("query"))]
    response_mode: String,
    /// The SHA-256 hash of the code verifier in base64url (RFC 7636).
    #[schema(pattern = "^[A-Za-z0-9_-]{43}$", examples("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"))]
    code_challenge: String,
    /// Always `S256`.
    #[schema(pattern = "^S256$", examples("S256"))]
    code_challenge_method: String,
    /// A value that is copied into the ID token (OpenID Connect Core).
    #[schema(required = false, examples("n-0S6_WzA2Mj"))]
    nonce: String,
    /// `none`, or one or more of `login`, `consent` and `select_account`, separated by spaces.
    #[schema(required = false, examples("login"))]
    prompt: String,
    /// The largest age of the sign-in, in seconds.
    #[schema(required = false, minimum = 0, examples(3600))]
    max_age: u32,
    /// The e-mail address that the user probably has.
    #[schema(required = false, examples("ada@example.com"))]
    login_hint: String,
    /// An earlier ID token of the expected user.
    #[schema(required = false)]
    id_token_hint: String,
    /// The resource for which the token is requested (RFC 8707). Default: this server.
    #[schema(required = false, format = "uri")]
    resource: String,
    /// The thumbprint of the key that the code is bound to (RFC 9449 §10).
    #[schema(required = false, pattern = "^[A-Za-z0-9_-]{43}$")]
    dpop_jkt: String,
}

impl Request for Authorization {
    const PATH: &'static str = "/oauth/authorize";

    fn example() -> Value {
        json!({
            "response_type": "code",
            "client_id": "photos",
            "redirect_uri": "https://photos.example.org/cb",
            "scope": "openid users:read",
            "state": "af0ifjsldkj",
            "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
            "code_challenge_method": "S256",
        })
    }
}

/// The logout request (OpenID Connect RP-Initiated Logout §2).
#[derive(ToSchema)]
#[schema(as = LogoutRequest)]
#[expect(dead_code, reason = "its members are the request's documentation")]
pub struct Logout {
    /// An ID token of the user. Without it, the user must confirm.
    #[schema(required = false)]
    id_token_hint: String,
    /// The client's id.
    #[schema(required = false, examples("photos"))]
    client_id: String,
    /// The URL to which the browser goes afterwards, exactly as registered.
    #[schema(required = false, format = "uri")]
    post_logout_redirect_uri: String,
    /// An opaque value that is returned unchanged.
    #[schema(required = false, examples("af0ifjsldkj"))]
    state: String,
}

impl Request for Logout {
    const PATH: &'static str = "/oauth/logout";

    fn example() -> Value {
        json!({ "client_id": "photos", "state": "af0ifjsldkj" })
    }
}

/// Request in the query. Each parameter may occur once.
pub struct QueryRequest<R> {
    /// The parameters.
    pub parameters: Form,
    kind: PhantomData<R>,
}

impl<R: Request> QueryRequest<R> {
    /// Redirects the browser to the request itself.
    pub fn restart(&self, services: &Services) -> SeeOther {
        to_get::<R>(&self.parameters, services)
    }
}

impl<R: Request> Argument for QueryRequest<R> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let parameters = Form::parse(call.request().query_string().as_bytes())?;
        Ok(Self { parameters, kind: PhantomData })
    }

    fn describe(description: &mut Description) {
        description.parameters.extend(Parameter::members_of::<R>());
        description.problems.push(Code::InvalidRequest);
    }
}

/// Request in a form. It comes from another site, so the browser sends no session cookie (`SameSite=Lax`).
/// Therefore the browser is redirected to the same request with GET.
pub struct FormRequest<R> {
    parameters: Form,
    kind: PhantomData<R>,
}

/// Redirects the browser to a request with GET.
fn to_get<R: Request>(parameters: &Form, services: &Services) -> SeeOther {
    SeeOther::to(format!("{}{}?{}", services.issuer_url, R::PATH, parameters.encoded()))
}

impl<R: Request> FormRequest<R> {
    /// Redirects the browser to the same request with GET.
    pub fn redirect_to_get(&self, services: &Services) -> SeeOther {
        to_get::<R>(&self.parameters, services)
    }
}

impl<R: Request> Argument for FormRequest<R> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Ok(Self { parameters: Form::read(call).await?, kind: PhantomData })
    }

    fn describe(description: &mut Description) {
        let (schema, example) = (description.schema_of::<R>(), R::example());
        description.body = Some(BodyDescription { media_type: FORM, schema, example });
        description.problems.extend([
            Code::InvalidRequest,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::RequestTimeout,
        ]);
    }
}
