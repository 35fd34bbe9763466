//! `cloakroom audit`: what proves that nobody changed the audit trail.

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

/// The most findings that are told one by one.
const MOST_TOLD: usize = 20;

pub(super) fn command() -> Command {
    let anchor = Arg::new("anchor").long("anchor").value_name("POSITION:SEAL").value_parser(Anchor::parse);
    group(
        "audit",
        "Prove that nobody changed the audit trail",
        [Command::new("verify")
            .about("Walk the chain of the audit trail, and name every line that was changed, moved or taken out")
            .after_help(
                "It needs the master key, and the server may run meanwhile. It prints the head of the chain: keep it \
                 elsewhere, and give it as --anchor later, to find out also whether the end was cut off or the \
                 whole of it made anew.\n\n\
                 Exit code 1 when anything is wrong.",
            )
            .arg(anchor.help("A head of the chain that was printed before: it must still be there"))
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
    tell(&findings, given.get_flag("json"))?;
    match findings.wrong.len() {
        0 => Ok(()),
        wrong => Err(Failure::new(format!("the audit trail is not as it was written: {wrong} faults"))),
    }
}

fn tell(findings: &Findings, as_json: bool) -> Result<(), Failure> {
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
    let told = wrong.iter().take(MOST_TOLD).map(|wrong| format!("wrong     {wrong}\n")).collect::<String>();
    let more = match wrong.len().saturating_sub(MOST_TOLD) {
        0 => String::new(),
        more => format!("wrong     and {more} more\n"),
    };
    let waiting = oldest.map_or_else(String::new, |oldest| format!(", the oldest of {oldest}"));
    print(&format!(
        "{told}{more}lines     {lines}{}\nhead      {}\nunsealed  {unsealed}{waiting}\n",
        if *first > 1 {
            format!(", from position {first}: what was before was too old to be kept")
        } else {
            String::new()
        },
        head.unwrap_or_else(|| "none yet".to_owned()),
    ))
}
