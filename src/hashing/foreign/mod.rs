//! Hashes that other systems wrote, by other functions than argon2. Each file has the texts of one function, and
//! computes it. No cost takes more than about a second of a core.

mod bcrypt;
mod firebase;
mod parsed;
mod pbkdf2;
mod scrypt;
mod sha_crypt;
#[cfg(test)]
mod tests;

use zeroize::Zeroizing;

use self::bcrypt::Bcrypt;
use self::firebase::Firebase;
pub(crate) use self::firebase::{FirebaseProject, reseal_signer_key};
use self::parsed::Recognized;
use self::pbkdf2::Pbkdf2;
use self::scrypt::Scrypt;
use self::sha_crypt::ShaCrypt;
use super::{Argon2Cost, OpenSealed, UnusableHash};

/// Longest password that is compared, in bytes: 256 code points. The work of some functions grows with it, and
/// the caller of a login chooses it.
const LONGEST_PASSWORD: usize = 1024;

/// Function with its cost.
pub(super) enum Foreign {
    Bcrypt(Bcrypt),
    Firebase(Firebase),
    Pbkdf2(Pbkdf2),
    Scrypt(Scrypt),
    ShaCrypt(ShaCrypt),
}

/// Parses a hash of one of these functions. `None` is a hash by another one.
pub(super) fn parse(text: &str, configured: Argon2Cost) -> Recognized<Foreign> {
    let bcrypt = bcrypt::parse(text).map(|hash| hash.map(|hash| hash.map(Foreign::Bcrypt)));
    bcrypt
        .or_else(|| Some(firebase::parse(text, configured)?.map(|hash| hash.map(Foreign::Firebase))))
        .or_else(|| Some(scrypt::parse(text, configured)?.map(|hash| hash.map(Foreign::Scrypt))))
        .or_else(|| Some(pbkdf2::parse(text)?.map(|hash| hash.map(Foreign::Pbkdf2))))
        .or_else(|| Some(sha_crypt::parse(text)?.map(|hash| hash.map(Foreign::ShaCrypt))))
}

impl Foreign {
    /// Opens what the master key has sealed in the hash.
    pub(super) fn open(self, open: Option<&OpenSealed>) -> Result<Self, UnusableHash> {
        match self {
            Self::Firebase(firebase) => Ok(Self::Firebase(firebase.open(open)?)),
            function => Ok(function),
        }
    }

    /// Computes the digest of a password. `None` is a password that the function does not take.
    pub(super) fn digest(&self, password: &[u8], salt: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
        if password.len() > LONGEST_PASSWORD {
            return None;
        }
        match self {
            Self::Bcrypt(bcrypt) => bcrypt.digest(password, salt),
            Self::Firebase(firebase) => firebase.digest(password, salt),
            Self::Pbkdf2(pbkdf2) => Some(pbkdf2.digest(password, salt, length)),
            Self::Scrypt(scrypt) => scrypt.digest(password, salt, length),
            Self::ShaCrypt(sha_crypt) => sha_crypt.digest(password, salt),
        }
    }

    /// True when a hash of this password by argon2id has the same meaning. A long password does not: bcrypt
    /// ignores what follows its 72nd byte, and every text with the same beginning logs in.
    pub(super) fn is_replaceable(&self, password: &[u8]) -> bool {
        !matches!(self, Self::Bcrypt(bcrypt) if bcrypt.truncates(password))
    }
}
