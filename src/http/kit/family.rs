//! The family of a route: the form in which it reports errors.

use super::problem_code::Code;

/// Prefix of the authorization server's routes.
const OAUTH: &str = "/oauth/";

/// The form in which a route reports errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Problem documents (RFC 9457).
    Api,
    /// The errors of RFC 6749 §5.2.
    OAuth,
    /// Pages for a person in a browser.
    Page,
}

impl Family {
    /// The family of a request that no route answers.
    pub(crate) fn of_unknown_path(path: &str) -> Self {
        if path.starts_with(OAUTH) { Self::OAuth } else { Self::Api }
    }

    /// The name under which this family reports a problem.
    pub(crate) fn name_of(self, code: Code) -> &'static str {
        match self {
            Self::Api => code.as_str(),
            Self::OAuth | Self::Page => code.oauth(),
        }
    }
}
