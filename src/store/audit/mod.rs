//! The audit trail: its entries, their personal members, the queue that writes them, and the hash chain that makes
//! changes evident.

mod append;
pub(in crate::store) mod backlog;
mod budget;
pub(in crate::store) mod chain;
pub(crate) mod check;
pub(in crate::store) mod entries;
pub(in crate::store) mod filter;
pub(in crate::store) mod generations;
mod holder_keys;
mod old_entries;
pub(in crate::store) mod personal;
pub(in crate::store) mod queue;
pub(in crate::store) mod seal;
pub(in crate::store) mod sealer;
pub(in crate::store) mod trail;
pub(in crate::store) mod trail_keys;
