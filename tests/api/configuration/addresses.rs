//! Database, listen address, issuer, audience and origins.

use serde_json::json;

use super::*;

#[test]
fn database_is_a_file_or_a_postgresql_url() {
    for (url, path) in [
        ("sqlite://data/app.db", "data/app.db"),
        ("sqlite:///var/lib/app.db", "/var/lib/app.db"),
        ("sqlite:app.db", "app.db"),
    ] {
        let Database::Sqlite(file) = loaded(&[("DATABASE_URL", url)]).database else {
            panic!("{url} is not a file")
        };
        assert_eq!(file, PathBuf::from(path));
    }
    for (url, shown) in [
        ("postgres://u:p@h1:5432,h2:5432/db", "postgres://u@h1:5432,h2:5432/db"),
        ("postgresql://[::1]:5432/db?sslmode=require", "postgresql://[::1]:5432/db"),
        ("postgres://u:p/p@p@h", "postgres://u@h"),
    ] {
        let config = loaded(&[("DATABASE_URL", url), ("CLOAKROOM_MASTER_KEY", KEY)]);
        assert_eq!(config.database.describe(), shown);
    }
    assert_refused(
        "DATABASE_URL",
        &["app.db", "sqlite://", "sqlite:d/", "sqlite://a?mode=ro", "mysql://h/d"],
    );
    for (parameter, name) in
        [("service=x", "service"), ("sslmode=verify-ca", "sslrootcert"), ("sslmode=allow", "sslmode")]
    {
        let url = format!("postgres://u:p@h/db?{parameter}");
        assert_fault(&[("DATABASE_URL", &url), ("CLOAKROOM_MASTER_KEY", KEY)], "DATABASE_URL", name);
    }
    for memory in ["sqlite::memory:", "sqlite://:memory:"] {
        assert_fault(&[("DATABASE_URL", memory)], "DATABASE_URL", "lost when the server stops");
    }
}

#[test]
fn listens_on_an_address_with_a_port() {
    for (text, address) in
        [("127.0.0.1:0", "127.0.0.1:0"), ("localhost:8080", "127.0.0.1:8080"), ("[::1]:80", "[::1]:80")]
    {
        let listen = loaded(&[("CLOAKROOM_LISTEN", text)]).listen;
        assert_eq!(listen.to_string(), address);
    }
    assert_refused(
        "CLOAKROOM_LISTEN",
        &["8080", ":8080", "127.0.0.1", "example.org:80", "127.0.0.1:70000", "localhost:+80"],
    );
}

#[test]
fn issuer_and_audience_have_defaults() {
    let bound = SocketAddr::from(([127, 0, 0, 1], 4711));
    let config = loaded(&[("CLOAKROOM_LISTEN", "127.0.0.1:0")]);
    assert_eq!(config.issuer_at(bound), "http://127.0.0.1:4711");
    assert_eq!(config.audience_at(bound), "http://127.0.0.1:4711");
    let issuer = ("CLOAKROOM_ISSUER", "https://id.example.org");
    let config = loaded(&[issuer]);
    assert_eq!(config.issuer_at(bound), "https://id.example.org");
    assert_eq!(config.audience_at(bound), "https://id.example.org");
    let config = loaded(&[issuer, ("CLOAKROOM_AUDIENCE", "notes")]);
    assert_eq!(config.audience_at(bound), "notes");
}

#[test]
fn issuer_is_https_except_on_loopback() {
    for here in ["http://localhost:8080", "http://127.0.0.2", "http://[::1]:1", "https://id.example.org/a"] {
        assert_eq!(loaded(&[("CLOAKROOM_ISSUER", here)]).issuer.as_deref(), Some(here));
    }
    for there in ["http://id.example.org", "http://localhost.example.org", "http://10.0.0.1"] {
        assert_fault(&[("CLOAKROOM_ISSUER", there)], "CLOAKROOM_ISSUER", "must be https");
    }
}

#[test]
fn issuer_is_in_normal_form() {
    let bare = loaded(&[("CLOAKROOM_ISSUER", "https://id.example.org/")]).issuer;
    assert_eq!(bare.as_deref(), Some("https://id.example.org"));
    for odd in ["https://ID.example.org", "https://id.example.org:443"] {
        assert_fault(&[("CLOAKROOM_ISSUER", odd)], "CLOAKROOM_ISSUER", "write https://id.example.org");
    }
    assert_refused(
        "CLOAKROOM_ISSUER",
        &["https://i.d/a/", "https://i.d?a", "https://i.d#a", "https://u@i.d", "i.d", "ftp://i.d"],
    );
}

#[test]
fn issuer_is_required_beyond_loopback() {
    for listen in ["0.0.0.0:80", "[::]:80", "10.0.0.1:80"] {
        let listen = ("CLOAKROOM_LISTEN", listen);
        assert_fault(&[listen], "CLOAKROOM_ISSUER", "must be given");
        loaded(&[listen, ("CLOAKROOM_ISSUER", "https://id.example.org")]);
    }
}

#[test]
fn origins_are_exact() {
    let origins = [
        "https://app.example.org",
        "http://localhost:3000",
        "capacitor://localhost",
        "ionic://localhost",
        "tauri://localhost",
        "chrome-extension://abcdefghijklmnopabcdefghijklmnop",
        "app://shell:8080",
    ];
    let config = loaded(&[("CLOAKROOM_CORS_ORIGINS", &origins.join(", "))]);
    assert_eq!(config.cors_origins, origins);
    assert_refused(
        "CLOAKROOM_CORS_ORIGINS",
        &["*", "null", "app.example.org", "https://a.b/", "https://a.b/c", "https://a.b:443", "https://a.b,"],
    );
    assert_refused(
        "CLOAKROOM_CORS_ORIGINS",
        &[
            "https://*.a.b",
            "capacitor://*",
            "capacitor://localhost/",
            "capacitor://",
            "capacitor:localhost",
            "tauri://user@localhost",
            "tauri://localhost?x",
            "file:///home",
            "wss://a.b",
            "data:,x",
            "javascript:alert(1)",
            "Capacitor://localhost",
        ],
    );
    assert_fault(
        &[("CLOAKROOM_CORS_ORIGINS", "https://A.b/c")],
        "CLOAKROOM_CORS_ORIGINS",
        "write https://a.b",
    );
}

/// Text that a browser would correct leads other programs elsewhere.
#[test]
fn urls_are_strict_in_each_setting() {
    for corrected in ["https:api.example.org", "https:/api.example.org", "https:\\\\api.example.org"] {
        for variable in [
            "CLOAKROOM_ISSUER",
            "CLOAKROOM_AUDIENCE",
            "CLOAKROOM_RESOURCES",
            "CLOAKROOM_OTLP_ENDPOINT",
            "CLOAKROOM_HOME_URL",
        ] {
            assert_fault(&[(variable, corrected)], variable, "");
        }
        assert_fault(&[("CLOAKROOM_CORS_ORIGINS", corrected)], "CLOAKROOM_CORS_ORIGINS", "");
        let links = json!({ "reset_password": format!("{corrected}/reset#token={{token}}") }).to_string();
        let mail = [("CLOAKROOM_MAIL_URL", "log:"), ("CLOAKROOM_MAIL_FROM", "a@example.org")];
        assert_fault(&[mail[0], mail[1], ("CLOAKROOM_LINKS", &links)], "CLOAKROOM_LINKS", "https URL");
        for issuer in [
            json!({ "issuer": corrected, "audience": "a" }),
            json!({ "issuer": "https://id.example.org", "audience": "a", "jwks_uri": corrected }),
        ] {
            let issuers = json!([issuer]).to_string();
            assert_fault(&[("CLOAKROOM_TRUSTED_ISSUERS", &issuers)], "CLOAKROOM_TRUSTED_ISSUERS", "");
        }
    }
    assert_refused("CLOAKROOM_RESOURCES", &["https://api.example.org#a", "mail#a", "https://", "a b"]);
    let resources = ["https://api.example.org", "https://api.example.org/a/", "mail", "urn:example:api"];
    assert_eq!(loaded(&[("CLOAKROOM_RESOURCES", &resources.join(","))]).resources, resources);
}
