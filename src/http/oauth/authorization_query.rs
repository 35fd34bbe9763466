//! What a client asks through its user's browser.

use std::marker::PhantomData;

use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::http::kit::argument::Argument;
use crate::http::kit::call::Call;
use crate::http::kit::description::{BodyDescription, Description, Parameter};
use crate::http::kit::form::{FORM, Form};
use crate::http::kit::problem::{Code, Problem};
use crate::http::kit::services::Services;
use crate::http::pages::SeeOther;

/// A kind of request that a client sends through a browser, with GET or with POST; its members are
/// its parameters.
pub trait Request: ToSchema + 'static {
    /// Where to.
    const PATH: &'static str;

    /// One that a client might send.
    fn example() -> Value;
}

/// The authorization request (RFC 6749 §4.1.1).
#[derive(ToSchema)]
#[schema(as = AuthorizationRequest)]
#[expect(dead_code, reason = "its members are the request's documentation")]
pub struct Authorization {
    /// `code`.
    #[schema(pattern = "^code$", examples("code"))]
    response_type: String,
    /// The client.
    #[schema(examples("photos"))]
    client_id: String,
    /// Where the browser returns to, exactly as registered.
    #[schema(format = "uri", examples("https://photos.example.org/cb"))]
    redirect_uri: String,
    /// What is asked for; all that is registered when left out.
    #[schema(required = false, examples("openid users:read"))]
    scope: String,
    /// Comes back as it is.
    #[schema(required = false, examples("af0ifjsldkj"))]
    state: String,
    /// SHA-256 of the verifier in base64url (RFC 7636).
    #[schema(pattern = "^[A-Za-z0-9_-]{43}$", examples("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"))]
    code_challenge: String,
    /// `S256`.
    #[schema(pattern = "^S256$", examples("S256"))]
    code_challenge_method: String,
    /// Stands in the ID token (OpenID Connect Core).
    #[schema(required = false, examples("n-0S6_WzA2Mj"))]
    nonce: String,
    /// `none`, or of `login`, `consent` and `select_account` those that are wanted.
    #[schema(required = false, examples("login"))]
    prompt: String,
    /// How many seconds ago the user may have signed in.
    #[schema(required = false, minimum = 0, examples(3600))]
    max_age: u32,
    /// The address that the user may have.
    #[schema(required = false, examples("ada@example.com"))]
    login_hint: String,
    /// An earlier ID token of the user who is meant.
    #[schema(required = false)]
    id_token_hint: String,
    /// Where the token is to be taken (RFC 8707), if not at this server.
    #[schema(required = false, format = "uri")]
    resource: String,
    /// The thumbprint of the key to bind the code to (RFC 9449 §10).
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
    /// An ID token of the user who is meant; without it the user is asked.
    #[schema(required = false)]
    id_token_hint: String,
    /// The client.
    #[schema(required = false, examples("photos"))]
    client_id: String,
    /// Where the browser goes then, exactly as registered.
    #[schema(required = false, format = "uri")]
    post_logout_redirect_uri: String,
    /// Comes back as it is.
    #[schema(required = false, examples("af0ifjsldkj"))]
    state: String,
}

impl Request for Logout {
    const PATH: &'static str = "/oauth/logout";

    fn example() -> Value {
        json!({ "client_id": "photos", "state": "af0ifjsldkj" })
    }
}

/// A request in the query. Each parameter may stand once.
pub struct Asked<R> {
    /// Its parameters.
    pub parameters: Form,
    kind: PhantomData<R>,
}

impl<R: Request> Argument for Asked<R> {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let parameters = Form::parse(call.request().query_string().as_bytes())?;
        Ok(Self { parameters, kind: PhantomData })
    }

    fn describe(description: &mut Description) {
        description.parameters.extend(Parameter::members_of::<R>());
        description.problems.push(Code::InvalidRequest);
    }
}

/// The same in a form. It comes from another site, without our cookie (`SameSite=Lax`), and says
/// nothing of who is signed in: the browser has to ask again, with GET.
pub struct AskedByForm<R> {
    parameters: Form,
    kind: PhantomData<R>,
}

impl<R: Request> AskedByForm<R> {
    /// Sends the browser there with the same parameters.
    pub fn by_get(&self, services: &Services) -> SeeOther {
        SeeOther::to(format!("{}{}?{}", services.issuer_url, R::PATH, self.parameters.encoded()))
    }
}

impl<R: Request> Argument for AskedByForm<R> {
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
