//! `cloakroom clients`: OAuth clients (RFC 6749 §2).

use std::sync::Arc;
use std::time::Duration;

use actix_web::rt::System;
use clap::{Arg, ArgMatches, Command};
use serde_json::{Map, Value, json};

use super::super::arguments::{group, json_flag, required};
use super::super::context::Context;
use super::super::output::{Failure, print, print_json};
use super::options;
use crate::app::App;
use crate::authz::action::{Action, Create, Delete, List, Read, RotateSecret};
use crate::authz::{Allowed, Can, Operator};
use crate::config::parse::duration;
use crate::domain::{Client, ClientId, ClientMetadata, ClientSecret};
use crate::http::ClientView;
use crate::store::{Keyset, StoreError, TrustedStore};

const PAGE: u16 = 500;

pub(crate) fn command(app: &Arc<App>) -> Command {
    let one = |name, about| {
        Command::new(name).about(about).args([options::id().help("Its client_id"), json_flag()])
    };
    let keep_old = Arg::new("keep-old")
        .long("keep-old")
        .value_name("DURATION")
        .default_value("24h")
        .value_parser(|text: &str| duration(0..=u64::from(Client::LONGEST_SECRET_OVERLAP))(text))
        .help("How long the current secret stays valid, at most 30 days; 0s ends it at once");
    group(
        "clients",
        "Create, list and delete OAuth clients, also while the server runs",
        [
            options::command(app),
            Command::new("list").about("List all: id, grants, scopes, name").arg(json_flag()),
            one("show", "Show one client"),
            one(
                "rotate-secret",
                "Create a new secret; prints it once. A client has at most two secrets. Its tokens stay valid \
                 until they expire",
            )
            .arg(keep_old),
            one("delete", "Delete a client; its tokens become invalid"),
        ],
    )
    .after_help("Example:\n  cloakroom clients rotate-secret reports --keep-old 1h --json")
}

pub(crate) fn run(context: &Context, matches: &ArgMatches) -> Result<(), Failure> {
    let Some((name, given)) = matches.subcommand() else { return Ok(()) };
    // Invalid input must not create a database.
    let new = if name == "create" { Some(options::metadata(given)?) } else { None };
    let store = if new.is_some() { context.migrated_store()? } else { context.store()? };
    let clients = Clients { context, store, operator: context.operator(), json: given.get_flag("json") };
    System::new().block_on(async {
        match (name, new) {
            (_, Some(metadata)) => clients.create(options::new_id(given)?, metadata).await,
            ("list", _) => clients.list().await,
            ("show", _) => clients.show(required(given, "id")?).await,
            ("rotate-secret", _) => {
                clients.rotate_secret(required(given, "id")?, required(given, "keep-old")?).await
            }
            _ => clients.delete(required(given, "id")?).await,
        }
    })
}

struct Clients<'a> {
    context: &'a Context,
    store: TrustedStore,
    operator: Operator,
    json: bool,
}

impl Clients<'_> {
    async fn open<A: Action>(&self, id: ClientId) -> Result<Allowed<Client, A>, Failure>
    where
        Client: Can<A>,
    {
        let missing = Failure::new(format!("there is no client {id}; see cloakroom clients list"));
        let filter = self.operator.reach::<Client, A>()?.lookup_filter();
        self.operator.open(self.store.find(id, filter).await?).map_err(|_| missing)
    }

    async fn create(&self, id: ClientId, metadata: ClientMetadata) -> Result<(), Failure> {
        let secret = metadata.new_secret(&self.context.clock_and_random.random)?;
        let client = Client::new(id.clone(), metadata, self.context.clock_and_random.clock.now());
        let client = self.operator.reach::<Client, Create>()?.make(client)?;
        match self.store.create_client(client, secret.as_ref().map(ClientSecret::hash)).await {
            Err(StoreError::Taken) => {
                return Err(Failure::new(format!(
                    "a client with this id exists; see cloakroom clients show {id}"
                )));
            }
            made => drop(made?),
        }
        self.print_secret(&id, secret.as_ref())
    }

    async fn list(&self) -> Result<(), Failure> {
        let reach = self.operator.reach::<Client, List>()?;
        let (mut clients, mut after) = (Vec::new(), None);
        loop {
            let page = self.store.list_clients(&reach, Keyset { after, limit: PAGE }).await?;
            clients.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        if self.json {
            return print_json(&clients.iter().map(as_json).collect());
        }
        let line = |client: &Client| {
            let grants: Vec<&str> = client.grants.iter().map(|grant| grant.as_str()).collect();
            let name = client.name.as_deref().unwrap_or_default();
            format!("{}\t{}\t{}\t{name}\n", client.id, grants.join(","), client.scope.join(" "))
        };
        print(&clients.iter().map(line).collect::<String>())
    }

    async fn show(&self, id: ClientId) -> Result<(), Failure> {
        let value = as_json(&*self.open::<Read>(id).await?);
        if self.json {
            return print_json(&value);
        }
        let line =
            |(name, value): (&String, &Value)| format!("{name}: {}", plain(value)).trim_end().to_owned();
        let lines: Vec<String> = value.as_object().into_iter().flatten().map(line).collect();
        print(&(lines.join("\n") + "\n"))
    }

    async fn rotate_secret(&self, id: ClientId, keep_old: Duration) -> Result<(), Failure> {
        let client = self.open::<RotateSecret>(id.clone()).await?;
        let Some(secret) = client.new_secret(&self.context.clock_and_random.random)? else {
            let method = client.authentication;
            return Err(Failure::new(format!("{id} authenticates by {method} and has no secret")));
        };
        let old_until = self.context.clock_and_random.clock.now() + keep_old;
        drop(self.store.add_client_secret(client, secret.hash(), old_until).await?);
        self.print_secret(&id, Some(&secret))
    }

    async fn delete(&self, id: ClientId) -> Result<(), Failure> {
        let client = self.open::<Delete>(id.clone()).await?;
        self.store.delete_client(client).await?;
        if self.json { print_json(&json!({ "client_id": id })) } else { print(&format!("{id} is deleted\n")) }
    }

    /// Prints the id, and the secret if there is one. The secret is shown only here.
    fn print_secret(&self, id: &ClientId, secret: Option<&ClientSecret>) -> Result<(), Failure> {
        let secret = secret.map(ClientSecret::expose);
        if self.json {
            let mut object = Map::from_iter([("client_id".to_owned(), json!(id))]);
            object.extend(secret.map(|secret| ("client_secret".to_owned(), secret.into())));
            return print_json(&Value::Object(object));
        }
        let secret = secret.map(|secret| format!("client_secret: {secret}\n")).unwrap_or_default();
        print(&format!("client_id: {id}\n{secret}"))
    }
}

/// Returns the same representation as `GET /clients/{id}`.
fn as_json(client: &Client) -> Value {
    json!(ClientView::from(client))
}

/// Returns a value on one line.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}
