//! `GET /clients`: the list of clients, in pages.

use crate::authz::Reach;
use crate::authz::action::List;
use crate::domain::Client;
use crate::http::kit::{Listed, Paging, Problem};
use crate::store::Store;

/// The list that a cursor belongs to.
const LIST: &str = "clients";

/// `GET /clients`
pub async fn list(
    reach: Reach<Client, List>,
    paging: Paging,
    store: Store,
) -> Result<Listed<Client>, Problem> {
    let page = store.list_clients(&reach, paging.keyset(LIST)?).await?;
    Ok(Listed::new(page.items, reach.by().clone(), paging.cursor(LIST, page.next)))
}
