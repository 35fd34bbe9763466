//! Registrations whose address is not proved yet. The account exists once it is.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use super::account_tokens::MAIL_LIMITS;
use crate::authz::RoleGrant;
use crate::domain::{Email, SecretHash, Time};
use crate::on;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{pending_registrations as pending, users};
use crate::store::{Connection, NewUser, StoreError, TrustedStore};

/// Shortest time between two mails that tell the owner of a taken address of a registration.
const TOLD_ONCE_IN: TimeDelta = TimeDelta::hours(1);

/// Content of a registration whose link was used. The row stays until it expires, so that a mail that is sent again does
/// not revive it.
const USED: &[u8] = &[];

/// A registration that waits for the proof of its address.
#[derive(Clone)]
pub(crate) struct PendingRegistration {
    /// Hash of the token of the mail.
    pub(crate) hash: SecretHash,
    /// The address.
    pub(crate) email: Email,
    /// The members of the account, sealed.
    pub(crate) sealed: Vec<u8>,
    /// Time of expiry.
    pub(crate) expires_at: DateTime<Utc>,
}

/// The mail that a registration leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RegistrationMail {
    /// The link that proves the address.
    Confirm,
    /// The owner of the address, who has an account, learns of the registration.
    Tell,
    /// None: the address got as many as it may get for now, or the link was used.
    Nothing,
}

impl TrustedStore {
    /// Stores a registration when its mail is about to be sent, and returns which mail that is. The answer is the same
    /// when the mail is sent again.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn hold_registration(
        &self,
        new: PendingRegistration,
    ) -> Result<RegistrationMail, StoreError> {
        let now = self.shared().now();
        self.write_in_background(move |conn, _| {
            let known: Option<Option<Vec<u8>>> = on!(conn, |c| pending::table
                .find(new.hash.as_bytes().as_slice())
                .select(pending::sealed)
                .get_result(c)
                .optional())?;
            if let Some(sealed) = known {
                return Ok(match sealed.as_deref() {
                    Some(USED) => RegistrationMail::Nothing,
                    Some(_) => RegistrationMail::Confirm,
                    None => RegistrationMail::Tell,
                });
            }
            let account = users::table.filter(users::email_key.eq(new.email.key()));
            let is_taken: bool = on!(conn, |c| diesel::select(diesel::dsl::exists(account)).get_result(c))?;
            let limits: &[(TimeDelta, i64)] = if is_taken { &[(TOLD_ONCE_IN, 1)] } else { &MAIL_LIMITS };
            if is_exhausted(conn, &new.email, limits, now)? {
                return Ok(RegistrationMail::Nothing);
            }
            let row = (
                pending::hash.eq(new.hash.as_bytes().as_slice()),
                pending::email_key.eq(new.email.key()),
                pending::sealed.eq((!is_taken).then_some(new.sealed.as_slice())),
                pending::created_at.eq(Time(now)),
                pending::expires_at.eq(Time(new.expires_at)),
            );
            on!(conn, |c| diesel::insert_into(pending::table).values(row).execute(c))?;
            Ok(if is_taken { RegistrationMail::Tell } else { RegistrationMail::Confirm })
        })
        .await
    }

    /// Returns true if a token is that of a registration, of whichever state.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn has_registration(&self, hash: SecretHash) -> Result<bool, StoreError> {
        self.read(move |conn| {
            let known = pending::table.find(hash.as_bytes().as_slice());
            Ok(on!(conn, |c| diesel::select(diesel::dsl::exists(known)).get_result(c))?)
        })
        .await
    }

    /// Creates the account of a registration whose address is proved. `open` opens its members. Returns false when
    /// the token cannot be redeemed, or another account has the address by now.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn redeem_registration(
        &self,
        hash: SecretHash,
        grant: RoleGrant,
        open: impl Fn(&[u8]) -> Option<NewUser> + Send + 'static,
    ) -> Result<bool, StoreError> {
        let shared = self.shared().clone();
        let created = self.write(None, move |conn, _| {
            let unused = || pending::table.find(hash.as_bytes().as_slice()).filter(pending::sealed.ne(USED));
            let live = unused().filter(pending::expires_at.gt(Time(shared.now())));
            let sealed: Option<Option<Vec<u8>>> =
                on!(conn, |c| live.select(pending::sealed).get_result(c).optional())?;
            let Some(new) = sealed.flatten().as_deref().and_then(&open) else { return Ok(false) };
            let spent = update(unused()).set(pending::sealed.eq(Some(USED)));
            if on!(conn, |c| spent.execute(c))? != 1 {
                return Ok(false);
            }
            let user = shared.insert_user(conn, &new, &grant)?;
            let created = users::table.filter(users::id.eq(user.id));
            on!(conn, |c| update(created).set(users::email_verified.eq(true)).execute(c))?;
            Ok(true)
        });
        match created.await {
            Err(StoreError::Taken) => Ok(false),
            created => created,
        }
    }
}

/// Deletes the registrations of an address whose user is deleted.
pub(super) fn drop_registrations(conn: &mut Connection, email: &Email) -> Result<(), StoreError> {
    on!(conn, |c| diesel::delete(pending::table.filter(pending::email_key.eq(email.key()))).execute(c))?;
    Ok(())
}

/// Returns true when the address got as many mails as it may get for now.
fn is_exhausted(
    conn: &mut Connection,
    email: &Email,
    limits: &[(TimeDelta, i64)],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    for (window, most) in limits {
        let recent = pending::table
            .filter(pending::email_key.eq(email.key()))
            .filter(pending::created_at.gt(Time(now - *window)));
        let count: i64 = on!(conn, |c| recent.count().get_result(c))?;
        if count >= *most {
            return Ok(true);
        }
    }
    Ok(false)
}
