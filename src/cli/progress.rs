//! How far a command is, on a terminal and nowhere else.

use std::io::{IsTerminal as _, Write as _};

/// Replaces the line that was there before.
pub(super) fn progress(text: &str) {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        // Nobody is told where it cannot be written. The spaces hide the end of a longer line.
        let _ = write!(err, "\r{text}    ");
        let _ = err.flush();
    }
}

/// What follows stands on a line of its own.
pub(super) fn progress_ends() {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        let _ = writeln!(err);
    }
}
