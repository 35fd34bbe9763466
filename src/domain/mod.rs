//! The words of the field as values that are valid by construction: past the edge a bad e-mail
//! or a password that is too short cannot exist. Knows no HTTP, no database and no policy.

mod ambient;
mod client;
mod email;
mod ids;
mod key;
mod password;
mod profile;
mod revocation;
mod role;
mod session;
mod text;
mod user;

pub use ambient::{Clock, NoRandomness, Random, Surroundings, Time, format_time, parse_time};
pub use client::{Client, ClientSecret, GrantType, NewClient, SecretHash};
pub use email::Email;
pub use ids::{ClientId, InvalidId, SessionId, SessionOf, UserId};
#[doc(hidden)]
pub use ids::{hyphenated, uuid_schema};
pub use key::StoredKey;
pub use password::{NewPassword, PasswordAttempt, PasswordHash};
pub use profile::{Profile, ProfileChange, ProfileClaim};
pub use revocation::{Revocation, Revoked, Standing};
pub use role::Role;
pub use session::Session;
pub use text::{Invalid, fold_case, plain_text};
pub use user::{Status, User};
