//! A migration only adds (expand). What is not used any more goes a release later (contract), with its reason here.

use std::path::Path;

/// Last migration before the rule.
const BEFORE: &str = "20261209000000";

/// Migrations that do more than add: their name, the words that the rule finds, and the reason why the program before runs
/// on the schema after all the same.
const EXCEPTIONS: [(&str, &str, &str); 1] = [(
    "20261211100000_mail_limits",
    "ACCOUNT_TOKENS_BY_NEW_EMAIL",
    "the table has the links of some days: its index is built within the timeout of a statement",
)];

/// Words of statements that take something away, or that the program before can fail on.
const TAKING: [&str; 15] = [
    "DROP TABLE",
    "DROP COLUMN",
    "DROP INDEX",
    "DROP CONSTRAINT",
    "DROP VIEW",
    "DROP TRIGGER",
    "RENAME",
    "ALTER COLUMN",
    "SET NOT NULL",
    "ADD CONSTRAINT",
    "ADD CHECK",
    "ADD UNIQUE",
    "TRUNCATE",
    "DELETE FROM",
    "CREATE TRIGGER",
];

/// Returns what a migration does besides adding.
fn taken(sql: &str, is_concurrent: bool) -> Vec<String> {
    let lines = sql.lines().map(|line| line.split("--").next().unwrap_or_default());
    let text = lines.collect::<Vec<_>>().join(" ");
    let statements: Vec<String> = text
        .split(';')
        .map(|statement| statement.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase())
        .filter(|statement| !statement.is_empty())
        .collect();
    let new_tables: Vec<&str> = statements
        .iter()
        .filter_map(|statement| statement.strip_prefix("CREATE TABLE ")?.split([' ', '(']).next())
        .collect();
    let of_new_table = |statement: &str| {
        new_tables.iter().any(|table| {
            statement.contains(&format!(" ON {table} "))
                || statement.starts_with(&format!("INSERT INTO {table} "))
        })
    };
    let mut found = Vec::new();
    for statement in &statements {
        let words = TAKING.iter().filter(|words| statement.contains(**words));
        found.extend(words.map(|words| format!("{words}: {statement}")));
        for column in statement.split("ADD COLUMN").skip(1) {
            if column.contains("NOT NULL") && !column.contains("DEFAULT") {
                found.push(format!("NOT NULL without a default: {statement}"));
            }
            if column.contains("UNIQUE") || column.contains("CHECK") {
                found.push(format!("a constraint that the program before can violate: {statement}"));
            }
        }
        let is_index = statement.starts_with("CREATE INDEX") || statement.starts_with("CREATE UNIQUE INDEX");
        if statement.starts_with("CREATE UNIQUE INDEX") && !of_new_table(statement) {
            found.push(format!("a constraint that the program before can violate: {statement}"));
        }
        // A new column is empty, so a partial index of it is built at once.
        if is_index && !is_concurrent && !of_new_table(statement) && !statement.contains(" WHERE ") {
            found.push(format!("blocks writers, write CREATE INDEX CONCURRENTLY: {statement}"));
        }
        if statement.starts_with("UPDATE ") {
            found.push(format!("rewrites rows in the transaction, write a duty with batches: {statement}"));
        }
    }
    found
}

#[test]
fn migration_only_adds() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut found = Vec::new();
    for engine in ["sqlite", "postgres"] {
        for entry in std::fs::read_dir(root.join(engine)).expect("migrations") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if name.as_str() <= BEFORE {
                continue;
            }
            let sql = std::fs::read_to_string(path.join("up.sql")).expect("a migration");
            let metadata = std::fs::read_to_string(path.join("metadata.toml")).unwrap_or_default();
            // SQLite has one writer, and builds an index at the speed of the disk.
            let is_concurrent = engine == "sqlite" || metadata.contains("run_in_transaction = false");
            if metadata.contains("run_in_transaction = false") {
                let index = name.split_once('_').expect("a name").1.to_uppercase();
                let expected = format!("CREATE INDEX CONCURRENTLY {index} ON ");
                let is_one = sql.trim_end().trim_end_matches(';').matches(';').count() == 0;
                assert!(
                    is_one && sql.to_uppercase().contains(&expected),
                    "{engine}/{name}: one statement, {expected}…"
                );
            }
            let excused =
                |fault: &String| EXCEPTIONS.iter().any(|(of, words, _)| *of == name && fault.contains(words));
            found.extend(
                taken(&sql, is_concurrent)
                    .into_iter()
                    .filter(|fault| !excused(fault))
                    .map(|fault| format!("{engine}/{name}: {fault}")),
            );
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn rule_finds_each_statement_that_takes_away() {
    for sql in [
        "DROP TABLE users;",
        "ALTER TABLE users\n    DROP COLUMN email;",
        "alter table users rename column email to address",
        "ALTER TABLE users ALTER COLUMN email TYPE citext",
        "ALTER TABLE users ALTER COLUMN email SET NOT NULL",
        "ALTER TABLE users ADD COLUMN age bigint NOT NULL",
        "ALTER TABLE users ADD COLUMN age bigint, ADD COLUMN size bigint NOT NULL, ADD COLUMN x bigint DEFAULT 0",
        "ALTER TABLE users ADD COLUMN age bigint UNIQUE",
        "ALTER TABLE users ADD CONSTRAINT young CHECK (age < 9)",
        "CREATE UNIQUE INDEX one ON users (name)",
        "CREATE INDEX one ON users (name)",
        "CREATE TABLE pets (id bigint); CREATE INDEX one ON users (name)",
        "UPDATE users SET age = 1",
        "DELETE FROM users",
        "DROP INDEX one",
    ] {
        assert!(!taken(sql, false).is_empty(), "{sql}");
    }
    for sql in [
        "CREATE TABLE pets (id bigint PRIMARY KEY, name text NOT NULL); CREATE INDEX one ON pets (name); INSERT INTO pets VALUES (1, 'DROP')",
        "ALTER TABLE users ADD COLUMN age bigint; -- DROP TABLE users",
        "ALTER TABLE users ADD COLUMN age bigint NOT NULL DEFAULT 0",
        "ALTER TABLE users ADD COLUMN age bigint; CREATE INDEX one ON users (age) WHERE age IS NOT NULL",
    ] {
        assert_eq!(taken(sql, false), Vec::<String>::new(), "{sql}");
    }
    assert_eq!(taken("CREATE INDEX CONCURRENTLY one ON users (name)", true), Vec::<String>::new());
}
