//! What the server asks of Linux.
#![cfg(target_os = "linux")]

use std::process::Command;
use std::time::Duration;

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

/// How many cores a list such as `0-3,6` has.
fn cores(list: &str) -> usize {
    let number = |text: &str| text.parse::<usize>().unwrap();
    let many = |(first, last)| number(last) + 1 - number(first);
    list.split(',').map(|part| part.split_once('-').map_or(1, many)).sum()
}

#[test]
fn each_core_has_a_thread_that_lets_reads_through_where_such_threads_may_be() {
    const FIFO: u32 = 1;
    let dir = TempDir::new().unwrap();
    let server = Process::start(dir.path(), &[("CLOAKROOM_HASH_LANES", "64")]);
    assert!(server.scheduling_of("pulse").is_empty(), "nothing was hashed yet");
    server.registration("ada@example.com").send().expect(201);
    let may = Command::new("chrt").args(["-f", "1", "true"]).status().is_ok_and(|status| status.success());
    let cores = server.in_status("Cpus_allowed_list").map_or(0, |list| cores(&list));
    let expected = vec![FIFO; if may && cores <= 64 { cores } else { 0 }];
    // They begin beside the hash.
    for _ in 0..1_000 {
        if server.scheduling_of("pulse") == expected {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{:?} instead of {expected:?}", server.scheduling_of("pulse"));
}
