//! A caller whose token is revoked between the decision and the deed: nothing changes any more.

mod actors;
mod idempotency;
mod routes;
mod streams;
mod targets;
mod waits;
