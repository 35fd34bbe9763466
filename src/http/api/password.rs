//! `PUT /users/{id}/password`: the password of an account.

use crate::authz::Allowed;
use crate::authz::action::SetPassword;
use crate::domain::{ChosenPassword, Invalid, JudgedPassword, NewPassword, PasswordAttempt, User};
use crate::hashing::Hasher;
use crate::http::kit::{Body, IfMatch, NoContent, Problem};
use crate::http::oauth::{FirstPartyLogin, wrong_password};
use crate::store::Store;

crate::body! {
    /// A change of a password.
    pub struct PasswordChange(own: bool, is_current: bool, judged: JudgedPassword) {
        /// The current password. Required for the caller's own password, refused for another user's.
        #[schema(format = "password")]
        current_password: Option<String> as Option<()> = required_text_if(own, |_| must_be(is_current || fault!(current_password_not_checked)));
        /// The new password, by the rules of `POST /users`.
        #[schema(format = "password", min_length = 8, max_length = 256)]
        new_password: String as NewPassword = required_text(|_| judged);
    }
    example { "current_password": "a most unusual passphrase", "new_password": "an even stranger passphrase" }
}

/// `PUT /users/{id}/password`
pub async fn replace(
    user: Allowed<User, SetPassword>,
    body: Body<PasswordChange>,
    if_match: IfMatch,
    login: FirstPartyLogin,
    hasher: Hasher,
    store: Store,
) -> Result<NoContent, Problem> {
    let own = user.is_own();
    let is_current = match own {
        // Counts the attempt before the new password is judged. A missing password is a wrong one.
        true => {
            let current = PasswordAttempt::new(body.text("current_password").unwrap_or_default());
            login.is_password_of(&user, current, user.by().origin().address).await?
        }
        false => true,
    };
    let chosen = ChosenPassword::parse(body.text("new_password").unwrap_or_default());
    let judged = hasher.judge(chosen, Some(user.email.to_string())).await?;
    let PasswordChange { current_password, new_password } =
        body.read(|members| PasswordChange::read(members, own, is_current, judged))?;
    if_match.check(user.revision)?;
    let hash = hasher.hash(&new_password).await?;
    // Keeps the session of a user who changes their own password.
    let kept = current_password.and_then(|()| user.by().session());
    if_match.change(store.set_password(user, hash, kept)).await?;
    Ok(NoContent)
}

fn must_be(is_current: bool) -> Result<(), Invalid> {
    if is_current { Ok(()) } else { Err(wrong_password()) }
}
