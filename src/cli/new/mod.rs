//! `cloakroom new`: writes the files of a resource.

mod field_lines;
mod fields;
mod files;
mod names;
mod resource;
mod words;

pub(super) use resource::{command, run};
