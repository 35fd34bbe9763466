//! The filter of the audit trail, and how a page of it is read by one index.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::domain::{Time, UserId};
use crate::on;
use crate::store::engine::schema::audit;
use crate::store::{Connection, Entry, EntryId, StoreError};

/// Number of entries that one page reads at most. Filters without an index of their own are applied to these.
const MOST_READ: i64 = 10_000;

/// How far the time in an id and the time of the entry may be apart: a decision gets its id before its entry is
/// written.
const ID_SKEW: TimeDelta = TimeDelta::minutes(5);

/// Narrows a query to a range of ids.
macro_rules! narrow {
    ($query:ident, $bounds:expr) => {
        let bounds = $bounds;
        if let Some(before) = bounds.before {
            $query = $query.filter(audit::id.lt(before));
        }
        if let Some(since) = bounds.since {
            $query = $query.filter(audit::id.ge(since));
        }
        if let Some(until) = bounds.until {
            $query = $query.filter(audit::id.lt(until));
        }
    };
}

diesel::define_sql_function! {
    /// Returns the first argument. With the same column twice, no index serves the comparison.
    #[sql_name = "coalesce"]
    fn without_index<T: diesel::sql_types::SingleValue>(
        column: diesel::sql_types::Nullable<T>,
        same: diesel::sql_types::Nullable<T>,
    ) -> diesel::sql_types::Nullable<T>;
}

/// Index that leads to the entries of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lead {
    RequestId,
    Record,
    Owner,
    Actor,
    Address,
    Reason,
    Action,
    ClientId,
}

/// Filter of the audit trail. All of its fields must match.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// The caller.
    pub actor: Option<String>,
    /// Owner of the record.
    pub owner: Option<UserId>,
    /// The action.
    pub action: Option<String>,
    /// Kind of the record.
    pub resource: Option<String>,
    /// Id of the record.
    pub record: Option<String>,
    /// `done`, `refused` or `overflow`.
    pub outcome: Option<String>,
    /// Reason of the refusal.
    pub reason: Option<String>,
    /// Client of the token.
    pub client_id: Option<String>,
    /// Client IP address.
    pub address: Option<String>,
    /// Request id.
    pub request_id: Option<String>,
    /// Earliest time, inclusive.
    pub since: Option<DateTime<Utc>>,
    /// Latest time, exclusive.
    pub until: Option<DateTime<Utc>>,
}

/// Calls a macro with each member of the filter that an index can lead by, and its column.
macro_rules! each_column {
    ($apply:ident, $filter:expr) => {
        $apply! {
            RequestId: &$filter.request_id, audit::request_id;
            Record: &$filter.record, audit::record;
            Owner: $filter.owner, audit::owner_id;
            Actor: &$filter.actor, audit::actor;
            Address: &$filter.address, audit::address;
            Reason: &$filter.reason, audit::reason;
            Action: &$filter.action, audit::action;
            ClientId: &$filter.client_id, audit::client_id;
        }
    };
}

impl AuditFilter {
    /// Returns one filter for each digest of the address. An index serves each of them; it serves no list of digests.
    pub(super) fn for_digests(&self, digests: Vec<String>) -> Vec<Self> {
        digests.into_iter().map(|digest| Self { address: Some(digest), ..self.clone() }).collect()
    }

    /// Returns the index to use: that of the filter whose value has the fewest entries as a rule.
    fn lead(&self) -> Option<Lead> {
        let given = [
            (self.request_id.is_some(), Lead::RequestId),
            (self.record.is_some(), Lead::Record),
            (self.owner.is_some(), Lead::Owner),
            (self.actor.is_some(), Lead::Actor),
            (self.address.is_some(), Lead::Address),
            (self.reason.is_some(), Lead::Reason),
            (self.action.is_some(), Lead::Action),
            (self.client_id.is_some(), Lead::ClientId),
        ];
        given.into_iter().find_map(|(given, lead)| given.then_some(lead))
    }

    /// Returns the entry at which this page ends at the latest: the last of [`MOST_READ`] to which the index
    /// leads. Returns none when it leads to fewer.
    pub(super) fn floor(
        &self,
        conn: &mut Connection,
        before: Option<EntryId>,
    ) -> Result<Option<EntryId>, StoreError> {
        let lead = self.lead();
        Ok(on!(conn, DB, |c| {
            let mut read = audit::table
                .order(audit::id.desc())
                .offset(MOST_READ - 1)
                .limit(1)
                .select(audit::id)
                .into_boxed::<DB>();
            narrow!(read, self.bounds(before));
            macro_rules! lead {
                ($($lead:ident: $value:expr, $column:expr;)*) => {$(
                    if let (Some(value), Some(Lead::$lead)) = ($value, lead) {
                        read = read.filter($column.eq(value));
                    }
                )*};
            }
            each_column!(lead, self);
            read.get_result(c).optional()
        })?)
    }

    /// Returns the matching entries down to `floor`, at most `limit`. Only the lead can be found by its index:
    /// by another the database could read more entries than there are above the floor.
    pub(super) fn page(
        &self,
        conn: &mut Connection,
        before: Option<EntryId>,
        floor: Option<EntryId>,
        limit: i64,
    ) -> Result<Vec<Entry>, StoreError> {
        let lead = self.lead();
        Ok(on!(conn, DB, |c| {
            let mut entries = audit::table
                .order(audit::id.desc())
                .limit(limit)
                .select(Entry::as_select())
                .into_boxed::<DB>();
            narrow!(entries, self.bounds(before));
            macro_rules! matching {
                ($($lead:ident: $value:expr, $column:expr;)*) => {$(
                    if let Some(value) = $value {
                        entries = match lead {
                            Some(Lead::$lead) => entries.filter($column.eq(value)),
                            _ => {
                                let column = $column.nullable();
                                entries.filter(without_index(column, column).eq(value))
                            }
                        };
                    }
                )*};
            }
            each_column!(matching, self);
            if let Some(floor) = floor {
                entries = entries.filter(audit::id.ge(floor));
            }
            if let Some(resource) = &self.resource {
                entries = entries.filter(audit::resource.eq(resource));
            }
            if let Some(outcome) = &self.outcome {
                entries = entries.filter(audit::outcome.eq(outcome));
            }
            if let Some(since) = self.since {
                entries = entries.filter(audit::at.ge(Time(since)));
            }
            if let Some(until) = self.until {
                entries = entries.filter(audit::at.lt(Time(until)));
            }
            entries.load(c)
        })?)
    }

    /// Returns the range of ids of the page: ids contain the time.
    fn bounds(&self, before: Option<EntryId>) -> Bounds {
        let at = |time: Option<DateTime<Utc>>, late: TimeDelta| {
            time.and_then(|time| time.checked_add_signed(late)).map(first_id)
        };
        Bounds { before, since: at(self.since, -ID_SKEW), until: at(self.until, ID_SKEW) }
    }
}

/// Range of the ids of a page.
#[derive(Clone, Copy)]
struct Bounds {
    before: Option<EntryId>,
    since: Option<EntryId>,
    until: Option<EntryId>,
}

/// Returns the lowest id of a time: a UUID begins with 48 bits of milliseconds (RFC 9562 §5.7).
fn first_id(time: DateTime<Utc>) -> EntryId {
    let millis = u128::try_from(time.timestamp_millis()).unwrap_or(0).min((1 << 48) - 1);
    EntryId(Uuid::from_u128(millis << 80))
}
