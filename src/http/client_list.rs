//! `GET /clients`: the list of clients, in pages.

use std::sync::Arc;

use super::describe::Parameter;
use super::list::{DEFAULT_LIMIT, cursor_parameter, limit, limit_parameter, text};
use super::problem::{Code, Problem};
use super::query::{Parameters, Query, QueryType};
use super::services::Services;
use super::shown::Listed;
use crate::authz::Reach;
use crate::authz::action::List;
use crate::domain::Client;

/// What a cursor goes with.
const LIST: &str = "clients";

/// What `GET /clients` takes.
pub struct ClientListQuery {
    limit: u16,
    cursor: Option<String>,
}

impl QueryType for ClientListQuery {
    fn parameters() -> Vec<Parameter> {
        vec![limit_parameter(), cursor_parameter()]
    }

    fn read(parameters: &mut Parameters) -> Result<Self, String> {
        let limit = parameters.take("limit", limit)?.unwrap_or(DEFAULT_LIMIT);
        Ok(Self { limit, cursor: parameters.take("cursor", text)? })
    }
}

/// `GET /clients`
pub async fn list(
    reach: Reach<Client, List>,
    Query(query): Query<ClientListQuery>,
    services: Arc<Services>,
) -> Result<Listed<Client>, Problem> {
    let after = match query.cursor {
        None => None,
        Some(cursor) => {
            let id = services.cursors.open::<String>(LIST, &cursor).and_then(|id| id.parse().ok());
            Some(id.ok_or_else(|| Problem::new(Code::InvalidCursor))?)
        }
    };
    let page = services.store.list_clients(&reach, after, query.limit).await?;
    let next = page.next.map(|id| services.cursors.seal(LIST, &id.as_str()));
    Ok(Listed::new(page.clients, reach.by().clone(), next))
}
