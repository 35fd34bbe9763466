//! `cloakroom users export`: every account, a line of JSON each.

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
        .about("Write every account to standard output, a line of JSON each, as `import` reads it")
        .after_help(
            "From SQLite to PostgreSQL, with everybody's id, password and profile (sessions and clients stay behind):\n  \
             cloakroom users export --with-password-hashes > users.ndjson\n  \
             cloakroom users import users.ndjson --database-url postgres://… --master-key-file key",
        )
        .arg(switch("with-password-hashes", "With the hash of each password: keep the file as you keep the database"))
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
