//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a `POST` that changes something is done
//! once, and can be repeated when its answer got lost. Every such route takes the header.

use actix_web::HttpResponse;
use actix_web::http::header::HeaderName;

use super::answer_seal::{AnswerKeys, StoredAnswer, hex};
use super::{Call, Code, Problem};
use crate::authz::{Caller, Subject};
use crate::domain::IdempotencyKey;
use crate::store::{EarlierRequest, IdempotentRequest, run_idempotent};

/// The client's name for a request.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// State of a request by its key.
pub(super) enum Repetition {
    /// The request has no key, or the route does not support one.
    NoKey,
    /// The first request with this key.
    First(IdempotentRequest),
    /// A repetition, with the stored response of the first request.
    Answered(HttpResponse),
}

impl Call {
    /// True when the request has a key.
    pub(crate) fn has_key(&self) -> bool {
        self.request().headers().contains_key(KEY)
    }

    /// Looks for an earlier request with the same key. Called after the decision, and after the body was
    /// read.
    ///
    /// # Errors
    /// 400 for an invalid key, 422 for the key of another request, 409 while the first request with it has no
    /// answer.
    pub(super) async fn repetition(&self) -> Result<Repetition, Problem> {
        let mut values = self.request().headers().get_all(KEY);
        let Some(value) = values.next() else { return Ok(Repetition::NoKey) };
        let invalid = |detail: String| Problem::new(Code::InvalidIdempotencyKey).with_detail(detail);
        if values.next().is_some() {
            return Err(invalid("the header is repeated".to_owned()));
        }
        let key: Result<IdempotencyKey, _> = value.to_str().unwrap_or_default().parse();
        let once = self.once(&key.map_err(|rule| invalid(rule.detail))?);
        match self.services().trusted.earlier_request(&once, self.known_caller().cloned()).await? {
            None => Ok(Repetition::First(once)),
            Some(earlier) => self.again(&once, earlier).map(Repetition::Answered),
        }
    }

    /// Runs the handler for the first request with its key, and keeps its answer.
    pub(super) async fn run_first(
        &self,
        request: IdempotentRequest,
        handled: impl Future<Output = Result<HttpResponse, Problem>>,
    ) -> Result<HttpResponse, Problem> {
        let store = &self.services().trusted;
        let answer = match run_idempotent(request.clone(), handled).await {
            // Another request with the key was first after all.
            Err(problem) if problem.code() == Code::IdempotencyKeyInUse => {
                let earlier = store.earlier_request(&request, self.known_caller().cloned()).await?;
                return self.again(&request, earlier.unwrap_or(EarlierRequest::Unanswered));
            }
            answer => answer?,
        };
        if !request.is_done() {
            return Ok(answer);
        }
        let (answer, kept) = StoredAnswer::of(answer);
        let services = self.services();
        let sealed = kept.and_then(|kept| services.answers.seal(&services.random, &request, &kept));
        let kept = match sealed {
            Some(sealed) => store.save_answer(&request, sealed).await.map_err(|error| error.to_string()),
            None => Err("it could not be sealed".to_owned()),
        };
        if let Err(error) = kept {
            log::warn!(request_id:% = self.request_id(); "the answer is not kept: {error}");
        }
        Ok(answer)
    }

    /// Keys belong to a caller, a client and a route. Without a caller, they belong to the body. A request of a
    /// caller with other scopes or roles is another request: its answer could show more than it may see now.
    fn once(&self, key: &IdempotencyKey) -> IdempotentRequest {
        let mut names = self.services().answers.each().map(|keys| self.name(key, keys));
        let first = names.next().unwrap_or_default();
        IdempotentRequest::new(first, names.next())
    }

    /// Returns the hashed key of this request, and the fingerprint of its content.
    fn name(&self, key: &IdempotencyKey, answers: &AnswerKeys) -> ([u8; 32], [u8; 32]) {
        let body = answers.digest(&self.body_hash().unwrap_or_default());
        let (who, request) = match self.known_caller() {
            Some(caller) => (named(caller), answers.digest(&[&body, powers(caller).as_bytes()].concat())),
            None => (hex(&body), body),
        };
        let (who, request) = match () {
            () if fault!(idempotency_key_of_any_caller) => (String::new(), body),
            () if fault!(idempotency_powers_not_compared) => (who, body),
            () if fault!(idempotency_body_not_compared) => (who, answers.digest(b"any")),
            () => (who, request),
        };
        let named = [self.request().method().as_str(), &self.request().uri().to_string(), &who, key.as_str()];
        (answers.digest(named.join("\n").as_bytes()), request)
    }

    fn again(&self, once: &IdempotentRequest, earlier: EarlierRequest) -> Result<HttpResponse, Problem> {
        match earlier {
            EarlierRequest::Different => Err(Problem::new(Code::IdempotencyKeyReused)),
            EarlierRequest::Unanswered => Err(Problem::new(Code::IdempotencyKeyInUse)),
            EarlierRequest::Answered(sealed) => {
                let kept = self.services().answers.open(once, &sealed);
                kept.map(StoredAnswer::respond).ok_or_else(|| Problem::new(Code::IdempotencyKeyInUse))
            }
        }
    }
}

fn named(caller: &Caller) -> String {
    format!("{} {}", caller.subject().actor(), caller.token().client_id.as_deref().unwrap_or_default())
}

fn powers(caller: &Caller) -> String {
    let roles: Vec<&str> = match caller.subject() {
        Subject::User { roles, .. } => roles.iter().map(|role| role.as_str()).collect(),
        Subject::Client { .. } | Subject::System { .. } | Subject::Operator => Vec::new(),
    };
    format!("{}\n{}", caller.scope(), roles.join(" "))
}
