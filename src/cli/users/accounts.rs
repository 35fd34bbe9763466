//! Accounts, as the commands reach them.

use super::super::context::Context;
use crate::authz::Operator;
use crate::store::TrustedStore;

/// Store and operator for the commands on accounts.
pub(super) struct Users<'a> {
    pub(super) context: &'a Context,
    pub(super) store: TrustedStore,
    pub(super) operator: Operator,
    pub(super) json: bool,
}
