//! Reference routes for `benches/run`, which no normal build has: a constant response, a record read without
//! a check, and a checked record without `_actions`.

use actix_web::http::Method;

use crate::authz::action::Read;
use crate::authz::{Allowed, RowFilter};
use crate::domain::User;
use crate::http::api::users::UserView;
use crate::http::kit::{Code, Document, Endpoint, Problem, Public, Record, Segments, endpoint};
use crate::store::Store;

/// About as long as an account without `_actions`.
const CONSTANT: &str = r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057","email":"ada@example.com","email_verified":false,"external_id":null,"status":"active","roles":["user"],"created_at":"2026-01-01T00:00:00.000Z","updated_at":"2026-01-01T00:00:00.000Z","last_login_at":"2026-01-01T00:00:00.000Z","_actions":{}}"#;

/// The routes. Their paths are as long as `/users/{id}`: what the router costs depends on it.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/bench/constant", "A constant", constant),
        endpoint(Method::GET, "/bench/{id}", "An account, for every caller", unchecked)
            .segment("id", "A user's id"),
        endpoint(Method::GET, "/check/{id}", "An account without `_actions`", checked),
    ]
}

async fn constant(_: Public) -> Result<Document, Problem> {
    Ok(Document { media_type: "application/json", body: CONSTANT.to_owned(), cache_control: "no-store" })
}

async fn unchecked(_: Public, segments: Segments, store: Store) -> Result<Record<UserView>, Problem> {
    let id = segments.get("id")?;
    let user = store.find::<User>(id, RowFilter::empty()).await?.open_unchecked();
    user.map(|user| without_actions(&user)).ok_or_else(|| Problem::new(Code::NotFound))
}

async fn checked(user: Allowed<User, Read>) -> Result<Record<UserView>, Problem> {
    Ok(without_actions(&user))
}

fn without_actions(user: &User) -> Record<UserView> {
    Record { view: UserView::from(user), revision: user.revision }
}
