//! Cursors of keyset pages: opaque, and authenticated, so that only a position that we wrote reaches a query.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::domain::Rotating;

/// The tag's length in bytes: half of HMAC-SHA256 (RFC 2104 §5).
const TAG: usize = 16;

/// Authenticates cursors. Every replica derives the same key from the master key.
#[derive(Clone)]
pub struct CursorKey(Rotating<hmac::Key>);

impl CursorKey {
    /// Makes the key from 32 secret bytes.
    pub fn new(key: impl Into<Rotating<[u8; 32]>>) -> Self {
        Self(key.into().map(|key| hmac::Key::new(hmac::HMAC_SHA256, key)))
    }

    /// Makes a cursor that holds `position`. It is valid for `list` only: the filters and the order.
    pub fn seal(&self, list: &str, position: &impl Serialize) -> String {
        let position = serde_json::to_vec(position).unwrap_or_default();
        let mut bytes = tag(self.0.in_use(), list, &position);
        bytes.extend_from_slice(&position);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Returns the position in a cursor; `None` when it is not ours, was changed, or belongs to another list.
    pub fn open<T: DeserializeOwned>(&self, list: &str, cursor: &str) -> Option<T> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (tag, position) = bytes.split_at_checked(TAG)?;
        let is_ours =
            |key| subtle::ConstantTimeEq::ct_eq(self::tag(key, list, position).as_slice(), tag).into();
        self.0.each().any(is_ours).then(|| serde_json::from_slice(position).ok()).flatten()
    }
}

fn tag(key: &hmac::Key, list: &str, position: &[u8]) -> Vec<u8> {
    let list = if fault!(cursor_of_any_list) { "" } else { list };
    let mut context = hmac::Context::with_key(key);
    context.update(&(list.len() as u64).to_be_bytes());
    context.update(list.as_bytes());
    context.update(position);
    context.sign().as_ref().iter().copied().take(TAG).collect()
}

#[cfg(test)]
mod tests {
    use super::CursorKey;

    #[test]
    fn a_changed_or_foreign_cursor_does_not_open() {
        let key = CursorKey::new([7; 32]);
        let cursor = key.seal("users", &("a", 1));
        assert_eq!(key.open("users", &cursor), Some(("a".to_owned(), 1)));
        assert_eq!(key.open::<(String, i32)>("notes", &cursor), None);
        assert_eq!(CursorKey::new([8; 32]).open::<(String, i32)>("users", &cursor), None);
        for index in 0..cursor.len() {
            let mut forged = cursor.clone().into_bytes();
            forged[index] = if forged[index] == b'A' { b'B' } else { b'A' };
            let forged = String::from_utf8(forged).unwrap();
            assert_eq!(key.open::<(String, i32)>("users", &forged), None, "{forged}");
        }
        assert_eq!(key.open::<(String, i32)>("users", &cursor[..cursor.len() - 2]), None);
        assert_eq!(key.open::<(String, i32)>("users", ""), None);
    }
}
