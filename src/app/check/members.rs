//! Faults of rules about single members.

use std::collections::BTreeSet;

use super::super::App;
use crate::http::Description;

/// Finds rules about members that no record has: a rule with a wrong name restricts nothing.
pub(super) fn of_members(app: &App) -> BTreeSet<String> {
    let described: Vec<(&str, Description)> = app
        .endpoints
        .iter()
        .filter_map(|endpoint| Some((endpoint.access.rule()?.resource, endpoint.description())))
        .collect();
    let mut faults = BTreeSet::new();
    for (kind, description) in &described {
        let of_kind = || described.iter().filter(|(other, _)| other == kind).map(|(_, other)| other);
        for member in description.members {
            let name = member.name();
            let is_shown = of_kind().any(|other| other.shown.iter().any(|shown| shown == name));
            let is_sent = || of_kind().any(|other| other.body_members().iter().any(|sent| sent == name));
            if !is_shown && (member.read_rule().is_some() || !is_sent()) {
                faults.insert(format!(
                    "Resource::MEMBERS of a {kind} has a rule for {name:?}, which is no member of its JSON"
                ));
            }
        }
    }
    faults
}
