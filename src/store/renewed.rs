//! Renewed decisions. A body, a hash, a queue or a retry can lie between a decision and its deed. The store
//! therefore looks at the caller again in the transaction of every change, and only then lets it write.
//!
//! The statements that change an application's records take a [`Renewed`] proof:
//! ```compile_fail,E0308
//! use cloakroom::store::{Connection, Repository, StoreError};
//! fn write<R: Repository>(note: &R, conn: &mut Connection) -> Result<usize, StoreError> { note.insert(conn) }
//! ```
//! ```
//! use cloakroom::{authz::{Allowed, action::Create}, store::{Renewed, Repository, StoreError}};
//! fn write<R: Repository>(note: &R, conn: &mut Renewed<'_, Allowed<R, Create>>) -> Result<usize, StoreError> { note.insert(conn) }
//! ```
//! Only the store makes one:
//! ```compile_fail,E0624
//! use cloakroom::store::{Connection, Renewed};
//! fn pretend<P>(conn: &mut Connection) { let _ = Renewed::<P>::look_again(conn, None); }
//! ```
//! ```
//! use cloakroom::store::{Connection, Renewed};
//! fn read<'a, P>(renewed: &'a mut Renewed<'_, P>) -> &'a mut Connection { renewed }
//! ```

mod locks;

use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::time::{Duration, Instant};

use diesel::dsl::max;
use diesel::prelude::*;

use super::changes::{Changes, decode};
use super::engine::schema::{revocations, users};
use super::records::lease_rows::check_lease;
use super::records::user_roles::roles_of;
use super::{Connection, StoreError};
use crate::authz::action::Changing;
use crate::authz::{Allowed, AuditEvent, Caller, Proof, Resource, Revocable};
use crate::domain::{Role, Status, Time, User, UserId};
use crate::on;

/// Age of a look at which a transaction looks again before its commit. On PostgreSQL a transaction can wait for
/// another one's lock.
const LOOK_LIFETIME: Duration = Duration::from_millis(100);

/// A connection in the transaction of a change whose proof `P` was renewed. The caller is looked up in the same
/// transaction, and its token has not lost its effect since the decision. It dereferences to the
/// [`Connection`].
pub struct Renewed<'tx, P> {
    conn: &'tx mut Connection,
    proof: PhantomData<fn() -> P>,
}

/// Part of the proof `P` that a transaction needs: the caller to look at again, and the audit event.
pub(in crate::store) struct Authorization<P> {
    caller: Option<Caller>,
    /// Owner whose roles the decision compared with the caller's powers, and these roles.
    compared: Option<(UserId, Vec<Role>)>,
    pub(in crate::store) event: Option<AuditEvent>,
    proof: PhantomData<fn() -> P>,
}

impl<R: Resource, A: Changing> Authorization<Allowed<R, A>> {
    /// Returns the authorization of a change of this record.
    pub(in crate::store) fn of(proof: &Allowed<R, A>) -> Self {
        Self::with_event(proof, Some(AuditEvent::from(proof)))
    }
}

impl<P: Proof> Authorization<P> {
    /// Returns the authorization of a change with this audit event, or with none: then the change writes its
    /// own.
    pub(in crate::store) fn with_event(proof: &P, event: Option<AuditEvent>) -> Self {
        let compared = proof.compared_owner().map(|(owner, roles)| (owner, roles.to_vec()));
        Self { caller: proof.caller().cloned(), compared, event, proof: PhantomData }
    }

    /// Looks at the roles of this owner again too.
    pub(in crate::store) fn comparing(self, owner: &User) -> Self {
        Self { compared: Some((owner.id, owner.roles.clone())), ..self }
    }

    /// Runs `work` after a look at the caller. Each attempt of a transaction looks.
    pub(in crate::store) fn renew<T>(
        &self,
        conn: &mut Connection,
        changes: &mut Changes,
        work: impl FnOnce(&mut Renewed<'_, P>, &mut Changes) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let (caller, began) = (self.caller.as_ref(), Instant::now());
        locks::take(conn, caller, self.event.as_ref())?;
        let refused = |error| match (error, &self.event) {
            (StoreError::Revoked(_), Some(event)) => StoreError::revoked(event.clone()),
            (error, _) => error,
        };
        let mut renewed = Renewed::look_again(conn, caller).map_err(refused)?;
        self.compare_again(&mut renewed)?;
        let value = work(&mut renewed, changes)?;
        if began.elapsed() > LOOK_LIFETIME {
            // A caller that deletes its own account has none when the change is done. It can still be revoked.
            let ends_itself =
                caller.and_then(Caller::user_id).is_some_and(|user| changes.ends_tokens_of(user));
            look(&mut renewed, caller, !ends_itself).map_err(refused)?;
        }
        Ok(value)
    }

    /// Checks that the owner has the roles with which the decision compared the caller's powers.
    fn compare_again(&self, conn: &mut Connection) -> Result<(), StoreError> {
        let (Some((owner, roles)), Some(caller)) = (&self.compared, &self.caller) else { return Ok(()) };
        let is_same = roles_of(conn, caller.vocabulary(), *owner)? == *roles;
        if is_same { Ok(()) } else { Err(StoreError::Changed) }
    }
}

impl<'tx, P> Renewed<'tx, P> {
    fn look_again(conn: &'tx mut Connection, caller: Option<&Caller>) -> Result<Self, StoreError> {
        look_again(conn, caller)?;
        Ok(Self { conn, proof: PhantomData })
    }
}

impl<P> Deref for Renewed<'_, P> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.conn
    }
}

impl<P> DerefMut for Renewed<'_, P> {
    fn deref_mut(&mut self) -> &mut Connection {
        self.conn
    }
}

/// Checks that the caller's token still has its effect, as verification would for a new request. The
/// revocations of every replica are in the database; this replica's memory may not have all of them yet.
///
/// A system caller has no token: its run must still hold the lease of its job.
///
/// # Errors
/// [`StoreError::Revoked`], [`StoreError::LeaseLost`].
pub(in crate::store) fn look_again(conn: &mut Connection, caller: Option<&Caller>) -> Result<(), StoreError> {
    look(conn, caller, true)
}

/// As [`look_again`]. The account is looked up if the caller `must_have_account`.
fn look(conn: &mut Connection, caller: Option<&Caller>, must_have_account: bool) -> Result<(), StoreError> {
    if let Some(lease) = caller.and_then(Caller::lease) {
        return check_lease(conn, *lease);
    }
    let Some((caller, token)) = caller.and_then(|caller| Some((caller, caller.revocable()?))) else {
        return Ok(());
    };
    if fault!(change_not_renewed) {
        return Ok(());
    }
    if is_revoked(conn, token)? || (must_have_account && !has_active_account(conn, caller, token)?) {
        return Err(StoreError::revoked(AuditEvent::revoked(caller)));
    }
    Ok(())
}

fn is_revoked(conn: &mut Connection, token: &Revocable) -> Result<bool, StoreError> {
    let Some([subject, client, session, jti]) = token.named_in_revocations() else { return Ok(false) };
    let of_token = revocations::subject
        .eq(&subject)
        .or(revocations::subject.eq(&client))
        .or(revocations::subject.eq(&session))
        .or(revocations::subject.eq(&jti));
    let what = (revocations::kind, revocations::subject, revocations::part);
    let found: Vec<(String, String, Option<String>, Option<i64>)> = on!(conn, |c| revocations::table
        .filter(of_token)
        .group_by(what)
        .select((revocations::kind, revocations::subject, revocations::part, max(revocations::epoch)))
        .load(c))?;
    let mut revoked = found.into_iter().filter_map(|(kind, subject, part, epoch)| {
        decode(&kind, subject, epoch.unwrap_or_default(), part.as_deref())
    });
    Ok(revoked.any(|revoked| token.is_ended_by(&revoked)))
}

/// Looks up the account of a user whose token has no epoch. The tokens of other issuers have none.
fn has_active_account(conn: &mut Connection, caller: &Caller, token: &Revocable) -> Result<bool, StoreError> {
    let Some(user) = caller.user_id().filter(|_| token.epoch.is_none()) else { return Ok(true) };
    let account: Option<(String, Option<Time>)> = on!(conn, |c| users::table
        .filter(users::id.eq(user))
        .select((users::status, users::epoch_began_at))
        .get_result(c)
        .optional())?;
    Ok(account.is_some_and(|(status, began)| {
        status == Status::Active.as_str() && began.is_none_or(|began| token.issued_after(began.0))
    }))
}
