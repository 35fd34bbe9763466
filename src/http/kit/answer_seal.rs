//! Answers that are kept for repetitions of a request, sealed: some hold a secret that is shown once.

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody as _};
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use crate::domain::Random;
use crate::store::IdempotentRequest;
use crate::token::MasterKey;

/// The header of an answer that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A kept answer.
#[derive(Serialize, Deserialize)]
pub(super) struct KeptAnswer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

impl KeptAnswer {
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
                let kept = String::from_utf8(bytes.to_vec()).ok();
                let kept = kept.map(|body| Self { status, headers, body });
                (head.set_body(bytes).map_into_boxed_body(), kept)
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
            _ => answer.body(self.body),
        }
    }
}

/// Seals kept answers, and hashes requests under a key: some hold a password, and the database alone must not
/// be enough to guess it.
pub(crate) struct AnswerSeal {
    seal: MasterKey,
    digest: hmac::Key,
}

impl AnswerSeal {
    /// Derives its keys from the master key.
    pub(crate) fn new(master: &MasterKey) -> Self {
        let digest = hmac::Key::new(hmac::HMAC_SHA256, &master.derive("request"));
        Self { seal: MasterKey::new(master.derive("answer")), digest }
    }

    /// Returns the keyed hash of a request's part.
    pub(super) fn digest(&self, bytes: &[u8]) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(hmac::sign(&self.digest, bytes).as_ref());
        digest
    }

    /// Seals an answer for its request.
    pub(super) fn seal(
        &self,
        random: &Random,
        once: &IdempotentRequest,
        answer: &KeptAnswer,
    ) -> Option<Vec<u8>> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(answer).ok()?);
        self.seal.seal(random, &plain, &hex(once.key())).ok()
    }

    /// Opens the answer of this request.
    pub(super) fn open(&self, once: &IdempotentRequest, sealed: &[u8]) -> Option<KeptAnswer> {
        serde_json::from_slice(&self.seal.open(sealed, &hex(once.key())).ok()?).ok()
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
        AnswerSeal::new(&MasterKey::new([key; 32]))
    }

    #[test]
    fn a_request_hash_depends_on_the_master_key() {
        let body = sha256(br#"{"email":"ada@example.com","password":"a most unusual passphrase"}"#);
        assert_eq!(seal(1).digest(&body), seal(1).digest(&body));
        assert_ne!(seal(1).digest(&body), seal(2).digest(&body));
        assert_ne!(seal(1).digest(&body), body);
    }

    #[test]
    fn an_answer_opens_for_its_own_request_only() {
        let kept = KeptAnswer { status: 201, headers: Vec::new(), body: "{}".to_owned() };
        let (once, other) =
            (IdempotentRequest::new([1; 32], [2; 32]), IdempotentRequest::new([3; 32], [2; 32]));
        let sealed = seal(1).seal(&Random::system(), &once, &kept).unwrap();
        assert_eq!(seal(1).open(&once, &sealed).unwrap().body, "{}");
        assert!(seal(1).open(&other, &sealed).is_none());
        assert!(seal(2).open(&once, &sealed).is_none());
    }
}
