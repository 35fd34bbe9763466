//! TLS to PostgreSQL, with the names and the meaning of libpq's `sslmode`
//! (<https://www.postgresql.org/docs/current/libpq-ssl.html>).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::text_file::read_bytes;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::{self, PemObject as _};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Makes the TLS session of a connection.
pub(super) type Tls = MakeRustlsConnect;

/// `sslmode`: whether TLS is used, and what is verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SslMode {
    Disable,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

impl SslMode {
    /// Returns the mode of a name of libpq. None for `allow`, which begins without TLS.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "disable" => Some(Self::Disable),
            "prefer" => Some(Self::Prefer),
            "require" => Some(Self::Require),
            "verify-ca" => Some(Self::VerifyCa),
            "verify-full" => Some(Self::VerifyFull),
            _ => None,
        }
    }
}

/// `sslrootcert`: the certificates that the server's must descend from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Roots {
    /// Certificates of the operating system.
    System,
    File(PathBuf),
}

/// The parameters of a URL about TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TlsSettings {
    pub(super) mode: SslMode,
    pub(super) roots: Option<Roots>,
    /// `sslcert` and `sslkey`.
    pub(super) client: Option<(PathBuf, PathBuf)>,
}

impl TlsSettings {
    /// Reads the files, and returns what makes the sessions. A new connection uses a renewed file.
    ///
    /// # Errors
    /// The name of the file that cannot be read.
    pub(super) fn read(&self) -> Result<Tls, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let verifier = Arc::new(self.verifier(&provider)?);
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        let config = match &self.client {
            None => builder.with_no_client_auth(),
            Some((certificate, key)) => builder
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .map_err(|error| format!("sslcert and sslkey: {error}"))?,
        };
        Ok(MakeRustlsConnect::new(config))
    }

    fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Verifier, String> {
        let roots = match (&self.roots, self.mode) {
            (_, SslMode::Disable | SslMode::Prefer) | (None, SslMode::Require) => None,
            (Some(Roots::File(file)), _) => Some(certificates(file)?),
            (Some(Roots::System) | None, _) => Some(rustls_native_certs::load_native_certs().certs),
        };
        let chain = roots.map(|roots| chain_verifier(roots, provider)).transpose()?;
        let verifies_name = self.mode == SslMode::VerifyFull;
        Ok(Verifier { chain, verifies_name, provider: Arc::clone(provider) })
    }
}

fn chain_verifier(
    certificates: Vec<CertificateDer<'static>>,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(certificates);
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| format!("sslrootcert: {error}"))
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let pem = read_bytes(file).map_err(pem::Error::Io);
    pem.and_then(|pem| CertificateDer::pem_slice_iter(&pem).collect())
        .map_err(|error| format!("cannot read the certificates in {}: {error}", file.display()))
}

fn private_key(file: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let pem = read_bytes(file).map_err(pem::Error::Io);
    pem.and_then(|pem| PrivateKeyDer::from_pem_slice(&pem))
        .map_err(|error| format!("cannot read the private key in {}: {error}", file.display()))
}

/// Verifies the certificate of the server as `sslmode` says.
#[derive(Debug)]
struct Verifier {
    /// None when any certificate will do.
    chain: Option<Arc<WebPkiServerVerifier>>,
    verifies_name: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(certificate, intermediates, name, ocsp, now) {
            // The chain is verified before the name.
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.verifies_name => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
