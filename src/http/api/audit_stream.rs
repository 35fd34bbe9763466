//! Streams the whole trail in one response, in bounded memory: a page is read after the previous page was
//! sent.

use std::io;

use actix_web::web::Bytes;
use futures_util::Stream;
use futures_util::stream::try_unfold;

use super::audit_representation::AuditView;
use crate::authz::action::List;
use crate::authz::{AuditTrail, Reach};
use crate::store::{AuditFilter, EntryId, Store};

/// Number of entries that are read at once.
const LINES: u16 = 500;

/// The part of the trail that is streamed.
pub struct Trail {
    pub(crate) reach: Reach<AuditTrail, List>,
    pub(crate) filter: AuditFilter,
    pub(crate) before: Option<EntryId>,
    pub(crate) store: Store,
}

impl Trail {
    /// Returns its lines, newest first. If the database fails, the response is aborted, so that no client
    /// takes a part for the whole.
    pub(crate) fn lines(self) -> impl Stream<Item = Result<Bytes, io::Error>> {
        try_unfold(Some(self), |rest| async {
            let Some(trail) = rest else { return Ok(None) };
            let Self { reach, filter, before, store } = &trail;
            let entries =
                store.audit(reach, filter.clone(), *before, LINES).await.map_err(io::Error::other)?;
            let (last, is_last) = (entries.last().map(|entry| entry.id), entries.len() < usize::from(LINES));
            let mut lines = Vec::new();
            for entry in entries {
                serde_json::to_writer(&mut lines, &AuditView::of(entry, true)).map_err(io::Error::other)?;
                lines.push(b'\n');
            }
            let rest = (!is_last).then(|| Self { before: last, ..trail });
            Ok(Some((Bytes::from(lines), rest)))
        })
    }
}
