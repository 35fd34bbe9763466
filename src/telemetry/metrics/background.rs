//! Metrics of the work beside the requests: background duties, jobs of the application, and mails.

use prometheus::{IntCounter, IntCounterVec, IntGaugeVec};

use super::register::Register;

/// Metrics of the background duties. A clone counts into the same series.
#[derive(Clone)]
pub(crate) struct DutyMetrics {
    /// Time of the last success, by `duty`, in seconds since 1970.
    pub(crate) last_success: IntGaugeVec,
    /// Failed runs, by `duty`.
    pub(crate) failures: IntCounterVec,
    /// Number of records that are left to do, by `duty`.
    pub(crate) left: IntGaugeVec,
    /// For how long the oldest expired row should have been deleted, by `table`, in seconds.
    pub(crate) expired_age: IntGaugeVec,
}

impl DutyMetrics {
    pub(super) fn new(register: &Register) -> prometheus::Result<Self> {
        Ok(Self {
            last_success: register.gauges(
                "cloakroom_duty_last_success_timestamp_seconds",
                "Time of the last success of a background duty.",
                &["duty"],
            )?,
            failures: register.counter(
                "cloakroom_duty_failures_total",
                "Failed runs of a background duty.",
                &["duty"],
            )?,
            left: register.gauges(
                "cloakroom_duty_left",
                "Number of records that a background duty still has to do.",
                &["duty"],
            )?,
            expired_age: register.gauges(
                "cloakroom_expired_rows_age_seconds",
                "Time for which the oldest expired row of a table has waited to be deleted.",
                &["table"],
            )?,
        })
    }
}

/// Metrics of the jobs of an application, by `name`. A clone counts into the same series.
#[derive(Clone)]
pub(crate) struct JobMetrics {
    /// Time of the last success on any replica, in seconds since 1970.
    pub(crate) last_success: IntGaugeVec,
    /// Interval of the runs, in seconds; 0 for a reaction to changes.
    pub(crate) interval: IntGaugeVec,
    /// Runs of this replica.
    pub(crate) runs: IntCounterVec,
    /// Failed runs of this replica.
    pub(crate) failures: IntCounterVec,
    /// For how long the oldest change waits for its reaction, in seconds.
    pub(crate) outbox_age: IntGaugeVec,
    /// Number of changes that wait for their reaction.
    pub(crate) outbox_waiting: IntGaugeVec,
    /// Changes that this replica gave up.
    pub(crate) given_up: IntCounterVec,
}

impl JobMetrics {
    pub(super) fn new(register: &Register) -> prometheus::Result<Self> {
        let name = &["name"];
        Ok(Self {
            last_success: register.gauges(
                "cloakroom_job_last_success_timestamp_seconds",
                "Time of the last success of a job on any replica.",
                name,
            )?,
            interval: register.gauges(
                "cloakroom_job_interval_seconds",
                "Interval of the runs of a job; 0 for a reaction to changes.",
                name,
            )?,
            runs: register.counter("cloakroom_job_runs_total", "Runs of a job on this replica.", name)?,
            failures: register.counter(
                "cloakroom_job_failures_total",
                "Failed runs of a job on this replica.",
                name,
            )?,
            outbox_age: register.gauges(
                "cloakroom_outbox_age_seconds",
                "Time for which the oldest change has waited for the reaction of a job.",
                name,
            )?,
            outbox_waiting: register.gauges(
                "cloakroom_outbox_waiting",
                "Changes that wait for the reaction of a job.",
                name,
            )?,
            given_up: register.counter(
                "cloakroom_outbox_given_up_total",
                "Changes whose reaction this replica gave up.",
                name,
            )?,
        })
    }
}

/// Metrics of the mails that this replica sends. A clone counts into the same series.
#[derive(Clone)]
pub(crate) struct MailMetrics {
    /// Mails that the mail server took.
    pub(crate) sent: IntCounter,
    /// Attempts that failed.
    pub(crate) failed: IntCounter,
    /// Mails that were not sent: expired, to no account, or above a limit.
    pub(crate) dropped: IntCounter,
}

impl MailMetrics {
    pub(super) fn new(register: &Register) -> prometheus::Result<Self> {
        let mails = register.counter("cloakroom_mails_total", "Mails by their result.", &["result"])?;
        let [sent, failed, dropped] =
            ["sent", "failed", "dropped"].map(|result| mails.with_label_values(&[result]));
        Ok(Self { sent, failed, dropped })
    }
}
