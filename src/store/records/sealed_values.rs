//! The values that a master key sealed, page by page, to be sealed again.

use diesel::prelude::*;

use crate::domain::{StoredKey, UserId};
use crate::on;
use crate::store::audit::personal::Holder;
use crate::store::engine::prepared_update::update;
use crate::store::engine::schema::{
    audit_day_keys, audit_person_keys, outbox, pending_registrations, signing_keys, users,
};
use crate::store::{Connection, StoreError, TrustedStore};

/// Pattern of the password hashes that have a sealed key in them.
pub(super) const FIREBASE: &str = "$firebase-scrypt$%";

/// Lower than the id of every user.
const LOWEST_USER: UserId = UserId(uuid::Uuid::nil());

/// Kind of sealed value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SealedKind {
    SigningKey,
    PersonKey,
    DayKey,
    Mail,
    Registration,
    /// A password hash of Firebase: the signer key in it.
    PasswordHash,
}

/// Primary key of the row of a value.
#[derive(Clone, Debug)]
pub(crate) enum RowKey {
    Text(String),
    User(UserId),
    Number(i64),
    Bytes(Vec<u8>),
}

/// A sealed value.
#[derive(Clone, Debug)]
pub(crate) struct SealedValue {
    /// Identifies its row.
    pub(crate) row: RowKey,
    /// Context in which it is sealed, if the context depends on the row.
    pub(crate) context: String,
    /// The stored bytes.
    pub(crate) content: Vec<u8>,
}

impl SealedKind {
    /// All kinds.
    pub(crate) const ALL: [Self; 6] =
        [Self::SigningKey, Self::PersonKey, Self::DayKey, Self::Mail, Self::Registration, Self::PasswordHash];

    /// Returns the name for operators.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::SigningKey => "signing keys",
            Self::PersonKey => "audit keys of persons",
            Self::DayKey => "audit keys of days",
            Self::Mail => "mails",
            Self::Registration => "registrations",
            Self::PasswordHash => "imported password hashes",
        }
    }
}

impl TrustedStore {
    /// Returns at most `most` values of a kind after a row, in the order of their rows.
    ///
    /// # Errors
    /// When the database is not available.
    pub(crate) async fn sealed_values(
        &self,
        kind: SealedKind,
        after: Option<RowKey>,
        most: u16,
    ) -> Result<Vec<SealedValue>, StoreError> {
        self.read(move |conn| page(conn, kind, after.as_ref(), i64::from(most))).await
    }

    /// Replaces values of a kind: each is the value as it was read, and its new content. One that was changed or deleted
    /// meanwhile stays so. Returns how many it replaced.
    ///
    /// # Errors
    /// When the database is not available; then it replaced none.
    pub(crate) async fn replace_sealed(
        &self,
        kind: SealedKind,
        values: Vec<(SealedValue, Vec<u8>)>,
    ) -> Result<usize, StoreError> {
        self.write_in_background(move |conn, _| {
            let replaced = values.iter().map(|(old, new)| replace(conn, kind, old, new));
            Ok(replaced.collect::<Result<Vec<_>, _>>()?.into_iter().sum())
        })
        .await
    }

    /// Seals the key of a holder in the audit trail again. Returns none when the master key in use sealed it.
    ///
    /// # Errors
    /// When no master key opens it, or the operating system gives no randomness.
    pub(crate) fn rewrap(&self, sealed: &[u8], context: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared().trail_keys()?.rewrap(sealed, context)
    }
}

type Values = Result<Vec<SealedValue>, StoreError>;

fn page(conn: &mut Connection, kind: SealedKind, after: Option<&RowKey>, most: i64) -> Values {
    match kind {
        SealedKind::SigningKey => signing_keys_after(conn, after, most),
        SealedKind::PersonKey => person_keys_after(conn, after, most),
        SealedKind::DayKey => day_keys_after(conn, after, most),
        SealedKind::Mail => mails_after(conn, after, most),
        SealedKind::Registration => registrations_after(conn, after, most),
        SealedKind::PasswordHash => password_hashes_after(conn, after, most),
    }
}

fn signing_keys_after(conn: &mut Connection, after: Option<&RowKey>, most: i64) -> Values {
    let after = match after {
        Some(RowKey::Text(kid)) => kid.as_str(),
        _ => "",
    };
    let rows: Vec<(String, String, Vec<u8>)> = on!(conn, |c| signing_keys::table
        .filter(signing_keys::kid.gt(after))
        .filter(signing_keys::retired_at.is_null())
        .order(signing_keys::kid)
        .limit(most)
        .select((signing_keys::kid, signing_keys::algorithm, signing_keys::sealed))
        .load(c))?;
    let value = |(kid, algorithm, content): (String, String, Vec<u8>)| SealedValue {
        context: StoredKey::sealing_context(&kid, &algorithm),
        row: RowKey::Text(kid),
        content,
    };
    Ok(rows.into_iter().map(value).collect())
}

fn person_keys_after(conn: &mut Connection, after: Option<&RowKey>, most: i64) -> Values {
    let after = match after {
        Some(RowKey::User(id)) => *id,
        _ => LOWEST_USER,
    };
    let rows: Vec<(UserId, Vec<u8>)> = on!(conn, |c| audit_person_keys::table
        .filter(audit_person_keys::user_id.gt(after))
        .order(audit_person_keys::user_id)
        .limit(most)
        .load(c))?;
    let value = |(id, content): (UserId, Vec<u8>)| {
        let context = Holder::Person(id).context();
        SealedValue { row: RowKey::User(id), context, content }
    };
    Ok(rows.into_iter().map(value).collect())
}

fn day_keys_after(conn: &mut Connection, after: Option<&RowKey>, most: i64) -> Values {
    let after = match after {
        Some(RowKey::Number(number)) => *number,
        _ => i64::MIN,
    };
    let rows: Vec<(i64, Vec<u8>)> = on!(conn, |c| audit_day_keys::table
        .filter(audit_day_keys::day.gt(after))
        .order(audit_day_keys::day)
        .limit(most)
        .load(c))?;
    let value = |(day, content): (i64, Vec<u8>)| {
        let context = Holder::Day(day).context();
        SealedValue { row: RowKey::Number(day), context, content }
    };
    Ok(rows.into_iter().map(value).collect())
}

fn mails_after(conn: &mut Connection, after: Option<&RowKey>, most: i64) -> Values {
    let after = match after {
        Some(RowKey::Number(number)) => *number,
        _ => i64::MIN,
    };
    let rows: Vec<(i64, String, Option<Vec<u8>>)> = on!(conn, |c| outbox::table
        .filter(outbox::seq.gt(after))
        .filter(outbox::payload.is_not_null())
        .order(outbox::seq)
        .limit(most)
        .select((outbox::seq, outbox::record, outbox::payload))
        .load(c))?;
    let value = |(seq, context, content): (i64, String, Option<Vec<u8>>)| {
        Some(SealedValue { row: RowKey::Number(seq), context, content: content? })
    };
    Ok(rows.into_iter().filter_map(value).collect())
}

fn registrations_after(conn: &mut Connection, after: Option<&RowKey>, most: i64) -> Values {
    let after = match after {
        Some(RowKey::Bytes(hash)) => hash.as_slice(),
        _ => &[],
    };
    let rows: Vec<(Vec<u8>, Option<Vec<u8>>)> = on!(conn, |c| pending_registrations::table
        .filter(pending_registrations::hash.gt(after))
        .filter(pending_registrations::sealed.is_not_null())
        .order(pending_registrations::hash)
        .limit(most)
        .select((pending_registrations::hash, pending_registrations::sealed))
        .load(c))?;
    let value = |(hash, content): (Vec<u8>, Option<Vec<u8>>)| {
        Some(SealedValue { row: RowKey::Bytes(hash), context: String::new(), content: content? })
    };
    Ok(rows.into_iter().filter_map(value).collect())
}

fn password_hashes_after(conn: &mut Connection, after: Option<&RowKey>, most: i64) -> Values {
    let after = match after {
        Some(RowKey::User(id)) => *id,
        _ => LOWEST_USER,
    };
    let rows: Vec<(UserId, Option<String>)> = on!(conn, |c| users::table
        .filter(users::id.gt(after))
        .filter(users::password_hash.like(FIREBASE))
        .order(users::id)
        .limit(most)
        .select((users::id, users::password_hash))
        .load(c))?;
    let value = |(id, hash): (UserId, Option<String>)| {
        let content = hash?.into_bytes();
        Some(SealedValue { row: RowKey::User(id), context: String::new(), content })
    };
    Ok(rows.into_iter().filter_map(value).collect())
}

fn replace(
    conn: &mut Connection,
    kind: SealedKind,
    old: &SealedValue,
    new: &[u8],
) -> Result<usize, StoreError> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap_or_default();
    let before = old.content.as_slice();
    Ok(match (kind, &old.row) {
        (SealedKind::SigningKey, RowKey::Text(kid)) => {
            let this = signing_keys::table.filter(signing_keys::kid.eq(kid));
            let this = this.filter(signing_keys::sealed.eq(before));
            on!(conn, |c| update(this).set(signing_keys::sealed.eq(new)).execute(c))?
        }
        (SealedKind::PersonKey, RowKey::User(id)) => {
            let this = audit_person_keys::table.filter(audit_person_keys::user_id.eq(id));
            let this = this.filter(audit_person_keys::sealed.eq(before));
            on!(conn, |c| update(this).set(audit_person_keys::sealed.eq(new)).execute(c))?
        }
        (SealedKind::DayKey, RowKey::Number(day)) => {
            let this = audit_day_keys::table.filter(audit_day_keys::day.eq(day));
            let this = this.filter(audit_day_keys::sealed.eq(before));
            on!(conn, |c| update(this).set(audit_day_keys::sealed.eq(new)).execute(c))?
        }
        (SealedKind::Mail, RowKey::Number(seq)) => {
            let this = outbox::table.filter(outbox::seq.eq(seq)).filter(outbox::payload.eq(before));
            on!(conn, |c| update(this).set(outbox::payload.eq(Some(new))).execute(c))?
        }
        (SealedKind::Registration, RowKey::Bytes(hash)) => {
            let this = pending_registrations::table.filter(pending_registrations::hash.eq(hash));
            let this = this.filter(pending_registrations::sealed.eq(before));
            on!(conn, |c| update(this).set(pending_registrations::sealed.eq(Some(new))).execute(c))?
        }
        (SealedKind::PasswordHash, RowKey::User(id)) => {
            let this = users::table.filter(users::id.eq(id));
            let this = this.filter(users::password_hash.eq(text(before)));
            on!(conn, |c| update(this).set(users::password_hash.eq(Some(text(new)))).execute(c))?
        }
        _ => 0,
    })
}
