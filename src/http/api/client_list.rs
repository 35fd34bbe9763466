//! `GET /clients`: the list of clients, in pages.

use crate::authz::Reach;
use crate::authz::action::List;
use crate::domain::Client;
use crate::http::kit::{Code, CursorKey, Listed, PageQuery, Problem, Query};
use crate::store::Store;

/// The list that a cursor belongs to.
const LIST: &str = "clients";

/// `GET /clients`
pub async fn list(
    reach: Reach<Client, List>,
    Query(query): Query<PageQuery>,
    cursors: CursorKey,
    store: Store,
) -> Result<Listed<Client>, Problem> {
    let after = match query.cursor {
        None => None,
        Some(cursor) => {
            let id = cursors.open::<String>(LIST, &cursor).and_then(|id| id.parse().ok());
            Some(id.ok_or_else(|| Problem::new(Code::InvalidCursor))?)
        }
    };
    let page = store.list_clients(&reach, after, query.limit).await?;
    let next = page.next.map(|id| cursors.seal(LIST, &id.as_str()));
    Ok(Listed::new(page.clients, reach.by().clone(), next))
}
