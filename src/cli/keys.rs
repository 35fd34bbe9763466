//! `cloakroom keys`: signing keys.

use actix_web::rt::System;
use clap::{Arg, ArgMatches, Command};
use serde_json::{Value, json};

use super::arguments::{group, json_flag, required, switch};
use super::context::Context;
use super::master_key;
use super::output::{Failure, print, print_json};
use crate::authz::Operator;
use crate::authz::action::{List, Retire, Rotate};
use crate::domain::{KeyLifecycle, KeyState, SigningKey, format_time};
use crate::server::key_store;
use crate::server::master_key::MasterKeyError;
use crate::store::{StoreError, TrustedStore};
use crate::token::{KeyError, KeyStore, SignsFrom};

pub(super) fn command() -> Command {
    // A thumbprint may begin with a hyphen.
    let kid = Arg::new("kid").value_name("KID").required(true).allow_hyphen_values(true);
    let kid = kid.help("The key id (`kid`) in its tokens");
    group(
        "keys",
        "List, rotate and retire signing keys, and replace the master key, also while the server runs",
        [
            Command::new("list")
                .about("List all: id, algorithm, state, creation, start of signing, end of verification")
                .after_help(
                    "States: next (published, will sign), signing, previous (only verifies), past (all its tokens have \
                     expired), retired.\n\
                     The HS256 secret is in the configuration and not in this list.",
                )
                .arg(json_flag()),
            Command::new("rotate")
                .about("Create the next signing key; prints its id and when it starts to sign")
                .after_help(
                    "It is published at once. It starts to sign when every cache of the public keys must have \
                     been refreshed.",
                )
                .args([
                    switch("now", "Sign as soon as all replicas know it, in a few seconds"),
                    json_flag(),
                ]),
            Command::new("retire")
                .about("Retire a key; every token that it signed becomes invalid")
                .args([kid, json_flag()]),
            master_key::status_command(),
            master_key::reseal_command(),
            master_key::replace_lost_command(),
        ],
    )
    .after_help("Example:\n  cloakroom keys rotate --now")
}

pub(super) fn run(context: &Context, matches: &ArgMatches) -> Result<(), Failure> {
    let Some((name, given)) = matches.subcommand() else { return Ok(()) };
    let store = context.store()?;
    let master_key = master_key::MasterKeyCommands { context, store: store.clone() };
    match name {
        "master" => return master_key.status(given.get_flag("json")),
        "reseal" => return master_key.reseal(),
        "replace-lost-master" => return master_key.replace_lost(given.get_flag("yes")),
        _ => {}
    }
    let keys = Keys { context, store, operator: context.operator(), json: given.get_flag("json") };
    System::new().block_on(async {
        match name {
            "list" => keys.list().await,
            "rotate" => keys.rotate(given.get_flag("now")).await,
            _ => keys.retire(required(given, "kid")?).await,
        }
    })
}

struct Keys<'a> {
    context: &'a Context,
    store: TrustedStore,
    operator: Operator,
    json: bool,
}

impl Keys<'_> {
    async fn list(&self) -> Result<(), Failure> {
        let keys = self.store.keys(&self.operator.reach::<SigningKey, List>()?).await?;
        let lives = KeyLifecycle::new(&keys, self.context.token_lifetime());
        let (now, algorithm) =
            (self.context.clock_and_random.clock.now(), self.context.config().signing_algorithm);
        let seen = lives.keys().iter().map(|key| {
            let state = lives.state(key, algorithm.as_str(), now);
            (*key, state, lives.verifies_until(key).map(format_time))
        });
        if self.json {
            return print_json(
                &seen.map(|(key, state, until)| as_json(key, state, until.as_deref())).collect(),
            );
        }
        let line = |(key, state, until): (&SigningKey, KeyState, Option<String>)| {
            let (created, from) = (format_time(key.created_at), format_time(key.signs_from));
            let until = until.as_deref().unwrap_or("-");
            format!("{}\t{}\t{state}\t{created}\t{from}\t{until}\n", key.kid, key.algorithm)
        };
        print(&seen.map(line).collect::<String>())
    }

    async fn rotate(&self, now: bool) -> Result<(), Failure> {
        if !self.context.config().authorization_server {
            return Err(Failure::new(
                "CLOAKROOM_AUTHORIZATION_SERVER is off: this server issues no tokens and needs no key",
            ));
        }
        let key_store = self.key_store().await?;
        let key =
            key_store.generate(if now { SignsFrom::KnownToReplicas } else { SignsFrom::KnownToCaches })?;
        let (kid, from) = (key.key.kid.clone(), format_time(key.key.signs_from));
        let answer = json!({
            "kid": kid,
            "alg": key.key.algorithm,
            "created_at": format_time(key.key.created_at),
            "signs_from": from,
        });
        self.store.rotate_keys(self.operator.reach::<SigningKey, Rotate>()?, key).await?;
        if self.json { print_json(&answer) } else { print(&format!("kid: {kid}\nsigns_from: {from}\n")) }
    }

    async fn retire(&self, kid: String) -> Result<(), Failure> {
        let missing = Failure::new(format!("there is no key {kid}; see cloakroom keys list"));
        let already = || Failure::new(format!("the key {kid} is retired already"));
        let filter = self.operator.reach::<SigningKey, Retire>()?.lookup_filter();
        let key = self.operator.open::<SigningKey, Retire>(self.store.find(kid.clone(), filter).await?);
        let key = key.map_err(|_| missing)?;
        if key.retired_at.is_some() {
            return Err(already());
        }
        // Only a signing key needs a successor.
        let replaceable = key.algorithm == self.context.config().signing_algorithm.as_str();
        let spare = if replaceable { Some(self.key_store().await?.generate(SignsFrom::Now)?) } else { None };
        let next = match self.store.retire_key(key, spare).await {
            Err(StoreError::Changed) => return Err(already()),
            done => done?.map(|next| next.kid),
        };
        if self.json {
            return print_json(&json!({ "kid": kid, "signing": next }));
        }
        let signs =
            next.map_or_else(String::new, |next| format!("it was the signing key; {next} signs now\n"));
        print(&format!("{kid} is retired\n{signs}"))
    }

    /// Returns the key store. It must open the existing keys first: a server cannot use keys that are sealed
    /// with different master keys.
    async fn key_store(&self) -> Result<KeyStore, Failure> {
        let master = self.context.master_keys(&self.store).await?;
        let key_store = key_store(self.context.config(), master, &self.context.clock_and_random);
        key_store.open(self.store.signing_keys().await?)?;
        Ok(key_store)
    }
}

fn as_json(key: &SigningKey, state: KeyState, verifies_until: Option<&str>) -> Value {
    json!({
        "kid": key.kid,
        "alg": key.algorithm,
        "state": state.as_str(),
        "created_at": format_time(key.created_at),
        "signs_from": format_time(key.signs_from),
        "verifies_until": verifies_until,
    })
}

impl From<KeyError> for Failure {
    fn from(error: KeyError) -> Self {
        Self::new(match error {
            KeyError::Symmetric => {
                "tokens are signed with the HS256 secret; to change it, set another CLOAKROOM_HS256_SECRET \
                 and restart the servers"
                    .to_owned()
            }
            error => error.to_string(),
        })
    }
}

impl From<MasterKeyError> for Failure {
    fn from(error: MasterKeyError) -> Self {
        Self::new(error.to_string())
    }
}
