//! Locks that put a change of an account or a client and the revocation of its caller one after the other. On
//! PostgreSQL they are advisory locks of the transaction; SQLite has one writer. Such a change shares the lock of its
//! caller, and has the lock of what it changes for itself, since it can revoke its tokens. So a suspension waits for
//! the changes of its user that have begun, and a later one waits for the suspension and then finds it. Changes of
//! other records give no caller powers, and take no lock.
//!
//! Advisory locks are granted in the order of their requests, so that a caller who writes without a pause does not
//! delay its suspension. The lock of a row is shared without regard to those who wait to change it.

use diesel::prelude::*;
use diesel::sql_types::BigInt;

use crate::authz::Resource as _;
use crate::authz::action::{Action as _, Create};
use crate::authz::{AuditEvent, Caller};
use crate::domain::{Client, User, sha256};
use crate::store::{Connection, Link, StoreError};

diesel::define_sql_function! {
    /// Takes an advisory lock until the transaction ends.
    fn pg_advisory_xact_lock(lock: BigInt) -> Nullable<Text>;
}

diesel::define_sql_function! {
    /// Takes an advisory lock that others can share, until the transaction ends.
    fn pg_advisory_xact_lock_shared(lock: BigInt) -> Nullable<Text>;
}

/// Takes the locks of a change by this caller, with this audit event, if it is of an account or a client. Takes them
/// in the order of their keys, so that two administrators who suspend each other do not wait for each other.
///
/// # Errors
/// If the database is unavailable.
pub(super) fn take(
    conn: &mut Connection,
    caller: Option<&Caller>,
    event: Option<&AuditEvent>,
) -> Result<(), StoreError> {
    let (Link::Postgres(c), Some(event)) = (conn.link(), event.filter(|event| is_of_subject(event))) else {
        return Ok(());
    };
    let shared =
        caller.filter(|caller| caller.revocable().is_some()).map(|caller| key(&caller.subject().actor()));
    let changed = event.record.as_ref().filter(|_| event.action != Create::NAME);
    let alone = changed.map(|record| key(&format!("{}:{record}", event.resource)));
    let taken = match (shared, alone) {
        (None, None) => return Ok(()),
        (Some(shared), None) => diesel::select(pg_advisory_xact_lock_shared(shared)).execute(c),
        (Some(shared), Some(alone)) if shared < alone => {
            let locks = (pg_advisory_xact_lock_shared(shared), pg_advisory_xact_lock(alone));
            diesel::select(locks).execute(c)
        }
        (Some(shared), Some(alone)) if alone < shared => {
            let locks = (pg_advisory_xact_lock(alone), pg_advisory_xact_lock_shared(shared));
            diesel::select(locks).execute(c)
        }
        (_, Some(alone)) => diesel::select(pg_advisory_xact_lock(alone)).execute(c),
    };
    taken?;
    Ok(())
}

/// Returns true if the change is of an account or a client, whose tokens it can revoke.
fn is_of_subject(event: &AuditEvent) -> bool {
    [User::NAME, Client::NAME].contains(&event.resource)
}

/// Returns the key of the lock of a user or a client. Two names with one key wait for each other, and nothing else.
fn key(name: &str) -> i64 {
    i64::from_be_bytes(*sha256(format!("subject {name}").as_bytes()).first_chunk().unwrap_or(&[0; 8]))
}
