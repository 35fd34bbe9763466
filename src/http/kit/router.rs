//! Which endpoints a path leads to: one table for requests, and for questions about requests.

use std::collections::BTreeMap;

use super::endpoint::Endpoint;

/// What stands where a route has braces, by name.
pub(crate) type Captured = Vec<(&'static str, String)>;

/// The paths of the endpoints. What is literal goes before what is a parameter: `/users/me` before
/// `/users/{id}`.
#[derive(Default)]
pub(crate) struct Paths {
    paths: matchit::Router<Path>,
}

#[derive(Default)]
struct Path {
    /// The names of its parameters, in their order.
    names: Vec<&'static str>,
    /// Its endpoints, by their places in the list.
    endpoints: Vec<usize>,
}

impl Paths {
    /// Of these endpoints.
    ///
    /// # Errors
    /// What is wrong with a path of theirs.
    pub(crate) fn of(endpoints: &[Endpoint]) -> Result<Self, String> {
        let mut known: BTreeMap<&'static str, Path> = BTreeMap::new();
        for (place, endpoint) in endpoints.iter().enumerate() {
            let path = known.entry(endpoint.path).or_default();
            path.names = endpoint.segment_names().collect();
            path.endpoints.push(place);
        }
        let mut paths = matchit::Router::new();
        for (path, leads_to) in known {
            if !path.split('/').all(is_literal_or_parameter) {
                return Err(format!("{path}: a parameter is a whole segment"));
            }
            paths.insert(path, leads_to).map_err(|error| format!("{path}: {error}"))?;
        }
        Ok(Self { paths })
    }

    /// The endpoints at a path, and what its parameters are; none where no route has it.
    pub(crate) fn find(&self, path: &str) -> Option<(&[usize], Captured)> {
        let found = self.paths.at(path).ok()?;
        let values = found.params.iter().map(|(_, value)| value.to_owned());
        let captured = found.value.names.iter().copied().zip(values).collect();
        Some((&found.value.endpoints, captured))
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

    fn paths(paths: &[&'static str]) -> Result<Paths, String> {
        let endpoints: Vec<_> =
            paths.iter().map(|path| endpoint(Method::GET, path, "Nothing", nothing)).collect();
        Paths::of(&endpoints)
    }

    fn found(paths: &Paths, path: &str) -> Option<(usize, Captured)> {
        paths.find(path).map(|(endpoints, captured)| (endpoints[0], captured))
    }

    #[test]
    fn what_is_literal_goes_before_what_is_a_parameter_and_a_parameter_is_one_segment_of_something() {
        let paths = paths(&["/a/{id}", "/a/me", "/a/{id}/b/{other}", "/a/{one}/c", "/"]).unwrap();
        assert_eq!(found(&paths, "/a/me"), Some((1, vec![])));
        assert_eq!(found(&paths, "/a/mer"), Some((0, vec![("id", "mer".to_owned())])));
        let both = vec![("id", "me".to_owned()), ("other", "%2F ".to_owned())];
        assert_eq!(found(&paths, "/a/me/b/%2F "), Some((2, both)));
        assert_eq!(found(&paths, "/a/x/c"), Some((3, vec![("one", "x".to_owned())])));
        for path in ["", "/a", "/a/", "/a//c", "/a/x/", "/a/x/y", "//a/x", "/A/me", "/a/me/b/"] {
            assert_eq!(found(&paths, path), None, "{path}");
        }
    }

    #[test]
    fn a_parameter_is_a_whole_segment() {
        for path in ["/a/{id}.json", "/a/x{id}", "/a/{id}{other}", "/a/{*rest}", "/a/{", "/a/{}"] {
            assert!(paths(&[path]).is_err(), "{path}");
        }
    }
}
