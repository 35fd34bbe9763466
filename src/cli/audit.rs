//! `cloakroom audit`: verifies the hash chain of the audit trail, and seals the personal members of old entries.

use actix_web::rt::System;
use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use super::arguments::{group, json_flag, switch};
use super::context::Context;
use super::output::{Failure, print, print_json};
use super::progress::{progress, progress_ends};
use crate::domain::format_time;
use crate::store::audit::check::{Anchor, Check, Findings, Wrong};
use crate::store::{Sealer, TrustedStore};

/// Maximum number of faults that are printed.
const MAX_PRINTED: usize = 20;

pub(super) fn command() -> Command {
    let anchor = Arg::new("anchor").long("anchor").value_name("POSITION:SEAL").value_parser(Anchor::parse);
    group(
        "audit",
        "Verify that the audit trail was not changed, and seal what earlier versions wrote",
        [Command::new("verify")
            .about("Verify the hash chain of the audit trail, and list each entry that was changed, moved or removed")
            .after_help(
                "It needs the master key. The server may run at the same time. It prints the head of the chain. Keep \
                 the head on another machine and pass it as --anchor later. Then it also detects a removed end \
                 and a chain that was made anew.\n\n\
                 Exit code 1 when it finds a fault.",
            )
            .arg(anchor.help("A head that was printed before; the chain must still contain it"))
            .arg(json_flag()),
        Command::new("seal")
            .about("Seal the personal members of entries that an earlier version wrote in clear")
            .after_help(
                "The server does this by itself, unless the audit trail was changed. Then it stops, because a changed \
                 entry may be evidence: keep a copy of the database first. With --despite-faults the command seals \
                 changed entries as well. `audit verify` still finds each fault.",
            )
            .arg(switch("despite-faults", "Also seal entries that were changed"))],
    )
    .after_help("Example:\n  cloakroom audit verify --json >> /secure/elsewhere/audit-heads.ndjson")
}

pub(super) fn run(context: &Context, matches: &ArgMatches) -> Result<(), Failure> {
    let Some((name, given)) = matches.subcommand() else { return Ok(()) };
    let store = context.store()?;
    if name == "seal" {
        return seal(context, &store, given.get_flag("despite-faults"));
    }
    let anchor = given.get_one::<Anchor>("anchor").cloned();
    let findings = System::new().block_on(async {
        context.master_keys(&store).await?;
        let check = Check { store: &store, anchor };
        let found = check.run(|lines| progress(&format!("{lines} lines"))).await;
        progress_ends();
        found.map_err(Failure::from)
    })?;
    print_findings(&findings, given.get_flag("json"))?;
    match findings.wrong.len() {
        0 => Ok(()),
        wrong => Err(Failure::new(format!("the audit trail was changed: {wrong} faults"))),
    }
}

fn seal(context: &Context, store: &TrustedStore, despite_faults: bool) -> Result<(), Failure> {
    let sealed = System::new().block_on(async {
        context.master_keys(store).await?;
        let sealer = Sealer::new(store.clone(), context.clock_and_random.clock.clone());
        let sealed = sealer.seal_old(despite_faults, |entries| progress(&format!("{entries} entries"))).await;
        progress_ends();
        sealed.map_err(|error| Failure::new(error.to_string()))
    })?;
    print(&format!("{sealed} entries were sealed\n"))
}

fn print_findings(findings: &Findings, as_json: bool) -> Result<(), Failure> {
    let Findings { lines, first, head, unsealed, oldest_unsealed, unverifiable, wrong } = findings;
    let oldest = oldest_unsealed.map(format_time);
    let head = head.as_ref().map(ToString::to_string);
    if as_json {
        let wrong: Vec<_> = wrong
            .iter()
            .map(|Wrong { position, id, what }| json!({ "position": position, "id": id, "what": what }))
            .collect();
        return print_json(&json!({
            "sound": wrong.is_empty(), "lines": lines, "first": first, "head": head, "unsealed": unsealed,
            "oldest_unsealed": oldest, "unverifiable": unverifiable, "wrong": wrong,
        }));
    }
    let printed =
        wrong.iter().take(MAX_PRINTED).map(|wrong| format!("wrong     {wrong}\n")).collect::<String>();
    let more = match wrong.len().saturating_sub(MAX_PRINTED) {
        0 => String::new(),
        more => format!("wrong     and {more} more\n"),
    };
    let lost = match unverifiable {
        0 => String::new(),
        some => format!("unchecked {some}, because their master key was lost\n"),
    };
    let waiting = oldest.map_or_else(String::new, |oldest| format!(", the oldest of {oldest}"));
    print(&format!(
        "{printed}{more}{lost}lines     {lines}{}\nhead      {}\nunsealed  {unsealed}{waiting}\n",
        if *first > 1 {
            format!(", from position {first}; older entries were removed by the retention")
        } else {
            String::new()
        },
        head.unwrap_or_else(|| "none yet".to_owned()),
    ))
}
