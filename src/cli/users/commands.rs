//! The commands of `cloakroom users`.

use std::sync::Arc;

use actix_web::rt::System;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde_json::{Value, json};

use super::super::account::AccountRef;
use super::super::arguments::{group, is_set, json_flag, required, switch};
use super::super::context::Context;
use super::super::output::{Failure, print, print_json};
use super::super::password::{Password, password_flag};
use super::accounts::Users;
use super::{export, import};
use crate::app::App;
use crate::authz::action::{Action, Create, Delete, List, Read, SetPassword, SetStatus};
use crate::authz::{Allowed, Can, Registration};
use crate::domain::{Email, ListedUser, PasswordHash, ProfileChange, Role, Status, User, format_time};
use crate::server::hasher;
use crate::store::{NewUser, StoreError, UserFilter, UserQuery, UserSort};

const PAGE: u16 = 500;

pub(crate) fn command(app: &Arc<App>) -> Command {
    let known = Arc::clone(app);
    let roles = PossibleValuesParser::new(app.vocabulary().roles().map(Role::as_str))
        .try_map(move |name| known.vocabulary().role(&name).ok_or("is not a role"));
    let email = Arg::new("email").long("email").value_name("EMAIL").required(true).value_parser(Email::parse);
    let role = Arg::new("role").long("role").value_name("ROLE").action(ArgAction::Append).value_parser(roles);
    let user = || {
        Arg::new("user")
            .value_name("ID|EMAIL")
            .required(true)
            .value_parser(AccountRef::parse)
            .help("The id or the e-mail address")
    };
    let one = |name, about| Command::new(name).about(about).args([user(), json_flag()]);
    let invite = Command::new("invite")
        .about("Create an account without a password if there is none, and send its user a link to set one")
        .after_help("Example:\n  cloakroom users invite --email ada@example.com --link")
        .args([
            email.clone().help("The e-mail address"),
            role.clone().help("A role of a new account; repeatable [default: user]"),
            switch(
                "link",
                "Print the link instead of sending it; without a mail server it is always printed",
            ),
            json_flag(),
        ]);
    let create = Command::new("create")
        .about("Create an account; prints its id, and a generated password")
        .after_help("Example:\n  cloakroom users create --email you@example.com --role admin --role user")
        .args([
            email.help("The e-mail address"),
            role.help("A role; repeatable [default: user]"),
            password_flag(),
            json_flag(),
        ]);
    group(
        "users",
        "Create, list, suspend and delete accounts, also while the server runs",
        [
            create,
            invite,
            Command::new("list").about("List all by creation time: id, e-mail address, status, roles").arg(json_flag()),
            import::command(),
            export::command(),
            one("show", "Show one account"),
            one("suspend", "Suspend an account: end its sessions and tokens, and refuse logins"),
            one("activate", "Activate a suspended account"),
            one("delete", "Delete an account and all its records"),
            one("reset-link", "Print a link with which the user sets a new password; it is valid for one hour"),
            one("set-password", "Replace the password of an account and end its sessions").arg(password_flag()),
        ],
    )
    .after_help("Example:\n  echo 'a most unusual passphrase' | cloakroom users set-password ada@example.com --password-stdin")
}

pub(crate) fn run(context: &Context, matches: &ArgMatches) -> Result<(), Failure> {
    let Some((name, given)) = matches.subcommand() else { return Ok(()) };
    let store = match name {
        "import" if given.get_flag("dry-run") => context.open_store(),
        "create" | "invite" | "import" => context.migrated_store()?,
        _ => context.store()?,
    };
    let users = Users { context, store, operator: context.operator(), json: is_set(given, "json") };
    System::new().block_on(async {
        match name {
            "create" => users.create(given).await,
            "invite" => users.invite(given).await,
            "reset-link" => users.reset_link(&required(given, "user")?).await,
            "list" => users.list().await,
            "import" => users.import(given).await,
            "export" => users.export(given).await,
            "show" => users.show(&required(given, "user")?).await,
            "suspend" => users.set_status(&required(given, "user")?, Status::Suspended).await,
            "activate" => users.set_status(&required(given, "user")?, Status::Active).await,
            "delete" => users.delete(&required(given, "user")?).await,
            _ => users.set_password(&required(given, "user")?, given).await,
        }
    })
}

impl Users<'_> {
    pub(super) async fn open<A: Action>(&self, named: &AccountRef) -> Result<Allowed<User, A>, Failure>
    where
        User: Can<A>,
    {
        let missing = || named.missing();
        let id = named.id(&self.store).await?;
        let filter = self.operator.reach::<User, A>()?.lookup_filter();
        self.operator.open(self.store.find(id, filter).await?).map_err(|_| missing())
    }

    async fn create(&self, given: &ArgMatches) -> Result<(), Failure> {
        let email: Email = required(given, "email")?;
        let roles = given.get_many::<Role>("role").map(|roles| roles.copied().collect());
        let grant = Registration::from(self.operator.reach::<User, Create>()?).grant(roles)?;
        let password = Password::take(given, &email, &self.context.clock_and_random.random)?;
        let taken =
            Failure::new(format!("an account with this address exists; see cloakroom users show {email}"));
        let hash = Some(self.hash(&password).await?);
        let new = NewUser {
            email,
            password: hash,
            profile: ProfileChange::default(),
            status: Status::Active,
            external_id: None,
        };
        let user = match self.store.create_user(new, grant).await {
            Err(StoreError::Taken) => return Err(taken),
            made => made?,
        };
        let about = json!({ "id": user.id, "email": user.email.as_str(), "roles": user.roles });
        self.print_password(&user, &password, about)
    }

    async fn list(&self) -> Result<(), Failure> {
        let reach = self.operator.reach::<User, List>()?;
        let (filter, sort) = (UserFilter::default(), UserSort::CreatedAt);
        let mut query =
            UserQuery { filter, sort, after: None, limit: PAGE, counts: false, shows_profiles: false };
        let mut before = "[\n";
        loop {
            let page = self.store.list_users(&reach, query.clone()).await?;
            let mut text = String::new();
            for ListedUser { user, .. } in &page.users {
                if self.json {
                    text += &format!("{before}{}", as_json(user));
                    before = ",\n";
                } else {
                    text += &format!("{}\t{}\t{}\t{}\n", user.id, user.email, user.status, role_names(user));
                }
            }
            print(&text)?;
            query.after = page.next;
            if query.after.is_none() {
                break;
            }
        }
        match (self.json, before) {
            (false, _) => Ok(()),
            (true, "[\n") => print("[]\n"),
            (true, _) => print("\n]\n"),
        }
    }

    async fn show(&self, named: &AccountRef) -> Result<(), Failure> {
        let user = self.open::<Read>(named).await?;
        let value = as_json(&user);
        if self.json {
            return print_json(&value);
        }
        let line = |(name, value): (&String, &Value)| match value {
            Value::String(text) => format!("{name}: {text}\n"),
            Value::Array(_) => format!("{name}: {}\n", role_names(&user)),
            Value::Null => format!("{name}: never\n"),
            other => format!("{name}: {other}\n"),
        };
        print(&value.as_object().into_iter().flatten().map(line).collect::<String>())
    }

    async fn set_status(&self, named: &AccountRef, status: Status) -> Result<(), Failure> {
        let user = self.open::<SetStatus>(named).await?;
        let user = self.store.set_status(user, status).await?;
        if self.json { print_json(&as_json(&user)) } else { print(&format!("{} is {status}\n", user.id)) }
    }

    async fn delete(&self, named: &AccountRef) -> Result<(), Failure> {
        let user = self.open::<Delete>(named).await?;
        let (id, email) = (user.id, user.email.clone());
        self.store.delete_user(user).await?;
        if self.json {
            return print_json(&json!({ "id": id, "email": email.as_str() }));
        }
        print(&format!("{id} is deleted\n"))
    }

    async fn set_password(&self, named: &AccountRef, given: &ArgMatches) -> Result<(), Failure> {
        let allowed = self.open::<SetPassword>(named).await?;
        let user = (*allowed).clone();
        let password = Password::take(given, &user.email, &self.context.clock_and_random.random)?;
        let hash = self.hash(&password).await?;
        self.store.set_password(allowed, hash, None).await?;
        self.print_password(&user, &password, json!({ "id": user.id, "email": user.email.as_str() }))
    }

    async fn hash(&self, password: &Password) -> Result<PasswordHash, Failure> {
        let hasher = hasher(self.context.config(), &self.context.clock_and_random)?;
        Ok(hasher.hash(&password.new).await?)
    }

    /// Prints the id, and a generated password. The password is shown only here.
    fn print_password(&self, user: &User, password: &Password, mut about: Value) -> Result<(), Failure> {
        let generated = password.generated.as_ref().map(|text| text.as_str());
        if self.json {
            if let (Some(text), Some(about)) = (generated, about.as_object_mut()) {
                about.insert("password".to_owned(), text.into());
            }
            return print_json(&about);
        }
        let password = generated.map(|text| format!("password: {text}\n")).unwrap_or_default();
        print(&format!("{}\n{password}", user.id))
    }
}

fn role_names(user: &User) -> String {
    user.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(",")
}

fn as_json(user: &User) -> Value {
    json!({
        "id": user.id,
        "email": user.email.as_str(),
        "email_verified": user.email_verified,
        "external_id": user.external_id,
        "status": user.status,
        "roles": user.roles,
        "created_at": format_time(user.created_at),
        "updated_at": format_time(user.updated_at),
        "last_login_at": user.last_login_at.map(format_time),
    })
}
