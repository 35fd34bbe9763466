//! The pages of mailed links below `/oauth/`, and the page that requests a link for a new password.

use crate::accounts::{AccountError, Accounts};
use crate::domain::{AccountToken, Email, Origin, TokenPurpose};
use crate::hashing::HashError;
use crate::http::kit::form::Form;
use crate::http::kit::{
    Argument, Browser, BrowserForm, Call, Description, MailLimit, PageForm, Problem, Public,
};
use crate::http::pages::{
    ACCEPT_INVITATION, ForgottenPasswordForm, InvitationForm, LINK_TOKEN, LinkWords, NewLink,
    NewPasswordError, PageAnswer, RESET_PASSWORD, ResetPasswordForm, UNDO_EMAIL_CHANGE, UndoEmailChangeForm,
    VERIFY_EMAIL, VerifyEmailForm, confirmation, forgotten_password, invalid_link, link_requested, link_used,
    new_password,
};

/// Query of a page. Programs that count clicks add parameters of their own, so unknown ones are ignored.
pub(crate) struct PageQuery(Form);

impl Argument for PageQuery {
    async fn take(call: &mut Call) -> Result<Self, Problem> {
        Form::parse(call.request().query_string().as_bytes()).map(Self)
    }

    fn describe(_: &mut Description) {}
}

impl PageQuery {
    fn token(&self) -> &str {
        self.0.get(LINK_TOKEN).unwrap_or_default()
    }
}

/// `GET /oauth/forgot-password`. The query is the authorization request to which the user returns.
pub async fn forgot_password(_: Public, query: PageQuery, browser: Browser) -> Result<PageAnswer, Problem> {
    Ok(forgotten_password(&browser, &query.0.encoded(), query.0.get("login_hint").unwrap_or_default(), None))
}

/// `POST /oauth/forgot-password`
pub async fn request_password_link(
    _: Public,
    query: PageQuery,
    form: BrowserForm<ForgottenPasswordForm>,
    origin: Origin,
    limit: MailLimit,
    accounts: Accounts,
) -> Result<PageAnswer, Problem> {
    let (request, typed) = (query.0.encoded(), form.get("email").unwrap_or_default());
    match Email::parse(typed) {
        Err(rule) => Ok(forgotten_password(form.browser(), &request, typed, Some(&rule.detail))),
        Ok(email) => {
            limit.count(origin.address).await?;
            accounts.request_password_reset(&email).await?;
            Ok(link_requested(&request, email.as_str()))
        }
    }
}

/// `GET /oauth/reset-password`
pub async fn show_reset(_: Public, query: PageQuery, browser: Browser) -> Result<PageAnswer, Problem> {
    Ok(new_password::<ResetPasswordForm>(&browser, &RESET_PASSWORD, query.token(), None))
}

/// `POST /oauth/reset-password`
pub async fn submit_reset(
    _: Public,
    form: BrowserForm<ResetPasswordForm>,
    origin: Origin,
    accounts: Accounts,
) -> Result<PageAnswer, Problem> {
    set_password(&form, &RESET_PASSWORD, TokenPurpose::ResetPassword, origin, &accounts).await
}

/// `GET /oauth/accept-invitation`
pub async fn show_invitation(_: Public, query: PageQuery, browser: Browser) -> Result<PageAnswer, Problem> {
    Ok(new_password::<InvitationForm>(&browser, &ACCEPT_INVITATION, query.token(), None))
}

/// `POST /oauth/accept-invitation`
pub async fn submit_invitation(
    _: Public,
    form: BrowserForm<InvitationForm>,
    origin: Origin,
    accounts: Accounts,
) -> Result<PageAnswer, Problem> {
    set_password(&form, &ACCEPT_INVITATION, TokenPurpose::Invitation, origin, &accounts).await
}

async fn set_password<F: PageForm>(
    form: &BrowserForm<F>,
    words: &LinkWords,
    purpose: TokenPurpose,
    origin: Origin,
    accounts: &Accounts,
) -> Result<PageAnswer, Problem> {
    let (text, chosen) = (form.get(LINK_TOKEN).unwrap_or_default(), form.get("password").unwrap_or_default());
    let token = AccountToken::presented(text);
    let again = |error: NewPasswordError| Ok(new_password::<F>(form.browser(), words, text, Some(&error)));
    match accounts.redeem_for_password(&token, purpose, chosen, origin).await {
        Ok(()) => Ok(link_used(words, false)),
        Err(AccountError::InvalidLink) => Ok(invalid_link(new_link(accounts))),
        Err(AccountError::Password(rule)) => again(NewPasswordError::Rule(rule.detail)),
        Err(AccountError::Hash(HashError::Busy)) => again(NewPasswordError::Busy),
        Err(error) => Err(error.into()),
    }
}

/// Returns the way to another link for a password. Without a mail server, an administrator makes it.
fn new_link(accounts: &Accounts) -> NewLink {
    if accounts.sends_mail { NewLink::ForgottenPassword } else { NewLink::Application }
}

/// `GET /oauth/verify-email`
pub async fn show_verification(_: Public, query: PageQuery, browser: Browser) -> Result<PageAnswer, Problem> {
    Ok(confirmation::<VerifyEmailForm>(&browser, &VERIFY_EMAIL, query.token()))
}

/// `POST /oauth/verify-email`
pub async fn submit_verification(
    _: Public,
    form: BrowserForm<VerifyEmailForm>,
    origin: Origin,
    accounts: Accounts,
) -> Result<PageAnswer, Problem> {
    let token = AccountToken::presented(form.get(LINK_TOKEN).unwrap_or_default());
    match accounts.redeem_verification(&token, origin).await {
        Ok(()) => Ok(link_used(&VERIFY_EMAIL, false)),
        Err(AccountError::InvalidLink) => Ok(invalid_link(NewLink::Application)),
        Err(error) => Err(error.into()),
    }
}

/// `GET /oauth/undo-email-change`
pub async fn show_undo(_: Public, query: PageQuery, browser: Browser) -> Result<PageAnswer, Problem> {
    Ok(confirmation::<UndoEmailChangeForm>(&browser, &UNDO_EMAIL_CHANGE, query.token()))
}

/// `POST /oauth/undo-email-change`
pub async fn submit_undo(
    _: Public,
    form: BrowserForm<UndoEmailChangeForm>,
    origin: Origin,
    accounts: Accounts,
) -> Result<PageAnswer, Problem> {
    let token = AccountToken::presented(form.get(LINK_TOKEN).unwrap_or_default());
    match accounts.undo_email_change(&token, origin).await {
        Ok(()) => Ok(link_used(&UNDO_EMAIL_CHANGE, accounts.sends_mail)),
        Err(AccountError::InvalidLink) => Ok(invalid_link(NewLink::None)),
        Err(error) => Err(error.into()),
    }
}
