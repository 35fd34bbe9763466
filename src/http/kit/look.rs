//! Looks: reads of records of others. A look is a deed: its entry is in the audit trail before the answer
//! leaves, and a look that cannot be written is not answered.

use std::cell::Cell;

use actix_web::HttpResponse;

use super::{Call, Code, Problem};
use crate::authz::action::Action;
use crate::authz::{
    Allowed, AuditEvent, Caller, Reach, RecordAttributes, RelationSet, Resource, Rule, Sight,
};
use crate::domain::UserId;

/// The look of a request. An ordinary request has none.
#[derive(Default)]
pub(super) struct PendingLook(Cell<Option<Box<Look>>>);

struct Look {
    event: AuditEvent,
    rule: &'static Rule,
    sight: Sight,
    /// The query of a list.
    query: Option<String>,
    /// Number of records on the page of a list.
    shown: Option<usize>,
}

impl PendingLook {
    fn begin(&self, event: AuditEvent, rule: &'static Rule, sight: Sight) {
        self.0.set(Some(Box::new(Look { event, rule, sight, query: None, shown: None })));
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
            self.look.begin(AuditEvent::from(record), record.rule(), Sight::Everyone);
        }
    }

    /// Remembers that the request reads a collection, if the caller sees records of others in it.
    pub(super) fn looks_within<R: Resource, A: Action>(&self, reach: &Reach<R, A>) {
        if A::CHANGES {
            return;
        }
        match reach.sight() {
            Sight::Own => {}
            sight => self.look.begin(AuditEvent::listed(reach), reach.rule(), sight),
        }
    }

    /// Adds the query, which was valid, to the look.
    pub(super) fn asks(&self) {
        self.look.update(|look| {
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
    /// only, and the page has none of another.
    pub(super) fn shows<R: Resource>(&self, records: &[(R, RelationSet)], by: &Caller) {
        self.look.update(|look| {
            look.shown = Some(records.len());
            let is_of_another = |(record, held): &(R, RelationSet)| {
                look.rule.is_of_another(by, RecordAttributes::of(record, *held))
            };
            look.sight == Sight::Everyone || records.iter().any(is_of_another)
        });
    }

    /// Adds what an explanation is about to the look: the request, and the user.
    pub(crate) fn explains(&self, request: &str, user: Option<UserId>) {
        self.look.update(|look| {
            (look.event.record, look.event.owner) = (Some(request.to_owned()), user);
            true
        });
    }

    /// Passes the answer on after its look is written.
    ///
    /// # Errors
    /// 503 when the look cannot be written.
    pub(super) async fn after_look(&self, answer: HttpResponse) -> Result<HttpResponse, Problem> {
        let Some(look) = self.look.0.take().filter(|_| !fault!(look_not_written)) else { return Ok(answer) };
        let Look { event, query, shown, .. } = *look;
        match self.services().trusted.append_look(&event, query, shown).await {
            Ok(()) => Ok(answer),
            Err(error) => {
                log::error!(
                    request_id:% = self.request_id();
                    "a read of another's record is refused, because its audit entry cannot be written: {error}"
                );
                Err(Problem::new(Code::Unavailable))
            }
        }
    }
}
