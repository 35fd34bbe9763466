//! TLS terminated by the server itself.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{CertifiedKey, KeyPair};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{
    ClientConfig, ClientConnection, ProtocolVersion, RootCertStore, StreamOwned, SupportedProtocolVersion,
};
use tempfile::TempDir;

use crate::support::{Process, Request, eventually, free_port};

const FILES: [(&str, &str); 2] = [("CLOAKROOM_TLS_CERT", "cert.pem"), ("CLOAKROOM_TLS_KEY", "key.pem")];

/// Makes a self-signed certificate for this machine.
fn certificate() -> CertifiedKey<KeyPair> {
    rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap()
}

fn write(dir: &Path, certificate: &CertifiedKey<KeyPair>) {
    // Editors that begin a text with a byte order mark are common where certificates are edited by hand.
    std::fs::write(dir.join("key.pem"), format!("\u{feff}{}", certificate.signing_key.serialize_pem()))
        .unwrap();
    std::fs::write(dir.join("cert.pem"), format!("\u{feff}{}", certificate.cert.pem())).unwrap();
}

/// Connects a client that trusts only this certificate.
fn connect(
    server: &Process,
    believed: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(believed.clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client = ClientConnection::new(Arc::new(config), ServerName::try_from("127.0.0.1").unwrap()).unwrap();
    StreamOwned::new(client, TcpStream::connect(server.address).unwrap())
}

/// Requests with a client that trusts only this certificate. Returns the answer and the TLS version.
fn get(
    server: &Process,
    believed: &CertificateDer<'static>,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<(ProtocolVersion, String), String> {
    let mut stream = connect(server, believed, versions);
    let request = "GET /health/live HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = String::new();
    // A server may close without a `close_notify`.
    let _ = stream.read_to_string(&mut answer);
    Ok((stream.conn.protocol_version().unwrap(), answer))
}

const BOTH: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

#[test]
fn metrics_have_the_expiry_of_the_certificate_in_use() {
    let dir = TempDir::new().unwrap();
    let made = |year| {
        let mut params = rcgen::CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let signing_key = KeyPair::generate().unwrap();
        CertifiedKey { cert: params.self_signed(&signing_key).unwrap(), signing_key }
    };
    write(dir.path(), &made(2040));
    let listen = format!("127.0.0.1:{}", free_port());
    let settings = [FILES.as_slice(), &[("CLOAKROOM_METRICS_LISTEN", listen.as_str())]].concat();
    let _server = Process::start(dir.path(), &settings);
    let has = |seconds: &str| {
        let metrics = Request::new("GET", format!("http://{listen}/metrics")).send().expect(200).body;
        metrics.contains(&format!("cloakroom_tls_certificate_expiry_timestamp_seconds {seconds}\n"))
    };
    eventually("the first certificate expires on 1 January 2040", || has("2208988800"));
    write(dir.path(), &made(2041));
    eventually("the renewed one expires on 1 January 2041", || has("2240611200"));
}

#[test]
fn serves_tls_1_3_and_1_2_and_no_plain_http() {
    let (dir, certificate) = (TempDir::new().unwrap(), certificate());
    write(dir.path(), &certificate);
    let server = Process::start(dir.path(), &FILES);
    assert!(server.url.starts_with("https://"), "{}", server.url);
    let believed = certificate.cert.der();
    let (version, answer) = get(&server, believed, BOTH).unwrap();
    assert_eq!(version, ProtocolVersion::TLSv1_3);
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("{\"status\":\"ok\"}"), "{answer}");
    assert!(answer.to_lowercase().contains("strict-transport-security: max-age="), "{answer}");
    assert_eq!(get(&server, believed, &[&rustls::version::TLS12]).unwrap().0, ProtocolVersion::TLSv1_2);
    let mut plain = TcpStream::connect(server.address).unwrap();
    plain.write_all(b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/"), "{answer:?}");
}

#[test]
fn reloads_a_renewed_certificate_and_ignores_a_faulty_one() {
    let (dir, old, new) = (TempDir::new().unwrap(), certificate(), certificate());
    write(dir.path(), &old);
    let server = Process::start(dir.path(), &FILES);
    get(&server, old.cert.der(), BOTH).unwrap();
    std::fs::write(dir.path().join("cert.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n").unwrap();
    eventually("the fault is logged", || server.log().contains("the changed certificate is not used"));
    get(&server, old.cert.der(), BOTH).unwrap();
    write(dir.path(), &new);
    eventually("the new certificate is served", || get(&server, new.cert.der(), BOTH).is_ok());
    assert!(get(&server, old.cert.der(), BOTH).is_err(), "the old certificate is not served any more");
}

#[test]
fn refuses_to_start_with_an_unusable_certificate_or_key() {
    let (dir, one, other) = (TempDir::new().unwrap(), certificate(), certificate());
    let refused = |words: &str| {
        let ran = Process::command(dir.path(), &FILES, &[]).output().unwrap();
        let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
        assert_eq!(ran.status.code(), Some(1));
        assert!(log.lines().last().is_some_and(|line| line.contains(words)), "{words}: {log}");
    };
    refused("cert.pem cannot be read as PEM");
    write(dir.path(), &one);
    std::fs::write(dir.path().join("key.pem"), other.signing_key.serialize_pem()).unwrap();
    refused("cannot be used");
    std::fs::write(dir.path().join("key.pem"), "no key").unwrap();
    refused("key.pem cannot be read as PEM");
    std::fs::write(dir.path().join("cert.pem"), "no certificate").unwrap();
    refused("it contains no certificate");
    let half = Process::command(dir.path(), &FILES[..1], &["config"]).output().unwrap();
    assert_eq!(half.status.code(), Some(1));
}

#[test]
fn tls_client_that_reads_nothing_is_closed() {
    let (dir, certificate) = (TempDir::new().unwrap(), certificate());
    write(dir.path(), &certificate);
    let server = Process::start(dir.path(), &[FILES[0], FILES[1], ("CLOAKROOM_WRITE_TIMEOUT", "1s")]);
    let mut stream = connect(&server, certificate.cert.der(), BOTH);
    stream.sock.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let requests = b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
    eventually("the connection is reset", || match stream.write(&requests) {
        Ok(_) => false,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    });
}
