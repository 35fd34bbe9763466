//! The two database engines: connections, transactions, migrations, the schema and its SQL types.

pub(crate) mod backup;
pub(in crate::store) mod blocking;
pub(in crate::store) mod connection;
pub(in crate::store) mod error;
pub(in crate::store) mod inline_read;
pub(in crate::store) mod limit;
pub(in crate::store) mod migrate;
pub(in crate::store) mod pipelined_read;
pub(in crate::store) mod pool;
pub(in crate::store) mod postgres;
pub(in crate::store) mod prepared_update;
pub(in crate::store) mod retry;
pub(in crate::store) mod schema;
pub(in crate::store) mod snapshot;
pub(in crate::store) mod sql_types;
mod sqlite_file;
pub(in crate::store) mod stall;
pub(in crate::store) mod transaction;
pub(in crate::store) mod writer;
