//! Keys of the server for the audit trail, derived from its master keys.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use super::generations::Generation;
use super::personal::{Cipher, MARK};
use crate::domain::{Random, Rotating};
use crate::store::{ChainKey, StoreError};

/// Number of bytes of a key.
const KEY_BYTES: usize = 32;

/// Keys for the audit trail.
pub(crate) struct TrailKeys {
    /// Seals the personal members of new entries.
    pub(super) waiting: Rotating<Cipher>,
    /// Seals the keys of holders, and the keys of former master keys.
    pub(super) wrapping: Rotating<Cipher>,
    secrets: Rotating<Secrets>,
    pub(super) random: Random,
}

/// Keys that entries need for as long as they exist, also when their master key is not in use any more.
struct Secrets {
    fingerprint: String,
    /// Key of the seals of the chain.
    chain: Zeroizing<[u8; KEY_BYTES]>,
    /// Key of the digests of addresses.
    addresses: Zeroizing<[u8; KEY_BYTES]>,
}

impl Secrets {
    fn derived(derive: &impl Fn(&str) -> [u8; 32]) -> Self {
        let name = derive("fingerprint");
        Self {
            fingerprint: name.iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
            chain: Zeroizing::new(derive("audit")),
            addresses: Zeroizing::new(derive("audit addresses")),
        }
    }

    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new([self.chain.as_slice(), self.addresses.as_slice()].concat())
    }

    fn of_bytes(fingerprint: &str, bytes: &[u8]) -> Option<Self> {
        let (chain, rest) = bytes.split_first_chunk()?;
        let addresses = rest.first_chunk()?;
        let [chain, addresses] = [chain, addresses].map(|key| Zeroizing::new(*key));
        Some(Self { fingerprint: fingerprint.to_owned(), chain, addresses })
    }

    /// Returns the digest by which the entries of an address are found. It has 16 bits, so that it does not tell the
    /// address: of the addresses of IPv4, 65,536 have the same one.
    fn digest(&self, address: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.addresses.as_slice());
        let tag = hmac::sign(&key, address.as_bytes());
        let [high, low] = tag.as_ref().first_chunk().copied().unwrap_or_default();
        format!("{MARK}{high:02x}{low:02x}")
    }
}

impl TrailKeys {
    /// Makes the keys. For each master key there is a function that derives a key from it for a purpose.
    ///
    /// # Errors
    /// Never for keys of 32 bytes.
    pub(crate) fn new(
        derive: &Rotating<impl Fn(&str) -> [u8; 32]>,
        random: Random,
    ) -> Result<Self, StoreError> {
        let cipher = |purpose| derive.try_map(|derive| Cipher::new(&Zeroizing::new(derive(purpose))));
        let (waiting, wrapping) = (cipher("audit members")?, cipher("audit keys")?);
        Ok(Self { waiting, wrapping, secrets: derive.map(Secrets::derived), random })
    }

    /// Returns the digest of an address under the key in use.
    pub(super) fn digest(&self, address: &str) -> String {
        self.secrets.in_use().digest(address)
    }

    /// Returns the digests that an address has or had under the keys of these generations.
    pub(super) fn digests(&self, generations: &[Generation], address: &str) -> Vec<String> {
        let former = generations.iter().filter_map(|generation| self.secrets_of(generation));
        let mut digests: Vec<String> = former.map(|secrets| secrets.digest(address)).collect();
        digests.extend(self.secrets.each().map(|secrets| secrets.digest(address)));
        digests.sort_unstable();
        digests.dedup();
        digests
    }

    /// Opens what the wrapping key of either master key sealed.
    pub(super) fn unwrap(&self, sealed: &[u8], context: &str) -> Option<Zeroizing<Vec<u8>>> {
        self.wrapping.each().find_map(|key| key.open(sealed, context))
    }

    /// Seals the key of a holder again. Returns none when the key in use sealed it already.
    ///
    /// # Errors
    /// When no key opens it, or the operating system gives no randomness.
    pub(in crate::store) fn rewrap(
        &self,
        sealed: &[u8],
        context: &str,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if self.wrapping.in_use().open(sealed, context).is_some() {
            return Ok(None);
        }
        let other = || StoreError::Internal(format!("no master key of this server opens {context}"));
        let plain = self.unwrap(sealed, context).ok_or_else(other)?;
        self.wrapping.in_use().seal(&self.random, &plain, context).map(Some)
    }

    /// Returns the key of the chain: for each position, that of the master key which was in use.
    ///
    /// # Errors
    /// When another master key is in use than those of this server.
    pub(in crate::store) fn chain_key(&self, generations: &[Generation]) -> Result<ChainKey, StoreError> {
        self.check_in_use(generations)?;
        if generations.is_empty() {
            return Ok(ChainKey::new(&self.secrets.in_use().chain));
        }
        let keys = generations.iter().map(|generation| {
            let secrets = self.secrets_of(generation);
            (generation.first_position, secrets.map(|secrets| secrets.chain))
        });
        Ok(ChainKey::of_generations(keys))
    }

    /// Checks that this server has the master key in use.
    pub(in crate::store) fn check_in_use(&self, generations: &[Generation]) -> Result<(), StoreError> {
        let Some(Generation { fingerprint, .. }) = generations.last() else { return Ok(()) };
        if self.secrets.each().any(|secrets| secrets.fingerprint == *fingerprint) {
            return Ok(());
        }
        Err(StoreError::Internal(format!(
            "the master key {fingerprint} is in use, which this server does not have"
        )))
    }

    /// Returns the keys of a generation. None when its master key is lost.
    fn secrets_of(&self, generation: &Generation) -> Option<Secrets> {
        let Generation { number, fingerprint, sealed, .. } = generation;
        let known = self.secrets.each().find(|secrets| secrets.fingerprint == *fingerprint);
        if let Some(known) = known {
            return Secrets::of_bytes(fingerprint, &known.to_bytes());
        }
        Secrets::of_bytes(fingerprint, &self.unwrap(sealed.as_deref()?, &context(*number))?)
    }

    /// Seals the keys of a generation under the present master key. Returns none when its master key is lost.
    ///
    /// # Errors
    /// When the operating system gives no randomness.
    pub(in crate::store) fn seal_generation(
        &self,
        generation: &Generation,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(secrets) = self.secrets_of(generation) else { return Ok(None) };
        let present = self.wrapping.present();
        present.seal(&self.random, &secrets.to_bytes(), &context(generation.number)).map(Some)
    }

    /// Returns the fingerprint of the present master key, and that of the previous one if it is configured.
    pub(in crate::store) fn fingerprints(&self) -> (&str, Option<&str>) {
        let previous = self.secrets.previous().map(|secrets| secrets.fingerprint.as_str());
        (&self.secrets.present().fingerprint, previous)
    }

    /// Returns the fingerprint of the master key in use.
    pub(in crate::store) fn in_use(&self) -> &str {
        &self.secrets.in_use().fingerprint
    }

    /// Sets which master key is in use, for all keys of this server.
    pub(in crate::store) fn set_uses_previous(&self, uses_previous: bool) {
        self.secrets.set_uses_previous(uses_previous);
    }
}

fn context(number: i64) -> String {
    format!("keys of master key {number}")
}
