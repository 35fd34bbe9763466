//! `PUT /users/{id}/roles`: the roles of an account.

use std::sync::Arc;

use super::users::role;
use crate::authz::action::SetRoles;
use crate::authz::{Allowed, Vocabulary};
use crate::domain::{Role, User};
use crate::http::kit::{Body, Code, IfMatch, Problem, Shown};
use crate::store::Store;

crate::body! {
    /// A change of the roles.
    pub struct RolesChange(vocabulary: &Vocabulary) {
        /// The new roles, which replace the old ones.
        roles: Vec<Role> = required_texts(|name| role(name, vocabulary));
    }
    example { "roles": ["user"] }
}

/// `PUT /users/{id}/roles`
pub async fn replace(
    user: Allowed<User, SetRoles>,
    body: Body<RolesChange>,
    if_match: IfMatch,
    vocabulary: Arc<Vocabulary>,
    store: Store,
) -> Result<Shown<User>, Problem> {
    let RolesChange { roles } = body.read(|members| RolesChange::read(members, &vocabulary))?;
    if_match.check(user.revision)?;
    let grant = user.grant(roles)?;
    let changed = if_match.change(store.set_roles(user, grant)).await;
    Ok(changed.map_err(|problem| problem.at(Code::LastAdmin, "/roles"))?.into())
}
