//! Environment variables that Kubernetes sets for each Service of a namespace. A Service named `cloakroom`
//! gets variables such as `CLOAKROOM_PORT`, which are no settings of this program.

use std::collections::BTreeSet;

/// Returns true when a variable is a service link. `all` has the names of all variables: Kubernetes sets the
/// host and the port of a Service together.
pub(super) fn is_service_link(variable: &str, all: &BTreeSet<String>) -> bool {
    let underscores = variable.match_indices('_').map(|(at, _)| variable.split_at(at));
    underscores.into_iter().any(|(service, rest)| {
        let is_set = |suffix: &str| all.contains(&format!("{service}{suffix}"));
        is_link_suffix(rest) && is_set("_SERVICE_HOST") && is_set("_SERVICE_PORT")
    })
}

/// Returns true for `_SERVICE_HOST`, `_SERVICE_PORT`, `_SERVICE_PORT_<name>`, `_PORT`,
/// `_PORT_<number>_<protocol>`, and the last with `_PROTO`, `_PORT` or `_ADDR`.
fn is_link_suffix(rest: &str) -> bool {
    if rest == "_SERVICE_HOST" || rest == "_PORT" || rest.starts_with("_SERVICE_PORT") {
        return true;
    }
    let Some(port) = rest.strip_prefix("_PORT_") else { return false };
    let mut parts = port.split('_');
    let number = parts.next().is_some_and(|number| number.parse::<u16>().is_ok());
    let protocol = parts.next().is_some_and(|protocol| ["TCP", "UDP", "SCTP"].contains(&protocol));
    let member = parts.next().is_none_or(|member| ["PROTO", "PORT", "ADDR"].contains(&member));
    number && protocol && member && parts.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn recognizes_the_variables_of_a_service() {
        let all = names(&[
            "CLOAKROOM_SERVICE_HOST",
            "CLOAKROOM_SERVICE_PORT",
            "CLOAKROOM_SERVICE_PORT_HTTP",
            "CLOAKROOM_PORT",
            "CLOAKROOM_PORT_80_TCP",
            "CLOAKROOM_PORT_80_TCP_PROTO",
            "CLOAKROOM_PORT_80_TCP_PORT",
            "CLOAKROOM_PORT_80_TCP_ADDR",
            "CLOAKROOM_METRICS_SERVICE_HOST",
            "CLOAKROOM_METRICS_SERVICE_PORT",
            "CLOAKROOM_METRICS_PORT",
        ]);
        for name in &all {
            assert!(is_service_link(name, &all), "{name}");
        }
    }

    #[test]
    fn a_misspelled_setting_is_no_service_link() {
        let alone = names(&["CLOAKROOM_PORT", "CLOAKROOM_PORT_80_TCP"]);
        assert!(alone.iter().all(|name| !is_service_link(name, &alone)));
        let all = names(&["CLOAKROOM_SERVICE_HOST", "CLOAKROOM_SERVICE_PORT"]);
        for name in ["CLOAKROOM_LISTN", "CLOAKROOM_PORT_X_TCP", "CLOAKROOM_PORT_80_TCP_PROTO_X", "PORT", ""] {
            assert!(!is_service_link(name, &all), "{name}");
        }
    }
}
