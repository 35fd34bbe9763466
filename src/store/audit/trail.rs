//! Queries of the audit trail.

use chrono::{DateTime, TimeDelta, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use super::entries::{insert, insert_one};
use crate::authz::action::{Explain, List, ReadAudit};
use crate::authz::{Allowed, AuditEvent, AuditTrail, Explanation, Reach};
use crate::domain::{NoRandomness, Time, User, UserId};
use crate::on;
use crate::store::engine::schema::audit;
use crate::store::shared::Shared;
use crate::store::{Connection, Entry, EntryId, Store, StoreError, TrustedStore};

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

/// A part of the trail, newest first.
#[derive(Clone, Debug)]
pub struct AuditPage {
    /// The entries that match; none when the part has none.
    pub entries: Vec<Entry>,
    /// The entry before which the next part begins. None at the end of the trail.
    pub next: Option<EntryId>,
}

impl Store {
    /// Returns the entries about records of a user, newest first, from `before` on: at most `limit`.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn audit_of(
        &self,
        user: &Allowed<User, ReadAudit>,
        before: Option<EntryId>,
        limit: u16,
    ) -> Result<AuditPage, StoreError> {
        let owner = Some(user.id).filter(|_| !fault!(audit_of_everyone));
        let filter = AuditFilter { owner, ..AuditFilter::default() };
        self.flush_trail().await?;
        self.entries(filter, before, limit).await
    }

    /// Returns the entries that match the filter, newest first, from `before` on: at most `limit` of at most
    /// 10,000 that are read. A page can be short, or empty, and have a next one.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn audit(
        &self,
        _: &Reach<AuditTrail, List>,
        filter: AuditFilter,
        before: Option<EntryId>,
        limit: u16,
    ) -> Result<AuditPage, StoreError> {
        self.flush_trail().await?;
        self.entries(filter, before, limit).await
    }

    /// Returns the entry of a refusal. Returns none for an unknown id, an expired entry, and one that only an
    /// overflow entry counts.
    ///
    /// # Errors
    /// When the database is not available.
    pub async fn decision(
        &self,
        _: &Reach<Explanation, Explain>,
        id: Uuid,
    ) -> Result<Option<Entry>, StoreError> {
        self.flush_trail().await?;
        self.read(move |conn| {
            Ok(on!(conn, |c| audit::table
                .find(EntryId(id))
                .filter(audit::outcome.eq("refused"))
                .select(Entry::as_select())
                .get_result(c)
                .optional())?)
        })
        .await
    }

    async fn entries(
        &self,
        filter: AuditFilter,
        before: Option<EntryId>,
        limit: u16,
    ) -> Result<AuditPage, StoreError> {
        self.read(move |conn| {
            let floor = filter.floor(conn, before)?;
            let mut entries = filter.page(conn, before, floor, i64::from(limit) + 1)?;
            let is_full = entries.len() > usize::from(limit);
            entries.truncate(limit.into());
            let next = if is_full { entries.last().map(|entry| entry.id) } else { floor };
            Ok(AuditPage { entries, next })
        })
        .await
    }
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
    fn floor(&self, conn: &mut Connection, before: Option<EntryId>) -> Result<Option<EntryId>, StoreError> {
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
    fn page(
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

impl TrustedStore {
    /// Creates an entry for an event outside of a transaction, with this id or a new one.
    /// [`TrustedStore::append_entries`] writes it.
    pub(crate) fn entry(&self, event: &AuditEvent, id: Option<Uuid>) -> Result<Entry, NoRandomness> {
        let now = self.shared().now();
        let id = id.map_or_else(|| self.shared().new_uuid(now), Ok)?;
        Ok(Entry::of(event, id, now))
    }

    /// Appends entries, except those that are there already.
    ///
    /// # Errors
    /// When the database is not available; then it wrote none.
    pub(crate) async fn append_entries(&self, entries: Vec<Entry>) -> Result<(), StoreError> {
        self.write(None, move |conn, _| insert(conn, &entries)).await
    }

    /// Appends the entry of a look at records of others: what was asked, and how many records it showed.
    ///
    /// # Errors
    /// When it cannot be written. Then the look must not be answered.
    pub(crate) async fn append_look(
        &self,
        event: &AuditEvent,
        query: Option<String>,
        shown: Option<usize>,
    ) -> Result<(), StoreError> {
        let mut entry = self.entry(event, None)?;
        if query.is_some() || shown.is_some() {
            entry = entry.with_inputs(|inputs| (inputs.query, inputs.shown) = (query, shown));
        }
        self.write(None, move |conn, _| insert_one(conn, &entry)).await
    }
}

impl Shared {
    /// Appends an event to the trail, and the messages of the jobs that react to it, in the transaction of `conn`.
    pub(in crate::store) fn append_event(
        &self,
        conn: &mut Connection,
        event: &AuditEvent,
    ) -> Result<(), StoreError> {
        let now = self.now();
        insert_one(conn, &Entry::of(event, self.new_uuid(now)?, now))?;
        self.append_messages(conn, event, now)
    }
}
