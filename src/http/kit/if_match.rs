//! `If-Match`: the version that a change applies to (RFC 9110 §13.1.1).

use actix_web::http::header;
use serde_json::json;

use super::{Argument, Call, Code, Description, Parameter, Problem};
use crate::domain::parse_number;
use crate::store::StoreError;

/// Versions that the client accepts to overwrite (`If-Match`, RFC 9110 §13.1.1).
///
/// ```
/// # use cloakroom::{authz::{Allowed, action::Delete}, domain::User, http::{IfMatch, NoContent, Problem}, store::Store};
/// async fn delete(
///     user: Allowed<User, Delete>,
///     if_match: IfMatch,
///     store: Store,
/// ) -> Result<NoContent, Problem> {
///     if_match.require(user.revision)?;
///     Ok(if_match.change(store.delete_user(user)).await?.into())
/// }
/// ```
pub struct IfMatch {
    /// `If-Match`: one of them must be the version.
    one_of: Option<Vec<Expected>>,
    /// `If-None-Match`: none of them may be the version (RFC 9110 §13.1.2).
    none_of: Vec<Expected>,
}

enum Expected {
    Any,
    Revision(i64),
    Unknown,
}

impl IfMatch {
    /// Checks the condition, which must be present.
    ///
    /// # Errors
    /// 428 when it is missing, 412 when it does not hold.
    pub fn require(&self, revision: i64) -> Result<(), Problem> {
        match self.one_of {
            None if fault!(version_not_required) => Ok(()),
            None if self.none_of.is_empty() => Err(Problem::new(Code::PreconditionRequired)),
            None => self.check(revision).and(Err(Problem::new(Code::PreconditionRequired))),
            Some(_) => self.check(revision).map(|_| ()),
        }
    }

    /// Checks the condition if it is present, and returns the revision that the change relies on.
    ///
    /// # Errors
    /// 412 when it does not hold.
    pub fn check(&self, revision: i64) -> Result<Option<i64>, Problem> {
        if self.none_of.iter().any(|expected| expected.is(revision)) {
            return Err(excluded());
        }
        let Some(expected) = &self.one_of else { return Ok(None) };
        let is_any = expected.iter().any(|expected| matches!(expected, Expected::Any));
        if is_any || fault!(version_not_compared) {
            return Ok(None);
        }
        if expected.iter().any(|expected| expected.is(revision)) {
            Ok(Some(revision))
        } else {
            Err(Problem::new(Code::PreconditionFailed))
        }
    }

    /// Checks the condition for a record without versions, such as a session: no tag can name a version of it.
    ///
    /// # Errors
    /// 412 when it does not hold.
    pub fn check_existing(&self) -> Result<(), Problem> {
        let any = |tags: &[Expected]| tags.iter().any(|tag| matches!(tag, Expected::Any));
        if any(&self.none_of) {
            return Err(excluded());
        }
        match &self.one_of {
            Some(tags) if !any(tags) => Err(Problem::new(Code::PreconditionFailed)),
            _ => Ok(()),
        }
    }

    /// Awaits a change. If another change came first, the problem is a failed condition, provided that there
    /// was one.
    ///
    /// # Errors
    /// 412, or what the change fails with.
    pub async fn change<T>(&self, change: impl Future<Output = Result<T, StoreError>>) -> Result<T, Problem> {
        let changed = change.await.map_err(Problem::from);
        changed.map_err(|problem| match self.one_of {
            Some(_) => problem.instead(Code::ChangedMeanwhile, Code::PreconditionFailed),
            None => problem,
        })
    }
}

impl Expected {
    fn is(&self, revision: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Revision(known) => *known == revision,
            Self::Unknown => false,
        }
    }
}

/// Returns the problem of a change that the client wants only while the record has another version, or none.
fn excluded() -> Problem {
    let detail = "If-None-Match names the version that the record has; with * it asks for a record that does not exist.";
    Problem::new(Code::PreconditionFailed).with_detail(detail)
}

/// Parses an entity tag. Writes compare the version only, so a weak tag matches: a proxy that compresses an
/// answer makes its tag weak.
fn expected(tag: &str) -> Expected {
    let strong = tag.strip_prefix("W/").unwrap_or(tag);
    let revision =
        strong.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).and_then(|tag| tag.split_once('-'));
    match revision.and_then(|(revision, _)| parse_number(revision)) {
        _ if tag == "*" => Expected::Any,
        Some(revision) => Expected::Revision(revision),
        None => Expected::Unknown,
    }
}

impl Argument for IfMatch {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let headers = call.request().headers();
        let tags = |name: header::HeaderName| -> Vec<Expected> {
            let values = headers.get_all(name);
            let tags = values.flat_map(|value| value.to_str().unwrap_or_default().split(','));
            tags.map(|tag| expected(tag.trim())).collect()
        };
        let one_of = tags(header::IF_MATCH);
        let one_of = (!one_of.is_empty()).then_some(one_of);
        Ok(Self { one_of, none_of: tags(header::IF_NONE_MATCH) })
    }

    fn describe(description: &mut Description) {
        description.request_headers.push(Parameter::optional(
            "If-Match",
            "The `ETag` of the version to change; `*` for any version",
            json!({ "type": "string", "examples": ["\"3-9f86d081884c7d65\""] }),
        ));
        description.problems.extend([Code::PreconditionFailed, Code::PreconditionRequired]);
    }
}
