//! Decision on the new state of a record, for records whose new state can have more powers.

use super::{Allowed, Caller, RecordAttributes, Refusal, Resource, Step};

/// Proof that the caller may change a record to a given new state. Neither the present nor the new
/// state has a power that the caller lacks.
#[must_use = "a proof must be used"]
pub struct AllowedAmendment<R: Resource, A> {
    present: Allowed<R, A>,
    next: R,
}

impl<R: Resource, A> Allowed<R, A> {
    /// Returns the proof that the caller may change the record to `next`.
    ///
    /// # Errors
    /// [`Reason::AboveCaller`](super::Reason::AboveCaller) when `next` has a power over others that
    /// the caller lacks.
    pub fn amend(self, next: R) -> Result<AllowedAmendment<R, A>, Refusal> {
        let attributes =
            RecordAttributes { owner: self.owner(), relations: self.relations(), rank: Some(&next) };
        let rank = self.rule().check(Step::Rank, self.by(), attributes);
        if !fault!(client_above_changed) {
            rank.map_err(|refusal| refusal.on(self.id(), self.owner()))?;
        }
        Ok(AllowedAmendment { present: self, next })
    }
}

impl<R: Resource, A> AllowedAmendment<R, A> {
    /// Returns the permitted caller.
    pub(super) fn by(&self) -> &Caller {
        self.present.by()
    }

    /// Returns the present state with its proof, and the new state.
    pub(crate) fn into_parts(self) -> (Allowed<R, A>, R) {
        (self.present, self.next)
    }
}
