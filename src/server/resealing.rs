//! Change of the master key: each replica follows the one in use, and one replica at a time seals again what the previous
//! one sealed.

use std::cell::Cell;
use std::ops::AddAssign;
use std::time::Duration;

use prometheus::IntGauge;

use super::components::SIGNER_KEY;
use super::master_key::{MasterKeyError, check_master_keys};
use crate::app::jobs::DeclaredJob;
use crate::authz::System;
use crate::domain::{Random, Rotating};
use crate::hashing::reseal_signer_key;
use crate::mail::{MAIL_PURPOSE, REGISTRATION_CONTEXT};
use crate::store::{MasterKeyState, RowKey, SealedKind, SealedValue, StoreError, TrustedStore};
use crate::token::{MasterKey, SealError};

/// Name of the job.
pub(crate) const RESEALING: &str = "reseal under the master key";

/// Number of values that are read at once, and sealed again in one transaction.
const BATCH: u16 = 256;

/// Interval of the job.
const INTERVAL: Duration = Duration::from_secs(10);

/// Follows the master key in use. `left` is zero again on each replica once nothing needs the previous one.
///
/// # Errors
/// When this replica does not have it.
pub(super) async fn follow_master_key(
    store: TrustedStore,
    keys: Rotating<MasterKey>,
    left: IntGauge,
) -> Result<(), MasterKeyError> {
    let used_present = std::ptr::eq(keys.in_use(), keys.present());
    let state = check_master_keys(&store, &keys).await?;
    if !used_present && std::ptr::eq(keys.in_use(), keys.present()) {
        log::info!("the new master key is in use");
    }
    if let MasterKeyState::Present(_) = state {
        left.set(0);
    }
    Ok(())
}

/// Seals values again.
#[derive(Clone)]
pub(crate) struct Resealer {
    store: TrustedStore,
    keys: Rotating<MasterKey>,
    mail: Rotating<MasterKey>,
    random: Random,
}

/// Number of the values of one kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counted {
    /// All of them.
    pub(crate) all: usize,
    /// Number of those that the master key in use did not seal.
    pub(crate) left: usize,
    /// Number of those that no master key of this server opens.
    pub(crate) unreadable: usize,
}

impl AddAssign for Counted {
    fn add_assign(&mut self, more: Self) {
        self.all += more.all;
        self.left += more.left;
        self.unreadable += more.unreadable;
    }
}

impl Resealer {
    pub(crate) fn new(store: TrustedStore, keys: Rotating<MasterKey>, random: Random) -> Self {
        let mail = keys.nested(MAIL_PURPOSE);
        Self { store, keys, mail, random }
    }

    /// Counts the values of a kind.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn count(&self, kind: SealedKind) -> Result<Counted, StoreError> {
        self.walk(kind, false, |_| {}).await
    }

    /// Seals everything again that the previous master key sealed, and records it once nothing is left. `progress` takes
    /// what is left after each batch. A run that ends early has sealed its batches; the next one does the rest.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn run(&self, progress: impl Fn(usize)) -> Result<Counted, StoreError> {
        let mut total = Counted::default();
        let MasterKeyState::Resealing(since) = self.store.follow_master_key().await? else {
            return Ok(total);
        };
        for kind in SealedKind::ALL {
            total += self.count(kind).await?;
        }
        progress(total.left);
        let left = Cell::new(total.left);
        for kind in SealedKind::ALL {
            let done = |sealed| {
                left.set(left.get().saturating_sub(sealed));
                progress(left.get());
            };
            self.walk(kind, true, done).await?;
        }
        // A replica that did not know of the change yet can have sealed with the previous key meanwhile.
        if total.left == 0 {
            self.store.record_all_resealed(since).await?;
        }
        Ok(total)
    }

    async fn walk(
        &self,
        kind: SealedKind,
        writes: bool,
        progress: impl Fn(usize),
    ) -> Result<Counted, StoreError> {
        let (mut counted, mut after) = (Counted::default(), None::<RowKey>);
        loop {
            let page = self.store.sealed_values(kind, after, BATCH).await?;
            let is_last = page.len() < usize::from(BATCH);
            after = page.last().map(|value| value.row.clone());
            counted.all += page.len();
            let mut again = Vec::new();
            for value in page.into_iter().filter(|value| !value.content.is_empty()) {
                match self.again(kind, &value) {
                    Ok(None) => {}
                    Ok(Some(new)) => again.push((value, new)),
                    Err(SealError) => counted.unreadable += 1,
                }
            }
            counted.left += again.len();
            if writes && !again.is_empty() {
                let sealed = again.len();
                self.store.replace_sealed(kind, again).await?;
                progress(sealed);
            }
            if is_last {
                counted.left += counted.unreadable;
                return Ok(counted);
            }
        }
    }

    /// Seals a value again. Returns none when the master key in use sealed it.
    fn again(&self, kind: SealedKind, value: &SealedValue) -> Result<Option<Vec<u8>>, SealError> {
        let (keys, mail, random) = (&self.keys, &self.mail, &self.random);
        let SealedValue { content, context, .. } = value;
        match kind {
            SealedKind::SigningKey => keys.reseal(random, content, context),
            SealedKind::PersonKey | SealedKind::DayKey => {
                self.store.rewrap(content, context).map_err(|_| SealError)
            }
            SealedKind::Mail => mail.reseal(random, content, context),
            SealedKind::Registration => mail.reseal(random, content, REGISTRATION_CONTEXT),
            SealedKind::PasswordHash => {
                let text = std::str::from_utf8(content).map_err(|_| SealError)?;
                let mut outcome = Ok(None);
                let resealed = reseal_signer_key(text, |sealed| {
                    outcome = keys.reseal(random, sealed, SIGNER_KEY);
                    outcome.as_ref().ok().cloned().flatten()
                });
                outcome.map(|_| resealed.map(String::into_bytes))
            }
        }
    }
}

/// Returns the job that seals again what the previous master key sealed.
pub(super) fn resealing_job(resealer: Resealer, left: IntGauge) -> DeclaredJob {
    DeclaredJob::every(System::new(RESEALING, &[]), INTERVAL, move || {
        let (resealer, left) = (resealer.clone(), left.clone());
        async move {
            let total = resealer.run(|waiting| left.set(i64::try_from(waiting).unwrap_or(i64::MAX))).await?;
            match total.unreadable {
                0 => Ok(()),
                some => Err(format!("another master key sealed {some} values; see `keys master`").into()),
            }
        }
    })
}
