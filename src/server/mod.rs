//! Server: from an application and its settings to a listening server, and its graceful shutdown.

mod beside;
mod client_stream;
mod components;
mod connections;
mod database_wait;
mod duties;
mod expiry;
mod jobs;
mod listening;
mod mail;
pub(crate) mod master_key;
mod replication;
pub(crate) mod resealing;
mod running;
mod services;
pub(crate) mod shutdown;
mod signing_keys;
mod start_error;
mod tls;

pub use beside::Service;
pub(crate) use components::{
    engine, hasher, key_store, open_signer_keys, open_store, seal_signer_key, stored_keys, token_lifetime,
};
pub(crate) use mail::{MailParts, mail_job, mail_sender, transport};
pub use running::Server;
pub use start_error::StartError;
