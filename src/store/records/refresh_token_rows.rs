//! Rows of `refresh_tokens`.

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::session_rows::{SessionBinding, SessionRow};
use super::tombstones::alive;
use crate::domain::{SecretHash, Session, Time};
use crate::on;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{refresh_tokens as tokens, sessions};
use crate::store::{Connection, StoreError};

/// Number of refresh tokens of a session whose reuse is noticed. Older ones are deleted.
const MAX_TOKENS: i64 = 1_000;

/// Number of exchanges after which the tokens above [`MAX_TOKENS`] are deleted.
const SURPLUS: i64 = 100;

/// A stored refresh token with its session.
pub(crate) struct KnownRefreshToken {
    /// Its session.
    pub(crate) session: Session,
    /// The binding of the session.
    pub(in crate::store) binding: SessionBinding,
    /// Time of its first use.
    pub(in crate::store) used_at: Option<DateTime<Utc>>,
    /// The token that replaced it, sealed, until that one is used.
    pub(in crate::store) successor: Option<Vec<u8>>,
    /// Time of expiry.
    pub(crate) expires_at: DateTime<Utc>,
    /// Number of exchanges in the session before it was issued.
    pub(in crate::store) generation: i64,
}

impl KnownRefreshToken {
    /// Returns true if it was not used yet.
    pub(crate) fn is_fresh(&self) -> bool {
        self.used_at.is_none()
    }

    /// Returns true if its successor was used too. The exchange cannot be repeated any more.
    pub(in crate::store) fn is_reused(&self) -> bool {
        self.used_at.is_some() && self.successor.is_none()
    }

    /// Returns the names of its scopes, separated by spaces.
    pub(crate) fn scope(&self) -> &str {
        self.binding.scope.as_deref().unwrap_or_default()
    }
}

/// Reads an unexpired token.
pub(in crate::store) fn load(
    conn: &mut Connection,
    token: &SecretHash,
    now: DateTime<Utc>,
) -> Result<Option<KnownRefreshToken>, StoreError> {
    type Row = (Option<Time>, Option<Vec<u8>>, Time, i64, SessionRow);
    let row: Option<Row> = on!(conn, |c| tokens::table
        .inner_join(sessions::table)
        .filter(tokens::hash.eq(token.as_bytes().as_slice()))
        .filter(tokens::expires_at.gt(Time(now)))
        .filter(alive!(sessions))
        .select((
            tokens::used_at,
            tokens::answer,
            tokens::expires_at,
            tokens::generation,
            SessionRow::as_select()
        ))
        .get_result(c)
        .optional())?;
    Ok(row.map(|(used_at, successor, expires_at, generation, session)| {
        let (session, binding) = session.read();
        let (used_at, expires_at) = (used_at.map(|time| time.0), expires_at.0);
        KnownRefreshToken { session, binding, used_at, successor, expires_at, generation }
    }))
}

/// Marks a token as used. Returns true if this is its first use.
pub(in crate::store) fn mark_used(
    conn: &mut Connection,
    token: &SecretHash,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let unused = tokens::table.find(token.as_bytes().as_slice()).filter(tokens::used_at.is_null());
    let rows = on!(conn, |c| update(unused).set(tokens::used_at.eq(Some(Time(now)))).execute(c))?;
    Ok(rows == 1)
}

/// Inserts a token, which expires with its session.
pub(in crate::store) fn insert(
    conn: &mut Connection,
    token: &SecretHash,
    session: &Session,
    generation: i64,
) -> Result<(), StoreError> {
    let row = (
        tokens::hash.eq(token.as_bytes().as_slice()),
        tokens::session_id.eq(session.id),
        tokens::expires_at.eq(Time(session.expires_at)),
        tokens::generation.eq(generation),
    );
    on!(conn, |c| diesel::insert_into(tokens::table).values(row).execute(c))?;
    if generation % SURPLUS == 0 {
        let surplus = tokens::table
            .filter(tokens::session_id.eq(session.id))
            .filter(tokens::generation.le(generation - MAX_TOKENS));
        on!(conn, |c| diesel::delete(surplus).execute(c))?;
    }
    Ok(())
}
