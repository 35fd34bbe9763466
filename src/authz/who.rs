//! A line of the policy: who may do an action, in all the ways in which somebody may.

use super::action::Action;
use super::relation::Relation;
use super::resource::Resource;
use super::scope::Scope;
use crate::domain::Role;

/// The most relations, and the most roles, that one line names.
const MOST_WAYS: usize = 4;

/// Who may do an action: each way in asks for a scope of the token, and for what the record is to
/// the caller. Somebody for whom one way holds is in.
///
/// ```
/// use cloakroom::authz::{Relation, Scope, Condition};
/// const READ: Scope = Scope::new("notes:read", "Read your notes");
/// const READ_ANY: Scope = Scope::new("notes:read:any", "Read everyone's notes");
/// const READER: Relation = Relation::to_caller("reader");
/// const WHO: Condition = Condition::NOBODY.owner(READ).related(READER, READ).anyone(READ_ANY);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    owner: Option<Scope>,
    anyone: Option<Scope>,
    related: [Option<(Relation, Scope)>; MOST_WAYS],
    roles: [Option<(Role, Scope)>; MOST_WAYS],
    only_while: Option<Relation>,
    not_above: bool,
}

/// A way in: what the record is to the caller, or who they are, and the scope that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clause {
    /// As the record's owner.
    Owner(Scope),
    /// By this relation.
    Related(Relation, Scope),
    /// As a user with this role, whosever the record is.
    Role(Role, Scope),
    /// As anyone, whosever the record is.
    Anyone(Scope),
}

impl Clause {
    /// The scope that it takes.
    pub fn scope(self) -> Scope {
        match self {
            Self::Owner(scope) | Self::Related(_, scope) | Self::Role(_, scope) | Self::Anyone(scope) => {
                scope
            }
        }
    }
}

impl Condition {
    /// Nobody, until a way in is added.
    pub const NOBODY: Condition = Condition {
        owner: None,
        anyone: None,
        related: [None; MOST_WAYS],
        roles: [None; MOST_WAYS],
        only_while: None,
        not_above: false,
    };

    /// The owner of the record, with this scope.
    pub const fn owner(self, scope: Scope) -> Self {
        Self { owner: Some(scope), ..self }
    }

    /// Anyone with this scope, whosever the record is.
    pub const fn anyone(self, scope: Scope) -> Self {
        Self { anyone: Some(scope), ..self }
    }

    /// Those to whom the record has this relation, with this scope; of a state: everyone with the
    /// scope, while the record is in it.
    ///
    /// # Panics
    /// At the fifth; in a constant it then does not compile.
    pub const fn related(self, relation: Relation, scope: Scope) -> Self {
        Self { related: with(self.related, (relation, scope)), ..self }
    }

    /// Users who have this role, with this scope, whosever the record is.
    ///
    /// # Panics
    /// At the fifth; in a constant it then does not compile.
    pub const fn role(self, role: Role, scope: Scope) -> Self {
        Self { roles: with(self.roles, (role, scope)), ..self }
    }

    /// Of all of the above, only while the record is in this state.
    pub const fn only_while(self, state: Relation) -> Self {
        Self { only_while: Some(state), ..self }
    }

    /// On what is not their own, only those who have every power over others that goes with it:
    /// its owner's, or the record's own ([`Resource::powers`](super::Resource::powers)).
    pub const fn not_above(self) -> Self {
        Self { not_above: true, ..self }
    }

    /// The scope with which the owner may.
    pub fn owner_scope(&self) -> Option<Scope> {
        self.owner
    }

    /// The scope with which anyone may.
    pub fn anyone_scope(&self) -> Option<Scope> {
        self.anyone
    }

    /// The relations in which somebody may, each with its scope.
    pub fn relations(&self) -> impl Iterator<Item = (Relation, Scope)> {
        self.related.iter().flatten().copied()
    }

    /// The roles in which somebody may, each with its scope.
    pub fn roles(&self) -> impl Iterator<Item = (Role, Scope)> {
        self.roles.iter().flatten().copied()
    }

    /// The state that the record must be in.
    pub fn state(&self) -> Option<Relation> {
        self.only_while
    }

    /// Whether the caller must have every power that goes with the record.
    pub fn is_ranked(&self) -> bool {
        self.not_above
    }

    /// Every way in, the weakest first.
    pub fn ways(&self) -> impl Iterator<Item = Clause> {
        let related = self.relations().map(|(relation, scope)| Clause::Related(relation, scope));
        let roles = self.roles().map(|(role, scope)| Clause::Role(role, scope));
        let (owner, anyone) = (self.owner.map(Clause::Owner), self.anyone.map(Clause::Anyone));
        owner.into_iter().chain(related).chain(roles).chain(anyone)
    }

    /// Every scope that opens a way, the weakest first.
    pub fn scopes(&self) -> impl Iterator<Item = Scope> {
        self.ways().map(Clause::scope)
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "a constant function has no iterators; the index is below the length"
)]
#[expect(clippy::panic, reason = "in a constant, which every policy is, it is an error of the compiler's")]
const fn with<T: Copy>(mut ways: [Option<T>; MOST_WAYS], way: T) -> [Option<T>; MOST_WAYS] {
    let mut place = 0;
    while place < MOST_WAYS {
        if ways[place].is_none() {
            ways[place] = Some(way);
            return ways;
        }
        place += 1;
    }
    panic!("a line of the policy names at most four relations and four roles")
}

/// That the policy has a line for action `A` on this kind of record. Declared with
/// [`policy!`](crate::policy).
#[diagnostic::on_unimplemented(
    message = "no policy says who may `{A}` a `{Self}`",
    label = "write `policy! {{ {Self} {{ {A}: owner(SCOPE), anyone(SCOPE_ANY); }} }}`"
)]
pub trait Can<A: Action>: Resource {
    /// Who may.
    const WHO: Condition;
}

/// Declares who may do what: a block for each kind of record, a line for each action, and on the
/// line every way in, by the names of the functions of [`Condition`]. What has no line is nobody's.
///
/// ```
/// use cloakroom::authz::{OwnerFrom, Resource, action::{Read, Update}};
/// use cloakroom::domain::UserId;
///
/// cloakroom::scopes! {
///     pub SCOPES:
///     COATS_READ = "coats:read", "See your coats";
///     COATS_WRITE = "coats:write", "Change your coats";
///     COATS_READ_ANY = "coats:read:any", "See everyone's coats";
/// }
///
/// struct Coat { owner: UserId }
///
/// impl Resource for Coat {
///     type Id = u64;
///     const NAME: &'static str = "coat";
///     const OWNER: OwnerFrom = OwnerFrom::Record;
///     fn id(&self) -> u64 { 7 }
///     fn owner(&self) -> Option<UserId> { Some(self.owner) }
/// }
///
/// cloakroom::policy! {
///     Coat {
///         Read:   owner(COATS_READ), anyone(COATS_READ_ANY);
///         Update: owner(COATS_WRITE);
///     }
/// }
/// ```
#[macro_export]
macro_rules! policy {
    ($($resource:path { $($action:path: $($way:ident $(($($given:expr),+))?),+;)+ })+) => {
        $($(
            impl $crate::authz::Can<$action> for $resource {
                const WHO: $crate::authz::Condition = $crate::authz::Condition::NOBODY$(.$way($($($given),+)?))+;
            }
        )+)+
    };
}
