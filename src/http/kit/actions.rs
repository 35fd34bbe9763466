//! `_actions` of a record: what this caller may do to it, and which members this caller may write, so that a
//! frontend shows the buttons that work. Made from the routes and their rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::RawValue;

use super::{Access, Route};
use crate::authz::{Caller, Member, RecordAttributes, RelationSet, Resource, Rule};

/// Every action that has a route, by the kind of record.
#[derive(Default)]
pub(crate) struct ActionTable(BTreeMap<&'static str, BTreeMap<String, ActionOn>>);

/// An action and the members that its routes write.
struct ActionOn {
    rule: &'static Rule,
    members: Vec<String>,
}

impl ActionTable {
    /// Collects the actions of these routes. Actions on a part of a record count as actions on the record.
    pub(crate) fn of<R: AsRef<Route>>(routes: &[R]) -> Self {
        let mut table = Self::default();
        for route in routes.iter().map(AsRef::as_ref) {
            let Access::Record(rule) = route.access else { continue };
            let (kind, name) = match rule.part_of {
                Some(whole) => (whole, format!("{}_{}", rule.action, rule.resource)),
                None => (rule.resource, rule.action.to_owned()),
            };
            let actions = table.0.entry(kind).or_default();
            let action = actions.entry(name).or_insert_with(|| ActionOn { rule, members: Vec::new() });
            for member in route.description().body_members() {
                if !action.members.contains(&member) {
                    action.members.push(member);
                }
            }
        }
        table
    }

    /// Returns the actions on a kind of record, each with the members that its routes write.
    pub(crate) fn on_kind(&self, kind: &str) -> impl Iterator<Item = (&str, &[String])> {
        let actions = self.0.get(kind).into_iter().flatten();
        actions.map(|(name, action)| (name.as_str(), action.members.as_slice()))
    }

    /// Returns the actions that `caller` may do to `record`.
    pub(crate) fn on<'a, R: Resource>(
        &'a self,
        record: &'a R,
        held: RelationSet,
        caller: Option<&'a Caller>,
    ) -> Written<'a> {
        let attributes = RecordAttributes::of(record, held);
        let actions = Actions { actions: self.0.get(R::NAME), attributes, members: R::MEMBERS, caller };
        let own = caller.filter(|caller| attributes.owner.is_some() && caller.user_id() == attributes.owner);
        match own.filter(|_| held == RelationSet::NONE) {
            Some(owner) => {
                let compute = || serde_json::value::to_raw_value(&actions).ok().map(Arc::from);
                owner.own_actions(R::NAME, compute).map_or(Written::Computed(actions), Written::Known)
            }
            None => Written::Computed(actions),
        }
    }
}

/// `_actions` as JSON.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum Written<'a> {
    /// Computed for this answer.
    Computed(Actions<'a>),
    /// Computed before, for the caller's own records.
    Known(Arc<RawValue>),
}

/// The actions on one record. A request without a caller has none.
pub(crate) struct Actions<'a> {
    actions: Option<&'a BTreeMap<String, ActionOn>>,
    attributes: RecordAttributes<'a>,
    members: &'static [Member],
    caller: Option<&'a Caller>,
}

impl Actions<'_> {
    fn may_write(&self, caller: &Caller, name: &str) -> bool {
        let rule = self.members.iter().find(|member| member.name() == name).and_then(Member::write_rule);
        rule.is_none_or(|rule| rule.permits(caller, self.attributes))
    }
}

impl Serialize for Actions<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        // A stale caller may act after a new authentication, so the actions do not depend on it.
        let Some(caller) = self.caller.map(Caller::if_fresh) else { return map.end() };
        for (name, action) in self.actions.into_iter().flatten() {
            if action.rule.permits(&caller, self.attributes) || fault!(actions_of_everyone) {
                let written = action.members.iter().filter(|name| self.may_write(&caller, name));
                map.serialize_entry(name, &written.collect::<Vec<_>>())?;
            }
        }
        map.end()
    }
}
