//! Mails that wait in the outbox for the job that sends them.

use diesel::prelude::*;
use uuid::Uuid;

use crate::domain::{Time, User, sha256};
use crate::on;
use crate::store::changes::Changes;
use crate::store::engine::schema::outbox;
use crate::store::shared::Shared;
use crate::store::{Connection, StoreError, TrustedStore};

/// Kind of record that the messages of mails name.
pub(crate) const MAIL: &str = "mail";

/// A mail to send.
#[derive(Clone)]
pub(crate) struct QueuedMail {
    /// Name of the job that sends it.
    pub(crate) job: &'static str,
    /// Id, by which a receiver recognises a duplicate.
    pub(crate) id: Uuid,
    /// Name of the template.
    pub(crate) template: &'static str,
    /// Task of the sender, sealed.
    pub(crate) sealed: Vec<u8>,
    /// The person to whom it goes: the id of the user, or the key of the typed address.
    pub(crate) about: String,
}

impl TrustedStore {
    /// Queues a mail that belongs to no change of a record.
    ///
    /// # Errors
    /// When the database is not available. Then nothing is sent.
    pub(crate) async fn queue_mail(&self, mail: QueuedMail) -> Result<(), StoreError> {
        let shared = self.shared().clone();
        self.write(None, move |conn, changes| shared.queue_mail(conn, changes, &mail)).await
    }
}

impl Shared {
    /// Queues a mail in the transaction of the change that it tells of.
    pub(in crate::store) fn queue_mail(
        &self,
        conn: &mut Connection,
        changes: &mut Changes,
        mail: &QueuedMail,
    ) -> Result<(), StoreError> {
        let now = Time(self.now());
        let row = (
            outbox::job.eq(mail.job),
            outbox::resource.eq(MAIL),
            outbox::record.eq(mail.id.to_string()),
            outbox::action.eq(mail.template),
            outbox::created_at.eq(now),
            outbox::due_at.eq(now),
            outbox::attempts.eq(0_i64),
            outbox::payload.eq(mail.sealed.as_slice()),
            outbox::about.eq(digest(&mail.about)),
        );
        on!(conn, |c| diesel::insert_into(outbox::table).values(row).execute(c))?;
        changes.mail = true;
        Ok(())
    }
}

/// Deletes the mails that wait for a user who is deleted, also those that were given up.
pub(super) fn drop_mails(conn: &mut Connection, user: &User) -> Result<(), StoreError> {
    let addresses =
        [Some(&user.email), user.pending_email.as_ref()].into_iter().flatten().map(|email| email.key());
    let about: Vec<Vec<u8>> = addresses.chain([user.id.to_string()]).map(|about| digest(&about)).collect();
    on!(conn, |c| diesel::delete(outbox::table.filter(outbox::about.eq_any(&about))).execute(c))?;
    Ok(())
}

/// Returns a digest that tells a reader of the table no address at a glance. The row is short-lived.
fn digest(about: &str) -> Vec<u8> {
    sha256(format!("mail of {about}").as_bytes()).to_vec()
}
