//! Registered OAuth clients.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::client_rows::{MetadataRow, load};
use super::client_secrets;
use super::tombstones::Tombstone;
use crate::authz::action::{Create, Delete, RotateSecret, Update};
use crate::authz::{Allowed, AllowedAmendment, RowFilter, Sealed};
use crate::domain::{Client, ClientId, Revoked, SecretHash, Time};
use crate::on;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::clients;
use crate::store::extension::repository::one_row;
use crate::store::renewed::Authorization;
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
            if let Some(secret) = &secret {
                client_secrets::insert(conn, &row.id, secret, now)?;
            }
            reload(conn, &row.id, now)
        });
        let stored = stored.await?;
        Ok(client.changed(|record| *record = stored))
    }

    /// Replaces the metadata of a client. Deletes the secrets of a client that no longer authenticates with one.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if the client has changed since.
    pub async fn update_client(
        &self,
        change: AllowedAmendment<Client, Update>,
    ) -> Result<Allowed<Client, Update>, StoreError> {
        let (client, Client { metadata, .. }) = change.into_parts();
        let (by, now) = (Authorization::of(&client), self.shared().now());
        let (id, revision) = (client.id.to_string(), client.revision);
        let stored = self.write(by, move |conn, _| {
            let by_secret = metadata.authentication.by_secret();
            let row = MetadataRow::new(metadata.clone(), revision + 1, now);
            one_row(on!(conn, |c| update(unchanged!(id, revision)).set(&row).execute(c))?)?;
            if !by_secret {
                client_secrets::remove_all(conn, &id)?;
            }
            reload(conn, &id, now)
        });
        let stored = stored.await?;
        Ok(client.changed(|record| *record = stored))
    }

    /// Adds a secret. The newest of the former secrets stays valid until `old_until`; the others are deleted.
    ///
    /// # Errors
    /// [`StoreError::Changed`] if the client has changed since: the secret would grant something else.
    pub async fn add_client_secret(
        &self,
        client: Allowed<Client, RotateSecret>,
        secret: SecretHash,
        old_until: DateTime<Utc>,
    ) -> Result<Allowed<Client, RotateSecret>, StoreError> {
        let (by, now) = (Authorization::of(&client), self.shared().now());
        let (id, revision) = (client.id.to_string(), client.revision);
        let stored = self.write_idempotent(by, move |conn, _| {
            let updated = clients::updated_at.eq(Time(now));
            one_row(on!(conn, |c| update(unchanged!(id, revision)).set(updated).execute(c))?)?;
            client_secrets::expire(conn, &id, old_until, now)?;
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
            one_row(on!(conn, |c| diesel::delete(unchanged!(id, revision)).execute(c))?)?;
            let epoch = shared.now().timestamp_millis() + 1;
            changes.revoke(&shared, Revoked::Client(id.to_owned(), epoch));
            Tombstone::of_deleted_client(&client.id).apply(conn, None)
        })
        .await
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
