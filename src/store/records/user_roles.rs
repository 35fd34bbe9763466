//! Roles of a user.

use diesel::prelude::*;

use crate::authz::Vocabulary;
use crate::domain::{Role, UserId};
use crate::on;
use crate::store::engine::schema::user_roles;
use crate::store::{Connection, StoreError};

/// Reads the roles of a user, sorted.
pub(in crate::store) fn roles_of(
    conn: &mut Connection,
    vocabulary: &Vocabulary,
    id: UserId,
) -> Result<Vec<Role>, StoreError> {
    let of_user = user_roles::table.filter(user_roles::user_id.eq(id));
    let names: Vec<String> = on!(conn, |c| of_user.select(user_roles::role).load(c))?;
    let mut roles: Vec<Role> = names.iter().filter_map(|name| vocabulary.role(name)).collect();
    roles.sort();
    Ok(roles)
}
