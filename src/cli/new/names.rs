//! Names of a resource, in all forms that the written code uses.

use std::collections::BTreeSet;

use super::files::TEMPLATES;
use super::words::{KEYWORDS, capitalised, is_identifier};
use crate::app::App;

/// Tables of cloakroom without a route or a scope of the same name.
const TABLES: &[&str] = &[
    "audit",
    "audit_day_keys",
    "audit_person_keys",
    "audit_seals",
    "authorization_codes",
    "client_secrets",
    "consents",
    "departed_identities",
    "guesses",
    "idempotency_keys",
    "identities",
    "job_leases",
    "master_keys",
    "outbox",
    "account_tokens",
    "pending_registrations",
    "refresh_tokens",
    "revocations",
    "signing_keys",
    "tombstones",
    "used_jtis",
    "user_roles",
    "user_search_terms",
];

/// Names of a resource. The templates use `parcel` and `parcels`.
#[derive(Debug)]
pub(super) struct Names {
    /// The name of one record.
    pub(super) name: String,
    /// The name of the collection: the module, the table, the path and the first part of the scopes.
    pub(super) plural: String,
}

impl Names {
    /// Returns the names of a new resource of `app`.
    ///
    /// # Errors
    /// A sentence that says why a name cannot be used.
    pub(super) fn new(app: &App, name: &str, plural: Option<&str>) -> Result<Self, String> {
        let names =
            Self { name: name.to_owned(), plural: plural.map_or_else(|| plural_of(name), str::to_owned) };
        for word in [&names.name, &names.plural] {
            if !is_identifier(word) {
                return Err(format!("{word:?} cannot be a name: write it like note or lost_coat"));
            }
        }
        if names.name == names.plural {
            return Err(format!("one {name} and all of them need two names: see --plural"));
        }
        if let Some(word) = names.taken_in(app) {
            return Err(format!("{} has {word} already; choose another name", app.name));
        }
        if let Some(word) = names.taken_in_the_code() {
            return Err(format!("the code to be written uses the word {word} already; choose another name"));
        }
        Ok(names)
    }

    /// Returns the type of a record: `LostCoat`.
    pub(super) fn kind(&self) -> String {
        self.name.split('_').map(capitalised).collect()
    }

    /// Returns a template with these names.
    pub(super) fn write(&self, template: &str) -> String {
        let article = if self.name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        template
            .replace(" a parcel", &format!(" {article} parcel"))
            .replace("PARCELS", &self.plural.to_uppercase())
            .replace("Parcels", &capitalised(&self.plural))
            .replace("parcels", &self.plural)
            .replace("Parcel", &self.kind())
            .replace("parcel", &self.name)
    }

    /// Returns the name that the application uses already: for a type of record, for a table, or at the start of
    /// a path or a scope.
    fn taken_in(&self, app: &App) -> Option<&str> {
        let rules = app.routes().iter().filter_map(|route| route.access.rule());
        let paths = app.routes().iter().filter_map(|route| route.path.split('/').nth(1));
        let scopes = app.vocabulary().scopes().iter().filter_map(|scope| scope.as_str().split(':').next());
        let mut kinds = rules.map(|rule| rule.resource);
        let mut collections = paths.chain(scopes).chain(TABLES.iter().copied());
        if kinds.any(|kind| kind == self.name) {
            return Some(&self.name);
        }
        collections.any(|known| known == self.plural).then_some(&self.plural)
    }

    fn taken_in_the_code(&self) -> Option<String> {
        let used: BTreeSet<&str> = TEMPLATES.iter().flat_map(|template| words(template)).collect();
        let mine = [self.name.clone(), self.plural.clone(), self.kind()];
        mine.into_iter().find(|word| used.contains(word.as_str()) || KEYWORDS.contains(&word.as_str()))
    }
}

/// Returns the words of a template's code, without those that stand for the names.
fn words(template: &str) -> impl Iterator<Item = &str> {
    let code = template.lines().filter(|line| !line.trim_start().starts_with("//"));
    let words = code.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'));
    words.filter(|word| !word.to_ascii_lowercase().contains("parcel"))
}

/// Returns the regular plural of an English noun.
fn plural_of(name: &str) -> String {
    let vowels = ['a', 'e', 'i', 'o', 'u'];
    match name.strip_suffix('y') {
        Some(stem) if !stem.is_empty() && !stem.ends_with(vowels) => format!("{stem}ies"),
        _ if ["s", "x", "z", "ch", "sh"].iter().any(|end| name.ends_with(end)) => format!("{name}es"),
        _ => format!("{name}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(name: &str, plural: Option<&str>) -> Result<Names, String> {
        Names::new(&App::default(), name, plural)
    }

    #[test]
    fn derives_every_form_of_the_name() {
        let names = names("lost_coat", None).unwrap();
        let written = names.write("a parcel, parcels, Parcel, ParcelId, PARCELS_READ, Parcels");
        assert_eq!(written, "a lost_coat, lost_coats, LostCoat, LostCoatId, LOST_COATS_READ, Lost_coats");
        for (name, plural) in
            [("entry", "entries"), ("day", "days"), ("address", "addresses"), ("brush", "brushes")]
        {
            assert_eq!(self::names(name, None).unwrap().plural, plural);
        }
        let names = self::names("entry", None).unwrap();
        assert_eq!(names.write("Make a parcel, one of your parcels"), "Make an entry, one of your entries");
    }

    #[test]
    fn refuses_invalid_and_used_names() {
        for (name, plural, words) in [
            ("Note", None, "cannot be a name"),
            ("lost-coat", None, "cannot be a name"),
            ("_note", None, "cannot be a name"),
            ("a__b", None, "cannot be a name"),
            ("", None, "cannot be a name"),
            ("note", Some("../notes"), "cannot be a name"),
            ("sheep", Some("sheep"), "--plural"),
            ("user", None, "cloakroom has user already"),
            ("profile", None, "cloakroom has profile already"),
            ("account", Some("users"), "cloakroom has users already"),
            ("report", Some("health"), "cloakroom has health already"),
            ("signing_key", None, "cloakroom has signing_key already"),
            ("match", None, "match"),
            ("type", None, "type"),
            ("union", None, "union"),
            ("async", None, "async"),
            ("body", None, "body"),
            ("time", None, "Time"),
            ("shelf", Some("diesel"), "diesel"),
        ] {
            let refused = names(name, plural).unwrap_err();
            assert!(refused.contains(words), "{name}: {refused}");
        }
    }

    #[test]
    fn refuses_the_name_of_every_table() {
        let tables = include_str!("../../store/engine/schema.rs").lines().filter_map(|line| {
            let (table, key) = line.trim().split_once(" (")?;
            key.ends_with(") {").then_some(table)
        });
        let tables: Vec<&str> = tables.collect();
        assert!(tables.len() >= 7, "{tables:?}");
        for table in tables {
            assert!(names("thing", Some(table)).unwrap_err().contains("already"), "{table}");
        }
    }
}
