//! Runs of jobs: claimed, kept by renewals of the lease, and finished.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;

use super::back_off::back_off;
use super::declared::{DeclaredJob, MAX_FAILURES, Reaction, Run, Trigger};
use super::job::{Job, JobError};
use crate::authz::{Caller, System, Vocabulary};
use crate::domain::{ClockAndRandom, Lease};
use crate::http::kit::Extensions;
use crate::store::{Claim, Message, StoreError, TrustedStore};

/// Interval of the renewals of a lease. A lease lasts for three of them.
const RENEWAL: Duration = Duration::from_secs(5);

/// Time limit of the reaction to one change. Later changes wait for it.
const REACTION_LIMIT: Duration = Duration::from_secs(60);

/// Runner of the jobs of this replica. Cheap to clone.
#[derive(Clone)]
pub(crate) struct JobRunner(Arc<Inner>);

struct Inner {
    store: TrustedStore,
    vocabulary: Arc<Vocabulary>,
    clock_and_random: ClockAndRandom,
    settings: Arc<dyn Any + Send + Sync>,
    states: Arc<Extensions>,
    /// Leases of the present runs, by the name of the job.
    held: Mutex<BTreeMap<&'static str, Lease>>,
    is_stopping: AtomicBool,
}

/// Result of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The error of the run, or of its last reaction that failed.
    pub(crate) result: Result<(), String>,
    /// Number of changes that were given up.
    pub(crate) given_up: u64,
}

impl JobRunner {
    pub(crate) fn new(
        store: TrustedStore,
        vocabulary: Arc<Vocabulary>,
        clock_and_random: ClockAndRandom,
        settings: Arc<dyn Any + Send + Sync>,
        states: Arc<Extensions>,
    ) -> Self {
        let (held, is_stopping) = (Mutex::default(), AtomicBool::new(false));
        Self(Arc::new(Inner { store, vocabulary, clock_and_random, settings, states, held, is_stopping }))
    }

    /// Runs a job if it is due and no other replica runs it. Returns none when it did not run.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn run_when_due(&self, job: &DeclaredJob) -> Result<Option<Ran>, StoreError> {
        let (store, name) = (&self.0.store, job.system.name());
        let claim = match &job.trigger {
            Trigger::Every(every, _) => Claim::WhenDue(interval(*every)),
            Trigger::After(_) => Claim::Now,
        };
        let now = self.0.clock_and_random.clock.now();
        if store.job(name).await?.is_some_and(|state| !state.may_run(claim, now)) {
            return Ok(None);
        }
        if matches!(job.trigger, Trigger::After(_)) && store.next_message(name).await?.is_none() {
            return Ok(None);
        }
        self.run(job, claim).await
    }

    /// Runs a job now, and reactions that were given up once more. Returns none when another run holds the lease.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn run_now(&self, job: &DeclaredJob) -> Result<Option<Ran>, StoreError> {
        if let Trigger::After(_) = job.trigger {
            self.0.store.retry_messages(job.system.name()).await?;
        }
        self.run(job, Claim::Now).await
    }

    async fn run(&self, job: &DeclaredJob, claim: Claim) -> Result<Option<Ran>, StoreError> {
        let Inner { store, clock_and_random, .. } = &*self.0;
        if self.is_stopping() {
            return Ok(None);
        }
        let began = clock_and_random.clock.now();
        let claimed = store.claim_job(job.system.name(), claim).await?;
        let Some((lease, was_interrupted)) = claimed else { return Ok(None) };
        self.held().insert(lease.job, lease);
        let work = self.clone().work(job.clone(), lease, was_interrupted);
        let ran = self.under_lease(lease, work).await;
        let finished = self.finish(job, lease, &ran, began).await;
        self.held().remove(lease.job);
        finished.map(|()| Some(ran))
    }

    /// Records the result of a run, and when the next one is due.
    async fn finish(
        &self,
        job: &DeclaredJob,
        lease: Lease,
        ran: &Ran,
        began: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let Inner { store, clock_and_random, .. } = &*self.0;
        let due = match (&job.trigger, &ran.result) {
            (Trigger::Every(every, _), Ok(())) => began + interval(*every),
            (Trigger::Every(every, _), Err(_)) => {
                let failing = store.job(lease.job).await?.map_or(0, |state| state.failing);
                let pause = back_off(failing + 1, &clock_and_random.random)?;
                clock_and_random.clock.now() + pause.min(interval(*every))
            }
            (Trigger::After(_), _) => began,
        };
        store.finish_job(lease, ran.result.clone(), due).await
    }

    /// Runs `work` on a task of its own, and renews the lease meanwhile. The task is aborted when the lease is lost.
    async fn under_lease(&self, lease: Lease, work: impl Future<Output = Ran> + 'static) -> Ran {
        let mut work = actix_web::rt::spawn(work);
        let mut renewed = Instant::now();
        loop {
            tokio::select! {
                ran = &mut work => return ran.unwrap_or_else(|_| Ran::failed("the run ended early")),
                () = tokio::time::sleep(RENEWAL) => {}
            }
            match tokio::time::timeout(RENEWAL, self.0.store.renew_lease(lease)).await {
                Ok(Ok(true)) => renewed = Instant::now(),
                Ok(Ok(false)) => {
                    work.abort();
                    return Ran::failed(StoreError::LeaseLost);
                }
                Ok(Err(_)) | Err(_) if renewed.elapsed() < 2 * RENEWAL => {}
                Ok(Err(_)) | Err(_) => {
                    work.abort();
                    return Ran::failed("the lease ended: it could not be renewed");
                }
            }
        }
    }

    async fn work(self, job: DeclaredJob, lease: Lease, was_interrupted: bool) -> Ran {
        match &job.trigger {
            Trigger::Every(_, function) => {
                let ran = settled(function(self.job(job.system, lease))).await;
                Ran { result: ran.map_err(|error| error.message().to_owned()), given_up: 0 }
            }
            Trigger::After(reactions) => {
                match self.react(job.system, reactions, lease, was_interrupted).await {
                    Ok(ran) => ran,
                    Err(error) => Ran::failed(error),
                }
            }
        }
    }

    /// Delivers each change that is due, until none is left. After an interrupted run the first one counts as
    /// failed: its reaction may have ended the process, and would do so for ever.
    async fn react(
        &self,
        system: System,
        reactions: &[Reaction],
        lease: Lease,
        mut was_interrupted: bool,
    ) -> Result<Ran, StoreError> {
        let Inner { store, clock_and_random, .. } = &*self.0;
        let mut ran = Ran { result: Ok(()), given_up: 0 };
        while !self.is_stopping() {
            let Some(message) = store.next_message(lease.job).await? else { break };
            let is_for = |one: &&Reaction| one.resource == message.resource && one.action == message.action;
            let reaction = reactions.iter().find(is_for);
            let delivered = match std::mem::take(&mut was_interrupted) {
                true => Err("the run was interrupted".into()),
                false => self.deliver(system, reaction, lease, &message).await,
            };
            match delivered {
                Ok(()) => store.delivered(lease, &message).await?,
                Err(error) => {
                    let failures = message.attempts + 1;
                    let pause = back_off(failures, &clock_and_random.random)?;
                    let most = reaction.map_or(Some(MAX_FAILURES), |reaction| reaction.most_failures);
                    let is_last = most.is_some_and(|most| failures >= most) || error.is_permanent();
                    let retry_at = (!is_last).then(|| clock_and_random.clock.now() + pause);
                    ran.given_up += u64::from(is_last);
                    let error = error.message().to_owned();
                    store.not_delivered(lease, &message, error.clone(), retry_at).await?;
                    ran.result = Err(error);
                }
            }
        }
        Ok(ran)
    }

    async fn deliver(
        &self,
        system: System,
        reaction: Option<&Reaction>,
        lease: Lease,
        message: &Message,
    ) -> Result<(), JobError> {
        let Some(reaction) = reaction else {
            return Err(format!("no reaction to {} {} is declared", message.action, message.resource).into());
        };
        let run = (reaction.function)(self.job(system, lease), message.clone());
        match tokio::time::timeout(REACTION_LIMIT, settled(run)).await {
            Ok(result) => result,
            Err(_) => {
                Err(format!("the reaction took longer than {} seconds", REACTION_LIMIT.as_secs()).into())
            }
        }
    }

    #[expect(clippy::disallowed_methods, reason = "this run has claimed the lease")]
    fn job(&self, system: System, lease: Lease) -> Job {
        let Inner { store, vocabulary, clock_and_random, settings, states, .. } = &*self.0;
        let caller = Caller::of_run(Arc::clone(vocabulary), system, lease);
        let (settings, states) = (Arc::clone(settings), Arc::clone(states));
        Job::new(caller, (**store).clone(), clock_and_random.clone(), settings, states)
    }

    /// Begins no further runs, waits for the present ones until the deadline, and then releases their leases, so
    /// that another replica continues at once.
    pub(crate) async fn stop(&self, patience: Duration) {
        self.0.is_stopping.store(true, Ordering::Release);
        let deadline = Instant::now() + patience;
        while !self.held().is_empty() && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let left: Vec<Lease> = self.held().values().copied().collect();
        for lease in left {
            if let Err(error) = self.0.store.release_lease(lease).await {
                log::warn!("the lease of the job {} ends later: {error}", lease.job);
            }
        }
    }

    fn is_stopping(&self) -> bool {
        self.0.is_stopping.load(Ordering::Acquire)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, BTreeMap<&'static str, Lease>> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ran {
    fn failed(why: impl ToString) -> Self {
        Self { result: Err(why.to_string()), given_up: 0 }
    }
}

/// Returns the result of a job's function. A panic becomes an error.
async fn settled(run: Run) -> Result<(), JobError> {
    AssertUnwindSafe(run).catch_unwind().await.unwrap_or_else(|_| Err("it panicked".into()))
}

fn interval(every: Duration) -> TimeDelta {
    let longest = TimeDelta::days(36_500);
    TimeDelta::from_std(every).map_or(longest, |every| every.min(longest))
}
