//! Import and export of users in bulk, for the operator.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::user_rows::{NewUserRow, UserRow, insert_roles, role_rows};
use super::{profiles, search_terms};
use crate::authz::action::List;
use crate::authz::{Reach, RoleGrant};
use crate::domain::{PasswordHash, Profile, Time, User, UserId};
use crate::on;
use crate::store::engine::schema::{user_roles, users};
use crate::store::shared::Shared;
use crate::store::{Connection, Entry, NewUser, Store, StoreError, TrustedStore};

/// A user to import.
pub(crate) struct ImportedUser {
    /// The id; `None` for a new one.
    pub(crate) id: Option<UserId>,
    /// The members that every user has.
    pub(crate) new: NewUser,
    /// True if the address is verified.
    pub(crate) email_verified: bool,
    /// Time of creation; `None` is now.
    pub(crate) created_at: Option<DateTime<Utc>>,
    /// Time of the last change; `None` is the time of creation.
    pub(crate) updated_at: Option<DateTime<Utc>>,
    /// Time of the last login.
    pub(crate) last_login_at: Option<DateTime<Utc>>,
    /// The proof that the user may have these roles.
    pub(crate) grant: RoleGrant,
}

/// Result of the import of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ImportOutcome {
    /// The user was created.
    Created,
    /// The id, the address or the external id exists already. Nothing was done.
    Exists,
    /// The address and the external id belong to different accounts. Nothing was done.
    Conflict,
}

/// A user with profile and password hash.
pub(crate) struct ExportedUser {
    pub(crate) user: User,
    pub(crate) profile: Profile,
    pub(crate) password: Option<PasswordHash>,
}

/// Ids, addresses and external ids that exist.
#[derive(Default)]
struct Taken {
    ids: HashSet<UserId>,
    /// Each address with the external id of its account.
    email_keys: HashMap<String, Option<String>>,
    /// Each external id with the address of its account.
    external_ids: HashMap<String, String>,
}

impl Taken {
    /// Reads which ids, addresses and external ids of `rows` exist.
    fn load(conn: &mut Connection, rows: &[NewUserRow]) -> Result<Self, StoreError> {
        let ids: Vec<UserId> = rows.iter().map(|row| row.id).collect();
        let keys: Vec<&str> = rows.iter().map(|row| row.email_key.as_str()).collect();
        let found: Vec<(UserId, String, Option<String>)> = on!(conn, |c| users::table
            .filter(users::id.eq_any(&ids).or(users::email_key.eq_any(&keys)))
            .select((users::id, users::email_key, users::external_id))
            .load(c))?;
        let (ids, email_keys) = found.into_iter().map(|(id, key, external)| (id, (key, external))).unzip();
        let external: Vec<&str> = rows.iter().filter_map(|row| row.external_id.as_deref()).collect();
        // The index has no null, and PostgreSQL uses it only if the condition says so.
        let known: Vec<(Option<String>, String)> = on!(conn, |c| users::table
            .filter(users::external_id.is_not_null())
            .filter(users::external_id.eq_any(&external))
            .select((users::external_id, users::email_key))
            .load(c))?;
        let external_ids = known.into_iter().filter_map(|(id, key)| Some((id?, key))).collect();
        Ok(Self { ids, email_keys, external_ids })
    }

    /// Adds the unique values of a row, or returns why it cannot be created.
    fn take(&mut self, row: &NewUserRow) -> ImportOutcome {
        let (of_address, external) = (self.email_keys.get(&row.email_key), row.external_id.as_ref());
        let of_external = external.and_then(|id| self.external_ids.get(id));
        let is_another = of_external.is_some_and(|key| *key != row.email_key)
            || of_address.is_some_and(|of| of.is_some() && external.is_some() && of.as_ref() != external);
        if is_another {
            return ImportOutcome::Conflict;
        }
        if self.ids.contains(&row.id) || of_address.is_some() || of_external.is_some() {
            return ImportOutcome::Exists;
        }
        self.ids.insert(row.id);
        self.email_keys.insert(row.email_key.clone(), row.external_id.clone());
        self.external_ids.extend(external.map(|id| (id.clone(), row.email_key.clone())));
        ImportOutcome::Created
    }
}

impl Store {
    /// Returns at most `limit` users by id, beginning after `after`.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn export_users(
        &self,
        _: &Reach<User, List>,
        after: Option<UserId>,
        limit: u16,
    ) -> Result<Vec<ExportedUser>, StoreError> {
        let vocabulary = self.shared().vocabulary.clone();
        self.read(move |conn| {
            let rows: Vec<(UserRow, String, i64, Option<String>)> = on!(conn, DB, |c| {
                let mut page = users::table
                    .select((
                        UserRow::as_select(),
                        users::profile,
                        users::profile_revision,
                        users::password_hash,
                    ))
                    .order(users::id)
                    .limit(i64::from(limit))
                    .into_boxed::<DB>();
                if let Some(after) = after {
                    page = page.filter(users::id.gt(after));
                }
                page.load(c)
            })?;
            let ids: Vec<UserId> = rows.iter().map(|(row, ..)| row.id()).collect();
            let roles: Vec<(UserId, String)> = on!(conn, |c| user_roles::table
                .filter(user_roles::user_id.eq_any(&ids))
                .select((user_roles::user_id, user_roles::role))
                .load(c))?;
            let mut roles_of: HashMap<UserId, Vec<_>> = HashMap::new();
            for (id, role) in roles {
                roles_of.entry(id).or_default().extend(vocabulary.role(&role));
            }
            let export = |(row, profile, revision, hash): (UserRow, String, i64, Option<String>)| {
                let user_id = row.id();
                Ok(ExportedUser {
                    user: row.with_roles(roles_of.remove(&user_id).unwrap_or_default()),
                    profile: Profile { user_id, claims: profiles::from_json(&profile)?, revision },
                    password: hash.map(PasswordHash::from_phc),
                })
            };
            rows.into_iter().map(export).collect()
        })
        .await
    }
}

impl TrustedStore {
    /// Creates users in one transaction, each with its audit entry. Users that exist already do not change.
    ///
    /// # Errors
    /// If the database is unavailable, or a concurrent request took one of the values
    /// ([`StoreError::Taken`], [`StoreError::ExternalIdTaken`]). Then no user was created, and the import can be retried.
    pub(crate) async fn import_users(
        &self,
        users: Vec<Arc<ImportedUser>>,
    ) -> Result<Vec<ImportOutcome>, StoreError> {
        let shared = self.shared().clone();
        self.write(None, move |conn, _| shared.import_users(conn, &users)).await
    }
}

impl Shared {
    fn import_users(
        &self,
        conn: &mut Connection,
        users: &[Arc<ImportedUser>],
    ) -> Result<Vec<ImportOutcome>, StoreError> {
        conn.expect_many_writes()?;
        let now = self.now();
        let rows = users.iter().map(|user| self.row(user, now)).collect::<Result<Vec<_>, StoreError>>()?;
        let mut taken = Taken::load(conn, &rows)?;
        let (mut outcomes, mut made) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
        let (mut roles, mut terms) = (Vec::new(), Vec::new());
        let mut entries = Vec::with_capacity(rows.len());
        for (row, user) in rows.into_iter().zip(users) {
            let outcome = taken.take(&row);
            outcomes.push(outcome);
            if outcome != ImportOutcome::Created {
                continue;
            }
            let id = row.id;
            roles.extend(role_rows(id, row.created_at, &row.email_key, user.grant.roles()));
            terms.extend(row.term_rows());
            entries.push(Entry::of(&user.grant.event(id), self.new_uuid(now)?, now));
            made.push(row);
        }
        on!(conn, |c| diesel::insert_into(users::table).values(&made).execute(c))?;
        insert_roles(conn, &roles)?;
        search_terms::insert(conn, &terms)?;
        self.insert_entries(conn, &entries)?;
        Ok(outcomes)
    }

    fn row(&self, user: &ImportedUser, now: DateTime<Utc>) -> Result<NewUserRow, StoreError> {
        let created_at = user.created_at.unwrap_or(now);
        let id = match user.id {
            Some(id) => id,
            None => UserId(self.new_uuid(created_at)?),
        };
        let mut row = NewUserRow::new(id, &user.new, created_at);
        row.email_verified = user.email_verified && !user.new.email.is_placeholder();
        row.updated_at = Time(user.updated_at.unwrap_or(created_at));
        row.last_login_at = user.last_login_at.map(Time);
        Ok(row)
    }
}
