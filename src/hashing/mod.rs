//! Password hashing (argon2id, RFC 9106) on a thread pool of its own with a bounded queue. Work that
//! does not fit is rejected, so that a login storm does not slow other requests down.

mod argon2id;
mod cost;
mod encoding;
mod error;
mod fair_queue;
mod foreign;
mod hasher;
mod open_sealed;
mod pace;
mod phc_string;
mod pool;
mod stored_hash;
#[cfg(test)]
mod tests;
mod unsalted;
mod unusable;

pub use argon2id::Verdict;
pub(crate) use cost::MEMORY_MULTIPLE;
pub use cost::{Argon2Cost, InvalidCost};
pub use error::HashError;
pub(crate) use foreign::{FirebaseProject, reseal_signer_key};
pub use hasher::Hasher;
pub(crate) use hasher::ImportedHash;
pub(crate) use open_sealed::OpenSealed;
pub use pool::HashLoad;
pub use unusable::UnusableHash;
