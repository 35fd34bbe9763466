//! `/users`: accounts.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::profiles::{ProfileView, example_profile, read_profile};
use crate::authz::action::{Delete, Read, Update};
use crate::authz::{Allowed, Registration, Vocabulary};
use crate::domain::{Email, Invalid, NewPassword, Role, Status, User, format_time};
use crate::hashing::Hasher;
use crate::http::kit::allowance::RegistrationLimit;
use crate::http::kit::answer::NoContent;
use crate::http::kit::body::Body;
use crate::http::kit::description::BodyType;
use crate::http::kit::if_match::IfMatch;
use crate::http::kit::problem::{Code, Problem};
use crate::http::kit::representation::{Created, Shown, View};
use crate::store::{NewUser, Store, UserChange};

/// An account.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    /// Made by the server, never reused.
    id: Uuid,
    /// Where the user can be reached; unique ignoring case.
    #[schema(format = "email", examples("ada@example.com"))]
    email: String,
    /// Whether the address is known to be the user's.
    email_verified: bool,
    /// Whether the account may be used.
    status: Status,
    /// What the user's tokens may be granted.
    roles: Vec<Role>,
    /// When it was made.
    #[schema(format = "date-time")]
    created_at: String,
    /// When it was last changed.
    #[schema(format = "date-time")]
    updated_at: String,
    /// When somebody last logged in.
    #[schema(format = "date-time", required = true)]
    last_login_at: Option<String>,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        let time = |at: DateTime<Utc>| format_time(at);
        Self {
            id: user.id.0,
            email: user.email.to_string(),
            email_verified: user.email_verified,
            status: user.status,
            roles: user.roles.clone(),
            created_at: time(user.created_at),
            updated_at: time(user.updated_at),
            last_login_at: user.last_login_at.map(time),
        }
    }
}

impl View for User {
    type Json = UserView;

    fn view(&self) -> impl Serialize {
        UserView::from(self)
    }

    fn revision(&self) -> i64 {
        self.revision
    }
}

/// What `POST /users` takes.
#[derive(ToSchema)]
#[schema(as = NewUser)]
#[expect(dead_code, reason = "its members are the body's documentation")]
pub struct NewUserBody {
    /// Where the user can be reached.
    #[schema(format = "email", max_length = 254)]
    email: String,
    /// 8 to 256 code points after NFC, not a common one; no rules of composition.
    #[schema(format = "password", min_length = 8, max_length = 256)]
    password: String,
    /// What is known of the person.
    profile: Option<ProfileView>,
    /// `user` when left out; takes `users:create` and `roles:write`.
    roles: Option<Vec<Role>>,
    /// `active` when left out; takes `users:create` and `roles:write`.
    status: Option<Status>,
}

impl BodyType for NewUserBody {
    fn example() -> Value {
        json!({ "email": "grace@example.com", "password": "a most unusual passphrase", "profile": example_profile() })
    }
}

/// `POST /users`
pub async fn create(
    entry: Registration,
    body: Body<NewUserBody>,
    limit: RegistrationLimit,
    vocabulary: Arc<Vocabulary>,
    hasher: Hasher,
    store: Store,
) -> Result<Created<User>, Problem> {
    let (email, password, profile, roles, status) = body.read(|members| {
        let email = members.required_text("email", Email::parse);
        let context: Vec<&str> = email.iter().map(Email::as_str).collect();
        let password = members.required_text("password", |text| NewPassword::parse(text, &context));
        let profile = members.object("profile", |members| Some(read_profile(members))).unwrap_or_default();
        members.read_only(SERVER_SET);
        members.read_only(&["email_verified"]);
        if !entry.may_grant() {
            members.read_only(&["roles", "status"]);
        }
        let roles = members.texts("roles", |name| role(name, &vocabulary));
        let status = members.text("status", status_of).value().unwrap_or(Status::Active);
        Some((email?, password?, profile, roles, status))
    })?;
    if let Registration::Open(_, origin) = &entry {
        limit.count(origin.address).await?;
    }
    let grant = entry.grant(roles)?;
    let password = Some(hasher.hash(&password).await?);
    let new = NewUser { email, password, profile, status };
    let made = store.create_user(new, grant).await;
    let user = made.map_err(Problem::from).map_err(email_taken)?;
    Ok(Shown::to(user, entry.by().cloned()).created())
}

/// `GET /users/{id}`
pub async fn read(user: Allowed<User, Read>) -> Result<Shown<User>, Problem> {
    Ok(user.into())
}

/// What `PATCH /users/{id}` takes: a merge patch (RFC 7396).
#[derive(ToSchema)]
#[schema(as = UserPatch)]
#[expect(dead_code, reason = "its members are the body's documentation")]
pub struct UserPatch {
    /// A new address; `email_verified` becomes false.
    #[schema(format = "email", max_length = 254)]
    email: Option<String>,
    /// Takes `users:write:any`.
    email_verified: Option<bool>,
}

impl BodyType for UserPatch {
    const MEDIA_TYPE: &'static str = "application/merge-patch+json";

    fn example() -> Value {
        json!({ "email": "ada.lovelace@example.com" })
    }
}

/// `PATCH /users/{id}`
pub async fn update(
    user: Allowed<User, Update>,
    body: Body<UserPatch>,
    if_match: IfMatch,
    store: Store,
) -> Result<Shown<User>, Problem> {
    let change = body.read_by(&user, |members| {
        let email = members.optional_text("email", Email::parse);
        members.read_only(SERVER_SET);
        members.read_only(&["roles", "status"]);
        Some(UserChange { email, email_verified: members.boolean("email_verified") })
    })?;
    if_match.require(user.revision)?;
    Ok(if_match.change(store.update_user(user, change)).await.map_err(email_taken)?.into())
}

/// `DELETE /users/{id}`
pub async fn delete(
    user: Allowed<User, Delete>,
    if_match: IfMatch,
    store: Store,
) -> Result<NoContent, Problem> {
    if_match.check(user.revision)?;
    Ok(if_match.change(store.delete_user(user)).await?.into())
}

/// Members of an account that nobody writes.
const SERVER_SET: &[&str] = &["id", "created_at", "updated_at", "last_login_at", "_actions"];

pub(crate) fn role(name: &str, vocabulary: &Vocabulary) -> Result<Role, Invalid> {
    let unknown = || {
        let known: Vec<&str> = vocabulary.roles().map(Role::as_str).collect();
        Invalid::new("unknown-role", format!("is not a role: {}", known.join(", ")))
    };
    vocabulary.role(name).ok_or_else(unknown)
}

/// What must be a user's own is the address.
fn email_taken(problem: Problem) -> Problem {
    problem.instead(Code::Taken, Code::EmailTaken)
}

pub(crate) fn status_of(text: &str) -> Result<Status, Invalid> {
    text.parse().map_err(|error: crate::domain::InvalidId| Invalid::new("unknown-status", error.0))
}
