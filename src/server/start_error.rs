//! Errors at start.

use std::net::SocketAddr;

use super::master_key::MasterKeyError;
use super::replication::ReplicationError;
use super::tls::TlsError;
use crate::domain::NoRandomness;
use crate::hashing::InvalidCost;
use crate::mail::TemplateError;
use crate::qa::test_server::SeedError;
use crate::store::StoreError;
use crate::token::KeyError;

/// Error that keeps the server from starting.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The application has faults that the compiler cannot find.
    #[error("the application has faults:\n{}", .0.join("\n"))]
    Faulty(Vec<String>),
    /// The server is its own trusted issuer.
    #[error("CLOAKROOM_TRUSTED_ISSUERS names {0}, which is this server itself")]
    TrustsItself(String),
    /// The address cannot be used.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The address of the metrics cannot be used.
    #[error("cannot listen on {0} for the metrics: {1}")]
    MetricsListen(SocketAddr, std::io::Error),
    /// The database is not available, or its schema cannot be migrated.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The accounts of a test server cannot be made.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// The exporter of traces cannot be made.
    #[error("traces cannot be sent: {0}")]
    Traces(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The master key cannot be loaded.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// The signing keys cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The signal handlers cannot be installed.
    #[error("cannot install the signal handlers: {0}")]
    Signals(std::io::Error),
    /// The files for TLS cannot be used.
    #[error("TLS cannot be used: {0}")]
    Tls(#[from] TlsError),
    /// The mail server cannot be used.
    #[error("mail cannot be sent: {0}")]
    Mail(String),
    /// A template of the operator has a fault.
    #[error("{0}")]
    MailTemplate(String),
    /// Two metrics have the same name.
    #[error("the metrics cannot be registered: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The cost of a password hash is out of range.
    #[error(transparent)]
    Cost(#[from] InvalidCost),
    /// The operating system provides no random bytes.
    #[error(transparent)]
    Random(#[from] NoRandomness),
}

impl From<TemplateError> for StartError {
    fn from(error: TemplateError) -> Self {
        Self::MailTemplate(error.to_string())
    }
}

impl From<ReplicationError> for StartError {
    fn from(error: ReplicationError) -> Self {
        match error {
            ReplicationError::Store(error) => error.into(),
            ReplicationError::Keys(error) => error.into(),
            ReplicationError::Panic(error) => StoreError::Internal(error.to_string()).into(),
        }
    }
}
