//! `PUT /users/{id}/password`: the password of an account.

use crate::authz::Allowed;
use crate::authz::action::SetPassword;
use crate::domain::{Device, Invalid, NewPassword, PasswordAttempt, User};
use crate::hashing::Hasher;
use crate::http::kit::{Body, NoContent, Problem};
use crate::http::oauth::FirstPartyLogin;
use crate::store::Store;

crate::body! {
    /// A change of a password.
    pub struct PasswordChange(own: bool, email: &str) {
        /// The current password. Required for the caller's own password, refused for another user's.
        #[schema(format = "password")]
        current_password: Option<String> as Option<PasswordAttempt> = required_text_if(own, any_password);
        /// The new password, by the rules of `POST /users`.
        #[schema(format = "password", min_length = 8, max_length = 256)]
        new_password: String as NewPassword = required_text(|text| NewPassword::parse(text, &[email]));
    }
    example { "current_password": "a most unusual passphrase", "new_password": "an even stranger passphrase" }
}

/// `PUT /users/{id}/password`
pub async fn replace(
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

fn any_password(text: &str) -> Result<PasswordAttempt, Invalid> {
    Ok(PasswordAttempt::new(text))
}
