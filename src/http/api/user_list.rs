//! `GET /users`: the list of accounts, in pages.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::users::{UserView, role};
use crate::authz::action::{List, Read};
use crate::authz::{Reach, RowFilter, Rule, Vocabulary};
use crate::domain::{Email, ExternalId, InvalidId, ListedUser, Profile, Time, User, UserId};
use crate::http::kit::{
    Code, CursorKey, DEFAULT_LIMIT, Listed, Parameter, Parameters, Problem, Query, QueryType, View,
    cursor_parameter, limit, limit_parameter, text, text_schema,
};
use crate::store::{SortKey, Store, UserFilter, UserQuery, UserSort};

/// The query of `GET /users`.
pub struct UserListQuery {
    limit: u16,
    cursor: Option<String>,
    filter: UserFilter,
    /// The name of a role. The handler looks it up, because this type does not know the application's roles.
    role: Option<String>,
    sort: UserSort,
    counts: bool,
}

const SORTS: [(&str, UserSort); 8] = [
    ("created_at", UserSort::CreatedAt),
    ("-created_at", UserSort::CreatedAtDescending),
    ("email", UserSort::Email),
    ("-email", UserSort::EmailDescending),
    ("name", UserSort::Name),
    ("-name", UserSort::NameDescending),
    ("last_login_at", UserSort::LastLogin),
    ("-last_login_at", UserSort::LastLoginDescending),
];

impl QueryType for UserListQuery {
    fn parameters() -> Vec<Parameter> {
        let text = text_schema;
        let time = || json!({ "type": "string", "format": "date-time" });
        let sorts: Vec<&str> = SORTS.iter().map(|(name, _)| *name).collect();
        let others = [
            ("email", "The account with this e-mail address, ignoring case", text()),
            ("external_id", "The account with this id in another system", text()),
            (
                "q",
                "Beginning of the e-mail address, of `@` and its domain, or of a word of the name, ignoring case",
                text(),
            ),
            ("status", "Accounts with this status", json!({ "enum": ["active", "suspended"] })),
            ("role", "Accounts with this role", json!({ "$ref": "#/components/schemas/Role" })),
            ("created_after", "Accounts created after this time (RFC 3339)", time()),
            ("created_before", "Accounts created before this time (RFC 3339)", time()),
            (
                "sort",
                "The sort order. `name` requires `profiles:read:any`; users without a name or a login come first",
                json!({ "enum": sorts, "default": "created_at" }),
            ),
            (
                "count",
                "`true` adds the number of users of the list, up to 10,000",
                json!({ "type": "boolean", "default": false }),
            ),
        ];
        let others = others.map(|(name, meaning, schema)| Parameter::optional(name, meaning, schema));
        [limit_parameter(), cursor_parameter()].into_iter().chain(others).collect()
    }

    fn read(parameters: &mut Parameters) -> Result<Self, String> {
        Ok(Self {
            limit: parameters.take("limit", limit)?.unwrap_or(DEFAULT_LIMIT),
            cursor: parameters.take("cursor", text)?,
            filter: UserFilter {
                email: parameters.take("email", email)?,
                external_id: parameters.take("external_id", ExternalId::parse)?,
                prefix: parameters.take("q", text)?,
                status: parameters.take("status", str::parse)?,
                role: None,
                created_after: parameters.take("created_after", time)?,
                created_before: parameters.take("created_before", time)?,
            },
            role: parameters.take("role", text)?,
            sort: parameters.take("sort", sort)?.unwrap_or(UserSort::CreatedAt),
            counts: parameters.take("count", truth)?.unwrap_or_default(),
        })
    }
}

fn truth(value: &str) -> Result<bool, &'static str> {
    value.parse().map_err(|_| "must be true or false")
}

fn time(value: &str) -> Result<DateTime<Utc>, String> {
    value.parse().map(|Time(time)| time).map_err(|error: InvalidId| error.to_string())
}

fn email(value: &str) -> Result<String, std::convert::Infallible> {
    Ok(Email::query_key(value))
}

fn sort(value: &str) -> Result<UserSort, String> {
    let known = SORTS.iter().find(|(name, _)| *name == value).map(|(_, sort)| *sort);
    known.ok_or_else(|| format!("must be one of {}", SORTS.map(|(name, _)| name).join(", ")))
}

/// End of a page, for the cursor of the next one.
#[derive(Serialize, Deserialize)]
struct Position {
    at: Option<DateTime<Utc>>,
    text: Option<String>,
    id: uuid::Uuid,
}

impl From<(SortKey, UserId)> for Position {
    fn from((key, id): (SortKey, UserId)) -> Self {
        match key {
            SortKey::Time(at) => Self { at: Some(at), text: None, id: id.0 },
            SortKey::Text(text) => Self { at: None, text: Some(text), id: id.0 },
        }
    }
}

impl Position {
    fn after(self) -> Option<(SortKey, UserId)> {
        let key = self.at.map(SortKey::Time).or(self.text.map(SortKey::Text))?;
        Some((key, UserId(self.id)))
    }
}

impl View for ListedUser {
    type Json = UserView;
    const IS_COUNTED: bool = true;

    fn view(&self) -> impl Serialize {
        let mut view = UserView::from(&self.user);
        (view.name, view.picture) = (Some(self.name.clone()), Some(self.picture.clone()));
        view
    }

    fn revision(&self) -> i64 {
        self.user.revision
    }
}

/// `GET /users`
pub async fn list(
    reach: Reach<User, List>,
    Query(query): Query<UserListQuery>,
    vocabulary: Arc<Vocabulary>,
    cursors: CursorKey,
    store: Store,
) -> Result<Listed<ListedUser>, Problem> {
    let mut filter = query.filter;
    if let Some(name) = query.role {
        let known = role(&name, &vocabulary);
        let unknown = |why| Problem::new(Code::InvalidQuery).with_detail(format!("role {why}"));
        filter.role = Some(known.map_err(unknown)?);
    }
    let reads_profiles = reach.by().row_filter_by(Rule::of::<Profile, Read>());
    let shows_profiles = reads_profiles.as_ref().is_ok_and(RowFilter::is_unrestricted);
    let by_name = query.sort.is_by_name() && !fault!(name_order_for_all);
    if by_name && !reads_profiles?.is_unrestricted() {
        return Err(Problem::new(Code::InvalidQuery).with_detail("sort=name requires profiles:read:any"));
    }
    let list = format!("users {:?} {filter:?}", query.sort);
    let after = match query.cursor {
        None => None,
        Some(cursor) => {
            let position = cursors.open::<Position>(&list, &cursor).and_then(Position::after);
            Some(position.ok_or_else(|| Problem::new(Code::InvalidCursor))?)
        }
    };
    let (sort, limit, counts) = (query.sort, query.limit, query.counts);
    let query = UserQuery { filter, sort, after, limit, counts, shows_profiles };
    let page = store.list_users(&reach, query).await?;
    let next = page.next.map(|position| cursors.seal(&list, &Position::from(position)));
    Ok(Listed::new(page.users, reach.by().clone(), next).counted(page.count))
}
