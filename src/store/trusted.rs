//! The store without proofs.

use std::ops::Deref;
use std::sync::Arc;

use super::shared::Shared;
use super::{DeclaredTable, Engine, OnRevoked, Store, StoreError};
use crate::authz::Vocabulary;
use crate::domain::{ClockAndRandom, Lifetimes};

/// The store without proofs: for the authorization server, the server's own duties and the command line.
/// Functions that act before there is a caller (login, redemption, refresh) or without one (housekeeping, key
/// rotation) are here.
///
/// `server` and `cli` open it and pass [`Store`] to handlers. No function leads from a [`Store`] to a
/// `TrustedStore`. Cheap to clone.
#[derive(Clone)]
pub(crate) struct TrustedStore(Store);

impl TrustedStore {
    /// Opens a store with a pool of `connections`, which connect when they are needed.
    pub(crate) fn open(
        engine: Engine,
        connections: usize,
        clock_and_random: ClockAndRandom,
        vocabulary: Arc<Vocabulary>,
        lifetimes: Lifetimes,
        on_revoked: OnRevoked,
    ) -> Self {
        Self(Store::new(Shared::new(
            engine,
            connections,
            clock_and_random,
            vocabulary,
            lifetimes,
            on_revoked,
        )))
    }

    /// Returns how the tables differ from these declarations.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn differences_of(&self, tables: Vec<DeclaredTable>) -> Result<Vec<String>, StoreError> {
        let differences = self.0.read(move |conn| {
            tables.iter().map(|table| table.differences(conn)).collect::<Result<Vec<_>, _>>()
        });
        Ok(differences.await?.concat())
    }

    /// Opens a migrated SQLite store in a test's directory.
    #[cfg(test)]
    #[expect(clippy::disallowed_methods, reason = "a test opens its own store")]
    pub(crate) fn for_test(directory: &std::path::Path) -> Self {
        use super::engine::migrate::{OWN_MIGRATIONS, migrate};

        let engine = Engine::Sqlite(directory.join("cloakroom.db"));
        migrate(&engine, &[&OWN_MIGRATIONS]).expect("a new database");
        let minute = chrono::TimeDelta::minutes(1);
        let lifetimes = Lifetimes { access_token: minute, refresh_token: minute, session: minute };
        Self::open(engine, 4, ClockAndRandom::default(), Arc::default(), lifetimes, Arc::new(|_| {}))
    }
}

impl Deref for TrustedStore {
    type Target = Store;

    fn deref(&self) -> &Store {
        &self.0
    }
}
