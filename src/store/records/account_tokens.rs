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

/// Most mails of one purpose for one account in an hour, and in a day.
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
    /// The account got as many mails of this purpose as it may get for now.
    TooMany,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = tokens)]
struct TokenRow {
    user_id: UserId,
    purpose: String,
    email: String,
    new_email: Option<String>,
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
            tokens::created_at.eq(now),
            tokens::expires_at.eq(Time(new.expires_at)),
        );
        on!(conn, |c| diesel::insert_into(tokens::table).values(row).execute(c))?;
        Ok(())
    }

    /// Ends the tokens of a user whose password, address or status has changed. Those that undo a change of the
    /// address stay: an attacker who took the account over could end them in this way.
    pub(in crate::store) fn end_account_tokens(
        &self,
        conn: &mut Connection,
        user: UserId,
    ) -> Result<(), StoreError> {
        let live = tokens::table
            .filter(tokens::user_id.eq(user))
            .filter(tokens::purpose.ne(TokenPurpose::UndoEmailChange.as_str()))
            .filter(tokens::ended_at.is_null());
        on!(conn, |c| update(live).set(tokens::ended_at.eq(Some(Time(self.now())))).execute(c))?;
        Ok(())
    }

    /// Ends every token of a user.
    pub(super) fn end_all_account_tokens(
        &self,
        conn: &mut Connection,
        user: UserId,
    ) -> Result<(), StoreError> {
        let live = tokens::table.filter(tokens::user_id.eq(user)).filter(tokens::ended_at.is_null());
        on!(conn, |c| update(live).set(tokens::ended_at.eq(Some(Time(self.now())))).execute(c))?;
        Ok(())
    }

    /// Returns a token that can be redeemed: its account is active and still has the address to which it is bound.
    fn live_token(&self, conn: &mut Connection, hash: &SecretHash) -> Result<Option<LiveToken>, StoreError> {
        let now = Time(self.now());
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
        let (email, new_email) = (Email::stored(row.email), row.new_email.map(Email::stored));
        let is_bound = match purpose {
            TokenPurpose::UndoEmailChange => true,
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

fn row_of(conn: &mut Connection, hash: &SecretHash) -> Result<Option<TokenRow>, StoreError> {
    let row = tokens::table.find(hash.as_bytes().as_slice());
    Ok(on!(conn, |c| row.select(TokenRow::as_select()).get_result(c).optional())?)
}

/// Returns true when the account got as many tokens of this purpose as it may get for now.
fn is_exhausted(
    conn: &mut Connection,
    new: &NewAccountToken,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    for (window, most) in MAIL_LIMITS {
        let recent = tokens::table
            .filter(tokens::user_id.eq(new.user))
            .filter(tokens::purpose.eq(new.purpose.as_str()))
            .filter(tokens::created_at.gt(Time(now - window)));
        let count: i64 = on!(conn, |c| recent.count().get_result(c))?;
        if count >= most {
            return Ok(true);
        }
    }
    Ok(false)
}
