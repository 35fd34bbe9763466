//! Responses of problems: the problem document, the error of RFC 6749 §5.2, and the page.

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

use super::problem::{Details, Unacceptable};
use super::problem_code::{Code, Method, Wait};
use super::{BrokenRule, Family, Header, Problem};
use crate::authz::Caller;
use crate::oauth::metadata::well_known_url;

/// The members of a problem document (RFC 9457 §3.1).
#[derive(Serialize)]
struct ProblemDocument<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'a str,
    request_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    decision_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [BrokenRule],
}

/// Renders a problem as a page.
pub(crate) type RenderPage = fn(Code, Option<&str>, &ProblemContext<'_>) -> HttpResponse;

/// The request that a problem answers.
pub(crate) struct ProblemContext<'a> {
    /// The server's public URL; never from a header of the request.
    pub(crate) issuer: &'a str,
    /// The name of the service.
    pub(crate) service: &'a str,
    /// The application that a page leads to where nothing else does.
    pub(crate) home: Option<&'a Url>,
    /// The path of the request.
    pub(crate) path: &'a str,
    /// The id of the request.
    pub(crate) request_id: &'a str,
    /// The id of the decision, for a refusal.
    pub(crate) decision_id: Option<Uuid>,
    /// The form of the answer.
    pub(crate) family: Family,
    /// Renders the problem for a person.
    pub(crate) page: RenderPage,
}

impl Problem {
    /// Returns the problem document.
    pub(crate) fn document(&self, context: &ProblemContext<'_>) -> Value {
        serde_json::to_value(self.0.document(context)).unwrap_or_default()
    }

    /// Returns the error of RFC 6749 §5.2.
    pub(crate) fn oauth_error(&self) -> Value {
        self.0.oauth_error()
    }

    /// Makes the answer, with the header that the table names unless the problem brings its own.
    pub(crate) fn respond(mut self, context: &ProblemContext<'_>) -> HttpResponse {
        if let Some((name, value)) = self.default_header(context)
            && self.0.headers.iter().all(|(own, _)| *own != name)
        {
            self.0.headers.push((name, value));
        }
        let mut response = self.body(context);
        for (name, value) in &self.0.headers {
            if let Ok(value) = HeaderValue::from_str(value) {
                response.headers_mut().append(name.clone(), value);
            }
        }
        response
    }

    fn body(&self, context: &ProblemContext<'_>) -> HttpResponse {
        let code = self.0.code;
        let (media_type, body) = match context.family {
            Family::Page => {
                let detail = self.0.detail.as_deref();
                return (context.page)(code, detail, context);
            }
            Family::OAuth => ("application/json", self.oauth_error()),
            Family::Api => ("application/problem+json", self.document(context)),
        };
        HttpResponse::build(code.status())
            .insert_header((header::CONTENT_TYPE, media_type))
            .body(body.to_string())
    }

    fn default_header(&self, context: &ProblemContext<'_>) -> Option<(HeaderName, String)> {
        match self.0.code.header() {
            Header::RetryAfter(Wait::OneSecond) => Some((header::RETRY_AFTER, "1".to_owned())),
            Header::Challenge(Method::Bearer(error)) => {
                Some((header::WWW_AUTHENTICATE, self.challenge(error, context.issuer)))
            }
            Header::Nothing
            | Header::RetryAfter(Wait::Computed)
            | Header::Challenge(Method::Client)
            | Header::Allow
            | Header::MediaType => None,
        }
    }

    /// Returns a Bearer challenge (RFC 6750 §3) that names the resource metadata (RFC 9728 §5.1).
    fn challenge(&self, error: &str, issuer: &str) -> String {
        let scope = self.0.refusal.as_ref().and_then(|refusal| refusal.rule.weakest_scope());
        let error = match (error, scope) {
            ("", _) => String::new(),
            ("insufficient_scope", Some(scope)) => format!("error=\"{error}\", scope=\"{scope}\", "),
            ("invalid_token", _) => {
                format!("error=\"{error}\", error_description=\"the access token is not acceptable\", ")
            }
            ("insufficient_user_authentication", _) => {
                let caller = self.0.refusal.as_ref().and_then(|refusal| refusal.by.as_ref());
                let max_age = caller.and_then(Caller::max_age).unwrap_or_default();
                format!("error=\"{error}\", max_age=\"{max_age}\", ")
            }
            (error, _) => format!("error=\"{error}\", "),
        };
        format!("Bearer {error}resource_metadata=\"{}\"", well_known_url(issuer, "oauth-protected-resource"))
    }
}

impl Details {
    fn oauth_error(&self) -> Value {
        let description = self.detail.as_deref().unwrap_or_else(|| self.code.title());
        let (error, reason) = (self.code.oauth(), self.unacceptable.as_ref().map(Unacceptable::told));
        match reason {
            Some(reason) => json!({ "error": error, "error_description": description, "reason": reason }),
            None => json!({ "error": error, "error_description": description }),
        }
    }

    fn document<'a>(&'a self, context: &ProblemContext<'a>) -> ProblemDocument<'a> {
        ProblemDocument {
            r#type: format!("{}/problems/{}", context.issuer, self.code.as_str()),
            title: self.code.title(),
            status: self.code.status().as_u16(),
            detail: self.detail.as_deref().unwrap_or_else(|| self.code.meaning()),
            instance: context.path,
            code: self.code.as_str(),
            request_id: context.request_id,
            decision_id: context.decision_id,
            reason: self.unacceptable.as_ref().map(Unacceptable::told),
            errors: &self.errors,
        }
    }
}
