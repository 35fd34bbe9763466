//! Commands of the master key: `keys master`, `keys reseal` and `keys replace-lost-master`.

use std::time::Duration;

use actix_web::rt::System;
use clap::Command;
use serde_json::{Map, Value, json};

use super::arguments::{json_flag, switch};
use super::context::Context;
use super::output::{Failure, print, print_json};
use super::progress::{progress, progress_ends};
use crate::domain::{Rotating, format_time};
use crate::server::master_key::{load_master_keys, use_trail_keys};
use crate::server::resealing::Resealer;
use crate::store::{MasterKeyState, NotSwitched, SealedKind, TrustedStore};
use crate::token::MasterKey;

/// Pause between two passes over the sealed values.
const PAUSE: Duration = Duration::from_secs(1);

/// Attempts to switch while a replica seals the audit trail.
const ATTEMPTS: u32 = 50;

/// Pause between two of them.
const ATTEMPT_PAUSE: Duration = Duration::from_millis(100);

pub(super) fn status_command() -> Command {
    Command::new("master")
        .about("Show which master key is in use, what the previous one still seals, and whether it may go")
        .arg(json_flag())
}

pub(super) fn reseal_command() -> Command {
    Command::new("reseal")
        .about("Bring the new master key into use, and seal everything again under it")
        .after_help(
            "First set CLOAKROOM_MASTER_KEY to the new key and CLOAKROOM_MASTER_KEY_PREVIOUS to the old one on each \
             server, and restart them one by one. A run that was interrupted is continued by the servers, or by this \
             command.",
        )
}

pub(super) fn replace_lost_command() -> Command {
    Command::new("replace-lost-master")
        .about("Go on without a master key that is lost: deletes what no key opens any more")
        .after_help(
            "Stop all servers first, set CLOAKROOM_MASTER_KEY to a new key, and keep a copy of the database. This deletes \
             the signing keys (all tokens end), the mails and registrations that wait, the passwords imported from \
             Firebase, the addresses and inputs in the audit trail, and the answers that are kept for repetitions. \
             Accounts, all other passwords, clients and the entries of the trail stay.",
        )
        .arg(switch("yes", "Confirm that the master key is lost"))
}

/// The commands.
pub(super) struct MasterKeyCommands<'a> {
    pub(super) context: &'a Context,
    pub(super) store: TrustedStore,
}

impl MasterKeyCommands<'_> {
    /// Prints the state of the master keys.
    pub(super) fn status(&self, as_json: bool) -> Result<(), Failure> {
        System::new().block_on(async {
            let keys = self.keys().await?;
            let state = self.store.follow_master_key().await?;
            let (word, since) = match &state {
                MasterKeyState::Present(since) => ("CLOAKROOM_MASTER_KEY", Some(*since)),
                MasterKeyState::Resealing(since) => ("CLOAKROOM_MASTER_KEY", Some(*since)),
                MasterKeyState::Previous(since) => ("CLOAKROOM_MASTER_KEY_PREVIOUS", Some(*since)),
                MasterKeyState::Other => ("another master key than this server has", None),
            };
            let resealer = self.resealer(&keys);
            let mut left = Vec::new();
            for kind in SealedKind::ALL {
                left.push((kind.as_str(), resealer.count(kind).await?));
            }
            let changed = since.filter(|_| keys.previous().is_some() && !matches!(state, MasterKeyState::Previous(_)));
            let (answers, entries) = match changed {
                Some(since) => self.store.count_expiring_seals(since).await?,
                None => (0, 0),
            };
            let is_done = matches!(state, MasterKeyState::Present(_))
                && left.iter().all(|(_, counted)| counted.left == 0)
                && answers == 0
                && entries == 0;
            let verdict = match &state {
                MasterKeyState::Other => "set the master key in use, or see keys replace-lost-master",
                MasterKeyState::Previous(_) => "run keys reseal once each server has both keys",
                _ if keys.previous().is_none() => "no other master key is needed",
                _ if is_done => "CLOAKROOM_MASTER_KEY_PREVIOUS may go: remove it from each server",
                _ => "CLOAKROOM_MASTER_KEY_PREVIOUS is still needed",
            };
            let since = since.map(format_time);
            if as_json {
                let left: Map<String, Value> =
                    left.iter().map(|(kind, counted)| ((*kind).to_owned(), json!(counted.left))).collect();
                return print_json(&json!({
                    "in_use": word, "since": since, "left": left, "kept_answers": answers,
                    "new_audit_entries": entries, "previous_may_go": is_done, "verdict": verdict,
                }));
            }
            let lines = left.iter().map(|(kind, counted)| {
                let lost = match counted.unreadable {
                    0 => String::new(),
                    some => format!(", of which {some} open with no key of this server"),
                };
                format!("left     {} of {} {kind}{lost}\n", counted.left, counted.all)
            });
            print(&format!(
                "in use   {word}{}\n{}left     {answers} kept answers (they expire within a day), {entries} new audit \
                 entries\nverdict  {verdict}\n",
                since.map_or_else(String::new, |since| format!(", since {since}")),
                lines.collect::<String>(),
            ))
        })
    }

    /// Brings the present master key into use, and seals everything again.
    pub(super) fn reseal(&self) -> Result<(), Failure> {
        System::new().block_on(async {
            let keys = self.keys().await?;
            if self.store.follow_master_key().await? == MasterKeyState::Other {
                return Err(NotSwitched::Other.into());
            }
            if keys.previous().is_none() {
                return Err(Failure::new(
                    "CLOAKROOM_MASTER_KEY_PREVIOUS is not set; set it to the key that CLOAKROOM_MASTER_KEY replaces",
                ));
            }
            self.store.record_first_master_key().await?;
            self.switch().await?;
            let resealer = self.resealer(&keys);
            loop {
                let total = resealer.run(|left| progress(&format!("{left} left"))).await?;
                if total.unreadable > 0 {
                    progress_ends();
                    return Err(Failure::new(format!(
                        "another master key sealed {} values; see keys master",
                        total.unreadable
                    )));
                }
                if let MasterKeyState::Present(_) = self.store.follow_master_key().await? {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            progress_ends();
            print("everything is sealed with CLOAKROOM_MASTER_KEY; see keys master before the previous one goes\n")
        })
    }

    /// Goes on without a master key that is lost.
    pub(super) fn replace_lost(&self, is_confirmed: bool) -> Result<(), Failure> {
        if !is_confirmed {
            return Err(Failure::new(
                "this deletes what the lost master key sealed; see --help, and confirm with --yes",
            ));
        }
        System::new().block_on(async {
            self.keys().await?;
            self.store.replace_lost_master_key().await?;
            print("the new master key is in use; start the servers, and rotate what depended on their old tokens\n")
        })
    }

    async fn switch(&self) -> Result<(), Failure> {
        for _ in 1..ATTEMPTS {
            match self.store.switch_master_key().await {
                Err(NotSwitched::Busy) => tokio::time::sleep(ATTEMPT_PAUSE).await,
                done => return Ok(done?),
            }
        }
        Ok(self.store.switch_master_key().await?)
    }

    /// Returns the configured master keys, whichever one is in use.
    async fn keys(&self) -> Result<Rotating<MasterKey>, Failure> {
        let Context { clock_and_random, .. } = self.context;
        let keys = load_master_keys(self.context.config(), clock_and_random, self.store.has_seals().await?)?;
        use_trail_keys(&self.store, &keys, &clock_and_random.random)?;
        Ok(keys)
    }

    fn resealer(&self, keys: &Rotating<MasterKey>) -> Resealer {
        Resealer::new(self.store.clone(), keys.clone(), self.context.clock_and_random.random.clone())
    }
}

impl From<NotSwitched> for Failure {
    fn from(error: NotSwitched) -> Self {
        Self::new(error.to_string())
    }
}
