//! Why the server does not start.

use std::net::SocketAddr;

use super::master_key::MasterKeyError;
use super::replication::FollowError;
use super::tls::TlsError;
use crate::domain::NoRandomness;
use crate::hashing::InvalidCost;
use crate::store::StoreError;
use crate::token::KeyError;

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The application has faults that the compiler could not see.
    #[error("the application is faulty:\n{}", .0.join("\n"))]
    Faulty(Vec<String>),
    /// The server would take its own tokens for another's.
    #[error("CLOAKROOM_TRUSTED_ISSUERS names {0}, which is this server itself")]
    TrustsItself(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The database is away, or its schema could not be brought up to date.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Traces cannot be sent.
    #[error("traces cannot be sent: {0}")]
    Traces(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The master key cannot be had.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The signing keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The system does not say when to stop.
    #[error("cannot wait for signals: {0}")]
    Signals(std::io::Error),
    /// TLS was asked for, and cannot be had.
    #[error("no TLS: {0}")]
    Tls(#[from] TlsError),
    /// Two things are counted under one name.
    #[error("the metrics are faulty: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The cost of a password hash is out of range.
    #[error(transparent)]
    Cost(#[from] InvalidCost),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

impl From<FollowError> for StartError {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::Store(error) => error.into(),
            FollowError::Keys(error) => error.into(),
            FollowError::Panic(error) => StoreError::Internal(error.to_string()).into(),
        }
    }
}
