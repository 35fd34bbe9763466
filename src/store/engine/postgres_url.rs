//! The URL of a PostgreSQL server: the operator's, with parameters that detect a lost server in time, and
//! that find the primary among several hosts.

use zeroize::Zeroizing;

/// Default parameters for libpq. Without them a client waits minutes for a server that vanished: as long as
/// the operating system's TCP timeout.
const DEFAULTS: &[(&str, &str)] =
    &[("connect_timeout", "2"), ("tcp_user_timeout", "5000"), ("application_name", "cloakroom")];

/// Parameter of ours, not of libpq: a connection pooler is between us and the server.
const POOLER: &str = "pgbouncer=true";

/// A URL for libpq.
pub(in crate::store) struct PostgresUrl {
    /// The URL, which may contain a password.
    pub(in crate::store) url: Zeroizing<String>,
    /// Set when each transaction may use another server connection. Then no session state may remain on one.
    pub(in crate::store) is_pooled: bool,
}

impl PostgresUrl {
    /// Parses a URL. Its parameter `pgbouncer=true` means a pooler in transaction mode.
    pub(in crate::store) fn of(url: &str) -> Self {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let given = query.split('&').filter(|parameter| !parameter.is_empty());
        let (ours, given): (Vec<&str>, Vec<&str>) = given.partition(|parameter| *parameter == POOLER);
        let is_given = |name: &str| given.iter().any(|parameter| parameter.split('=').next() == Some(name));
        let hosts = base.rsplit_once('@').map_or(base, |(_, hosts)| hosts);
        let in_query = given.iter().any(|given| given.starts_with("host=") && given.contains(','));
        let several = in_query || hosts.contains(',');
        let writing = several.then_some(("target_session_attrs", "read-write"));
        let added = DEFAULTS.iter().copied().chain(writing).filter(|(name, _)| !is_given(name));
        let added: Vec<String> = added.map(|(name, value)| format!("{name}={value}")).collect();
        let parameters = given.iter().copied().chain(added.iter().map(String::as_str));
        let parameters: Vec<&str> = parameters.collect();
        Self { url: Zeroizing::new(format!("{base}?{}", parameters.join("&"))), is_pooled: !ours.is_empty() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(url: &str) -> String {
        PostgresUrl::of(url).url.to_string()
    }

    const ADDED: &str = "connect_timeout=2&tcp_user_timeout=5000&application_name=cloakroom";

    #[test]
    fn adds_the_default_parameters() {
        assert_eq!(url("postgres://u:p@db/x"), format!("postgres://u:p@db/x?{ADDED}"));
        assert_eq!(url("postgres:///x?host=/run/pg"), format!("postgres:///x?host=/run/pg&{ADDED}"));
    }

    #[test]
    fn keeps_the_parameters_of_the_operator() {
        let own = "postgres://db/x?connect_timeout=9&tcp_user_timeout=1&application_name=shop";
        assert_eq!(url(own), own);
    }

    #[test]
    fn looks_for_the_primary_among_several_hosts() {
        let several = format!("?{ADDED}&target_session_attrs=read-write");
        assert_eq!(url("postgres://u:p@a:1,b:2/x"), format!("postgres://u:p@a:1,b:2/x{several}"));
        assert!(url("postgres:///x?host=/a,/b&port=1,2").ends_with("&target_session_attrs=read-write"));
        assert!(url("postgres://a,b/x?target_session_attrs=any").contains("?target_session_attrs=any&"));
        // A comma in a password names no second host.
        assert_eq!(url("postgres://u:p,q@db/x"), format!("postgres://u:p,q@db/x?{ADDED}"));
    }

    #[test]
    fn removes_the_parameter_for_a_pooler() {
        let address = PostgresUrl::of("postgres://db/x?pgbouncer=true&sslmode=require");
        assert!(address.is_pooled);
        assert_eq!(*address.url, format!("postgres://db/x?sslmode=require&{ADDED}"));
        assert!(!PostgresUrl::of("postgres://db/x").is_pooled);
    }
}
