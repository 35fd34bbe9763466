//! Upgrades: a migration only adds, so that the program before runs on the schema after, while replicas are exchanged.

mod rolling;
mod rules;
