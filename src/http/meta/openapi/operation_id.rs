//! Names of operations, after which generated clients name their functions.

use actix_web::http::Method;

use crate::http::kit::Route;

/// Returns the name of a route: its own, or one that is made of the method and the path.
pub(crate) fn of(route: &Route) -> String {
    route.operation_id.map_or_else(|| derived(&route.method, route.path), str::to_owned)
}

/// Returns `listNotes` for `GET /notes`, and `getNoteCover` for `GET /notes/{id}/cover`.
fn derived(method: &Method, path: &str) -> String {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let is_of_record = segments.last().is_some_and(|last| last.starts_with('{'));
    let names: Vec<&str> = segments.iter().filter(|segment| !segment.starts_with('{')).copied().collect();
    let (last, parents) = names.split_last().unwrap_or((&"root", &[]));
    let is_list = !is_of_record && last.ends_with('s');
    let verb = match *method {
        Method::GET if is_list => "list",
        Method::GET => "get",
        Method::POST => "create",
        Method::PUT => "replace",
        Method::PATCH => "update",
        Method::DELETE => "delete",
        _ => "call",
    };
    let has_many = is_list && *method != Method::POST;
    let last = if has_many { (*last).to_owned() } else { singular(last) };
    let words = parents.iter().map(|parent| singular(parent)).chain([last]);
    words.fold(verb.to_owned(), |name, word| name + &pascal(&word))
}

/// Returns the singular of a plural that ends in s.
fn singular(word: &str) -> String {
    let sibilant = |stem: &&str| ["s", "x", "ch", "sh"].iter().any(|end| stem.ends_with(end));
    if let Some(stem) = word.strip_suffix("ies") {
        return format!("{stem}y");
    }
    if let Some(stem) = word.strip_suffix("es").filter(sibilant) {
        return stem.to_owned();
    }
    word.strip_suffix('s').filter(|stem| !stem.ends_with('s')).unwrap_or(word).to_owned()
}

/// Returns `BlueCoat` for `blue-coat`.
fn pascal(word: &str) -> String {
    let parts = word.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (first, rest) = part.split_at(part.len().min(1));
            first.to_ascii_uppercase() + rest
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_is_named_after_its_method_and_path() {
        for (method, path, name) in [
            (Method::GET, "/notes", "listNotes"),
            (Method::POST, "/notes", "createNote"),
            (Method::GET, "/notes/{id}", "getNote"),
            (Method::PATCH, "/notes/{id}", "updateNote"),
            (Method::DELETE, "/notes/{id}", "deleteNote"),
            (Method::PUT, "/notes/{id}/cover", "replaceNoteCover"),
            (Method::GET, "/users/{id}/addresses/{address}", "getUserAddress"),
            (Method::GET, "/users/{id}/addresses", "listUserAddresses"),
            (Method::POST, "/cloak-rooms/{id}/entries", "createCloakRoomEntry"),
            (Method::GET, "/", "getRoot"),
        ] {
            assert_eq!(derived(&method, path), name, "{method} {path}");
        }
    }
}
