//! Registered OAuth clients.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::client_secrets;
use super::client_secrets::KeptSecret;
use crate::authz::action::{Create, Delete, RotateSecret, Update};
use crate::authz::{Allowed, AllowedAmendment, AuditEvent, RowFilter, Sealed};
use crate::domain::{Client, ClientId, ClientMetadata, RedirectUri, Revoked, SecretHash, Time};
use crate::on;
use crate::store::engine::connection::Connection;
use crate::store::engine::error::StoreError;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema;
use crate::store::engine::schema::{clients, sessions};
use crate::store::extension::lookup::{Lookup, Stored};
use crate::store::extension::repository::one_row;
use crate::store::handle::Store;
use crate::store::trusted::TrustedStore;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = clients, treat_none_as_default_value = false)]
pub(in crate::store) struct ClientRow {
    pub(in crate::store) id: String,
    name: Option<String>,
    scope: String,
    grants: String,
    epoch: i64,
    created_at: Time,
    authentication: String,
    redirect_uris: String,
    post_logout_redirect_uris: String,
    jwks: Option<String>,
    dpop_bound: bool,
    revision: i64,
    updated_at: Time,
}

/// What of a client can be changed.
#[derive(AsChangeset)]
#[diesel(table_name = clients, treat_none_as_null = true)]
struct MetadataRow {
    name: Option<String>,
    scope: String,
    grants: String,
    authentication: String,
    redirect_uris: String,
    post_logout_redirect_uris: String,
    jwks: Option<String>,
    dpop_bound: bool,
    revision: i64,
    updated_at: Time,
}

/// What a client is authenticated against and what its tokens say.
#[derive(Clone)]
pub struct StoredClient {
    /// The client.
    pub client: Client,
    /// SHA-256 of each of its secrets that is still good.
    pub secrets: Vec<SecretHash>,
    /// The epoch in which its tokens are issued.
    pub epoch: i64,
}

impl ClientRow {
    pub(in crate::store) fn read(self, secrets: &[KeptSecret]) -> Result<Client, StoreError> {
        let unreadable = || StoreError::Internal("a stored client cannot be read".to_owned());
        let uris = |list: &str| -> Result<Vec<RedirectUri>, StoreError> {
            list.split_whitespace().map(|uri| uri.parse().map_err(|_| unreadable())).collect()
        };
        Ok(Client {
            metadata: ClientMetadata {
                scope: words(&self.scope),
                grants: words(&self.grants).iter().filter_map(|grant| grant.parse().ok()).collect(),
                authentication: self.authentication.parse().map_err(|_| unreadable())?,
                redirect_uris: uris(&self.redirect_uris)?,
                post_logout_redirect_uris: uris(&self.post_logout_redirect_uris)?,
                name: self.name,
                jwks: self.jwks,
                dpop_bound: self.dpop_bound,
            },
            secrets: client_secrets::ages(secrets, &self.id),
            id: self.id.parse().map_err(|_| unreadable())?,
            revision: self.revision,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
        })
    }
}

impl MetadataRow {
    fn of(metadata: ClientMetadata, revision: i64, now: DateTime<Utc>) -> Self {
        let grants: Vec<&str> = metadata.grants.iter().map(|grant| grant.as_str()).collect();
        Self {
            name: metadata.name,
            scope: metadata.scope.join(" "),
            grants: grants.join(" "),
            authentication: metadata.authentication.to_string(),
            redirect_uris: list(&metadata.redirect_uris),
            post_logout_redirect_uris: list(&metadata.post_logout_redirect_uris),
            jwks: metadata.jwks,
            dpop_bound: metadata.dpop_bound,
            revision,
            updated_at: Time(now),
        }
    }

    fn insertable(self, id: String, now: DateTime<Utc>) -> ClientRow {
        ClientRow {
            id,
            name: self.name,
            scope: self.scope,
            grants: self.grants,
            epoch: now.timestamp_millis(),
            created_at: Time(now),
            authentication: self.authentication,
            redirect_uris: self.redirect_uris,
            post_logout_redirect_uris: self.post_logout_redirect_uris,
            jwks: self.jwks,
            dpop_bound: self.dpop_bound,
            revision: self.revision,
            updated_at: self.updated_at,
        }
    }
}

fn list(uris: &[RedirectUri]) -> String {
    uris.iter().map(RedirectUri::as_str).collect::<Vec<_>>().join(" ")
}

pub(in crate::store) fn words(list: &str) -> Vec<String> {
    list.split_whitespace().map(str::to_owned).collect()
}

pub(in crate::store) fn load(
    conn: &mut Connection,
    id: &str,
    now: DateTime<Utc>,
) -> Result<Option<StoredClient>, StoreError> {
    // One statement, whose text is always the same: it is prepared once, and a client asks for a token with it.
    let good = schema::client_secrets::client_id.eq(clients::id).and(client_secrets::good(Time(now)));
    let found = clients::table
        .left_join(schema::client_secrets::table.on(good))
        .filter(clients::id.eq(id))
        .order(schema::client_secrets::created_at.desc());
    let found: Vec<(ClientRow, Option<KeptSecret>)> =
        on!(conn, |c| found.select((ClientRow::as_select(), Option::<KeptSecret>::as_select())).load(c))?;
    let (rows, secrets): (Vec<ClientRow>, Vec<Option<KeptSecret>>) = found.into_iter().unzip();
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    let (epoch, secrets) = (row.epoch, secrets.into_iter().flatten().collect::<Vec<_>>());
    let client = row.read(&secrets)?;
    let secrets = secrets.into_iter().map(KeptSecret::hash).collect::<Result<_, _>>()?;
    Ok(Some(StoredClient { client, secrets, epoch }))
}

/// The client after a change.
fn as_it_is_now(conn: &mut Connection, id: &str, now: DateTime<Utc>) -> Result<Client, StoreError> {
    Ok(load(conn, id, now)?.ok_or(StoreError::Changed)?.client)
}

/// The client as the caller's decision knows it: who may do what to it depends on what it may do.
macro_rules! unchanged {
    ($id:expr, $revision:expr) => {
        clients::table.filter(clients::id.eq(&$id)).filter(clients::revision.eq($revision))
    };
}

impl Stored for Client {
    async fn find(lookup: Lookup<'_>, id: ClientId, _: RowFilter) -> Result<Sealed<Self>, StoreError> {
        let now = lookup.shared().now();
        lookup.own_record(move |conn| Ok(load(conn, id.as_str(), now)?.map(|stored| stored.client))).await
    }
}

impl Store {
    /// Registers a client, with its secret if it authenticates by one.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the id is.
    pub async fn create_client(
        &self,
        client: Allowed<Client, Create>,
        secret: Option<SecretHash>,
    ) -> Result<Allowed<Client, Create>, StoreError> {
        let (deed, now) = (AuditEvent::from(&client), client.created_at);
        let row = MetadataRow::of(client.metadata.clone(), client.revision, now);
        let row = row.insertable(client.id.to_string(), now);
        let stored = self.write_once(Some(deed), move |conn, _| {
            on!(conn, |c| diesel::insert_into(clients::table).values(&row).execute(c))?;
            if let Some(secret) = &secret {
                client_secrets::insert(conn, &row.id, secret, now)?;
            }
            as_it_is_now(conn, &row.id, now)
        });
        let stored = stored.await?;
        Ok(client.changed(|record| *record = stored))
    }

    /// Replaces what is registered of a client. A client that no longer authenticates by a secret
    /// has none from then on.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when somebody else changed it.
    pub async fn update_client(
        &self,
        change: AllowedAmendment<Client, Update>,
    ) -> Result<Allowed<Client, Update>, StoreError> {
        let (client, Client { metadata, .. }) = change.into_parts();
        let (deed, now) = (AuditEvent::from(&client), self.shared().now());
        let (id, revision) = (client.id.to_string(), client.revision);
        let stored = self.write(Some(deed), move |conn, _| {
            let by_secret = metadata.authentication.by_secret();
            let row = MetadataRow::of(metadata.clone(), revision + 1, now);
            one_row(on!(conn, |c| update(unchanged!(id, revision)).set(&row).execute(c))?)?;
            if !by_secret {
                client_secrets::remove_all(conn, &id)?;
            }
            as_it_is_now(conn, &id, now)
        });
        let stored = stored.await?;
        Ok(client.changed(|record| *record = stored))
    }

    /// Gives a client another secret. The newest of those that it had is good until `old_until`,
    /// the others are not any more.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when somebody else changed it: the secret would be worth something
    /// else.
    pub async fn add_client_secret(
        &self,
        client: Allowed<Client, RotateSecret>,
        secret: SecretHash,
        old_until: DateTime<Utc>,
    ) -> Result<Allowed<Client, RotateSecret>, StoreError> {
        let (deed, now) = (AuditEvent::from(&client), self.shared().now());
        let (id, revision) = (client.id.to_string(), client.revision);
        let stored = self.write_once(Some(deed), move |conn, _| {
            let touched = clients::updated_at.eq(Time(now));
            one_row(on!(conn, |c| update(unchanged!(id, revision)).set(touched).execute(c))?)?;
            client_secrets::expire(conn, &id, old_until, now)?;
            client_secrets::insert(conn, &id, &secret, now)?;
            as_it_is_now(conn, &id, now)
        });
        let stored = stored.await?;
        Ok(client.changed(|record| *record = stored))
    }

    /// Removes a client; its tokens and those that its users gave it are dead, also when the id is
    /// registered again.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when somebody else changed it, or it is gone already.
    pub async fn delete_client(&self, client: Allowed<Client, Delete>) -> Result<(), StoreError> {
        let (deed, inner) = (AuditEvent::from(&client), self.shared().clone());
        let revision = client.revision;
        self.write(Some(deed), move |conn, changes| {
            let id = client.id.as_str();
            one_row(on!(conn, |c| diesel::delete(unchanged!(id, revision)).execute(c))?)?;
            let of_users = sessions::table.filter(sessions::client_id.eq(id));
            on!(conn, |c| diesel::delete(of_users).execute(c))?;
            let epoch = inner.now().timestamp_millis() + 1;
            changes.revoke(&inner, Revoked::Client(id.to_owned(), epoch));
            Ok(())
        })
        .await
    }
}

impl TrustedStore {
    /// What a client that calls itself `id` is authenticated against.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn client_by_id(&self, id: ClientId) -> Result<Option<StoredClient>, StoreError> {
        let now = self.shared().now();
        self.read_by_key(move |conn| load(conn, id.as_str(), now)).await
    }
}
