//! What a client asks through its user's browser.

use std::marker::PhantomData;

use serde_json::{Map, Value, json};
use utoipa::openapi::ObjectBuilder;
use utoipa::openapi::schema::Type;

use super::super::call::{Argument, Call};
use super::super::describe::{BodyDescription, Description, Parameter};
use super::super::form::{FORM, Form};
use super::super::pages::SeeOther;
use super::super::problem::{Code, Problem};
use super::super::services::Services;

/// A kind of request that a client sends through a browser, with GET or with POST.
pub trait Request: 'static {
    /// Where to.
    const PATH: &'static str;

    /// Its parameters: name, meaning, and an example.
    const PARAMETERS: &'static [(&'static str, &'static str, &'static str)];
}

/// The authorization request.
pub struct Authorization;

impl Request for Authorization {
    const PATH: &'static str = "/oauth/authorize";

    const PARAMETERS: &'static [(&'static str, &'static str, &'static str)] = &[
        ("response_type", "`code`", "code"),
        ("client_id", "The client", "photos"),
        (
            "redirect_uri",
            "Where the browser returns to, exactly as registered",
            "https://photos.example.org/cb",
        ),
        ("scope", "What is asked for; all that is registered when left out", "openid users:read"),
        ("state", "Comes back as it is", "af0ifjsldkj"),
        (
            "code_challenge",
            "SHA-256 of the verifier in base64url (RFC 7636)",
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
        ),
        ("code_challenge_method", "`S256`", "S256"),
        ("nonce", "Stands in the ID token (OpenID Connect Core)", "n-0S6_WzA2Mj"),
        ("prompt", "`none`, or of `login`, `consent` and `select_account` those that are wanted", "login"),
        ("max_age", "How many seconds ago the user may have signed in", "3600"),
        ("login_hint", "The address that the user may have", "ada@example.com"),
        ("id_token_hint", "An earlier ID token of the user who is meant", ""),
        ("resource", "Where the token is to be taken (RFC 8707), if not at this server", ""),
        ("dpop_jkt", "The thumbprint of the key to bind the code to (RFC 9449 §10)", ""),
    ];
}

/// The logout request.
pub struct Logout;

impl Request for Logout {
    const PATH: &'static str = "/oauth/logout";

    const PARAMETERS: &'static [(&'static str, &'static str, &'static str)] = &[
        ("id_token_hint", "An ID token of the user who is meant; without it the user is asked", ""),
        ("client_id", "The client", "photos"),
        ("post_logout_redirect_uri", "Where the browser goes then, exactly as registered", ""),
        ("state", "Comes back as it is", "af0ifjsldkj"),
    ];
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
        let parameters = R::PARAMETERS.iter().map(|(name, meaning, _)| Parameter {
            name,
            meaning,
            schema: json!({ "type": "string" }),
        });
        description.parameters.extend(parameters);
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
        let form = R::PARAMETERS.iter().fold(ObjectBuilder::new(), |form, (name, meaning, _)| {
            let text = ObjectBuilder::new().schema_type(Type::String).description(Some(*meaning));
            form.property(*name, text)
        });
        let given = R::PARAMETERS.iter().filter(|(.., example)| !example.is_empty());
        let example: Map<String, Value> =
            given.map(|(name, _, example)| ((*name).to_owned(), Value::from(*example))).collect();
        let (schema, example) = (form.into(), example.into());
        description.body = Some(BodyDescription { media_type: FORM, schema, example });
        description.problems.extend([
            Code::InvalidRequest,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::RequestTimeout,
        ]);
    }
}
