//! Vocabulary: the scopes and roles of an application, and the scopes that each role grants.

use super::scope::{AUDIT_READ_ANY, PROFILES_READ_ANY, SCOPES, USERS_READ_ANY};
use super::{Relation, Rule, Scope, ScopeSet, System};
use crate::domain::{Invalid, Role};

/// Maximum number of unknown scopes in an error.
const MAX_NAMED: usize = 5;

/// Scopes, roles, relations and system callers of an application: cloakroom's own and those that the application adds.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    scopes: Vec<Scope>,
    roles: Vec<RoleGrants>,
    systems: Vec<System>,
    relations: Vec<Relation>,
    subscriptions: Vec<Subscription>,
}

/// System caller that acts after each change of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscription {
    /// Name of the system caller.
    pub(crate) system: &'static str,
    /// Kind of record.
    pub(crate) resource: &'static str,
    /// Action that changes the record.
    pub(crate) action: &'static str,
    /// Set when the owner is a part of the record's id (`OwnedId`).
    pub(crate) names_owner: bool,
}

#[derive(Clone, Debug)]
struct RoleGrants {
    role: Role,
    grants: Grants,
    extra: Vec<Scope>,
}

#[derive(Clone, Debug)]
enum Grants {
    /// Every scope of the application.
    Everything,
    /// Every scope that is limited to the user's own records.
    OwnRecords,
    /// Only the extra scopes.
    Nothing,
}

/// Returns the names in a list of scopes. RFC 6749 §3.3 separates them by one space; more spaces, also at either
/// end, can mean nothing else.
pub(crate) fn scope_names(list: &str) -> impl Iterator<Item = &str> {
    list.split(' ').filter(|name| !name.is_empty())
}

impl Default for Vocabulary {
    /// Returns cloakroom's own scopes and roles.
    fn default() -> Self {
        let role = |role, grants, extra: &[Scope]| RoleGrants { role, grants, extra: extra.to_vec() };
        Self {
            scopes: SCOPES.to_vec(),
            roles: vec![
                role(Role::ADMIN, Grants::Everything, &[]),
                role(Role::SUPPORT, Grants::Nothing, &[USERS_READ_ANY, PROFILES_READ_ANY, AUDIT_READ_ANY]),
                role(Role::USER, Grants::OwnRecords, &[]),
            ],
            systems: Vec::new(),
            relations: Vec::new(),
            subscriptions: Vec::new(),
        }
    }
}

impl Vocabulary {
    /// Adds scopes. The role `admin` grants all of them; `user` grants those for the user's own records.
    pub(crate) fn add_scopes(&mut self, scopes: &[Scope]) {
        self.scopes.extend(scopes);
    }

    /// Adds scopes to a role. Creates the role if it is new.
    pub(crate) fn grant(&mut self, role: Role, scopes: &[Scope]) {
        match self.roles.iter_mut().find(|known| known.role == role) {
            Some(known) => known.extra.extend(scopes),
            None => {
                self.roles.push(RoleGrants { role, grants: Grants::Nothing, extra: scopes.to_vec() });
            }
        }
    }

    /// Adds a system caller. One that is declared twice in the same way is one.
    pub(crate) fn add_system(&mut self, system: System) {
        if !self.systems.contains(&system) {
            self.systems.push(system);
        }
    }

    /// Adds the relations to a user that a rule names. One that several rules name is one.
    pub(crate) fn add_relations(&mut self, rule: &Rule) {
        for (relation, _) in rule.condition.relations() {
            if relation.is_personal() && !self.relations.contains(&relation) {
                self.relations.push(relation);
            }
        }
    }

    /// Returns every relation of a record to a user that a rule names.
    pub fn relations(&self) -> &[Relation] {
        &self.relations
    }

    /// Lets a system caller act after each change of one kind.
    pub(crate) fn subscribe(&mut self, subscription: Subscription) {
        self.subscriptions.push(subscription);
    }

    /// Returns every system caller, in the order of declaration.
    pub fn systems(&self) -> &[System] {
        &self.systems
    }

    /// Returns the system callers that act after changes, each with the changes.
    pub(crate) fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    /// Returns every scope, in the order of declaration.
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// Returns the scope of this name.
    pub fn scope(&self, name: &str) -> Option<Scope> {
        self.scopes.iter().copied().find(|scope| scope.as_str() == name)
    }

    /// Returns the known scopes in a space-separated list. Unknown names grant nothing and are left
    /// out.
    pub fn scopes_in(&self, list: &str) -> ScopeSet {
        scope_names(list).filter_map(|name| self.scope(name)).collect()
    }

    /// Returns the scopes in a list in which every name must be known (RFC 6749 §3.3).
    ///
    /// # Errors
    /// `unknown-scope`, with the first few unknown names, or when there is no name.
    pub fn known_scopes(&self, list: &str) -> Result<ScopeSet, Invalid> {
        if scope_names(list).next().is_none() {
            return Err(Invalid::new("unknown-scope", "must name at least one scope"));
        }
        let unknown: Vec<&str> = scope_names(list).filter(|name| self.scope(name).is_none()).collect();
        if unknown.is_empty() {
            return Ok(self.scopes_in(list));
        }
        let named = unknown.iter().take(MAX_NAMED).map(|name| name.chars().take(64).collect::<String>());
        let named: Vec<String> = named.map(|name| format!("{name:?}")).collect();
        let more = if unknown.len() > MAX_NAMED { ", and others" } else { "" };
        let detail = format!("must be scopes, separated by spaces; unknown: {}{more}", named.join(", "));
        Err(Invalid::new("unknown-scope", detail))
    }

    /// Returns every role, cloakroom's own first.
    pub fn roles(&self) -> impl Iterator<Item = Role> {
        self.roles.iter().map(|known| known.role)
    }

    /// Returns the role of this name.
    pub fn role(&self, name: &str) -> Option<Role> {
        self.roles().find(|role| role.as_str() == name)
    }

    /// Returns the scopes that these roles grant together. A token never carries more scopes than its
    /// user's roles grant.
    pub fn granted_by(&self, roles: &[Role]) -> ScopeSet {
        let named = self.roles.iter().filter(|known| roles.contains(&known.role));
        named.flat_map(|known| self.granted(known)).collect()
    }

    /// Returns the scopes of these roles that reach the user's own records alone.
    pub(crate) fn own_scopes_of(&self, roles: &[Role]) -> ScopeSet {
        self.granted_by(roles).iter().filter(|scope| !scope.reaches_others()).collect()
    }

    /// Returns the powers over others that these roles give. A caller may grant, take or overrule a
    /// power only if the caller has it.
    pub fn powers_of(&self, roles: &[Role]) -> ScopeSet {
        self.granted_by(roles).powers()
    }

    fn granted(&self, role: &RoleGrants) -> impl Iterator<Item = Scope> {
        let all = self.scopes.iter().copied().filter(|scope| match role.grants {
            Grants::Everything => true,
            Grants::OwnRecords => !scope.reaches_others(),
            Grants::Nothing => scope.is_identity(),
        });
        all.chain(role.extra.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::scopes! {
        LIBRARY:
        BOOKS_READ = "books:read", "Read your books";
        BOOKS_READ_ANY = "books:read:any", "Read everyone's books";
    }

    #[test]
    fn admin_gets_new_scopes_and_user_those_for_own_records() {
        let mut vocabulary = Vocabulary::default();
        vocabulary.add_scopes(LIBRARY);
        assert!(vocabulary.granted_by(&[Role::ADMIN]).contains(BOOKS_READ_ANY));
        let user = vocabulary.granted_by(&[Role::USER]);
        assert!(user.contains(BOOKS_READ) && !user.contains(BOOKS_READ_ANY));
        assert!(!vocabulary.granted_by(&[Role::SUPPORT]).contains(BOOKS_READ_ANY));
    }

    #[test]
    fn refuses_a_list_with_unknown_scopes_and_names_them() {
        let known = |list: &str| Vocabulary::default().known_scopes(list);
        assert_eq!(known("users:read openid users:read").unwrap().to_string(), "openid users:read");
        let refused = known("users:read users:raed  \u{7f}").unwrap_err();
        assert!(refused.detail.ends_with(r#"unknown: "users:raed", "\u{7f}""#), "{refused}");
        assert_eq!(known(" users:read   openid ").unwrap().to_string(), "openid users:read");
        for wrong in ["", "   ", "users:read\topenid", "users:read,openid", "users:read\n"] {
            assert!(known(wrong).is_err(), "{wrong:?}");
        }
        assert!(known(&"a ".repeat(10_000)).unwrap_err().detail.len() < 200);
    }

    #[test]
    fn new_role_grants_its_scopes_and_their_powers() {
        const LIBRARIAN: Role = Role::new("librarian");
        let mut vocabulary = Vocabulary::default();
        vocabulary.add_scopes(LIBRARY);
        vocabulary.grant(LIBRARIAN, &[BOOKS_READ_ANY]);
        assert_eq!(vocabulary.role("librarian"), Some(LIBRARIAN));
        assert_eq!(vocabulary.powers_of(&[LIBRARIAN, Role::USER]).to_string(), "books:read:any");
        assert!(vocabulary.granted_by(&[Role::new("unheard-of")]).is_empty());
    }
}
