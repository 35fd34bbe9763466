//! `/users/{id}/password`, `…/roles`, `…/status`: how an account stands.

use std::sync::Arc;

use super::users::{role, status_of};
use crate::authz::action::{SetPassword, SetRoles, SetStatus};
use crate::authz::{Allowed, Vocabulary};
use crate::domain::{Device, Invalid, NewPassword, PasswordAttempt, Role, Status, User};
use crate::hashing::Hasher;
use crate::http::kit::answer::NoContent;
use crate::http::kit::body::Body;
use crate::http::kit::if_match::IfMatch;
use crate::http::kit::problem::Problem;
use crate::http::kit::representation::Shown;
use crate::http::oauth::FirstPartyLogin;
use crate::store::Store;

crate::body! {
    /// What `PUT /users/{id}/password` takes.
    pub struct PasswordChange(own: bool, email: &str) {
        /// The password that is replaced; needed for one's own, unknown for anybody else's.
        #[schema(format = "password")]
        current_password: Option<String> as Option<PasswordAttempt> = required_text_if(own, any_password);
        /// By the rules of `POST /users`.
        #[schema(format = "password", min_length = 8, max_length = 256)]
        new_password: String as NewPassword = required_text(|text| NewPassword::parse(text, &[email]));
    }
    example { "current_password": "a most unusual passphrase", "new_password": "an even stranger passphrase" }
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
    let PasswordChange { current_password, new_password } =
        body.read(|members| PasswordChange::read(members, own, user.email.as_str()))?;
    if let Some(current) = current_password
        && !login.is_password_of(&user, current, device.origin.address).await?
    {
        let wrong = Invalid::new("wrong-password", "is not the current password");
        return Err(Problem::broken_rule("/current_password", wrong));
    }
    let hash = hasher.hash(&new_password).await?;
    let kept = user.by().session().filter(|_| own);
    store.set_password(user, hash, kept).await?;
    Ok(NoContent)
}

crate::body! {
    /// What `PUT /users/{id}/roles` takes.
    pub struct RolesChange(vocabulary: &Vocabulary) {
        /// All the roles that the user is to have.
        roles: Vec<Role> = required_texts(|name| role(name, vocabulary));
    }
    example { "roles": ["user"] }
}

/// `PUT /users/{id}/roles`
pub async fn set_roles(
    user: Allowed<User, SetRoles>,
    body: Body<RolesChange>,
    if_match: IfMatch,
    vocabulary: Arc<Vocabulary>,
    store: Store,
) -> Result<Shown<User>, Problem> {
    let RolesChange { roles } = body.read(|members| RolesChange::read(members, &vocabulary))?;
    if_match.check(user.revision)?;
    let grant = user.grant(roles)?;
    Ok(if_match.change(store.set_roles(user, grant)).await?.into())
}

crate::body! {
    /// What `PUT /users/{id}/status` takes.
    pub struct StatusChange {
        /// What the account's status is to be.
        status: Status = required_text(status_of);
    }
    example { "status": "active" }
}

/// `PUT /users/{id}/status`
pub async fn set_status(
    user: Allowed<User, SetStatus>,
    body: Body<StatusChange>,
    if_match: IfMatch,
    store: Store,
) -> Result<Shown<User>, Problem> {
    let StatusChange { status } = body.read(StatusChange::read)?;
    if_match.check(user.revision)?;
    Ok(if_match.change(store.set_status(user, status)).await?.into())
}

fn any_password(text: &str) -> Result<PasswordAttempt, Invalid> {
    Ok(PasswordAttempt::new(text))
}
