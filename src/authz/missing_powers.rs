//! Missing powers: what a caller would need for a decision that compares powers over others.

use std::fmt;

use super::ScopeSet;

/// Powers over others that a decision required and the caller lacks, by the place where they are missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MissingPowers {
    /// Powers that the token does not carry. For a user, the user's roles grant them: another token of
    /// the same user would have them.
    pub in_token: ScopeSet,
    /// Powers that the user's roles do not grant. No token of the user has them.
    pub in_roles: ScopeSet,
}

impl MissingPowers {
    /// True when the caller lacks nothing.
    pub fn is_empty(&self) -> bool {
        self.in_token.is_empty() && self.in_roles.is_empty()
    }
}

impl fmt::Display for MissingPowers {
    /// Names the missing powers: "the token does not carry …; the caller's roles do not grant …".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = [
            ("the token does not carry", &self.in_token),
            ("the caller's roles do not grant", &self.in_roles),
        ];
        let named = named.into_iter().filter(|(_, powers)| !powers.is_empty());
        let named: Vec<String> = named.map(|(verb, powers)| format!("{verb} {}", powers.listed())).collect();
        f.write_str(&named.join("; "))
    }
}
