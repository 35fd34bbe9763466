//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a `POST` that changes something can
//! be repeated when its answer got lost, and is done once. Every such route takes it.

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody as _};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::decision::Access;
use super::description::{Description, Parameter};
use super::problem::{Code, Problem};
use super::request::Call;
use crate::domain::{IdempotencyKey, Random};
use crate::store::once;
use crate::store::{Earlier, Once};
use crate::token::MasterKey;

/// By which a caller names what it wants done once.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// What comes of a request.
pub(crate) enum Turn {
    /// It has no key, or the route takes none.
    Free,
    /// It is the first with its key.
    First(Once),
    /// It was answered before.
    Answered(HttpResponse),
}

/// An answer, as it is kept.
#[derive(Serialize, Deserialize)]
struct KeptAnswer {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// Whether a route takes a key: by POST, where there is a decision about a change.
pub(crate) fn takes_key(method: &Method, access: &Access) -> bool {
    *method == Method::POST && access.rule().is_some_and(|rule| rule.changes)
}

/// Says so in the description of a route.
pub(crate) fn describe(description: &mut Description) {
    description.request_headers.push(Parameter::optional(
        "Idempotency-Key",
        "A name of your choice, such as a new UUID, for what is to be done: repeated with the same name \
         within 24 hours, it is answered as the first time and not done again",
        json!({ "type": "string", "minLength": 1, "maxLength": 257, "pattern": "^([!#-\\[\\]-~]{1,255}|\"[!#-\\[\\]-~]{1,255}\")$",
                "examples": ["8e03978e-40d5-43dd-bc93-6894a57f9324"] }),
    ));
    let codes = [Code::InvalidIdempotencyKey, Code::IdempotencyKeyInUse, Code::IdempotencyKeyReused];
    description.problems.extend(codes);
}

impl Call {
    /// Whether the request has a key.
    pub(crate) fn has_key(&self) -> bool {
        self.request().headers().contains_key(KEY)
    }

    /// Looks whether the same was asked for before; after the decision, and after the body was read.
    ///
    /// # Errors
    /// 400 for what is no key, 422 for the key of another request, 409 while the first with it has no
    /// answer.
    pub(crate) async fn turn(&self) -> Result<Turn, Problem> {
        let mut values = self.request().headers().get_all(KEY);
        let Some(value) = values.next() else { return Ok(Turn::Free) };
        let invalid = |detail: String| Problem::new(Code::InvalidIdempotencyKey).with_detail(detail);
        if values.next().is_some() {
            return Err(invalid("it stands twice".to_owned()));
        }
        let key: Result<IdempotencyKey, _> = value.to_str().unwrap_or_default().parse();
        let once = self.once(&key.map_err(|rule| invalid(rule.detail))?);
        match self.services().trusted.earlier(&once).await? {
            None => Ok(Turn::First(once)),
            Some(earlier) => self.again(&once, earlier).map(Turn::Answered),
        }
    }

    /// Does what is to be done for the first request with its key, and keeps its answer.
    pub(crate) async fn first(
        &self,
        request: Once,
        handled: impl Future<Output = Result<HttpResponse, Problem>>,
    ) -> Result<HttpResponse, Problem> {
        let store = &self.services().trusted;
        let answer = match once(request.clone(), handled).await {
            // Another was the first after all.
            Err(problem) if problem.code() == Code::IdempotencyKeyInUse => {
                let earlier = store.earlier(&request).await?.unwrap_or(Earlier::Unanswered);
                return self.again(&request, earlier);
            }
            answer => answer?,
        };
        if !request.is_done() {
            return Ok(answer);
        }
        let (answer, kept) = KeptAnswer::of(answer);
        let services = self.services();
        let sealed = kept.and_then(|kept| services.answers.seal(&services.random, &request, &kept));
        let kept = match sealed {
            Some(sealed) => store.keep_answer(&request, sealed).await.map_err(|error| error.to_string()),
            None => Err("it cannot be sealed".to_owned()),
        };
        if let Err(error) = kept {
            log::warn!("request_id={} the answer is not kept: {error}", self.request_id());
        }
        Ok(answer)
    }

    /// Each caller has keys of its own, for each route. Whoever is nobody in particular has those that
    /// go with what they send.
    fn once(&self, key: &IdempotencyKey) -> Once {
        let answers = &self.services().answers;
        let body = answers.digest(&self.body_hash().unwrap_or_default());
        let who = self.who().map_or_else(|| hex(&body), str::to_owned);
        let named = [self.request().method().as_str(), &self.request().uri().to_string(), &who, key.as_str()];
        Once::new(answers.digest(named.join("\n").as_bytes()), body)
    }

    fn again(&self, once: &Once, earlier: Earlier) -> Result<HttpResponse, Problem> {
        match earlier {
            Earlier::Another => Err(Problem::new(Code::IdempotencyKeyReused)),
            Earlier::Unanswered => Err(Problem::new(Code::IdempotencyKeyInUse)),
            Earlier::Answered(sealed) => {
                let kept = self.services().answers.open(once, &sealed);
                kept.map(KeptAnswer::respond).ok_or_else(|| Problem::new(Code::IdempotencyKeyInUse))
            }
        }
    }
}

impl KeptAnswer {
    /// The answer, and it to be kept, unless it is one that streams.
    fn of(answer: HttpResponse) -> (HttpResponse, Option<Self>) {
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

    fn respond(self) -> HttpResponse {
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

/// What seals answers where they are kept, since some hold a secret that is told once; and what requests
/// are known by, of which some hold a password, so that no database alone is enough to guess at it.
pub struct AnswerSeal {
    seal: MasterKey,
    digest: hmac::Key,
}

impl AnswerSeal {
    /// With keys of its own, made of the server's.
    pub(crate) fn new(master: &MasterKey) -> Self {
        let digest = hmac::Key::new(hmac::HMAC_SHA256, &master.derive("request"));
        Self { seal: MasterKey::new(master.derive("answer")), digest }
    }

    fn digest(&self, bytes: &[u8]) -> [u8; 32] {
        let mut digest = [0; 32];
        digest.copy_from_slice(hmac::sign(&self.digest, bytes).as_ref());
        digest
    }

    fn seal(&self, random: &Random, once: &Once, answer: &KeptAnswer) -> Option<Vec<u8>> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(answer).ok()?);
        self.seal.seal(random, &plain, &hex(once.key())).ok()
    }

    fn open(&self, once: &Once, sealed: &[u8]) -> Option<KeptAnswer> {
        serde_json::from_slice(&self.seal.open(sealed, &hex(once.key())).ok()?).ok()
    }
}

fn hex(bytes: &[u8]) -> String {
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
    fn what_a_request_is_known_by_is_worth_nothing_without_the_master_key() {
        let body = sha256(br#"{"email":"ada@example.com","password":"a most unusual passphrase"}"#);
        assert_eq!(seal(1).digest(&body), seal(1).digest(&body));
        assert_ne!(seal(1).digest(&body), seal(2).digest(&body));
        assert_ne!(seal(1).digest(&body), body);
    }

    #[test]
    fn an_answer_opens_for_its_own_request_alone() {
        let kept = KeptAnswer { status: 201, headers: Vec::new(), body: "{}".to_owned() };
        let (once, other) = (Once::new([1; 32], [2; 32]), Once::new([3; 32], [2; 32]));
        let sealed = seal(1).seal(&Random::system(), &once, &kept).unwrap();
        assert_eq!(seal(1).open(&once, &sealed).unwrap().body, "{}");
        assert!(seal(1).open(&other, &sealed).is_none());
        assert!(seal(2).open(&once, &sealed).is_none());
    }
}
