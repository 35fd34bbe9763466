//! The master keys that sealed the audit trail, in their order.

use diesel::prelude::*;

use crate::domain::Time;
use crate::on;
use crate::store::engine::schema::master_keys;
use crate::store::{Connection, StoreError};

/// A master key that is or was in use.
#[derive(Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = master_keys, treat_none_as_default_value = false)]
pub(in crate::store) struct Generation {
    /// Counts from one.
    pub(in crate::store) number: i64,
    /// Name of the master key, which says nothing about it.
    pub(in crate::store) fingerprint: String,
    /// First position of the audit trail that its chain key seals.
    pub(in crate::store) first_position: i64,
    /// Its keys of the audit trail, sealed under the master key in use. None for the last generation, and for one whose
    /// master key is lost.
    pub(in crate::store) sealed: Option<Vec<u8>>,
    /// When it came into use.
    pub(in crate::store) created_at: Time,
    /// When nothing was left that its predecessor had sealed.
    pub(in crate::store) resealed_at: Option<Time>,
}

/// Returns the master keys in their order.
pub(in crate::store) fn generations(conn: &mut Connection) -> Result<Vec<Generation>, StoreError> {
    Ok(on!(conn, |c| master_keys::table.order(master_keys::number).select(Generation::as_select()).load(c))?)
}
