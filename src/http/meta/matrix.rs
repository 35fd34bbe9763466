//! `/authz/matrix`: the authorization matrix, made from the list that mounts the routes.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use crate::authz::matrix::{
    CallerAnswer, CallerKind, Matrix, RoleRow, RouteRow, RouteRule, SCRIPT, STYLE, Target, Term, as_html,
};
use crate::authz::{Rule, Vocabulary};
use crate::domain::sha256;
use crate::http::kit::{
    Access, Answer, AnswerDescription, Call, Code, Description, Problem, Public, Route, Services,
    answers_json,
};

/// Source of a matrix.
pub struct Rules<'a, R> {
    /// The application's name.
    pub name: &'a str,
    /// Its routes.
    pub routes: &'a [R],
    /// Its scopes and roles.
    pub vocabulary: &'a Arc<Vocabulary>,
    /// Set while registration is open.
    pub registration_open: bool,
}

impl<R: AsRef<Route>> Rules<'_, R> {
    /// Returns the authorization matrix.
    pub fn matrix(&self) -> Matrix {
        let kinds = CallerKind::all(self.vocabulary);
        let roles = self.vocabulary.roles().map(|role| RoleRow {
            name: role.to_string(),
            scopes: self.vocabulary.granted_by(&[role]).iter().map(|scope| scope.to_string()).collect(),
        });
        let scopes = self.vocabulary.scopes().iter();
        Matrix {
            name: self.name.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            callers: kinds.iter().map(|kind| kind.term()).collect(),
            routes: self.routes.iter().map(|route| self.row(route.as_ref(), &kinds)).collect(),
            roles: roles.collect(),
            scopes: scopes
                .map(|scope| Term { name: scope.to_string(), meaning: scope.meaning().to_owned() })
                .collect(),
        }
    }

    fn row(&self, route: &Route, kinds: &[CallerKind]) -> RouteRow {
        let read = route.read_rule();
        let answers = kinds.iter().map(|kind| {
            let code = self.refusal(route, read, *kind);
            CallerAnswer {
                caller: kind.name(),
                allowed: code.is_none(),
                status: code.map(|code| code.status().as_u16()),
                code: code.map(|code| route.family.name_of(code).to_owned()),
            }
        });
        RouteRow {
            method: route.method.to_string(),
            path: route.path.to_owned(),
            summary: route.summary.to_owned(),
            rule: rule_of(route.access),
            answers: answers.collect(),
        }
    }

    /// Returns the code with which a route refuses this kind of caller, if it does. `read` is its
    /// [`Route::read_rule`].
    pub(crate) fn refusal(&self, route: &Route, read: Option<&Rule>, kind: CallerKind) -> Option<Code> {
        let (rule, target) = match route.access {
            Access::Public => return None,
            Access::Client => return Some(Code::InvalidClient),
            // A system caller has no token.
            Access::Authenticated if matches!(kind, CallerKind::System(_)) => {
                return Some(Code::Unauthenticated);
            }
            Access::Authenticated => return without_a_good_token(kind),
            Access::PublicWhileOpen(_) if self.registration_open => {
                return without_a_good_token(kind).filter(|_| kind != CallerKind::Nobody);
            }
            Access::PublicWhileOpen(_) if kind == CallerKind::Nobody => {
                return Some(Code::RegistrationClosed);
            }
            Access::PublicWhileOpen(rule) | Access::Collection(rule) => (rule, Target::Collection),
            Access::CollectionOf(rule) => (rule, Target::CollectionOf),
            Access::Own(rule) => (rule, Target::Own),
            Access::Record(rule) => (rule, Target::Record(read.unwrap_or(rule))),
        };
        without_a_good_token(kind).or_else(|| kind.refused(rule, target, self.vocabulary).map(Code::from))
    }
}

fn without_a_good_token(kind: CallerKind) -> Option<Code> {
    match kind {
        CallerKind::Nobody => Some(Code::Unauthenticated),
        CallerKind::BadToken => Some(Code::InvalidToken),
        CallerKind::ForeignPage => Some(Code::ForeignOrigin),
        _ => None,
    }
}

fn rule_of(access: Access) -> RouteRule {
    match access {
        Access::Public => RouteRule::without_rule("everybody"),
        Access::Client => RouteRule::without_rule("a client that proves who it is"),
        Access::Authenticated => RouteRule::without_rule("anybody with a token, for that token"),
        Access::PublicWhileOpen(rule) => RouteRule::of("everybody while registration is open", rule, false),
        Access::Own(rule) => RouteRule::of("by scope, one's own alone", rule, false),
        Access::Record(rule) | Access::CollectionOf(rule) => RouteRule::of("by scope", rule, true),
        Access::Collection(rule) => RouteRule::of("by scope", rule, false),
    }
}

/// Response with the matrix: an HTML page if the client prefers HTML, as a browser does, otherwise JSON.
pub struct MatrixAnswer(Arc<Matrix>);

/// `GET /authz/matrix`
pub async fn show(_: Public, services: Arc<Services>) -> Result<MatrixAnswer, Problem> {
    Ok(MatrixAnswer(services.extensions.get_or_insert_with(|| {
        let Services { name, routes, vocabulary, registration_open, .. } = &*services;
        Rules { name, routes: routes.all(), vocabulary, registration_open: *registration_open }.matrix()
    })))
}

impl Answer for MatrixAnswer {
    fn respond(self, call: &Call) -> HttpResponse {
        let matrix = &*self.0;
        let accepted = call.header(header::ACCEPT).unwrap_or_default();
        let mut response = HttpResponse::Ok();
        response
            .insert_header((header::VARY, "Accept"))
            .insert_header((header::CACHE_CONTROL, "public, max-age=60"));
        if !accepted.trim_start().starts_with("text/html") {
            return response.content_type("application/json").body(json!(matrix).to_string());
        }
        response
            .content_type("text/html; charset=utf-8")
            .insert_header((header::CONTENT_SECURITY_POLICY, policy()))
            .insert_header((header::X_FRAME_OPTIONS, "DENY"))
            .body(as_html(matrix))
    }

    fn describe(description: &mut Description) {
        let meaning =
            "Every route with its rule and its response to each kind of caller; as HTML in a browser";
        answers_json::<Matrix>(description, 200, meaning, &["Vary"]);
        let text: RefOr<Schema> = ObjectBuilder::new().schema_type(Type::String).into();
        let (content, headers) = (Some(("text/html", text)), &["Vary", "Content-Security-Policy"]);
        description.answers.push(AnswerDescription { status: 200, meaning, content, headers });
    }
}

/// Returns the Content-Security-Policy, which allows only the page's own style and script.
fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(sha256(text.as_bytes()));
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; form-action 'none'; \
         frame-ancestors 'none'; base-uri 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}
