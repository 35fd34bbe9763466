//! Members that a rule hides from some readers of the record.

use actix_web::http::Method;
use serde_json::json;

use super::super::Request;
use super::super::client::Answer;
use super::super::fixture::TestUser;
use super::super::records::NoRecord;
use super::findings::{Checked, Findings};
use super::members::send_with;
use super::run::CheckRun;
use crate::authz::matrix::{CallerKind, Target};
use crate::authz::{Member, Rule};
use crate::http::{Access, Endpoint};

/// Callers that are tried as readers, besides a client with every scope.
const READERS: [CallerKind; 3] = [CallerKind::Owner, CallerKind::AnotherUser, CallerKind::Client];

/// Record with a member whose value is in no other answer.
struct Marked<'r> {
    reading: &'r Endpoint,
    member: &'r Member,
    owner: TestUser,
    /// Path of the record.
    path: String,
    /// Its value of the member, as an answer shows it.
    marker: String,
}

pub(super) fn ruled(run: &CheckRun<'_>, found: &mut Findings) -> Checked {
    for reading in run.endpoints.iter().filter(|endpoint| endpoint.method == Method::GET) {
        if !matches!(reading.access, Access::Record(_)) || !reading.path.ends_with('}') {
            continue;
        }
        for member in reading.description().members {
            let Some(rule) = member.read_rule() else { continue };
            match marked(run, reading, member) {
                Ok(marked) => marked.look(run, found, rule)?,
                Err(NoRecord::NotMade(why)) => {
                    found.leave_out(&format!("{} of {}", member.name(), reading.name()), &why);
                }
                Err(NoRecord::Failed(error)) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// Creates a record, and gives the member a value that no other answer has: a text, or else a number.
fn marked<'r>(
    run: &'r CheckRun<'_>,
    reading: &'r Endpoint,
    member: &'r Member,
) -> Result<Marked<'r>, NoRecord> {
    let owner = run.new_owner()?;
    let path = run.path(reading, &owner)?.split('?').next().unwrap_or_default().to_owned();
    let writes = |endpoint: &&Endpoint| {
        matches!(endpoint.access, Access::Record(rule) if rule.changes)
            && endpoint.description().body_members().iter().any(|name| name == member.name())
    };
    let target = |endpoint: &Endpoint| below(reading, &path, endpoint);
    let routes = run.endpoints.iter().filter(writes).find_map(|route| Some((route, target(route)?)));
    let Some((writing, target)) = routes else {
        return Err(NoRecord::NotMade("no route writes it".to_owned()));
    };
    let number = run.next_number();
    let text = format!("marker{number}{}", run.mark().get(..8).unwrap_or_default());
    for value in [json!(text), json!(90_000_000 + number)] {
        let everything = run.everything()?;
        let answer = send_with(run, writing, (&target, &owner, &everything), (member.name(), &value))?;
        if answer.is_success() {
            let marker = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            return Ok(Marked { reading, member, owner, path, marker });
        }
    }
    Err(NoRecord::NotMade("no value that can be told apart from others is accepted".to_owned()))
}

/// Returns the path of a route of the same record or of its collection, if no other parameter is in it.
fn below(reading: &Endpoint, path: &str, route: &Endpoint) -> Option<String> {
    let (collection, _) = reading.path.rsplit_once('/')?;
    let (collection_path, _) = path.rsplit_once('/')?;
    let of_record = route.path.strip_prefix(reading.path).map(|rest| (path, rest));
    let (start, rest) =
        of_record.or_else(|| Some((collection_path, route.path.strip_prefix(collection)?)))?;
    let is_below = rest.is_empty() || rest.starts_with('/');
    (is_below && !rest.contains('{')).then(|| format!("{start}{rest}"))
}

impl Marked<'_> {
    /// Looks for the member in the answers to each reader whom the rule refuses, and in one to a caller with every scope
    /// whom it permits.
    fn look(&self, run: &CheckRun<'_>, found: &mut Findings, rule: &'static Rule) -> Checked {
        let refuses = |kind: CallerKind| kind.refused(rule, Target::Record(rule), run.vocabulary()).is_some();
        let (name, member) = (self.reading.name(), self.member.name());
        if !refuses(CallerKind::ClientWithAny) {
            let seen = run.send(&Request::get(&self.path), Some(&run.everything()?))?;
            found.must(self.is_in(&seen), format!("{name} does not show {member} to whom it may"));
        }
        for kind in READERS.into_iter().filter(|kind| refuses(*kind)) {
            self.look_as(run, found, kind)?;
        }
        Ok(())
    }

    fn is_in(&self, answer: &Answer) -> bool {
        answer.body.contains(&self.marker)
    }

    fn look_as(&self, run: &CheckRun<'_>, found: &mut Findings, kind: CallerKind) -> Checked {
        let token = match kind {
            CallerKind::Owner => self.owner.token.clone(),
            CallerKind::AnotherUser => run.new_owner()?.token,
            _ => run.token_of(&run.new_client(&run.own_scopes())?)?,
        };
        let is_owner = kind == CallerKind::Owner;
        let (reader, member) = (kind.name(), self.member.name());
        for route in run.endpoints {
            let asks = route.method == Method::GET || is_owner && route.method == Method::PATCH;
            let Some(path) = below(self.reading, &self.path, route).filter(|_| asks) else { continue };
            let answer = run.call(route, path, &self.owner, is_owner, Some(&token))?;
            found.must(!self.is_in(&answer), format!("{} shows {member} to {reader}", route.name()));
        }
        let (Some((list, _)), Some((_, id))) = (self.path.rsplit_once('/'), self.path.rsplit_once('/'))
        else {
            return Ok(());
        };
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair(member, &self.marker).finish();
        let filtered = run.send(&Request::get(format!("{list}?{query}")), Some(&token))?;
        let tells = filtered.is_success() && filtered.body.contains(id);
        found.must(!tells, format!("a filter of {list} tells {reader} which record has a {member}"));
        Ok(())
    }
}
