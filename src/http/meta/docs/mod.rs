//! `/docs`: interactive documentation in a browser, served from the binary. Swagger UI renders
//! `/openapi.json`. To try the API, the user signs in on the sign-in page, as with every other application.
//! The client is registered by [`docs_client`](crate::oauth::docs_client).

use std::borrow::Cow;
use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Bytes;
use maud::{DOCTYPE, Markup, html};
use utoipa::openapi::schema::Type;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};

use crate::authz::Scope;
use crate::domain::{ClientId, Role};
use crate::http::kit::{
    Answer, AnswerDescription, Argument, Call, Code, Description, Problem, Public, Services,
};

/// Sources that Swagger UI needs: its own files, and requests to this server. It sets inline styles while it
/// renders, and its icons are in its stylesheet.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; connect-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

const OURS: &[(&str, &str)] = &[("docs.css", include_str!("docs.css")), ("docs.js", include_str!("docs.js"))];

/// The files of Swagger UI that the page loads.
const SWAGGER_UI: &[&str] =
    &["swagger-ui.css", "swagger-ui-bundle.js", "oauth2-redirect.html", "oauth2-redirect.js"];

/// The page.
pub struct DocsPage(Arc<Services>);

/// `GET /docs`
pub async fn page(_: Public, services: Arc<Services>) -> Result<DocsPage, Problem> {
    Ok(DocsPage(services))
}

impl Answer for DocsPage {
    fn respond(self, _: &Call) -> HttpResponse {
        guarded(markup(&self.0).into_string().into(), "text/html; charset=utf-8", "no-cache")
    }

    fn describe(description: &mut Description) {
        describe(description, "The page", "text/html");
    }
}

fn markup(services: &Services) -> Markup {
    let granted = services.vocabulary.granted_by(&[Role::USER]);
    // The scopes of OpenID Connect are for applications that identify their user.
    let own_scopes: Vec<&str> =
        granted.iter().map(Scope::as_str).filter(|scope| scope.contains(':')).collect();
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { "The API – " (services.name) }
                link rel="icon" type="image/svg+xml" href="oauth/mark.svg";
                link rel="stylesheet" href="docs/swagger-ui.css";
                link rel="stylesheet" href="docs/docs.css";
            }
            body {
                p #elsewhere hidden { "Requests go to " a { } ", which is another address than that of this page. Open the documentation there to try them." }
                main #docs data-issuer=(services.issuer_url) data-scopes=(own_scopes.join(" "))
                    data-client=[services.issues_tokens.then_some(ClientId::DOCS)] {}
                noscript { p { "This page needs JavaScript. It shows " a href="openapi.json" { "openapi.json" } "." } }
                script src="docs/swagger-ui-bundle.js" {}
                script src="docs/docs.js" {}
            }
        }
    }
}

/// A file of the page.
pub struct DocsFile {
    bytes: Bytes,
    media_type: String,
}

impl Argument for DocsFile {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Self::named(call.segment("file")).ok_or_else(|| Problem::new(Code::NotFound))
    }

    fn describe(description: &mut Description) {
        let ours = OURS.iter().map(|(name, _)| *name);
        let names: Vec<&str> = ours.chain(SWAGGER_UI.iter().copied()).collect();
        description.segment_of("file", "The file's name", &names);
        description.names_a_record();
    }
}

impl DocsFile {
    fn named(name: &str) -> Option<Self> {
        if let Some((_, text)) = OURS.iter().find(|(known, _)| *known == name) {
            let media_type = if name.ends_with(".css") { "text/css" } else { "text/javascript" };
            return Some(Self {
                bytes: Bytes::from_static(text.as_bytes()),
                media_type: media_type.to_owned(),
            });
        }
        let name = SWAGGER_UI.iter().find(|known| **known == name)?;
        let file = utoipa_swagger_ui::serve(name, Arc::new(utoipa_swagger_ui::Config::default())).ok()??;
        let bytes = match file.bytes {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        };
        Some(Self { bytes, media_type: file.content_type })
    }
}

/// `GET /docs/{file}`
pub async fn file(_: Public, file: DocsFile) -> Result<DocsFile, Problem> {
    Ok(file)
}

impl Answer for DocsFile {
    fn respond(self, _: &Call) -> HttpResponse {
        guarded(self.bytes, &self.media_type, "public, max-age=3600")
    }

    fn describe(description: &mut Description) {
        describe(description, "The file", "*/*");
    }
}

fn guarded(body: Bytes, media_type: &str, cache_control: &'static str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(media_type)
        .insert_header((header::CACHE_CONTROL, cache_control))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((header::X_FRAME_OPTIONS, "DENY"))
        // The URL to which the browser returns after the sign-in contains a code.
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .body(body)
}

fn describe(description: &mut Description, meaning: &'static str, media_type: &'static str) {
    let text: RefOr<Schema> = ObjectBuilder::new().schema_type(Type::String).into();
    let (content, headers) = (Some((media_type, text)), &["Content-Security-Policy"]);
    description.answers.push(AnswerDescription { status: 200, meaning, content, headers });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serves_the_files_of_the_page_and_no_others() {
        for name in OURS.iter().map(|(name, _)| name).chain(SWAGGER_UI) {
            assert!(DocsFile::named(name).is_some_and(|file| !file.bytes.is_empty()), "{name}");
        }
        for name in ["index.html", "swagger-initializer.js", "", "../docs.js"] {
            assert!(DocsFile::named(name).is_none(), "{name}");
        }
    }
}
