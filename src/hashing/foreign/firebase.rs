//! Firebase's variant of scrypt. The digest is the signer key of the project, encrypted by AES-256-CTR with scrypt of
//! the password as the key. A stored hash has the sealed signer key in it:
//! `$firebase-scrypt$ln=14,r=8,sep=…,key=…$salt$digest`.

use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use scrypt::Params;
use zeroize::Zeroizing;

use super::super::phc_string::PhcString;
use super::super::{Argon2Cost, OpenSealed, UnusableHash};
use super::parsed::{Parsed, Recognized};
use super::scrypt::within_ceilings;

const SCHEME: &str = "Firebase's scrypt";
const PREFIX: &str = "$firebase-scrypt$";

/// Length of a signer key and of a digest, in bytes.
const SIGNER_KEY_BYTES: usize = 64;

/// Length of the key of AES-256, in bytes.
const KEY_BYTES: usize = 32;

/// Parameters of a Firebase project. An exported account has only its salt and its digest.
pub(crate) struct FirebaseProject {
    /// Parameters in the form of a stored hash.
    parameters: String,
}

impl FirebaseProject {
    /// Returns the parameters of a project. The master key of this server has sealed the signer key.
    pub(crate) fn new(sealed_signer_key: &[u8], salt_separator: &[u8], rounds: u8, memory_cost: u8) -> Self {
        let (separator, key) =
            (STANDARD_NO_PAD.encode(salt_separator), STANDARD_NO_PAD.encode(sealed_signer_key));
        Self { parameters: format!("ln={memory_cost},r={rounds},sep={separator},key={key}") }
    }

    /// Adds the parameters to a hash of this project, `$firebase-scrypt$salt$digest`. Each other text stays as it is.
    pub(crate) fn complete(&self, text: &str) -> String {
        match text.strip_prefix(PREFIX) {
            Some(rest) if is_incomplete(rest) => format!("{PREFIX}{}${rest}", self.parameters),
            _ => text.to_owned(),
        }
    }
}

/// Replaces the sealed signer key in a hash by what `reseal` makes of it. Returns none when it makes nothing, or the text
/// has no sealed key.
pub(crate) fn reseal_signer_key(text: &str, reseal: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> Option<String> {
    let (before, rest) = text.strip_prefix(PREFIX)?.split_once("key=")?;
    let (key, after) = rest.split_once('$')?;
    let sealed = reseal(&STANDARD_NO_PAD.decode(key).ok()?)?;
    Some(format!("{PREFIX}{before}key={}${after}", STANDARD_NO_PAD.encode(sealed)))
}

fn is_incomplete(rest: &str) -> bool {
    rest.matches('$').count() == 1
}

/// Function with its cost.
pub(in crate::hashing) struct Firebase {
    params: Params,
    separator: Vec<u8>,
    signer_key: SignerKey,
}

enum SignerKey {
    Sealed(Vec<u8>),
    Open(Zeroizing<Vec<u8>>),
}

/// Parses a hash. Its memory and its work have the ceilings of argon2.
pub(super) fn parse(text: &str, configured: Argon2Cost) -> Recognized<Firebase> {
    text.strip_prefix(PREFIX).map(|rest| read(rest, configured))
}

fn read(rest: &str, configured: Argon2Cost) -> Result<Parsed<Firebase>, UnusableHash> {
    let malformed = |fault| UnusableHash::Malformed { scheme: SCHEME, fault };
    if is_incomplete(rest) {
        return Err(malformed("the key of the project is missing; see --firebase-key-file of users import"));
    }
    let phc = PhcString::read(SCHEME, rest, &["ln", "r", "sep", "key"], "")?;
    let params = within_ceilings((phc.number("ln")?, phc.number("r")?, 1), configured)?;
    let (separator, sealed) = (phc.bytes("sep")?, phc.bytes("key")?);
    if phc.digest.len() != SIGNER_KEY_BYTES {
        return Err(malformed("the digest must have 64 bytes"));
    }
    let function = Firebase { params, separator, signer_key: SignerKey::Sealed(sealed) };
    Ok(Parsed { function, salt: phc.salt, digest: phc.digest })
}

impl Firebase {
    /// Opens the signer key, which [`Firebase::digest`] needs.
    pub(in crate::hashing) fn open(self, open: Option<&OpenSealed>) -> Result<Self, UnusableHash> {
        let fault = "another master key sealed the key of the project";
        let signer_key = match self.signer_key {
            SignerKey::Sealed(sealed) => open.and_then(|open| open(&sealed)),
            SignerKey::Open(key) => Some(key),
        };
        let signer_key = signer_key.ok_or(UnusableHash::Malformed { scheme: SCHEME, fault })?;
        Ok(Self { signer_key: SignerKey::Open(signer_key), ..self })
    }

    /// Returns nothing while the signer key is sealed.
    pub(super) fn digest(&self, password: &[u8], salt: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let SignerKey::Open(signer_key) = &self.signer_key else { return None };
        let salt = [salt, &self.separator].concat();
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        scrypt::scrypt(password, &salt, &self.params, key.as_mut_slice()).ok()?;
        let cipher = EncryptingKey::ctr(UnboundCipherKey::new(&AES_256, key.as_slice()).ok()?).ok()?;
        let mut digest = signer_key.clone();
        // The key is new for each salt, so the initial counter of zero is used once with it.
        cipher.less_safe_encrypt(&mut digest, EncryptionContext::Iv128(FixedLength::from([0; 16]))).ok()?;
        Some(digest)
    }
}
