//! Removal of what a run created, and of what an earlier run left.
//!
//! A run begins with a client, its *marker*. Its id has the 128 random bits that are in every address and every
//! client id of the run. Only a caller who may register clients creates a marker, and nobody can guess those bits
//! before the run. So a user or a client that carries the bits of a marker was created by that run.
//!
//! A run renews its marker while it works. A marker that stays the same for [`LEASE`] belongs to a run that ended
//! without cleaning up, for example because it was killed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use url::form_urlencoded;

use super::fixture::{Fixture, MadeRecord, TestUser};
use super::{Request, VerifyError};
use crate::domain::Role;

/// Beginning of the ids of all clients of a run. The bits of the run follow.
const CLIENT: &str = "verify-";

/// Beginning of the id of a marker. The bits of the run follow.
const MARKER: &str = "verify-run-";

/// Domain of the addresses of all users of a run, behind the bits of the run. Reserved by RFC 2606.
const DOMAIN: &str = ".verify.example.com";

/// Number of hexadecimal digits of the bits of a run.
const DIGITS: usize = 32;

/// Interval at which a run renews its marker.
const RENEWAL: Duration = Duration::from_secs(2);

/// Time for which the marker of a working run can stay the same. It is above [`RENEWAL`] and the timeout of a request.
const LEASE: Duration = Duration::from_secs(15);

/// Maximum number of pages of a list that are read.
const MAX_PAGES: usize = 1_000;

/// Markers of other runs at the start of this one, with the times of their last renewals.
pub(super) struct OtherRuns {
    markers: BTreeMap<String, Value>,
    seen: Instant,
}

/// Returns the address of a user of the run.
pub(super) fn address(name: &str, mark: &str) -> String {
    format!("{name}@{mark}{DOMAIN}")
}

/// Returns the id of a client of the run.
pub(super) fn client_id(mark: &str, number: u32) -> String {
    format!("{CLIENT}{mark}-{number}")
}

fn is_mark(text: &str) -> bool {
    text.len() == DIGITS && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// Returns the bits in the address of a user of a run.
fn mark_of_address(email: &str) -> Option<&str> {
    let (_, domain) = email.rsplit_once('@')?;
    domain.strip_suffix(DOMAIN).filter(|mark| is_mark(mark))
}

impl Fixture {
    /// Creates the marker, and notes the markers of other runs.
    pub(super) fn mark_run(&self) -> Result<OtherRuns, VerifyError> {
        let others = OtherRuns { markers: self.markers()?, seen: Instant::now() };
        // A client needs a scope; the marker never asks for a token.
        let own = self.own_scopes();
        let scope = own.iter().find(|scope| !scope.is_identity()).map(|scope| scope.to_string());
        let body = json!({
            "client_id": self.marker(), "client_name": self.marker_name(), "scope": scope,
            "grant_types": ["client_credentials"],
        });
        self.done(&Request::post("/clients").json(&body), Some(&self.everything()?))?;
        self.renewed.set(Some(Instant::now()));
        Ok(others)
    }

    fn marker(&self) -> String {
        format!("{MARKER}{}", self.mark())
    }

    fn marker_name(&self) -> String {
        format!("cloakroom verify, at work ({})", self.next_number())
    }

    /// Renews the marker when it is time.
    pub(super) fn renew_marker(&self) -> Result<(), VerifyError> {
        if self.renewed.get().is_none_or(|since| since.elapsed() < RENEWAL) {
            return Ok(());
        }
        self.renewed.set(Some(Instant::now()));
        let token = self.everything()?;
        let body = json!({ "client_name": self.marker_name() });
        let request = Request::patch(format!("/clients/{}", self.marker()), &body);
        // A failure shows in the request that follows.
        let _ = self.client.send(&request, Some(&token));
        Ok(())
    }

    /// True when the server has an active administrator that no run created.
    pub(super) fn has_administrator(&self) -> Result<bool, VerifyError> {
        let path = format!("/users?status=active&role={}", Role::ADMIN);
        let admins = self.all(&path)?;
        Ok(admins.iter().any(|user| mark_of_address(text(user, "email")).is_none()))
    }

    /// Removes everything that this run created.
    ///
    /// # Errors
    /// Names what could not be removed.
    pub(crate) fn clean_up(&self) -> Result<(), VerifyError> {
        self.ignore_signals();
        let refused: Vec<_> = self
            .records
            .take()
            .into_iter()
            .filter_map(|record| Some((self.remove_record(&record)?, record)))
            .collect();
        let mut left = self.remove_run(self.mark());
        left.extend(refused.into_iter().filter(|(_, record)| self.stays(record)).map(|(refusal, _)| refusal));
        none_left(left)
    }

    /// Removes a record as its maker, who may be the only one allowed to, or else as a caller with every scope. Returns
    /// it with the reason when that failed.
    fn remove_record(&self, MadeRecord { path, maker }: &MadeRecord) -> Option<String> {
        let is_removed = |token: &str| {
            let answer = self.send(&Request::delete(path), Some(token));
            answer.is_ok_and(|answer| answer.is_success() || answer.status == 404)
        };
        if maker.as_ref().is_some_and(|maker| is_removed(&maker.token)) {
            return None;
        }
        let refusal = self.remove(path)?;
        let again = maker.as_ref().and_then(|maker| self.log_in_again(maker));
        if again.is_some_and(|token| is_removed(&token)) { None } else { Some(refusal) }
    }

    /// Returns a new token of a user whose tokens were revoked, or who was suspended.
    fn log_in_again(&self, user: &TestUser) -> Option<String> {
        let activate =
            Request::put(format!("/users/{}/status", user.id)).json(&json!({ "status": "active" }));
        let _ = self.send(&activate, Some(&self.everything().ok()?));
        self.log_in(&user.email, None).ok()
    }

    /// True when a record that could not be removed is there after the users of the run are gone. Where no caller can
    /// see it, a record of a user is taken as gone with the user.
    fn stays(&self, MadeRecord { path, maker }: &MadeRecord) -> bool {
        let answer = self.everything().and_then(|token| self.send(&Request::get(path), Some(&token)));
        match answer {
            Ok(answer) if answer.is_success() => true,
            Ok(answer) if answer.status == 404 => false,
            _ => maker.is_none(),
        }
    }

    /// Removes what ended runs have left.
    ///
    /// # Errors
    /// Names what could not be removed.
    pub(super) fn remove_leftovers(&self, others: &OtherRuns) -> Result<(), VerifyError> {
        if others.markers.is_empty() {
            return Ok(());
        }
        std::thread::sleep(LEASE.saturating_sub(others.seen.elapsed()));
        let now = self.markers()?;
        let ended = others.markers.iter().filter(|(id, name)| now.get(*id) == Some(*name));
        let left = ended.filter_map(|(id, _)| id.strip_prefix(MARKER)).flat_map(|mark| self.remove_run(mark));
        none_left(left.collect())
    }

    /// Removes users, clients and, at last, the marker of a run. Returns what it could not remove.
    fn remove_run(&self, mark: &str) -> Vec<String> {
        let mut left = Vec::new();
        let domain: String = form_urlencoded::byte_serialize(format!("@{mark}{DOMAIN}").as_bytes()).collect();
        match self.all(&format!("/users?q={domain}")) {
            Ok(users) => {
                let own = users.iter().filter(|user| mark_of_address(text(user, "email")) == Some(mark));
                left.extend(own.filter_map(|user| self.remove_user(text(user, "id"))));
            }
            Err(VerifyError(why)) => left.push(format!("the users of the run {mark} ({why})")),
        }
        match self.all("/clients") {
            Ok(clients) => {
                let ids = clients.iter().map(|client| text(client, "client_id"));
                let own = ids.filter(|id| id.strip_prefix(CLIENT).is_some_and(|rest| rest.starts_with(mark)));
                left.extend(own.filter_map(|id| self.remove(&format!("/clients/{id}"))));
            }
            Err(VerifyError(why)) => left.push(format!("the clients of the run {mark} ({why})")),
        }
        // The next run finds by the marker what is left.
        if left.is_empty() {
            left.extend(self.remove(&format!("/clients/{MARKER}{mark}")));
        }
        left
    }

    /// Removes a user. The last administrator goes by the operator's way, where this machine has it.
    fn remove_user(&self, id: &str) -> Option<String> {
        let left = self.remove(&format!("/users/{id}"))?;
        match &self.remove_last_admin {
            Some(remove) if left.contains("last-admin") => {
                remove(id).err().map(|why| format!("/users/{id} ({why})"))
            }
            _ => Some(left),
        }
    }

    /// Removes a record. Returns it with the reason when that failed.
    fn remove(&self, path: &str) -> Option<String> {
        let request = Request::delete(path);
        match self.everything().and_then(|token| self.send(&request, Some(&token))) {
            Ok(answer) if answer.is_success() || answer.status == 404 => None,
            Ok(answer) => Some(format!("{path} ({})", answer.summary())),
            Err(VerifyError(why)) => Some(format!("{path} ({why})")),
        }
    }

    /// Returns the markers on the server with their names, which change at each renewal.
    fn markers(&self) -> Result<BTreeMap<String, Value>, VerifyError> {
        let clients = self.all("/clients")?.into_iter();
        let markers =
            clients.filter(|client| text(client, "client_id").strip_prefix(MARKER).is_some_and(is_mark));
        Ok(markers
            .map(|client| {
                (
                    text(&client, "client_id").to_owned(),
                    client.get("client_name").cloned().unwrap_or_default(),
                )
            })
            .collect())
    }

    /// Returns all items of a list.
    pub(super) fn all(&self, path: &str) -> Result<Vec<Value>, VerifyError> {
        let (mut items, mut cursor) = (Vec::new(), String::new());
        for _ in 0..MAX_PAGES {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = Request::get(format!("{path}{joint}limit=100{cursor}"));
            let mut page = self.done(&page, Some(&self.everything()?))?.json();
            if let Some(Value::Array(some)) = page.get_mut("items").map(Value::take) {
                items.extend(some);
            }
            let Some(next) = page.get("next").and_then(Value::as_str) else { return Ok(items) };
            cursor =
                format!("&cursor={}", form_urlencoded::byte_serialize(next.as_bytes()).collect::<String>());
        }
        Err(VerifyError::new(format!("{path} does not end")))
    }
}

fn text<'a>(record: &'a Value, member: &str) -> &'a str {
    record.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn none_left(left: Vec<String>) -> Result<(), VerifyError> {
    match left.is_empty() {
        true => Ok(()),
        false => Err(VerifyError::new(format!("not removed: {}", left.join(", ")))),
    }
}
