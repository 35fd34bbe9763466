//! Authentication of a request by its access token, or else by the cookie of a browser session. For a token the
//! database is used only if the token alone is not sufficient.

use std::time::Instant;

use actix_web::http::header::{self, HeaderValue};

use super::access_log::note_caller;
use super::dpop::prove;
use super::forgery_throttle::HOLD;
use super::problem::Unacceptable;
use super::{Call, Code, Problem, Services};
use crate::authz::{AuditEvent, Caller};
use crate::store::StoreError;
use crate::token::{DPOP_ALGORITHMS, InvalidProof, InvalidToken, Verification, Verified};

impl Call {
    /// Authenticates the caller.
    ///
    /// # Errors
    /// 401 without a token or with an invalid one, 400 with two (RFC 6750 §3.1), 403 for a cookie from another
    /// origin.
    pub async fn caller(&self) -> Result<Caller, Problem> {
        self.caller_if_any().await?.ok_or_else(|| Problem::new(Code::Unauthenticated))
    }

    /// Authenticates the caller if the request has a token, or the cookie of a browser session.
    ///
    /// # Errors
    /// As [`Call::caller`], but for the missing token.
    pub async fn caller_if_any(&self) -> Result<Option<Caller>, Problem> {
        let caller = match self.presented_token()? {
            Some((scheme, token)) => match self.verify(scheme, token).await {
                Err(_) if fault!(cookie_beside_token) => self.caller_of_browser().await?,
                verified => Some(verified?.caller().clone()),
            },
            None => self.caller_of_browser().await?,
        };
        let Services { clock, step_up, .. } = &**self.services();
        let caller = caller.map(|caller| caller.calling_from(self.origin()).at(clock.now(), *step_up));
        if let Some(caller) = &caller {
            note_caller(self.request(), caller);
            self.remember_caller(caller);
        }
        Ok(caller)
    }

    /// Refuses a caller whose token was revoked while the body arrived.
    ///
    /// # Errors
    /// 401.
    pub(super) fn refuse_revoked(&self) -> Result<(), Problem> {
        match self.known_caller().filter(|_| self.has_read_body()) {
            Some(caller) if self.services().verifier.is_revoked(caller) && !fault!(read_not_renewed) => {
                Err(Problem::revoked(AuditEvent::revoked(caller)))
            }
            _ => Ok(()),
        }
    }

    /// Returns the token of the Authorization header (RFC 6750 §2.1, RFC 9449 §7.1). The other two methods of
    /// RFC 6750 are not supported. A request with a second token in the query has two tokens.
    fn presented_token(&self) -> Result<Option<(Scheme, &HeaderValue)>, Problem> {
        let values = self.request().headers().get_all(header::AUTHORIZATION);
        let mut tokens = values.filter_map(|value| Scheme::of(value).map(|scheme| (scheme, value)));
        let token = tokens.next();
        let in_query = form_urlencoded::parse(self.request().query_string().as_bytes())
            .take(64)
            .any(|(name, _)| name == "access_token");
        let is_second = tokens.next().is_some() || (token.is_some() && in_query);
        if is_second && !fault!(two_tokens_accepted) {
            return Err(Problem::new(Code::TwoTokens));
        }
        Ok(token)
    }

    async fn verify(&self, scheme: Scheme, header: &HeaderValue) -> Result<Verified, Problem> {
        let text = std::str::from_utf8(header.as_bytes()).unwrap_or_default();
        let token = text.split_once(' ').map_or("", |(_, token)| token.trim());
        let verified = self.verify_token(scheme, token).await;
        if verified.as_ref().is_err_and(|problem| problem.unacceptable().is_some()) {
            self.delay_after_too_many().await;
        }
        verified
    }

    async fn verify_token(&self, scheme: Scheme, token: &str) -> Result<Verified, Problem> {
        let verification = self
            .services()
            .verifier
            .verify_awaiting_keys(token)
            .await
            .map_err(|reason| self.not_acceptable(&reason))?;
        match (verification, scheme) {
            (Verification::Bound(bound), Scheme::Dpop) => {
                prove(self, &bound, token).map_err(|why| self.not_proved(why))
            }
            (_, Scheme::Dpop) => Err(self.not_acceptable(&InvalidToken::NotBound)),
            (verification, Scheme::Bearer) => {
                self.services().confirm(verification).await.map_err(|error| match error {
                    ConfirmError::Token(reason) => self.not_acceptable(&reason),
                    ConfirmError::Store(error) => error.into(),
                })
            }
        }
    }

    /// Delays the answer to a bad token, when too many came from this network.
    async fn delay_after_too_many(&self) {
        let Services { rate_limits, forgeries, .. } = &**self.services();
        let Some(address) = self.address().filter(|_| rate_limits.are_on()) else { return };
        if forgeries.has_too_many(address, Instant::now()) {
            tokio::time::sleep(HOLD).await;
        }
    }

    fn not_acceptable(&self, reason: &InvalidToken) -> Problem {
        self.unacceptable(reason.as_str(), reason)
    }

    fn unacceptable(&self, reason: &'static str, why: &dyn std::fmt::Display) -> Problem {
        self.services().metrics.tokens_refused.with_label_values(&[reason]).inc();
        if let Some(address) = self.address() {
            self.services().forgeries.count(address, Instant::now());
        }
        Problem::invalid_token(Unacceptable { reason, words: why.to_string(), event: None })
    }

    fn not_proved(&self, why: InvalidProof) -> Problem {
        let algorithms = DPOP_ALGORITHMS.join(" ");
        let challenge =
            format!("DPoP error=\"invalid_dpop_proof\", error_description=\"{why}\", algs=\"{algorithms}\"");
        self.unacceptable("proof", &why).with_header(header::WWW_AUTHENTICATE, challenge)
    }
}

impl Services {
    /// Completes the verification of a token that does not say everything itself: looks up its user.
    ///
    /// # Errors
    /// See [`ConfirmError`].
    pub(crate) async fn confirm(&self, verification: Verification) -> Result<Verified, ConfirmError> {
        match verification {
            Verification::Verified(verified) => Ok(verified),
            // A thief of a bound token would send it as a bearer token (RFC 9449 §7.2).
            Verification::Bound(_) => Err(InvalidToken::Bound.into()),
            Verification::Unconfirmed(unconfirmed) => {
                let standing = self.trusted.account_state(unconfirmed.user_id()).await?;
                Ok(unconfirmed.confirm(standing.as_ref())?)
            }
            Verification::External(external) => {
                let linked = self.trusted.linked_or_new_user(external.user()).await?;
                Ok(self.verifier.confirm_external(&external, linked)?)
            }
        }
    }
}

/// Reason why a token is not confirmed.
pub(crate) enum ConfirmError {
    /// The token is not acceptable.
    Token(InvalidToken),
    /// The database is away.
    Store(StoreError),
}

impl From<InvalidToken> for ConfirmError {
    fn from(reason: InvalidToken) -> Self {
        Self::Token(reason)
    }
}

impl From<StoreError> for ConfirmError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The scheme of the Authorization header.
#[derive(Clone, Copy)]
enum Scheme {
    /// A bearer token (RFC 6750).
    Bearer,
    /// A token that is bound to a key (RFC 9449).
    Dpop,
}

impl Scheme {
    fn of(value: &HeaderValue) -> Option<Self> {
        let scheme = value.as_bytes().split(|byte| *byte == b' ').next().unwrap_or_default();
        match scheme {
            scheme if scheme.eq_ignore_ascii_case(b"bearer") => Some(Self::Bearer),
            scheme if scheme.eq_ignore_ascii_case(b"dpop") => Some(Self::Dpop),
            _ => None,
        }
    }
}
