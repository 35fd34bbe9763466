//! Text that people give in a file or on standard input. Some editors and shells begin it with a byte order mark,
//! which is no part of the text.

use std::io::{self, Read as _};
use std::path::Path;

use zeroize::Zeroizing;

/// Byte order mark in UTF-8.
pub(crate) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Reads a text file.
///
/// # Errors
/// When the file cannot be read or is not UTF-8.
pub(crate) fn read_text(path: &Path) -> io::Result<String> {
    std::fs::read_to_string(path).map(without_mark)
}

/// Reads a text file that may be in another encoding than UTF-8, such as a PEM file with comments.
///
/// # Errors
/// When the file cannot be read.
pub(crate) fn read_bytes(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(std::fs::read(path)?);
    if bytes.starts_with(BYTE_ORDER_MARK.as_bytes()) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(bytes)
}

/// Reads standard input, at most this many bytes.
///
/// # Errors
/// When it cannot be read or is not UTF-8.
pub(crate) fn read_stdin(most: u64) -> io::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    io::stdin().lock().take(most).read_to_string(&mut text)?;
    Ok(Zeroizing::new(without_mark(std::mem::take(&mut *text))))
}

fn without_mark(mut text: String) -> String {
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_mark_at_the_beginning_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("text");
        for (written, read) in [("\u{feff}a\u{feff}", "a\u{feff}"), ("a", "a"), ("\u{feff}", ""), ("", "")] {
            std::fs::write(&path, written).unwrap();
            assert_eq!(read_text(&path).unwrap(), read);
            assert_eq!(*read_bytes(&path).unwrap(), read.as_bytes());
        }
    }
}
