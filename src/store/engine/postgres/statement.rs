//! Statements of diesel's queries.

use std::sync::{Arc, OnceLock};

use diesel::QueryResult;
use diesel::pg::PgTypeMetadata;
use diesel::result::Error as DieselError;
use tokio_postgres::types::{Kind, Type};
use tokio_postgres::{Client, Error as DriverError, RowStream, Statement as Prepared};

use super::row::Parameter;

/// A query's text with the types of its parameters. A statement belongs to one connection.
pub(super) struct Statement {
    text: String,
    types: Vec<Type>,
    /// The statement that the server prepared, after its first use. None for one that is not kept.
    prepared: Option<OnceLock<Prepared>>,
}

impl Statement {
    /// # Errors
    /// When the type of a parameter is not known.
    pub(super) fn new(text: &str, metadata: &[PgTypeMetadata], is_kept: bool) -> QueryResult<Self> {
        let of = |metadata: &PgTypeMetadata| {
            let oid = metadata.oid().map_err(|error| DieselError::SerializationError(Box::new(error)))?;
            let other = || Type::new("application".to_owned(), oid, Kind::Simple, "public".to_owned());
            Ok(Type::from_oid(oid).unwrap_or_else(other))
        };
        let types = metadata.iter().map(of).collect::<QueryResult<_>>()?;
        Ok(Self { text: text.to_owned(), types, prepared: is_kept.then(OnceLock::new) })
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// A statement with the values of its parameters.
pub(super) struct Question {
    pub(super) statement: Arc<Statement>,
    pub(super) parameters: Vec<Parameter>,
}

impl Question {
    /// Sends the statement, and prepares it before its first use. One that is not kept is prepared and run in one
    /// round trip.
    ///
    /// # Errors
    /// The error of the server, or that of the connection.
    pub(super) async fn send(self, client: &Client) -> Result<RowStream, DriverError> {
        let Self { statement, parameters } = self;
        let Statement { text, types, prepared } = &*statement;
        let Some(prepared) = prepared else {
            return client.query_typed_raw(text, parameters.into_iter().zip(types.clone())).await;
        };
        let known = match prepared.get() {
            Some(known) => known,
            // Another query may prepare it at the same time.
            None => {
                let new = client.prepare_typed(text, types).await?;
                prepared.get_or_init(|| new)
            }
        };
        client.query_raw(known, parameters).await
    }
}
