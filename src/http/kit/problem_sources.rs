//! Problems made of refusals and errors of other parts.

use super::Problem;
use super::problem_code::Code;
use crate::accounts::AccountError;
use crate::authz::{Caller, Reason, Refusal, Rule};
use crate::domain::{Invalid, NoRandomness};
use crate::hashing::HashError;
use crate::store::StoreError;
use crate::token::InvalidProof;

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let rule = &refusal.rule;
        let problem = Self::new(refusal.reason.into());
        let mut problem = match refusal.reason {
            // A caller that reaches every record is not refused: the record is not there.
            Reason::NotFound if refusal.is_plain_not_found() => return problem,
            Reason::NotFound => problem,
            Reason::InsufficientScope => problem.with_detail(needed(rule)),
            Reason::Stale => {
                let limit = refusal.by.as_ref().and_then(Caller::max_age).unwrap_or_default();
                problem.with_detail(format!(
                    "authenticate again: this is allowed for {limit} seconds after you did. Send the password to POST \
                     /sessions/current/authentication, or log in again; an OAuth client sends max_age={limit} to the \
                     authorization endpoint. A test server takes CLOAKROOM_STEP_UP=off"
                ))
            }
            Reason::NotOwner => problem.with_detail(reached(rule)),
            Reason::WrongState => problem.with_detail(format!(
                "the {} must be {}",
                rule.resource,
                rule.condition.required_states()
            )),
            Reason::AboveCaller if refusal.missing.is_empty() => {
                problem.with_detail("this needs a power over other users that your token does not have")
            }
            Reason::AboveCaller => {
                problem.with_detail(format!("this needs more power over other users: {}", refusal.missing))
            }
        };
        problem.0.refusal = Some(refusal);
        problem
    }
}

fn needed(rule: &Rule) -> String {
    let scope = rule.weakest_scope();
    scope.map_or_else(String::new, |scope| format!("the scope {scope} is needed: {}", scope.meaning()))
}

/// Returns a text that says which scope reaches which records.
fn reached(rule: &Rule) -> String {
    let (condition, kind) = (&rule.condition, rule.resource);
    let own = condition.owner_scope().map(|scope| match condition.relations().next() {
        Some(_) => format!("{scope} reaches your own {kind}"),
        None => format!("{scope} reaches your own {kind} alone"),
    });
    let related = condition
        .relations()
        .map(|(relation, scope)| format!("{scope} one to which you are {}", relation.name()));
    let roles = condition.roles().map(|(role, scope)| format!("{scope} with the role {role} everyone's"));
    let any = condition.anyone_scope().map(|scope| match condition.owner_scope() {
        Some(_) => format!("{scope} reaches everyone's"),
        None => format!("only {scope} reaches a {kind}"),
    });
    own.into_iter().chain(related).chain(roles).chain(any).collect::<Vec<_>>().join("; ")
}

impl From<AccountError> for Problem {
    fn from(error: AccountError) -> Self {
        match error {
            AccountError::InvalidLink => Self::new(Code::InvalidLink),
            AccountError::Password(rule) => Self::broken_rule("/new_password", rule),
            AccountError::Conflict(detail) => Self::new(Code::Conflict).with_detail(detail),
            AccountError::Store(error) => error.into(),
            AccountError::Hash(error) => error.into(),
            AccountError::Randomness(error) => error.into(),
            AccountError::Seal(error) => {
                log::error!("a mail is not queued: {error}");
                Self::new(Code::Internal)
            }
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        let code = match &error {
            StoreError::Unavailable(_) | StoreError::Lost(_) | StoreError::RolledBack(_) => Code::Unavailable,
            StoreError::Uncertain(_) => Code::OutcomeUnknown,
            StoreError::Taken => Code::Taken,
            StoreError::ExternalIdTaken => Code::ExternalIdTaken,
            StoreError::Changed => Code::ChangedMeanwhile,
            StoreError::ReadOnly(member) => {
                return Self::broken_rule(&format!("/{member}"), Invalid::read_only());
            }
            StoreError::InUse => Code::Conflict,
            StoreError::LastAdmin => Code::LastAdmin,
            StoreError::Repeated => Code::IdempotencyKeyInUse,
            StoreError::ProofUsed => return InvalidProof::Replayed.into(),
            StoreError::TooManyProofs => return InvalidProof::TooMany.into(),
            StoreError::AssertionUsed => Code::InvalidClient,
            StoreError::Revoked(_) => Code::InvalidToken,
            // A request holds no lease.
            StoreError::LeaseLost | StoreError::Internal(_) => Code::Internal,
        };
        if code.status().is_server_error() {
            log::error!("{error}");
        }
        if let StoreError::Revoked(event) = error {
            return Self::revoked(*event);
        }
        Self::new(code)
    }
}

/// For the token endpoint; a resource request is refused with a challenge.
impl From<InvalidProof> for Problem {
    fn from(why: InvalidProof) -> Self {
        Self::new(Code::InvalidDpopProof).with_detail(why.to_string())
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::new(Code::Busy),
            HashError::Failed => Self::new(Code::Internal),
        }
    }
}

impl From<NoRandomness> for Problem {
    fn from(error: NoRandomness) -> Self {
        log::error!("{error}");
        Self::new(Code::Internal)
    }
}
