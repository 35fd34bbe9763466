//! `If-Match`: the version that a change applies to (RFC 9110 §13.1.1).

use actix_web::http::header;
use serde_json::json;

use super::{Argument, Call, Code, Description, Parameter, Problem};
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
pub struct IfMatch(Option<Vec<Expected>>);

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
        match self.0 {
            None => Err(Problem::new(Code::PreconditionRequired)),
            Some(_) => self.check(revision).map(|_| ()),
        }
    }

    /// Checks the condition if it is present, and returns the revision that the change relies on.
    ///
    /// # Errors
    /// 412 when it does not hold.
    pub fn check(&self, revision: i64) -> Result<Option<i64>, Problem> {
        let Some(expected) = &self.0 else { return Ok(None) };
        if expected.iter().any(|expected| matches!(expected, Expected::Any)) {
            return Ok(None);
        }
        let known = |expected: &Expected| matches!(expected, Expected::Revision(known) if *known == revision);
        if expected.iter().any(known) {
            Ok(Some(revision))
        } else {
            Err(Problem::new(Code::PreconditionFailed))
        }
    }

    /// Awaits a change. If another change came first, the problem is a failed condition, provided that there
    /// was one.
    ///
    /// # Errors
    /// 412, or what the change fails with.
    pub async fn change<T>(&self, change: impl Future<Output = Result<T, StoreError>>) -> Result<T, Problem> {
        let changed = change.await.map_err(Problem::from);
        changed.map_err(|problem| match self.0 {
            Some(_) => problem.instead(Code::ChangedMeanwhile, Code::PreconditionFailed),
            None => problem,
        })
    }
}

/// Parses an entity tag. The comparison is strong: a weak tag matches nothing. Writes compare the version
/// only.
fn expected(tag: &str) -> Expected {
    let revision =
        tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).and_then(|tag| tag.split_once('-'));
    match revision.map(|(revision, _)| revision.parse()) {
        _ if tag == "*" => Expected::Any,
        Some(Ok(revision)) => Expected::Revision(revision),
        _ => Expected::Unknown,
    }
}

impl Argument for IfMatch {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        let tags: Vec<Expected> = call
            .request()
            .headers()
            .get_all(header::IF_MATCH)
            .flat_map(|value| value.to_str().unwrap_or_default().split(','))
            .map(|tag| expected(tag.trim()))
            .collect();
        Ok(Self((!tags.is_empty()).then_some(tags)))
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
