//! Hash of a body of another type than JSON.

use aws_lc_rs::digest::{Context, SHA256};

/// SHA-256 of a body while it arrives, for a request with an `Idempotency-Key`.
pub(super) struct BodyHash(Context);

impl BodyHash {
    pub(super) fn new() -> Self {
        Self(Context::new(&SHA256))
    }

    /// Adds a part with its length, so that no other parts have the same hash.
    pub(super) fn add_part(&mut self, part: &[u8]) {
        self.0.update(&(part.len() as u64).to_be_bytes());
        self.0.update(part);
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn finish(self) -> [u8; 32] {
        let mut hash = [0; 32];
        hash.copy_from_slice(self.0.finish().as_ref());
        hash
    }
}
