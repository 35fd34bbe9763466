//! The wall of the store: a public function of `Store` takes a proof or returns a sealed record.

use std::fs;
use std::path::Path;

/// Proofs, and the type of a record that no decision has opened.
const PROOFS: [&str; 7] =
    ["Allowed<", "AllowedAmendment<", "Reach<", "RoleGrant", "&Caller", "&impl Proof", "Sealed<"];

/// Functions without a proof, each with the reason.
const EXCEPTIONS: [(&str, &str); 4] = [
    ("engine", "names the database, reads no record"),
    ("measure", "sets the metrics of the pool"),
    ("pool", "counts connections, for the metrics"),
    ("ping", "checks the connection, for the health check"),
];

/// Returns the signatures of the functions on `Store` that code outside the store can call.
fn signatures(source: &str) -> Vec<String> {
    let starts = ["    pub fn ", "    pub async fn ", "    pub(crate) fn ", "    pub(crate) async fn "];
    let blocks = source.split("\nimpl Store {").skip(1).filter_map(|rest| rest.split("\n}\n").next());
    let items = blocks.flat_map(|block| block.match_indices("\n    pub").map(|(at, _)| &block[at + 1..]));
    let functions = items.filter(|item| starts.iter().any(|start| item.starts_with(start)));
    functions.filter_map(|function| Some(function.split('{').next()?.to_owned())).collect()
}

/// Returns the names of the functions that take no proof and return nothing sealed.
fn without_proof(source: &str) -> Vec<String> {
    let name = |signature: &str| {
        let after = signature.split("fn ").nth(1).unwrap();
        after.split(['(', '<']).next().unwrap().to_owned()
    };
    let unproven = |signature: &String| !PROOFS.iter().any(|proof| signature.contains(proof));
    signatures(source).iter().filter(|signature| unproven(signature)).map(|text| name(text)).collect()
}

fn sources(directory: &Path) -> Vec<String> {
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths
        .filter(|path| !path.ends_with("tests.rs"))
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![fs::read_to_string(path).unwrap()] })
        .collect()
}

#[test]
fn each_function_of_the_store_takes_a_proof() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store"));
    let functions: usize = sources.iter().map(|source| signatures(source).len()).sum();
    assert!(functions > 30, "only {functions} functions found");
    let mut unproven: Vec<String> = sources.iter().flat_map(|source| without_proof(source)).collect();
    unproven.sort();
    let mut exceptions = EXCEPTIONS.map(|(name, _)| name);
    exceptions.sort_unstable();
    assert_eq!(unproven, exceptions, "move the function to TrustedStore, or take a proof");
}

#[test]
fn finds_functions_without_a_proof() {
    let source = "
impl Store {
    /// Reads.
    pub async fn read_user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.read(load).await
    }

    pub(crate) fn find<R: Stored>(&self, id: R::Id) -> Result<Sealed<R>, StoreError> {}

    pub(crate) async fn leak<R>(
        &self,
    ) -> Result<R, StoreError> {}

    pub(in crate::store) fn read(&self) {}

    fn helper(&self) {}
}

impl TrustedStore {
    pub(crate) fn standing(&self) {}
}
";
    assert_eq!(signatures(source).len(), 3);
    assert_eq!(without_proof(source), ["read_user", "leak"]);
}
