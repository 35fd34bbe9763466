//! The audit trail: its entries, the queue that writes them, and the hash chain that makes changes evident.

pub(in crate::store) mod backlog;
mod budget;
pub(in crate::store) mod chain;
pub(crate) mod check;
pub(in crate::store) mod entries;
pub(in crate::store) mod queue;
pub(in crate::store) mod seal;
pub(in crate::store) mod sealer;
pub(in crate::store) mod trail;
