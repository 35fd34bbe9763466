//! Registered OAuth clients.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use diesel::dsl::max;
use diesel::prelude::*;

use super::client_rows::{MetadataRow, load};
use super::client_secrets;
use super::revocations::delete_revocations;
use super::tombstones::Tombstone;
use crate::authz::action::{Create, Delete, RotateSecret, Update};
use crate::authz::{Allowed, AllowedAmendment, RowFilter, Sealed};
use crate::domain::{Client, ClientId, Revoked, SecretHash, Time};
use crate::on;
use crate::store::changes::Changes;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{clients, revocations};
use crate::store::extension::records::one_row;
use crate::store::renewed::Authorization;
use crate::store::shared::Shared;
use crate::store::{Connection, Lookup, Store, StoreError, Stored, StoredClient, TrustedStore};

/// Reads a client after a change.
fn reload(conn: &mut Connection, id: &str, now: DateTime<Utc>) -> Result<Client, StoreError> {
    Ok(load(conn, id, now)?.ok_or(StoreError::Changed)?.client)
}

/// The client, if it still has the revision that was authorized. Authorization depends on its scopes, which may
/// have changed since.
macro_rules! unchanged {
    ($id:expr, $revision:expr) => {
        clients::table.filter(clients::id.eq(&$id)).filter(clients::revision.eq($revision))
    };
}

impl Stored for Client {
    async fn find(lookup: Lookup<'_, Self>, id: ClientId, _: RowFilter) -> Result<Sealed<Self>, StoreError> {
        let now = lookup.shared().now();
        lookup.own_record(move |conn| Ok(load(conn, id.as_str(), now)?.map(|stored| stored.client))).await
    }
}

impl Store {
    /// Creates a client, with a secret if it authenticates with one.
    ///
    /// # Errors
    /// [`StoreError::Taken`] if the id exists.
    pub async fn create_client(
        &self,
        client: Allowed<Client, Create>,
        secret: Option<SecretHash>,
    ) -> Result<Allowed<Client, Create>, StoreError> {
        let (by, now) = (Authorization::of(&client), client.created_at);
        let row = MetadataRow::new(client.metadata.clone(), client.revision, now);
        let row = row.into_client(client.id.to_string(), now);
        let stored = self.write_idempotent(by, move |conn, _| {
            on!(conn, |c| diesel::insert_into(clients::table).values(&row).execute(c))?;
            raise_epoch(conn, &row.id)?;
            if let Some(secret) = &secret {
                client_secrets::insert(conn, &row.id, secret, now)?;
            }
            reload(conn, &row.id, now)
        });
        let stored = stored.await?;
        Ok(client.changed(|record| *record = stored))
    }

    /// Replaces the metadata of a client. Deletes the secrets of a client that no longer authenticates with one.
    /// A change that takes something away revokes its access tokens and those of its users. Their sessions end
    /// with the grant types on which they depend.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if the client has changed since.
    pub async fn update_client(
        &self,
        change: AllowedAmendment<Client, Update>,
    ) -> Result<Allowed<Client, Update>, StoreError> {
        let (client, Client { metadata, .. }) = change.into_parts();
        let (by, shared) = (Authorization::of(&client), self.shared().clone());
        let (id, revision, now) = (client.id.to_string(), client.revision, shared.now());
        let takes_away = client.metadata.loses_something_to(&metadata);
        let ended = client.metadata.loses_sessions_to(&metadata).then(|| Tombstone::of_client(&client.id));
        let stored = self.write(by, move |conn, changes| {
            let by_secret = metadata.authentication.by_secret();
            let row = MetadataRow::new(metadata.clone(), revision + 1, now);
            one_row(on!(conn, |c| update(unchanged!(id, revision)).set(&row).execute(c))?)?;
            if !by_secret {
                client_secrets::remove_all(conn, &id)?;
            }
            if takes_away {
                shared.begin_client_epoch(conn, &id, changes)?;
            }
            if let Some(ended) = ended.clone() {
                ended.apply(conn, None)?;
            }
            reload(conn, &id, now)
        });
        let stored = stored.await?;
        Ok(client.changed(|record| *record = stored))
    }

    /// Adds a secret. The newest of the former secrets stays valid until `old_until`; the others are deleted. When
    /// one ends at once, so do the access tokens of the client and of its users. Sessions go on, because a refresh
    /// needs the new secret.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if the client has changed since: the secret would grant something else.
    pub async fn add_client_secret(
        &self,
        client: Allowed<Client, RotateSecret>,
        secret: SecretHash,
        old_until: DateTime<Utc>,
    ) -> Result<Allowed<Client, RotateSecret>, StoreError> {
        let (by, shared) = (Authorization::of(&client), self.shared().clone());
        let (id, revision, now) = (client.id.to_string(), client.revision, shared.now());
        let stored = self.write_idempotent(by, move |conn, changes| {
            let updated = clients::updated_at.eq(Time(now));
            one_row(on!(conn, |c| update(unchanged!(id, revision)).set(updated).execute(c))?)?;
            if client_secrets::expire(conn, &id, old_until, now)? {
                shared.begin_client_epoch(conn, &id, changes)?;
            }
            client_secrets::insert(conn, &id, &secret, now)?;
            reload(conn, &id, now)
        });
        let stored = stored.await?;
        Ok(client.changed(|record| *record = stored))
    }

    /// Deletes a client and revokes its tokens and those of its users. They stay invalid if the id is registered
    /// again.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if the client has changed since or does not exist any more.
    pub async fn delete_client(&self, client: Allowed<Client, Delete>) -> Result<(), StoreError> {
        let (by, shared) = (Authorization::of(&client), self.shared().clone());
        let revision = client.revision;
        self.write(by, move |conn, changes| {
            let id = client.id.as_str();
            shared.begin_client_epoch(conn, id, changes)?;
            one_row(on!(conn, |c| diesel::delete(unchanged!(id, revision)).execute(c))?)?;
            Tombstone::of_deleted_client(&client.id).apply(conn, None)
        })
        .await
    }
}

/// Raises the epoch of a new client to that of the revocation of an earlier client with this id. The clock of the
/// replica that deleted it may be ahead, or the same millisecond may last still. Runs after the insertion, which
/// waits for a concurrent deletion.
fn raise_epoch(conn: &mut Connection, id: &str) -> Result<(), StoreError> {
    let earlier =
        revocations::table.filter(revocations::subject.eq(id)).filter(revocations::kind.eq("client"));
    let earlier: Option<i64> = on!(conn, |c| earlier.select(max(revocations::epoch)).get_result(c))?;
    if let Some(epoch) = earlier {
        let lower = clients::table.filter(clients::id.eq(id)).filter(clients::epoch.lt(epoch));
        on!(conn, |c| update(lower).set(clients::epoch.eq(epoch)).execute(c))?;
    }
    Ok(())
}

impl Shared {
    /// Begins a new epoch of a client, which revokes its access tokens and those of its users. Locks the row of the
    /// client. A client that does not exist any more has none.
    pub(in crate::store) fn begin_client_epoch(
        &self,
        conn: &mut Connection,
        id: &str,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let this = clients::table.filter(clients::id.eq(id));
        // Increments before it reads: the row stays locked, so that no epoch is lower than an earlier one.
        if on!(conn, |c| update(this).set(clients::epoch.eq(clients::epoch + 1)).execute(c))? == 0 {
            return Ok(());
        }
        let next: i64 = on!(conn, |c| this.select(clients::epoch).get_result(c))?;
        // A token without the claim of this epoch is compared by the time at which it was issued.
        let epoch = next.max(self.now().timestamp_millis() + 1);
        on!(conn, |c| update(this).set(clients::epoch.eq(epoch)).execute(c))?;
        // The new revocation includes the earlier ones, so that a client has one row.
        delete_revocations(conn, "client", id)?;
        changes.revoke(self, Revoked::Client(id.to_owned(), epoch));
        Ok(())
    }
}

impl TrustedStore {
    /// Returns the client with this id, for its authentication.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub(crate) async fn client_by_id(&self, id: ClientId) -> Result<Option<StoredClient>, StoreError> {
        let now = self.shared().now();
        self.read_by_key(move |conn| load(conn, id.as_str(), now)).await
    }
}
