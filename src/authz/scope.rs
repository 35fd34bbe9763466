//! Scopes (RFC 6749 §3.3): the rights of a token. Each is declared once, with its meaning. The OpenAPI
//! document, the metadata and the table in the documentation are made from this list.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Scope. `x:y` reaches the caller's own records, `x:y:any` everyone's. The short name is the weaker
/// one, so that a typing error fails closed. Declared with [`scopes!`](crate::scopes).
#[derive(Clone, Copy, Debug)]
pub struct Scope {
    name: &'static str,
    meaning: &'static str,
    administrative: bool,
    identity: bool,
    /// Hash of the name, for a fast comparison.
    hash: u64,
}

/// Declares scopes: a constant for each, and the list of all of them for
/// [`App::scopes`](crate::App::scopes).
///
/// `administrative` marks a scope that gives power over others' records although its name does not
/// end in `:any`. Administrators have it, other users do not.
///
/// ```
/// cloakroom::scopes! {
///     /// The scopes of notes.
///     pub SCOPES:
///     NOTES_READ = "notes:read", "Read your notes";
///     NOTES_READ_ANY = "notes:read:any", "Read everyone's notes";
///     NOTES_COUNT = "notes:count", "Count notes", administrative;
/// }
/// assert_eq!(SCOPES.len(), 3);
/// assert!(NOTES_COUNT.reaches_others() && !NOTES_READ.reaches_others());
/// ```
#[macro_export]
macro_rules! scopes {
    (
        $(#[$about:meta])* $visibility:vis $list:ident:
        $($constant:ident = $name:literal, $meaning:literal $(, $kind:ident)?;)*
    ) => {
        $(
            #[doc = $meaning]
            $visibility const $constant: $crate::authz::Scope =
                $crate::authz::Scope::new($name, $meaning)$(.$kind())?;
        )*
        $(#[$about])*
        $visibility const $list: &[$crate::authz::Scope] = &[$($constant),*];
    };
}

crate::scopes! {
    /// Scopes of cloakroom itself.
    pub SCOPES:
    USERS_READ = "users:read", "Read your account";
    USERS_WRITE = "users:write", "Change your account";
    USERS_DELETE = "users:delete", "Delete your account";
    PROFILES_READ = "profiles:read", "Read your profile";
    PROFILES_WRITE = "profiles:write", "Change your profile";
    SESSIONS_READ = "sessions:read", "See where you are logged in";
    SESSIONS_REVOKE = "sessions:revoke", "Log you out elsewhere";
    AUDIT_READ = "audit:read", "See who looked at your data";
    AUTHZ_EVALUATE = "authz:evaluate", "Ask what you may do";
    USERS_READ_ANY = "users:read:any", "Read everyone's account";
    USERS_WRITE_ANY = "users:write:any", "Change everyone's account";
    USERS_DELETE_ANY = "users:delete:any", "Delete everyone's account";
    PROFILES_READ_ANY = "profiles:read:any", "Read everyone's profile";
    PROFILES_WRITE_ANY = "profiles:write:any", "Change everyone's profile";
    SESSIONS_READ_ANY = "sessions:read:any", "See where everyone is logged in";
    SESSIONS_REVOKE_ANY = "sessions:revoke:any", "Log everyone out";
    AUDIT_READ_ANY = "audit:read:any", "Read the whole audit trail";
    USERS_CREATE = "users:create", "Create accounts", administrative;
    ROLES_WRITE = "roles:write", "Grant and take roles", administrative;
    CLIENTS_READ = "clients:read", "See the registered clients", administrative;
    CLIENTS_WRITE = "clients:write", "Register and change clients", administrative;
    KEYS_ROTATE = "keys:rotate", "Rotate the signing keys", administrative;
    AUTHZ_EXPLAIN = "authz:explain", "Ask why a request was refused", administrative;
    OPENID = "openid", "Know who you are", identity;
    PROFILE = "profile", "See your name and the rest of your profile", identity;
    EMAIL = "email", "See your e-mail address", identity;
    OFFLINE_ACCESS = "offline_access", "Keep this access while you are away", identity;
}

impl Scope {
    /// Returns a scope with this name. The consent page shows the meaning.
    /// [`scopes!`](crate::scopes) is the shorter way.
    ///
    /// # Panics
    /// When the name is not a scope token (RFC 6749 §3.3). In a constant, this is a compile error.
    pub const fn new(name: &'static str, meaning: &'static str) -> Self {
        assert!(
            is_scope_token(name.as_bytes()),
            "a scope is one or more printable characters, none of space \" \\"
        );
        Self { name, meaning, administrative: false, identity: false, hash: fnv1a(name.as_bytes()) }
    }

    /// Marks the scope as a power over others' records, although its name does not end in `:any`.
    pub const fn administrative(self) -> Self {
        Self { administrative: true, ..self }
    }

    /// Marks the scope as one of OpenID Connect, which gives the client claims about the user. Every
    /// user can grant it; a client that acts for itself never gets it.
    pub const fn identity(self) -> Self {
        Self { identity: true, ..self }
    }

    /// True for a scope of OpenID Connect.
    pub fn is_identity(self) -> bool {
        self.identity
    }

    /// Returns the name on the wire.
    pub fn as_str(self) -> &'static str {
        self.name
    }

    /// Returns the meaning, as the consent page shows it.
    pub fn meaning(self) -> &'static str {
        self.meaning
    }

    /// True when the scope gives power over others' records.
    pub fn reaches_others(self) -> bool {
        self.administrative || self.name.ends_with(":any")
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "a constant function has no iterators; the index is below the length"
)]
const fn is_scope_token(name: &[u8]) -> bool {
    let mut index = 0;
    while index < name.len() {
        if !matches!(name[index], 0x21 | 0x23..=0x5b | 0x5d..=0x7e) {
            return false;
        }
        index += 1;
    }
    !name.is_empty()
}

#[expect(
    clippy::indexing_slicing,
    reason = "a constant function has no iterators; the index is below the length"
)]
const fn fnv1a(name: &[u8]) -> u64 {
    let (mut hash, mut index) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while index < name.len() {
        hash = (hash ^ name[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    hash
}

impl PartialEq for Scope {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && self.name == other.name
    }
}

impl Eq for Scope {}

impl PartialOrd for Scope {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scope {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name.cmp(other.name)
    }
}

impl Hash for Scope {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// Set of scopes. Written as the space-separated list of RFC 6749 §3.3, and read by
/// [`Vocabulary::scopes_in`](super::Vocabulary::scopes_in).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScopeSet(
    /// Sorted by name, without duplicates. The sets are small, so that a linear search is fastest.
    Vec<Scope>,
);

impl ScopeSet {
    /// True when the scope is in the set.
    pub fn contains(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// True when the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the scopes, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = Scope> {
        self.0.iter().copied()
    }

    /// Returns the scopes that are in both sets.
    pub fn intersection(&self, other: &ScopeSet) -> ScopeSet {
        Self(self.iter().filter(|scope| other.contains(*scope)).collect())
    }

    /// Returns the scopes of this set that are not in the other.
    pub fn difference(&self, other: &ScopeSet) -> ScopeSet {
        Self(self.iter().filter(|scope| !other.contains(*scope)).collect())
    }

    /// Returns the scopes that are in either set.
    pub fn union(&self, other: &ScopeSet) -> ScopeSet {
        self.iter().chain(other.iter()).collect()
    }

    /// Returns the names as a list for a sentence.
    pub(super) fn listed(&self) -> String {
        let names: Vec<&str> = self.iter().map(Scope::as_str).collect();
        names.join(", ")
    }

    /// Returns the scopes that give power over others.
    pub fn powers(&self) -> ScopeSet {
        self.iter().filter(|scope| scope.reaches_others()).collect()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut scopes: Vec<Scope> = scopes.into_iter().collect();
        scopes.sort_unstable();
        scopes.dedup();
        Self(scopes)
    }
}

impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|scope| scope.name).collect();
        f.write_str(&names.join(" "))
    }
}
