//! The seal of an audit entry: a keyed hash, whose key the database does not have.

use aws_lc_rs::hmac;

use crate::store::Entry;

/// Key of the seals. It has no `Debug`, so that no log shows it.
#[derive(Clone)]
pub struct ChainKey(hmac::Key);

/// An HMAC-SHA256 (RFC 2104).
pub type Seal = [u8; 32];

/// The seal before that of the first entry.
pub const BEGINNING: Seal = [0; 32];

impl ChainKey {
    /// Creates a key from 32 secret bytes.
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// Returns the seal of an entry at `position`, after the seal `before`. It covers every column with its
    /// length, so that no two entries have the same encoding.
    pub fn seal(&self, before: &[u8], position: i64, entry: &Entry) -> Seal {
        let mut written = hmac::Context::with_key(&self.0);
        let mut write = |bytes: Option<&[u8]>| {
            let Some(bytes) = bytes else { return written.update(&[0]) };
            written.update(&[1]);
            written.update(&(bytes.len() as u64).to_be_bytes());
            written.update(bytes);
        };
        write(Some(before));
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
        seal
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
            key.seal(&BEGINNING, 1, &entry)
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
        seals.push(key.seal(&BEGINNING, 2, &entry()));
        seals.push(key.seal(&[1; 32], 1, &entry()));
        seals.push(ChainKey::new(&[8; 32]).seal(&BEGINNING, 1, &entry()));
        assert!(!seals.contains(&before));
        seals.sort_unstable();
        seals.dedup();
        assert_eq!(seals.len(), 18, "two changes have one seal");
    }
}
