//! `cloakroom users export`: all accounts, one JSON line each.

use clap::{ArgMatches, Command};

use super::super::arguments::switch;
use super::super::output::{Failure, print};
use super::accounts::Users;
use crate::authz::action::List;
use crate::domain::User;
use crate::http::line_of;

const PAGE: u16 = 500;

pub(super) fn command() -> Command {
    Command::new("export")
        .about("Print all accounts, one JSON line each, in the format of `import`")
        .after_help(
            "Move accounts from SQLite to PostgreSQL, with ids, passwords and profiles, without sessions and clients:\n  \
             cloakroom users export --with-password-hashes > users.ndjson\n  \
             cloakroom users import users.ndjson --database-url postgres://… --master-key-file key",
        )
        .arg(switch("with-password-hashes", "Include the password hashes; protect the file like the database"))
}

impl Users<'_> {
    pub(super) async fn export(&self, given: &ArgMatches) -> Result<(), Failure> {
        let reach = self.operator.reach::<User, List>()?;
        let with_hashes = given.get_flag("with-password-hashes");
        let mut after = None;
        loop {
            let page = self.store.export_users(&reach, after, PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = Some(last.user.id);
            print(
                &page
                    .iter()
                    .map(|account| format!("{}\n", line_of(account, with_hashes)))
                    .collect::<String>(),
            )?;
        }
    }
}
