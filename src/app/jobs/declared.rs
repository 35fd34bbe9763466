//! Jobs of an application, as they are declared.

use std::pin::Pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::job::{Event, Job, JobError};
use crate::app::App;
use crate::authz::action::Changing;
use crate::authz::{Can, Resource, Subscription, System};
use crate::domain::OwnedId;
use crate::store::{Message, Stored};

/// Number of failures after which a change is given up: after about seven hours.
pub(super) const MAX_FAILURES: i64 = 20;

/// One run of a job's function.
pub(super) type Run = Pin<Box<dyn Future<Output = Result<(), JobError>>>>;

/// Function that a job runs at intervals.
type OnTime = Arc<dyn Fn(Job) -> Run + Send + Sync>;

/// Function that a job runs after a change.
type OnMessage = Arc<dyn Fn(Job, Message) -> Run + Send + Sync>;

/// Job of an application.
#[derive(Clone)]
pub(crate) struct DeclaredJob {
    /// The caller as which it acts. Its name is the job's.
    pub(crate) system: System,
    /// When it runs.
    pub(crate) trigger: Trigger,
}

/// When a job runs, and what.
#[derive(Clone)]
pub(crate) enum Trigger {
    /// At intervals.
    Every(Duration, OnTime),
    /// After changes.
    After(Vec<Reaction>),
}

/// Reaction to one kind of change.
#[derive(Clone)]
pub(crate) struct Reaction {
    /// Kind of record.
    pub(crate) resource: &'static str,
    /// Action.
    pub(crate) action: &'static str,
    pub(super) function: OnMessage,
    /// Number of failures after which a change is given up. None for messages that expire.
    pub(super) most_failures: Option<i64>,
}

impl DeclaredJob {
    /// Returns a job of cloakroom's own, which runs at each interval.
    pub(crate) fn every<F>(
        system: System,
        every: Duration,
        function: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), JobError>> + 'static,
    {
        let run: OnTime = Arc::new(move |_| Box::pin(function()));
        Self { system, trigger: Trigger::Every(every, run) }
    }

    /// Returns a job of cloakroom's own, which handles messages of these kinds that are no changes of records. They are
    /// tried until they expire, when `function` succeeds without a deed.
    pub(crate) fn of_messages<F>(
        system: System,
        resource: &'static str,
        actions: impl IntoIterator<Item = &'static str>,
        function: impl Fn(Message) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<(), JobError>> + 'static,
    {
        let run: OnMessage = Arc::new(move |_, message| Box::pin(function(message)));
        let reaction =
            |action| Reaction { resource, action, function: Arc::clone(&run), most_failures: None };
        Self { system, trigger: Trigger::After(actions.into_iter().map(reaction).collect()) }
    }
}

impl App {
    /// Adds a job: `function` runs at each interval, on one replica at a time, as the system caller. When it
    /// fails, or its replica crashes, it runs again before its interval ends.
    ///
    /// A crash can interrupt a run anywhere. Each run must therefore continue with what the last one left.
    ///
    /// ```
    /// use std::time::Duration;
    /// use cloakroom::App;
    /// use cloakroom::jobs::{Job, JobError};
    ///
    /// async fn ring(job: Job) -> Result<(), JobError> {
    ///     log::info!("it is {}", job.now());
    ///     Ok(())
    /// }
    ///
    /// let app = App::new("wardrobe").job("ring the bell", Duration::from_secs(3_600), ring);
    /// assert!(app.faults().is_empty());
    /// ```
    pub fn job(
        mut self,
        system: impl Into<System>,
        every: Duration,
        function: impl AsyncFn(Job) -> Result<(), JobError> + Send + Sync + 'static,
    ) -> Self {
        let (system, function) = (system.into(), Arc::new(function));
        let run: OnTime = Arc::new(move |job| {
            let function = Arc::clone(&function);
            Box::pin(async move { function(job).await })
        });
        self.vocabulary.add_system(system);
        self.jobs.push(DeclaredJob { system, trigger: Trigger::Every(every, run) });
        self
    }

    /// Adds a reaction: `function` runs after each change of an `R` by the action `A`, as the system caller.
    ///
    /// The transaction of the change also writes a row into the outbox. So nothing that was committed is
    /// forgotten, and nothing that was rolled back happens. Each change is delivered at least once, and the
    /// changes of one record in their order. A change that fails is retried with back-off, and the later ones of
    /// its record wait. After twenty failures it is given up; `jobs list` shows it, and `jobs run` tries again.
    ///
    /// Reactions of the same system caller share one queue, so that their order holds across actions.
    ///
    /// ```
    /// use cloakroom::App;
    /// use cloakroom::authz::action::Create;
    /// use cloakroom::domain::User;
    /// use cloakroom::jobs::{Event, Job, JobError};
    ///
    /// async fn greet(_: Job, event: Event<User>) -> Result<(), JobError> {
    ///     log::info!("welcome, {}", event.record);
    ///     Ok(())
    /// }
    ///
    /// let app = App::new("wardrobe").after::<User, Create>("greet users", greet);
    /// assert!(app.faults().is_empty());
    /// ```
    pub fn after<R, A>(
        mut self,
        system: impl Into<System>,
        function: impl AsyncFn(Job, Event<R>) -> Result<(), JobError> + Send + Sync + 'static,
    ) -> Self
    where
        R: Stored + Can<A>,
        A: Changing,
        R::Id: EventId,
    {
        let (system, function) = (system.into(), Arc::new(function));
        let run: OnMessage = Arc::new(move |job, message| {
            let function = Arc::clone(&function);
            Box::pin(async move { function(job, event::<R>(A::NAME, message)?).await })
        });
        let reaction =
            Reaction { resource: R::NAME, action: A::NAME, function: run, most_failures: Some(MAX_FAILURES) };
        let name = system.name();
        let (resource, action, names_owner) = (R::NAME, A::NAME, R::Id::NAMES_OWNER);
        self.vocabulary.subscribe(Subscription { system: name, resource, action, names_owner });
        self.vocabulary.add_system(system);
        let queue = self.jobs.iter_mut().find_map(|job| match &mut job.trigger {
            Trigger::After(reactions) if job.system == system => Some(reactions),
            _ => None,
        });
        match queue {
            Some(reactions) => reactions.push(reaction),
            None => self.jobs.push(DeclaredJob { system, trigger: Trigger::After(vec![reaction]) }),
        }
        self
    }
}

/// Id of a record as the outbox has it.
pub trait EventId: Sized {
    /// Set when the owner is a part of the id, and stands before it: `user/label`.
    const NAMES_OWNER: bool;

    /// Parses the id.
    fn of_event(text: &str) -> Option<Self>;
}

impl<Id: FromStr> EventId for Id {
    const NAMES_OWNER: bool = false;

    fn of_event(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl<Id: FromStr> EventId for OwnedId<Id> {
    const NAMES_OWNER: bool = true;

    fn of_event(text: &str) -> Option<Self> {
        let (user, id) = text.split_once('/')?;
        Some(Self { user: user.parse().ok()?, id: id.parse().ok()? })
    }
}

fn event<R: Resource>(action: &'static str, message: Message) -> Result<Event<R>, JobError>
where
    R::Id: EventId,
{
    let Message { seq, record, actor, created_at, attempts, .. } = message;
    let record =
        R::Id::of_event(&record).ok_or_else(|| format!("{record:?} is not the id of a {}", R::NAME))?;
    Ok(Event { id: seq, record, action, by: actor, at: created_at, failed_attempts: attempts })
}
