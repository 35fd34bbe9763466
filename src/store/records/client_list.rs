//! The list of clients, in keyset pages.

use diesel::prelude::*;

use super::client_rows::ClientRow;
use super::client_secrets;
use crate::authz::Reach;
use crate::authz::action::List;
use crate::domain::{Client, ClientId};
use crate::on;
use crate::store::engine::schema::clients;
use crate::store::{Store, StoreError};

/// A page of clients.
pub struct ClientPage {
    /// The clients, by id.
    pub clients: Vec<Client>,
    /// `after` of the next page, if there is one.
    pub next: Option<ClientId>,
}

impl Store {
    /// Returns at most `limit` clients by id, beginning after `after`.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn list_clients(
        &self,
        reach: &Reach<Client, List>,
        after: Option<ClientId>,
        limit: u16,
    ) -> Result<ClientPage, StoreError> {
        let (everything, now) = (reach.row_filter().is_unrestricted(), self.shared().now());
        let most = usize::from(limit);
        self.read(move |conn| {
            let mut rows: Vec<ClientRow> = on!(conn, DB, |c| {
                let mut list = clients::table.select(ClientRow::as_select()).into_boxed::<DB>();
                if !everything {
                    list = list.filter(false.into_sql::<diesel::sql_types::Bool>());
                }
                if let Some(after) = &after {
                    list = list.filter(clients::id.gt(after.to_string()));
                }
                list.order(clients::id.asc()).limit(i64::from(limit) + 1).load(c)
            })?;
            let more = rows.len() > most;
            rows.truncate(most);
            let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
            let secrets = client_secrets::load(conn, &ids, now)?;
            let clients = rows.into_iter().map(|row| row.read(&secrets)).collect::<Result<Vec<_>, _>>()?;
            let next = clients.last().map(|client| client.id.clone()).filter(|_| more);
            Ok(ClientPage { clients, next })
        })
        .await
    }
}
