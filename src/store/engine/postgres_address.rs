//! Where a PostgreSQL is: the URL as the operator wrote it, with what it takes to notice in time that a
//! server is gone, and to find among several the one that takes writes.

use zeroize::Zeroizing;

/// What is said to libpq where the operator says nothing else of it. A server that vanished without a
/// word would otherwise be waited for as long as the operating system likes: minutes.
const DEFAULTS: &[(&str, &str)] =
    &[("connect_timeout", "2"), ("tcp_user_timeout", "5000"), ("application_name", "cloakroom")];

/// Ours, and not libpq's: that a pooler is in between.
const POOLER: &str = "pgbouncer=true";

/// A URL as libpq takes it, and what is known of the way there.
pub(in crate::store) struct PostgresAddress {
    /// For libpq. It may hold a password.
    pub(in crate::store) url: Zeroizing<String>,
    /// Whether each transaction may be another server connection's: nothing may be left behind on one.
    pub(in crate::store) is_pooled: bool,
}

impl PostgresAddress {
    /// Reads a URL, in which `pgbouncer=true` says that there is a pooler in transaction mode.
    pub(in crate::store) fn of(url: &str) -> Self {
        let (place, query) = url.split_once('?').unwrap_or((url, ""));
        let given = query.split('&').filter(|parameter| !parameter.is_empty());
        let (ours, given): (Vec<&str>, Vec<&str>) = given.partition(|parameter| *parameter == POOLER);
        let is_given = |name: &str| given.iter().any(|parameter| parameter.split('=').next() == Some(name));
        let hosts = place.rsplit_once('@').map_or(place, |(_, hosts)| hosts);
        let in_query = given.iter().any(|given| given.starts_with("host=") && given.contains(','));
        let several = in_query || hosts.contains(',');
        let writing = several.then_some(("target_session_attrs", "read-write"));
        let added = DEFAULTS.iter().copied().chain(writing).filter(|(name, _)| !is_given(name));
        let added: Vec<String> = added.map(|(name, value)| format!("{name}={value}")).collect();
        let parameters = given.iter().copied().chain(added.iter().map(String::as_str));
        let parameters: Vec<&str> = parameters.collect();
        Self { url: Zeroizing::new(format!("{place}?{}", parameters.join("&"))), is_pooled: !ours.is_empty() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(url: &str) -> String {
        PostgresAddress::of(url).url.to_string()
    }

    const ADDED: &str = "connect_timeout=2&tcp_user_timeout=5000&application_name=cloakroom";

    #[test]
    fn one_that_says_nothing_of_it_has_the_defaults() {
        assert_eq!(url("postgres://u:p@db/x"), format!("postgres://u:p@db/x?{ADDED}"));
        assert_eq!(url("postgres:///x?host=/run/pg"), format!("postgres:///x?host=/run/pg&{ADDED}"));
    }

    #[test]
    fn what_the_operator_says_stays() {
        let own = "postgres://db/x?connect_timeout=9&tcp_user_timeout=1&application_name=shop";
        assert_eq!(url(own), own);
    }

    #[test]
    fn among_several_the_one_that_takes_writes_is_looked_for() {
        let several = format!("?{ADDED}&target_session_attrs=read-write");
        assert_eq!(url("postgres://u:p@a:1,b:2/x"), format!("postgres://u:p@a:1,b:2/x{several}"));
        assert!(url("postgres:///x?host=/a,/b&port=1,2").ends_with("&target_session_attrs=read-write"));
        assert!(url("postgres://a,b/x?target_session_attrs=any").contains("?target_session_attrs=any&"));
        // A comma in a password names no second host.
        assert_eq!(url("postgres://u:p,q@db/x"), format!("postgres://u:p,q@db/x?{ADDED}"));
    }

    #[test]
    fn that_a_pooler_is_in_between_is_ours_to_know() {
        let address = PostgresAddress::of("postgres://db/x?pgbouncer=true&sslmode=require");
        assert!(address.is_pooled);
        assert_eq!(*address.url, format!("postgres://db/x?sslmode=require&{ADDED}"));
        assert!(!PostgresAddress::of("postgres://db/x").is_pooled);
    }
}
