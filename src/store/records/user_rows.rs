//! Rows of `users` and `user_roles`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::profiles;
use super::search_terms::{TermRow, term_rows};
use crate::authz::Vocabulary;
use crate::domain::{Email, ExternalId, PasswordHash, ProfileChange, Role, Status, Time, User, UserId};
use crate::on;
use crate::store::engine::schema::{user_roles, users};
use crate::store::{Connection, SortKey, StoreError, UserSort};

/// Upper bound of the rows in one statement. Each has four parameters, and SQLite takes 32,766.
const ROWS_PER_INSERT: usize = 4_000;

/// The columns of a user without the password hash.
#[derive(Queryable, QueryableByName, Selectable)]
#[diesel(table_name = users)]
pub(in crate::store) struct UserRow {
    id: UserId,
    email: String,
    email_verified: bool,
    status: String,
    created_at: Time,
    updated_at: Time,
    last_login_at: Option<Time>,
    revision: i64,
    epoch: i64,
    name_key: Option<String>,
    external_id: Option<String>,
    pending_email: Option<String>,
}

impl UserRow {
    pub(in crate::store) fn id(&self) -> UserId {
        self.id
    }

    /// Returns the key by which a list is sorted.
    pub(in crate::store) fn sort_key(&self, sort: UserSort) -> SortKey {
        match sort {
            UserSort::CreatedAt | UserSort::CreatedAtDescending => SortKey::Time(self.created_at.0),
            UserSort::Email | UserSort::EmailDescending => {
                SortKey::Text(Email::stored(self.email.clone()).key())
            }
            UserSort::Name | UserSort::NameDescending => {
                SortKey::Text(self.name_key.clone().unwrap_or_default())
            }
            UserSort::LastLogin | UserSort::LastLoginDescending => {
                SortKey::Time(self.last_login_at.map_or(DateTime::UNIX_EPOCH, |time| time.0))
            }
        }
    }

    pub(in crate::store) fn with_roles(self, mut roles: Vec<Role>) -> User {
        roles.sort();
        User {
            id: self.id,
            email: Email::stored(self.email),
            email_verified: self.email_verified,
            external_id: self.external_id.map(ExternalId::stored),
            pending_email: self.pending_email.map(Email::stored),
            // Fail closed: an unreadable status is a suspension.
            status: self.status.parse().unwrap_or(Status::Suspended),
            roles,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
            last_login_at: self.last_login_at.map(|time| time.0),
            revision: self.revision,
            epoch: self.epoch,
        }
    }
}

/// The columns of a new user.
#[derive(Insertable)]
#[diesel(table_name = users, treat_none_as_default_value = false)]
pub(in crate::store) struct NewUserRow {
    pub(in crate::store) id: UserId,
    email: String,
    pub(in crate::store) email_key: String,
    pub(in crate::store) email_verified: bool,
    status: &'static str,
    password_hash: Option<String>,
    pub(in crate::store) created_at: Time,
    pub(in crate::store) updated_at: Time,
    pub(in crate::store) last_login_at: Option<Time>,
    revision: i64,
    epoch: i64,
    profile: String,
    profile_revision: i64,
    name_key: Option<String>,
    pub(in crate::store) external_id: Option<String>,
}

impl NewUserRow {
    pub(in crate::store) fn new(id: UserId, new: &NewUser, at: DateTime<Utc>) -> Self {
        let mut claims = BTreeMap::new();
        new.profile.clone().apply(&mut claims);
        Self {
            id,
            email: new.email.as_str().to_owned(),
            email_key: new.email.key(),
            email_verified: false,
            status: new.status.as_str(),
            password_hash: new.password.as_ref().map(|hash| hash.expose_phc().to_owned()),
            created_at: Time(at),
            updated_at: Time(at),
            last_login_at: None,
            revision: 1,
            epoch: 1,
            profile: profiles::to_json(&claims),
            profile_revision: 1,
            name_key: profiles::name_key(&claims),
            external_id: new.external_id.as_ref().map(|id| id.as_str().to_owned()),
        }
    }

    /// Returns the search terms of the user.
    pub(in crate::store) fn term_rows(&self) -> Vec<TermRow> {
        term_rows(self.id, &self.email_key, self.name_key.as_deref())
    }
}

/// Members of a new user.
pub struct NewUser {
    /// The address.
    pub email: Email,
    /// Hash of the password. Without one the user cannot log in until one is set.
    pub password: Option<PasswordHash>,
    /// The profile.
    pub profile: ProfileChange,
    /// The status.
    pub status: Status,
    /// The id in another system.
    pub external_id: Option<ExternalId>,
}

/// Reads a user with its roles.
pub(in crate::store) fn load(
    conn: &mut Connection,
    vocabulary: &Vocabulary,
    id: UserId,
) -> Result<Option<User>, StoreError> {
    let rows: Vec<(UserRow, Option<String>)> = on!(conn, |c| users::table
        .left_join(user_roles::table)
        .filter(users::id.eq(id))
        .select((UserRow::as_select(), user_roles::role.nullable()))
        .load(c))?;
    let mut roles: Vec<Role> = Vec::new();
    let mut user = None;
    for (row, role) in rows {
        roles.extend(role.and_then(|role| vocabulary.role(&role)));
        user = Some(row);
    }
    Ok(user.map(|row| row.with_roles(roles)))
}

/// A role of a user. It repeats the sort keys of the user, for lists that are filtered by role.
#[derive(Insertable)]
#[diesel(table_name = user_roles)]
pub(in crate::store) struct RoleRow {
    user_id: UserId,
    role: &'static str,
    created_at: Time,
    email_key: String,
}

/// Returns the rows of the roles of a user.
pub(in crate::store) fn role_rows<'a>(
    user_id: UserId,
    created_at: Time,
    email_key: &'a str,
    roles: &'a [Role],
) -> impl Iterator<Item = RoleRow> + 'a {
    let row = move |role: &Role| {
        let email_key = email_key.to_owned();
        RoleRow { user_id, role: role.as_str(), created_at, email_key }
    };
    roles.iter().map(row)
}

pub(in crate::store) fn insert_roles(conn: &mut Connection, rows: &[RoleRow]) -> Result<(), StoreError> {
    for rows in rows.chunks(ROWS_PER_INSERT) {
        on!(conn, |c| diesel::insert_into(user_roles::table).values(rows).execute(c))?;
    }
    Ok(())
}
