//! Handlers that are the same for many resources: list, read, delete, and a change that sets members. Creating a record
//! is particular to its resource.
//!
//! ```
//! use actix_web::http::Method;
//! use cloakroom::authz::Can;
//! use cloakroom::authz::action::{Delete, List};
//! use cloakroom::http::{Endpoint, PathId, View, endpoint, plain};
//! use cloakroom::store::Repository;
//!
//! fn endpoints<R>() -> Vec<Endpoint>
//! where
//!     R: Repository + View + Can<List> + Can<Delete>,
//!     R::Id: PathId,
//! {
//!     vec![
//!         endpoint(Method::GET, "/coats", "List coats", plain::list::<R>),
//!         endpoint(Method::GET, "/coats/{id}", "See a coat", plain::read::<R>),
//!         endpoint(Method::DELETE, "/coats/{id}", "Take a coat away", plain::delete::<R>),
//!     ]
//! }
//! ```

use super::{Body, IfMatch, ListOf, Listed, MergePatch, NoContent, Problem, ReachOf, Shown, View};
use crate::authz::action::{Delete, List, Read, Update};
use crate::authz::{Allowed, Can, Reach};
use crate::store::{Repository, Store};

/// Lists the records within reach, in pages.
///
/// # Errors
/// 400 for an invalid cursor, 403 for a member that the caller reads of no record.
pub async fn list<R: Repository + View + Can<List>>(
    reach: Reach<R, List>,
    list: ListOf<R>,
    store: Store,
) -> Result<Listed<R>, Problem> {
    list.within(reach, &store).await
}

/// Lists the records of the user that the path names, in pages.
///
/// # Errors
/// The errors of [`list`], and 404 when there is no such user.
pub async fn list_of<R: Repository + View + Can<List>>(
    reach: ReachOf<R, List>,
    list: ListOf<R>,
    store: Store,
) -> Result<Listed<R>, Problem> {
    list.of(reach, &store).await
}

/// Reads the record.
///
/// # Errors
/// None.
pub async fn read<R: Repository + View>(record: Allowed<R, Read>) -> Result<Shown<R>, Problem> {
    Ok(record.into())
}

/// Changes the record: sets the members that the merge patch has.
///
/// # Errors
/// 422 for a broken rule, 428 without `If-Match`, 412 when the record was changed since the caller read it.
pub async fn update<P: MergePatch<Record: Repository + View + Can<Update>>>(
    record: Allowed<P::Record, Update>,
    body: Body<P>,
    if_match: IfMatch,
    store: Store,
) -> Result<Shown<P::Record>, Problem> {
    let patch = body.read(P::read)?;
    if_match.require(View::revision(&*record))?;
    Ok(if_match.change(store.update(record, |record| patch.apply(record))).await?.into())
}

/// Removes the record.
///
/// # Errors
/// 412 when it was changed since the caller read it.
pub async fn delete<R: Repository + View + Can<Delete>>(
    record: Allowed<R, Delete>,
    if_match: IfMatch,
    store: Store,
) -> Result<NoContent, Problem> {
    if_match.check(View::revision(&*record))?;
    Ok(if_match.change(store.remove(record)).await?.into())
}
