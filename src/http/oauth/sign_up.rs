//! `/oauth/sign-up`: the form of the sign-up page. It creates an account as `POST /users` does, and signs it in.

use std::sync::Arc;

use super::authorize::{DENIED, enter};
use super::authorize_flow::{AuthorizeFlow, Checked};
use crate::authz::Registration;
use crate::domain::{ChosenPassword, Device, Email, PasswordAttempt, ProfileChange, Status};
use crate::http::kit::{BrowserForm, Code, Problem, Public, RegistrationLimit, SelfRegistration, Services};
use crate::http::pages::{BrowserAnswer, SignUpChoice, SignUpError, SignUpForm};
use crate::store::{NewUser, StoreError};

/// `POST /oauth/sign-up`
pub async fn submit_sign_up(
    _: Public,
    form: BrowserForm<SignUpForm>,
    SelfRegistration(entry): SelfRegistration,
    device: Device,
    limit: RegistrationLimit,
    services: Arc<Services>,
) -> Result<BrowserAnswer, Problem> {
    let flow = match AuthorizeFlow::of_form(&services, &form).await? {
        Checked::Valid(flow) => flow,
        Checked::Answered(answer) => return Ok(answer),
    };
    if SignUpChoice::of(&form) == SignUpChoice::Cancel {
        return flow.refuse(DENIED);
    }
    let (email, password) = (form.get("email").unwrap_or_default(), form.get("password").unwrap_or_default());
    match create(&services, &entry, email, password, &device, &limit).await? {
        None if services.accounts.proves_addresses => Ok(flow.registration_page(email)),
        None => enter(&services, &flow, &form, email, PasswordAttempt::new(password), device).await,
        Some(error) => flow.sign_up_page(form.browser(), email, Some(error)),
    }
}

/// Creates the account. If it cannot be created, returns the error for the page.
async fn create(
    services: &Services,
    entry: &Registration,
    email: &str,
    password: &str,
    device: &Device,
    limit: &RegistrationLimit,
) -> Result<Option<SignUpError>, Problem> {
    let email = match Email::parse(email) {
        Ok(email) => email,
        Err(rule) => return Ok(Some(SignUpError::Email(rule.detail))),
    };
    let chosen = ChosenPassword::parse(password);
    let made = async {
        // Counted before the password is judged.
        if chosen.is_ok() {
            limit.count(device.origin.address).await?;
        }
        let judged = match services.hasher.judge(chosen, Some(email.to_string())).await? {
            Ok(judged) => judged,
            Err(rule) => return Ok(Some(SignUpError::Password(rule.detail))),
        };
        let password = services.hasher.hash(&judged).await?;
        if services.accounts.proves_addresses {
            services.accounts.request_registration(&email, &password, ProfileChange::default()).await?;
            return Ok(None);
        }
        let password = Some(password);
        let (profile, status) = (ProfileChange::default(), Status::Active);
        let new = NewUser { email, password, profile, status, external_id: None };
        match services.store.create_user(new, entry.grant(None)?).await {
            Ok(_) => Ok(None),
            Err(StoreError::Taken) => Ok(Some(SignUpError::Taken)),
            Err(error) => Err(Problem::from(error)),
        }
    };
    made.await.or_else(|problem: Problem| match problem.code() {
        Code::Busy => Ok(Some(SignUpError::Busy)),
        Code::TooManyRequests => Ok(Some(SignUpError::TooMany)),
        _ => Err(problem),
    })
}
