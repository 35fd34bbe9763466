//! Whether the audit trail is as it was written: a walk of its chain.

use std::fmt;

use chrono::{DateTime, Utc};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::store::engine::error::StoreError;
use crate::store::{BEGINNING, ChainKey, EXPIRE, Entry, Place, TrustedStore};

/// How many places are read at once.
const PAGE: u16 = 1_000;

/// A head of the chain: it proves all that was before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    position: i64,
    seal: Vec<u8>,
}

impl Anchor {
    /// Reads `POSITION:SEAL`, the seal in hexadecimal.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "write POSITION:SEAL, as a run before printed the head".to_owned();
        let (position, seal) = text.split_once(':').ok_or_else(wrong)?;
        let digits = seal.as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        });
        let seal: Option<Vec<u8>> = digits.collect();
        let seal = seal.filter(|seal| seal.len() == BEGINNING.len()).ok_or_else(wrong)?;
        let position = position.parse().ok().filter(|position| *position > 0).ok_or_else(wrong)?;
        Ok(Self { position, seal })
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.position)?;
        self.seal.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Something that is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Where in the chain.
    pub(crate) position: i64,
    /// The line that is there, if one is.
    pub(crate) id: Option<Uuid>,
    /// What is wrong.
    pub(crate) what: &'static str,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, id, what } = self;
        match id {
            Some(id) => write!(f, "position {position}, line {id}: {what}"),
            None => write!(f, "position {position}: {what}"),
        }
    }
}

const CHANGED: &str = "the line was changed, or is not the one that was there";
const TAKEN_OUT: &str = "the line was taken out";
const PLACE_TAKEN_OUT: &str =
    "the line and its seal were taken out, or all from here up to the next that is there";
const BEGINNING_TAKEN_OUT: &str =
    "what was before was taken out, and no line says that it was too old to be kept";
const NO_SEAL: &str = "the line claims a place that was never sealed";
const ANCHOR_GONE: &str = "the chain ends before the anchor: its end was cut off";
const ANCHOR_CHANGED: &str = "the seal is not that of the anchor: the chain was made anew";

/// What a walk found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// How many places it walked.
    pub(crate) lines: u64,
    /// The first position that is there.
    pub(crate) first: i64,
    /// The last place, which proves all before it.
    pub(crate) head: Option<Anchor>,
    /// How many lines are not sealed yet.
    pub(crate) unsealed: i64,
    /// Since when.
    pub(crate) oldest_unsealed: Option<DateTime<Utc>>,
    /// What is wrong.
    pub(crate) wrong: Vec<Wrong>,
}

/// A walk of the chain, in bounded memory.
pub(crate) struct Check<'a> {
    /// Where the trail is.
    pub(crate) store: &'a TrustedStore,
    /// What it was sealed with.
    pub(crate) key: ChainKey,
    /// What must still be there.
    pub(crate) anchor: Option<Anchor>,
}

/// Where the walk is.
struct Walk<'a> {
    key: &'a ChainKey,
    anchor: Option<&'a Anchor>,
    /// The seal before the next place; none before the first.
    before: Option<Vec<u8>>,
    position: i64,
    /// The last position of which a line says that it was removed with all before it.
    removed: i64,
    findings: Findings,
}

impl Check<'_> {
    /// Walks, and tells from time to time how many lines it has seen.
    ///
    /// # Errors
    /// When the database is away.
    pub(crate) async fn run(&self, progress: impl Fn(u64)) -> Result<Findings, StoreError> {
        let mut walk = Walk {
            key: &self.key,
            anchor: self.anchor.as_ref(),
            before: None,
            position: 0,
            removed: 0,
            findings: Findings::default(),
        };
        loop {
            let places = self.store.chain(walk.position, PAGE).await?;
            let is_last = places.len() < usize::from(PAGE);
            places.iter().for_each(|place| walk.step(place));
            progress(walk.findings.lines);
            if is_last {
                break;
            }
        }
        let mut findings = walk.end();
        let unsealed = self.store.entries_without_a_seal(PAGE).await?;
        findings.wrong.extend(unsealed.iter().map(|entry| Wrong {
            position: entry.position.unwrap_or_default(),
            id: Some(entry.id.0),
            what: NO_SEAL,
        }));
        (findings.unsealed, findings.oldest_unsealed) = self.store.unsealed().await?;
        Ok(findings)
    }
}

impl Walk<'_> {
    fn wrong(&mut self, position: i64, id: Option<Uuid>, what: &'static str) {
        self.findings.wrong.push(Wrong { position, id, what });
    }

    fn step(&mut self, place: &Place) {
        let Place { position, seal, entry } = place;
        let (position, id) = (*position, entry.as_ref().map(|entry| entry.id.0));
        if self.anchor.is_some_and(|anchor| anchor.position == position && anchor.seal != *seal) {
            self.wrong(position, id, ANCHOR_CHANGED);
        }
        let before = match self.before.take() {
            // The seal at the boundary of what was removed has no line any more.
            None if entry.is_none() => {
                self.findings.first = position + 1;
                return self.pass(position, seal);
            }
            None if position > 1 => {
                self.findings.first = position;
                self.wrong(position, id, BEGINNING_TAKEN_OUT);
                None
            }
            None => {
                self.findings.first = 1;
                Some(BEGINNING.to_vec())
            }
            Some(before) => Some(before),
        };
        if self.position > 0 && position != self.position + 1 {
            self.wrong(self.position + 1, None, PLACE_TAKEN_OUT);
            // What it follows upon is gone with them, so it cannot be proved itself.
            return self.pass_line(position, seal, entry.as_ref());
        }
        match (entry, before) {
            (None, _) => self.wrong(position, None, TAKEN_OUT),
            (Some(entry), Some(before)) => {
                let made = self.key.seal(&before, position, entry);
                if !bool::from(made.as_slice().ct_eq(seal)) {
                    self.wrong(position, id, CHANGED);
                }
            }
            (Some(_), None) => {}
        }
        self.pass_line(position, seal, entry.as_ref());
    }

    fn pass_line(&mut self, position: i64, seal: &[u8], entry: Option<&Entry>) {
        self.findings.lines += 1;
        if let Some(entry) = entry.filter(|entry| entry.action == EXPIRE && entry.actor.is_none()) {
            let last = entry.record.as_deref().and_then(|last| last.parse().ok());
            self.removed = self.removed.max(last.unwrap_or_default());
        }
        self.pass(position, seal);
    }

    fn pass(&mut self, position: i64, seal: &[u8]) {
        self.position = position;
        self.before = Some(seal.to_vec());
        self.findings.head = Some(Anchor { position, seal: seal.to_vec() });
    }

    fn end(mut self) -> Findings {
        let boundary = self.findings.first - 1;
        if boundary > 0 && self.removed < boundary && self.findings.lines > 0 {
            self.wrong(boundary, None, BEGINNING_TAKEN_OUT);
        }
        if let Some(anchor) = self.anchor.filter(|anchor| anchor.position > self.position) {
            self.wrong(anchor.position, None, ANCHOR_GONE);
        }
        self.findings
    }
}
