//! TLS of the server, by rustls: versions 1.2 and 1.3 with its defaults. The certificate is read again when
//! its files change, so that a renewal needs no restart.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use prometheus::IntGauge;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use x509_cert::der::Decode as _;
use zeroize::Zeroizing;

use crate::config::TlsFiles;
use crate::text_file::read_bytes;

/// Interval between two checks of the files.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Error of the certificate or its key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or does not contain the expected PEM block.
    #[error("{} cannot be read as PEM: {why}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// The key has an unsupported type, or does not belong to the certificate.
    #[error("the certificate and the key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// Certificate in use.
#[derive(Debug)]
pub(crate) struct Certificate {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads the files.
    ///
    /// # Errors
    /// See [`TlsError`].
    pub(crate) fn read(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = RwLock::new(Arc::new(certified_key(&files, &provider)?));
        Ok(Arc::new(Self { files, provider, current }))
    }

    /// Returns the TLS configuration of a server with this certificate.
    ///
    /// # Errors
    /// When the library supports none of the versions.
    pub(crate) fn server_config(self: &Arc<Self>) -> Result<ServerConfig, TlsError> {
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<Self>::clone(self);
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        // The order of cipher suites is the library's.
        config.ignore_client_order = true;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(config)
    }

    /// Returns the time at which the certificate expires, in seconds since 1970. None when it has another form than X.509.
    fn expires(&self) -> Option<i64> {
        let current = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        let certificate = x509_cert::Certificate::from_der(current.cert.first()?).ok()?;
        let end = certificate.tbs_certificate.validity.not_after.to_unix_duration();
        i64::try_from(end.as_secs()).ok()
    }

    /// Reads the files again whenever one of them changes. An invalid certificate is not used. `expires` gets the time of
    /// expiry of the one in use.
    pub(crate) async fn reload(self: Arc<Self>, expires: IntGauge) {
        let mut seen = state(&self.files);
        expires.set(self.expires().unwrap_or_default());
        loop {
            tokio::time::sleep(CHECK_INTERVAL).await;
            let now = state(&self.files);
            if now == seen {
                continue;
            }
            seen = now;
            match certified_key(&self.files, &self.provider) {
                Ok(key) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                    expires.set(self.expires().unwrap_or_default());
                    log::info!("the certificate {} was reloaded", self.files.certificate.display());
                }
                Err(error) => {
                    log::error!("the changed certificate is not used, the previous one stays: {error}")
                }
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Returns the modification times and lengths of the files, to detect a change or a replacement.
fn state(files: &TlsFiles) -> [Option<(SystemTime, u64)>; 2] {
    let of = |path: &Path| -> io::Result<_> {
        let metadata = path.metadata()?;
        Ok((metadata.modified()?, metadata.len()))
    };
    [of(&files.certificate).ok(), of(&files.key).ok()]
}

fn certified_key(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let TlsFiles { certificate, key } = files;
    let chain: Vec<CertificateDer<'static>> = read_pem(certificate)
        .and_then(|pem| CertificateDer::pem_slice_iter(&pem).collect())
        .map_err(|error| unreadable(certificate, &error.to_string()))?;
    if chain.is_empty() {
        return Err(unreadable(certificate, "it contains no certificate"));
    }
    let key = read_pem(key)
        .and_then(|pem| PrivateKeyDer::from_pem_slice(&pem))
        .map_err(|error| unreadable(key, &error.to_string()))?;
    Ok(CertifiedKey::from_der(chain, key, provider)?)
}

fn read_pem(path: &Path) -> Result<Zeroizing<Vec<u8>>, pem::Error> {
    read_bytes(path).map_err(pem::Error::Io)
}

fn unreadable(path: &Path, why: &str) -> TlsError {
    TlsError::File { path: path.to_owned(), why: why.to_owned() }
}
