//! Looks: reads of records of others. A look is a deed: its entry is in the audit trail before the answer
//! leaves, and a look that cannot be written is not answered.

use std::cell::Cell;

use actix_web::HttpResponse;

use super::{Call, Code, Problem};
use crate::authz::action::Action;
use crate::authz::{
    Allowed, AuditEvent, Breadth, Caller, Reach, RecordAttributes, RelationSet, Resource, Rule,
};
use crate::domain::UserId;

/// The look of a request. An ordinary request has none.
#[derive(Default)]
pub(super) struct PendingLook(Cell<Option<Box<Look>>>);

struct Look {
    event: AuditEvent,
    rule: &'static Rule,
    breadth: Breadth,
    /// The query of a list.
    query: Option<String>,
    /// Number of records on the page of a list.
    shown: Option<usize>,
    /// Users that an evaluation is about. Each finds a line in its trail.
    subjects: Vec<UserId>,
}

impl PendingLook {
    fn begin(&self, event: AuditEvent, rule: &'static Rule, breadth: Breadth) {
        self.0.set(Some(Box::new(Look {
            event,
            rule,
            breadth,
            query: None,
            shown: None,
            subjects: Vec::new(),
        })));
    }

    /// Changes the look, if there is one. `change` returns false to drop it.
    fn update(&self, change: impl FnOnce(&mut Look) -> bool) {
        if let Some(mut look) = self.0.take() {
            let stays = change(&mut look);
            self.0.set(stays.then_some(look));
        }
    }
}

impl Call {
    /// Remembers that the request reads this record, if the record is another's.
    pub(super) fn looks_at<R: Resource, A: Action>(&self, record: &Allowed<R, A>) {
        if record.is_look() {
            self.look.begin(AuditEvent::from(record), record.rule(), Breadth::Everyone);
        }
    }

    /// Remembers that the request reads a collection, if the caller sees records of others in it.
    pub(super) fn looks_within<R: Resource, A: Action>(&self, reach: &Reach<R, A>) {
        if A::CHANGES {
            return;
        }
        match reach.breadth() {
            Breadth::Own => {}
            breadth => self.look.begin(AuditEvent::listed(reach), reach.rule(), breadth),
        }
    }

    /// Remembers that the request reads the records of this user, who is not the caller.
    pub(super) fn looks_at_records_of<R: Resource, A: Action>(&self, reach: &Reach<R, A>, owner: UserId) {
        if !A::CHANGES {
            let event = AuditEvent { owner: Some(owner), ..AuditEvent::listed(reach) };
            self.look.begin(event, reach.rule(), Breadth::Everyone);
        }
    }

    /// Adds the query, which was valid, to the look. A user whom it names finds the look in their own trail.
    pub(super) fn asks(&self, about: Option<UserId>) {
        self.look.update(|look| {
            look.event.owner = look.event.owner.or(about);
            let parameters = form_urlencoded::parse(self.request().query_string().as_bytes());
            let kept = parameters.filter(|(name, _)| name != "cursor");
            let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(kept).finish();
            look.query = (!query.is_empty()).then_some(query);
            true
        });
    }

    /// Adds the number of records on the page to the look.
    pub(super) fn shows_page(&self, records: usize) {
        self.look.update(|look| {
            look.shown = Some(records);
            true
        });
    }

    /// Adds the number of records on the page to the look. There is no look if the caller sees related records
    /// only, and the page has none of another. If all of them belong to one user, the user finds the look in their
    /// own trail: a search for one account is a read of it.
    pub(super) fn shows<R: Resource>(&self, records: &[(R, RelationSet)], by: &Caller) {
        self.look.update(|look| {
            look.shown = Some(records.len());
            look.event.owner = look.event.owner.or(only_owner(records));
            let is_of_another = |(record, held): &(R, RelationSet)| {
                look.rule.is_of_another(by, RecordAttributes::of(record, *held))
            };
            look.breadth == Breadth::Everyone || records.iter().any(is_of_another)
        });
    }

    /// Adds what an explanation is about to the look: the request, and the user.
    pub(crate) fn explains(&self, request: &str, user: Option<UserId>) {
        self.look.update(|look| {
            (look.event.record, look.event.owner) = (Some(request.to_owned()), user);
            true
        });
    }

    /// Adds the users whom an evaluation is about to the look.
    pub(crate) fn evaluates(&self, subjects: Vec<UserId>) {
        self.look.update(|look| {
            look.subjects = subjects;
            true
        });
    }

    /// Passes the answer on after its look is written.
    ///
    /// # Errors
    /// 503 when the look cannot be written.
    pub(super) async fn after_look(&self, answer: HttpResponse) -> Result<HttpResponse, Problem> {
        let Some(look) = self.look.0.take().filter(|_| !fault!(look_not_written)) else { return Ok(answer) };
        let Look { mut event, query, shown, subjects, .. } = *look;
        let owners =
            if subjects.is_empty() { vec![event.owner] } else { subjects.into_iter().map(Some).collect() };
        for owner in owners {
            event.owner = owner;
            if let Err(error) = self.services().trusted.append_look(&event, query.clone(), shown).await {
                log::error!(
                    request_id:% = self.request_id();
                    "a read of another's record is refused, because its audit entry cannot be written: {error}"
                );
                return Err(Problem::new(Code::Unavailable));
            }
        }
        Ok(answer)
    }
}

/// Returns the owner of all these records. None if there are several, or none.
fn only_owner<R: Resource>(records: &[(R, RelationSet)]) -> Option<UserId> {
    let mut owners = records.iter().map(|(record, _)| record.owner());
    let first = owners.next()??;
    owners.all(|owner| owner == Some(first)).then_some(first)
}
