//! Base64 of stored hashes, in the variants that password libraries write.

use base64::Engine as _;
use base64::alphabet::{self, Alphabet};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Unused bits of the last character may be set, as some implementations of bcrypt leave them.
fn engine(alphabet: &Alphabet) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, config)
}

/// Decodes standard base64, URL-safe base64, or that of passlib (`.` for `+`), padded or not.
pub(super) fn base64(text: &str) -> Option<Vec<u8>> {
    let alphabet = if text.contains(['-', '_']) { &alphabet::URL_SAFE } else { &alphabet::STANDARD };
    engine(alphabet).decode(text.replace('.', "+")).ok()
}

/// Decodes the base64 of bcrypt.
pub(super) fn bcrypt_base64(text: &str) -> Option<Vec<u8>> {
    engine(&alphabet::BCRYPT).decode(text).ok()
}
