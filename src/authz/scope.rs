//! Scopes (RFC 6749 §3.3): what a token allows. One table says everything there is to say of
//! them; the OpenAPI document, the metadata and the README's table are made from it.

use std::collections::BTreeSet;
use std::fmt;

/// A scope that this server knows. `x:y` reaches the caller's own records, `x:y:any` everyone's;
/// the short name is the weak one, so that a slip fails closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope(&'static str);

macro_rules! scopes {
    ($($constant:ident = $name:literal, $meaning:literal;)*) => {
        $(#[doc = $meaning] pub const $constant: Scope = Scope($name);)*

        impl Scope {
            /// Every scope, in the order of the table.
            pub const ALL: &'static [Scope] = &[$($constant),*];

            /// What it allows, in words that a consent page can show.
            pub fn meaning(self) -> &'static str {
                match self.0 {
                    $($name => $meaning,)*
                    _ => "",
                }
            }
        }
    };
}

scopes! {
    USERS_READ = "users:read", "Read your account";
    USERS_WRITE = "users:write", "Change your account";
    USERS_DELETE = "users:delete", "Delete your account";
    PROFILES_READ = "profiles:read", "Read your profile";
    PROFILES_WRITE = "profiles:write", "Change your profile";
    SESSIONS_READ = "sessions:read", "See where you are logged in";
    SESSIONS_REVOKE = "sessions:revoke", "Log you out elsewhere";
    AUDIT_READ = "audit:read", "See who looked at your data";
    USERS_READ_ANY = "users:read:any", "Read everyone's account";
    USERS_WRITE_ANY = "users:write:any", "Change everyone's account";
    USERS_DELETE_ANY = "users:delete:any", "Delete everyone's account";
    PROFILES_READ_ANY = "profiles:read:any", "Read everyone's profile";
    PROFILES_WRITE_ANY = "profiles:write:any", "Change everyone's profile";
    SESSIONS_READ_ANY = "sessions:read:any", "See where everyone is logged in";
    SESSIONS_REVOKE_ANY = "sessions:revoke:any", "Log everyone out";
    AUDIT_READ_ANY = "audit:read:any", "Read the whole audit trail";
    USERS_CREATE = "users:create", "Create accounts";
    ROLES_WRITE = "roles:write", "Grant and take roles";
    CLIENTS_READ = "clients:read", "See the registered clients";
    CLIENTS_WRITE = "clients:write", "Register and change clients";
    KEYS_ROTATE = "keys:rotate", "Rotate the signing keys";
    AUTHZ_EXPLAIN = "authz:explain", "Ask why a request was refused";
}

impl Scope {
    /// The scope of this name.
    pub fn named(name: &str) -> Option<Scope> {
        Self::ALL.iter().copied().find(|scope| scope.0 == name)
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Whether it gives power over records that are not the caller's own.
    pub fn reaches_others(self) -> bool {
        let administrative =
            [USERS_CREATE, ROLES_WRITE, CLIENTS_READ, CLIENTS_WRITE, KEYS_ROTATE, AUTHZ_EXPLAIN];
        self.0.ends_with(":any") || administrative.contains(&self)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A set of scopes; written as the space-separated list of RFC 6749 §3.3.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(BTreeSet<Scope>);

impl ScopeSet {
    /// The known scopes in a space-separated list; names that the server does not know grant
    /// nothing and are left out.
    pub fn parse(list: &str) -> Self {
        list.split(' ').filter_map(Scope::named).collect()
    }

    /// Whether the scope is in the set.
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes, by name.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }

    /// The scopes in both.
    pub fn intersection(&self, other: &ScopeSet) -> ScopeSet {
        Self(self.0.intersection(&other.0).copied().collect())
    }

    /// Whether every scope of this set is in the other.
    pub fn is_subset(&self, other: &ScopeSet) -> bool {
        self.0.is_subset(&other.0)
    }

    /// The part of the set that gives power over others.
    pub fn powers(&self) -> ScopeSet {
        self.iter().filter(|scope| scope.reaches_others()).collect()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().collect())
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|scope| scope.0).collect();
        f.write_str(&names.join(" "))
    }
}
