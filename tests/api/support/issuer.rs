//! External issuer on its own port: serves metadata and keys over HTTP, signs tokens, and misbehaves on
//! request.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::encoding::{AsBigEndian as _, EcPrivateKeyBin};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};

/// ES256 key pair with its `kid`.
pub struct IssuerKey {
    pub kid: String,
    private: EncodingKey,
    number: Vec<u8>,
    point: Vec<u8>,
}

impl IssuerKey {
    pub fn new(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let private = EncodingKey::from_ec_der(pair.to_pkcs8v1().expect("a document").as_ref());
        let number: EcPrivateKeyBin<'_> = pair.private_key().as_be_bytes().expect("a number");
        let (number, point) = (number.as_ref().to_vec(), pair.public_key().as_ref().to_vec());
        Self { kid: kid.to_owned(), private, number, point }
    }

    /// Returns the public key as a JWK.
    pub fn jwk(&self) -> Value {
        let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let (x, y) = (number(&self.point[1..33]), number(&self.point[33..]));
        json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": self.kid, "x": x, "y": y })
    }

    /// Returns the member `d` of the private key, for a program that signs its own tokens.
    pub fn private_number(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.number)
    }

    /// Signs these claims under this header. Adds the key's `kid` unless the header has one; a `kid` of null
    /// is removed.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let mut header = header.clone();
        header["alg"] = "ES256".into();
        match header.get("kid") {
            None => header["kid"] = self.kid.as_str().into(),
            Some(Value::Null) => drop(header.as_object_mut().expect("an object").remove("kid")),
            Some(_) => {}
        }
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", part(&header), part(claims));
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.private, Algorithm::ES256);
        format!("{message}.{}", signature.expect("a signature"))
    }
}

/// Reply of a path.
#[derive(Clone)]
pub enum Reply {
    Json(Value),
    Status(u16),
    /// Redirect to this URL.
    Redirect(String),
    /// JSON with this many bytes of white space before it.
    Padded(Value, usize),
    /// Response head, then single bytes of the body with pauses.
    Drips,
}

/// Running issuer. It stops when it is dropped.
pub struct ForeignIssuer {
    pub url: String,
    pub key: IssuerKey,
    shared: Arc<Shared>,
    address: SocketAddr,
    thread: Option<std::thread::JoinHandle<()>>,
}

struct Shared {
    metadata: Mutex<Reply>,
    keys: Mutex<Reply>,
    /// Number of requests for the keys.
    asked: AtomicUsize,
    /// Path of every request.
    paths: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

impl ForeignIssuer {
    pub fn start() -> Self {
        Self::start_at(TcpListener::bind("127.0.0.1:0").expect("a port"), "127.0.0.1")
    }

    /// Starts an issuer whose host is the name of this machine: a name without dots, as a container's. None when the
    /// machine has no such name, or the name leads out of it.
    pub fn start_at_host_name() -> Option<Self> {
        let output = std::process::Command::new("hostname").output().ok()?;
        let name = String::from_utf8(output.stdout).ok()?.trim().to_ascii_lowercase();
        let address =
            (name.as_str(), 0).to_socket_addrs().ok()?.find(|address| address.ip().is_loopback())?;
        let is_plain = !name.is_empty() && name != "localhost" && !name.contains('.');
        is_plain
            .then(|| TcpListener::bind(address).ok())
            .flatten()
            .map(|listener| Self::start_at(listener, &name))
    }

    fn start_at(listener: TcpListener, host: &str) -> Self {
        let address = listener.local_addr().expect("an address");
        let (url, key) = (format!("http://{host}:{}", address.port()), IssuerKey::new("first"));
        let shared = Arc::new(Shared {
            metadata: Mutex::new(Reply::Json(json!({ "issuer": url, "jwks_uri": format!("{url}/keys") }))),
            keys: Mutex::new(Reply::Json(json!({ "keys": [key.jwk()] }))),
            asked: AtomicUsize::new(0),
            paths: Mutex::new(Vec::new()),
            stopped: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if serving.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let serving = Arc::clone(&serving);
                std::thread::spawn(move || serve(stream, &serving));
            }
        });
        Self { url, key, shared, address, thread: Some(thread) }
    }

    pub fn publish(&self, keys: &[Value]) {
        self.set_keys_reply(Reply::Json(json!({ "keys": keys })));
    }

    pub fn set_keys_reply(&self, reply: Reply) {
        *self.shared.keys.lock().expect("no panic while locked") = reply;
    }

    pub fn set_metadata_reply(&self, reply: Reply) {
        *self.shared.metadata.lock().expect("no panic while locked") = reply;
    }

    /// Returns the number of requests for the keys.
    pub fn key_requests(&self) -> usize {
        self.shared.asked.load(Ordering::SeqCst)
    }

    /// Returns the path of every request, in order.
    pub fn paths(&self) -> Vec<String> {
        self.shared.paths.lock().expect("no panic while locked").clone()
    }

    /// Waits until the keys have been requested this many times.
    #[track_caller]
    pub fn wait_for_key_requests(&self, times: usize) {
        for _ in 0..200 {
            if self.key_requests() >= times {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{} requests for the keys, expected {times}", self.key_requests());
    }
}

impl Drop for ForeignIssuer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // The thread blocks in `accept`; one connection wakes it up.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(mut stream: TcpStream, shared: &Shared) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    shared.paths.lock().expect("no panic while locked").push(path.clone());
    let reply = match path.as_str() {
        "/keys" => {
            let reply = shared.keys.lock().expect("no panic while locked").clone();
            shared.asked.fetch_add(1, Ordering::SeqCst);
            reply
        }
        "/.well-known/openid-configuration" => shared.metadata.lock().expect("no panic while locked").clone(),
        _ => Reply::Status(404),
    };
    let body = |padding: usize, value: &Value| format!("{}{value}", " ".repeat(padding));
    let answer = match reply {
        Reply::Json(value) => ok(&body(0, &value)),
        Reply::Padded(value, bytes) => ok(&body(bytes, &value)),
        Reply::Status(status) => {
            format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        }
        Reply::Redirect(to) => {
            format!("HTTP/1.1 302 X\r\nlocation: {to}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        }
        Reply::Drips => {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\nconnection: close\r\n\r\n");
            while !shared.stopped.load(Ordering::SeqCst) && stream.write_all(b" ").is_ok() {
                std::thread::sleep(Duration::from_millis(100));
            }
            return;
        }
    };
    let _ = stream.write_all(answer.as_bytes());
}

fn ok(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}
