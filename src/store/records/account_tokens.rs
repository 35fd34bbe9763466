//! Tokens of mailed links. Only their SHA-256 is stored.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;

use super::user_rows::load;
use crate::domain::{Email, SecretHash, Status, Time, TokenPurpose, User, UserId};
use crate::on;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::account_tokens as tokens;
use crate::store::shared::Shared;
use crate::store::{Connection, StoreError, TrustedStore};

/// Most mails of one purpose for one account, and for one address, in an hour, and in a day.
pub(in crate::store) const MAIL_LIMITS: [(TimeDelta, i64); 2] =
    [(TimeDelta::hours(1), 3), (TimeDelta::hours(24), 10)];

/// A token to issue.
#[derive(Clone)]
pub(crate) struct NewAccountToken {
    /// Hash of the token.
    pub(crate) hash: SecretHash,
    /// The account.
    pub(crate) user: UserId,
    /// The purpose.
    pub(crate) purpose: TokenPurpose,
    /// The address to which the token is bound. A token that undoes a change restores it.
    pub(crate) email: Email,
    /// The address that the token confirms.
    pub(crate) new_email: Option<Email>,
    /// Time of expiry.
    pub(crate) expires_at: DateTime<Utc>,
}

/// A token that can be redeemed.
#[derive(Clone, Debug)]
pub(crate) struct LiveToken {
    /// The account.
    pub(crate) user: User,
    /// The purpose.
    pub(crate) purpose: TokenPurpose,
    /// The address to which it is bound.
    pub(crate) email: Email,
    /// The address that it confirms.
    pub(crate) new_email: Option<Email>,
}

/// Result of issuing a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Issued {
    /// It can be redeemed.
    Live,
    /// It was redeemed, or lost its effect, before its mail was sent again.
    Ended,
    /// The account, or the address, got as many mails of this purpose as it may get for now.
    TooMany,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = tokens)]
struct TokenRow {
    user_id: UserId,
    purpose: String,
    email: String,
    new_email: Option<String>,
    created_at: Time,
    ended_at: Option<Time>,
}

impl TrustedStore {
    /// Issues a token for a mail. The same token may be issued again when its mail is sent again.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn issue_account_token(&self, new: NewAccountToken) -> Result<Issued, StoreError> {
        let shared = self.shared().clone();
        self.write_in_background(move |conn, _| {
            if let Some(row) = row_of(conn, &new.hash)? {
                return Ok(if row.ended_at.is_none() { Issued::Live } else { Issued::Ended });
            }
            if is_exhausted(conn, &new, shared.now())? {
                return Ok(Issued::TooMany);
            }
            shared.insert_account_token(conn, &new)?;
            Ok(Issued::Live)
        })
        .await
    }

    /// Returns a token that can be redeemed.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn live_account_token(&self, hash: SecretHash) -> Result<Option<LiveToken>, StoreError> {
        let shared = self.shared().clone();
        self.read(move |conn| shared.live_token(conn, &hash)).await
    }
}

impl Shared {
    /// Stores a token. It ends earlier ones of its purpose.
    pub(in crate::store) fn insert_account_token(
        &self,
        conn: &mut Connection,
        new: &NewAccountToken,
    ) -> Result<(), StoreError> {
        let now = Time(self.now());
        let created_at = if new.purpose.is_unique() { now } else { self.after_live_undo(conn, new.user)? };
        if new.purpose.is_unique() {
            let earlier = tokens::table
                .filter(tokens::user_id.eq(new.user))
                .filter(tokens::purpose.eq(new.purpose.as_str()))
                .filter(tokens::ended_at.is_null());
            on!(conn, |c| update(earlier).set(tokens::ended_at.eq(Some(now))).execute(c))?;
        }
        let row = (
            tokens::hash.eq(new.hash.as_bytes().as_slice()),
            tokens::user_id.eq(new.user),
            tokens::purpose.eq(new.purpose.as_str()),
            tokens::email.eq(new.email.as_str()),
            tokens::new_email.eq(new.new_email.as_ref().map(Email::as_str)),
            tokens::new_email_key.eq(new.new_email.as_ref().map(Email::key)),
            tokens::created_at.eq(created_at),
            tokens::expires_at.eq(Time(new.expires_at)),
        );
        on!(conn, |c| diesel::insert_into(tokens::table).values(row).execute(c))?;
        Ok(())
    }

    /// Ends the tokens of a user whose password, address or status has changed. With `keeps_undo`, those that undo a
    /// change of the address stay: a thief of the account acts as its owner, and must not end the first owner's way
    /// back. A change by another caller is the decision of an administrator, which no earlier holder undoes.
    pub(in crate::store) fn end_account_tokens(
        &self,
        conn: &mut Connection,
        user: UserId,
        keeps_undo: bool,
    ) -> Result<(), StoreError> {
        let kept = if keeps_undo { TokenPurpose::UndoEmailChange.as_str() } else { "" };
        let live = tokens::table
            .filter(tokens::user_id.eq(user))
            .filter(tokens::purpose.ne(kept))
            .filter(tokens::ended_at.is_null());
        on!(conn, |c| update(live).set(tokens::ended_at.eq(Some(Time(self.now())))).execute(c))?;
        Ok(())
    }

    /// Returns true if a live token undoes a change by restoring this address.
    pub(super) fn is_way_back(
        &self,
        conn: &mut Connection,
        user: UserId,
        email: &Email,
    ) -> Result<bool, StoreError> {
        let ways: Vec<TokenRow> =
            on!(conn, |c| live_undo(user, Time(self.now())).select(TokenRow::as_select()).load(c))?;
        Ok(ways.into_iter().any(|way| Email::stored(way.email).key() == email.key()))
    }

    /// Returns a time for a new token that undoes a change, later than that of the live ones: the order decides which
    /// of them can be redeemed, and the clocks of two replicas differ.
    fn after_live_undo(&self, conn: &mut Connection, user: UserId) -> Result<Time, StoreError> {
        let now = self.now();
        let live = live_undo(user, Time(now)).order(tokens::created_at.desc()).select(tokens::created_at);
        let newest: Option<Time> = on!(conn, |c| live.first(c).optional())?;
        let earliest = newest.map_or(now, |newest| newest.0 + TimeDelta::milliseconds(1));
        Ok(Time(now.max(earliest)))
    }

    /// Returns true if a live token that undoes an earlier change of the address exists.
    fn has_earlier_undo(&self, conn: &mut Connection, row: &TokenRow) -> Result<bool, StoreError> {
        let earlier = live_undo(row.user_id, Time(self.now())).filter(tokens::created_at.lt(row.created_at));
        Ok(on!(conn, |c| diesel::select(diesel::dsl::exists(earlier)).get_result(c))?)
    }

    /// Returns a token that can be redeemed: its account is active and still has the address to which it is bound. Of
    /// those that undo changes of the address, the one of the first change can be redeemed: a thief who changes the
    /// address twice is the receiver of the second.
    fn live_token(&self, conn: &mut Connection, hash: &SecretHash) -> Result<Option<LiveToken>, StoreError> {
        let now = if fault!(mailed_link_outlives) { DateTime::UNIX_EPOCH } else { self.now() };
        let now = Time(now);
        let row: Option<TokenRow> = on!(conn, |c| tokens::table
            .find(hash.as_bytes().as_slice())
            .filter(tokens::ended_at.is_null())
            .filter(tokens::expires_at.gt(now))
            .select(TokenRow::as_select())
            .get_result(c)
            .optional())?;
        let Some((row, purpose)) = row.and_then(|row| TokenPurpose::named(&row.purpose).map(|of| (row, of)))
        else {
            return Ok(None);
        };
        let Some(user) = load(conn, &self.vocabulary, row.user_id)? else { return Ok(None) };
        let is_first_undo = purpose == TokenPurpose::UndoEmailChange && !self.has_earlier_undo(conn, &row)?;
        let (email, new_email) = (Email::stored(row.email), row.new_email.map(Email::stored));
        let is_bound = match purpose {
            TokenPurpose::UndoEmailChange => is_first_undo,
            TokenPurpose::ConfirmEmail => email == user.email && new_email == user.pending_email,
            _ => email == user.email,
        };
        let is_live = user.status == Status::Active && is_bound;
        Ok(is_live.then_some(LiveToken { user, purpose, email, new_email }))
    }

    /// Spends a token of this purpose. Of concurrent requests one gets it.
    pub(super) fn spend(
        &self,
        conn: &mut Connection,
        hash: &SecretHash,
        purpose: TokenPurpose,
    ) -> Result<Option<LiveToken>, StoreError> {
        let Some(token) = self.live_token(conn, hash)?.filter(|token| token.purpose == purpose) else {
            return Ok(None);
        };
        let live = tokens::table.filter(tokens::hash.eq(hash.as_bytes().as_slice()));
        let live = live.filter(tokens::ended_at.is_null());
        let spent = on!(conn, |c| update(live).set(tokens::ended_at.eq(Some(Time(self.now())))).execute(c))?;
        Ok((spent == 1).then_some(token))
    }
}

/// Returns the live tokens that undo changes of a user's address.
#[diesel::dsl::auto_type]
fn live_undo(user: UserId, now: Time) -> _ {
    let purpose: &'static str = TokenPurpose::UndoEmailChange.as_str();
    tokens::table
        .filter(tokens::user_id.eq(user))
        .filter(tokens::purpose.eq(purpose))
        .filter(tokens::ended_at.is_null())
        .filter(tokens::expires_at.gt(now))
}

fn row_of(conn: &mut Connection, hash: &SecretHash) -> Result<Option<TokenRow>, StoreError> {
    let row = tokens::table.find(hash.as_bytes().as_slice());
    Ok(on!(conn, |c| row.select(TokenRow::as_select()).get_result(c).optional())?)
}

/// Returns true when the account got as many mails of this purpose as it may get for now, or the new address as many from
/// all accounts together.
fn is_exhausted(
    conn: &mut Connection,
    new: &NewAccountToken,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let new_key = new.new_email.as_ref().map(Email::key);
    for (window, most) in MAIL_LIMITS {
        let began = Time(now - window);
        let of_account = tokens::table
            .filter(tokens::user_id.eq(new.user))
            .filter(tokens::purpose.eq(new.purpose.as_str()))
            .filter(tokens::created_at.gt(began));
        let mut count: i64 = on!(conn, |c| of_account.count().get_result(c))?;
        if let Some(key) = &new_key {
            let of_address = tokens::table
                .filter(tokens::new_email_key.eq(key))
                .filter(tokens::created_at.gt(began))
                .count();
            count = count.max(on!(conn, |c| of_address.get_result(c))?);
        }
        if count >= most {
            return Ok(true);
        }
    }
    Ok(false)
}
