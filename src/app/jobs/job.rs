//! Argument of a job's function: the system caller, the store, the time.

use std::any::Any;
use std::fmt::Display;
use std::sync::Arc;

use uuid::Uuid;

use crate::authz::action::{Action, Read};
use crate::authz::{Allowed, Caller, Can, Reach, Reason, Refusal, Resource};
use crate::config::Settings;
use crate::domain::{ClockAndRandom, NoRandomness, Time};
use crate::http::kit::Extensions;
use crate::store::{Store, Stored};

/// One run of a job. It acts as the job's [`System`](crate::authz::System) caller.
///
/// ```
/// use cloakroom::authz::action::{Delete, List};
/// use cloakroom::authz::Can;
/// use cloakroom::jobs::{Job, JobError};
/// use cloakroom::store::{Repository, Selection};
///
/// async fn delete_some<R>(job: Job, page: Selection<R>) -> Result<(), JobError>
/// where
///     R: Repository + Can<List> + Can<Delete>,
/// {
///     let reach = job.reach::<R, List>()?;
///     for (record, _) in job.store().list(&reach, page).await?.records {
///         let Some(record) = job.open::<R, Delete>(record.id()).await? else { continue };
///         job.store().remove(record).await?;
///     }
///     Ok(())
/// }
/// ```
///
/// Only a run has one:
/// ```compile_fail,E0451
/// use cloakroom::{authz::Caller, jobs::Job, store::Store};
/// fn pretend(caller: Caller, store: Store) -> Job { Job { caller, store, ..todo!() } }
/// ```
/// ```
/// use cloakroom::{jobs::Job, store::Store};
/// fn of_run(job: &Job) -> &Store { job.store() }
/// ```
#[derive(Clone)]
pub struct Job {
    caller: Caller,
    store: Store,
    clock_and_random: ClockAndRandom,
    settings: Arc<dyn Any + Send + Sync>,
    states: Arc<Extensions>,
}

/// A change of a record, to which a job reacts.
#[derive(Clone, Debug)]
pub struct Event<R: Resource> {
    /// Identifies the change, also when it is delivered more than once. Later changes of a record have a higher
    /// number.
    pub id: i64,
    /// Id of the record.
    pub record: R::Id,
    /// Name of the action, as [`Action::NAME`] says it.
    pub action: &'static str,
    /// The party that changed it, as the audit trail names it: `user:<id>`, `client:<id>`, `system:<name>` or
    /// `operator`; none without a token.
    pub by: Option<String>,
    /// Time of the change.
    pub at: Time,
    /// Number of attempts to deliver it that failed.
    pub failed_attempts: i64,
}

/// Error of a job: a sentence for the operator. Everything that can be displayed becomes one with `?`.
///
/// `cloakroom jobs list` and the log show it. It must not contain a secret.
#[derive(Debug)]
pub struct JobError {
    message: String,
    is_permanent: bool,
}

impl<E: Display> From<E> for JobError {
    fn from(error: E) -> Self {
        Self { message: error.to_string(), is_permanent: false }
    }
}

impl From<Refusal> for JobError {
    fn from(refusal: Refusal) -> Self {
        let by = refusal.subject().map(ToString::to_string).unwrap_or_default();
        let (rule, reason) = (refusal.rule, refusal.reason.as_str());
        format!("{by} may not {} a {}: {reason}", rule.action, rule.resource).into()
    }
}

impl JobError {
    /// Returns an error after which the change is given up at once: a later attempt would fail as well.
    pub fn permanent(error: impl Display) -> Self {
        Self { message: error.to_string(), is_permanent: true }
    }

    /// Returns the sentence.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// True if a later attempt would fail as well.
    pub(super) fn is_permanent(&self) -> bool {
        self.is_permanent
    }
}

impl Job {
    pub(super) fn new(
        caller: Caller,
        store: Store,
        clock_and_random: ClockAndRandom,
        settings: Arc<dyn Any + Send + Sync>,
        states: Arc<Extensions>,
    ) -> Self {
        Self { caller, store, clock_and_random, settings, states }
    }

    /// Returns the system caller.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Returns the store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns the time.
    pub fn now(&self) -> Time {
        Time(self.clock_and_random.clock.now())
    }

    /// Returns a new id for a record, ordered by time (UUIDv7).
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn new_id<Id: From<Uuid>>(&self) -> Result<Id, NoRandomness> {
        Ok(self.clock_and_random.random.uuid_at(self.clock_and_random.clock.now())?.into())
    }

    /// Returns the settings of the application.
    ///
    /// # Errors
    /// When [`App::settings`](crate::App::settings) names others.
    pub fn settings<S: Settings>(&self) -> Result<&S, JobError> {
        let name = std::any::type_name::<S>();
        self.settings.downcast_ref().ok_or_else(|| format!("name {name} with App::settings").into())
    }

    /// Returns a value that the application shares.
    ///
    /// # Errors
    /// When no [`App::state`](crate::App::state) names one of this type.
    pub fn state<T: Send + Sync + 'static>(&self) -> Result<Arc<T>, JobError> {
        let name = std::any::type_name::<T>();
        self.states.get().ok_or_else(|| format!("name {name} with App::state").into())
    }

    /// Decides whether the system caller may do `A` to records of this kind at all.
    ///
    /// # Errors
    /// [`Reason::InsufficientScope`].
    pub fn reach<R: Can<A>, A: Action>(&self) -> Result<Reach<R, A>, Refusal> {
        self.caller.reach()
    }

    /// Looks up a record and decides whether the system caller may do `A` to it. Returns none when there is no
    /// such record, or its state does not permit the action: it may have changed since the job learned of it.
    ///
    /// # Errors
    /// When the policy does not permit the system caller, or the database is not available.
    pub async fn open<R, A>(&self, id: R::Id) -> Result<Option<Allowed<R, A>>, JobError>
    where
        R: Stored + Can<A> + Can<Read>,
        A: Action,
    {
        let reach = self.reach::<R, A>()?;
        reach.admit(&id)?;
        let sealed = self.store.find::<R>(id, reach.lookup_filter()).await?;
        match self.caller.open(sealed) {
            Ok(record) => Ok(Some(record)),
            Err(refusal) if matches!(refusal.reason, Reason::NotFound | Reason::WrongState) => Ok(None),
            Err(refusal) => Err(refusal.into()),
        }
    }
}
