use super::*;

fn parsed(url: &str) -> PostgresUrl {
    PostgresUrl::parse_with(url, |_| None).unwrap_or_else(|why| panic!("{url}: {why}"))
}

fn config(url: &str) -> Config {
    parsed(url).hosts.remove(0).config
}

fn names(url: &str) -> Vec<String> {
    parsed(url).hosts.into_iter().map(|host| host.name).collect()
}

#[test]
fn has_defaults_that_detect_a_lost_server() {
    let config = config("postgres://u:p@db/x");
    assert_eq!(config.get_tcp_user_timeout(), Some(&TCP_USER_TIMEOUT));
    assert_eq!(config.get_application_name(), Some("cloakroom"));
    assert_eq!(config.get_keepalives_idle(), KEEPALIVE.0);
    assert_eq!(parsed("postgres://u:p@db/x").connect_timeout, CONNECT_TIMEOUT);
}

#[test]
fn keeps_the_parameters_of_the_operator() {
    let url = "postgres://u:p%40s@db:6/x?connect_timeout=9&tcp_user_timeout=1500&application_name=shop\
               &keepalives_idle=60&options=-c%20search_path%3Dshop";
    let config = config(url);
    assert_eq!(parsed(url).connect_timeout, Duration::from_secs(9));
    assert_eq!(config.get_tcp_user_timeout(), Some(&Duration::from_millis(1_500)));
    assert_eq!(config.get_application_name(), Some("shop"));
    assert_eq!(config.get_keepalives_idle(), Duration::from_secs(60));
    assert_eq!(config.get_options(), Some("-c search_path=shop"));
    assert_eq!((config.get_user(), config.get_password()), (Some("u"), Some(b"p@s".as_slice())));
    assert_eq!((config.get_dbname(), names(url)), (Some("x"), vec!["db:6".to_owned()]));
}

#[test]
fn looks_for_the_primary_among_several_hosts() {
    let writes = |url| config(url).get_target_session_attrs() == TargetSessionAttrs::ReadWrite;
    assert!(writes("postgres://u:p@a:1,b:2/x") && writes("postgres:///x?host=/a,/b&port=1,2"));
    assert!(writes("postgres://a/x?target_session_attrs=primary"));
    assert!(!writes("postgres://a,b/x?target_session_attrs=any"));
    // A comma in a password names no second host.
    assert!(!writes("postgres://u:p,q@db/x"));
    assert_eq!(names("postgres://u:p@a:1,b:2/x"), ["a:1", "b:2"]);
    assert_eq!(names("postgres:///x?host=/a,/b&port=1,2"), ["/a/.s.PGSQL.1", "/b/.s.PGSQL.2"]);
    assert_eq!(names("postgres://u@[::1]:5/x"), ["[::1]:5"]);
    assert_eq!(names("postgres://a/x?host=b&port=7"), ["b:7"]);
}

#[test]
fn knows_the_pooler() {
    assert!(parsed("postgres://db/x?pgbouncer=true&sslmode=require").is_pooled);
    assert!(!parsed("postgres://db/x").is_pooled);
}

#[test]
fn reads_the_parameters_of_tls() {
    let tls = |query: &str| parsed(&format!("postgres://db/x{query}")).tls;
    let expected = |mode, roots| TlsSettings { mode, roots, client: None };
    assert_eq!(tls(""), expected(SslMode::Prefer, None));
    let file = Some(Roots::File("/etc/a b.crt".into()));
    assert_eq!(tls("?sslmode=verify-full&sslrootcert=/etc/a%20b.crt"), expected(SslMode::VerifyFull, file));
    assert_eq!(tls("?sslrootcert=system"), expected(SslMode::VerifyFull, Some(Roots::System)));
    let socket = config("postgres:///x?host=/run/pg&sslmode=require");
    assert_eq!(socket.get_ssl_mode(), DriverSslMode::Disable);
}

#[test]
fn refuses_by_name_what_it_does_not_support() {
    for (query, name) in [
        ("service=x", "service"),
        ("sslmode=allow", "sslmode"),
        ("sslmode=verify-ca", "sslrootcert"),
        ("sslmode=verify-ca&sslrootcert=system", "sslmode"),
        ("sslcert=a", "sslkey"),
        ("sslcrl=a", "sslcrl"),
        ("target_session_attrs=standby", "target_session_attrs"),
        ("port=x", "port"),
        ("connect_timeout=x", "connect_timeout"),
        ("gssencmode=require", "gssencmode"),
    ] {
        let url = format!("postgres://u:hunter2@db/x?{query}");
        let why = PostgresUrl::parse_with(&url, |_| None).err();
        let why = why.unwrap_or_else(|| panic!("{query} is accepted"));
        assert!(why.contains(name) && !why.contains("hunter2"), "{why}");
    }
}

#[test]
fn variables_are_the_defaults_of_a_url() {
    let with = |url: &str, name: &'static str, value: &'static str| {
        PostgresUrl::parse_with(url, |wanted| (wanted == name).then(|| value.to_owned()))
    };
    let password = |url: &str| {
        let host = with(url, "PGPASSWORD", "one").unwrap().hosts.remove(0);
        host.config.get_password().map(<[u8]>::to_vec)
    };
    assert_eq!(password("postgres://u@db/x"), Some(b"one".to_vec()));
    assert_eq!(password("postgres://u:two@db/x"), Some(b"two".to_vec()));
    let host = |url: &str| with(url, "PGHOST", "a,b").unwrap().hosts.remove(0).name;
    assert_eq!((host("postgres:///x"), host("postgres://c/x")), ("a:5432".to_owned(), "c:5432".to_owned()));
    assert_eq!(with("postgres://db/x", "PGSSLMODE", "require").unwrap().tls.mode, SslMode::Require);
    for (name, value) in [("PGSERVICE", "x"), ("PGSSLCRL", "x"), ("PGSSLMODE", "allow")] {
        let why = with("postgres://db/x", name, value).err().unwrap_or_default();
        assert!(why.contains(name), "{why}");
    }
}

#[test]
fn password_comes_from_the_password_file() {
    let dir = tempfile::TempDir::new().unwrap();
    let file = dir.path().join("pass");
    std::fs::write(&file, "one:5432:x:u:first\n*:*:*:u:other\nlocalhost:5:x:u:never\n").unwrap();
    let password = |base: &str| {
        let url = format!("{base}?passfile={}", file.display());
        let host = PostgresUrl::parse_with(&url, |_| None).unwrap().hosts.pop().unwrap();
        host.config.get_password().map(|password| String::from_utf8(password.to_vec()).unwrap())
    };
    let set_mode = |mode| {
        let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(&file, permissions).unwrap();
    };
    set_mode(0o600);
    assert_eq!(password("postgres://u@one/x").as_deref(), Some("first"));
    assert_eq!(password("postgres://u@one,two/x").as_deref(), Some("other"));
    assert_eq!(password("postgres://u:own@one/x").as_deref(), Some("own"));
    assert_eq!(password("postgres://eve@one/x"), None);
    set_mode(0o644);
    assert_eq!(password("postgres://u@one/x"), None);
}
