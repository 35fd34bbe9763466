//! Profiles. A profile is a column of `users`, so every user has one.

use std::collections::BTreeMap;

use diesel::prelude::*;

use super::{search_terms, user_rows};
use crate::authz::action::{ReadClaims, Update};
use crate::authz::{Allowed, RowFilter, Sealed};
use crate::domain::{Profile, ProfileChange, ProfileClaim, Time, User, UserId, fold_case};
use crate::on;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::users;
use crate::store::renewed::Authorization;
use crate::store::{Connection, Lookup, Store, StoreError, Stored, TrustedStore};

impl Stored for Profile {
    async fn find(
        lookup: Lookup<'_, Self>,
        id: UserId,
        filter: RowFilter,
    ) -> Result<Sealed<Self>, StoreError> {
        lookup.record_of(id, &filter, move |conn| load(conn, id)).await
    }
}

impl Store {
    /// Returns the profile of a user, for the claims of a token or of `/oauth/userinfo`.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if the user was deleted meanwhile, or if the database is unavailable.
    pub async fn profile_for_claims(&self, user: &Allowed<User, ReadClaims>) -> Result<Profile, StoreError> {
        let id = user.id;
        self.read(move |conn| load(conn, id)?.ok_or(StoreError::Changed)).await
    }

    /// Changes a profile. `expected` is the revision that it must still have. Members that the change does not
    /// name keep their current value.
    ///
    /// # Errors
    /// [`StoreError::Changed`].
    pub async fn update_profile(
        &self,
        profile: Allowed<Profile, Update>,
        change: ProfileChange,
        expected: Option<i64>,
    ) -> Result<Allowed<Profile, Update>, StoreError> {
        let (by, id, now) = (Authorization::of(&profile), profile.user_id, self.shared().now());
        let next = self
            .write(by, move |conn, _| {
                lock(conn, id)?;
                let mut next = load(conn, id)?.ok_or(StoreError::Changed)?;
                if expected.is_some_and(|expected| expected != next.revision) {
                    return Err(StoreError::Changed);
                }
                let name_before = name_key(&next.claims);
                change.clone().apply(&mut next.claims);
                next.revision += 1;
                let name = name_key(&next.claims);
                let is_renamed = name != name_before;
                on!(conn, |c| update(users::table.filter(users::id.eq(id)))
                    .set((
                        users::profile.eq(to_json(&next.claims)),
                        users::profile_revision.eq(next.revision),
                        users::name_key.eq(name),
                        users::updated_at.eq(Time(now)),
                    ))
                    .execute(c))?;
                if fault!(profile_of_everyone) {
                    let claims = users::profile.eq(to_json(&next.claims));
                    on!(conn, |c| update(users::table).set(claims).execute(c))?;
                }
                if is_renamed {
                    search_terms::replace(conn, id)?;
                }
                Ok(next)
            })
            .await?;
        Ok(profile.changed(|record| *record = next))
    }
}

impl TrustedStore {
    /// Returns a user and the profile, for the claims of an ID token. None when the user was deleted.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn user_and_profile(&self, id: UserId) -> Result<Option<(User, Profile)>, StoreError> {
        let vocabulary = self.shared().vocabulary.clone();
        self.read_by_key(move |conn| {
            let user = user_rows::load(conn, &vocabulary, id)?;
            Ok(user.zip(load(conn, id)?))
        })
        .await
    }
}

/// Locks the row until the transaction ends. On SQLite the transaction holds the write lock already.
fn lock(conn: &mut Connection, id: UserId) -> Result<(), StoreError> {
    if let crate::store::engine::connection::Link::Postgres(c) = conn.link() {
        let row = users::table.filter(users::id.eq(id)).select(users::id).for_update();
        row.load::<UserId>(c)?;
    }
    Ok(())
}

fn load(conn: &mut Connection, id: UserId) -> Result<Option<Profile>, StoreError> {
    let row: Option<(String, i64)> = on!(conn, |c| users::table
        .filter(users::id.eq(id))
        .select((users::profile, users::profile_revision))
        .get_result(c)
        .optional())?;
    row.map(|(json, revision)| Ok(Profile { user_id: id, claims: from_json(&json)?, revision })).transpose()
}

/// Serializes a profile for the database: a JSON object of the members that are set.
pub(in crate::store) fn to_json(claims: &BTreeMap<ProfileClaim, String>) -> String {
    let members = claims.iter().map(|(claim, value)| (claim.to_string(), value.clone().into()));
    serde_json::Value::Object(members.collect()).to_string()
}

/// Parses a profile of the database.
pub(in crate::store) fn from_json(json: &str) -> Result<BTreeMap<ProfileClaim, String>, StoreError> {
    let members: BTreeMap<String, String> = serde_json::from_str(json)
        .map_err(|_| StoreError::Internal("a stored profile cannot be read".to_owned()))?;
    Ok(members.into_iter().filter_map(|(name, value)| Some((name.parse().ok()?, value))).collect())
}

/// Returns the case-folded name, for the search.
pub(in crate::store) fn name_key(claims: &BTreeMap<ProfileClaim, String>) -> Option<String> {
    claims.get(&ProfileClaim::Name).map(|name| fold_case(name))
}
