//! Range tombstones. Suspension, logout, a withdrawn consent and deletion end any number of sessions at once. In
//! their transaction they delete one batch of rows, and leave a tombstone that covers the rest. A covered row does
//! not exist for any query. The server deletes covered rows in batches, and then the tombstone.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Nullable};

use crate::domain::{ClientId, SessionId, UserId};
use crate::on;
use crate::store::engine::schema::{
    authorization_codes, consents, refresh_tokens as tokens, sessions, tombstones,
};
use crate::store::{Connection, StoreError, TrustedStore};

/// Upper bound of the rows of one kind that a transaction deletes.
const BATCH: i64 = 500;

/// Upper bound of the refresh tokens that a transaction deletes. Most sessions have few.
const TOKENS: i64 = 2_000;

/// Rows that end together: of a user, of a client, of both, or in a browser session. A part that is `None` covers
/// any value.
#[derive(Clone, Default, Queryable, Selectable, Insertable)]
#[diesel(table_name = tombstones)]
pub(in crate::store) struct Tombstone {
    user_id: Option<UserId>,
    client_id: Option<String>,
    parent_id: Option<SessionId>,
    /// True if the user or the client itself is deleted: consents end with the sessions.
    with_consents: bool,
}

diesel::define_sql_function! {
    fn coalesce(value: Nullable<BigInt>, otherwise: BigInt) -> BigInt;
}

/// Number of the newest tombstone, which a new row stores. Only later ones cover the row.
macro_rules! newest {
    () => {{
        use crate::store::engine::schema::tombstones;
        let newest = diesel::dsl::max(tombstones::seq);
        let newest = $crate::store::records::tombstones::coalesce(newest, 0_i64);
        tombstones::table.select(newest).single_value().assume_not_null()
    }};
}
pub(in crate::store) use newest;

/// Condition of the rows that no tombstone covers.
macro_rules! alive {
    (consents) => {{
        use crate::store::engine::schema::{consents, tombstones};
        diesel::dsl::not(diesel::dsl::exists(
            $crate::store::records::tombstones::alive!(@covering consents).filter(tombstones::with_consents),
        ))
    }};
    ($table:ident) => {{
        use crate::store::engine::schema::{$table, tombstones};
        let in_browser = tombstones::parent_id.eq($table::parent_id.nullable());
        diesel::dsl::not(diesel::dsl::exists(
            $crate::store::records::tombstones::alive!(@covering $table)
                .filter(tombstones::parent_id.is_null().or(in_browser)),
        ))
    }};
    (@covering $table:ident) => {
        tombstones::table
            .filter(tombstones::seq.gt($table::after_tombstone))
            .filter(tombstones::user_id.is_null().or(tombstones::user_id.eq($table::user_id.nullable())))
            .filter(tombstones::client_id.is_null().or(tombstones::client_id.eq($table::client_id.nullable())))
    };
}
pub(in crate::store) use alive;

/// The rows of a boxed query that a tombstone with this number covers.
macro_rules! covered {
    ($query:expr, $table:ident, $tombstone:expr, $seq:expr) => {{
        let mut rows = $query.filter($table::after_tombstone.lt($seq));
        if let Some(user) = $tombstone.user_id {
            rows = rows.filter($table::user_id.eq(user));
        }
        if let Some(client) = &$tombstone.client_id {
            rows = rows.filter($table::client_id.eq(client));
        }
        rows
    }};
    ($query:expr, $table:ident, $tombstone:expr, $seq:expr, in_browser) => {{
        let mut rows = covered!($query, $table, $tombstone, $seq);
        if let Some(parent) = $tombstone.parent_id {
            rows = rows.filter($table::parent_id.eq(parent));
        }
        rows
    }};
}

impl Tombstone {
    /// Covers the sessions of a user.
    pub(in crate::store) fn of_user(user: UserId) -> Self {
        Self { user_id: Some(user), ..Self::default() }
    }

    /// Covers the sessions of a client with a user.
    pub(in crate::store) fn of_consent(user: UserId, client: &ClientId) -> Self {
        Self { user_id: Some(user), client_id: Some(client.to_string()), ..Self::default() }
    }

    /// Covers the sessions of clients in a browser session.
    pub(in crate::store) fn of_browser(parent: SessionId) -> Self {
        Self { parent_id: Some(parent), ..Self::default() }
    }

    /// Covers everything of a user who is deleted.
    pub(in crate::store) fn of_deleted_user(user: UserId) -> Self {
        Self { with_consents: true, ..Self::of_user(user) }
    }

    /// Covers the sessions and codes of a client.
    pub(in crate::store) fn of_client(client: &ClientId) -> Self {
        Self { client_id: Some(client.to_string()), ..Self::default() }
    }

    /// Covers everything of a client that is deleted.
    pub(in crate::store) fn of_deleted_client(client: &ClientId) -> Self {
        Self { with_consents: true, ..Self::of_client(client) }
    }

    /// Returns true if it covers the sessions in a browser session.
    pub(in crate::store) fn is_of_browser(&self) -> bool {
        self.parent_id.is_some()
    }

    /// Returns the only client whose sessions it covers.
    pub(in crate::store) fn client(&self) -> Option<&str> {
        self.client_id.as_deref()
    }

    /// Returns the first `most` sessions that it would cover now, except `kept`.
    pub(in crate::store) fn sessions(
        &self,
        conn: &mut Connection,
        kept: Option<SessionId>,
        most: i64,
    ) -> Result<Vec<SessionId>, StoreError> {
        Ok(on!(conn, DB, |c| {
            let all = sessions::table.select(sessions::id).into_boxed::<DB>();
            let mut rows = covered!(all, sessions, self, i64::MAX, in_browser);
            if let Some(kept) = kept {
                rows = rows.filter(sessions::id.ne(kept));
            }
            rows.limit(most).load(c)
        })?)
    }

    /// Ends what it covers, except the session `kept`. The caller of this function has locked the row of the
    /// user or the client, so that no concurrent transaction adds a session.
    pub(in crate::store) fn apply(
        self,
        conn: &mut Connection,
        kept: Option<SessionId>,
    ) -> Result<(), StoreError> {
        if self.delete_batch(conn, i64::MAX, kept)? {
            return Ok(());
        }
        on!(conn, |c| diesel::insert_into(tombstones::table).values(&self).execute(c))?;
        if let Some(kept) = kept {
            let kept = sessions::table.find(kept);
            on!(conn, |c| diesel::update(kept).set(sessions::after_tombstone.eq(newest!())).execute(c))?;
        }
        Ok(())
    }

    /// Deletes a batch of each kind of row. Returns true if no row is left.
    fn delete_batch(
        &self,
        conn: &mut Connection,
        seq: i64,
        kept: Option<SessionId>,
    ) -> Result<bool, StoreError> {
        let is_full = |rows: usize, most: i64| i64::try_from(rows).is_ok_and(|rows| rows >= most);
        let codes = on!(conn, DB, |c| {
            let all = authorization_codes::table.select(authorization_codes::hash).into_boxed::<DB>();
            let rows = covered!(all, authorization_codes, self, seq, in_browser).limit(BATCH);
            diesel::delete(authorization_codes::table.filter(authorization_codes::hash.eq_any(rows)))
                .execute(c)
        })?;
        let ended: Vec<SessionId> = on!(conn, DB, |c| {
            let all = sessions::table.select(sessions::id).into_boxed::<DB>();
            let mut rows = covered!(all, sessions, self, seq, in_browser).limit(BATCH);
            if let Some(kept) = kept {
                rows = rows.filter(sessions::id.ne(kept));
            }
            rows.load(c)
        })?;
        // Before their sessions: a session may have a thousand of them.
        let refresh_tokens = on!(conn, DB, |c| {
            let all = tokens::table.select(tokens::hash).into_boxed::<DB>();
            let rows = all.filter(tokens::session_id.eq_any(&ended)).limit(TOKENS);
            diesel::delete(tokens::table.filter(tokens::hash.eq_any(rows))).execute(c)
        })?;
        if is_full(codes, BATCH) || is_full(refresh_tokens, TOKENS) {
            return Ok(false);
        }
        on!(conn, |c| diesel::delete(sessions::table.filter(sessions::id.eq_any(&ended))).execute(c))?;
        if is_full(ended.len(), BATCH) {
            return Ok(false);
        }
        Ok(!self.with_consents || !is_full(self.delete_consents(conn, seq)?, BATCH))
    }

    fn delete_consents(&self, conn: &mut Connection, seq: i64) -> Result<usize, StoreError> {
        let rows = match (self.user_id, &self.client_id) {
            (Some(user), _) => on!(conn, DB, |c| {
                let all = consents::table.select(consents::client_id).into_boxed::<DB>();
                let batch = covered!(all, consents, self, seq).limit(BATCH);
                let of_user = consents::table.filter(consents::user_id.eq(user));
                diesel::delete(of_user.filter(consents::client_id.eq_any(batch))).execute(c)
            }),
            (None, Some(client)) => on!(conn, DB, |c| {
                let all = consents::table.select(consents::user_id).into_boxed::<DB>();
                let batch = covered!(all, consents, self, seq).limit(BATCH);
                let of_client = consents::table.filter(consents::client_id.eq(client));
                diesel::delete(of_client.filter(consents::user_id.eq_any(batch))).execute(c)
            }),
            (None, None) => Ok(0),
        };
        Ok(rows?)
    }
}

impl TrustedStore {
    /// Deletes a batch of the rows that the oldest tombstone covers, or the tombstone after the last of them.
    /// Returns false if there is no tombstone.
    ///
    /// # Errors
    /// If the database is unavailable. Then the rows stay, and stay covered.
    pub(crate) async fn delete_covered(&self) -> Result<bool, StoreError> {
        self.write_in_background(|conn, _| {
            let oldest: Option<(i64, Tombstone)> = on!(conn, |c| tombstones::table
                .order(tombstones::seq)
                .select((tombstones::seq, Tombstone::as_select()))
                .first(c)
                .optional())?;
            let Some((seq, tombstone)) = oldest else { return Ok(false) };
            if tombstone.delete_batch(conn, seq, None)? {
                on!(conn, |c| diesel::delete(tombstones::table.find(seq)).execute(c))?;
            }
            Ok(true)
        })
        .await
    }
}
