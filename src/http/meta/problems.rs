//! `/problems`: what the codes of problems mean, for a person or for a program.

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::RULES;
use crate::http::kit::{Answer, Argument, Call, Code, Description, Problem, Public, answers_json};
use crate::http::pages::{PageAnswer, explanation, explanations};

/// The meaning of a problem code.
#[derive(Serialize, ToSchema)]
#[schema(as = ProblemMeaning)]
pub struct MeaningView {
    /// The `type` of such a problem: the URL of its page.
    #[schema(format = "uri", examples("https://id.example.org/problems/email-taken"))]
    r#type: String,
    /// The code.
    #[schema(value_type = String, examples("email-taken"))]
    code: &'static str,
    /// The status of the response.
    #[schema(examples(409))]
    status: u16,
    /// The problem in a few words.
    #[schema(value_type = String, examples("The e-mail address is already in use"))]
    title: &'static str,
    /// The meaning, and what helps.
    #[schema(value_type = String, examples("Another account has this e-mail address."))]
    detail: &'static str,
}

/// A code of `errors`, with its parameters.
#[derive(Serialize, ToSchema)]
#[schema(as = RuleMeaning)]
pub struct RuleView {
    /// The code.
    #[schema(value_type = String, examples("too-short"))]
    code: &'static str,
    /// The names of its parameters, which are members beside the code.
    #[schema(value_type = Vec<String>, examples("min"))]
    parameters: &'static [&'static str],
}

/// All problem codes, and the codes of broken rules.
#[derive(Serialize, ToSchema)]
#[schema(as = ProblemIndex)]
pub struct IndexView {
    /// The problem codes.
    problems: Vec<MeaningView>,
    /// The codes of the rules in `errors`.
    rules: Vec<RuleView>,
}

impl MeaningView {
    fn of(code: Code, issuer: &str) -> Self {
        Self {
            r#type: format!("{issuer}/problems/{}", code.as_str()),
            code: code.as_str(),
            status: code.status().as_u16(),
            title: code.title(),
            detail: code.meaning(),
        }
    }
}

/// The code in the path of a problem's page.
pub struct NamedCode(Code);

impl Argument for NamedCode {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let name = call.segment("code");
        let own = || call.services().problems.iter().copied().find(|own| own.as_str() == name);
        Code::named(name).or_else(own).map(Self).ok_or_else(|| Problem::new(Code::NotFound))
    }

    fn describe(description: &mut Description) {
        description.segment_of("code", "A problem's code", &Code::names());
        description.names_a_record();
    }
}

/// The explanation of a code: a page, or JSON for a client that accepts it. Its own errors are problem documents.
pub struct ProblemAnswer(Code);

/// The list of all codes: a page, or JSON for a client that accepts it.
pub struct IndexAnswer;

/// `GET /problems/{code}`: the page at the `type` URL of a problem document.
pub async fn read(_: Public, code: NamedCode) -> Result<ProblemAnswer, Problem> {
    Ok(ProblemAnswer(code.0))
}

/// `GET /problems`
pub async fn list(_: Public) -> Result<IndexAnswer, Problem> {
    Ok(IndexAnswer)
}

impl Answer for ProblemAnswer {
    fn respond(self, call: &Call) -> HttpResponse {
        let Self(code) = self;
        respond(call, || explanation(code), || MeaningView::of(code, &call.services().issuer_url))
    }

    fn describe(description: &mut Description) {
        answers_json::<MeaningView>(description, 200, "The meaning of the code", &["Vary"]);
        PageAnswer::describe(description);
    }
}

impl Answer for IndexAnswer {
    fn respond(self, call: &Call) -> HttpResponse {
        let (issuer, own) = (&call.services().issuer_url, &call.services().problems);
        respond(
            call,
            || explanations(own),
            || IndexView {
                problems: Code::ALL.iter().chain(own).map(|code| MeaningView::of(*code, issuer)).collect(),
                rules: RULES.iter().map(|(code, parameters)| RuleView { code, parameters }).collect(),
            },
        )
    }

    fn describe(description: &mut Description) {
        answers_json::<IndexView>(description, 200, "All codes", &["Vary"]);
        PageAnswer::describe(description);
    }
}

/// Answers with JSON if the client accepts it rather than HTML, and with the page otherwise.
fn respond<T: Serialize>(
    call: &Call,
    page: impl FnOnce() -> PageAnswer,
    json: impl FnOnce() -> T,
) -> HttpResponse {
    let accepted = call.header(header::ACCEPT).unwrap_or_default().to_ascii_lowercase();
    let wants_json = accepted.contains("json") && !accepted.trim_start().starts_with("text/html");
    let mut response = match wants_json {
        false => page().respond(call),
        true => HttpResponse::Ok()
            .content_type("application/json")
            .insert_header((header::CACHE_CONTROL, "public, max-age=3600"))
            .body(serde_json::to_vec(&json()).unwrap_or_default()),
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Accept"));
    response
}
