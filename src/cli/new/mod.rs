//! `cloakroom new`: writes the files of a resource.

mod files;
mod names;
mod resource;

pub(super) use resource::{command, run};
