//! PostgreSQL: diesel's queries over the driver `tokio-postgres`, with TLS by rustls. Nothing here knows the
//! store; `docs/decisions/0029` has the reasons.

mod connect;
mod connection;
mod environment;
mod pipeline;
mod replay;
mod row;
mod session;
mod sqlstate;
mod statement;
mod tls;
mod url;
mod wire;

pub(in crate::store) use connect::Listener;
pub use connection::PostgresConnection;
pub(in crate::store) use pipeline::Pipeline;
pub(in crate::store) use replay::Replay;
pub(in crate::store) use session::Limit;
pub(in crate::store) use sqlstate::{READ_ONLY, SqlState};
pub(in crate::store) use url::PostgresUrl;
