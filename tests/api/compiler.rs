//! Compiler messages for mistakes in an application. Each file in `compiler/` makes one mistake and does not
//! compile. The reviewed message stands beside it, and its first lines say what to write. `UPDATE_GOLDEN=1`
//! writes the messages again.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Compiler version whose messages were reviewed.
const REVIEWED: &str = "1.95";

/// Counterpart of all cases, without a mistake.
const CORRECT: &str = "correct";

/// Each case, and words that the first lines of its message must contain. Where a library cannot change the
/// message, the words name the type that prevents the mistake.
const CASES: &[(&str, &str)] = &[
    ("answer_of_wrong_type", "use `Shown<…>`, `Created<…>`"),
    ("answer_without_a_view", "declare it with `stored!`"),
    ("caller_made_by_hand", "`verified` is private"),
    (
        "change_with_a_proof_of_reading",
        "take the proof of an action that changes, such as `Allowed<_, Update>`",
    ),
    ("decision_after_the_body", "make the first argument `Allowed<Note, Read>`"),
    ("decision_missing", "`Reach<Note, List>` or `Public`"),
    ("decision_made_twice", "use `Body<…>`, `IfMatch`"),
    ("first_argument_not_a_decision", "make the first argument `Allowed<Note, Read>`"),
    (
        "handler_of_actix",
        "write `async fn name(note: Allowed<Note, Read>, …) -> Result<impl Answer, Problem>`",
    ),
    ("handler_of_actix_with_its_arguments", "make the first argument `Allowed<Note, Read>`"),
    ("hidden_member_in_another_answer", "the trait bound `Slip: serde::Serialize` is not satisfied"),
    ("hidden_member_serialized", "write `#[serde(remote = \"Self\")]` below `derive(Serialize)`"),
    ("id_without_a_path_type", "declare it with `uuid_id! { pub struct ShelfNumber; }`"),
    ("list_sorted_by_a_nullable_column", "a list cannot be sorted by a column that can be NULL"),
    ("patch_of_a_member_that_can_be_null", "where null removes the value, declare it `as Given<…>`"),
    ("policy_without_the_action", "write `policy! { Note { Publish: owner(SCOPE), anyone(SCOPE_ANY); } }`"),
    ("policy_without_the_action_on_a_collection", "write `policy! { Note { Publish: owner(SCOPE)"),
    ("proof_made_by_hand", "of struct `Allowed` are private"),
    ("record_without_storage", "write `stored! { Shelf in table { owner: owner_id; } }`"),
    ("removal_with_a_proof_of_change", "expected `Allowed<_, Delete>`, found `Allowed<Note, Update>`"),
    ("resource_not_declared", "write `impl Resource for Shelf`; its `fn owner` returns the record's owner"),
    ("resource_without_its_owner", "missing: `owner`"),
    ("sealed_record_as_answer", "but trait `From<Allowed<Note, _>>` is implemented for it"),
    ("sealed_record_read", "no field `text` on type `cloakroom::authz::Sealed<Note>`"),
];

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/compiler")
}

/// Compiler, and the libraries with which a case is compiled.
struct Compiler {
    libraries: Vec<OsString>,
    out: tempfile::TempDir,
}

impl Compiler {
    /// Finds the libraries. The target directory holds one build of each library per set of features. Takes
    /// the latest test build of cloakroom, and of each other library the build that cloakroom's metadata
    /// name.
    fn new() -> Self {
        let program = std::env::current_exe().expect("this program");
        let directory = program.parent().expect("a directory");
        let built = |path: &PathBuf| path.metadata().and_then(|of| of.modified()).expect("a time");
        let metadata = |path: &PathBuf| {
            let bytes = std::fs::read(path.with_extension("rmeta")).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let mut all: Vec<PathBuf> = libraries(directory, "cloakroom").collect();
        all.sort_by_key(|path| std::cmp::Reverse(built(path)));
        let mut for_tests = all.into_iter().map(|path| (metadata(&path), path));
        let (metadata, cloakroom) =
            for_tests.find(|(metadata, _)| metadata.contains("assert_matrix")).expect("the library");

        let mut libraries_of_a_case = vec!["-L".into(), concat("dependency=", directory)];
        let mut add = |name: &str, path: &Path| {
            libraries_of_a_case.extend(["--extern".into(), concat(&format!("{name}="), path)]);
        };
        add("cloakroom", &cloakroom);
        for name in ["actix_web", "diesel", "diesel_migrations", "serde", "serde_json", "utoipa"] {
            let is_named = |path: &PathBuf| {
                let file = path.file_stem().and_then(|file| file.to_str()).unwrap_or_default();
                file.rsplit_once('-').is_some_and(|(_, hash)| metadata.contains(&format!("-{hash}")))
            };
            add(name, &libraries(directory, name).find(is_named).expect("the library"));
        }
        Self { libraries: libraries_of_a_case, out: tempfile::tempdir().expect("a directory") }
    }

    /// Returns the compiler's message for a case; empty when the case compiles.
    fn says(&self, case: &str) -> String {
        let mut command = self.command(&directory(), case);
        let output =
            command.args(["--cap-lints", "allow"]).arg(format!("{case}.rs")).output().expect("rustc");
        let said = String::from_utf8(output.stderr).expect("UTF-8");
        assert_eq!(output.status.success(), said.is_empty(), "{case}: {said}");
        assert!(
            !said.contains("error[E0463]") && !said.contains("error[E0464]"),
            "the case does not find its libraries: {said}"
        );
        normalized(&said)
    }

    /// Returns a command that compiles a crate of this name in `directory` to metadata.
    fn command(&self, directory: &Path, name: &str) -> Command {
        let mut command = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
        command.args([
            "--edition",
            "2024",
            "--crate-type",
            "lib",
            "--emit",
            "metadata",
            "--crate-name",
            name,
        ]);
        command.args(["--error-format", "human", "--color", "never", "--diagnostic-width", "120"]);
        command.args(&self.libraries).arg("-o").arg(self.made(name)).current_dir(directory);
        command
    }

    fn made(&self, name: &str) -> PathBuf {
        self.out.path().join(format!("lib{name}.rmeta"))
    }
}

fn concat(beginning: &str, end: &Path) -> OsString {
    let mut whole = OsString::from(beginning);
    whole.push(end);
    whole
}

/// Returns every library of this name.
fn libraries(directory: &Path, name: &str) -> impl Iterator<Item = PathBuf> {
    let prefix = format!("lib{name}-");
    let entries = std::fs::read_dir(directory).expect("a directory").filter_map(Result::ok);
    entries.map(|entry| entry.path()).filter(move |path| {
        let file = path.file_name().and_then(|file| file.to_str()).unwrap_or_default();
        file.starts_with(&prefix) && file.ends_with(".rlib")
    })
}

/// Returns the message without what differs between machines or changes with cloakroom's code: line numbers,
/// their margin, and paths of files for long type names.
fn normalized(said: &str) -> String {
    let home = format!("{}/", env!("CARGO_MANIFEST_DIR"));
    // The number of other implementations changes with each new type.
    let counts = |line: &str| line.trim_start().starts_with("and ") && line.ends_with(" others");
    let kept = said.lines().filter(|line| !counts(line)).filter(|line| {
        ![
            "the full name for the type has been written to",
            "consider using `--verbose`",
            "For more information",
        ]
        .iter()
        .any(|noise| line.contains(noise))
    });
    let lines = kept.map(|line| plain(&line.replace(&home, ""))).collect::<Vec<_>>();
    lines.join("\n").trim_end().to_owned() + "\n"
}

/// Sets the margin of a line to four columns.
fn plain(line: &str) -> String {
    let text = line.trim_start();
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    for mark in ["--> ", "::: "] {
        if let Some(place) = text.strip_prefix(mark) {
            let own = place.starts_with("src/");
            let place = if own { place.split(':').next().unwrap_or_default() } else { place };
            return format!("  {mark}{place}");
        }
    }
    match () {
        () if digits.starts_with(" |") && text.len() > digits.len() => {
            format!("{:>3}{digits}", &text[..text.len() - digits.len()])
        }
        () if text.starts_with("...") || text.starts_with('|') => format!("    {text}").trim_end().to_owned(),
        () if text.starts_with("= ") => format!("    {text}"),
        () if text.len() < line.len() => format!("        {text}"),
        () => line.to_owned(),
    }
}

/// Returns the compiler's message for every case. Two run at a time; each takes most of a second.
fn all() -> Vec<(&'static str, String)> {
    let compiler = Compiler::new();
    let next = AtomicUsize::new(0);
    let work = || {
        let mine = std::iter::from_fn(|| CASES.get(next.fetch_add(1, Ordering::SeqCst)));
        mine.map(|(case, _)| (*case, compiler.says(case))).collect::<Vec<_>>()
    };
    std::thread::scope(|scope| {
        let others = scope.spawn(work);
        let mine = work();
        [mine, others.join().expect("it ends")].concat()
    })
}

/// Returns true if this compiler's messages were reviewed. Another version words them differently.
fn is_reviewed_compiler() -> bool {
    let version = Command::new("rustc").arg("--version").output().expect("a compiler");
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let reviewed = version.starts_with(&format!("rustc {REVIEWED}."));
    if !reviewed {
        eprintln!("skipped: the messages were reviewed with rustc {REVIEWED}, and this is {version}");
    }
    reviewed
}

#[test]
fn compiler_messages_match_the_reviewed_ones() {
    let reviewed_by = is_reviewed_compiler();
    let mut different = Vec::new();
    for (case, said) in all() {
        assert!(!said.trim().is_empty(), "{case} compiles");
        if !reviewed_by {
            continue;
        }
        let path = directory().join(format!("{case}.stderr"));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &said).expect("a file");
        }
        let reviewed = std::fs::read_to_string(&path).unwrap_or_default();
        if reviewed != said {
            different.push(format!("{case}.stderr:\n{reviewed}\nThe compiler's message:\n{said}"));
        }
    }
    assert!(different.is_empty(), "{}\nUPDATE_GOLDEN=1 writes them again", different.join("\n"));
}

#[test]
fn correct_case_compiles() {
    let said = Compiler::new().says(CORRECT);
    assert!(said.trim().is_empty(), "{said}");
}

/// Application that `cloakroom new` writes; the tests of the command line serve it.
#[test]
fn generated_application_compiles_without_warnings() {
    let compiler = Compiler::new();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/generated");
    for (name, file) in [
        ("entries", "src/lib.rs"),
        ("binary", "src/main.rs"),
        ("who_may_do_what", "tests/who_may_do_what.rs"),
    ] {
        let mut command = compiler.command(&directory, name);
        command.env("CARGO_MANIFEST_DIR", &directory).args(["-D", "warnings"]).arg(file);
        command.arg("--extern").arg(concat("entries=", &compiler.made("entries")));
        if name != "entries" {
            // Compiled as a library, so `main` and the test are unused.
            command.args(["-A", "dead_code"]);
        }
        let output = command.output().expect("rustc");
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn first_lines_of_a_message_say_the_fix() {
    for (case, words) in CASES {
        let said = std::fs::read_to_string(directory().join(format!("{case}.stderr"))).expect("a message");
        let first: Vec<&str> = said.lines().take(8).collect();
        assert!(first.iter().any(|line| line.contains(words)), "{case} does not say {words}:\n{said}");
    }
}

#[test]
fn every_file_is_listed_as_a_case() {
    let files = std::fs::read_dir(directory()).expect("a directory").filter_map(Result::ok);
    for path in files.map(|file| file.path()) {
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        let known = CASES.iter().any(|(case, _)| *case == name);
        assert!(known || ["preamble", CORRECT].contains(&name.as_str()), "{name} is not in CASES");
    }
}
