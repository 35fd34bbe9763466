//! Files of the reference of `deploy/ha` for the network of a test.

use std::path::Path;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;

/// Makes a directory for the user postgres.
pub(super) fn directory(place: &Path) -> TempDir {
    let dir = TempDir::new_in(place).expect("a directory");
    open_to_all(dir.path());
    dir
}

/// Lets the user postgres write there.
pub(super) fn open_to_all(dir: &Path) {
    assert!(Command::new("chmod").arg("a+rwx").arg(dir).status().expect("chmod").success());
}

/// Writes an authority, and a certificate for all hosts of PostgreSQL and haproxy.
pub(super) fn write_certificates(dir: &Path, prefix: &str) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority =
        CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
    let key = KeyPair::generate().expect("a key");
    let names = [11, 12, 13, 31].map(|number| format!("{prefix}{number}"));
    let own = CertificateParams::new(names).expect("addresses");
    let own = own.signed_by(&key, &authority).expect("a certificate");
    for (name, content) in
        [("ca.crt", authority.pem()), ("postgres.crt", own.pem()), ("postgres.key", key.serialize_pem())]
    {
        std::fs::write(dir.join(name), content).expect("it is written");
    }
    let key = dir.join("postgres.key");
    let _ = Command::new("chown").arg("postgres").arg(&key).status();
    assert!(Command::new("chmod").arg("600").arg(&key).status().expect("chmod").success());
}

/// Returns a file of the reference in the network of this address.
pub(super) fn moved(file: &str, address: &str) -> String {
    let prefix = address.rsplit_once('.').expect("an address").0;
    file.replace("10.0.0.", &format!("{prefix}."))
}

/// Writes the files of etcd and Patroni for a member.
pub(super) fn write_member_files(dir: &Path, etcd: &Path, name: &str, address: &str) {
    let bin = std::fs::read_dir("/usr/lib/postgresql").ok().and_then(|mut versions| versions.next()?.ok());
    let bin =
        bin.map_or_else(|| "/usr/bin".to_owned(), |version| version.path().join("bin").display().to_string());
    let own = dir.join(name).display().to_string();
    let first = moved("10.0.0.11", address);
    // The own addresses, and not those in the lists of all members.
    let changed = |file: &str, list: &str| -> String {
        let file = moved(file, address).replace("name: one", &format!("name: {name}"));
        let lines = file.lines().map(|line| match line.contains(list) {
            true => line.to_owned(),
            false => line.replace(&first, address),
        });
        lines.map(|line| line + "\n").collect()
    };
    let etcd = changed(include_str!("../../../deploy/ha/etcd.yaml"), "initial-cluster:")
        .replace("/var/lib/etcd/cloakroom", &etcd.join(name).display().to_string());
    let patroni = changed(include_str!("../../../deploy/ha/patroni.yaml"), "hosts:")
        .replace("/var/lib/postgresql/cloakroom", &own)
        .replace("/var/lib/postgresql/patroni.pgpass", &format!("{own}.pgpass"))
        .replace("/usr/lib/postgresql/15/bin", &bin)
        .replace("/var/run/postgresql", &format!("{own}.run"))
        .replace("/etc/ssl/private", &dir.display().to_string())
        .replace("mode: required", "mode: \"off\"");
    for (file, content) in [("etcd.yaml", etcd), ("yaml", patroni)] {
        std::fs::write(dir.join(format!("{name}.{file}")), content).expect("it is written");
    }
}
