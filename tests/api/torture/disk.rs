//! Disk faults below SQLite: a failing `fsync` or a full disk. A preloaded library in front of the C library
//! reports the fault while a file exists.

use std::path::{Path, PathBuf};
use std::process::Command;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use super::{Ledger, eventually, for_a_while, on_database};
use crate::support::{PASSWORD, Process, Request, free_port};

/// `fsync` fails while the file `no-fsync` exists in the working directory, and `pwrite` fails while
/// `no-space` exists. Both hang while `hanging-writes` exists, and `pread` while `hanging-reads` does. The process is
/// killed at the write with the number `KILL_AT_WRITE`.
const FAULTS: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
static int faulty(const char *name) { int kept = errno, is = access(name, F_OK) == 0; errno = kept; return is; }
static void hang(const char *name) { while (faulty(name)) usleep(5000); }
static void count(void) {
    static long writes;
    const char *deadly = getenv("KILL_AT_WRITE");
    if (deadly && ++writes == atol(deadly)) kill(getpid(), SIGKILL);
}
#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
int fsync(int fd) { hang("hanging-writes"); if (faulty("no-fsync")) { errno = EIO; return -1; } return NEXT(fsync)(fd); }
int fdatasync(int fd) { hang("hanging-writes"); if (faulty("no-fsync")) { errno = EIO; return -1; } return NEXT(fdatasync)(fd); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t at) {
    hang("hanging-writes");
    count();
    if (faulty("no-space")) { errno = ENOSPC; return -1; }
    return NEXT(pwrite)(fd, data, length, at);
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at) {
    hang("hanging-writes");
    count();
    if (faulty("no-space")) { errno = ENOSPC; return -1; }
    return NEXT(pwrite64)(fd, data, length, at);
}
ssize_t pread(int fd, void *data, size_t length, off_t at) {
    hang("hanging-reads");
    return NEXT(pread)(fd, data, length, at);
}
ssize_t pread64(int fd, void *data, size_t length, off64_t at) {
    hang("hanging-reads");
    return NEXT(pread64)(fd, data, length, at);
}
"#;

/// Builds the library in a directory.
pub(super) fn library(directory: &Path) -> PathBuf {
    let (source, library) = (directory.join("faults.c"), directory.join("faults.so"));
    std::fs::write(&source, FAULTS).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(&source).arg("-ldl");
    let built = cc.status().expect("a C compiler, which cloakroom's build needs too");
    assert!(built.success());
    library
}

/// Checks that changes are refused and reads work while `fault` exists, and that the server recovers without
/// it.
fn on_a_disk_that_fails(fault: &str) {
    let dir = TempDir::new().unwrap();
    let library = library(dir.path()).display().to_string();
    let database = format!("sqlite://{}", dir.path().join("cloakroom.db").display());
    let listen = format!("127.0.0.1:{}", free_port());
    let own = vec![("LD_PRELOAD", library.as_str()), ("CLOAKROOM_LISTEN", listen.as_str())];
    let settings = [on_database(&database), own].concat();
    let mut server = Process::start(dir.path(), &settings);
    server.registration("reader@example.com").send().expect(201);
    let reader = server.token("reader@example.com");
    let file = dir.path().join(fault);
    let ledger = Ledger::of(&server.url.clone(), |ledger| {
        for_a_while(|| {
            let (enough, refused) = (ledger.done() + 10, ledger.not_done() + 3);
            eventually("enough is acknowledged", || ledger.done() >= enough);
            std::fs::write(&file, "").unwrap();
            eventually("requests during the fault are refused", || ledger.not_done() >= refused);
            server.get("/users/me").bearer(&reader).send().expect(200);
            server.get("/health/ready").send().expect(200);
            std::fs::remove_file(&file).unwrap();
            let enough = ledger.done() + 5;
            eventually("the server recovers", || ledger.done() >= enough);
            // Kills the server during the fault, so that data in memory cannot hide a lost write.
            std::fs::write(&file, "").unwrap();
            let refused = ledger.not_done() + 2;
            eventually("requests during the fault are refused", || ledger.not_done() >= refused);
            server.kill();
            std::fs::remove_file(&file).unwrap();
            server = Process::start(dir.path(), &settings);
        });
    });
    Request::new("DELETE", format!("http://{listen}/users/me")).bearer(&reader).send().expect(204);
    ledger.check(dir.path(), &on_database(&database));
}

#[test]
fn acknowledged_changes_survive_a_failing_fsync() {
    on_a_disk_that_fails("no-fsync");
}

#[test]
fn acknowledged_changes_survive_a_full_disk() {
    on_a_disk_that_fails("no-space");
}

/// A long read transaction, as of a backup, keeps the write-ahead log from being reset; no writer waits.
#[test]
fn long_read_blocks_no_writer_and_wal_stops_growing() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("cloakroom.db");
    let database = format!("sqlite://{}", path.display());
    let settings = on_database(&database);
    let server = Process::start(dir.path(), &settings);
    let log = || std::fs::metadata(dir.path().join("cloakroom.db-wal")).map_or(0, |file| file.len());
    let mut reader = SqliteConnection::establish(&path.display().to_string()).unwrap();
    reader.batch_execute("BEGIN; SELECT count(*) FROM users").unwrap();
    let ledger = Ledger::of(&server.url, |ledger| {
        eventually("the log exceeds its size limit", || log() > 8 * 1024 * 1024 || ledger.done() > 150);
    });
    let (grown, refused) = (log(), ledger.not_done());
    reader.batch_execute("COMMIT").unwrap();
    assert_eq!(refused, 0, "the reader must not cause refusals");
    // Without the reader, a checkpoint empties the log, and it is then written from its beginning.
    let body = serde_json::json!({ "email": "later@example.com", "password": PASSWORD });
    Request::new("POST", format!("{}/users", server.url)).json(&body).send().expect(201);
    for _ in 0..50 {
        server.login("later@example.com").send().expect(200);
        reader.batch_execute("PRAGMA wal_checkpoint(PASSIVE)").unwrap();
    }
    assert!(log() <= grown + 1024 * 1024, "the log keeps growing: {grown}, {}", log());
    let token = server.token("later@example.com");
    server.request("DELETE", "/users/me").bearer(&token).send().expect(204);
    ledger.check(dir.path(), &settings);
}
