//! `cloakroom serve`, and `cloakroom` alone.

use actix_web::rt::System;
use clap::Command;

use super::context::Context;
use super::output::{Failure, complain, print};
use crate::config::{Config, Registration};
use crate::server::{Server, StartError};

pub(super) fn command() -> Command {
    Command::new("serve")
        .about("Bring the schema up to date, then serve; what happens without a command")
        .after_help(
            "Example:\n  cloakroom serve --listen 127.0.0.1:0 --database-url sqlite://data/cloakroom.db",
        )
}

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    System::new().block_on(async {
        let server = context.app.start(&context.settings, context.surroundings.clone()).await?;
        // Nobody may be there to read it; that is no reason not to serve.
        if let Err(Failure::Said(lines)) = print(&greeting(context.app.name, context.config(), &server)) {
            complain(&lines);
        }
        server.run().await.map_err(|error| Failure::new(format!("the server stopped: {error}")))
    })
}

fn greeting(name: &str, config: &Config, server: &Server) -> String {
    let (address, issuer, database) = (server.address, &server.issuer, config.database.describe());
    let own = config.authorization_server.then_some(issuer.as_str());
    let issuers: Vec<&str> =
        own.into_iter().chain(config.trusted_issuers.iter().map(|trusted| trusted.issuer())).collect();
    let (issuers, next) = (issuers.join(", "), what_next(name, config, issuer));
    format!(
        "listening on http://{address}\ndatabase {database}\nissuer {issuers}\n\nWhat to try next:\n{next}"
    )
}

fn what_next(name: &str, config: &Config, issuer: &str) -> String {
    // Nobody could log in to an account that is made here.
    if !config.authorization_server {
        return format!(
            "  Ask whose tokens are taken, then send one:\n    \
             curl {issuer}/.well-known/oauth-protected-resource\n    \
             curl -H 'authorization: Bearer …' {issuer}/users/me\n"
        );
    }
    let register = match config.registration {
        Registration::Closed => String::new(),
        Registration::Open => format!(
            "  Register:\n    curl -H 'content-type: application/json' \\\n      \
             -d '{{\"email\": \"ada@example.com\", \"password\": \"a most unusual passphrase\"}}' \\\n      \
             {issuer}/users\n"
        ),
    };
    format!(
        "{register}  Make an administrator, here and with the same settings:\n    \
         {name} users create --email you@example.com --role admin\n"
    )
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Store(error) => error.into(),
            StartError::Listen(..) => {
                Self::new(format!("{error}; choose another address with --listen, such as 127.0.0.1:0"))
            }
            _ => Self::new(error.to_string()),
        }
    }
}
