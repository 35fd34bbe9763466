//! Keys of the holders of personal members: one for each person, destroyed with the account, and one for each day.

use std::collections::{BTreeSet, HashMap};

use diesel::prelude::*;
use zeroize::Zeroizing;

use super::personal::{Cipher, Form, Holder, Members};
use super::trail_keys::TrailKeys;
use crate::domain::UserId;
use crate::on;
use crate::store::engine::schema::{audit_day_keys as days, audit_person_keys as persons, users};
use crate::store::{Connection, Entry, Link, StoreError};

/// Keys of holders, opened.
type HolderKeys = HashMap<Holder, Cipher>;

/// Seals the personal members of entries for their holders. Creates the keys that are missing, except those of persons
/// without an account.
pub(super) fn seal_for_holders(
    conn: &mut Connection,
    keys: &TrailKeys,
    entries: &mut [Entry],
) -> Result<(), StoreError> {
    let unsealed =
        entries.iter_mut().filter_map(|entry| keys.unsealed(entry).map(|members| (entry, members)));
    let unsealed: Vec<(&mut Entry, Members)> = unsealed.collect();
    let named = users_named(conn, unsealed.iter().map(|(_, members)| members))?;
    let holders = unsealed.iter().map(|(entry, _)| Holder::of(entry));
    let holders: BTreeSet<Holder> = holders.chain(named.values().copied().map(Holder::Person)).collect();
    let mut known = load(conn, keys, &holders)?;
    let missing: Vec<Holder> = holders.into_iter().filter(|holder| !known.contains_key(holder)).collect();
    create(conn, keys, missing, &mut known)?;
    for (entry, mut members) in unsealed {
        let holder = Holder::of(entry);
        if let Some(another) = another_named(&members, &named, holder) {
            match another.and_then(|user| Some((user, known.get(&Holder::Person(user))?))) {
                Some((user, key)) => members.seal_query(&keys.random, entry, user, key)?,
                None => members.mask_query(),
            }
        }
        keys.seal_for_holder(entry, &members, known.get(&holder))?;
    }
    Ok(())
}

/// Opens the personal members of entries for a reader. The keys are read each time: none is used after its end.
pub(super) fn open(conn: &mut Connection, keys: &TrailKeys, entries: &mut [Entry]) -> Result<(), StoreError> {
    let holders = |form: Form| -> BTreeSet<Holder> {
        entries.iter().filter(|entry| entry.form() == form).map(Holder::of).collect()
    };
    let known = load(conn, keys, &holders(Form::Sealed))?;
    // Members that wait to be sealed need no key yet. Those of a deleted person are erased all the same.
    let existing = existing(conn, split(holders(Form::Waiting)).0)?;
    let mut opened: Vec<(&mut Entry, Option<Members>)> = Vec::new();
    for entry in entries.iter_mut().filter(|entry| entry.form() != Form::Plain) {
        let holder = Holder::of(entry);
        let members = match entry.form() {
            Form::Sealed => known.get(&holder).map(|key| TrailKeys::opened(entry, key)),
            Form::Waiting if matches!(holder, Holder::Person(id) if !existing.contains(&id)) => None,
            Form::Waiting => Some(keys.unsealed(entry).unwrap_or_default()),
            Form::Plain | Form::Erased => None,
        };
        opened.push((entry, members));
    }
    let waiting = opened.iter().filter(|(entry, _)| entry.form() == Form::Waiting);
    let named = users_named(conn, waiting.filter_map(|(_, members)| members.as_ref()))?;
    let about = opened.iter().filter_map(|(_, members)| members.as_ref()?.is_about()).map(Holder::Person);
    let of_named = load(conn, keys, &about.collect())?;
    for (entry, mut members) in opened {
        if let Some(members) = &mut members {
            let holder = Holder::of(entry);
            if entry.form() == Form::Waiting && another_named(members, &named, holder) == Some(None) {
                members.mask_query();
            }
            if let Some(key) = members.is_about().and_then(|user| of_named.get(&Holder::Person(user))) {
                members.open_query(entry, key);
            }
        }
        entry.show(members);
    }
    Ok(())
}

/// Returns the users whose addresses the queries of entries have, by the key of the address.
fn users_named<'a>(
    conn: &mut Connection,
    members: impl Iterator<Item = &'a Members>,
) -> Result<HashMap<String, UserId>, StoreError> {
    let typed: BTreeSet<String> = members.flat_map(Members::typed_addresses).collect();
    if typed.is_empty() {
        return Ok(HashMap::new());
    }
    let named: Vec<(String, UserId)> = on!(conn, |c| users::table
        .filter(users::email_key.eq_any(&typed))
        .select((users::email_key, users::id))
        .load(c))?;
    Ok(named.into_iter().collect())
}

/// Returns the user, other than the holder, whose address the query has. The inner option is none when nobody has it, or
/// several addresses are in the query.
fn another_named(
    members: &Members,
    named: &HashMap<String, UserId>,
    holder: Holder,
) -> Option<Option<UserId>> {
    let typed = members.typed_addresses();
    let users: BTreeSet<Option<UserId>> = typed.iter().map(|address| named.get(address).copied()).collect();
    let first = users.first().copied()?;
    let is_own = users.len() == 1 && first.is_some_and(|user| Holder::Person(user) == holder);
    (!is_own).then_some(first.filter(|_| users.len() == 1))
}

/// Deletes the keys of days before `day`.
pub(super) fn expire(conn: &mut Connection, day: i64) -> Result<(), StoreError> {
    on!(conn, |c| diesel::delete(days::table.filter(days::day.lt(day))).execute(c))?;
    Ok(())
}

fn split(holders: impl IntoIterator<Item = Holder>) -> (Vec<UserId>, Vec<i64>) {
    let (mut of_persons, mut of_days) = (Vec::new(), Vec::new());
    for holder in holders {
        match holder {
            Holder::Person(id) => of_persons.push(id),
            Holder::Day(day) => of_days.push(day),
        }
    }
    (of_persons, of_days)
}

fn load(
    conn: &mut Connection,
    keys: &TrailKeys,
    holders: &BTreeSet<Holder>,
) -> Result<HolderKeys, StoreError> {
    let (of_persons, of_days) = split(holders.iter().copied());
    let mut sealed: Vec<(Holder, Vec<u8>)> = Vec::new();
    if !of_persons.is_empty() {
        let known: Vec<(UserId, Vec<u8>)> =
            on!(conn, |c| persons::table.filter(persons::user_id.eq_any(&of_persons)).load(c))?;
        sealed.extend(known.into_iter().map(|(id, key)| (Holder::Person(id), key)));
    }
    if !of_days.is_empty() {
        let known: Vec<(i64, Vec<u8>)> =
            on!(conn, |c| days::table.filter(days::day.eq_any(&of_days)).load(c))?;
        sealed.extend(known.into_iter().map(|(day, key)| (Holder::Day(day), key)));
    }
    let open = |(holder, sealed): (Holder, Vec<u8>)| {
        let other =
            || StoreError::Internal(format!("the master key did not seal the audit key of {holder:?}"));
        let plain = keys.unwrap(&sealed, &holder.context()).ok_or_else(other)?;
        Ok((holder, Cipher::new(plain.first_chunk().ok_or_else(other)?)?))
    };
    sealed.into_iter().map(open).collect()
}

/// Creates keys of holders that have none. A person without an account gets none.
fn create(
    conn: &mut Connection,
    keys: &TrailKeys,
    missing: Vec<Holder>,
    known: &mut HolderKeys,
) -> Result<(), StoreError> {
    let (of_persons, of_days) = split(missing);
    let (mut new_persons, mut new_days) = (Vec::new(), Vec::new());
    let mut make = |holder: Holder| -> Result<Vec<u8>, StoreError> {
        let key = Zeroizing::new(keys.random.bytes()?);
        known.insert(holder, Cipher::new(&key)?);
        keys.wrapping.in_use().seal(&keys.random, key.as_slice(), &holder.context())
    };
    for id in existing_and_locked(conn, of_persons)? {
        new_persons.push((persons::user_id.eq(id), persons::sealed.eq(make(Holder::Person(id))?)));
    }
    for day in of_days {
        new_days.push((days::day.eq(day), days::sealed.eq(make(Holder::Day(day))?)));
    }
    if !new_persons.is_empty() {
        on!(conn, |c| diesel::insert_into(persons::table).values(&new_persons).execute(c))?;
    }
    if !new_days.is_empty() {
        on!(conn, |c| diesel::insert_into(days::table).values(&new_days).execute(c))?;
    }
    Ok(())
}

fn existing(conn: &mut Connection, ids: Vec<UserId>) -> Result<Vec<UserId>, StoreError> {
    if ids.is_empty() {
        return Ok(ids);
    }
    Ok(on!(conn, |c| users::table.filter(users::id.eq_any(&ids)).select(users::id).load(c))?)
}

/// Returns the persons who have an account. On PostgreSQL a deletion waits until the transaction ends, so that it finds
/// the new key.
fn existing_and_locked(conn: &mut Connection, ids: Vec<UserId>) -> Result<Vec<UserId>, StoreError> {
    match conn.link() {
        Link::Postgres(c) if !ids.is_empty() => {
            let these = users::table.filter(users::id.eq_any(&ids)).order(users::id);
            Ok(these.select(users::id).for_key_share().load(c)?)
        }
        _ => existing(conn, ids),
    }
}
