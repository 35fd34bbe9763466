//! The seal of an audit entry: a keyed hash, whose key the database does not have.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::store::Entry;

/// Key of the seals: one for each master key that was in use, with the first position that it sealed. It has no `Debug`,
/// so that no log shows it.
#[derive(Clone)]
pub struct ChainKey(Vec<(i64, Option<hmac::Key>)>);

/// An HMAC-SHA256 (RFC 2104).
pub type Seal = [u8; 32];

/// The seal before that of the first entry.
pub const BEGINNING: Seal = [0; 32];

impl ChainKey {
    /// Creates a key from 32 secret bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(vec![(1, Some(hmac::Key::new(hmac::HMAC_SHA256, key)))])
    }

    /// Creates a key from the secret bytes of each master key, in their order. Those of a lost one are missing.
    pub(super) fn of_generations(keys: impl Iterator<Item = (i64, Option<Zeroizing<[u8; 32]>>)>) -> Self {
        let key = |key: Zeroizing<[u8; 32]>| hmac::Key::new(hmac::HMAC_SHA256, key.as_slice());
        Self(keys.map(|(first, secret)| (first, secret.map(key))).collect())
    }

    fn at(&self, position: i64) -> Option<&hmac::Key> {
        let (_, key) = self.0.iter().rev().find(|(first, _)| *first <= position)?;
        key.as_ref()
    }

    /// Returns the seal of an entry at `position`, after the seal `before`. It covers every column with its
    /// length, so that no two entries have the same encoding. Returns none when the master key of the position is lost.
    pub fn seal(&self, before: &[u8], position: i64, entry: &Entry) -> Option<Seal> {
        self.over(&[before], position, entry)
    }

    /// Returns the second seal of an entry whose personal members were sealed after the entry got its seal. It covers
    /// both seals and the new form of the entry.
    pub fn reseal(&self, before: &[u8], seal: &[u8], position: i64, entry: &Entry) -> Option<Seal> {
        self.over(&[b"resealed", before, seal], position, entry)
    }

    fn over(&self, first: &[&[u8]], position: i64, entry: &Entry) -> Option<Seal> {
        let mut written = hmac::Context::with_key(self.at(position)?);
        let mut write = |bytes: Option<&[u8]>| {
            let Some(bytes) = bytes else { return written.update(&[0]) };
            written.update(&[1]);
            written.update(&(bytes.len() as u64).to_be_bytes());
            written.update(bytes);
        };
        first.iter().for_each(|bytes| write(Some(bytes)));
        write(Some(&position.to_be_bytes()));
        write(Some(entry.id.0.as_bytes()));
        write(Some(&entry.at.0.timestamp_micros().to_be_bytes()));
        write(Some(&entry.count.to_be_bytes()));
        write(entry.owner_id.as_ref().map(|id| id.0.as_bytes().as_slice()));
        for text in [Some(&entry.outcome), Some(&entry.action), Some(&entry.resource)] {
            write(text.map(|text| text.as_bytes()));
        }
        for text in [
            &entry.reason,
            &entry.record,
            &entry.actor,
            &entry.client_id,
            &entry.jti,
            &entry.address,
            &entry.request_id,
            &entry.inputs,
        ] {
            write(text.as_ref().map(|text| text.as_bytes()));
        }
        let mut seal = BEGINNING;
        seal.copy_from_slice(written.sign().as_ref());
        Some(seal)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use chrono::DateTime;

    use super::*;
    use crate::authz::{Actor, AuditEvent, Outcome};
    use crate::domain::{Time, UserId};
    use crate::store::audit::entries::EntryId;

    fn entry() -> Entry {
        let event = AuditEvent {
            by: Actor::Server,
            action: "expire",
            resource: "audit_trail",
            record: Some("1".to_owned()),
            owner: Some(UserId(Uuid::from_u128(7))),
            outcome: Outcome::Removed(2),
        };
        Entry::of(&event, Uuid::from_u128(1), DateTime::UNIX_EPOCH)
    }

    #[test]
    fn a_seal_covers_every_column_and_the_position() {
        let key = ChainKey::new(&[7; 32]);
        let seal = |change: fn(&mut Entry)| {
            let mut entry = entry();
            change(&mut entry);
            key.seal(&BEGINNING, 1, &entry).unwrap()
        };
        let before = seal(|_| {});
        let changes: [fn(&mut Entry); 15] = [
            |entry| entry.id = EntryId(Uuid::from_u128(2)),
            |entry| entry.at = Time(DateTime::UNIX_EPOCH + chrono::TimeDelta::microseconds(1)),
            |entry| entry.outcome = "refused".to_owned(),
            |entry| entry.reason = Some(String::new()),
            |entry| entry.action = "expired".to_owned(),
            |entry| entry.resource = String::new(),
            |entry| entry.record = None,
            |entry| entry.owner_id = None,
            |entry| entry.actor = Some("operator".to_owned()),
            |entry| entry.client_id = Some("a".to_owned()),
            |entry| entry.jti = Some("a".to_owned()),
            |entry| entry.address = Some("a".to_owned()),
            |entry| entry.request_id = Some("a".to_owned()),
            |entry| entry.count = 3,
            |entry| entry.inputs = Some("{}".to_owned()),
        ];
        let mut seals: Vec<Seal> = changes.into_iter().map(seal).collect();
        seals.extend([
            key.seal(&BEGINNING, 2, &entry()).unwrap(),
            key.seal(&[1; 32], 1, &entry()).unwrap(),
            ChainKey::new(&[8; 32]).seal(&BEGINNING, 1, &entry()).unwrap(),
            key.reseal(&BEGINNING, &before, 1, &entry()).unwrap(),
            key.reseal(&BEGINNING, &[1; 32], 1, &entry()).unwrap(),
            key.reseal(&[1; 32], &before, 1, &entry()).unwrap(),
        ]);
        assert!(!seals.contains(&before));
        seals.sort_unstable();
        seals.dedup();
        assert_eq!(seals.len(), 21, "two changes have one seal");
    }

    #[test]
    fn each_position_has_the_key_of_its_time() {
        let secrets = [(1, None), (5, Some([7; 32])), (9, Some([8; 32]))];
        let secrets = secrets.into_iter().map(|(first, secret)| (first, secret.map(Zeroizing::new)));
        let key = ChainKey::of_generations(secrets);
        let alone = |secret: u8, position| ChainKey::new(&[secret; 32]).seal(&BEGINNING, position, &entry());
        let sealed = |position| key.seal(&BEGINNING, position, &entry());
        assert_eq!([sealed(4), sealed(5)], [None, alone(7, 5)]);
        assert_eq!([sealed(8), sealed(9)], [alone(7, 8), alone(8, 9)]);
    }
}
