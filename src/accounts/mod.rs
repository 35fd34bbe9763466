//! The life of an account beside its record: a forgotten password, the proof of an address, an invitation. The
//! holder of a mailed link acts without an access token, so the functions that redeem one take no proof.

mod email_verification;
mod error;
mod invitation;
mod password_reset;
mod registration;

use std::sync::Arc;

use crate::config::{Config, Registration};
use crate::domain::{AccountToken, ClockAndRandom, TokenPurpose};
use crate::hashing::Hasher;
use crate::mail::{MailLinks, Mailer};
use crate::store::TrustedStore;

pub(crate) use error::AccountError;

/// The life of accounts. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Accounts {
    pub(crate) store: TrustedStore,
    pub(crate) mailer: Mailer,
    pub(crate) hasher: Hasher,
    pub(crate) clock_and_random: ClockAndRandom,
    pub(crate) links: Arc<MailLinks>,
    /// The public URL of the server, with which its links begin.
    pub(crate) issuer: String,
    /// Set when the server sends mail.
    pub(crate) sends_mail: bool,
    /// Set while registration is open.
    pub(crate) registration_open: bool,
    /// Set when the address of a registration must be proved first.
    pub(crate) proves_addresses: bool,
}

impl Accounts {
    /// Makes it for a server with this configuration and this public URL.
    pub(crate) fn new(
        config: &Config,
        store: TrustedStore,
        mailer: Mailer,
        hasher: Hasher,
        clock_and_random: ClockAndRandom,
        issuer: String,
    ) -> Self {
        Self {
            store,
            mailer,
            hasher,
            clock_and_random,
            links: Arc::new(config.links.clone().unwrap_or_default()),
            issuer,
            sends_mail: config.sends_mail(),
            registration_open: config.registration.is_open(),
            proves_addresses: config.registration == Registration::Verified,
        }
    }

    /// Returns the link with a token.
    fn link(&self, purpose: TokenPurpose, token: &AccountToken) -> String {
        self.links.link(&self.issuer, purpose, token)
    }
}
