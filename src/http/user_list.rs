//! `GET /users`: the list of accounts, in pages.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::answer::Page;
use super::describe::Parameter;
use super::problem::{Code, Problem};
use super::query::{Parameters, Query, QueryType};
use super::services::Services;
use super::users::UserView;
use crate::authz::Reach;
use crate::authz::action::List;
use crate::domain::{User, UserId, parse_time};
use crate::store::{SortKey, UserFilter, UserQuery, UserSort};

/// What `GET /users` takes.
pub struct UserListQuery {
    limit: u16,
    cursor: Option<String>,
    filter: UserFilter,
    sort: UserSort,
}

const SORTS: [(&str, UserSort); 4] = [
    ("created_at", UserSort::CreatedAt),
    ("-created_at", UserSort::CreatedAtDescending),
    ("email", UserSort::Email),
    ("-email", UserSort::EmailDescending),
];

impl QueryType for UserListQuery {
    fn parameters() -> Vec<Parameter> {
        let text = || json!({ "type": "string" });
        let time = || json!({ "type": "string", "format": "date-time" });
        let sorts: Vec<&str> = SORTS.iter().map(|(name, _)| *name).collect();
        [
            (
                "limit",
                "At most so many",
                json!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 }),
            ),
            ("cursor", "The `next` of the page before, with the same filters and order", text()),
            ("email", "The account with this address, ignoring case", text()),
            ("q", "Those whose address or name begins so, ignoring case", text()),
            ("status", "Those with this status", json!({ "enum": ["active", "suspended"] })),
            ("role", "Those with this role", json!({ "enum": ["admin", "support", "user"] })),
            ("created_after", "Those made after this time (RFC 3339)", time()),
            ("created_before", "Those made before this time (RFC 3339)", time()),
            ("sort", "The order", json!({ "enum": sorts, "default": "created_at" })),
        ]
        .into_iter()
        .map(|(name, meaning, schema)| Parameter { name, meaning, schema })
        .collect()
    }

    fn read(parameters: &mut Parameters) -> Result<Self, String> {
        Ok(Self {
            limit: parameters.take("limit", limit)?.unwrap_or(50),
            cursor: parameters.take("cursor", text)?,
            filter: UserFilter {
                email: parameters.take("email", text)?,
                prefix: parameters.take("q", text)?,
                status: parameters.take("status", str::parse)?,
                role: parameters.take("role", str::parse)?,
                created_after: parameters.take("created_after", time)?,
                created_before: parameters.take("created_before", time)?,
            },
            sort: parameters.take("sort", sort)?.unwrap_or(UserSort::CreatedAt),
        })
    }
}

fn limit(value: &str) -> Result<u16, &'static str> {
    value.parse().ok().filter(|limit| (1..=200).contains(limit)).ok_or("must be a number from 1 to 200")
}

fn text(value: &str) -> Result<String, &'static str> {
    match value.chars().count() {
        0 => Err("must not be empty"),
        1..=512 => Ok(value.to_owned()),
        _ => Err("is too long"),
    }
}

fn time(value: &str) -> Result<DateTime<Utc>, &'static str> {
    // A query whose `+` was not escaped has a space there.
    parse_time(&value.replace(' ', "+")).ok_or("must be an RFC 3339 time, like 2026-01-31T12:00:00Z")
}

fn sort(value: &str) -> Result<UserSort, String> {
    let known = SORTS.iter().find(|(name, _)| *name == value).map(|(_, sort)| *sort);
    known.ok_or_else(|| format!("must be one of {}", SORTS.map(|(name, _)| name).join(", ")))
}

/// Where a page ended.
#[derive(Serialize, Deserialize)]
struct Position {
    at: Option<DateTime<Utc>>,
    email: Option<String>,
    id: uuid::Uuid,
}

impl From<(SortKey, UserId)> for Position {
    fn from((key, id): (SortKey, UserId)) -> Self {
        match key {
            SortKey::CreatedAt(at) => Self { at: Some(at), email: None, id: id.0 },
            SortKey::Email(email) => Self { at: None, email: Some(email), id: id.0 },
        }
    }
}

impl Position {
    fn after(self) -> Option<(SortKey, UserId)> {
        let key = self.at.map(SortKey::CreatedAt).or(self.email.map(SortKey::Email))?;
        Some((key, UserId(self.id)))
    }
}

/// `GET /users`
pub async fn list(
    reach: Reach<User, List>,
    Query(query): Query<UserListQuery>,
    services: Arc<Services>,
) -> Result<Page<UserView>, Problem> {
    let list = format!("users {:?} {:?} {:?}", query.sort, query.filter, reach.owner());
    let after = match query.cursor {
        None => None,
        Some(cursor) => {
            let position = services.cursors.open::<Position>(&list, &cursor).and_then(Position::after);
            Some(position.ok_or_else(|| Problem::new(Code::InvalidCursor))?)
        }
    };
    let query = UserQuery { filter: query.filter, sort: query.sort, after, limit: query.limit };
    let page = services.store.list_users(&reach, query).await?;
    Ok(Page {
        items: page.users.iter().map(|user| UserView::of(user, Some(reach.by()))).collect(),
        next: page.next.map(|position| services.cursors.seal(&list, &Position::from(position))),
    })
}
