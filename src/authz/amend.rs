//! What a record is to become, where that decides whether the caller may.

use super::decision::Allowed;
use super::resource::Resource;
use super::rule::{RecordAttributes, Refusal};

/// A record that the caller may change, and what it is to become: neither is above them.
#[must_use = "a decision is made to be acted upon"]
pub struct AllowedAmendment<R: Resource, A> {
    now: Allowed<R, A>,
    next: R,
}

impl<R: Resource, A> Allowed<R, A> {
    /// The proof that the caller may make `next` of the record.
    ///
    /// # Errors
    /// [`Reason::AboveCaller`](super::Reason::AboveCaller) when it would be worth a power over
    /// others that the caller does not have.
    pub fn amend(self, next: R) -> Result<AllowedAmendment<R, A>, Refusal> {
        let facts = RecordAttributes { owner: self.owner(), held: self.held(), rank: Some(&next) };
        let rank = self.rule().check_rank(self.by(), facts);
        rank.map_err(|refusal| refusal.on(self.id(), self.owner()))?;
        Ok(AllowedAmendment { now: self, next })
    }
}

impl<R: Resource, A> AllowedAmendment<R, A> {
    /// The record as it is, and as it is to be.
    pub(crate) fn into_parts(self) -> (Allowed<R, A>, R) {
        (self.now, self.next)
    }
}
