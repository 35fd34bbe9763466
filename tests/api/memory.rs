//! What the server keeps in memory, as the system sees it.
#![cfg(target_os = "linux")]

use tempfile::TempDir;

use crate::support::Process;

#[test]
fn what_is_not_hashed_in_gets_no_huge_pages() {
    let dir = TempDir::new().unwrap();
    let server = Process::start(dir.path(), &[]);
    // Linux has it since 5.0, and says 1 where it was not switched.
    let Some(before) = server.in_status("THP_enabled") else { return };
    server.registration("ada@example.com").send().expect(201);
    server.token("ada@example.com");
    assert_eq!((before.as_str(), server.in_status("THP_enabled").as_deref()), ("0", Some("0")));
}
