//! Answers that are kept for repetitions of a request, sealed: some hold a secret that is shown once.

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody as _};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::domain::{Random, Rotating};
use crate::store::IdempotentRequest;
use crate::token::MasterKey;

/// The header of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A kept answer.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredAnswer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
    /// Set for bytes that are no text: `body` has them in base64.
    #[serde(default)]
    is_base64: bool,
}

impl StoredAnswer {
    /// Returns the answer, and its copy to be kept, unless it is a stream.
    pub(super) fn of(answer: HttpResponse) -> (HttpResponse, Option<Self>) {
        let text = |value: &HeaderValue| value.to_str().map(str::to_owned).ok();
        let headers =
            answer.headers().iter().filter_map(|(name, value)| Some((name.to_string(), text(value)?)));
        let (status, headers) = (answer.status().as_u16(), headers.collect());
        if matches!(answer.body().size(), BodySize::Stream) {
            return (answer, None);
        }
        let (head, body) = answer.into_parts();
        match body.try_into_bytes() {
            Ok(bytes) => {
                let (body, is_base64) = match std::str::from_utf8(&bytes) {
                    Ok(text) => (text.to_owned(), false),
                    Err(_) => (STANDARD.encode(&bytes), true),
                };
                let kept = Self { status, headers, body, is_base64 };
                (head.set_body(bytes).map_into_boxed_body(), Some(kept))
            }
            Err(body) => (head.set_body(body), None),
        }
    }

    /// Answers again.
    pub(super) fn respond(self) -> HttpResponse {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut answer = HttpResponse::build(status);
        for (name, value) in self.headers {
            answer.append_header((name, value));
        }
        answer.insert_header((REPLAYED, HeaderValue::from_static("true")));
        match status {
            StatusCode::NO_CONTENT => answer.finish(),
            _ if self.is_base64 => answer.body(STANDARD.decode(self.body).unwrap_or_default()),
            _ => answer.body(self.body),
        }
    }
}

/// Seals kept answers, and hashes requests under a key: some hold a password, and the database alone must not
/// be enough to guess it.
pub(crate) struct AnswerSeal(Rotating<AnswerKeys>);

/// Keys of kept answers, derived from one master key.
pub(super) struct AnswerKeys {
    seal: MasterKey,
    digest: hmac::Key,
}

impl AnswerSeal {
    /// Derives its keys from the master keys.
    pub(crate) fn new(master: &Rotating<MasterKey>) -> Self {
        Self(master.map(|master| {
            let digest = hmac::Key::new(hmac::HMAC_SHA256, &master.derive("request"));
            AnswerKeys { seal: MasterKey::new(master.derive("answer")), digest }
        }))
    }

    /// Returns the keys, those in use first.
    pub(super) fn each(&self) -> impl Iterator<Item = &AnswerKeys> {
        self.0.each()
    }

    /// Seals an answer for its request.
    pub(super) fn seal(
        &self,
        random: &Random,
        once: &IdempotentRequest,
        answer: &StoredAnswer,
    ) -> Option<Vec<u8>> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(answer).ok()?);
        self.0.in_use().seal.seal(random, &plain, &hex(once.key())).ok()
    }

    /// Opens the answer of this request.
    pub(super) fn open(&self, once: &IdempotentRequest, sealed: &[u8]) -> Option<StoredAnswer> {
        let open = |keys: &AnswerKeys| once.keys().find_map(|key| keys.seal.open(sealed, &hex(key)).ok());
        serde_json::from_slice(&self.each().find_map(open)?).ok()
    }
}

impl AnswerKeys {
    /// Returns the keyed hash of a request's part.
    pub(super) fn digest(&self, bytes: &[u8]) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(hmac::sign(&self.digest, bytes).as_ref());
        digest
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sha256;

    fn seal(key: u8) -> AnswerSeal {
        AnswerSeal::new(&MasterKey::new([key; 32]).into())
    }

    #[test]
    fn a_request_hash_depends_on_the_master_key() {
        let body = sha256(br#"{"email":"ada@example.com","password":"a most unusual passphrase"}"#);
        let digest = |key| seal(key).0.in_use().digest(&body);
        assert_eq!(digest(1), digest(1));
        assert_ne!(digest(1), digest(2));
        assert_ne!(digest(1), body);
    }

    #[test]
    fn an_answer_opens_for_its_own_request_only() {
        let kept = StoredAnswer { status: 201, headers: Vec::new(), body: "{}".to_owned(), is_base64: false };
        let request = |key| IdempotentRequest::new(([key; 32], [2; 32]), None);
        let (once, other) = (request(1), request(3));
        let sealed = seal(1).seal(&Random::system(), &once, &kept).unwrap();
        assert_eq!(seal(1).open(&once, &sealed).unwrap().body, "{}");
        assert!(seal(1).open(&other, &sealed).is_none());
        assert!(seal(2).open(&once, &sealed).is_none());
    }
}
