//! Explanations of decisions: the rule, its input, the step that decided, and the rights that would
//! have been enough. The steps are those of the decision itself ([`super::evaluation`]); this module
//! only adds the wording.

mod explanation;
mod hypothetical_caller;
mod preview;
mod wording;

pub use explanation::{Explanation, StepOutcome, StepTaken};
pub use hypothetical_caller::HypotheticalCaller;
pub use preview::Preview;
