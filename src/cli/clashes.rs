//! Conflicts between the flags of an application's settings and the flags of commands.

use std::collections::BTreeSet;

use clap::{Arg, Command};

use crate::config::SettingsList;

/// Returns the conflicts, one sentence each. No command runs while there is one.
pub(super) fn with_commands(settings: SettingsList, mut commands: Command) -> Vec<String> {
    // Clap adds --help and --version here.
    commands.build();
    let taken = flags(&commands);
    let with_a_command = settings.iter().filter_map(|setting| {
        let flag = setting.flag().filter(|flag| taken.contains(flag))?;
        Some(format!("{} would have the flag --{flag}, which a command has", setting.variable))
    });
    with_a_command.collect()
}

fn flags(command: &Command) -> BTreeSet<String> {
    let own = command.get_arguments().filter_map(Arg::get_long).map(str::to_owned);
    own.chain(command.get_subcommands().flat_map(flags)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::commands::{command, commands};
    use super::*;
    use std::sync::Arc;

    use crate::App;
    use crate::config::{DefaultValue::*, at, parse};

    crate::settings! {
        #[expect(dead_code, reason = "declared, and never read")]
        struct Notes {
            /// How many notes one user may keep.
            most_notes: u32 = at("NOTES_MOST_NOTES", Is("1000")), parse::number(1..=10_000);
            /// The key of another service.
            key: Option<String> = at("NOTES_KEY", Unset("none")).hidden(), parse::optional(parse::text);
        }
    }

    crate::settings! {
        #[expect(dead_code, reason = "declared, and never read")]
        struct Careless {
            /// Another address.
            listen: String = at("LISTEN", Is("")), parse::text;
            /// Another answer.
            json: String = at("JSON", Is("")), parse::text;
            /// Another version.
            version: String = at("VERSION", Is("")), parse::text;
        }
    }

    #[test]
    fn flags_of_settings_and_commands_are_unique() {
        let app = Arc::new(App::new("notes").settings::<Notes>());
        assert!(app.faults().is_empty());
        assert!(with_commands(app.settings_list(), commands(&app)).is_empty());
        command(&app).debug_assert();
        let line = ["notes", "users", "list", "--notes-most-notes", "7"];
        assert!(command(&app).try_get_matches_from(line).is_ok());
        let line = ["notes", "--notes-key", "7"];
        assert!(command(&app).try_get_matches_from(line).is_err());
    }

    #[test]
    fn refuses_a_setting_with_the_flag_of_a_command() {
        let app = Arc::new(App::new("notes").settings::<Careless>());
        let found = with_commands(app.settings_list(), commands(&app));
        let clashes = [app.faults(), found].concat().join("\n");
        for (variable, flag) in [("LISTEN", "listen"), ("JSON", "json"), ("VERSION", "version")] {
            assert!(clashes.contains(&format!("{variable} would have the flag --{flag},")), "{clashes}");
        }
    }
}
