//! `cloakroom mail`: what waits to be sent, and trials of the templates and of the settings.

use actix_web::rt::System;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, Command};
use serde_json::json;

use super::arguments::{group, json_flag, required, switch};
use super::context::Context;
use super::output::{Failure, print, print_json};
use crate::domain::{Email, format_time};
use crate::mail::{Content, SEND_MAIL, Template, Templates};
use crate::server::transport;

/// Number of waiting mails that are listed.
const LISTED: i64 = 20;

pub(super) fn command() -> Command {
    let templates = PossibleValuesParser::new(Template::ALL.map(Template::as_str));
    let template = Arg::new("template").value_name("TEMPLATE").required(true).value_parser(templates);
    let address = Arg::new("address").value_name("ADDRESS").required(true).value_parser(Email::parse);
    group(
        "mail",
        "Show the queue of mails, preview the templates, and try the settings",
        [
            Command::new("status")
                .about("Show how many mails were sent, wait and were given up, and why")
                .after_help("A mail that was given up is tried again by: cloakroom jobs run \"send mail\"")
                .arg(json_flag()),
            Command::new("preview")
                .about("Print a mail, with the templates of the operator in place of the built-in ones")
                .args([template, switch("html", "Print the HTML part")]),
            Command::new("test")
                .about("Send a test mail now, and say what the mail server answers")
                .arg(address),
        ],
    )
}

pub(super) fn run(context: &Context, matches: &ArgMatches) -> Result<(), Failure> {
    let Some((name, given)) = matches.subcommand() else { return Ok(()) };
    match name {
        "status" => System::new().block_on(status(context, given.get_flag("json"))),
        "preview" => preview(context, given),
        _ => System::new().block_on(test(context, &required(given, "address")?)),
    }
}

async fn status(context: &Context, as_json: bool) -> Result<(), Failure> {
    let store = context.store()?;
    let (backlog, state) = (store.backlog(SEND_MAIL).await?, store.job(SEND_MAIL).await?);
    let waiting = store.undelivered(SEND_MAIL, LISTED).await?;
    let sent = state.as_ref().map_or(0, |state| state.sent);
    let last = state.and_then(|state| state.succeeded_at).map(|at| format_time(at.0));
    if as_json {
        let listed = waiting.iter().map(|mail| {
            json!({
                "id": mail.record, "template": mail.action, "queued_at": format_time(mail.created_at.0),
                "failed_attempts": mail.attempts, "error": mail.error, "given_up": mail.given_up_at.is_some(),
            })
        });
        return print_json(&json!({
            "sends_mail": context.config().sends_mail(), "sent": sent, "waiting": backlog.waiting,
            "given_up": backlog.given_up, "last_success": last, "oldest": listed.collect::<Vec<_>>(),
        }));
    }
    let mut text = match context.config().sends_mail() {
        true => String::new(),
        false => "CLOAKROOM_MAIL_URL is not set: no mail is sent\n".to_owned(),
    };
    let last = last.unwrap_or_else(|| "never".to_owned());
    let (waiting_now, given_up) = (backlog.waiting, backlog.given_up);
    text += &format!("{sent} sent, {waiting_now} waiting, {given_up} given up, last success {last}\n");
    for mail in waiting {
        let (at, error) = (format_time(mail.created_at.0), mail.error.unwrap_or_default());
        let error: String = error.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        text += &format!("{at}\t{}\t{} failed attempts\t{error}\n", mail.action, mail.attempts);
    }
    print(&text)
}

fn templates(context: &Context) -> Result<Templates, Failure> {
    let directory = context.config().mail_templates.as_deref();
    Templates::load(directory).map_err(|error| Failure::new(error.to_string()))
}

fn preview(context: &Context, given: &ArgMatches) -> Result<(), Failure> {
    let name: String = required(given, "template")?;
    let template = Template::named(&name).ok_or_else(|| Failure::new(format!("{name} is not a template")))?;
    let content = Content::example(context.app.name, &context.config().issuer_at(context.config().listen));
    let mail = templates(context)?.render(template, &content);
    let mail = mail.map_err(|error| Failure::new(error.to_string()))?;
    match given.get_flag("html") {
        true => print(&mail.html),
        false => print(&format!("Subject: {}\n\n{}", mail.subject, mail.text)),
    }
}

async fn test(context: &Context, to: &Email) -> Result<(), Failure> {
    let config = context.config();
    let transport =
        transport(config)?.ok_or_else(|| Failure::new("set CLOAKROOM_MAIL_URL and CLOAKROOM_MAIL_FROM"))?;
    let issuer = config.issuer_at(config.listen);
    let content = Content { address: to.to_string(), ..Content::example(context.app.name, &issuer) };
    let rendered = templates(context)?.render(Template::Test, &content);
    let rendered = rendered.map_err(|error| Failure::new(error.to_string()))?;
    let now = context.clock_and_random.clock.now();
    let id = context.clock_and_random.random.uuid_at(now).map_err(|error| Failure::new(error.to_string()))?;
    let sent = transport.send_now(to.clone(), rendered, &id.to_string(), &issuer, now).await;
    sent.map_err(|error| Failure::new(format!("the mail was not sent: {error}")))?;
    print(&format!("the mail server took the mail to {to}\n"))
}
