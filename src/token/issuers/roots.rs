//! Whom a TLS connection to an issuer believes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ureq::tls::{Certificate, RootCerts};

/// The machine's certificates, or those of `SSL_CERT_FILE` and `SSL_CERT_DIR`, so that an issuer
/// under a company's own authority is believed where the company is. On a machine that has none at
/// all, those that browsers believe, which the program carries along.
pub(super) fn roots() -> RootCerts {
    let named = ["SSL_CERT_FILE", "SSL_CERT_DIR"].map(|name| std::env::var_os(name).map(PathBuf::from));
    let found = match &named {
        [None, None] => rustls_native_certs::load_native_certs(),
        [file, directory] => of_paths(file.as_deref(), directory.as_deref()),
    };
    for error in &found.errors {
        log::warn!("certificates cannot be read: {error}");
    }
    // Who names certificates means no others: then none is better than the browsers'.
    if found.certs.is_empty() && named == [None, None] {
        log::debug!("this machine has no certificates; those of the browsers are used");
        return RootCerts::WebPki;
    }
    let owned = |der: &[u8]| Certificate::from_der(der).to_owned();
    RootCerts::Specific(Arc::new(found.certs.iter().map(|der| owned(der)).collect()))
}

fn of_paths(file: Option<&Path>, directory: Option<&Path>) -> rustls_native_certs::CertificateResult {
    rustls_native_certs::load_certs_from_paths(file, directory)
}
