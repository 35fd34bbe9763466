//! `cloakroom users import`: accounts from another system, one JSON line each, in bounded memory.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Arg, ArgMatches, Command, value_parser};
use futures_util::stream::{self, StreamExt as _};
use serde_json::json;

use super::super::arguments::{json_flag, required, switch};
use super::super::output::{Failure, print, print_errors, print_json};
use super::super::progress::{progress, progress_ends};
use super::accounts::Users;
use crate::authz::Registration;
use crate::authz::action::Create;
use crate::domain::{ExternalId, User};
use crate::hashing::Hasher;
use crate::http::{Line, LinePassword};
use crate::store::{ImportOutcome, ImportedUser, NewUser, StoreError};
use crate::text_file::BYTE_ORDER_MARK;

/// Number of accounts in one transaction.
const BATCH: usize = 2_000;

/// Maximum length of a line, in bytes: that of the body of a request.
const LONGEST_LINE: u64 = 64 * 1024;

/// Time limit for retries without progress. A disk at its write limit can stall for minutes.
const RETRY_LIMIT: Duration = Duration::from_secs(600);
/// Pause between two retries. A failed batch is retried in halves.
const PAUSE: Duration = Duration::from_millis(500);

/// Minimum size of a half.
const MIN_BATCH: usize = 50;

pub(super) fn command() -> Command {
    Command::new("import")
        .about("Create accounts from a file, one JSON line each, also while the server runs")
        .after_help(
            "A line has the members of POST /users, and may have further members of its answer:\n  \
             {\"email\": \"ada@example.com\", \"password\": \"a most unusual passphrase\"}\n  \
             {\"email\": \"bob@example.com\", \"password_hash\": \"$argon2id$v=19$…\", \"email_verified\": true,\n   \
             \"external_id\": \"4711\", \"roles\": [\"user\"], \"status\": \"active\", \"created_at\": \"2024-05-01T08:00:00Z\", \"profile\": {\"name\": \"Bob\"}}\n\n\
             An account without password and hash cannot log in until a password is set. Passwords are hashed,\n\
             about a hundred per second. Hashes are stored as they are, some thousands per second, and replaced by\n\
             argon2id at a login: argon2, bcrypt, scrypt, PBKDF2, SHA-crypt, of Django, ASP.NET and Firebase too.\n\
             An account whose id, address or external id exists stays as it is, so you can import the same file again.\n\
             A line that breaks a rule is reported and left out. Then the exit code is 1.",
        )
        .args([
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(PathBuf))
                .help("The file; - is standard input"),
            Arg::new("firebase-key-file")
                .long("firebase-key-file")
                .value_name("FILE")
                .value_parser(value_parser!(PathBuf))
                .help("The password hash parameters of a Firebase project, as its console shows them"),
            switch("dry-run", "Only check the lines"),
            json_flag(),
        ])
}

/// Counts of the import so far.
#[derive(Default)]
struct Done {
    lines: u64,
    bytes: u64,
    made: u64,
    there: u64,
    /// Part of `there`: lines whose address and external id belong to different accounts.
    conflicts: u64,
    refused: u64,
}

/// Line of a file.
enum Read<'a> {
    /// The line, without its end.
    Line(&'a [u8]),
    /// A line that is longer than the limit.
    TooLong,
}

/// Reader of lines. It never holds more than the limit of a line.
struct Lines<R> {
    from: R,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// Returns the next line that is not blank. None at the end of the file.
    fn next(&mut self, done: &mut Done) -> std::io::Result<Option<Read<'_>>> {
        loop {
            self.line.clear();
            let read = (&mut self.from).take(LONGEST_LINE + 1).read_until(b'\n', &mut self.line)?;
            if read == 0 {
                return Ok(None);
            }
            done.lines += 1;
            done.bytes += u64::try_from(read).unwrap_or(u64::MAX);
            if read > usize::try_from(LONGEST_LINE).unwrap_or(usize::MAX) && self.line.last() != Some(&b'\n')
            {
                self.skip_rest(done)?;
                return Ok(Some(Read::TooLong));
            }
            if done.lines == 1 && self.line.starts_with(BYTE_ORDER_MARK.as_bytes()) {
                self.line.drain(..BYTE_ORDER_MARK.len());
            }
            if !self.line.trim_ascii().is_empty() {
                return Ok(Some(Read::Line(self.line.trim_ascii())));
            }
        }
    }

    fn skip_rest(&mut self, done: &mut Done) -> std::io::Result<()> {
        loop {
            self.line.clear();
            let read = (&mut self.from).take(LONGEST_LINE).read_until(b'\n', &mut self.line)?;
            done.bytes += u64::try_from(read).unwrap_or(u64::MAX);
            if read == 0 || self.line.last() == Some(&b'\n') {
                return Ok(());
            }
        }
    }
}

impl Users<'_> {
    pub(super) async fn import(&self, given: &ArgMatches) -> Result<(), Failure> {
        let file: PathBuf = required(given, "file")?;
        let unreadable =
            |error: std::io::Error| Failure::new(format!("{} cannot be read: {error}", file.display()));
        let (from, size) = open(&file).map_err(unreadable)?;
        let (mut lines, mut done) = (Lines { from, line: Vec::new() }, Done::default());
        let (hasher, firebase) = self.hasher(given).await?;
        let dry = given.get_flag("dry-run");
        loop {
            let mut batch = Vec::with_capacity(BATCH);
            while batch.len() < BATCH {
                let Some(line) = lines.next(&mut done).map_err(unreadable)? else { break };
                let account = match line {
                    Read::Line(line) => {
                        Line::read(line, self.context.vocabulary(), &hasher, firebase.as_ref())
                    }
                    Read::TooLong => Err(vec!["is longer than 64 KiB".to_owned()]),
                };
                match account {
                    Ok(account) => batch.push(account),
                    Err(wrong) => {
                        done.refused += 1;
                        progress_ends();
                        print_errors(&[format!("line {}: {}", done.lines, wrong.join("; "))]);
                    }
                }
            }
            if batch.is_empty() {
                break;
            }
            if dry {
                done.made += count(batch.len());
            } else {
                self.import_batch(batch, &hasher, &mut done).await?;
            }
            show_progress(&done, size);
        }
        progress_ends();
        print_counts(&done, dry, given.get_flag("json"))?;
        match done.refused {
            0 => Ok(()),
            refused => Err(Failure::new(format!("{refused} lines break a rule and were left out"))),
        }
    }

    async fn import_batch(&self, lines: Vec<Line>, hasher: &Hasher, done: &mut Done) -> Result<(), Failure> {
        let lanes = usize::from(self.context.config().hash_lanes);
        let accounts = stream::iter(lines).map(|line| self.account(line, hasher)).buffered(lanes.max(1));
        let accounts: Vec<Result<ImportedUser, Failure>> = accounts.collect().await;
        let accounts =
            accounts.into_iter().map(|account| account.map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
        let (mut batches, mut last_success) = (vec![accounts], Instant::now());
        while let Some(batch) = batches.pop() {
            match self.store.import_users(batch.clone()).await {
                Ok(outcomes) => {
                    let made = outcomes.iter().filter(|outcome| **outcome == ImportOutcome::Created).count();
                    done.there += count(outcomes.len() - made);
                    done.made += count(made);
                    done.conflicts += report_conflicts(&batch, &outcomes);
                    last_success = Instant::now();
                }
                // Another process took an address or an id at the same moment, or the database was too slow for the batch.
                // Accounts that were created after all exist at the next try.
                Err(
                    error @ (StoreError::Taken
                    | StoreError::ExternalIdTaken
                    | StoreError::Unavailable(_)
                    | StoreError::Uncertain(_)),
                ) if last_success.elapsed() < RETRY_LIMIT => {
                    progress(&format!("{} lines; retry: {error}", done.lines));
                    tokio::time::sleep(PAUSE).await;
                    let (first, second) =
                        batch.split_at(batch.len().div_ceil(2).max(MIN_BATCH).min(batch.len()));
                    batches.extend(
                        [second, first].iter().filter(|half| !half.is_empty()).map(|half| half.to_vec()),
                    );
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    async fn account(&self, line: Line, hasher: &Hasher) -> Result<ImportedUser, Failure> {
        let grant = Registration::from(self.operator.reach::<User, Create>()?).grant(line.roles)?;
        let password = match line.password {
            Some(LinePassword::Chosen(password)) => Some(hasher.hash(&password).await?),
            Some(LinePassword::Hashed(hash)) => Some(hasher.stored(hash).await?),
            None => None,
        };
        Ok(ImportedUser {
            id: line.id,
            new: NewUser {
                email: line.email,
                password,
                profile: line.profile,
                status: line.status,
                external_id: line.external_id,
            },
            email_verified: line.email_verified,
            created_at: line.created_at,
            updated_at: line.updated_at,
            last_login_at: line.last_login_at,
            grant,
        })
    }
}

fn count(many: usize) -> u64 {
    u64::try_from(many).unwrap_or(u64::MAX)
}

/// Opens the file, and returns its size if it is known.
fn open(file: &Path) -> std::io::Result<(Box<dyn BufRead>, Option<u64>)> {
    if file == Path::new("-") {
        return Ok((Box::new(BufReader::new(std::io::stdin())), None));
    }
    let opened = File::open(file)?;
    let size = opened.metadata()?.len();
    Ok((Box::new(BufReader::with_capacity(1 << 20, opened)), Some(size)))
}

fn show_progress(done: &Done, size: Option<u64>) {
    let share = size.map(|size| format!(", {} of 100", done.bytes.saturating_mul(100) / size.max(1)));
    progress(&format!("{} lines{}", done.lines, share.unwrap_or_default()));
}

/// Reports the accounts that were not created because their values belong to different accounts, and counts them.
fn report_conflicts(batch: &[Arc<ImportedUser>], outcomes: &[ImportOutcome]) -> u64 {
    let conflicts: Vec<String> = batch
        .iter()
        .zip(outcomes)
        .filter(|(_, outcome)| **outcome == ImportOutcome::Conflict)
        .map(|(user, _)| {
            let id = user.new.external_id.as_ref().map(ExternalId::as_str).unwrap_or_default();
            let address = &user.new.email;
            format!("{address}: the address or the external_id {id:?} belongs to another account; nothing was changed")
        })
        .collect();
    if !conflicts.is_empty() {
        progress_ends();
        print_errors(&conflicts);
    }
    count(conflicts.len())
}

fn print_counts(done: &Done, dry: bool, as_json: bool) -> Result<(), Failure> {
    let Done { made, there, conflicts, refused, .. } = done;
    if as_json {
        return print_json(
            &json!({ "dry_run": dry, "made": made, "there_already": there, "conflicts": conflicts, "refused": refused }),
        );
    }
    match dry {
        true => print(&format!("{made} lines are valid, {refused} break a rule; nothing was imported\n")),
        false => {
            let conflicts = match conflicts {
                0 => String::new(),
                some => format!(" ({some} with another address or external_id)"),
            };
            print(&format!(
                "{made} accounts created, {there} existed already{conflicts}, {refused} lines refused\n"
            ))
        }
    }
}
