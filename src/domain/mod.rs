//! The words of the field as values that are valid by construction: past the edge a bad e-mail
//! or a password that is too short cannot exist. Knows no HTTP, no database and no policy.

mod ambient;
mod budget;
mod client;
mod client_rules;
mod consent;
mod email;
mod guess;
mod idempotency;
mod identity;
mod ids;
mod key;
mod key_lives;
mod limit;
mod opaque;
mod origin;
mod password;
mod profile;
mod redirect_uri;
mod revocation;
mod role;
mod session;
mod text;
mod thumbprint;
mod user;

pub use ambient::{Clock, NoRandomness, Random, Surroundings, Time, format_time, parse_time};
pub(crate) use budget::{Budget, Rate};
pub use client::{Client, ClientAuthentication, ClientMetadata, GrantType, SecretAge};
pub use client_rules::BrokenClientRule;
pub use consent::{Consent, ConsentOf};
pub use email::Email;
pub use guess::Guess;
pub use idempotency::IdempotencyKey;
pub use identity::{Identity, Newcomer, Resident};
pub use ids::{ClientId, InvalidId, SessionId, SessionOf, UserId};
#[doc(hidden)]
pub use ids::{hyphenated, uuid_schema};
pub use key::{SigningKey, StoredKey};
pub use key_lives::{KEPT_AFTERWARDS, KeyLives, KeyState, PUBLISHED_AHEAD};
pub use limit::{Allowance, Bucket, LIMIT_WINDOW, Left, Network, TooMany};
pub(crate) use opaque::sha256;
pub use opaque::{AuthorizationCode, BrowserSecret, ClientSecret, RefreshToken, SecretHash};
pub use origin::Origin;
pub use password::{NewPassword, PasswordAttempt, PasswordHash};
pub use profile::{Profile, ProfileChange, ProfileClaim};
pub use redirect_uri::RedirectUri;
pub use revocation::{Revocation, Revoked, Standing};
pub use role::Role;
pub use session::{Device, Lifetimes, Session};
pub use text::{Invalid, fold_case, plain_text};
pub use thumbprint::Thumbprint;
pub use user::{Status, User};
