//! Condition of access: what one line of the policy asks of a caller.

use super::{Relation, Scope, System};
use crate::domain::Role;

/// Maximum number of relations, of roles, and of system callers, in one condition.
const MAX_CLAUSES: usize = 4;

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
    owner: Option<Scope>,
    anyone: Option<Scope>,
    related: [Option<(Relation, Scope)>; MAX_CLAUSES],
    roles: [Option<(Role, Scope)>; MAX_CLAUSES],
    systems: [Option<(System, Scope)>; MAX_CLAUSES],
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
    /// Any caller; the owner does not matter.
    Anyone(Scope),
}

impl Clause {
    /// Returns the scope that the token needs.
    pub fn scope(self) -> Scope {
        match self {
            Self::Owner(scope)
            | Self::Related(_, scope)
            | Self::Role(_, scope)
            | Self::System(_, scope)
            | Self::Anyone(scope) => scope,
        }
    }
}

impl Condition {
    /// Condition without a clause: it permits no caller.
    pub const NEVER: Condition = Condition {
        owner: None,
        anyone: None,
        related: [None; MAX_CLAUSES],
        roles: [None; MAX_CLAUSES],
        systems: [None; MAX_CLAUSES],
        only_while: None,
        not_above: false,
        fresh: false,
    };

    /// Permits the record's owner, with this scope.
    pub const fn owner(self, scope: Scope) -> Self {
        Self { owner: Some(scope), ..self }
    }

    /// Permits every caller with this scope, on every record.
    pub const fn anyone(self, scope: Scope) -> Self {
        Self { anyone: Some(scope), ..self }
    }

    /// Permits callers to whom the record has this relation, with this scope. If the relation is a
    /// state: permits every caller with the scope, while the record is in that state.
    ///
    /// # Panics
    /// At the fifth relation. In a constant, this is a compile error.
    pub const fn related(self, relation: Relation, scope: Scope) -> Self {
        Self { related: with(self.related, (relation, scope)), ..self }
    }

    /// Permits users with this role, with this scope, on every record.
    ///
    /// # Panics
    /// At the fifth role. In a constant, this is a compile error.
    pub const fn role(self, role: Role, scope: Scope) -> Self {
        Self { roles: with(self.roles, (role, scope)), ..self }
    }

    /// Permits this system caller, with this scope, on every record. A token with the scope is not enough.
    ///
    /// # Panics
    /// At the fifth system caller. In a constant, this is a compile error.
    pub const fn system(self, system: System, scope: Scope) -> Self {
        Self { systems: with(self.systems, (system, scope)), ..self }
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
        self.owner
    }

    /// Returns the scope that permits every caller, if there is one.
    pub fn anyone_scope(&self) -> Option<Scope> {
        self.anyone
    }

    /// Returns the permitted relations, each with its scope.
    pub fn relations(&self) -> impl Iterator<Item = (Relation, Scope)> {
        self.related.iter().flatten().copied()
    }

    /// Returns the permitted roles, each with its scope.
    pub fn roles(&self) -> impl Iterator<Item = (Role, Scope)> {
        self.roles.iter().flatten().copied()
    }

    /// Returns the permitted system callers, each with its scope.
    pub fn systems(&self) -> impl Iterator<Item = (System, Scope)> {
        self.systems.iter().flatten().copied()
    }

    /// Returns the state that the record must be in.
    pub fn state(&self) -> Option<Relation> {
        self.only_while
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
        let related = self.relations().map(|(relation, scope)| Clause::Related(relation, scope));
        let roles = self.roles().map(|(role, scope)| Clause::Role(role, scope));
        let systems = self.systems().map(|(system, scope)| Clause::System(system, scope));
        let (owner, anyone) = (self.owner.map(Clause::Owner), self.anyone.map(Clause::Anyone));
        owner.into_iter().chain(related).chain(roles).chain(anyone).chain(systems)
    }

    /// Returns the scope of every clause, the weakest first.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        self.clauses().map(Clause::scope)
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "a constant function has no iterators; the index is below the length"
)]
#[expect(clippy::panic, reason = "every policy is a constant: there the panic is a compile error")]
const fn with<T: Copy>(mut clauses: [Option<T>; MAX_CLAUSES], clause: T) -> [Option<T>; MAX_CLAUSES] {
    let mut index = 0;
    while index < MAX_CLAUSES {
        if clauses[index].is_none() {
            clauses[index] = Some(clause);
            return clauses;
        }
        index += 1;
    }
    panic!("a line of the policy names at most four relations, four roles and four system callers")
}
