//! Personal members of an audit entry: the network address and the inputs of its request. The database has them
//! sealed under a key of their holder, the person whom they are about. The deletion of the person destroys the key.
//! The hash chain runs over the sealed bytes, so it stays valid.
//!
//! The request seals them under a key of the server, which costs no statement. The duty that adds the entry to the
//! chain then seals them for their holder.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::trail_keys::TrailKeys;
use crate::authz::user_of;
use crate::domain::{Email, Random, UserId, mask_addresses};
use crate::store::{Entry, Inputs, StoreError};

/// First character of a column whose content is not in clear.
pub(super) const MARK: char = '~';

/// Content of `inputs` when the personal members wait to be sealed for their holder.
const WAITING: &str = "~w";

/// Content of `inputs` when the personal members are sealed for their holder.
const SEALED: &str = "~s";

/// Content of `inputs` when the personal members were erased before they were sealed for their holder, and of each
/// entry whose key is destroyed once it is opened.
const ERASED: &str = "~e";

/// Purpose of a query that is sealed apart, in its context.
const QUERY: &str = "query";

/// Number of seconds of a day.
const DAY: i64 = 86_400;

/// The party under whose key the personal members of an entry are sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::store) enum Holder {
    /// The user who made the request. Of a request without an acceptable token, the owner of the record: the user who
    /// logs in, or whose password somebody guesses.
    Person(UserId),
    /// Nobody known: the day of the entry, in days since 1970. The retention of the trail destroys its key.
    Day(i64),
}

impl Holder {
    pub(super) fn of(entry: &Entry) -> Self {
        let person = match entry.actor.as_deref() {
            Some(actor) => user_of(actor),
            None => entry.owner_id,
        };
        person.map_or_else(|| Self::Day(day_of(entry.at.0)), Self::Person)
    }

    /// Returns the context in which the master key seals its key.
    pub(in crate::store) fn context(self) -> String {
        match self {
            Self::Person(id) => format!("person {id}"),
            Self::Day(day) => format!("day {day}"),
        }
    }
}

/// Returns the day of a time, in days since 1970 (UTC).
pub(super) fn day_of(time: DateTime<Utc>) -> i64 {
    time.timestamp().div_euclid(DAY)
}

/// Form in which an entry has its personal members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In clear, as earlier versions wrote them, or the entry has none.
    Plain,
    /// Sealed under the key of the server.
    Waiting,
    /// Sealed under the key of the holder.
    Sealed,
    /// Erased.
    Erased,
}

/// Personal members of an entry. They are serialised only to be sealed.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Members {
    address: Option<String>,
    inputs: Option<String>,
    /// The query, if it has the address of another user. Then `inputs` has it without the address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    about: Option<QueryAboutUser>,
}

/// A query with the address of a user, sealed under the key of that user.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct QueryAboutUser {
    user: Uuid,
    sealed: String,
}

impl Members {
    /// Returns the keys of the e-mail addresses in the query.
    pub(super) fn typed_addresses(&self) -> Vec<String> {
        let query = self.read_inputs().query.unwrap_or_default();
        let values = form_urlencoded::parse(query.as_bytes()).map(|(_, value)| value.into_owned());
        values.filter_map(|value| Email::parse(&value).ok()).map(|email| email.key()).collect()
    }

    /// Removes the e-mail addresses from the query.
    pub(super) fn mask_query(&mut self) {
        self.set_query(|query| query.as_deref().map(mask_addresses));
    }

    /// Seals the query under the key of the user whose address it has, and removes the address from the inputs.
    pub(super) fn seal_query(
        &mut self,
        random: &Random,
        entry: &Entry,
        user: UserId,
        key: &Cipher,
    ) -> Result<(), StoreError> {
        let query = self.read_inputs().query.unwrap_or_default();
        let sealed = key.seal(random, query.as_bytes(), &context(entry, QUERY))?;
        self.about = Some(QueryAboutUser { user: user.0, sealed: BASE64.encode(sealed) });
        self.mask_query();
        Ok(())
    }

    /// Returns the user whose address the query has.
    pub(super) fn is_about(&self) -> Option<UserId> {
        self.about.as_ref().map(|about| UserId(about.user))
    }

    /// Opens the query by the key of the user whose address it has.
    pub(super) fn open_query(&mut self, entry: &Entry, key: &Cipher) {
        let sealed = self.about.as_ref().and_then(|about| BASE64.decode(&about.sealed).ok());
        let query = sealed.and_then(|sealed| key.open(&sealed, &context(entry, QUERY)));
        if let Some(query) = query.and_then(|query| String::from_utf8(query.to_vec()).ok()) {
            self.set_query(|_| Some(query));
        }
    }

    fn read_inputs(&self) -> Inputs {
        self.inputs.as_deref().and_then(|inputs| serde_json::from_str(inputs).ok()).unwrap_or_default()
    }

    fn set_query(&mut self, change: impl FnOnce(Option<String>) -> Option<String>) {
        let mut inputs = self.read_inputs();
        inputs.query = change(inputs.query);
        self.inputs = serde_json::to_string(&inputs).ok();
    }
}

impl Entry {
    pub(super) fn form(&self) -> Form {
        match self.inputs.as_deref().and_then(|text| text.get(..WAITING.len())) {
            Some(WAITING) => Form::Waiting,
            Some(SEALED) => Form::Sealed,
            Some(ERASED) => Form::Erased,
            _ => Form::Plain,
        }
    }

    /// Returns true when the personal members were erased with their holder.
    pub fn is_erased(&self) -> bool {
        self.form() == Form::Erased
    }

    /// Returns true when a personal member is in clear.
    pub(super) fn is_in_clear(&self) -> bool {
        let in_clear = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.starts_with(MARK));
        in_clear(&self.address) || in_clear(&self.inputs)
    }

    /// Takes the opened members, for a reader; none when they are erased.
    pub(super) fn show(&mut self, members: Option<Members>) {
        (self.address, self.inputs) = match members {
            Some(members) => (members.address, members.inputs),
            None => (None, Some(ERASED.to_owned())),
        };
    }
}

/// A key of AES-256-GCM. It has no `Debug`, so that no log shows it.
pub(super) struct Cipher(LessSafeKey);

impl Cipher {
    pub(super) fn new(key: &[u8; 32]) -> Result<Self, StoreError> {
        let key = UnboundKey::new(&AES_256_GCM, key);
        Ok(Self(LessSafeKey::new(key.map_err(|_| StoreError::Internal("a key is too short".to_owned()))?)))
    }

    /// Seals with a new nonce. Only the same `context` opens it.
    pub(super) fn seal(&self, random: &Random, plain: &[u8], context: &str) -> Result<Vec<u8>, StoreError> {
        let nonce: [u8; NONCE_LEN] = random.bytes()?;
        let mut sealed = [&nonce, plain].concat();
        let (_, body) = sealed.split_at_mut(NONCE_LEN);
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), body)
            .map_err(|_| StoreError::Internal("an audit entry cannot be sealed".to_owned()))?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what [`Cipher::seal`] sealed in the same context. Returns none when the key is another one, or the data
    /// was changed.
    pub(super) fn open(&self, sealed: &[u8], context: &str) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut plain = Zeroizing::new(body.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = self.0.open_in_place(nonce, Aad::from(context), &mut plain).ok()?.len();
        plain.truncate(length);
        Some(plain)
    }

    fn seal_members(
        &self,
        random: &Random,
        members: &Members,
        entry: &Entry,
        form: &str,
    ) -> Result<String, StoreError> {
        let plain = serde_json::to_vec(members).map_err(|error| StoreError::Internal(error.to_string()))?;
        let sealed = self.seal(random, &Zeroizing::new(plain), &context(entry, form))?;
        Ok(format!("{form}{}", BASE64.encode(sealed)))
    }

    fn open_members(&self, entry: &Entry, form: &str) -> Option<Members> {
        let sealed = BASE64.decode(entry.inputs.as_deref()?.strip_prefix(form)?).ok()?;
        serde_json::from_slice(&self.open(&sealed, &context(entry, form))?).ok()
    }
}

/// Returns the context of sealed members: they belong to one entry, in one form.
fn context(entry: &Entry, form: &str) -> String {
    format!("audit {} {form}", entry.id.0)
}

impl TrailKeys {
    /// Seals the members of a new entry under the key of the server.
    pub(super) fn seal_new(&self, entry: &Entry) -> Result<Entry, StoreError> {
        if !entry.is_in_clear() {
            return Ok(entry.clone());
        }
        let members = Members { address: entry.address.clone(), inputs: entry.inputs.clone(), about: None };
        let inputs = self.waiting.in_use().seal_members(&self.random, &members, entry, WAITING)?;
        let address = entry.address.as_deref().map(|address| self.digest(address));
        Ok(Entry { address, inputs: Some(inputs), ..entry.clone() })
    }

    /// Returns the members of an entry that are not sealed for their holder yet. Returns none when the entry has none,
    /// and when they cannot be opened: the chain keeps them as they are.
    pub(super) fn unsealed(&self, entry: &Entry) -> Option<Members> {
        match entry.form() {
            Form::Plain if entry.is_in_clear() => {
                Some(Members { address: entry.address.clone(), inputs: entry.inputs.clone(), about: None })
            }
            Form::Waiting => self.waiting.each().find_map(|key| key.open_members(entry, WAITING)),
            _ => None,
        }
    }

    /// Seals members for the holder of their entry, whose key is `key`. Without a key the holder's account is deleted,
    /// and the members are dropped.
    pub(super) fn seal_for_holder(
        &self,
        entry: &mut Entry,
        members: &Members,
        key: Option<&Cipher>,
    ) -> Result<(), StoreError> {
        entry.inputs = Some(match key {
            Some(key) => key.seal_members(&self.random, members, entry, SEALED)?,
            None => ERASED.to_owned(),
        });
        let address = members.address.as_deref().filter(|_| key.is_some());
        entry.address = address.map(|address| self.digest(address));
        Ok(())
    }

    /// Opens members by the key of the holder of their entry. Members that were changed are empty.
    pub(super) fn opened(entry: &Entry, key: &Cipher) -> Members {
        key.open_members(entry, SEALED).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::authz::{Actor, AuditEvent, Outcome};
    use crate::domain::{Origin, Rotating, sha256};

    fn keys() -> TrailKeys {
        TrailKeys::new(&Rotating::from(|purpose: &str| sha256(purpose.as_bytes())), Random::system()).unwrap()
    }

    fn entry() -> Entry {
        let route = Some("POST /sessions".into());
        let origin = Origin { address: Some([192, 0, 2, 1].into()), route, ..Origin::default() };
        let event = AuditEvent {
            by: Actor::Anonymous(origin, None),
            action: "log_in",
            resource: "session",
            record: None,
            owner: Some(UserId(Uuid::from_u128(7))),
            outcome: Outcome::Done,
        };
        Entry::of(&event, Uuid::from_u128(1), DateTime::UNIX_EPOCH)
    }

    fn sealed(keys: &TrailKeys, mut entry: Entry, key: Option<&Cipher>) -> Entry {
        let members = keys.unsealed(&entry).unwrap();
        keys.seal_for_holder(&mut entry, &members, key).unwrap();
        entry
    }

    fn opened(entry: &Entry, key: &Cipher) -> Entry {
        let mut shown = entry.clone();
        shown.show(Some(TrailKeys::opened(entry, key)));
        shown
    }

    #[test]
    fn members_open_with_the_key_of_their_holder_alone() {
        let (keys, plain) = (keys(), entry());
        let holder = Cipher::new(&[1; 32]).unwrap();
        let waiting = keys.seal_new(&plain).unwrap();
        assert_eq!((waiting.form(), waiting.is_in_clear()), (Form::Waiting, false));
        let sealed = sealed(&keys, waiting, Some(&holder));
        assert_eq!((sealed.form(), sealed.address.clone()), (Form::Sealed, Some(keys.digest("192.0.2.1"))));
        assert_eq!(opened(&sealed, &holder), plain);
        let other = opened(&sealed, &Cipher::new(&[2; 32]).unwrap());
        assert_eq!((other.address, other.inputs), (None, None));
    }

    #[test]
    fn members_of_another_entry_do_not_open() {
        let (keys, holder) = (keys(), Cipher::new(&[1; 32]).unwrap());
        let mut moved = sealed(&keys, keys.seal_new(&entry()).unwrap(), Some(&holder));
        moved.id.0 = Uuid::from_u128(2);
        assert_eq!(opened(&moved, &holder).inputs, None);
    }

    #[test]
    fn members_without_a_holder_are_dropped() {
        let keys = keys();
        for entry in [keys.seal_new(&entry()).unwrap(), entry()] {
            let dropped = sealed(&keys, entry, None);
            assert_eq!((dropped.inputs.as_deref(), dropped.address), (Some(ERASED), None));
        }
    }

    #[test]
    fn query_about_another_user_opens_with_the_key_of_that_user() {
        let query = "q=Ada%40example.com&limit=7";
        let (keys, key) = (keys(), Cipher::new(&[3; 32]).unwrap());
        let entry = entry().with_inputs(|inputs| inputs.query = Some(query.to_owned()));
        let mut members = keys.unsealed(&entry).unwrap();
        assert_eq!(members.typed_addresses(), ["ada@example.com"]);
        members.seal_query(&keys.random, &entry, UserId(Uuid::from_u128(9)), &key).unwrap();
        assert_eq!(members.read_inputs().query.as_deref(), Some("q=[address]&limit=7"));
        assert_eq!(
            (members.is_about(), members.typed_addresses()),
            (Some(UserId(Uuid::from_u128(9))), vec![])
        );
        members.open_query(&entry, &key);
        assert_eq!(members.read_inputs().query.as_deref(), Some(query));
    }
}
