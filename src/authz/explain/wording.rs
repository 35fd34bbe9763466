//! Wording of explanations. The decision itself is made elsewhere.

use crate::authz::evaluation::missing_powers;
use crate::authz::{
    Caller, Clause, MissingPowers, Reason, RecordAttributes, Relation, Rule, Scope, ScopeSet, Step,
    Vocabulary,
};
use crate::domain::Role;

/// Wording about one rule of an application.
pub(super) struct Wording<'a> {
    pub(super) rule: &'a Rule,
    pub(super) vocabulary: &'a Vocabulary,
}

/// States why the freshness step fails.
pub(super) const STALE: &str = "the user authenticated too long ago for this action";

/// States that the token carried none of the rule's scopes.
pub(super) fn not_carried(rule: &Rule) -> String {
    let names: Vec<String> = rule.condition.scopes().map(|scope| scope.to_string()).collect();
    format!("the token carries none of {}", names.join(", "))
}

/// Names the scopes of the rule that the token carries.
pub(super) fn carried(rule: &Rule, scope: &ScopeSet) -> String {
    format!("the token carries {}", common(rule, scope))
}

/// Names the scopes of the rule that the token carried.
pub(super) fn carried_before(rule: &Rule, scope: &ScopeSet) -> String {
    match common(rule, scope) {
        // The scope was erased with the account of its user.
        common if common.is_empty() => "the token carried a scope of the rule".to_owned(),
        common => format!("the token carried {common}"),
    }
}

fn common(rule: &Rule, scope: &ScopeSet) -> String {
    let common = rule.condition.scopes().filter(|known| scope.contains(*known)).map(Scope::as_str);
    common.collect::<Vec<_>>().join(" and ")
}

/// States the clauses by which the caller reaches the record.
pub(super) fn reached(rule: &Rule, caller: &Caller, attributes: RecordAttributes<'_>) -> String {
    let clauses = rule.condition.clauses().filter(|clause| rule.holds(*clause, caller, attributes));
    clauses.map(clause_that_holds).collect::<Vec<_>>().join("; ")
}

fn clause_that_holds(clause: Clause) -> String {
    let fact = match clause {
        Clause::Anyone(scope) | Clause::Everybody(scope) => {
            return format!("the token carries {scope}, which reaches everyone's records");
        }
        Clause::Owner(_) => "the caller owns it".to_owned(),
        Clause::Related(relation, _) if relation.is_personal() => {
            format!("the caller is its {}", relation.name())
        }
        Clause::Related(relation, _) => format!("it is {}", relation.name()),
        Clause::Role(role, _) => format!("the caller has the role {role}"),
        Clause::System(system, _) => format!("the caller is the system caller {}", system.name()),
    };
    format!("{fact}, and the token carries {}", clause.scope())
}

/// States why no clause holds.
pub(super) fn not_reached(rule: &Rule, caller: &Caller, attributes: RecordAttributes<'_>) -> String {
    let ownership = match (caller.user_id(), attributes.owner) {
        (Some(user), Some(owner)) if user == owner => match rule.condition.owner_scope() {
            Some(scope) => format!("the caller owns it, but the token does not carry {scope}"),
            None => "the caller owns it, but the rule does not permit the owner".to_owned(),
        },
        (Some(user), Some(owner)) => format!("it belongs to user {owner}, and the caller is user {user}"),
        (None, Some(owner)) => {
            format!("it belongs to user {owner}, and the caller is a client, which owns no records")
        }
        (_, None) => "it has no owner".to_owned(),
    };
    match rule.condition.anyone_scope() {
        Some(scope) => format!("{ownership}; the token does not carry {scope}"),
        None => ownership,
    }
}

/// States the required states that the record is in.
pub(super) fn in_state(rule: &Rule, attributes: RecordAttributes<'_>) -> String {
    let holds = |state: &Relation| attributes.relations.includes(rule.relations(), *state);
    let names: Vec<&str> = rule.condition.states().filter(holds).map(Relation::name).collect();
    match names.is_empty() {
        true => "the rule requires no state".to_owned(),
        false => format!("it is {}", names.join(" and ")),
    }
}

/// States why the rank step passes.
pub(super) fn outranked(rule: &Rule, caller: &Caller, attributes: RecordAttributes<'_>) -> String {
    let text = if !rule.condition.is_ranked() {
        "the rule does not compare powers"
    } else if caller.user_id().is_some() && caller.user_id() == attributes.owner {
        "the caller owns it"
    } else {
        "the caller has every power of the record"
    };
    text.to_owned()
}

/// States why the rank step failed in the past. The record's powers at that time are not known any more; the
/// powers that the token lacked although the roles granted them are.
pub(super) fn lacked(roles: &[String], scope: &ScopeSet, vocabulary: &Vocabulary) -> String {
    let roles: Vec<Role> = roles.iter().filter_map(|role| vocabulary.role(role)).collect();
    let unused = vocabulary.powers_of(&roles).difference(scope);
    let because = "the record had powers that the caller lacked";
    match unused.is_empty() {
        true => because.to_owned(),
        false => format!(
            "{because}; of those that the caller's roles grant, the token did not carry {}",
            unused.listed()
        ),
    }
}

/// Lists what a request without a token needs.
pub(super) fn any_clause(rule: Option<&Rule>) -> Vec<String> {
    let Some(rule) = rule else { return vec!["any acceptable access token".to_owned()] };
    let ways = rule.condition.ways().filter(|(clause, _)| is_for_requests(clause));
    ways.map(|(clause, state)| format!("a token with {}, {}", clause.scope(), where_it_holds(clause, state)))
        .collect()
}

impl Wording<'_> {
    /// Names the states that the rule requires.
    pub(super) fn state(&self) -> String {
        self.rule.condition.required_states()
    }

    /// States why a step fails on a record, and lists what would have been enough.
    pub(super) fn failed(
        &self,
        step: Step,
        caller: &Caller,
        attributes: RecordAttributes<'_>,
    ) -> (String, Vec<String>) {
        let enough = self.enough(step.reason());
        match step {
            Step::Freshness => (STALE.to_owned(), enough),
            Step::Scope | Step::Owner => (not_reached(self.rule, caller, attributes), enough),
            Step::State => (format!("it is not {}", self.state()), enough),
            Step::Rank => {
                let missing =
                    attributes.rank.map(|record| missing_powers(caller, record)).unwrap_or_default();
                (format!("the record has powers that the caller lacks: {missing}"), powers_enough(&missing))
            }
        }
    }

    /// Lists what would have been enough for a refusal with this reason.
    pub(super) fn enough(&self, reason: Reason) -> Vec<String> {
        let ways = self.rule.condition.ways().filter(|(clause, _)| is_for_requests(clause));
        let text = |(clause, state)| {
            format!("a token with {}, {}", self.scope_and_roles(clause), where_it_holds(clause, state))
        };
        match reason {
            Reason::InsufficientScope => ways.map(text).collect(),
            Reason::NotOwner => {
                ways.filter(|(clause, _)| !matches!(clause, Clause::Owner(_))).map(text).collect()
            }
            Reason::Stale => {
                vec!["a token that was issued soon after the user authenticated again".to_owned()]
            }
            Reason::WrongState => vec![format!("a {} that is {}", self.rule.resource, self.state())],
            Reason::NotFound | Reason::AboveCaller => Vec::new(),
        }
    }

    /// Names the clause's scope, and the roles that grant it.
    fn scope_and_roles(&self, clause: Clause) -> String {
        let scope = clause.scope();
        let grants = |role: &Role| self.vocabulary.granted_by(&[*role]).contains(scope);
        let roles: Vec<String> =
            self.vocabulary.roles().filter(grants).map(|role| role.to_string()).collect();
        if roles.is_empty() {
            scope.to_string()
        } else {
            format!("{scope} (which {} grants)", roles.join(" or "))
        }
    }
}

/// Lists what would give the missing powers. A token carries only what the roles grant.
fn powers_enough(missing: &MissingPowers) -> Vec<String> {
    let all = missing.in_token.union(&missing.in_roles).listed();
    let token = format!("a token that also carries {all}");
    vec![match missing.in_roles.is_empty() {
        true => token,
        false => format!("roles that grant {}, and {token}", missing.in_roles.listed()),
    }]
}

/// Returns true for a clause that a request can meet. A system caller sends none.
fn is_for_requests(clause: &Clause) -> bool {
    !matches!(clause, Clause::System(..))
}

fn where_it_holds(clause: Clause, state: Option<Relation>) -> String {
    let records = match clause {
        Clause::Owner(_) => "for one's own".to_owned(),
        Clause::Related(relation, _) if relation.is_personal() => {
            format!("where the caller is the record's {}", relation.name())
        }
        Clause::Related(relation, _) => format!("where the record is {}", relation.name()),
        Clause::Role(role, _) => format!("and the role {role}"),
        Clause::System(system, _) => format!("as the system caller {}", system.name()),
        Clause::Anyone(_) | Clause::Everybody(_) => "for everyone's".to_owned(),
    };
    match state {
        Some(state) => format!("{records} while it is {}", state.name()),
        None => records,
    }
}
