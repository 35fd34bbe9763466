//! Condition of access: what one line of the policy asks of a caller.

use super::{Relation, Scope, System};
use crate::domain::Role;

/// Maximum number of clauses in one condition.
const MAX_CLAUSES: usize = 10;

/// Condition under which an action is permitted. A caller is permitted when one [`Clause`] holds
/// and every restriction ([`only_while`](Self::only_while), [`not_above`](Self::not_above),
/// [`fresh`](Self::fresh)) is met.
///
/// ```
/// use cloakroom::authz::{Condition, Relation, Scope};
/// const READ: Scope = Scope::new("notes:read", "Read your notes");
/// const READ_ANY: Scope = Scope::new("notes:read:any", "Read everyone's notes");
/// const READER: Relation = Relation::to_caller("reader");
/// const CONDITION: Condition = Condition::NEVER.owner(READ).related(READER, READ).anyone(READ_ANY);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// Clauses, the weakest first, each with the state that it is limited to.
    clauses: [Option<(Clause, Option<Relation>)>; MAX_CLAUSES],
    /// Index of the clause that was added last.
    last: usize,
    only_while: Option<Relation>,
    not_above: bool,
    fresh: bool,
}

/// One alternative of a condition: a fact about the caller, and the scope that the token needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    /// The caller owns the record.
    Owner(Scope),
    /// The record has this relation to the caller.
    Related(Relation, Scope),
    /// The caller is a user with this role; the owner does not matter.
    Role(Role, Scope),
    /// The caller is this system caller; the owner does not matter.
    System(System, Scope),
    /// Any caller; the owner does not matter. Not every user has the scope.
    Anyone(Scope),
    /// Any caller; the owner does not matter. Every user has the scope.
    Everybody(Scope),
}

impl Clause {
    /// Returns the scope that the token needs.
    pub fn scope(self) -> Scope {
        match self {
            Self::Owner(scope)
            | Self::Related(_, scope)
            | Self::Role(_, scope)
            | Self::System(_, scope)
            | Self::Anyone(scope)
            | Self::Everybody(scope) => scope,
        }
    }

    /// Returns the place of its kind in a condition: a clause that reaches fewer records comes first.
    const fn order(self) -> u8 {
        match self {
            Self::Owner(_) => 0,
            Self::Related(..) => 1,
            Self::Role(..) => 2,
            Self::Anyone(_) | Self::Everybody(_) => 3,
            Self::System(..) => 4,
        }
    }
}

impl Condition {
    /// Condition without a clause: it permits no caller.
    pub const NEVER: Condition =
        Condition { clauses: [None; MAX_CLAUSES], last: 0, only_while: None, not_above: false, fresh: false };

    /// Permits the record's owner, with this scope.
    ///
    /// # Panics
    /// At the eleventh clause, as each function that adds one. In a constant, this is a compile error.
    pub const fn owner(self, scope: Scope) -> Self {
        self.with(Clause::Owner(scope))
    }

    /// Permits every caller with this scope, on every record. Users do not have the scope by themselves: if they
    /// do, the application does not start, and the clause to write is [`Condition::everybody`].
    pub const fn anyone(self, scope: Scope) -> Self {
        self.with(Clause::Anyone(scope))
    }

    /// Permits every caller with this scope, on every record, and says that every user has the scope.
    pub const fn everybody(self, scope: Scope) -> Self {
        self.with(Clause::Everybody(scope))
    }

    /// Permits callers to whom the record has this relation, with this scope. If the relation is a
    /// state: permits every caller with the scope, while the record is in that state.
    pub const fn related(self, relation: Relation, scope: Scope) -> Self {
        self.with(Clause::Related(relation, scope))
    }

    /// Permits users with this role, with this scope, on every record.
    pub const fn role(self, role: Role, scope: Scope) -> Self {
        self.with(Clause::Role(role, scope))
    }

    /// Permits this system caller, with this scope, on every record. A token with the scope is not enough.
    pub const fn system(self, system: System, scope: Scope) -> Self {
        self.with(Clause::System(system, scope))
    }

    /// Restricts the clause that was added last to records in this state. In [`policy!`](crate::policy) it is
    /// written behind the clause: `owner(WRITE).only_while(PLACED), anyone(WRITE_ANY)`.
    ///
    /// # Panics
    /// Without a clause. In a constant, this is a compile error.
    #[expect(clippy::indexing_slicing, reason = "a constant function; the index is that of a clause")]
    #[expect(clippy::panic, reason = "every policy is a constant: there the panic is a compile error")]
    pub const fn last_only_while(mut self, state: Relation) -> Self {
        match self.clauses[self.last] {
            Some((clause, None)) => self.clauses[self.last] = Some((clause, Some(state))),
            _ => panic!("only_while follows a clause, once"),
        }
        self
    }

    /// Restricts all clauses to records in this state.
    pub const fn only_while(self, state: Relation) -> Self {
        Self { only_while: Some(state), ..self }
    }

    /// Restricts access to other users' records: the caller must have every power over others that
    /// the record's owner, or the record itself, has ([`Resource::powers`](super::Resource::powers)).
    pub const fn not_above(self) -> Self {
        Self { not_above: true, ..self }
    }

    /// Restricts access to users who authenticated a short time ago: within `CLOAKROOM_STEP_UP`. A client that
    /// acts for itself has no user and meets it.
    pub const fn fresh(self) -> Self {
        Self { fresh: true, ..self }
    }

    /// Returns the scope that the owner needs, if the owner is permitted.
    pub fn owner_scope(&self) -> Option<Scope> {
        self.clauses().find(|clause| matches!(clause, Clause::Owner(_))).map(Clause::scope)
    }

    /// Returns the scope that permits every caller, if there is one.
    pub fn anyone_scope(&self) -> Option<Scope> {
        let is_for_all = |clause: &Clause| matches!(clause, Clause::Anyone(_) | Clause::Everybody(_));
        self.clauses().find(is_for_all).map(Clause::scope)
    }

    /// Returns the permitted relations, each with its scope.
    pub fn relations(&self) -> impl Iterator<Item = (Relation, Scope)> {
        self.clauses().filter_map(|clause| match clause {
            Clause::Related(relation, scope) => Some((relation, scope)),
            _ => None,
        })
    }

    /// Returns the permitted roles, each with its scope.
    pub fn roles(&self) -> impl Iterator<Item = (Role, Scope)> {
        self.clauses().filter_map(|clause| match clause {
            Clause::Role(role, scope) => Some((role, scope)),
            _ => None,
        })
    }

    /// Returns the permitted system callers, each with its scope.
    pub fn systems(&self) -> impl Iterator<Item = (System, Scope)> {
        self.clauses().filter_map(|clause| match clause {
            Clause::System(system, scope) => Some((system, scope)),
            _ => None,
        })
    }

    /// Returns the state that the record must be in, whatever the clause.
    pub fn state(&self) -> Option<Relation> {
        self.only_while
    }

    /// Returns every state that the condition names: that of all clauses, and those of single ones.
    pub fn states(&self) -> impl Iterator<Item = Relation> {
        self.only_while.into_iter().chain(self.ways().filter_map(|(_, state)| state))
    }

    /// Names the states that the record can be required to be in.
    pub(crate) fn required_states(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for name in self.states().map(Relation::name) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(" or ")
    }

    /// True when the caller must have every power that the record has.
    pub fn is_ranked(&self) -> bool {
        self.not_above
    }

    /// True when the caller's user must have authenticated a short time ago.
    pub fn needs_freshness(&self) -> bool {
        self.fresh
    }

    /// Returns every clause, the weakest first.
    pub fn clauses(&self) -> impl Iterator<Item = Clause> {
        self.ways().map(|(clause, _)| clause)
    }

    /// Returns every clause with the state that it is limited to, the weakest first.
    pub fn ways(&self) -> impl Iterator<Item = (Clause, Option<Relation>)> {
        self.clauses.iter().flatten().copied()
    }

    /// Returns the scope of every clause, the weakest first.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        self.clauses().map(Clause::scope)
    }

    /// Adds a clause behind those of its kind and of the kinds before it.
    #[expect(
        clippy::indexing_slicing,
        reason = "a constant function has no iterators; the index is below the length"
    )]
    #[expect(clippy::panic, reason = "every policy is a constant: there the panic is a compile error")]
    const fn with(mut self, clause: Clause) -> Self {
        if self.clauses[MAX_CLAUSES - 1].is_some() {
            panic!("a line of the policy has at most ten clauses");
        }
        let mut index = MAX_CLAUSES - 1;
        while index > 0 {
            match self.clauses[index - 1] {
                Some((before, _)) if before.order() <= clause.order() => break,
                before => self.clauses[index] = before,
            }
            index -= 1;
        }
        self.clauses[index] = Some((clause, None));
        self.last = index;
        self
    }
}
