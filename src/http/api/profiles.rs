//! `/users/{id}/profile`: the profile of a user.

use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::authz::Allowed;
use crate::authz::action::{Read, Update};
use crate::domain::{Profile, ProfileChange, ProfileClaim, ProfileDocument};
use crate::http::kit::{Body, BodyType, Given, IfMatch, Members, Problem, Record};
use crate::store::Store;

impl BodyType for ProfileDocument {
    fn example() -> Value {
        example_profile()
    }
}

/// A change of some members of a profile (RFC 7396).
#[derive(ToSchema)]
#[schema(as = ProfilePatch)]
pub struct ProfilePatch(#[expect(dead_code, reason = "documentation")] ProfileDocument);

impl BodyType for ProfilePatch {
    const MEDIA_TYPE: &'static str = "application/merge-patch+json";

    fn example() -> Value {
        json!({ "nickname": "Countess", "website": null })
    }
}

/// Returns a valid profile.
pub fn example_profile() -> Value {
    json!({ "name": "Ada Lovelace", "birthdate": "1815-12-10", "zoneinfo": "Europe/London", "locale": "en-GB" })
}

/// Reads the members of a profile; null removes a value.
pub fn read_profile(members: &mut Members) -> ProfileChange {
    let mut change = ProfileChange::default();
    for claim in ProfileClaim::ALL {
        match members.text(claim.as_str(), |text| claim.check(text)) {
            Given::Absent => {}
            Given::Null => drop(change.0.insert(claim, None)),
            Given::Value(value) => drop(change.0.insert(claim, Some(value))),
        }
    }
    change
}

fn record<A>(profile: Allowed<Profile, A>) -> Record<ProfileDocument> {
    let profile = profile.into_record();
    Record { revision: profile.revision, view: profile.into() }
}

/// `GET /users/{id}/profile`
pub async fn read(profile: Allowed<Profile, Read>) -> Result<Record<ProfileDocument>, Problem> {
    Ok(record(profile))
}

/// `PUT /users/{id}/profile`
pub async fn replace(
    profile: Allowed<Profile, Update>,
    body: Body<ProfileDocument>,
    if_match: IfMatch,
    store: Store,
) -> Result<Record<ProfileDocument>, Problem> {
    let change = body.read(|members| Some(read_profile(members)))?.replacing();
    write(profile, change, if_match, store).await
}

/// `PATCH /users/{id}/profile`
pub async fn update(
    profile: Allowed<Profile, Update>,
    body: Body<ProfilePatch>,
    if_match: IfMatch,
    store: Store,
) -> Result<Record<ProfileDocument>, Problem> {
    let change = body.read(|members| Some(read_profile(members)))?;
    write(profile, change, if_match, store).await
}

async fn write(
    profile: Allowed<Profile, Update>,
    change: ProfileChange,
    if_match: IfMatch,
    store: Store,
) -> Result<Record<ProfileDocument>, Problem> {
    let expected = if_match.check(profile.revision)?;
    Ok(record(if_match.change(store.update_profile(profile, change, expected)).await?))
}
