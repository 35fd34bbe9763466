//! Comments begin with a noun or a verb, so that a reader understands each one by itself.

use std::path::{Path, PathBuf};

/// Words that begin a clause without a noun.
const HEADLESS: [&str; 9] =
    ["What", "Who", "Whose", "Whom", "Whoever", "Whatever", "Those", "Somebody", "Everybody"];

/// Beginnings of comment lines in Rust, SQL, TOML, JavaScript and templates.
const MARKS: [&str; 7] = ["//!", "///", "//", "--", "#", "{#", "<!--"];

/// Returns the text of a line that is a comment.
fn comment(line: &str) -> Option<&str> {
    let line = line.trim_start();
    MARKS.iter().find_map(|mark| line.strip_prefix(mark)).map(str::trim_start)
}

fn is_headless(comment: &str) -> bool {
    let first = comment.split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    HEADLESS.contains(&first) || comment.split(' ').any(|word| word.eq_ignore_ascii_case("whoever"))
}

fn files(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() && !["node_modules", "target"].contains(&name) {
            files(&path, found);
        } else if let Some("rs" | "sql" | "toml" | "js" | "mjs" | "py" | "html") =
            path.extension().and_then(|extension| extension.to_str())
        {
            found.push(path);
        }
    }
}

#[test]
fn a_comment_begins_with_a_noun_or_a_verb() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = vec![root.join("Cargo.toml")];
    for directory in ["src", "tests", "examples", "migrations", "fuzz"] {
        files(&root.join(directory), &mut sources);
    }
    assert!(sources.len() > 800, "the sources are found: {}", sources.len());
    let mut wrong = Vec::new();
    for path in sources {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let lines = (1..).zip(text.lines());
        let found = lines.filter(|(_, line)| comment(line).is_some_and(is_headless));
        wrong.extend(found.map(|(number, line)| format!("{}:{number}: {}", path.display(), line.trim())));
    }
    assert!(wrong.is_empty(), "write a noun or a verb first:\n{}", wrong.join("\n"));
}

#[test]
fn this_check_finds_a_clause_without_a_noun() {
    for line in
        ["/// What ends tokens.", "  -- Who did it.", "# Those of the system.", "// Open to whoever asks."]
    {
        assert!(comment(line).is_some_and(is_headless), "{line}");
    }
    for line in ["/// Tokens that end.", "let what = 1;", "/// Whole seconds.", "\"// What\""] {
        assert!(!comment(line).is_some_and(is_headless), "{line}");
    }
}
