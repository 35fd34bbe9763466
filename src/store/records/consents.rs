//! Consents: the scopes that a user has authorized a client for.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::client_rows::words;
use crate::authz::action::{Delete, ListConsents};
use crate::authz::{Allowed, AuditEvent, RowFilter, Sealed};
use crate::domain::{ClientId, Consent, ConsentOf, SessionId, Time, User, UserId};
use crate::on;
use crate::store::engine::schema::{authorization_codes, clients, consents, sessions};
use crate::store::extension::repository::one_row;
use crate::store::{Connection, Lookup, Store, StoreError, Stored, TrustedStore};

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

fn load(conn: &mut Connection, user: UserId, client: Option<&ClientId>) -> Result<Vec<Consent>, StoreError> {
    let rows: Vec<Row> = on!(conn, DB, |c| {
        let mut query = consents::table
            .inner_join(clients::table)
            .filter(consents::user_id.eq(user))
            .order(consents::client_id)
            .select((
                consents::user_id,
                consents::client_id,
                clients::name,
                consents::scope,
                consents::created_at,
                consents::updated_at,
            ))
            .into_boxed::<DB>();
        if let Some(client) = client {
            query = query.filter(consents::client_id.eq(client.as_str()));
        }
        query.load(c)
    })?;
    Ok(rows.into_iter().map(read).collect())
}

impl Stored for Consent {
    async fn find(
        lookup: Lookup<'_, Self>,
        id: ConsentOf,
        filter: RowFilter,
    ) -> Result<Sealed<Self>, StoreError> {
        let one = move |conn: &mut Connection| Ok(load(conn, id.user, Some(&id.client))?.pop());
        lookup.record_of(id.user, &filter, one).await
    }
}

impl Store {
    /// Returns the consents of a user, by client.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn consents(&self, user: &Allowed<User, ListConsents>) -> Result<Vec<Consent>, StoreError> {
        let id = user.id;
        self.read(move |conn| load(conn, id, None)).await
    }

    /// Withdraws a consent. The client's sessions with this user end, and their tokens are revoked.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if it does not exist any more.
    pub async fn withdraw_consent(&self, consent: Allowed<Consent, Delete>) -> Result<(), StoreError> {
        let (event, shared) = (AuditEvent::from(&consent), self.shared().clone());
        self.write(Some(event), move |conn, changes| {
            let (user, client) = (consent.user_id, consent.client_id.as_str());
            one_row(on!(conn, |c| diesel::delete(consents::table.find((user, client))).execute(c))?)?;
            let codes = authorization_codes::table
                .filter(authorization_codes::user_id.eq(user))
                .filter(authorization_codes::client_id.eq(client));
            on!(conn, |c| diesel::delete(codes).execute(c))?;
            let ended: Vec<SessionId> = on!(conn, |c| sessions::table
                .filter(sessions::user_id.eq(user))
                .filter(sessions::client_id.eq(client))
                .select(sessions::id)
                .load(c))?;
            shared.end_sessions(conn, &ended, changes)
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
        self.read(move |conn| {
            Ok(load(conn, user, Some(&client))?.pop().map(|known| known.scope).unwrap_or_default())
        })
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
    let known = load(conn, user, Some(client))?.pop();
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
    );
    on!(conn, |c| diesel::insert_into(consents::table)
        .values(row)
        .on_conflict((consents::user_id, consents::client_id))
        .do_update()
        .set((consents::scope.eq(&scope), consents::updated_at.eq(now)))
        .execute(c))?;
    Ok(())
}
