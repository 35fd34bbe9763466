//! What the tokens of an application can say: its scopes, its roles, and what each role grants.

use super::scope::{AUDIT_READ_ANY, PROFILES_READ_ANY, SCOPES, Scope, ScopeSet, USERS_READ_ANY};
use crate::domain::{Invalid, Role};

/// The most unknown scopes that a refusal names.
const MOST_NAMED: usize = 5;

/// The scopes and roles of an application: cloakroom's own and those that the application adds.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    scopes: Vec<Scope>,
    roles: Vec<RoleGrants>,
}

#[derive(Clone, Debug)]
struct RoleGrants {
    role: Role,
    grants: Grants,
    besides: Vec<Scope>,
}

#[derive(Clone, Debug)]
enum Grants {
    /// Every scope there is.
    Everything,
    /// Every scope that reaches the user's own records alone.
    OwnRecords,
    /// What is listed besides.
    Nothing,
}

impl Default for Vocabulary {
    /// Cloakroom's own.
    fn default() -> Self {
        let role = |role, grants, besides: &[Scope]| RoleGrants { role, grants, besides: besides.to_vec() };
        Self {
            scopes: SCOPES.to_vec(),
            roles: vec![
                role(Role::ADMIN, Grants::Everything, &[]),
                role(Role::SUPPORT, Grants::Nothing, &[USERS_READ_ANY, PROFILES_READ_ANY, AUDIT_READ_ANY]),
                role(Role::USER, Grants::OwnRecords, &[]),
            ],
        }
    }
}

impl Vocabulary {
    /// Adds scopes. Administrators have them at once, users those that reach their own records.
    pub(crate) fn add_scopes(&mut self, scopes: &[Scope]) {
        self.scopes.extend(scopes);
    }

    /// Lets a role, which is made if it is new, grant these scopes besides what it grants already.
    pub(crate) fn grant(&mut self, role: Role, scopes: &[Scope]) {
        match self.roles.iter_mut().find(|known| known.role == role) {
            Some(known) => known.besides.extend(scopes),
            None => {
                self.roles.push(RoleGrants { role, grants: Grants::Nothing, besides: scopes.to_vec() });
            }
        }
    }

    /// Every scope, in the order in which they were declared.
    pub fn scopes(&self) -> &[Scope] {
        &self.scopes
    }

    /// The scope of this name.
    pub fn scope(&self, name: &str) -> Option<Scope> {
        self.scopes.iter().copied().find(|scope| scope.as_str() == name)
    }

    /// The known scopes in a space-separated list; names that the server does not know grant
    /// nothing and are left out.
    pub fn scopes_in(&self, list: &str) -> ScopeSet {
        list.split(' ').filter_map(|name| self.scope(name)).collect()
    }

    /// The scopes in a list in which every name is known (RFC 6749 §3.3).
    ///
    /// # Errors
    /// Naming those that are not, the first few of them.
    pub fn known_scopes(&self, list: &str) -> Result<ScopeSet, Invalid> {
        let unknown: Vec<&str> = list.split(' ').filter(|name| self.scope(name).is_none()).collect();
        if unknown.is_empty() {
            return Ok(self.scopes_in(list));
        }
        let named = unknown.iter().take(MOST_NAMED).map(|name| name.chars().take(64).collect::<String>());
        let named: Vec<String> = named.map(|name| format!("{name:?}")).collect();
        let more = if unknown.len() > MOST_NAMED { ", and others" } else { "" };
        let detail = format!("must be scopes between single spaces; unknown: {}{more}", named.join(", "));
        Err(Invalid::new("unknown-scope", detail))
    }

    /// Every role, cloakroom's own first.
    pub fn roles(&self) -> impl Iterator<Item = Role> {
        self.roles.iter().map(|known| known.role)
    }

    /// The role of this name.
    pub fn role(&self, name: &str) -> Option<Role> {
        self.roles().find(|role| role.as_str() == name)
    }

    /// What these roles grant together; a token never carries more than its user's roles do.
    pub fn granted_by(&self, roles: &[Role]) -> ScopeSet {
        let named = self.roles.iter().filter(|known| roles.contains(&known.role));
        named.flat_map(|known| self.granted(known)).collect()
    }

    /// The power over others that these roles give: what nobody may grant, take or overrule
    /// without having it.
    pub fn powers_of(&self, roles: &[Role]) -> ScopeSet {
        self.granted_by(roles).powers()
    }

    fn granted(&self, role: &RoleGrants) -> impl Iterator<Item = Scope> {
        let all = self.scopes.iter().copied().filter(|scope| match role.grants {
            Grants::Everything => true,
            Grants::OwnRecords => !scope.reaches_others(),
            Grants::Nothing => scope.is_identity(),
        });
        all.chain(role.besides.iter().copied())
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
    fn a_new_scope_is_the_administrators_at_once_and_the_users_where_it_is_their_own() {
        let mut vocabulary = Vocabulary::default();
        vocabulary.add_scopes(LIBRARY);
        assert!(vocabulary.granted_by(&[Role::ADMIN]).contains(BOOKS_READ_ANY));
        let user = vocabulary.granted_by(&[Role::USER]);
        assert!(user.contains(BOOKS_READ) && !user.contains(BOOKS_READ_ANY));
        assert!(!vocabulary.granted_by(&[Role::SUPPORT]).contains(BOOKS_READ_ANY));
    }

    #[test]
    fn a_list_of_scopes_is_known_whole_or_refused_by_name() {
        let known = |list: &str| Vocabulary::default().known_scopes(list);
        assert_eq!(known("users:read openid users:read").unwrap().to_string(), "openid users:read");
        let refused = known("users:read users:raed  \u{7f}").unwrap_err();
        assert!(refused.detail.ends_with(r#"unknown: "users:raed", "", "\u{7f}""#), "{refused}");
        assert!(known("").is_err());
        assert!(known(&"a ".repeat(10_000)).unwrap_err().detail.len() < 200);
    }

    #[test]
    fn a_new_role_grants_what_it_is_told_and_is_a_power_over_others() {
        const LIBRARIAN: Role = Role::new("librarian");
        let mut vocabulary = Vocabulary::default();
        vocabulary.add_scopes(LIBRARY);
        vocabulary.grant(LIBRARIAN, &[BOOKS_READ_ANY]);
        assert_eq!(vocabulary.role("librarian"), Some(LIBRARIAN));
        assert_eq!(vocabulary.powers_of(&[LIBRARIAN, Role::USER]).to_string(), "books:read:any");
        assert!(vocabulary.granted_by(&[Role::new("unheard-of")]).is_empty());
    }
}
