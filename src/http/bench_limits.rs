//! What `benches/run` measures against, and no normal build has: a constant answer, a record read
//! without any check, and one that is checked but answered without `_actions`.

use actix_web::http::Method;

use super::answer::{Document, Record};
use super::call::{Argument, Call};
use super::decide::Public;
use super::endpoint::{Endpoint, endpoint};
use super::problem::{Code, Problem};
use super::users::UserView;
use crate::authz::Allowed;
use crate::authz::action::Read;
use crate::domain::{User, UserId};
use crate::store::{Store, Stored as _};

/// About as long as an account without `_actions`.
const CONSTANT: &str = r#"{"id":"01890a5d-ac96-774b-bcce-b302099a8057","email":"ada@example.com","email_verified":false,"status":"active","roles":["user"],"created_at":"2026-01-01T00:00:00.000Z","updated_at":"2026-01-01T00:00:00.000Z","last_login_at":"2026-01-01T00:00:00.000Z","_actions":{}}"#;

/// The routes. Their paths are as long as `/users/{id}`: what the router costs depends on it.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/bench/constant", "A constant", constant),
        endpoint(Method::GET, "/bench/{id}", "An account, whoever asks", unchecked),
        endpoint(Method::GET, "/check/{id}", "An account without `_actions`", checked),
    ]
}

async fn constant(_: Public) -> Result<Document, Problem> {
    Ok(Document { media_type: "application/json", body: CONSTANT.to_owned(), cache_control: "no-store" })
}

async fn unchecked(_: Public, id: UserId, store: Store) -> Result<Record<UserView>, Problem> {
    let user = User::find(&store, id).await?.open_unchecked();
    user.map(|user| without_actions(&user)).ok_or_else(|| Problem::new(Code::NotFound))
}

async fn checked(user: Allowed<User, Read>) -> Result<Record<UserView>, Problem> {
    Ok(without_actions(&user))
}

fn without_actions(user: &User) -> Record<UserView> {
    Record { view: UserView::of(user, None), revision: user.revision }
}

impl Argument for UserId {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        call.segment("id").parse().map_err(|_| Problem::new(Code::NotFound))
    }
}
