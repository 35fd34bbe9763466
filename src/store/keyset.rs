//! Keyset pages: a page begins after a position, not after a number of rows.

/// The requested page of a list.
#[derive(Clone, Debug)]
pub struct Keyset<P> {
    /// Position of the last record of the page before.
    pub after: Option<P>,
    /// Largest number of records.
    pub limit: u16,
}

/// A page of a list.
pub struct KeysetPage<T, P> {
    /// The records.
    pub items: Vec<T>,
    /// [`Keyset::after`] of the next page. `None` on the last page.
    pub next: Option<P>,
}

impl<P> Keyset<P> {
    /// Returns the page, from its rows and at least one more if there is one.
    pub(in crate::store) fn page<T>(
        &self,
        mut items: Vec<T>,
        position: impl Fn(&T) -> P,
    ) -> KeysetPage<T, P> {
        let limit = usize::from(self.limit);
        let more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| more).map(position);
        KeysetPage { items, next }
    }
}
