//! Domain types, valid by construction: behind the parser, no malformed e-mail address and no short
//! password can exist. This module knows no HTTP, no database and no policy.

mod account_token;
mod client;
mod client_rules;
mod clock_and_random;
mod common_password;
mod consent;
mod email;
mod external_id;
mod idempotency;
mod identity;
mod ids;
mod key;
mod key_lifecycle;
mod lease;
mod limit;
mod login_attempts;
mod number;
mod opaque_token;
mod origin;
mod password;
mod profile;
mod redirect_uri;
mod resource;
mod revocation;
mod role;
mod rotating;
mod session;
mod strict_url;
mod text;
mod thumbprint;
mod time;
mod token_bucket;
mod user;

pub use account_token::TokenPurpose;
pub use client::{Client, ClientAuthentication, ClientMetadata, GrantType, SecretAge};
pub use client_rules::BrokenClientRule;
pub(crate) use clock_and_random::ClockState;
pub use clock_and_random::{Clock, ClockAndRandom, NoRandomness, Random};
pub use consent::{Consent, ConsentOf};
pub use email::Email;
pub(crate) use email::mask_addresses;
pub use external_id::ExternalId;
pub use idempotency::IdempotencyKey;
pub use identity::{ExternalUser, Identity, LinkedUser};
pub use ids::{ClientId, InvalidId, OwnedId, SessionId, SessionOf, UserId};
#[doc(hidden)]
pub use ids::{hyphenated, uuid_schema};
pub use key::{SigningKey, StoredKey};
pub use key_lifecycle::{KEPT_AFTERWARDS, KeyLifecycle, KeyState, PUBLISHED_AHEAD};
pub use lease::Lease;
pub use limit::{Allowance, Bucket, LIMIT_WINDOW, Left, Network, TooMany};
pub use login_attempts::LoginAttempt;
pub use number::parse_number;
pub(crate) use opaque_token::sha256;
pub use opaque_token::{
    AccountToken, AuthorizationCode, BrowserSecret, ClientSecret, RefreshToken, SecretHash,
};
pub use origin::Origin;
pub use password::{
    ChosenPassword, FEWEST as FEWEST_IN_PASSWORD, JudgedPassword, MOST as MOST_IN_PASSWORD, NewPassword,
    PasswordAttempt, PasswordHash,
};
pub(crate) use profile::ProfileDocument;
pub use profile::{Profile, ProfileChange, ProfileClaim};
pub use redirect_uri::RedirectUri;
pub use resource::{find_resource, parse_resource};
pub use revocation::{AccountState, Revocation, Revoked, SessionSet};
pub use role::Role;
pub use rotating::Rotating;
pub use session::{Device, Lifetimes, Session};
pub use strict_url::{strict_url, web_url};
pub use text::{Invalid, RULES, fold_case, plain_text};
pub use thumbprint::Thumbprint;
pub use time::{Time, format_time, parse_time};
pub(crate) use token_bucket::{Rate, TokenBucket};
pub use user::{ListedUser, Status, User};
