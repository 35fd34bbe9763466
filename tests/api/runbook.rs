//! The runbook has each line that the server logs as a warning or an error.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.extend(path.extension().is_some_and(|end| end == "rs").then_some(path)),
        }
    }
}

/// Returns the text of the first string literal, with `…` for what differs.
fn literal(code: &str) -> String {
    let mut text = String::new();
    let mut chars = code.split_once('"').map_or("", |(_, rest)| rest).chars().peekable();
    while let Some(next) = chars.next() {
        match next {
            '"' => break,
            '\\' if chars.peek() == Some(&'\n') => {
                while chars.peek().is_some_and(|next| next.is_whitespace()) {
                    chars.next();
                }
            }
            '\\' => text.extend(chars.next()),
            '{' => {
                text.push('…');
                chars.by_ref().take_while(|next| *next != '}').for_each(drop);
            }
            next => text.push(next),
        }
    }
    text
}

#[test]
fn runbook_has_each_warning_and_error() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut sources, mut logged) = (Vec::new(), BTreeSet::new());
    files(&root.join("src"), &mut sources);
    for source in sources {
        let code = std::fs::read_to_string(&source).expect("UTF-8");
        assert!(!code.contains("log::log!"), "{} hides the level of a line", source.display());
        for (level, call) in [("WARN", "log::warn!("), ("ERROR", "log::error!(")] {
            for (at, _) in code.match_indices(call) {
                let mut line = literal(&code[at..]);
                if line == "…" {
                    // The line is an error alone. Its module tells where it comes from.
                    let module = source.strip_prefix(root.join("src")).expect("a source").with_extension("");
                    let module = module.to_string_lossy().replace('/', "::");
                    line = format!("{}: …", module.trim_end_matches("::mod"));
                }
                logged.insert((level.to_owned(), line));
            }
        }
    }
    let page = std::fs::read_to_string(root.join("docs/runbook.md")).expect("the page");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| "));
    let rows =
        rows.filter_map(|row| row.split_once(" | ")).filter(|(level, _)| matches!(*level, "WARN" | "ERROR"));
    let told: BTreeSet<(String, String)> = rows
        .map(|(level, rest)| (level.to_owned(), rest.split(" | ").next().unwrap_or_default().to_owned()))
        .collect();
    assert!(logged.len() > 30, "{}", logged.len());
    let missing: Vec<_> = logged.difference(&told).collect();
    let invented: Vec<_> = told.difference(&logged).collect();
    assert!(missing.is_empty() && invented.is_empty(), "missing: {missing:#?}\nnot logged: {invented:#?}");
}
