//! Requests that a client sends through its user's browser, in the query or in a form.

use std::marker::PhantomData;

use crate::http::kit::form::Form;
use crate::http::kit::{
    Argument, BodyDescription, Call, Code, Description, FORM, Parameter, Problem, Services,
};
use crate::http::pages::SeeOther;
use crate::oauth::authorization_parameters::AuthorizationParameters;
use crate::oauth::logout::LogoutParameters;
use crate::oauth::parameters::DeclaredRequest;

/// Request that a client sends through a browser, with GET or with POST.
pub trait Request: DeclaredRequest {
    /// The path of the route.
    const PATH: &'static str;
}

impl Request for AuthorizationParameters {
    const PATH: &'static str = "/oauth/authorize";
}

impl Request for LogoutParameters {
    const PATH: &'static str = "/oauth/logout";
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
        description.body = Some(BodyDescription { example, ..BodyDescription::of(FORM, schema) });
        description.problems.extend([
            Code::InvalidRequest,
            Code::BodyTooLarge,
            Code::UnsupportedMediaType,
            Code::RequestTimeout,
        ]);
    }
}
