//! Problems as answers of a request. A refusal gets its `decision_id`, its audit event and its log line here.

use actix_web::HttpResponse;
use uuid::Uuid;

use super::problem::Unacceptable;
use super::{Call, Problem, ProblemContext};
use crate::authz::{Refusal, Subject};

impl Call {
    /// Answers with a problem.
    pub(crate) fn answer(&self, problem: Problem) -> HttpResponse {
        let (services, request_id) = (self.services(), self.request_id());
        let decision_id = self.record_refusal(&problem);
        problem.respond(&ProblemContext {
            issuer: &services.issuer_url,
            service: services.name,
            home: services.home.as_ref(),
            path: self.request().path(),
            request_id: &request_id,
            decision_id,
            family: self.family,
            page: services.error_page,
        })
    }

    /// Writes a refusal into the audit trail and the log, and returns its `decision_id`. When the trail's
    /// queue is full the refusal is counted only, so that a flood of refusals does not fill the disk.
    fn record_refusal(&self, problem: &Problem) -> Option<Uuid> {
        let event = problem.event(|| self.origin())?;
        let services = self.services();
        let id = services.random.uuid_at(services.clock.now()).ok()?;
        if !services.recorder.note_as(id, event) {
            return Some(id);
        }
        let request_id = self.request_id();
        let (route, path) = (self.route.as_deref(), self.request().path());
        if let Some(Unacceptable { reason, words, .. }) = problem.unacceptable() {
            log::info!(request_id:%, decision_id:% = id, route, path, reason; "token refused: {words}");
        }
        if let Some(refusal) = problem.refusal() {
            let Refusal { rule, reason, .. } = refusal;
            let caller = refusal.subject().map(Subject::actor);
            log::info!(
                request_id:%, decision_id:% = id, caller = caller.as_deref(), action = rule.action,
                resource = rule.resource, route, path, reason = reason.as_str();
                "request refused: {reason}"
            );
        }
        Some(id)
    }
}
