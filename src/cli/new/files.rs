//! Files to write, from templates: the code of an application with parcels.

use chrono::{DateTime, Utc};

use super::names::Names;

const RESOURCE: &str = include_str!("templates/resource.rs");
const LIB: &str = include_str!("templates/lib.rs");
const MAIN: &str = include_str!("templates/main.rs");
const WHO_MAY_DO_WHAT: &str = include_str!("templates/who_may_do_what.rs");
const MANIFEST: &str = include_str!("templates/manifest.toml");
const SQLITE: &str = include_str!("templates/sqlite_up.sql");
const POSTGRES: &str = include_str!("templates/postgres_up.sql");
const CARGO: &str = include_str!("../../../.cargo/config.toml");
const DOWN: &str = include_str!("templates/down.sql");

/// Templates whose words cannot be names of a resource.
pub(super) const TEMPLATES: &[&str] = &[RESOURCE, LIB, MAIN, WHO_MAY_DO_WHAT, MANIFEST];

/// File to write, with its path in the application's directory.
pub(super) struct File {
    pub(super) path: String,
    pub(super) text: String,
}

/// Returns the version of a migration with this time.
pub(super) fn version(at: DateTime<Utc>) -> String {
    at.format("%Y%m%d%H%M%S").to_string()
}

/// Returns the files of a resource.
pub(super) fn of_resource(names: &Names, now: DateTime<Utc>) -> Vec<File> {
    let version = version(now);
    let migration = |engine, file| format!("migrations/{engine}/{version}_{}/{file}", names.plural);
    let file = |path, template| File { path, text: names.write(template) };
    vec![
        file(format!("src/{}.rs", names.plural), RESOURCE),
        file(migration("sqlite", "up.sql"), SQLITE),
        file(migration("sqlite", "down.sql"), DOWN),
        file(migration("postgres", "up.sql"), POSTGRES),
        file(migration("postgres", "down.sql"), DOWN),
    ]
}

/// Returns the files of an application. `cloakroom` is the source of the dependency in its manifest: a version or
/// a directory.
pub(super) fn of_application(names: &Names, cloakroom: &str) -> Vec<File> {
    let file = |path: &str, template| File { path: path.to_owned(), text: names.write(template) };
    vec![
        File { path: "Cargo.toml".to_owned(), text: names.write(MANIFEST).replace("CLOAKROOM", cloakroom) },
        file(".cargo/config.toml", CARGO),
        file("src/lib.rs", LIB),
        file("src/main.rs", MAIN),
        file("tests/who_may_do_what.rs", WHO_MAY_DO_WHAT),
    ]
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
    let line = |line: &&str| line.replace("parcels::app()", "app()").replace("CLOAKROOM", cloakroom);
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
        let mut files = of_resource(&names, clock.now());
        files.extend(of_application(&names, "path = \"../..\""));
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
