//! A disk below SQLite that hangs: it returns no error, and keeps each thread that waits for it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::disk::library;
use super::{Ledger, eventually, on_database};
use crate::support::{Process, skipped};

/// Waits until changes were refused. Meanwhile each request is answered in time, and a read with one of these statuses.
fn expect_answers(server: &Process, token: &str, ledger: &Ledger, reads: &[u16]) {
    let in_time = |path: &str| {
        let began = Instant::now();
        let answer = server.get(path).bearer(token).send();
        assert!(began.elapsed() < Duration::from_secs(10), "{path}: {:?}", began.elapsed());
        answer.status
    };
    let refused = ledger.not_done() + 8;
    while ledger.not_done() < refused {
        assert_eq!(in_time("/health/live"), 200);
        assert_eq!(in_time("/.well-known/jwks.json"), 200);
        for path in ["/users/me/profile", "/users/me/sessions"] {
            let status = in_time(path);
            assert!(reads.contains(&status), "{path}: {status}");
        }
    }
}

/// Waits until changes are acknowledged again.
fn expect_recovery(ledger: &Ledger) {
    let (thawed, before) = (Instant::now(), ledger.done());
    eventually("the server recovers", || ledger.done() > before);
    println!("a change {} ms after the disk continued", thawed.elapsed().as_millis());
}

#[test]
fn server_responds_while_reads_and_writes_hang() {
    let dir = TempDir::new().unwrap();
    let library = library(dir.path()).display().to_string();
    let database = format!("sqlite://{}", dir.path().join("cloakroom.db").display());
    let settings = on_database(&database);
    let server = Process::start(dir.path(), &[settings.as_slice(), &[("LD_PRELOAD", &library)]].concat());
    server.registration("reader@example.com").send().expect(201);
    let reader = server.token("reader@example.com");
    let [writes, reads] = ["hanging-writes", "hanging-reads"].map(|name| dir.path().join(name));
    let ledger = Ledger::of(&server.url, |ledger| {
        std::fs::write(&writes, "").unwrap();
        expect_answers(&server, &reader, ledger, &[200]);
        // Each read of the file hangs now. A page in SQLite's own memory is still served.
        std::fs::write(&reads, "").unwrap();
        expect_answers(&server, &reader, ledger, &[200, 503]);
        std::fs::remove_file(&reads).unwrap();
        std::fs::remove_file(&writes).unwrap();
        expect_recovery(ledger);
    });
    server.request("DELETE", "/users/me").bearer(&reader).send().expect(204);
    ledger.check(dir.path(), &settings);
}

/// File system in a file on another one, each mounted. While the outer one is frozen, the disk of the inner one hangs.
struct Disk {
    dir: TempDir,
}

impl Disk {
    /// Mounts it. Prints a message and returns none where this needs other rights.
    fn mount() -> Option<Self> {
        let disk = Self { dir: TempDir::new().unwrap() };
        let (outer, inner) = (disk.path("outer"), disk.path("inner"));
        let is_mounted =
            mount(&disk.path("outer.img"), "200M", &outer) && mount(&outer.join("inner.img"), "100M", &inner);
        if !is_mounted {
            skipped("only root can mount a file system in a file");
        }
        is_mounted.then_some(disk)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Lets it hang until the result is dropped.
    fn hang(&self) -> Hanging {
        assert!(run("fsfreeze", &["-f".as_ref(), &self.path("outer")]));
        Hanging(self.path("outer"))
    }

    /// Drops the pages of a file from the memory, as far as they are on the disk.
    fn forget(&self, name: &str) {
        let file = format!("if={}", self.path("inner").join(name).display());
        assert!(run("dd", &[file.as_ref(), "iflag=nocache".as_ref(), "count=0".as_ref()]));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run("umount", &[&self.path("inner")]);
        run("umount", &[&self.path("outer")]);
    }
}

/// Disk that hangs. After a failure too, it goes on before the server is killed: a process that waits for a disk does not
/// end.
struct Hanging(PathBuf);

impl Drop for Hanging {
    fn drop(&mut self) {
        run("fsfreeze", &["-u".as_ref(), &self.0]);
    }
}

/// Makes a file system in a file and mounts it.
fn mount(image: &Path, size: &str, place: &Path) -> bool {
    std::fs::create_dir(place).unwrap();
    run("truncate", &["-s".as_ref(), size.as_ref(), image])
        && run("mkfs.ext4", &["-q".as_ref(), image])
        && run("mount", &["-o".as_ref(), "loop".as_ref(), image, place])
}

fn run(program: &str, arguments: &[&Path]) -> bool {
    let output = Command::new(program).args(arguments).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output();
    output.is_ok_and(|output| output.status.success())
}

#[test]
#[ignore = "needs root and loop devices: just torture"]
fn acknowledged_changes_survive_a_disk_that_hangs() {
    let Some(disk) = Disk::mount() else { return };
    let dir = TempDir::new().unwrap();
    let database = format!("sqlite://{}", disk.path("inner").join("cloakroom.db").display());
    let settings = on_database(&database);
    let mut server = Process::start(dir.path(), &settings);
    server.registration("reader@example.com").send().expect(201);
    let reader = server.token("reader@example.com");
    let ledger = Ledger::of(&server.url.clone(), |ledger| {
        super::for_a_while(|| {
            let enough = ledger.done() + 10;
            eventually("enough is acknowledged", || ledger.done() >= enough);
            let hanging = disk.hang();
            // A frozen file system can hold a reader too: SQLite marks each snapshot in a file that it maps into memory.
            expect_answers(&server, &reader, ledger, &[200, 503]);
            ["cloakroom.db", "cloakroom.db-wal"].iter().for_each(|file| disk.forget(file));
            expect_answers(&server, &reader, ledger, &[200, 503]);
            drop(hanging);
            expect_recovery(ledger);
        });
    });
    server.request("DELETE", "/users/me").bearer(&reader).send().expect(204);
    server.kill();
    ledger.check(dir.path(), &settings);
}
