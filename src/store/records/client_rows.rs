//! Rows of `clients`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::client_secrets::{self, SecretRow};
use crate::domain::{Client, ClientMetadata, RedirectUri, SecretHash, Time};
use crate::on;
use crate::store::engine::schema::{self, clients};
use crate::store::{Connection, StoreError};

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = clients, treat_none_as_default_value = false)]
pub(in crate::store) struct ClientRow {
    pub(in crate::store) id: String,
    epoch: i64,
    created_at: Time,
    #[diesel(embed)]
    metadata: MetadataRow,
}

/// The columns of a client that can be changed.
#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = clients, treat_none_as_null = true, treat_none_as_default_value = false)]
pub(in crate::store) struct MetadataRow {
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
    resources: String,
    first_party: bool,
    userinfo_in_id_token: bool,
}

/// A client with what its authentication and its tokens need.
#[derive(Clone)]
pub struct StoredClient {
    /// The client.
    pub client: Client,
    /// SHA-256 of each valid secret.
    pub secrets: Vec<SecretHash>,
    /// The epoch in which its tokens are issued.
    pub epoch: i64,
}

impl ClientRow {
    pub(in crate::store) fn read(self, secrets: &[SecretRow]) -> Result<Client, StoreError> {
        let unreadable = || StoreError::Internal("a stored client cannot be read".to_owned());
        let uris = |list: &str| -> Result<Vec<RedirectUri>, StoreError> {
            list.split_whitespace().map(|uri| uri.parse().map_err(|_| unreadable())).collect()
        };
        let row = self.metadata;
        Ok(Client {
            metadata: ClientMetadata {
                scope: words(&row.scope),
                grants: words(&row.grants).iter().filter_map(|grant| grant.parse().ok()).collect(),
                authentication: row.authentication.parse().map_err(|_| unreadable())?,
                redirect_uris: uris(&row.redirect_uris)?,
                post_logout_redirect_uris: uris(&row.post_logout_redirect_uris)?,
                name: row.name,
                jwks: row.jwks,
                dpop_bound: row.dpop_bound,
                resources: words(&row.resources),
                first_party: row.first_party,
                userinfo_in_id_token: row.userinfo_in_id_token,
            },
            secrets: client_secrets::ages(secrets, &self.id),
            id: self.id.parse().map_err(|_| unreadable())?,
            revision: row.revision,
            created_at: self.created_at.0,
            updated_at: row.updated_at.0,
        })
    }
}

impl MetadataRow {
    pub(in crate::store) fn new(metadata: ClientMetadata, revision: i64, now: DateTime<Utc>) -> Self {
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
            resources: metadata.resources.join(" "),
            first_party: metadata.first_party,
            userinfo_in_id_token: metadata.userinfo_in_id_token,
        }
    }

    pub(in crate::store) fn into_client(self, id: String, now: DateTime<Utc>) -> ClientRow {
        ClientRow { id, epoch: now.timestamp_millis(), created_at: Time(now), metadata: self }
    }
}

/// Joins URIs with spaces.
fn list(uris: &[RedirectUri]) -> String {
    uris.iter().map(RedirectUri::as_str).collect::<Vec<_>>().join(" ")
}

/// Splits a list at its spaces.
pub(in crate::store) fn words(list: &str) -> Vec<String> {
    list.split_whitespace().map(str::to_owned).collect()
}

/// Reads a client with its valid secrets.
pub(in crate::store) fn load(
    conn: &mut Connection,
    id: &str,
    now: DateTime<Utc>,
) -> Result<Option<StoredClient>, StoreError> {
    // One statement with a fixed text: it is prepared once. Each token request of a client runs it.
    let valid = schema::client_secrets::client_id.eq(clients::id).and(client_secrets::valid_at(Time(now)));
    let found = clients::table
        .left_join(schema::client_secrets::table.on(valid))
        .filter(clients::id.eq(id))
        .order(schema::client_secrets::created_at.desc());
    let found: Vec<(ClientRow, Option<SecretRow>)> =
        on!(conn, |c| found.select((ClientRow::as_select(), Option::<SecretRow>::as_select())).load(c))?;
    let (rows, secrets): (Vec<ClientRow>, Vec<Option<SecretRow>>) = found.into_iter().unzip();
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    let (epoch, secrets) = (row.epoch, secrets.into_iter().flatten().collect::<Vec<_>>());
    let client = row.read(&secrets)?;
    let secrets = secrets.into_iter().map(SecretRow::hash).collect::<Result<_, _>>()?;
    Ok(Some(StoredClient { client, secrets, epoch }))
}
