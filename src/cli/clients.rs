//! `cloakroom clients`: programs that get tokens of their own (RFC 6749 §2).

use std::sync::Arc;

use actix_web::rt::System;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::context::Context;
use super::output::{Failure, print, print_json};
use super::{group, json_flag, required, scope};
use crate::App;
use crate::authz::action::{Action, Create, Delete, List, Read, Update};
use crate::authz::{Allowed, Can, Operator, ScopeSet};
use crate::domain::{
    Client, ClientAuthentication, ClientId, ClientMetadata, ClientSecret, GrantType, NewClient, format_time,
    plain_text,
};
use crate::store::{Store, StoreError};

const MOST_NAME: usize = 200;

pub(super) fn command(app: &Arc<App>) -> Command {
    let known = Arc::clone(app);
    let id =
        || Arg::new("id").value_name("ID").required(true).value_parser(|text: &str| text.parse::<ClientId>());
    let one = |name, about| Command::new(name).about(about).args([id().help("Its client_id"), json_flag()]);
    let grants = PossibleValuesParser::new(GrantType::ALL.map(GrantType::as_str));
    let grants = grants.try_map(|name| name.parse::<GrantType>());
    let grant =
        Arg::new("grant").long("grant").value_name("GRANT").action(ArgAction::Append).value_parser(grants);
    let scope = Arg::new("scope")
        .long("scope")
        .value_name("SCOPES")
        .required(true)
        .value_parser(move |list: &str| scope::parse(list, known.vocabulary()));
    let name = Arg::new("name")
        .long("name")
        .value_name("NAME")
        .value_parser(|text: &str| plain_text(text, MOST_NAME, false));
    let create = Command::new("create")
        .about("Register a client; prints its id and its secret, once")
        .after_help("Example:\n  cloakroom clients create --id reports --scope \"users:read:any profiles:read:any\"")
        .after_long_help(format!(
            "Example:\n  cloakroom clients create --id reports --scope \"users:read:any profiles:read:any\"\n\n\
             Scopes:\n{}",
            scope::table(app.vocabulary())
        ))
        .args([
            id().long("id").help("Its client_id: 1 to 64 of A-Z a-z 0-9 . _ -"),
            scope.help("The scopes that it may ask for, between spaces"),
            grant.help("A way of getting tokens; may be repeated [default: client_credentials]"),
            name.help("A name for people"),
            json_flag(),
        ]);
    group(
        "clients",
        "Register, find and remove programs that get tokens of their own, also while the server runs",
        [
            create,
            Command::new("list").about("List all: id, grants, scopes, name").arg(json_flag()),
            one("show", "Show one client"),
            one(
                "rotate-secret",
                "Replace its secret; prints the new one, once. Its tokens live on until they expire",
            ),
            one("delete", "Remove it; its tokens are dead"),
        ],
    )
    .after_help("Example:\n  cloakroom clients rotate-secret reports --json")
}

pub(super) fn run(context: &Context, matches: &ArgMatches) -> Result<(), Failure> {
    let Some((name, given)) = matches.subcommand() else { return Ok(()) };
    let store = if name == "create" { context.migrated_store()? } else { context.store()? };
    let clients = Clients { context, store, operator: context.operator(), json: given.get_flag("json") };
    System::new().block_on(async {
        match name {
            "create" => clients.create(given).await,
            "list" => clients.list().await,
            "show" => clients.show(required(given, "id")?).await,
            "rotate-secret" => clients.rotate_secret(required(given, "id")?).await,
            _ => clients.delete(required(given, "id")?).await,
        }
    })
}

struct Clients<'a> {
    context: &'a Context,
    store: Store,
    operator: Operator,
    json: bool,
}

impl Clients<'_> {
    async fn open<A: Action>(&self, id: ClientId) -> Result<Allowed<Client, A>, Failure>
    where
        Client: Can<A>,
    {
        let missing = Failure::new(format!("there is no client {id}; see cloakroom clients list"));
        let sight = self.operator.reach::<Client, A>()?.sight_of_one();
        self.operator.open(self.store.find(id, sight).await?).map_err(|_| missing)
    }

    async fn create(&self, given: &ArgMatches) -> Result<(), Failure> {
        let id: ClientId = required(given, "id")?;
        let scope: ScopeSet = required(given, "scope")?;
        let grants = match given.get_many::<GrantType>("grant") {
            Some(named) => {
                let named: Vec<&GrantType> = named.collect();
                GrantType::ALL.into_iter().filter(|grant| named.contains(&grant)).collect()
            }
            None => vec![GrantType::ClientCredentials],
        };
        let secret = self.new_secret()?;
        let new = NewClient {
            id: id.clone(),
            metadata: ClientMetadata {
                name: given.get_one::<String>("name").cloned(),
                scope: scope.iter().map(|scope| scope.to_string()).collect(),
                grants,
                authentication: ClientAuthentication::ClientSecretBasic,
                redirect_uris: Vec::new(),
                post_logout_redirect_uris: Vec::new(),
                jwks: None,
                dpop_bound: false,
            },
            secret: Some(secret.hash()),
        };
        match self.store.create_client(self.operator.reach::<Client, Create>()?, new).await {
            Err(StoreError::Taken) => {
                return Err(Failure::new(format!("a client has this id; see cloakroom clients show {id}")));
            }
            made => drop(made?),
        }
        self.tell_secret(&id, &secret)
    }

    async fn list(&self) -> Result<(), Failure> {
        let clients = self.store.clients(&self.operator.reach::<Client, List>()?).await?;
        if self.json {
            return print_json(&clients.iter().map(as_json).collect());
        }
        let line = |client: &Client| {
            let name = client.name.as_deref().unwrap_or_default();
            format!("{}\t{}\t{}\t{name}\n", client.id, grant_names(client), client.scope.join(" "))
        };
        print(&clients.iter().map(line).collect::<String>())
    }

    async fn show(&self, id: ClientId) -> Result<(), Failure> {
        let client = self.open::<Read>(id).await?;
        let value = as_json(&client);
        if self.json {
            return print_json(&value);
        }
        let line = |(name, value): (&String, &Value)| match value {
            Value::String(text) => format!("{name}: {text}\n"),
            Value::Array(_) => format!("{name}: {}\n", grant_names(&client)),
            _ => format!("{name}:\n"),
        };
        print(&value.as_object().into_iter().flatten().map(line).collect::<String>())
    }

    async fn rotate_secret(&self, id: ClientId) -> Result<(), Failure> {
        let client = self.open::<Update>(id.clone()).await?;
        let secret = self.new_secret()?;
        self.store.add_client_secret(client, secret.hash(), self.context.surroundings.clock.now()).await?;
        self.tell_secret(&id, &secret)
    }

    async fn delete(&self, id: ClientId) -> Result<(), Failure> {
        let client = self.open::<Delete>(id.clone()).await?;
        self.store.delete_client(client).await?;
        if self.json { print_json(&json!({ "client_id": id })) } else { print(&format!("{id} is deleted\n")) }
    }

    fn new_secret(&self) -> Result<ClientSecret, Failure> {
        Ok(ClientSecret::generate(&self.context.surroundings.random)?)
    }

    fn tell_secret(&self, id: &ClientId, secret: &ClientSecret) -> Result<(), Failure> {
        if self.json {
            return print_json(&json!({ "client_id": id, "client_secret": secret.expose() }));
        }
        print(&format!("client_id: {id}\nclient_secret: {}\n", secret.expose()))
    }
}

fn grant_names(client: &Client) -> String {
    client.grants.iter().map(|grant| grant.as_str()).collect::<Vec<_>>().join(",")
}

fn as_json(client: &Client) -> Value {
    json!({
        "client_id": client.id,
        "name": client.name,
        "scope": client.scope.join(" "),
        "grants": client.grants,
        "created_at": format_time(client.created_at),
        "secret_changed_at": client.secrets.first().map(|secret| format_time(secret.created_at)),
    })
}
