//! `/users`: accounts.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::profiles::{example_profile, read_profile};
use super::transfer::{hash, two_passwords};
use crate::accounts::Accounts;
use crate::authz::action::{Delete, Read, Update};
use crate::authz::{Allowed, Registration, Vocabulary};
use crate::domain::{
    ChosenPassword, Email, ExternalId, Invalid, InvalidId, JudgedPassword, NewPassword, ProfileChange,
    ProfileDocument, Role, Status, User, format_time,
};
use crate::hashing::{Hasher, ImportedHash};
use crate::http::kit::{
    Accepted, Body, Code, Created, Either, Given, IfMatch, NoContent, Problem, RegistrationLimit, Shown, View,
};
use crate::store::{NewUser, Store, UserChange};

/// An account.
#[derive(Serialize, ToSchema)]
#[schema(as = User)]
pub struct UserView {
    /// The user's id, which is never reused.
    id: Uuid,
    /// The user's e-mail address, which is unique ignoring case.
    #[schema(format = "email", examples("ada@example.com"))]
    email: String,
    /// True when the address is verified.
    email_verified: bool,
    /// The new address, until its owner confirms it.
    #[schema(required = true, format = "email", examples("ada.lovelace@example.com"))]
    pending_email: Option<String>,
    /// The id in another system, which is unique.
    #[schema(required = true, examples("4711"))]
    external_id: Option<String>,
    /// The account's status.
    status: Status,
    /// The user's roles, which grant scopes to tokens.
    roles: Vec<Role>,
    /// The time of the account's creation.
    #[schema(format = "date-time")]
    created_at: String,
    /// The time of the last change.
    #[schema(format = "date-time")]
    updated_at: String,
    /// The time of the last login.
    #[schema(format = "date-time", required = true)]
    last_login_at: Option<String>,
    /// The name in the profile. In a list, and only for callers who read profiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false, examples("Ada Lovelace"))]
    pub(super) name: Option<Option<String>>,
    /// The URL of the picture in the profile. In a list, and only for callers who read profiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, required = false, format = "uri", examples("https://ada.example.org/ada.png"))]
    pub(super) picture: Option<Option<String>>,
}

impl From<&User> for UserView {
    fn from(user: &User) -> Self {
        let time = |at: DateTime<Utc>| format_time(at);
        Self {
            id: user.id.0,
            email: user.email.to_string(),
            email_verified: user.email_verified,
            pending_email: user.pending_email.as_ref().map(Email::to_string),
            external_id: user.external_id.as_ref().map(|id| id.as_str().to_owned()),
            status: user.status,
            roles: user.roles.clone(),
            created_at: time(user.created_at),
            updated_at: time(user.updated_at),
            last_login_at: user.last_login_at.map(time),
            name: None,
            picture: None,
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

crate::body! {
    /// A new account.
    pub struct NewUserBody as NewUser(vocabulary: &Vocabulary, judged: JudgedPassword, hasher: &Hasher, takes_password: bool) {
        /// The user's e-mail address.
        #[schema(format = "email", max_length = 254)]
        email: String as Email = required_text(Email::parse);
        /// 8 to 256 Unicode code points after NFC normalization, and not a common password. There are no
        /// composition rules. Required, except with `password_hash`, which takes its place, and for an account that gets
        /// an invitation by mail: it requires `users:create`.
        #[schema(format = "password", min_length = 8, max_length = 256)]
        password: Option<String> as Option<NewPassword> = required_text_if(takes_password, |_| judged);
        /// The hash of a password from another system, by argon2, bcrypt, scrypt, PBKDF2 or SHA-crypt, or a digest
        /// without a salt. It takes the place of `password`. Requires `users:create`.
        #[schema(max_length = 512)]
        password_hash: Option<String> as Option<ImportedHash> = optional_text(|text| hash(text.to_owned(), hasher));
        /// The id in another system, which is unique. Requires `users:create`.
        #[schema(min_length = 1, max_length = 255)]
        external_id: Option<String> as Option<ExternalId> = text(ExternalId::parse);
        /// The profile.
        profile: Option<ProfileDocument> as Option<ProfileChange> = object(|members| Some(read_profile(members)));
        /// The roles. Requires `users:create` and `roles:write`. Default: `user`.
        roles: Option<Vec<Role>> = texts(|name| role(name, vocabulary));
        /// The status. Requires `users:create` and `roles:write`. Default: `active`.
        status: Option<Status> = text(status_of);
    }
    example { "email": "grace@example.com", "password": "a most unusual passphrase", "profile": (example_profile()) }
}

/// `POST /users`
pub async fn create(
    entry: Registration,
    body: Body<NewUserBody>,
    limit: RegistrationLimit,
    vocabulary: Arc<Vocabulary>,
    store: Store,
    accounts: Accounts,
) -> Result<Either<Created<User>, Accepted>, Problem> {
    let hasher = accounts.hasher.for_client_at(entry.origin().address);
    let chosen = ChosenPassword::parse(body.text("password").unwrap_or_default());
    // Counted before the password is judged, also when another member breaks a rule.
    if let Some(origin) = entry.open_origin().filter(|_| chosen.is_ok()) {
        limit.count(origin.address).await?;
    }
    let address = body.text("email").and_then(|text| Email::parse(text).ok());
    let judged = hasher.judge(chosen, address.map(|address| address.to_string())).await?;
    let may_import = entry.open_origin().is_none();
    let has_password = body.text("password").is_some();
    let has_hash = (may_import || fault!(import_members_open)) && body.text("password_hash").is_some();
    let may_invite = may_import && accounts.sends_mail;
    let takes_password = has_password || !(has_hash || may_invite);
    let NewUserBody { email, password, password_hash, external_id, profile, roles, status } =
        body.read(|members| {
            members.read_only(SERVER_SET);
            members.read_only(&["email_verified"]);
            if !may_import && !fault!(import_members_open) {
                members.read_only(&["password_hash", "external_id"]);
            }
            if has_hash && has_password {
                members.broken("password_hash", two_passwords());
            }
            if !entry.may_grant() {
                members.read_only(&["roles", "status"]);
            }
            NewUserBody::read(members, &vocabulary, judged, &hasher, takes_password)
        })?;
    let grant = entry.grant(roles)?;
    let password = match (password, password_hash) {
        (Some(password), _) => Some(hasher.hash(&password).await?),
        (None, Some(hash)) => Some(hasher.stored(hash).await?),
        (None, None) => None,
    };
    let (profile, status) = (profile.unwrap_or_default(), status.unwrap_or(Status::Active));
    if let Some(password) = password.as_ref().filter(|_| !may_import && accounts.proves_addresses) {
        accounts.request_registration(&email, password, profile).await?;
        return Ok(Either::Second(Accepted));
    }
    let new = NewUser { email, password, profile, status, external_id };
    let made = store.create_user(new, grant).await;
    let user = made.map_err(Problem::from).map_err(name_taken)?;
    Ok(Either::First(Shown::to(user, entry.by().cloned()).created()))
}

/// `GET /users/{id}`
pub async fn read(user: Allowed<User, Read>) -> Result<Shown<User>, Problem> {
    Ok(user.into())
}

crate::body! {
    /// A change of an account: a merge patch (RFC 7396).
    pub struct UserPatch {
        /// A new e-mail address. Where the server sends mail, it is `pending_email` until its owner confirms it, unless
        /// the token has `users:write:any`. Otherwise it replaces `email`, and sets `email_verified` to false.
        #[schema(format = "email", max_length = 254)]
        email: Option<String> as Option<Email> = optional_text(Email::parse);
        /// Requires `users:write:any`.
        email_verified: Option<bool> = boolean();
        /// The id in another system, which is unique; null removes it. Requires `users:write:any`.
        #[schema(min_length = 1, max_length = 255)]
        external_id: Option<String> as Given<ExternalId> = text(ExternalId::parse);
    }
    media_type "application/merge-patch+json"
    example { "email": "ada.lovelace@example.com" }
}

/// `PATCH /users/{id}`
pub async fn update(
    user: Allowed<User, Update>,
    body: Body<UserPatch>,
    if_match: IfMatch,
    store: Store,
    accounts: Accounts,
) -> Result<Shown<User>, Problem> {
    let UserPatch { email, email_verified, external_id } = body.read(|members| {
        members.read_only(SERVER_SET);
        members.read_only(&["roles", "status"]);
        UserPatch::read(members)
    })?;
    let external_id = match external_id {
        Given::Absent => None,
        Given::Null => Some(None),
        Given::Value(id) => Some(Some(id)),
    };
    if_match.require(user.revision)?;
    let of_address = email.map(|email| accounts.change_of_address(&user, email)).transpose()?;
    let change = UserChange { email_verified, external_id, ..of_address.unwrap_or_default() };
    Ok(if_match.change(store.update_user(user, change)).await.map_err(name_taken)?.into())
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

/// Members of an account that only the server writes.
const SERVER_SET: &[&str] = &["id", "created_at", "updated_at", "last_login_at", "pending_email", "_actions"];

pub(crate) fn role(name: &str, vocabulary: &Vocabulary) -> Result<Role, Invalid> {
    let unknown = || {
        let known: Vec<&str> = vocabulary.roles().map(Role::as_str).collect();
        Invalid::new("unknown-role", format!("is not a role: {}", known.join(", "))).with("values", known)
    };
    vocabulary.role(name).ok_or_else(unknown)
}

/// Names the member whose value another account has.
fn name_taken(problem: Problem) -> Problem {
    let problem = problem.instead(Code::Taken, Code::EmailTaken).at(Code::EmailTaken, "/email");
    problem.at(Code::ExternalIdTaken, "/external_id")
}

pub(crate) fn status_of(text: &str) -> Result<Status, Invalid> {
    let values = [Status::Active, Status::Suspended].map(Status::as_str);
    let unknown = |error: InvalidId| Invalid::new("unknown-status", error.0).with("values", values.to_vec());
    text.parse().map_err(unknown)
}
