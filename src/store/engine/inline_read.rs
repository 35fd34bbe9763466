//! Reads of a few SQLite rows by key, on the thread of the request.
//!
//! Waking a worker thread costs about three times as much as such a read. Its pages are usually in memory,
//! SQLite's readers wait for no writer, and this connection waits for no lock. A read that fails here takes
//! the usual way through the pool. So do all of them while the disk hangs, because a page that is not in memory would
//! keep the thread, and the other requests on it ([`stall`](super::stall)).

use std::cell::RefCell;

use crate::store::{Connection, Engine, StoreError};

thread_local! {
    /// This thread's connection, and the id of its store.
    static READER: RefCell<Option<(u64, Connection)>> = const { RefCell::new(None) };
}

/// Runs `work` on this thread's connection. Returns none when it fails, for any reason.
pub(in crate::store) fn read<T>(
    store_id: u64,
    engine: &Engine,
    work: impl Fn(&mut Connection) -> Result<T, StoreError>,
) -> Option<T> {
    READER.with(|reader| {
        // A nested read finds the cell borrowed and takes the usual way.
        let mut reader = reader.try_borrow_mut().ok()?;
        let mut conn = match reader.take() {
            Some((owner, conn)) if owner == store_id => conn,
            _ => engine.inline_reader()?,
        };
        let value = work(&mut conn).ok()?;
        *reader = Some((store_id, conn));
        Some(value)
    })
}
