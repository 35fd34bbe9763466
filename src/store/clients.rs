//! Registered OAuth clients.

use diesel::prelude::*;

use super::error::StoreError;
use super::schema::clients;
use super::{Connection, Lookup, Store, Stored};
use crate::authz::action::{Create, Delete, List, Update};
use crate::authz::{Allowed, Event, Reach, Sealed, Sight};
use crate::domain::{Client, ClientId, NewClient, Revoked, SecretHash, Time};
use crate::on;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = clients)]
struct ClientRow {
    id: String,
    name: Option<String>,
    scope: String,
    grants: String,
    secret_hash: Vec<u8>,
    epoch: i64,
    created_at: Time,
    secret_changed_at: Time,
}

/// What a client is authenticated against and what its tokens say.
pub struct StoredClient {
    /// The client.
    pub client: Client,
    /// SHA-256 of its secret.
    pub secret: SecretHash,
    /// The epoch in which its tokens are issued.
    pub epoch: i64,
}

impl ClientRow {
    fn read(self) -> Result<StoredClient, StoreError> {
        let unreadable = || StoreError::Internal("a stored client cannot be read".to_owned());
        let secret: [u8; 32] = self.secret_hash.try_into().map_err(|_| unreadable())?;
        Ok(StoredClient {
            client: Client {
                id: self.id.parse().map_err(|_| unreadable())?,
                name: self.name,
                scope: words(&self.scope),
                grants: words(&self.grants).iter().filter_map(|grant| grant.parse().ok()).collect(),
                created_at: self.created_at.0,
                secret_changed_at: self.secret_changed_at.0,
            },
            secret: SecretHash::from_bytes(secret),
            epoch: self.epoch,
        })
    }
}

fn words(list: &str) -> Vec<String> {
    list.split_whitespace().map(str::to_owned).collect()
}

fn load(conn: &mut Connection, id: &str) -> Result<Option<StoredClient>, StoreError> {
    let row: Option<ClientRow> = on!(conn, |c| clients::table
        .filter(clients::id.eq(id))
        .select(ClientRow::as_select())
        .get_result(c)
        .optional())?;
    row.map(ClientRow::read).transpose()
}

impl Stored for Client {
    async fn find(lookup: Lookup<'_>, id: ClientId, _: Sight) -> Result<Sealed<Self>, StoreError> {
        lookup.record(move |conn| Ok(load(conn, id.as_str())?.map(|stored| stored.client))).await
    }
}

impl Store {
    /// What a client that calls itself `id` is authenticated against.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn client_credentials(&self, id: String) -> Result<Option<StoredClient>, StoreError> {
        self.read(move |conn| load(conn, &id)).await
    }

    /// Registers a client.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the id is.
    pub async fn create_client(&self, may: Reach<Client, Create>, new: NewClient) -> Result<(), StoreError> {
        let now = self.0.surroundings.clock.now();
        let grants: Vec<&str> = new.grants.iter().map(|grant| grant.as_str()).collect();
        let row = ClientRow {
            id: new.id.to_string(),
            name: new.name,
            scope: new.scope.join(" "),
            grants: grants.join(" "),
            secret_hash: new.secret.as_bytes().to_vec(),
            epoch: now.timestamp_millis(),
            created_at: Time(now),
            secret_changed_at: Time(now),
        };
        let deed = Event::made(&may, &row.id);
        self.write(Some(deed), move |conn, _| {
            on!(conn, |c| diesel::insert_into(clients::table).values(&row).execute(c))?;
            Ok(())
        })
        .await
    }

    /// Every client, by id.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn clients(&self, _may: &Reach<Client, List>) -> Result<Vec<Client>, StoreError> {
        self.read(|conn| {
            let rows: Vec<ClientRow> =
                on!(conn, |c| clients::table.order(clients::id).select(ClientRow::as_select()).load(c))?;
            rows.into_iter().map(|row| Ok(row.read()?.client)).collect()
        })
        .await
    }

    /// Replaces a client's secret; the old one is worth nothing from then on.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when the client is gone.
    pub async fn set_client_secret(
        &self,
        client: Allowed<Client, Update>,
        secret: SecretHash,
    ) -> Result<(), StoreError> {
        let (deed, now) = (Event::from(&client), self.0.surroundings.clock.now());
        self.write(Some(deed), move |conn, _| {
            let rows =
                on!(conn, |c| diesel::update(clients::table.filter(clients::id.eq(client.id.as_str())))
                    .set((
                        clients::secret_hash.eq(secret.as_bytes().as_slice()),
                        clients::secret_changed_at.eq(Time(now)),
                    ))
                    .execute(c))?;
            if rows == 1 { Ok(()) } else { Err(StoreError::Changed) }
        })
        .await
    }

    /// Removes a client; its tokens are dead, also when the id is registered again.
    ///
    /// # Errors
    /// [`StoreError::Changed`] when it is gone already.
    pub async fn delete_client(&self, client: Allowed<Client, Delete>) -> Result<(), StoreError> {
        let (deed, inner) = (Event::from(&client), self.0.clone());
        self.write(Some(deed), move |conn, changes| {
            let this = clients::table.filter(clients::id.eq(client.id.as_str()));
            if on!(conn, |c| diesel::delete(this).execute(c))? != 1 {
                return Err(StoreError::Changed);
            }
            let epoch = inner.surroundings.clock.now().timestamp_millis() + 1;
            changes.revoke(&inner, Revoked::Client(client.id.to_string(), epoch));
            Ok(())
        })
        .await
    }
}
