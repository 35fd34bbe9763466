//! The stylesheet and the logo of the pages, served from the binary.

use std::fmt::Write as _;
use std::sync::LazyLock;

use aws_lc_rs::digest;

use crate::http::kit::{Argument, Call, Description, Document, Parameter, Problem, Public};

const STYLESHEET: &str = include_str!("pages.css");
const MARK: &str = include_str!("mark.svg");

/// Returns the first bytes of a hash of both files. It is in their URLs, so that browsers can cache them.
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

/// `Cache-Control` of a file: a year if the URL names this version. During an update, a replica gets requests
/// for the version of another replica.
pub struct CacheControl(&'static str);

impl Argument for CacheControl {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let version_parameter = form_urlencoded::parse(call.request().query_string().as_bytes()).next();
        let is_this_version =
            version_parameter.is_some_and(|(name, value)| name == "v" && value == version());
        Ok(Self(if is_this_version { "public, max-age=31536000, immutable" } else { "public, max-age=60" }))
    }

    fn describe(description: &mut Description) {
        let schema = serde_json::json!({ "type": "string" });
        description.parameters.push(Parameter::optional(
            "v",
            "The version, as in the URLs of the pages",
            schema,
        ));
    }
}

/// `GET /oauth/pages.css`
pub async fn stylesheet(_: Public, cache_control: CacheControl) -> Result<Document, Problem> {
    let media_type = "text/css; charset=utf-8";
    Ok(Document { media_type, body: STYLESHEET.to_owned(), cache_control: cache_control.0 })
}

/// `GET /oauth/mark.svg`
pub async fn mark(_: Public, cache_control: CacheControl) -> Result<Document, Problem> {
    Ok(Document { media_type: "image/svg+xml", body: MARK.to_owned(), cache_control: cache_control.0 })
}
