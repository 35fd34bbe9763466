//! The architecture of `src`, read from its `use` lines: dependencies point one way, and a circle of files has at most
//! two members. `docs/architecture.md` draws the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The rooms from the lowest to the highest. A file uses files of its own room and of lower layers.
const LAYERS: &[&[&str]] = &[
    &["faults"],
    &["domain", "json", "text_file"],
    &["telemetry"],
    &["hashing"],
    &["authz"],
    &["store", "token"],
    &["mail"],
    &["config"],
    &["accounts", "oauth"],
    &["http/kit"],
    &["http/pages"],
    &["http/oauth"],
    &["http/api", "http/meta"],
    &["http"],
    &["app"],
    &["qa/test_server"],
    &["server"],
    &["qa"],
    &["cli"],
    &[""],
];

/// Arrows against the direction that stay, each with its reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// A module's path: `http/kit/call`.
type Module = String;

/// A source file: its `use` paths, and those that it re-exports under a name.
#[derive(Default)]
struct Source {
    uses: Vec<String>,
    exports: BTreeMap<String, String>,
}

struct Tree(BTreeMap<Module, Source>);

impl Tree {
    fn of(texts: BTreeMap<Module, String>) -> Self {
        let modules: BTreeSet<Module> = texts.keys().cloned().collect();
        let read = |(module, text): (Module, String)| {
            let is_facade = module.is_empty() || modules.iter().any(|other| parent(other) == module);
            let source = read_source(&module, &text, &modules, is_facade);
            (module, source)
        };
        Self(texts.into_iter().map(read).collect())
    }

    /// Returns the module that defines what a path names: facades are looked through.
    fn definer(&self, path: &str) -> Module {
        let mut path = path.to_owned();
        for _ in 0..8 {
            let module = self.module_of(&path);
            let rest = path.strip_prefix(&*module).unwrap_or(&path).trim_start_matches('/');
            let name = rest.split('/').next().unwrap_or_default();
            match self.0.get(&module).and_then(|source| source.exports.get(name)) {
                Some(target) => path = format!("{target}{}", rest.strip_prefix(name).unwrap_or_default()),
                None => return module,
            }
        }
        self.module_of(&path)
    }

    fn module_of(&self, path: &str) -> Module {
        let mut module = path;
        while !self.0.contains_key(module) {
            module = module.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
        module.to_owned()
    }

    /// Returns which module uses which.
    fn arrows(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let targets = |module: &Module, source: &Source| {
            let uses = source.uses.iter().map(|path| self.definer(path));
            uses.filter(|target| target != module && !target.is_empty()).collect()
        };
        self.0.iter().map(|(module, source)| (module.clone(), targets(module, source))).collect()
    }

    fn against_the_direction(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (from, targets) in self.arrows() {
            for to in targets {
                let (upper, lower) = (room(&from), room(&to));
                let is_excepted = EXCEPTIONS.iter().any(|(a, b, _)| *a == from && *b == to);
                if upper != lower && layer(lower) >= layer(upper) && !is_excepted {
                    found.push(format!("{from} uses {to}: {upper} must not use {lower}"));
                }
            }
        }
        found
    }

    /// Returns the circles of more than two modules (Tarjan's strongly connected components).
    fn circles(&self) -> Vec<Vec<Module>> {
        let arrows = self.arrows();
        let reach: BTreeMap<&Module, BTreeSet<&Module>> =
            arrows.keys().map(|module| (module, reachable(module, &arrows))).collect();
        let mut circles = BTreeSet::new();
        for (module, reached) in &reach {
            let circle: Vec<Module> = reached
                .iter()
                .filter(|other| reach.get(**other).is_some_and(|back| back.contains(module)))
                .map(|other| (*other).clone())
                .collect();
            if circle.len() > 2 {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }
}

fn reachable<'a>(from: &'a Module, arrows: &'a BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        for next in arrows.get(module).into_iter().flatten() {
            if reached.insert(next) {
                open.push(next);
            }
        }
    }
    reached
}

/// The room of a module: the longest name of a layer that its path begins with.
fn room(module: &str) -> &'static str {
    let is_in = |room: &&&str| {
        module == **room || module.strip_prefix(**room).is_some_and(|rest| rest.starts_with('/'))
    };
    let rooms = LAYERS.iter().flat_map(|layer| layer.iter());
    rooms.filter(is_in).max_by_key(|room| room.len()).copied().unwrap_or_default()
}

fn layer(room: &str) -> usize {
    LAYERS.iter().position(|layer| layer.contains(&room)).expect("a layer")
}

fn parent(module: &str) -> &str {
    module.rsplit_once('/').map_or("", |(parent, _)| parent)
}

fn read_source(module: &str, text: &str, modules: &BTreeSet<Module>, is_facade: bool) -> Source {
    let mut source = Source::default();
    let text = without_tests_and_comments(text);
    for statement in text.split(';').filter_map(use_statement) {
        let (is_public, tree) = statement;
        for path in flatten(tree) {
            let (path, alias) =
                path.split_once(" as ").map_or((&*path, None), |(path, name)| (path, Some(name)));
            let Some(path) = absolute(module, path, modules) else { continue };
            let name = alias.unwrap_or_else(|| path.rsplit('/').next().unwrap_or_default()).to_owned();
            if is_public {
                source.exports.insert(name, path.clone());
            }
            if !(is_public && is_facade) {
                source.uses.push(path);
            }
        }
    }
    let in_code = text.match_indices("crate::").map(|(at, _)| &text[at..]);
    let path = |text: &str| {
        text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')).next().map(str::to_owned)
    };
    // `$crate` in a macro is the crate of its user.
    let own =
        in_code.filter_map(path).filter_map(|path| absolute(module, path.trim_end_matches(':'), modules));
    let exported = source.exports.values().cloned().collect::<BTreeSet<_>>();
    source
        .uses
        .extend(own.filter(|path| !(is_facade && exported.contains(path)) && is_module_path(path, modules)));
    source
}

/// Macros of the crate stand at its root and belong to no file.
fn is_module_path(path: &str, modules: &BTreeSet<Module>) -> bool {
    path.split('/').next().is_some_and(|first| modules.contains(first))
}

/// Drops comments, and modules behind `#[cfg(test)]`: a test may use everything.
fn without_tests_and_comments(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if line.starts_with("#[cfg(") && line.contains("test") {
            while lines.next_if(|next| next.starts_with("#[")).is_some() {}
            let item = lines.next().unwrap_or_default();
            if item.ends_with('{') {
                while lines.next().is_some_and(|line| line != "}") {}
            }
            continue;
        }
        kept.push_str(line.split("//").next().unwrap_or_default());
        kept.push('\n');
    }
    kept.replace("$crate::", "$")
}

/// Splits `pub(crate) use a::b` into whether it is public and its tree.
fn use_statement(statement: &str) -> Option<(bool, &str)> {
    let at = statement.rfind("use ")?;
    let (before, tree) = (&statement[..at], &statement[at + 4..]);
    let line = before.rsplit('\n').next().unwrap_or_default().trim();
    (line.is_empty() || line.starts_with("pub")).then_some((line.starts_with("pub"), tree))
}

/// Expands the braces of a use tree.
fn flatten(tree: &str) -> Vec<String> {
    let tree = tree.split_whitespace().collect::<Vec<_>>().join(" ");
    let Some(open) = tree.find('{') else { return vec![tree] };
    let Some(close) = tree.rfind('}') else { return Vec::new() };
    let (head, mut depth, mut parts) = (&tree[..open], 0, vec![String::new()]);
    for c in tree[open + 1..close].chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("a part").push(c);
    }
    let parts = parts.iter().map(|part| part.trim()).filter(|part| !part.is_empty());
    parts.flat_map(|part| flatten(&format!("{head}{part}"))).collect()
}

/// Makes a path of this crate absolute; none for a path of another crate.
fn absolute(module: &str, path: &str, modules: &BTreeSet<Module>) -> Option<String> {
    let mut segments: Vec<&str> = path.split("::").filter(|segment| !segment.is_empty()).collect();
    if matches!(segments.last(), Some(&"*" | &"self")) {
        segments.pop();
    }
    let first = *segments.first()?;
    let mut base: Vec<&str> = module.split('/').filter(|segment| !segment.is_empty()).collect();
    match first {
        "crate" => base.clear(),
        "self" => {}
        "super" => {
            base.pop()?;
        }
        child if modules.contains([module, child].join("/").trim_start_matches('/')) => base.push(child),
        _ => return None,
    }
    let mut rest = segments.get(1..)?;
    while let ["super", further @ ..] = rest {
        base.pop()?;
        rest = further;
    }
    Some([base, rest.to_vec()].concat().join("/"))
}

fn read_directory(directory: &Path, module: &str, texts: &mut BTreeMap<Module, String>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).expect("a name").to_owned();
        let child = if module.is_empty() { stem.clone() } else { format!("{module}/{stem}") };
        if path.is_dir() && stem != "templates" && stem != "tests" {
            read_directory(&path, &child, texts);
        } else if path.extension().is_some_and(|extension| extension == "rs") && stem != "tests" {
            let name = if stem == "mod" || stem == "lib" { module.to_owned() } else { child };
            texts.insert(name, std::fs::read_to_string(&path).expect("a source file"));
        }
    }
}

fn own_tree() -> Tree {
    let mut texts = BTreeMap::new();
    read_directory(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), "", &mut texts);
    texts.remove("main");
    assert!(texts.len() > 200, "the sources are found");
    Tree::of(texts)
}

#[test]
fn dependencies_point_one_way() {
    let found = own_tree().against_the_direction();
    assert!(found.is_empty(), "against the direction of docs/architecture.md:\n{}", found.join("\n"));
}

#[test]
fn a_circle_of_files_has_at_most_two_members() {
    let circles: Vec<String> = own_tree().circles().iter().map(|circle| circle.join(", ")).collect();
    assert!(circles.is_empty(), "circles of files:\n{}", circles.join("\n"));
}

/// Only the authorization server, the server itself and the command line reach what takes no proof.
#[test]
fn the_routes_of_the_api_reach_neither_the_state_nor_the_store_without_proofs() {
    let mut texts = BTreeMap::new();
    read_directory(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/api"), "", &mut texts);
    assert!(texts.len() > 5, "the sources are found");
    for (file, text) in texts {
        let text = without_tests_and_comments(&text);
        for forbidden in ["Services", "TrustedStore"] {
            let words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            assert!(
                words.into_iter().all(|word| word != forbidden),
                "src/http/api/{file}.rs names {forbidden}"
            );
        }
    }
}

/// Lists of values in a statement of the store, each with what bounds its length. A subquery is not a list.
const LISTS: &[(&str, &str, &str)] = &[
    ("store/audit/holder_keys", "eq_any(&of_persons)", "a page of the trail, or a batch of 256 entries"),
    ("store/audit/holder_keys", "eq_any(&of_days)", "a page of the trail, or a batch of 256 entries"),
    ("store/audit/holder_keys", "eq_any(&ids)", "a page of the trail, or a batch of 256 entries"),
    ("store/audit/holder_keys", "eq_any(&typed)", "the queries of a page of the trail, or of 256 entries"),
    ("store/audit/old_entries", "eq_any(&positions)", "twice a batch of 256 entries"),
    ("store/extension/filters", "eq_any($value)", "20 values of a filter, `MOST_VALUES`"),
    ("store/extension/macros", "eq_any(ids)", "a batch of 200 ids"),
    ("store/records/mail_queue", "eq_any(&about)", "a user's id and two addresses"),
    ("store/records/client_secrets", "eq_any(clients)", "a page of clients"),
    ("store/records/import_export", "eq_any(&external)", "a batch of an import"),
    ("store/records/import_export", "eq_any(&ids)", "a batch of an import, or a page of an export"),
    ("store/records/import_export", "eq_any(&keys)", "a batch of an import"),
    ("store/records/keys", "eq_any(&kids)", "keys that an operator rotated in the lifetime of a token"),
    ("store/records/rate_limits", "eq_any(&batch)", "a batch of counters"),
    ("store/records/tombstones", "eq_any(rows)", "a subquery with a limit"),
    ("store/records/tombstones", "eq_any(&ended)", "a batch of sessions"),
    ("store/records/tombstones", "eq_any(batch)", "a subquery with a limit"),
    ("store/records/user_list", "eq_any(&ids)", "a page of users"),
    ("store/records/user_list", "eq_any(ids)", "a page of users"),
];

#[test]
fn each_list_of_values_in_a_statement_is_bounded() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut texts = BTreeMap::new();
    read_directory(&root, "", &mut texts);
    let mut found = BTreeSet::new();
    for (module, text) in &texts {
        for (at, _) in text.match_indices("eq_any(") {
            let list = text[at..].split_inclusive(')').next().unwrap_or_default();
            found.insert((module.as_str(), list));
        }
    }
    let known: BTreeSet<(&str, &str)> = LISTS.iter().map(|(module, list, _)| (*module, *list)).collect();
    assert_eq!(found, known, "a list of values needs a bound: state it in LISTS");
}

/// A request judges a password in the hash pool. The lines of an import are read by the operator's own process.
#[test]
fn no_request_judges_a_password_on_its_worker() {
    let mut texts = BTreeMap::new();
    read_directory(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http"), "", &mut texts);
    for (file, text) in texts.iter().filter(|(file, _)| *file != "api/transfer") {
        let text = without_tests_and_comments(text);
        for blocking in ["NewPassword::parse", ".judge(&", "zxcvbn"] {
            assert!(!text.contains(blocking), "src/http/{file}.rs has {blocking}");
        }
    }
    assert!(texts["api/transfer"].contains("NewPassword::parse"), "the sources are found");
}

#[test]
fn this_check_finds_an_arrow_against_the_direction_and_a_circle() {
    let text = |module: &str, text: &str| (module.to_owned(), text.to_owned());
    let tree = Tree::of(BTreeMap::from([
        text("", "pub mod domain;\npub mod http;\npub mod store;"),
        text("domain", "mod email;\nmod user;\npub use email::Email;"),
        text("domain/email", "use crate::{http::Shown, store};"),
        text("domain/user", "use super::Email;\n#[cfg(test)]\nmod tests {\n    use crate::http::Shown;\n}\n"),
        text("http", "mod kit;\npub use kit::shown::Shown;"),
        text("http/kit", "pub mod shown;"),
        text("http/kit/shown", "fn shown() -> crate::store::Store { todo() }"),
        text("store", "use super::domain::user::User as Person;\npub struct Store;"),
    ]));
    let found = tree.against_the_direction();
    assert_eq!(
        found,
        [
            "domain/email uses http/kit/shown: domain must not use http/kit",
            "domain/email uses store: domain must not use store",
        ]
    );
    let circle = ["domain/email", "domain/user", "http/kit/shown", "store"];
    assert_eq!(tree.circles(), [circle.map(str::to_owned).to_vec()]);
}
