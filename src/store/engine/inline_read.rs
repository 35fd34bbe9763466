//! A read of a row of SQLite, or a few, made where it is asked for: what another thread would have to be woken
//! for costs three times as much. It is a look-up by key among pages that are in memory as a rule, readers wait
//! for no writer, and this connection waits for no lock at all: what does not go well at once goes the usual
//! way.

use std::cell::RefCell;

use super::connection::{Connection, Engine};
use super::error::StoreError;

thread_local! {
    /// The connection of this thread, and the store to which it belongs.
    static NEAR: RefCell<Option<(u64, Connection)>> = const { RefCell::new(None) };
}

/// What `work` reads, if that can be had here and now.
pub(in crate::store) fn read<T>(
    store: u64,
    engine: &Engine,
    work: impl Fn(&mut Connection) -> Result<T, StoreError>,
) -> Option<T> {
    NEAR.with(|near| {
        // Whoever is in the middle of a read here already goes the usual way.
        let mut near = near.try_borrow_mut().ok()?;
        let mut conn = match near.take() {
            Some((owner, conn)) if owner == store => conn,
            _ => engine.near()?,
        };
        let done = work(&mut conn).ok()?;
        *near = Some((store, conn));
        Some(done)
    })
}
