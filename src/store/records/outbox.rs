//! Outbox: changes of records that a job reacts to. A message is written in the transaction of its change, and
//! delivered at least once, under the lease of its job.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use diesel::prelude::*;

use super::lease_rows::check_lease;
use crate::authz::{AuditEvent, Outcome};
use crate::domain::{Lease, Time, mask_addresses};
use crate::on;
use crate::store::audit::entries::cut;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::outbox;
use crate::store::shared::Shared;
use crate::store::{Connection, StoreError, TrustedStore};

diesel::alias!(const EARLIER: Alias<Earlier> = outbox as earlier);

/// A change that a job reacts to.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = outbox)]
pub(crate) struct Message {
    /// Identifies the message. Later messages of a record have a higher number.
    pub(crate) seq: i64,
    /// Name of the job.
    pub(crate) job: String,
    /// Kind of record.
    pub(crate) resource: String,
    /// Id of the record.
    pub(crate) record: String,
    /// The action.
    pub(crate) action: String,
    /// The caller, as the audit trail names it.
    pub(crate) actor: Option<String>,
    /// Time of the change.
    pub(crate) created_at: Time,
    /// Number of attempts that failed.
    pub(crate) attempts: i64,
    /// Content of a message that is no change of a record.
    pub(crate) payload: Option<Vec<u8>>,
}

/// A message that was not delivered, without its content.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = outbox)]
pub(crate) struct Undelivered {
    /// Id of the record.
    pub(crate) record: String,
    /// The action.
    pub(crate) action: String,
    /// Time of the change.
    pub(crate) created_at: Time,
    /// Number of attempts that failed.
    pub(crate) attempts: i64,
    /// Error of the last one.
    pub(crate) error: Option<String>,
    /// When it was given up.
    pub(crate) given_up_at: Option<Time>,
}

#[derive(Insertable)]
#[diesel(table_name = outbox, treat_none_as_default_value = false)]
struct NewMessage<'a> {
    job: &'a str,
    resource: &'a str,
    record: Cow<'a, str>,
    action: &'a str,
    actor: Option<&'a str>,
    created_at: Time,
    due_at: Time,
    attempts: i64,
}

/// Numbers of the messages of one job.
#[derive(Clone, Debug, Default)]
pub(crate) struct Backlog {
    /// Messages that wait for their delivery.
    pub(crate) waiting: i64,
    /// Messages that were given up.
    pub(crate) given_up: i64,
    /// Error of the oldest message whose delivery has failed.
    pub(crate) error: Option<String>,
}

impl Shared {
    /// Writes a message for each job that reacts to the event, in the transaction of its change.
    pub(in crate::store) fn append_messages(
        &self,
        conn: &mut Connection,
        event: &AuditEvent,
        at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (Outcome::Done, Some(record)) = (event.outcome, &event.record) else { return Ok(()) };
        let subscriptions = self.vocabulary.subscriptions().iter();
        let actor = event.by.caller().map(|caller| caller.subject().actor());
        let messages: Vec<NewMessage<'_>> = subscriptions
            .filter(|known| known.resource == event.resource && known.action == event.action)
            .map(|known| NewMessage {
                job: known.system,
                resource: known.resource,
                record: match event.owner.filter(|_| known.names_owner) {
                    Some(owner) => format!("{owner}/{record}").into(),
                    None => record.into(),
                },
                action: known.action,
                actor: actor.as_deref(),
                created_at: Time(at),
                due_at: Time(at),
                attempts: 0,
            })
            .collect();
        for message in &messages {
            on!(conn, |c| diesel::insert_into(outbox::table).values(message).execute(c))?;
        }
        Ok(())
    }
}

impl TrustedStore {
    /// Returns the next message to deliver for a job: of the records whose oldest message is due, the message
    /// that has been due for longest.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn next_message(&self, job: &'static str) -> Result<Option<Message>, StoreError> {
        let now = Time(self.shared().now());
        self.read(move |conn| {
            let is_of_record = EARLIER
                .field(outbox::job)
                .eq(outbox::job)
                .and(EARLIER.field(outbox::resource).eq(outbox::resource))
                .and(EARLIER.field(outbox::record).eq(outbox::record));
            let precedes = EARLIER
                .filter(is_of_record)
                .filter(EARLIER.field(outbox::given_up_at).is_null())
                .filter(EARLIER.field(outbox::seq).lt(outbox::seq));
            let next = outbox::table
                .filter(outbox::job.eq(job))
                .filter(outbox::given_up_at.is_null())
                .filter(outbox::due_at.le(now))
                .filter(diesel::dsl::not(diesel::dsl::exists(precedes)))
                .order((outbox::due_at, outbox::seq));
            Ok(on!(conn, |c| next.select(Message::as_select()).first(c).optional())?)
        })
        .await
    }

    /// Deletes a message that was delivered.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`]: then another run delivers it again.
    pub(crate) async fn delivered(&self, lease: Lease, message: &Message) -> Result<(), StoreError> {
        let seq = message.seq;
        self.write_in_background(move |conn, _| {
            check_lease(conn, lease)?;
            on!(conn, |c| diesel::delete(outbox::table.find(seq)).execute(c))?;
            Ok(())
        })
        .await
    }

    /// Records a failed delivery: the message and the later ones of its record wait until `retry_at`, or the
    /// message is given up.
    ///
    /// # Errors
    /// [`StoreError::LeaseLost`].
    pub(crate) async fn not_delivered(
        &self,
        lease: Lease,
        message: &Message,
        error: String,
        retry_at: Option<DateTime<Utc>>,
    ) -> Result<(), StoreError> {
        let (now, message) = (Time(self.shared().now()), message.clone());
        self.write_in_background(move |conn, _| {
            check_lease(conn, lease)?;
            if let Some(retry_at) = retry_at {
                let of_record = outbox::table
                    .filter(outbox::job.eq(&message.job))
                    .filter(outbox::resource.eq(&message.resource))
                    .filter(outbox::record.eq(&message.record))
                    .filter(outbox::given_up_at.is_null());
                let wait = update(of_record).set(outbox::due_at.eq(Time(retry_at)));
                on!(conn, |c| wait.execute(c))?;
            }
            let failed = (
                outbox::attempts.eq(message.attempts + 1),
                outbox::error.eq(Some(cut(&mask_addresses(&error)))),
                outbox::given_up_at.eq(if retry_at.is_none() { Some(now) } else { None }),
            );
            on!(conn, |c| update(outbox::table.find(message.seq)).set(failed).execute(c))?;
            Ok(())
        })
        .await
    }

    /// Returns the time of the oldest change that a job has not reacted to.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn oldest_message(
        &self,
        job: &'static str,
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        self.read_by_key(move |conn| {
            let waiting = outbox::table.filter(outbox::job.eq(job)).filter(outbox::given_up_at.is_null());
            let oldest = waiting.order(outbox::created_at).select(outbox::created_at).limit(1);
            let oldest: Option<Time> = on!(conn, |c| oldest.get_result(c).optional())?;
            Ok(oldest.map(|at| at.0))
        })
        .await
    }

    /// Returns the numbers of messages of a job, for an operator.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn backlog(&self, job: &str) -> Result<Backlog, StoreError> {
        let job = job.to_owned();
        self.read(move |conn| {
            let of_job = outbox::table.filter(outbox::job.eq(&job));
            let waiting = of_job.filter(outbox::given_up_at.is_null()).count();
            let given_up = of_job.filter(outbox::given_up_at.is_not_null()).count();
            let failed = of_job.filter(outbox::error.is_not_null()).order(outbox::seq).select(outbox::error);
            Ok(Backlog {
                waiting: on!(conn, |c| waiting.get_result(c))?,
                given_up: on!(conn, |c| given_up.get_result(c))?,
                error: on!(conn, |c| failed.first::<Option<String>>(c).optional())?.flatten(),
            })
        })
        .await
    }

    /// Returns the oldest messages of a job that were not delivered, for an operator.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn undelivered(
        &self,
        job: &'static str,
        most: i64,
    ) -> Result<Vec<Undelivered>, StoreError> {
        self.read(move |conn| {
            let oldest = outbox::table.filter(outbox::job.eq(job)).order(outbox::seq).limit(most);
            Ok(on!(conn, |c| oldest.select(Undelivered::as_select()).load(c))?)
        })
        .await
    }

    /// Makes all messages of a job due at once, also those that were given up.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn retry_messages(&self, job: &'static str) -> Result<(), StoreError> {
        let now = Time(self.shared().now());
        self.write_in_background(move |conn, _| {
            let anew =
                (outbox::due_at.eq(now), outbox::attempts.eq(0_i64), outbox::given_up_at.eq(None::<Time>));
            let of_job = outbox::table.filter(outbox::job.eq(job));
            on!(conn, |c| update(of_job).set(anew).execute(c))?;
            Ok(())
        })
        .await
    }
}
