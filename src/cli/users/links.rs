//! `cloakroom users invite` and `users reset-link`: links that an operator sends or hands over.

use clap::ArgMatches;
use serde_json::json;

use super::super::account::AccountRef;
use super::super::arguments::required;
use super::super::output::{Failure, print, print_json};
use super::accounts::Users;
use crate::authz::action::{Create, Invite};
use crate::authz::{Allowed, Registration};
use crate::domain::{Email, ProfileChange, Role, Status, User};
use crate::store::{NewUser, StoreError};

impl Users<'_> {
    /// Creates the account if there is none, and invites its user.
    pub(super) async fn invite(&self, given: &ArgMatches) -> Result<(), Failure> {
        let email: Email = required(given, "email")?;
        let accounts = self.context.accounts(&self.store).await?;
        let sends = accounts.sends_mail && !given.get_flag("link");
        let roles: Option<Vec<Role>> = given.get_many("role").map(|roles| roles.copied().collect());
        let granted = roles.clone().map(|roles| roles.into_iter().collect());
        let grant = Registration::from(self.operator.reach::<User, Create>()?).grant(granted)?;
        let (profile, status) = (ProfileChange::default(), Status::Active);
        let new = NewUser { email: email.clone(), password: None, profile, status, external_id: None };
        match self.store.create_user(new, grant).await {
            Ok(_) | Err(StoreError::Taken) => {}
            Err(error) => return Err(error.into()),
        }
        let user: Allowed<User, Invite> = self.open(&AccountRef::Email(email)).await?;
        let (id, email) = (user.id, user.email.clone());
        // An account that exists keeps its roles.
        let lacks = |roles: &Vec<Role>| roles.iter().any(|role| !user.roles.contains(role));
        if roles.as_ref().is_some_and(lacks) {
            return Err(Failure::new(format!(
                "{id} exists, with other roles; leave --role out to invite its user"
            )));
        }
        let link = accounts.invite(&self.store, user, sends).await?;
        match (self.json, link) {
            (true, link) => print_json(&json!({ "id": id, "email": email.as_str(), "link": link })),
            (false, Some(link)) => print(&format!("{id}\n{link}\n")),
            (false, None) => print(&format!("{id}\nthe mail to {email} is queued\n")),
        }
    }

    /// Prints a link for a new password.
    pub(super) async fn reset_link(&self, named: &AccountRef) -> Result<(), Failure> {
        let accounts = self.context.accounts(&self.store).await?;
        let user: Allowed<User, Invite> = self.open(named).await?;
        let (id, email) = (user.id, user.email.clone());
        if user.status != Status::Active {
            return Err(Failure::new(format!("{id} is suspended; see cloakroom users activate {id}")));
        }
        let link = accounts.password_reset_link(&self.store, user).await?;
        if self.json {
            return print_json(&json!({ "id": id, "email": email.as_str(), "link": link }));
        }
        print(&format!("{link}\n"))
    }
}
