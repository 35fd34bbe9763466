//! `/users/{id}/profile`: the profile of a user.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::authz::Allowed;
use crate::authz::action::{Read, Update};
use crate::domain::{Profile, ProfileChange, ProfileClaim};
use crate::http::kit::{Body, BodyType, Given, IfMatch, Members, Problem, Record};
use crate::store::Store;

/// A profile: the OpenID standard claims (OpenID Connect Core §5.1) and `bio`. A member without a value is
/// null, so that a client can send the document back unchanged.
#[derive(ToSchema)]
#[schema(as = Profile)]
#[expect(dead_code, reason = "its members are the profile's documentation; they are written by their names")]
pub struct ProfileView {
    /// The full name for display.
    #[schema(max_length = 200, examples("Ada Lovelace"))]
    name: Option<String>,
    /// The given name or names.
    #[schema(max_length = 200, examples("Ada"))]
    given_name: Option<String>,
    /// The family name or names.
    #[schema(max_length = 200, examples("Lovelace"))]
    family_name: Option<String>,
    /// A casual name.
    #[schema(max_length = 200, examples("Countess"))]
    nickname: Option<String>,
    /// The preferred short name, which is not unique.
    #[schema(max_length = 200, examples("ada"))]
    preferred_username: Option<String>,
    /// The URL of a picture.
    #[schema(format = "uri", max_length = 2048, examples("https://example.com/ada.jpg"))]
    picture: Option<String>,
    /// The URL of a page or blog.
    #[schema(format = "uri", max_length = 2048)]
    website: Option<String>,
    /// `YYYY-MM-DD`, `YYYY`, or `0000-MM-DD` without the year.
    #[schema(pattern = r"^\d{4}(-\d{2}-\d{2})?$", examples("1815-12-10"))]
    birthdate: Option<String>,
    /// A time zone of the IANA time zone database.
    #[schema(examples("Europe/London"))]
    zoneinfo: Option<String>,
    /// A BCP 47 language tag.
    #[schema(examples("en-GB"))]
    locale: Option<String>,
    /// A short text about the user.
    #[schema(max_length = 2000, examples("Poetical science"))]
    bio: Option<String>,
}

/// Representation of a profile.
pub struct ProfileAnswer(Profile);

impl Serialize for ProfileAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(Some(ProfileClaim::ALL.len()))?;
        for claim in ProfileClaim::ALL {
            members.serialize_entry(claim.as_str(), &self.0.claims.get(&claim))?;
        }
        members.end()
    }
}

impl utoipa::PartialSchema for ProfileAnswer {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        ProfileView::schema()
    }
}

impl ToSchema for ProfileAnswer {
    fn name() -> std::borrow::Cow<'static, str> {
        ProfileView::name()
    }
}

impl BodyType for ProfileView {
    fn example() -> Value {
        example_profile()
    }
}

/// A change of some members of a profile (RFC 7396).
#[derive(ToSchema)]
#[schema(as = ProfilePatch)]
pub struct ProfilePatch(#[expect(dead_code, reason = "documentation")] ProfileView);

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

fn record<A>(profile: Allowed<Profile, A>) -> Record<ProfileAnswer> {
    let profile = profile.into_record();
    Record { revision: profile.revision, view: ProfileAnswer(profile) }
}

/// `GET /users/{id}/profile`
pub async fn read(profile: Allowed<Profile, Read>) -> Result<Record<ProfileAnswer>, Problem> {
    Ok(record(profile))
}

/// `PUT /users/{id}/profile`
pub async fn replace(
    profile: Allowed<Profile, Update>,
    body: Body<ProfileView>,
    if_match: IfMatch,
    store: Store,
) -> Result<Record<ProfileAnswer>, Problem> {
    let change = body.read(|members| Some(read_profile(members)))?.replacing();
    write(profile, change, if_match, store).await
}

/// `PATCH /users/{id}/profile`
pub async fn update(
    profile: Allowed<Profile, Update>,
    body: Body<ProfilePatch>,
    if_match: IfMatch,
    store: Store,
) -> Result<Record<ProfileAnswer>, Problem> {
    let change = body.read(|members| Some(read_profile(members)))?;
    write(profile, change, if_match, store).await
}

async fn write(
    profile: Allowed<Profile, Update>,
    change: ProfileChange,
    if_match: IfMatch,
    store: Store,
) -> Result<Record<ProfileAnswer>, Problem> {
    let expected = if_match.check(profile.revision)?;
    Ok(record(if_match.change(store.update_profile(profile, change, expected)).await?))
}
