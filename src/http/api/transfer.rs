//! Accounts as lines of NDJSON: what `cloakroom users export` writes and `users import` reads. The
//! members are those of `POST /users` and of its answer, by the same rules.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::profiles::read_profile;
use super::users::{UserView, role, status_of};
use crate::authz::Vocabulary;
use crate::domain::{
    Email, Invalid, NewPassword, PasswordHash, ProfileChange, Role, Status, UserId, parse_time,
};
use crate::hashing::is_supported;
use crate::http::kit::members::Members;
use crate::http::kit::problem::BrokenRule;
use crate::json::parse_strict;
use crate::store::ExportedUser;

/// An account as a line has it.
pub(crate) struct Line {
    pub(crate) id: Option<UserId>,
    pub(crate) email: Email,
    pub(crate) password: Option<LinePassword>,
    pub(crate) profile: ProfileChange,
    pub(crate) roles: Option<Vec<Role>>,
    pub(crate) status: Status,
    pub(crate) email_verified: bool,
    pub(crate) created_at: Option<DateTime<Utc>>,
    pub(crate) updated_at: Option<DateTime<Utc>>,
    pub(crate) last_login_at: Option<DateTime<Utc>>,
}

/// How somebody will log in.
pub(crate) enum LinePassword {
    /// With this password, which is to be hashed.
    Chosen(NewPassword),
    /// With the password of this hash.
    Hashed(PasswordHash),
}

impl Line {
    /// Reads a line.
    ///
    /// # Errors
    /// Everything that is wrong with it, each with the place.
    pub(crate) fn read(line: &[u8], vocabulary: &Vocabulary) -> Result<Self, Vec<String>> {
        let value = parse_strict(line).map_err(|error| vec![error.to_string()])?;
        let Value::Object(object) = value else { return Err(vec!["must be a JSON object".to_owned()]) };
        let mut members = Members::of(object, "");
        let read = Self::read_members(&mut members, vocabulary);
        let broken = members.finish();
        let told = |rule: &BrokenRule| format!("{} {}", rule.pointer, rule.detail);
        read.filter(|_| broken.is_empty()).ok_or_else(|| broken.iter().map(told).collect())
    }

    fn read_members(members: &mut Members, vocabulary: &Vocabulary) -> Option<Self> {
        let email = members.required_text("email", Email::parse);
        let context: Vec<&str> = email.iter().map(Email::as_str).collect();
        let chosen = members.text("password", |text| NewPassword::parse(text, &context)).value();
        let hashed = members.text("password_hash", hash).value();
        if chosen.is_some() && hashed.is_some() {
            members.broken("password_hash", Invalid::new("two-passwords", "there is a password already"));
        }
        let password = chosen.map(LinePassword::Chosen).or(hashed.map(LinePassword::Hashed));
        Some(Self {
            id: members.text("id", user_id).value(),
            password,
            profile: members.object("profile", |members| Some(read_profile(members))).unwrap_or_default(),
            roles: members.texts("roles", |name| role(name, vocabulary)),
            status: members.text("status", status_of).value().unwrap_or(Status::Active),
            email_verified: members.boolean("email_verified").unwrap_or_default(),
            created_at: members.text("created_at", time).value(),
            updated_at: members.text("updated_at", time).value(),
            last_login_at: members.text("last_login_at", time).value(),
            email: email?,
        })
    }
}

/// Ids are made here, and by no rule but ours: another system's could be guessed, or a client's.
fn user_id(text: &str) -> Result<UserId, Invalid> {
    let id: Option<UserId> = text.parse().ok().filter(|id: &UserId| id.0.get_version_num() == 7);
    id.ok_or_else(|| Invalid::new("invalid-id", "must be a UUID of version 7; leave it out, and one is made"))
}

fn time(text: &str) -> Result<DateTime<Utc>, Invalid> {
    parse_time(text).ok_or_else(|| Invalid::new("invalid-time", "must be a time, as 2026-11-26T08:00:00Z"))
}

fn hash(text: &str) -> Result<PasswordHash, Invalid> {
    let hash = PasswordHash::from_phc(text.to_owned());
    let wrong =
        || Invalid::new("invalid-hash", "must be a hash by argon2id, as $argon2id$v=19$m=19456,t=2,p=1$…");
    is_supported(&hash).then_some(hash).ok_or_else(wrong)
}

/// The line of an account.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    user: UserView,
    profile: BTreeMap<&'static str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hash: Option<&'a str>,
}

/// The line of an account; with its password's hash only when that is asked for.
pub(crate) fn line_of(account: &ExportedUser, with_hash: bool) -> Value {
    let ExportedUser { user, profile, password } = account;
    json!(Written {
        user: UserView::from(user),
        profile: profile.claims.iter().map(|(claim, value)| (claim.as_str(), value.as_str())).collect(),
        password_hash: password.as_ref().filter(|_| with_hash).map(PasswordHash::expose_phc),
    })
}
