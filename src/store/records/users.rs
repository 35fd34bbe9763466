//! Accounts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::account_state::keep_an_admin;
use super::profiles;
use super::search_terms::{self, TermRow, term_rows};
use crate::authz::action::{Delete, Update};
use crate::authz::{Allowed, AuditEvent, RoleGrant, RowFilter, Sealed, Vocabulary};
use crate::domain::{Email, PasswordHash, ProfileChange, Revoked, Role, Status, Time, User, UserId};
use crate::on;
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{user_roles, users};
use crate::store::extension::lookup::{Lookup, Stored};
use crate::store::extension::repository::one_row;
use crate::store::handle::Store;
use crate::store::shared::Shared;
use crate::store::trusted::TrustedStore;

/// The columns of an account; never the password's hash.
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
}

impl UserRow {
    pub(in crate::store) fn id(&self) -> UserId {
        self.id
    }

    pub(in crate::store) fn with_roles(self, mut roles: Vec<Role>) -> User {
        roles.sort();
        User {
            id: self.id,
            email: Email::stored(self.email),
            email_verified: self.email_verified,
            // What cannot be read locks, it does not unlock.
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

/// A new account as it is stored.
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
        }
    }

    pub(in crate::store) fn term_rows(&self) -> Vec<TermRow> {
        term_rows(self.id, &self.email_key, self.name_key.as_deref())
    }
}

/// What is needed to make an account.
pub struct NewUser {
    /// Its address.
    pub email: Email,
    /// Without one nobody can log in until one is set.
    pub password: Option<PasswordHash>,
    /// What is known of the person.
    pub profile: ProfileChange,
    /// Whether it may be used.
    pub status: Status,
}

/// What is to become of an account; what is `None` stays.
#[derive(Default)]
pub struct UserChange {
    /// A new address; it has to be verified anew.
    pub email: Option<Email>,
    /// Whether the address is known to be the user's.
    pub email_verified: Option<bool>,
}

impl Stored for User {
    async fn find(lookup: Lookup<'_>, id: UserId, _: RowFilter) -> Result<Sealed<Self>, StoreError> {
        let vocabulary = lookup.shared().vocabulary.clone();
        lookup.own_record(move |conn| load(conn, &vocabulary, id)).await
    }
}

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

impl Store {
    /// Makes an account with the roles that were granted.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the address belongs to another account.
    pub async fn create_user(&self, new: NewUser, grant: RoleGrant) -> Result<User, StoreError> {
        let inner = self.shared().clone();
        self.write_once(None, move |conn, _| inner.insert_user(conn, &new, &grant)).await
    }

    /// The same under an id that was chosen before, for a server made for tests.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the address belongs to another account.
    pub(crate) async fn create_user_as(
        &self,
        id: UserId,
        new: NewUser,
        grant: RoleGrant,
    ) -> Result<User, StoreError> {
        let inner = self.shared().clone();
        self.write(None, move |conn, _| inner.insert_user_as(conn, id, &new, &grant)).await
    }

    /// Changes an account. A new address clears `email_verified`, unless the change sets it too.
    ///
    /// # Errors
    /// [`StoreError::Taken`], [`StoreError::Changed`].
    pub async fn update_user(
        &self,
        user: Allowed<User, Update>,
        change: UserChange,
    ) -> Result<Allowed<User, Update>, StoreError> {
        let (deed, now) = (AuditEvent::from(&user), self.shared().now());
        let mut next = (*user).clone();
        if let Some(email) = change.email {
            next.email_verified &= next.email == email;
            next.email = email;
        }
        next.email_verified = change.email_verified.unwrap_or(next.email_verified);
        // What stands for no address cannot be known to be anybody's.
        next.email_verified &= !next.email.is_placeholder();
        next.updated_at = now;
        next.revision += 1;
        let written = next.clone();
        let is_renamed = user.email != next.email;
        self.write(Some(deed), move |conn, _| {
            let before = users::table
                .filter(users::id.eq(written.id))
                .filter(users::revision.eq(written.revision - 1));
            let row = (
                users::email.eq(written.email.as_str()),
                users::email_key.eq(written.email.key()),
                users::email_verified.eq(written.email_verified),
                users::updated_at.eq(Time(now)),
                users::revision.eq(written.revision),
            );
            one_row(on!(conn, |c| update(before).set(row).execute(c))?)?;
            let roles = user_roles::table.filter(user_roles::user_id.eq(written.id));
            let key = user_roles::email_key.eq(written.email.key());
            on!(conn, |c| update(roles).set(key).execute(c))?;
            if is_renamed { search_terms::replace(conn, written.id) } else { Ok(()) }
        })
        .await?;
        Ok(user.changed(|record| *record = next))
    }

    /// Removes an account and everything that is its own. Its tokens are dead, also when somebody
    /// registers the same address again.
    ///
    /// # Errors
    /// [`StoreError::LastAdmin`], [`StoreError::Changed`].
    pub async fn delete_user(&self, user: Allowed<User, Delete>) -> Result<(), StoreError> {
        let (deed, inner) = (AuditEvent::from(&user), self.shared().clone());
        self.write(Some(deed), move |conn, changes| {
            keep_an_admin(conn, &user, false)?;
            inner.depart(conn, user.id)?;
            let this = users::table.filter(users::id.eq(user.id)).filter(users::revision.eq(user.revision));
            one_row(on!(conn, |c| diesel::delete(this).execute(c))?)?;
            changes.revoke(&inner, Revoked::User(user.id, i64::MAX));
            Ok(())
        })
        .await
    }
}

impl TrustedStore {
    /// The id of the account with this address, for the operator.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn user_id_by_email(&self, email: &Email) -> Result<Option<UserId>, StoreError> {
        let key = email.key();
        self.read(move |conn| {
            let id: Option<UserId> = on!(conn, |c| users::table
                .filter(users::email_key.eq(&key))
                .select(users::id)
                .get_result(c)
                .optional())?;
            Ok(id)
        })
        .await
    }
}

impl Shared {
    pub(in crate::store) fn insert_user(
        &self,
        conn: &mut Connection,
        new: &NewUser,
        grant: &RoleGrant,
    ) -> Result<User, StoreError> {
        let id = UserId(self.new_uuid(self.now())?);
        self.insert_user_as(conn, id, new, grant)
    }

    fn insert_user_as(
        &self,
        conn: &mut Connection,
        id: UserId,
        new: &NewUser,
        grant: &RoleGrant,
    ) -> Result<User, StoreError> {
        let now = self.now();
        let row = NewUserRow::new(id, new, now);
        on!(conn, |c| diesel::insert_into(users::table).values(&row).execute(c))?;
        let roles: Vec<RoleRow> = role_rows(id, row.created_at, &row.email_key, grant.roles()).collect();
        insert_roles(conn, &roles)?;
        search_terms::insert(conn, &row.term_rows())?;
        self.append_event(conn, &grant.event(id))?;
        load(conn, &self.vocabulary, id)?.ok_or(StoreError::Changed)
    }
}

/// A role of a user, with the keys by which users are listed: they are those of the user.
#[derive(Insertable)]
#[diesel(table_name = user_roles)]
pub(in crate::store) struct RoleRow {
    user_id: UserId,
    role: &'static str,
    created_at: Time,
    email_key: String,
}

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
    on!(conn, |c| diesel::insert_into(user_roles::table).values(rows).execute(c))?;
    Ok(())
}
