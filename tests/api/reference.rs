//! The files of the reference (`deploy/ha`), each checked by its own program, and against each other.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use cloakroom::config::{Config, Sources};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/ha").join(name)
}

fn read(name: &str) -> String {
    std::fs::read_to_string(file(name)).expect("a file of the reference")
}

/// Returns the number behind a word.
fn number(text: &str, word: &str) -> u64 {
    let rest = text.split(word).nth(1).unwrap_or_else(|| panic!("{word} is missing"));
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{word} has no number"))
}

#[test]
fn haproxy_accepts_the_reference() {
    let program =
        ["/usr/sbin/haproxy", "/usr/local/sbin/haproxy"].into_iter().find(|path| Path::new(path).exists());
    let Some(program) = program else {
        // Bypasses the capture of the test harness, so that a skipped test does not look like a passed one.
        let _ = std::io::stderr().write_all(b"SKIPPED: haproxy is not here\n");
        return;
    };
    let checked =
        Command::new(program).arg("-c").arg("-f").arg(file("haproxy.cfg")).output().expect("it runs");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

#[test]
fn settings_of_the_reference_are_valid() {
    let mut sources = Sources::default();
    sources.read_dotenv(&read("cloakroom.env"));
    let config = Config::load(&sources).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(read("cloakroom.env").contains("sslmode=verify-full"));
    // Three pools, nine worker threads and two connections more for each, and 20 for Patroni, the replication and an
    // operator.
    let connections = number(&read("patroni.yaml"), "max_connections:");
    assert!(
        3 * (u64::from(config.db_pool) + 9 + 2) + 20 <= connections,
        "{} of {connections}",
        config.db_pool
    );
    assert_eq!(number(&read("haproxy.cfg"), "shutdown-sessions maxconn"), connections);
}

#[test]
fn members_of_the_reference_agree() {
    let (patroni, etcd, proxy) = (read("patroni.yaml"), read("etcd.yaml"), read("haproxy.cfg"));
    let hosts = |text: &str| -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_ascii_digit() && c != '.');
        words.filter(|word| word.starts_with("10.0.0.1")).map(str::to_owned).collect()
    };
    assert_eq!(hosts(&patroni).len(), 3);
    assert_eq!((hosts(&etcd), hosts(&proxy)), (hosts(&patroni), hosts(&patroni)));
    // Patroni's own rule: a leader gives up before another takes over.
    let [ttl, wait, retry] = ["ttl:", "loop_wait:", "retry_timeout:"].map(|word| number(&patroni, word));
    assert!(ttl >= wait + 2 * retry, "{ttl} {wait} {retry}");
    for promise in
        ["synchronous_mode: true", "synchronous_mode_strict: true", "mode: required", "hostssl all all"]
    {
        assert!(patroni.contains(promise), "{promise}");
    }
}
