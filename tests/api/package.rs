//! `deploy/package`: what a release has beside the program.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::skipped;

/// Runs a program and returns its output.
fn run(program: &str, arguments: &[&str], directory: &Path) -> String {
    let output = Command::new(program).args(arguments).current_dir(directory).output().expect("it runs");
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn package_has_the_program_a_bill_of_materials_and_checksums() {
    if Command::new("python3").arg("--version").output().is_err() {
        skipped("python3 is not installed");
        return;
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR"));
    let [first, second] = [(); 2].map(|()| TempDir::new().expect("a directory"));
    let program = first.path().join("built");
    std::fs::write(&program, "a program").expect("it is written");
    let make = |output: &Path| {
        let arguments =
            ["--binary", program.to_str().expect("a path"), "--output", output.to_str().expect("a path")];
        run("deploy/package", &arguments, repository)
    };
    let told = make(first.path());
    make(second.path());
    let name = told.lines().find_map(|line| line.strip_suffix(".tar.gz")).expect("a tarball");
    let name = Path::new(name).file_name().expect("a name").to_str().expect("UTF-8");
    assert!(name.starts_with(concat!("cloakroom-", env!("CARGO_PKG_VERSION"), "-")), "{name}");

    run("sha256sum", &["--check", "--strict", "SHA256SUMS"], first.path());
    let tarball = format!("{name}.tar.gz");
    let read = |directory: &TempDir, file: &str| std::fs::read(directory.path().join(file)).expect(file);
    assert_eq!(read(&first, &tarball), read(&second, &tarball), "the same program gives the same tarball");
    run("tar", &["--extract", "--file", &tarball], first.path());
    assert_eq!(read(&first, &format!("{name}/cloakroom")), b"a program");
    for file in ["LICENSE", "README.md", "CHANGELOG.md", ".env.example", "cloakroom.service"] {
        assert!(!read(&first, &format!("{name}/{file}")).is_empty(), "{file}");
    }

    let bill: Value = serde_json::from_slice(&read(&first, &format!("{name}.cdx.json"))).expect("JSON");
    assert_eq!(
        (&bill["bomFormat"], &bill["metadata"]["component"]["name"]),
        (&"CycloneDX".into(), &"cloakroom".into())
    );
    let crates: Vec<&str> = bill["components"]
        .as_array()
        .expect("components")
        .iter()
        .filter_map(|part| part["name"].as_str())
        .collect();
    assert!(crates.contains(&"argon2") && crates.contains(&"tokio-postgres"), "{crates:?}");
    assert!(!crates.contains(&"proptest"), "a development dependency is not in the program");
}
