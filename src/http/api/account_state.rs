//! `/users/{id}/password`, `…/roles`, `…/status`: how an account stands.

use std::sync::Arc;

use serde_json::{Value, json};
use utoipa::ToSchema;

use super::users::{role, status_of};
use crate::authz::action::{SetPassword, SetRoles, SetStatus};
use crate::authz::{Allowed, Vocabulary};
use crate::domain::{Device, Invalid, NewPassword, PasswordAttempt, Role, Status, User};
use crate::hashing::Hasher;
use crate::http::kit::answer::NoContent;
use crate::http::kit::body::Body;
use crate::http::kit::description::BodyType;
use crate::http::kit::if_match::IfMatch;
use crate::http::kit::problem::Problem;
use crate::http::kit::representation::Shown;
use crate::http::oauth::FirstPartyLogin;
use crate::store::Store;

/// What `PUT /users/{id}/password` takes.
#[derive(ToSchema)]
#[schema(as = PasswordChange)]
#[expect(dead_code, reason = "its members are the body's documentation")]
pub struct PasswordChange {
    /// The password that is replaced; needed for one's own, unknown for anybody else's.
    #[schema(format = "password")]
    current_password: Option<String>,
    /// By the rules of `POST /users`.
    #[schema(format = "password", min_length = 8, max_length = 256)]
    new_password: String,
}

impl BodyType for PasswordChange {
    fn example() -> Value {
        json!({ "current_password": "a most unusual passphrase", "new_password": "an even stranger passphrase" })
    }
}

/// `PUT /users/{id}/password`
pub async fn set_password(
    user: Allowed<User, SetPassword>,
    body: Body<PasswordChange>,
    device: Device,
    login: FirstPartyLogin,
    hasher: Hasher,
    store: Store,
) -> Result<NoContent, Problem> {
    let own = user.is_own();
    let (current, new) = body.read(|members| {
        let current = if own { members.required_text("current_password", any_password) } else { None };
        let new =
            members.required_text("new_password", |text| NewPassword::parse(text, &[user.email.as_str()]));
        (!own || current.is_some()).then_some((current, new?))
    })?;
    if let Some(current) = current
        && !login.is_password_of(&user, current, device.origin.address).await?
    {
        let wrong = Invalid::new("wrong-password", "is not the current password");
        return Err(Problem::broken_rule("/current_password", wrong));
    }
    let hash = hasher.hash(&new).await?;
    let kept = user.by().session().filter(|_| own);
    store.set_password(user, hash, kept).await?;
    Ok(NoContent)
}

/// What `PUT /users/{id}/roles` takes.
#[derive(ToSchema)]
#[schema(as = RolesChange)]
#[expect(dead_code, reason = "its members are the body's documentation")]
pub struct RolesChange {
    /// All the roles that the user is to have.
    roles: Vec<Role>,
}

impl BodyType for RolesChange {
    fn example() -> Value {
        json!({ "roles": ["user"] })
    }
}

/// `PUT /users/{id}/roles`
pub async fn set_roles(
    user: Allowed<User, SetRoles>,
    body: Body<RolesChange>,
    if_match: IfMatch,
    vocabulary: Arc<Vocabulary>,
    store: Store,
) -> Result<Shown<User>, Problem> {
    let roles = body.read(|members| {
        let roles = members.texts("roles", |name| role(name, &vocabulary));
        if roles.is_none() {
            members.required("roles");
        }
        roles
    })?;
    if_match.check(user.revision)?;
    let grant = user.grant(roles)?;
    Ok(if_match.change(store.set_roles(user, grant)).await?.into())
}

/// What `PUT /users/{id}/status` takes.
#[derive(ToSchema)]
#[schema(as = StatusChange)]
#[expect(dead_code, reason = "its members are the body's documentation")]
pub struct StatusChange {
    /// What the account's status is to be.
    status: Status,
}

impl BodyType for StatusChange {
    fn example() -> Value {
        json!({ "status": "active" })
    }
}

/// `PUT /users/{id}/status`
pub async fn set_status(
    user: Allowed<User, SetStatus>,
    body: Body<StatusChange>,
    if_match: IfMatch,
    store: Store,
) -> Result<Shown<User>, Problem> {
    let status = body.read(|members| members.required_text("status", status_of))?;
    if_match.check(user.revision)?;
    Ok(if_match.change(store.set_status(user, status)).await?.into())
}

fn any_password(text: &str) -> Result<PasswordAttempt, Invalid> {
    Ok(PasswordAttempt::new(text))
}
