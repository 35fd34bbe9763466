//! The list of clients, in keyset pages.

use diesel::prelude::*;

use super::client_rows::ClientRow;
use super::client_secrets;
use crate::authz::Reach;
use crate::authz::action::List;
use crate::domain::Client;
use crate::on;
use crate::store::engine::limit::page;
use crate::store::engine::schema::clients;
use crate::store::{Keyset, KeysetPage, Store, StoreError};

impl Store {
    /// Returns a page of the clients, by id.
    ///
    /// # Errors
    /// If the database is unavailable.
    pub async fn list_clients(
        &self,
        reach: &Reach<Client, List>,
        keyset: Keyset<String>,
    ) -> Result<KeysetPage<Client, String>, StoreError> {
        let (everything, now) = (reach.row_filter().is_unrestricted(), self.shared().now());
        self.read(move |conn| {
            let rows: Vec<ClientRow> = on!(conn, DB, |c| {
                let mut list = clients::table.select(ClientRow::as_select()).into_boxed::<DB>();
                if !everything {
                    list = list.filter(false.into_sql::<diesel::sql_types::Bool>());
                }
                if let Some(after) = &keyset.after {
                    list = list.filter(clients::id.gt(after));
                }
                page(list.order(clients::id.asc()), keyset.limit).load(c)
            })?;
            let ids: Vec<&str> = rows.iter().map(|row| row.id.as_str()).collect();
            let secrets = client_secrets::load(conn, &ids, now)?;
            let clients = rows.into_iter().map(|row| row.read(&secrets)).collect::<Result<Vec<_>, _>>()?;
            Ok(keyset.page(clients, |client| client.id.to_string()))
        })
        .await
    }
}
