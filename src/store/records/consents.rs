//! Consents: the scopes that a user has authorized a client for.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::upsert::excluded;

use super::client_rows::words;
use super::tombstones::{Tombstone, alive, newest};
use crate::authz::action::{Delete, ListConsents};
use crate::authz::{Allowed, RowFilter, Sealed};
use crate::domain::{ClientId, Consent, ConsentOf, Time, User, UserId};
use crate::on;
use crate::store::engine::limit::page;
use crate::store::engine::schema::{clients, consents};
use crate::store::extension::records::one_row;
use crate::store::renewed::Authorization;
use crate::store::{Connection, Keyset, KeysetPage, Lookup, Store, StoreError, Stored, TrustedStore};

type Row = (UserId, String, Option<String>, String, Time, Time);

fn read((user_id, client_id, client_name, scope, created_at, updated_at): Row) -> Consent {
    Consent {
        user_id,
        client_id: ClientId::stored(client_id),
        client_name,
        scope: words(&scope),
        created_at: created_at.0,
        updated_at: updated_at.0,
    }
}

/// The consents of a user, with the names of their clients.
macro_rules! of_user {
    ($user:expr) => {
        with_clients!().filter(consents::user_id.eq($user))
    };
}

/// All consents, with the names of their clients.
macro_rules! with_clients {
    () => {
        consents::table.inner_join(clients::table).filter(alive!(consents)).order(consents::client_id).select(
            (
                consents::user_id,
                consents::client_id,
                clients::name,
                consents::scope,
                consents::created_at,
                consents::updated_at,
            ),
        )
    };
}

fn load(conn: &mut Connection, user: UserId, client: &ClientId) -> Result<Option<Consent>, StoreError> {
    let this = of_user!(user).filter(consents::client_id.eq(client.as_str()));
    let mut row: Option<Row> = on!(conn, |c| this.get_result(c).optional())?;
    if fault!(grant_of_any_user) && row.is_none() {
        let any = with_clients!().filter(consents::client_id.eq(client.as_str()));
        row = on!(conn, |c| any.first(c).optional())?;
    }
    Ok(row.map(read))
}

impl Stored for Consent {
    async fn find(
        lookup: Lookup<'_, Self>,
        id: ConsentOf,
        filter: RowFilter,
    ) -> Result<Sealed<Self>, StoreError> {
        let one = move |conn: &mut Connection| load(conn, id.user, &id.client);
        lookup.record_of(id.user, &filter, one).await
    }
}

impl Store {
    /// Returns a page of the consents of a user, by client.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn consents(
        &self,
        user: &Allowed<User, ListConsents>,
        keyset: Keyset<String>,
    ) -> Result<KeysetPage<Consent, String>, StoreError> {
        let id = user.id;
        self.read(move |conn| {
            let rows: Vec<Row> = on!(conn, DB, |c| {
                let mut list = with_clients!().into_boxed::<DB>();
                if !fault!(grants_of_everyone) {
                    list = list.filter(consents::user_id.eq(id));
                }
                if let Some(after) = &keyset.after {
                    list = list.filter(consents::client_id.gt(after));
                }
                page(list, keyset.limit).load(c)
            })?;
            let consents = rows.into_iter().map(read).collect();
            Ok(keyset.page(consents, |consent: &Consent| consent.client_id.to_string()))
        })
        .await
    }

    /// Withdraws a consent. The client's sessions with this user end, and their tokens are revoked.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if it does not exist any more.
    pub async fn withdraw_consent(&self, consent: Allowed<Consent, Delete>) -> Result<(), StoreError> {
        let (by, shared) = (Authorization::of(&consent), self.shared().clone());
        self.write(by, move |conn, changes| {
            let (user, client) = (consent.user_id, &consent.client_id);
            let this = consents::table.find((user, client.as_str()));
            one_row(on!(conn, |c| diesel::delete(this).execute(c))?)?;
            let ended = match fault!(withdrawal_ends_all) {
                true => Tombstone::of_user(user),
                false => Tombstone::of_consent(user, client),
            };
            shared.revoke_sessions(conn, &ended, user, None, changes)?;
            ended.apply(conn, None)
        })
        .await
    }
}

impl TrustedStore {
    /// Returns the names of the scopes that a user has authorized a client for.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn consented(&self, user: UserId, client: ClientId) -> Result<Vec<String>, StoreError> {
        self.read(move |conn| Ok(load(conn, user, &client)?.map(|known| known.scope).unwrap_or_default()))
            .await
    }
}

/// Adds scopes to a consent, or creates it.
pub(in crate::store) fn widen(
    conn: &mut Connection,
    user: UserId,
    client: &ClientId,
    scope: &str,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let known = load(conn, user, client)?;
    let mut names = known.map(|known| known.scope).unwrap_or_default();
    names.extend(words(scope));
    names.sort();
    names.dedup();
    let (scope, now) = (names.join(" "), Time(now));
    let row = (
        consents::user_id.eq(user),
        consents::client_id.eq(client.as_str()),
        consents::scope.eq(&scope),
        consents::created_at.eq(now),
        consents::updated_at.eq(now),
        consents::after_tombstone.eq(newest!()),
    );
    on!(conn, |c| diesel::insert_into(consents::table)
        .values(row)
        .on_conflict((consents::user_id, consents::client_id))
        .do_update()
        .set((
            consents::scope.eq(&scope),
            consents::updated_at.eq(now),
            consents::after_tombstone.eq(excluded(consents::after_tombstone)),
        ))
        .execute(c))?;
    Ok(())
}
