//! Streams the whole trail in one response, in bounded memory: a page is read after the previous page was
//! sent. A stream outlives the decision, so it looks at the caller again: with each page, and each second.

use std::io;
use std::time::{Duration, Instant};

use actix_web::web::Bytes;
use futures_util::Stream;
use futures_util::stream::try_unfold;

use super::audit_representation::AuditView;
use crate::authz::action::List;
use crate::authz::{AuditTrail, Reach};
use crate::store::{AuditFilter, EntryId, Store, StoreError};

/// Number of entries that are read at once.
const LINES: u16 = 500;

/// Number of bytes that are sent at once, at most one line more.
const CHUNK: usize = 16 * 1024;

/// Age of a look at which the stream looks again. It ends within a second of a revocation.
const LOOK_LIFETIME: Duration = Duration::from_millis(500);

/// The part of the trail that is streamed.
pub struct Trail {
    pub(crate) reach: Reach<AuditTrail, List>,
    pub(crate) filter: AuditFilter,
    pub(crate) before: Option<EntryId>,
    pub(crate) store: Store,
}

/// State of a stream.
struct Sending {
    trail: Trail,
    /// Lines that were read and not sent.
    unsent: Bytes,
    /// Set when the last page was read.
    is_last: bool,
    looked_at: Instant,
}

impl Trail {
    /// Returns its lines, newest first. If the database fails or the token is revoked, the response is aborted,
    /// so that no client takes a part for the whole.
    pub(crate) fn lines(self) -> impl Stream<Item = Result<Bytes, io::Error>> {
        let start = Sending { trail: self, unsent: Bytes::new(), is_last: false, looked_at: Instant::now() };
        try_unfold(start, |mut sending| async {
            let chunk = sending.next_chunk().await.map_err(io::Error::other)?;
            Ok(chunk.map(|chunk| (chunk, sending)))
        })
    }
}

impl Sending {
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, StoreError> {
        if self.unsent.is_empty() {
            if self.is_last {
                return Ok(None);
            }
            self.read_page().await?;
        } else if self.looked_at.elapsed() > LOOK_LIFETIME {
            self.trail.store.renew(self.trail.reach.by()).await?;
            self.looked_at = Instant::now();
        }
        let end = self.unsent.iter().skip(CHUNK).position(|byte| *byte == b'\n');
        let end = end.map_or(self.unsent.len(), |place| CHUNK + place + 1);
        Ok(Some(self.unsent.split_to(end)))
    }

    async fn read_page(&mut self) -> Result<(), StoreError> {
        let Trail { reach, filter, before, store } = &mut self.trail;
        store.renew(reach.by()).await?;
        self.looked_at = Instant::now();
        let page = store.audit(reach, filter.clone(), *before, LINES).await?;
        self.is_last = page.next.is_none();
        *before = page.next.or(*before);
        let mut lines = Vec::new();
        for entry in page.entries {
            let written = serde_json::to_writer(&mut lines, &AuditView::of(entry, true));
            written.map_err(|error| StoreError::Internal(error.to_string()))?;
            lines.push(b'\n');
        }
        self.unsent = lines.into();
        Ok(())
    }
}
