//! TLS for the server itself, by rustls: versions 1.2 and 1.3 with its defaults, and a certificate that
//! is read again when its files change, so that its renewal needs no restart.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

/// How often the files are looked at.
const PAUSE: Duration = Duration::from_secs(5);

/// Where the certificate and its key are.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    /// The certificate and those between it and the root, in PEM.
    pub(crate) certificate: PathBuf,
    /// Its private key, in PEM.
    pub(crate) key: PathBuf,
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or has nothing of the kind in it.
    #[error("{} cannot be read as PEM: {why}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The key is of a kind that is not taken, or not that of the certificate.
    #[error("the certificate and the key do not serve: {0}")]
    Unfit(#[from] rustls::Error),
}

/// The certificate in use.
#[derive(Debug)]
pub(crate) struct Certificate {
    files: TlsFiles,
    provider: Arc<CryptoProvider>,
    current: RwLock<Arc<CertifiedKey>>,
}

impl Certificate {
    /// Reads it for the first time.
    ///
    /// # Errors
    /// As [`TlsError`] says.
    pub(crate) fn read(files: TlsFiles) -> Result<Arc<Self>, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let current = RwLock::new(Arc::new(certified_key(&files, &provider)?));
        Ok(Arc::new(Self { files, provider, current }))
    }

    /// The settings of a server that shows it.
    ///
    /// # Errors
    /// When the library has none of the versions.
    pub(crate) fn server_config(self: &Arc<Self>) -> Result<ServerConfig, TlsError> {
        let shown: Arc<dyn ResolvesServerCert> = Arc::<Self>::clone(self);
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(shown);
        // The library's order is the better one.
        config.ignore_client_order = true;
        Ok(config)
    }

    /// Reads it again whenever one of the files has changed. One that does not serve is not taken.
    pub(crate) async fn follow(self: Arc<Self>) {
        let mut seen = self.files.state();
        loop {
            tokio::time::sleep(PAUSE).await;
            let now = self.files.state();
            if now == seen {
                continue;
            }
            seen = now;
            match certified_key(&self.files, &self.provider) {
                Ok(key) => {
                    *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                    log::info!("took up the certificate {}", self.files.certificate.display());
                }
                Err(error) => log::error!("the certificate in use stays: {error}"),
            }
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl TlsFiles {
    /// What changes when a file does, also when another takes its name.
    fn state(&self) -> [Option<(std::time::SystemTime, u64)>; 2] {
        let of = |path: &Path| -> io::Result<_> {
            let about = path.metadata()?;
            Ok((about.modified()?, about.len()))
        };
        [of(&self.certificate).ok(), of(&self.key).ok()]
    }
}

fn certified_key(files: &TlsFiles, provider: &CryptoProvider) -> Result<CertifiedKey, TlsError> {
    let TlsFiles { certificate, key } = files;
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable(certificate, &error.to_string()))?;
    if chain.is_empty() {
        return Err(unreadable(certificate, "there is no certificate in it"));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error.to_string()))?;
    Ok(CertifiedKey::from_der(chain, key, provider)?)
}

fn unreadable(path: &Path, why: &str) -> TlsError {
    TlsError::File { path: path.to_owned(), why: why.to_owned() }
}
