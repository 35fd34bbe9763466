//! `cloakroom audit`: verifies the hash chain of the audit trail.

use actix_web::rt::System;
use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use super::arguments::{group, json_flag};
use super::context::Context;
use super::output::{Failure, print, print_json};
use super::progress::{progress, progress_ends};
use crate::domain::format_time;
use crate::server::master_key::load_master_key;
use crate::store::ChainKey;
use crate::store::audit::check::{Anchor, Check, Findings, Wrong};

/// Maximum number of faults that are printed.
const MAX_PRINTED: usize = 20;

pub(super) fn command() -> Command {
    let anchor = Arg::new("anchor").long("anchor").value_name("POSITION:SEAL").value_parser(Anchor::parse);
    group(
        "audit",
        "Verify that the audit trail was not changed",
        [Command::new("verify")
            .about("Verify the hash chain of the audit trail, and list each entry that was changed, moved or removed")
            .after_help(
                "It needs the master key. The server may run at the same time. It prints the head of the chain. Keep \
                 the head on another machine and pass it as --anchor later. Then it also detects a removed end \
                 and a chain that was made anew.\n\n\
                 Exit code 1 when it finds a fault.",
            )
            .arg(anchor.help("A head that was printed before; the chain must still contain it"))
            .arg(json_flag())],
    )
    .after_help("Example:\n  cloakroom audit verify --json >> /secure/elsewhere/audit-heads.ndjson")
}

pub(super) fn run(context: &Context, matches: &ArgMatches) -> Result<(), Failure> {
    let Some((_, given)) = matches.subcommand() else { return Ok(()) };
    let store = context.store()?;
    let anchor = given.get_one::<Anchor>("anchor").cloned();
    let findings = System::new().block_on(async {
        let already = store.has_seals().await?;
        let master = load_master_key(context.config(), &context.clock_and_random.random, already)
            .map_err(|error| Failure::new(error.to_string()))?;
        let check = Check { store: &store, key: ChainKey::new(&master.derive("audit")), anchor };
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

fn print_findings(findings: &Findings, as_json: bool) -> Result<(), Failure> {
    let Findings { lines, first, head, unsealed, oldest_unsealed, wrong } = findings;
    let oldest = oldest_unsealed.map(format_time);
    let head = head.as_ref().map(ToString::to_string);
    if as_json {
        let wrong: Vec<_> = wrong
            .iter()
            .map(|Wrong { position, id, what }| json!({ "position": position, "id": id, "what": what }))
            .collect();
        return print_json(&json!({
            "sound": wrong.is_empty(), "lines": lines, "first": first, "head": head, "unsealed": unsealed,
            "oldest_unsealed": oldest, "wrong": wrong,
        }));
    }
    let printed =
        wrong.iter().take(MAX_PRINTED).map(|wrong| format!("wrong     {wrong}\n")).collect::<String>();
    let more = match wrong.len().saturating_sub(MAX_PRINTED) {
        0 => String::new(),
        more => format!("wrong     and {more} more\n"),
    };
    let waiting = oldest.map_or_else(String::new, |oldest| format!(", the oldest of {oldest}"));
    print(&format!(
        "{printed}{more}lines     {lines}{}\nhead      {}\nunsealed  {unsealed}{waiting}\n",
        if *first > 1 {
            format!(", from position {first}; older entries were removed by the retention")
        } else {
            String::new()
        },
        head.unwrap_or_else(|| "none yet".to_owned()),
    ))
}
