//! What the pages are drawn with: a stylesheet and a mark, served from the binary.

use std::fmt::Write as _;
use std::sync::LazyLock;

use aws_lc_rs::digest;

use crate::http::kit::answer::Document;
use crate::http::kit::argument::Argument;
use crate::http::kit::call::Call;
use crate::http::kit::decision::Public;
use crate::http::kit::description::{Description, Parameter};
use crate::http::kit::problem::Problem;

const STYLESHEET: &str = include_str!("pages.css");
const MARK: &str = include_str!("mark.svg");

/// The beginning of a hash of both files: a page asks for them by it, so that they may be kept.
pub(super) fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let hash = digest::digest(&digest::SHA256, [STYLESHEET, MARK].concat().as_bytes());
        hash.as_ref().iter().take(6).fold(String::new(), |mut version, byte| {
            let _ = write!(version, "{byte:02x}");
            version
        })
    });
    &VERSION
}

/// How long a file may be kept: as long as anybody wants to, if it is the version that was asked
/// for. While replicas are replaced, one is asked for the version of another.
pub struct Keeping(&'static str);

impl Argument for Keeping {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let asked = form_urlencoded::parse(call.request().query_string().as_bytes()).next();
        let is_ours = asked.is_some_and(|(name, value)| name == "v" && value == version());
        Ok(Self(if is_ours { "public, max-age=31536000, immutable" } else { "public, max-age=60" }))
    }

    fn describe(description: &mut Description) {
        let schema = serde_json::json!({ "type": "string" });
        description.parameters.push(Parameter::optional("v", "The version, as a page names it", schema));
    }
}

/// `GET /oauth/pages.css`
pub async fn stylesheet(_: Public, keeping: Keeping) -> Result<Document, Problem> {
    let media_type = "text/css; charset=utf-8";
    Ok(Document { media_type, body: STYLESHEET.to_owned(), cache_control: keeping.0 })
}

/// `GET /oauth/mark.svg`
pub async fn mark(_: Public, keeping: Keeping) -> Result<Document, Problem> {
    Ok(Document { media_type: "image/svg+xml", body: MARK.to_owned(), cache_control: keeping.0 })
}
