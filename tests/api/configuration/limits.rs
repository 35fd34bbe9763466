//! Durations, numbers, hash costs, logs, metrics and proxies.

use super::*;

#[test]
fn durations_are_whole_seconds_within_bounds() {
    let ttl = |text| loaded(&[("CLOAKROOM_ACCESS_TOKEN_TTL", text)]).access_token_ttl.as_secs();
    assert_eq!([ttl("1s"), ttl("1h 30m"), ttl("24h")], [1, 5_400, 86_400]);
    assert_refused("CLOAKROOM_ACCESS_TOKEN_TTL", &["0s", "24h 1s", "1500ms", "600", "-1s", "soon"]);
    assert_eq!(loaded(&[("CLOAKROOM_LEEWAY", "0s")]).leeway, Duration::ZERO);
    assert_refused("CLOAKROOM_LEEWAY", &["61s", "5"]);
}

#[test]
fn numbers_are_within_bounds() {
    for variable in ["CLOAKROOM_WORKERS", "CLOAKROOM_DB_POOL", "CLOAKROOM_HASH_QUEUE"] {
        loaded(&[(variable, "1")]);
        loaded(&[(variable, "1024")]);
        assert_refused(variable, &["0", "1025", "-1", "many", "1.5", "99999999999999999999", "+2", "02"]);
    }
    assert_eq!(loaded(&[("CLOAKROOM_HASH_LANES", "64")]).hash_queue, 1024);
    assert_refused("CLOAKROOM_HASH_LANES", &["0", "65"]);
}

#[test]
fn refuses_a_password_hash_below_the_minimum_cost() {
    let argon2 = "CLOAKROOM_ARGON2";
    for at_least in [
        "m=7168,t=5,p=1",
        "m=9216,t=4,p=1",
        "m=12288,t=3,p=1",
        "m=19456,t=2,p=16",
        "m=47104,t=1,p=1",
        "m=4194304,t=9,p=4",
    ] {
        loaded(&[(argon2, at_least)]);
    }
    for below in [
        "m=7167,t=5,p=1",
        "m=7168,t=4,p=1",
        "m=9215,t=4,p=1",
        "m=19455,t=2,p=1",
        "m=47103,t=1,p=1",
        "m=47104,t=0,p=1",
    ] {
        assert_fault(&[(argon2, below)], argon2, "write at least m=47104,t=1 or m=19456,t=2");
    }
    assert_refused(
        argon2,
        &[
            "m=19456,t=2,p=0",
            "m=19456,t=2,p=17",
            "m=4194305,t=2,p=1",
            "m=19456,t=1025,p=1",
            "m=19456,t=2",
            "19456",
            "m=-1,t=2,p=1",
            "m=+19456,t=2,p=1",
            "m=19456,t=02,p=1",
        ],
    );
}

#[test]
fn checks_log_format_and_filter() {
    assert_eq!(loaded(&[("CLOAKROOM_LOG_FORMAT", "json")]).log_format, LogFormat::Json);
    assert_eq!(loaded(&[("CLOAKROOM_LOG_FORMAT", "text")]).log_format, LogFormat::Text);
    assert_refused("CLOAKROOM_LOG_FORMAT", &["JSON", "pretty"]);
    for filter in ["debug", "info,cloakroom::store=debug", "off", "warn/refused"] {
        assert_eq!(loaded(&[("RUST_LOG", filter)]).log_filter, filter);
    }
    assert_refused("RUST_LOG", &["cloakroom=loud", "a=b=c", "info debug", "a/b/c"]);
}

#[test]
fn metrics_have_their_own_address_or_none() {
    let address = |text| loaded(&[("CLOAKROOM_METRICS_LISTEN", text)]).metrics_listen;
    assert_eq!(address("off"), None);
    assert_eq!(address("0.0.0.0:9100"), Some(([0, 0, 0, 0], 9100).into()));
    assert_eq!(loaded(&[]).metrics_listen, Some(([127, 0, 0, 1], 9090).into()));
    assert_refused("CLOAKROOM_METRICS_LISTEN", &["on", "9090", "none", "metrics.example.org:9090"]);
}

#[test]
fn proxies_are_networks() {
    let networks = |text| loaded(&[("CLOAKROOM_TRUSTED_PROXIES", text)]).trusted_proxies;
    assert_eq!(networks("10.0.0.0/8, ::1,192.0.2.1").len(), 3);
    assert!(networks("").is_empty());
    assert_refused(
        "CLOAKROOM_TRUSTED_PROXIES",
        &["*", "proxy.example.org", "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/8,"],
    );
}
