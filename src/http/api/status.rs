//! `PUT /users/{id}/status`: the status of an account.

use super::users::status_of;
use crate::authz::Allowed;
use crate::authz::action::SetStatus;
use crate::domain::{Status, User};
use crate::http::kit::{Body, Code, IfMatch, Problem, Shown};
use crate::store::Store;

crate::body! {
    /// A change of the status.
    pub struct StatusChange {
        /// The new status.
        status: Status = required_text(status_of);
    }
    example { "status": "active" }
}

/// `PUT /users/{id}/status`
pub async fn replace(
    user: Allowed<User, SetStatus>,
    body: Body<StatusChange>,
    if_match: IfMatch,
    store: Store,
) -> Result<Shown<User>, Problem> {
    let StatusChange { status } = body.read(StatusChange::read)?;
    if_match.check(user.revision)?;
    let changed = if_match.change(store.set_status(user, status)).await;
    Ok(changed.map_err(|problem| problem.at(Code::LastAdmin, "/status"))?.into())
}
