//! `cloakroom explain`: explains to the operator why a request was refused.

use actix_web::rt::System;
use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::json;
use uuid::Uuid;

use super::arguments::{json_flag, required};
use super::context::Context;
use super::output::{Failure, print, print_json};
use crate::authz::action::Explain;
use crate::authz::{Explanation, StepOutcome, StepTaken};
use crate::http::Explained;

pub(super) fn command() -> Command {
    let id = Arg::new("decision").value_name("DECISION_ID").required(true).value_parser(value_parser!(Uuid));
    Command::new("explain")
        .about("Explain why a request was refused: the rule, the facts, and the step that decided")
        .after_help(
            "Example:\n  cloakroom explain 01a20ac9-1d24-776e-9478-84beaa036bd7\n\n\
             DECISION_ID is the `decision_id` in the answer. To explain a request without sending it, use POST /authz/explain.",
        )
        .arg(id.help("The `decision_id` of the answer"))
        .arg(json_flag())
}

pub(super) fn run(context: &Context, given: &ArgMatches) -> Result<(), Failure> {
    let id: Uuid = required(given, "decision")?;
    let (store, operator) = (context.store()?, context.operator());
    let reach = operator.reach::<Explanation, Explain>()?;
    let entry = System::new().block_on(store.decision(&reach, id))?.ok_or_else(|| {
        Failure::new(format!(
            "the audit trail has no decision {id}: it does not exist, is older than the retention, or was not \
             recorded during a flood of refusals"
        ))
    })?;
    let explained = Explained::past(entry, &reach, context.app.routes(), context.vocabulary());
    if given.get_flag("json") { print_json(&json!(explained)) } else { print(&as_text(&explained)) }
}

fn as_text(explained: &Explained) -> String {
    let explanation = explained.explanation();
    let line = |name: &str, value: Option<&str>| match value {
        Some(value) if !value.is_empty() => format!("{name:<9}{value}\n"),
        _ => String::new(),
    };
    let facts = [
        line("refused", explanation.reason.as_deref()),
        line("route", explained.route()),
        line("rule", explanation.rule.as_deref()),
        line("caller", explanation.caller.as_deref()),
        line("scope", Some(&explanation.scope.join(" "))),
        line("roles", Some(&explanation.roles.join(" "))),
        line("record", explanation.record.as_deref()),
        line("owner", explanation.owner.as_deref()),
    ];
    let steps: String = explanation.steps.iter().map(step).collect();
    let enough: String = explanation.enough.iter().map(|way| format!("  {way}\n")).collect();
    let enough =
        if enough.is_empty() { enough } else { format!("\nEach of these would be enough:\n{enough}") };
    format!("{}\n{steps}{enough}", facts.concat())
}

fn step(taken: &StepTaken) -> String {
    let mark = match taken.outcome {
        StepOutcome::Passed => "✓",
        StepOutcome::Failed => "✗",
        StepOutcome::NotReached | StepOutcome::NotTold => "·",
    };
    let because = if taken.because.is_empty() { String::new() } else { format!(" {}", taken.because) };
    format!("  {mark} {:<10} {}{because}\n", taken.step, taken.question)
}
