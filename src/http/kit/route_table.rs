//! The route table: from a path to the routes that it leads to. Requests and dry runs use the same one.

use std::collections::BTreeMap;

use super::Route;

/// The values of a path's parameters, by their names.
pub(crate) type Captured = Vec<(&'static str, String)>;

/// The routes of a server. A literal segment goes before a parameter: `/users/me` before `/users/{id}`.
pub(crate) struct RouteTable {
    routes: Vec<Route>,
    paths: matchit::Router<Path>,
}

#[derive(Clone, Default)]
struct Path {
    /// The names of its parameters, in their order.
    names: Vec<&'static str>,
    /// The indices of its routes.
    routes: Vec<usize>,
}

impl RouteTable {
    /// Makes the table of these routes. `issuer_path` is the path of the issuer's URL, often empty. A client
    /// appends it to the location of a metadata document (RFC 8414 §3.1, RFC 9728 §3.1).
    ///
    /// # Errors
    /// The first path that cannot be matched, with the reason.
    pub(crate) fn new(routes: Vec<Route>, issuer_path: &str) -> Result<Self, String> {
        let mut known: BTreeMap<&'static str, Path> = BTreeMap::new();
        for (index, route) in routes.iter().enumerate() {
            let path = known.entry(route.path).or_default();
            path.names = route.segment_names().collect();
            path.routes.push(index);
        }
        let mut paths = matchit::Router::new();
        for (path, leads_to) in known {
            if !path.split('/').all(is_literal_or_parameter) {
                return Err(format!("{path}: a parameter is a whole segment"));
            }
            if path.starts_with("/.well-known/") && !issuer_path.is_empty() {
                let escaped = issuer_path.replace('{', "{{").replace('}', "}}");
                paths
                    .insert(format!("{path}{escaped}"), leads_to.clone())
                    .map_err(|error| format!("{path}: {error}"))?;
            }
            paths.insert(path, leads_to).map_err(|error| format!("{path}: {error}"))?;
        }
        Ok(Self { routes, paths })
    }

    /// Returns all routes, in the order of their list.
    pub(crate) fn all(&self) -> &[Route] {
        &self.routes
    }

    /// Finds the indices of a path's routes in the list, and the values of the path's parameters.
    pub(crate) fn find(&self, path: &str) -> Option<(&[usize], Captured)> {
        let found = self.paths.at(path).ok()?;
        let values = found.params.iter().map(|(_, value)| value.to_owned());
        let captured = found.value.names.iter().copied().zip(values).collect();
        Some((&found.value.routes, captured))
    }
}

fn is_literal_or_parameter(segment: &str) -> bool {
    let inner = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    !inner.unwrap_or(segment).contains(['{', '}', '*'])
}

#[cfg(test)]
mod tests {
    use actix_web::http::Method;

    use super::*;
    use crate::http::kit::answer::NoContent;
    use crate::http::kit::decision::Public;
    use crate::http::kit::endpoint::endpoint;
    use crate::http::kit::problem::Problem;

    async fn nothing(_: Public) -> Result<NoContent, Problem> {
        Ok(NoContent)
    }

    fn table(paths: &[&'static str]) -> Result<RouteTable, String> {
        let route = |path: &&'static str| endpoint(Method::GET, path, "Nothing", nothing).route().clone();
        RouteTable::new(paths.iter().map(route).collect(), "/tenant")
    }

    fn found(table: &RouteTable, path: &str) -> Option<(usize, Captured)> {
        table.find(path).map(|(routes, captured)| (routes[0], captured))
    }

    #[test]
    fn a_literal_segment_goes_before_a_parameter() {
        let table = table(&["/a/{id}", "/a/me", "/a/{id}/b/{other}", "/a/{one}/c", "/"]).unwrap();
        assert_eq!(found(&table, "/a/me"), Some((1, vec![])));
        assert_eq!(found(&table, "/a/mer"), Some((0, vec![("id", "mer".to_owned())])));
        let both = vec![("id", "me".to_owned()), ("other", "%2F ".to_owned())];
        assert_eq!(found(&table, "/a/me/b/%2F "), Some((2, both)));
        assert_eq!(found(&table, "/a/x/c"), Some((3, vec![("one", "x".to_owned())])));
        for path in ["", "/a", "/a/", "/a//c", "/a/x/", "/a/x/y", "//a/x", "/A/me", "/a/me/b/"] {
            assert_eq!(found(&table, path), None, "{path}");
        }
    }

    #[test]
    fn a_metadata_document_is_found_with_the_path_of_the_issuer() {
        let table = table(&["/.well-known/jwks.json", "/users"]).unwrap();
        for path in ["/.well-known/jwks.json", "/.well-known/jwks.json/tenant"] {
            assert_eq!(found(&table, path), Some((0, vec![])), "{path}");
        }
        for path in
            ["/users/tenant", "/tenant/users", "/.well-known/jwks.json/", "/.well-known/jwks.json/other"]
        {
            assert_eq!(found(&table, path), None, "{path}");
        }
    }

    #[test]
    fn a_parameter_is_a_whole_segment() {
        for path in ["/a/{id}.json", "/a/x{id}", "/a/{id}{other}", "/a/{*rest}", "/a/{", "/a/{}"] {
            assert!(table(&[path]).is_err(), "{path}");
        }
    }
}
