//! List of scopes, as the operator writes it.

use crate::authz::{Scope, ScopeSet, Vocabulary, scope_names};

/// Reads names of scopes, separated by spaces. An unknown name is refused, and the nearest one suggested.
pub(super) fn parse(list: &str, vocabulary: &Vocabulary) -> Result<ScopeSet, String> {
    let known = |name| known(name, vocabulary);
    let scopes: ScopeSet = scope_names(list).map(known).collect::<Result<_, _>>()?;
    if scopes.is_empty() { Err("name at least one scope".to_owned()) } else { Ok(scopes) }
}

fn known(name: &str, vocabulary: &Vocabulary) -> Result<Scope, String> {
    let unknown = || {
        let distance = |scope: &&Scope| strsim::damerau_levenshtein(scope.as_str(), name);
        let nearest = vocabulary.scopes().iter().min_by_key(distance).map_or("", |scope| scope.as_str());
        format!("{name} is not a scope; the nearest is {nearest}")
    };
    vocabulary.scope(name).ok_or_else(unknown)
}

/// Returns all scopes with their meanings, for the help.
pub(super) fn table(vocabulary: &Vocabulary) -> String {
    let scopes = vocabulary.scopes().iter();
    scopes.map(|scope| format!("  {:<22} {}\n", scope.as_str(), scope.meaning())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(list: &str) -> Result<ScopeSet, String> {
        super::parse(list, &Vocabulary::default())
    }

    #[test]
    fn reads_known_scopes_without_duplicates() {
        assert_eq!(
            parse(" users:read:any  clients:read users:read:any").unwrap().to_string(),
            "clients:read users:read:any"
        );
        assert_eq!(
            parse("users:raed:any").unwrap_err(),
            "users:raed:any is not a scope; the nearest is users:read:any"
        );
        for wrong in ["", " ", "users:read:any\tclients:read"] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
