//! Progress of a command, shown only on a terminal.

use std::io::{IsTerminal as _, Write as _};

/// Shows the progress in place of the previous line.
pub(super) fn progress(text: &str) {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        // A failure to write is ignored. The spaces hide the end of a longer line.
        let _ = write!(err, "\r{text}    ");
        let _ = err.flush();
    }
}

/// Ends the line, so that the following output begins on its own line.
pub(super) fn progress_ends() {
    let mut err = std::io::stderr();
    if err.is_terminal() {
        let _ = writeln!(err);
    }
}
