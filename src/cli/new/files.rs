//! Files to write, from templates: the code of an application with parcels.

use chrono::{DateTime, Utc};

use super::field_lines;
use super::fields::Field;
use super::names::Names;

const RESOURCE: &str = include_str!("templates/resource.rs");
const BELOW_USERS: &str = include_str!("templates/resource_below_users.rs");
const GITIGNORE: &str = include_str!("templates/gitignore");
const LIB: &str = include_str!("templates/lib.rs");
const MAIN: &str = include_str!("templates/main.rs");
const WHO_MAY_DO_WHAT: &str = include_str!("templates/who_may_do_what.rs");
const MANIFEST: &str = include_str!("templates/manifest.toml");
const SQLITE: &str = include_str!("templates/sqlite_up.sql");
const POSTGRES: &str = include_str!("templates/postgres_up.sql");
const CARGO: &str = include_str!("../../../.cargo/config.toml");
const DOWN: &str = include_str!("templates/down.sql");

/// Templates whose words cannot be names of a resource.
pub(super) const TEMPLATES: &[&str] = &[RESOURCE, BELOW_USERS, LIB, MAIN, WHO_MAY_DO_WHAT, MANIFEST];

/// File to write, with its path in the application's directory.
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
}

/// Returns the version of a migration with this time.
pub(super) fn version(at: DateTime<Utc>) -> String {
    at.format("%Y%m%d%H%M%S").to_string()
}

/// Returns the files of a resource with these fields. Its URL names the owner if it is `below_users`.
pub(super) fn of_resource(
    names: &Names,
    fields: &[Field],
    below_users: bool,
    now: DateTime<Utc>,
) -> Vec<File> {
    let resource = if below_users { BELOW_USERS } else { RESOURCE };
    let version = version(now);
    let migration = |engine, file| format!("migrations/{engine}/{version}_{}/{file}", names.plural);
    let file = |path, template| File {
        path,
        text: field_lines::write(names.kind().as_str(), fields, names.write(template)),
    };
    vec![
        file(format!("src/{}.rs", names.plural), resource),
        file(migration("sqlite", "up.sql"), SQLITE),
        file(migration("sqlite", "down.sql"), DOWN),
        file(migration("postgres", "up.sql"), POSTGRES),
        file(migration("postgres", "down.sql"), DOWN),
    ]
}

/// Returns the files of an application with this package name. `cloakroom` is the source of the dependency in its
/// manifest: a directory or a repository.
pub(super) fn of_application(names: &Names, package: &str, cloakroom: &str) -> Vec<File> {
    let in_package =
        |text: String| text.replace("PACKAGE", package).replace("CRATE", &package.replace('-', "_"));
    let file = |path: &str, template| File { path: path.to_owned(), text: in_package(names.write(template)) };
    vec![
        File {
            path: "Cargo.toml".to_owned(),
            text: in_package(names.write(MANIFEST)).replace("CLOAKROOM", cloakroom),
        },
        file(GITIGNORE_PATH, GITIGNORE),
        file(".cargo/config.toml", CARGO),
        file("src/lib.rs", LIB),
        file("src/main.rs", MAIN),
        file("tests/who_may_do_what.rs", WHO_MAY_DO_WHAT),
    ]
}

/// Path of the list of files that Git leaves out.
pub(super) const GITIGNORE_PATH: &str = ".gitignore";

/// Returns the lines of that list.
pub(super) fn ignored() -> impl Iterator<Item = &'static str> {
    GITIGNORE.lines().filter(|line| !line.starts_with('#'))
}

/// Returns the lines to add by hand to an existing application. `known` is its relevant code.
pub(super) fn to_add(names: &Names, known: &str, cloakroom: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if !known.contains("cloakroom") {
        lines.extend(part(MANIFEST, "[dependencies]", "# "));
    }
    lines.extend(part(LIB, "pub mod", "use "));
    let with_migrations = known.contains("embed_migrations!");
    if !with_migrations {
        lines.extend(part(LIB, "static MIGRATIONS", "/// "));
    }
    let wiring = part(LIB, ".migrations", "}").map(str::trim_start);
    lines.extend(wiring.filter(|line| !(with_migrations && line.contains("MIGRATIONS"))));
    if !known.contains("assert_matrix") {
        lines.extend(part(WHO_MAY_DO_WHAT, "#[test]", "\0"));
    }
    let line = |line: &&str| line.replace("CRATE::app()", "app()").replace("CLOAKROOM", cloakroom);
    lines.iter().map(line).map(|line| names.write(&line)).collect()
}

/// The lines of a template from one that begins so to one that does.
fn part<'a>(template: &'a str, from: &'a str, to: &'a str) -> impl Iterator<Item = &'a str> {
    let begins = move |line: &str, with| line.trim_start().starts_with(with);
    let lines = template.lines().skip_while(move |line| !begins(line, from));
    lines.take_while(move |line| !begins(line, to)).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::App;
    use crate::domain::{Clock, parse_time};

    /// `UPDATE_GOLDEN=1` writes the files anew. The tests of the API compile and serve them.
    #[test]
    fn an_application_is_written_as_it_was_reviewed() {
        let clock = Clock::standing(parse_time("2026-11-25T12:00:00Z").unwrap());
        let names = Names::new(&App::default(), "entry", Some("entries")).unwrap();
        let mut files = of_resource(&names, &[], false, clock.now());
        files.extend(of_application(&names, "entries", "path = \"../..\""));
        let below = Names::new(&App::default(), "address", None).unwrap();
        files.extend(of_resource(&below, &[], true, clock.now() + chrono::TimeDelta::seconds(1)));
        let fields = [
            "state:enum(draft,in-transit)",
            "seats:int",
            "price:number?",
            "vip:bool",
            "note:text?",
            "class:enum(first,second)?",
        ];
        let fields: Vec<Field> = fields.iter().map(|field| Field::parse(field).unwrap()).collect();
        let ticket = Names::new(&App::default(), "ticket", None).unwrap();
        files.extend(of_resource(&ticket, &fields, false, clock.now() + chrono::TimeDelta::seconds(2)));
        let seat = Names::new(&App::default(), "seat", None).unwrap();
        let fields = [Field::parse("row:int").unwrap()];
        files.extend(of_resource(&seat, &fields, true, clock.now() + chrono::TimeDelta::seconds(3)));
        for File { path, text } in files {
            let golden = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generated").join(path);
            if std::env::var_os("UPDATE_GOLDEN").is_some() {
                std::fs::create_dir_all(golden.parent().unwrap()).unwrap();
                std::fs::write(&golden, &text).unwrap();
            }
            let reviewed = std::fs::read_to_string(&golden).unwrap_or_default();
            assert_eq!(reviewed, text, "{}; UPDATE_GOLDEN=1 writes it anew", golden.display());
        }
    }

    #[test]
    fn an_application_takes_what_cloakroom_takes() {
        let own = include_str!("../../../Cargo.toml");
        let written = MANIFEST.lines().filter(|line| !line.contains("CLOAKROOM"));
        let own_only = ["name", "version", "[dev-dependencies", "#"];
        let written = written.filter(|line| own_only.iter().all(|start| !line.starts_with(start)));
        // The same versions; of the features, the server may have more.
        let version = |line: &str| line.split(", features").next().map(str::to_owned);
        for line in written {
            assert!(own.lines().any(|known| version(known) == version(line)), "{line}");
        }
    }
}
