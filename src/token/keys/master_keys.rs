//! The master keys of a server: the present one and, while it replaces another, the previous one.

use zeroize::Zeroizing;

use crate::domain::{Random, Rotating};
use crate::token::{MasterKey, SealError};

impl Rotating<MasterKey> {
    /// Seals with the key in use, as [`MasterKey::seal`] does.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub fn seal(&self, random: &Random, plaintext: &[u8], context: &str) -> Result<Vec<u8>, SealError> {
        self.in_use().seal(random, plaintext, context)
    }

    /// Opens what either key sealed, as [`MasterKey::open`] does.
    ///
    /// # Errors
    /// When another key sealed it, the context is not the same, or the data was changed.
    pub fn open(&self, sealed: &[u8], context: &str) -> Result<Zeroizing<Vec<u8>>, SealError> {
        self.each().find_map(|key| key.open(sealed, context).ok()).ok_or(SealError)
    }

    /// Seals data again that the key out of use sealed. Returns none when the key in use sealed it already.
    ///
    /// # Errors
    /// When no key opens it, or the operating system gives no randomness.
    pub(crate) fn reseal(
        &self,
        random: &Random,
        sealed: &[u8],
        context: &str,
    ) -> Result<Option<Vec<u8>>, SealError> {
        if self.in_use().open(sealed, context).is_ok() {
            return Ok(None);
        }
        self.seal(random, &self.open(sealed, context)?, context).map(Some)
    }

    /// Derives the keys for one `purpose`, as [`MasterKey::derive`] does.
    pub(crate) fn derive(&self, purpose: &str) -> Rotating<[u8; 32]> {
        self.map(|key| key.derive(purpose))
    }

    /// Derives sealing keys for one `purpose`.
    pub(crate) fn nested(&self, purpose: &str) -> Self {
        self.map(|key| MasterKey::new(key.derive(purpose)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seals_again_what_the_key_out_of_use_sealed() {
        let random = Random::system();
        let keys = Rotating::new(MasterKey::new([2; 32]), Some(MasterKey::new([1; 32])));
        let old = keys.seal(&random, b"coat", "here").unwrap();
        assert_eq!(keys.reseal(&random, &old, "here"), Ok(None));
        keys.set_uses_previous(false);
        let new = keys.reseal(&random, &old, "here").unwrap().expect("it is sealed again");
        assert_eq!(keys.open(&old, "here").unwrap().as_slice(), b"coat");
        assert_eq!(keys.present().open(&new, "here").unwrap().as_slice(), b"coat");
        assert!(MasterKey::new([1; 32]).open(&new, "here").is_err());
        assert_eq!(keys.reseal(&random, &new, "here"), Ok(None));
        assert_eq!(keys.reseal(&random, b"else", "here"), Err(SealError));
    }
}
