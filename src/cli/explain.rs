//! `cloakroom explain`: explains to the operator why a request was refused.

use actix_web::rt::System;
use clap::{Arg, ArgMatches, Command, value_parser};
use serde_json::{Value, json};
use uuid::Uuid;

use super::arguments::{json_flag, required};
use super::context::Context;
use super::output::{Failure, print, print_json};
use super::remote::{self, Remote};
use crate::authz::Explanation;
use crate::authz::action::Explain;
use crate::http::Explained;

pub(super) fn command() -> Command {
    let id = Arg::new("decision").value_name("DECISION_ID").required(true).value_parser(value_parser!(Uuid));
    Command::new("explain")
        .about("Explain why a request was refused: the rule, the facts, and the step that decided")
        .after_help(
            "Examples:\n  cloakroom explain 01a20ac9-1d24-776e-9478-84beaa036bd7\n  \
             cloakroom explain --target http://127.0.0.1:8080 01a20ac9-1d24-776e-9478-84beaa036bd7\n\n\
             With --target, a test server explains its own decisions.\n\n\
             DECISION_ID is the `decision_id` in the answer. To explain a request without sending it, use POST /authz/explain.",
        )
        .arg(id.help("The `decision_id` of the answer"))
        .arg(remote::argument())
        .arg(json_flag())
}

pub(super) fn run(context: &Context, given: &ArgMatches) -> Result<(), Failure> {
    let id: Uuid = required(given, "decision")?;
    let explained = match Remote::given(given)? {
        Some(remote) if remote.is_test() => {
            remote.ask("/authz/explain", &json!({ "decision_id": id }), Some(&remote.everything()?))?
        }
        Some(remote) => {
            return Err(Failure::new(format!(
                "{} is no test server: run the command on its own machine, or use POST /authz/explain",
                remote.url
            )));
        }
        None => here(context, id)?,
    };
    if given.get_flag("json") { print_json(&explained) } else { print(&as_text(&explained)) }
}

/// Explains a decision in the database of this machine.
fn here(context: &Context, id: Uuid) -> Result<Value, Failure> {
    let (store, operator) = (context.store()?, context.operator());
    let reach = operator.reach::<Explanation, Explain>()?;
    let entry = System::new().block_on(async {
        context.master_keys(&store).await?;
        Ok::<_, Failure>(store.decision(&reach, id).await?)
    })?;
    let entry = entry.ok_or_else(|| {
        Failure::new(format!(
            "the audit trail has no decision {id}: it does not exist, is older than the retention, or was not \
             recorded during a flood of refusals"
        ))
    })?;
    Ok(json!(Explained::past(entry, &reach, context.app.routes(), context.vocabulary())))
}

fn as_text(explained: &Value) -> String {
    let text = |name: &str| explained.get(name).and_then(Value::as_str);
    let texts = |name: &str| -> Vec<&str> {
        explained
            .get(name)
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    };
    let line = |name: &str, value: Option<&str>| match value {
        Some(value) if !value.is_empty() => format!("{name:<9}{value}\n"),
        _ => String::new(),
    };
    let facts = [
        line("refused", text("reason")),
        line("route", text("route")),
        line("rule", text("rule")),
        line("caller", text("caller")),
        line("scope", Some(&texts("scope").join(" "))),
        line("roles", Some(&texts("roles").join(" "))),
        line("record", text("record")),
        line("owner", text("owner")),
    ];
    let steps = explained.get("steps").and_then(Value::as_array).into_iter().flatten();
    let steps: String = steps.map(step).collect();
    let enough: String = texts("enough").iter().map(|way| format!("  {way}\n")).collect();
    let enough =
        if enough.is_empty() { enough } else { format!("\nEach of these would be enough:\n{enough}") };
    format!("{}\n{steps}{enough}", facts.concat())
}

fn step(taken: &Value) -> String {
    let text = |name: &str| taken.get(name).and_then(Value::as_str).unwrap_or_default();
    let mark = match text("outcome") {
        "passed" => "✓",
        "failed" => "✗",
        _ => "·",
    };
    let because = if text("because").is_empty() { String::new() } else { format!(" {}", text("because")) };
    format!("  {mark} {:<10} {}{because}\n", text("step"), text("question"))
}
