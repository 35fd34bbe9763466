//! Accounts as lines of NDJSON, for `cloakroom users export` and `users import`. The members and their rules
//! are those of `POST /users` and its response.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};

use super::profiles::read_profile;
use super::users::{UserView, role, status_of};
use crate::authz::Vocabulary;
use crate::domain::{
    Email, ExternalId, Invalid, NewPassword, PasswordHash, ProfileChange, Role, Status, UserId, parse_time,
};
use crate::hashing::{FirebaseProject, Hasher, ImportedHash};
use crate::http::kit::{BrokenRule, Members};
use crate::json::parse_strict;
use crate::store::ExportedUser;

/// Line of an account.
pub(crate) struct Line {
    pub(crate) id: Option<UserId>,
    pub(crate) email: Email,
    pub(crate) password: Option<LinePassword>,
    pub(crate) profile: ProfileChange,
    pub(crate) roles: Option<Vec<Role>>,
    pub(crate) status: Status,
    pub(crate) email_verified: bool,
    pub(crate) external_id: Option<ExternalId>,
    pub(crate) created_at: Option<DateTime<Utc>>,
    pub(crate) updated_at: Option<DateTime<Utc>>,
    pub(crate) last_login_at: Option<DateTime<Utc>>,
}

/// Password of an imported account.
pub(crate) enum LinePassword {
    /// A password, which must be hashed.
    Chosen(NewPassword),
    /// The hash of a password.
    Hashed(ImportedHash),
}

impl Line {
    /// Reads a line. `hasher` checks its password hash, to which `firebase` adds what an export lacks.
    ///
    /// # Errors
    /// Every broken rule, with a pointer to its place.
    pub(crate) fn read(
        line: &[u8],
        vocabulary: &Vocabulary,
        hasher: &Hasher,
        firebase: Option<&FirebaseProject>,
    ) -> Result<Self, Vec<String>> {
        let value = parse_strict(line).map_err(|error| vec![error.to_string()])?;
        let Value::Object(object) = value else { return Err(vec!["must be a JSON object".to_owned()]) };
        let mut members = Members::of(object, "");
        let read = Self::read_members(&mut members, vocabulary, hasher, firebase);
        let broken = members.finish();
        let message = |rule: &BrokenRule| format!("{} {}", rule.pointer, rule.detail);
        read.filter(|_| broken.is_empty()).ok_or_else(|| broken.iter().map(message).collect())
    }

    /// Reads the members of an account.
    pub(crate) fn read_members(
        members: &mut Members,
        vocabulary: &Vocabulary,
        hasher: &Hasher,
        firebase: Option<&FirebaseProject>,
    ) -> Option<Self> {
        let email = members.required_text("email", Email::parse_exported);
        let context: Vec<&str> = email.iter().map(Email::as_str).collect();
        let chosen = members.text("password", |text| NewPassword::parse(text, &context)).value();
        let given = |text: &str| firebase.map_or_else(|| text.to_owned(), |project| project.complete(text));
        let hashed = members.text("password_hash", |text| hash(given(text), hasher)).value();
        if chosen.is_some() && hashed.is_some() {
            members.broken("password_hash", two_passwords());
        }
        let password = chosen.map(LinePassword::Chosen).or(hashed.map(LinePassword::Hashed));
        Some(Self {
            id: members.text("id", user_id).value(),
            password,
            profile: members.object("profile", |members| Some(read_profile(members))).unwrap_or_default(),
            roles: members.texts("roles", |name| role(name, vocabulary)),
            status: members.text("status", status_of).value().unwrap_or(Status::Active),
            email_verified: members.boolean("email_verified").unwrap_or_default(),
            external_id: members.text("external_id", ExternalId::parse).value(),
            created_at: members.text("created_at", time).value(),
            updated_at: members.text("updated_at", time).value(),
            last_login_at: members.text("last_login_at", time).value(),
            email: email?,
        })
    }
}

/// Parses a user's id. It must be a UUIDv7: ids of another system could be guessed, or could be those of a
/// client.
fn user_id(text: &str) -> Result<UserId, Invalid> {
    let id: Option<UserId> = text.parse().ok().filter(|id: &UserId| id.0.get_version_num() == 7);
    id.ok_or_else(|| {
        Invalid::new("invalid-id", "must be a UUID of version 7; without it, an id is generated")
    })
}

fn time(text: &str) -> Result<DateTime<Utc>, Invalid> {
    parse_time(text).ok_or_else(|| Invalid::new("invalid-time", "must be a time, as 2026-11-26T08:00:00Z"))
}

/// Rule of an account that is given a password and a hash.
pub(super) fn two_passwords() -> Invalid {
    Invalid::new("two-passwords", "cannot be given together with a password")
}

/// Reads a password hash that the server can compare passwords with.
pub(super) fn hash(text: String, hasher: &Hasher) -> Result<ImportedHash, Invalid> {
    hasher.import(text).map_err(|why| Invalid::new(why.code(), why.to_string()))
}

/// Line of an exported account.
#[derive(Serialize)]
struct Written<'a> {
    #[serde(flatten)]
    user: UserView,
    profile: BTreeMap<&'static str, &'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_hash: Option<&'a str>,
}

/// Returns the line of an account, with its password hash only if requested.
pub(crate) fn line_of(account: &ExportedUser, with_hash: bool) -> Value {
    let ExportedUser { user, profile, password } = account;
    let mut line = json!(Written {
        user: UserView::from(user),
        profile: profile.claims.iter().map(|(claim, value)| (claim.as_str(), value.as_str())).collect(),
        password_hash: password.as_ref().filter(|_| with_hash).map(PasswordHash::expose_phc),
    });
    // The owner of a pending address confirms it where it was requested.
    line.as_object_mut().and_then(|members| members.shift_remove("pending_email"));
    line
}
