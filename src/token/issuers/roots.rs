//! Root certificates for TLS connections to issuers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ureq::tls::{Certificate, RootCerts};

/// Returns the machine's root certificates, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`, so that a
/// company's own certificate authority works. A machine without certificates gets the bundled ones that
/// browsers trust.
pub(super) fn roots() -> RootCerts {
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(|name| std::env::var_os(name).map(PathBuf::from));
    let found = match &named {
        [None, None] => rustls_native_certs::load_native_certs(),
        [file, directory] => load_from(file.as_deref(), directory.as_deref()),
    };
    for error in &found.errors {
        log::warn!("root certificates cannot be read: {error}");
    }
    // An operator who names certificates trusts no others, so the bundled ones must not replace them.
    if found.certs.is_empty() && named == [None, None] {
        log::debug!("this machine has no root certificates; the bundled ones are used");
        return RootCerts::WebPki;
    }
    let owned = |der: &[u8]| Certificate::from_der(der).to_owned();
    RootCerts::Specific(Arc::new(found.certs.iter().map(|der| owned(der)).collect()))
}

fn load_from(file: Option<&Path>, directory: Option<&Path>) -> rustls_native_certs::CertificateResult {
    rustls_native_certs::load_certs_from_paths(file, directory)
}
