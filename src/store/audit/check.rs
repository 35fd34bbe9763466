//! Verification of the audit trail: a walk along its hash chain.

use std::fmt;

use chrono::{DateTime, Utc};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::domain::parse_number;
use crate::store::{BEGINNING, ChainKey, EXPIRE, Entry, Place, StoreError, TrustedStore};

/// Number of positions read at once.
const PAGE: u16 = 1_000;

/// A known head of the chain, from an earlier check. It proves every entry before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Anchor {
    position: i64,
    seal: Vec<u8>,
}

impl Anchor {
    /// Parses `POSITION:SEAL`, the seal in hexadecimal.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "must be POSITION:SEAL, the head that an earlier run printed".to_owned();
        let (position, seal) = text.split_once(':').ok_or_else(wrong)?;
        let digits = seal.as_bytes().chunks(2).map(|pair| {
            let pair = std::str::from_utf8(pair).ok().filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        });
        let seal: Option<Vec<u8>> = digits.collect();
        let seal = seal.filter(|seal| seal.len() == BEGINNING.len()).ok_or_else(wrong)?;
        let position = parse_number(position).filter(|position| *position > 0).ok_or_else(wrong)?;
        Ok(Self { position, seal })
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.position)?;
        self.seal.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A fault in the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wrong {
    /// Position in the chain.
    pub(crate) position: i64,
    /// Id of the entry at this position, if any.
    pub(crate) id: Option<Uuid>,
    /// Description of the fault.
    pub(crate) what: &'static str,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, id, what } = self;
        match id {
            Some(id) => write!(f, "position {position}, entry {id}: {what}"),
            None => write!(f, "position {position}: {what}"),
        }
    }
}

pub(super) const CHANGED: &str = "the entry was changed or replaced";
const REMOVED: &str = "the entry was removed";
const PLACE_REMOVED: &str = "the entry and its seal were removed, and perhaps more up to the next entry";
const BEGINNING_REMOVED: &str = "earlier entries were removed, and no entry records that they expired";
const NO_SEAL: &str = "the entry has a position without a seal";
const ANCHOR_GONE: &str = "the chain ends before the anchor: its last entries were removed";
const ANCHOR_CHANGED: &str = "the seal differs from the anchor: the chain was rebuilt";

/// Result of a check.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    /// Number of positions checked.
    pub(crate) lines: u64,
    /// First position of the chain.
    pub(crate) first: i64,
    /// Last position of the chain, for a later check.
    pub(crate) head: Option<Anchor>,
    /// Number of unsealed entries.
    pub(crate) unsealed: i64,
    /// Time of the oldest unsealed entry.
    pub(crate) oldest_unsealed: Option<DateTime<Utc>>,
    /// Number of positions whose seal cannot be checked, because their master key was lost.
    pub(crate) unverifiable: u64,
    /// The faults.
    pub(crate) wrong: Vec<Wrong>,
}

/// A check of the chain, in bounded memory.
pub(crate) struct Check<'a> {
    pub(crate) store: &'a TrustedStore,
    /// A head that the chain must still contain.
    pub(crate) anchor: Option<Anchor>,
}

/// State of the walk.
struct Walk<'a> {
    key: ChainKey,
    anchor: Option<&'a Anchor>,
    /// Seal before the next position; none before the first.
    before: Option<Vec<u8>>,
    position: i64,
    /// Last position whose expiry an entry records.
    removed: i64,
    findings: Findings,
}

impl Check<'_> {
    /// Walks along the chain, and reports the number of checked positions after each page.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn run(&self, progress: impl Fn(u64)) -> Result<Findings, StoreError> {
        let mut walk = Walk {
            key: self.store.chain_key().await?,
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
        let Place { position, seal, resealed, entry } = place;
        let (position, id) = (*position, entry.as_ref().map(|entry| entry.id.0));
        if self.anchor.is_some_and(|anchor| anchor.position == position && anchor.seal != *seal) {
            self.wrong(position, id, ANCHOR_CHANGED);
        }
        let before = match self.before.take() {
            // The seal of the last expired entry stays without its entry.
            None if entry.is_none() => {
                self.findings.first = position + 1;
                return self.pass(position, seal);
            }
            None if position > 1 => {
                self.findings.first = position;
                self.wrong(position, id, BEGINNING_REMOVED);
                None
            }
            None => {
                self.findings.first = 1;
                Some(BEGINNING.to_vec())
            }
            Some(before) => Some(before),
        };
        if self.position > 0 && position != self.position + 1 {
            self.wrong(self.position + 1, None, PLACE_REMOVED);
            // Its previous seal is missing, so its own seal cannot be checked.
            return self.pass_line(position, seal, entry.as_ref());
        }
        match (entry, before) {
            (None, _) => self.wrong(position, None, REMOVED),
            (Some(entry), Some(before)) => {
                // The entry of an earlier version has a second seal, over its new form.
                let (made, stored) = match resealed {
                    Some(second) => (self.key.reseal(&before, seal, position, entry), second),
                    None => (self.key.seal(&before, position, entry), seal),
                };
                match made {
                    None => self.findings.unverifiable += 1,
                    Some(made) if made.as_slice().ct_eq(stored).into() => {}
                    Some(_) => self.wrong(position, id, CHANGED),
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
            self.wrong(boundary, None, BEGINNING_REMOVED);
        }
        if let Some(anchor) = self.anchor.filter(|anchor| anchor.position > self.position) {
            self.wrong(anchor.position, None, ANCHOR_GONE);
        }
        self.findings
    }
}
