//! `GET /users`: pages, filters, order.

use std::collections::{HashMap, HashSet};

use cloakroom::store::PostgresConnection;
use diesel::SqliteConnection;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_types::Text;
use serde_json::{Value, json};

use crate::support::{Engine, PASSWORD, Server, on_both_engines};

fn emails(page: &Value) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items.iter().map(|user| user["email"].as_str().unwrap().to_owned()).collect()
}

/// Returns the addresses of every page, in order.
fn all_pages(server: &Server, token: &str, query: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut path = format!("/users?{query}");
    for _ in 0..100 {
        let answer = server.get(&path).bearer(token).send().expect(200);
        let page = answer.json();
        all.extend(emails(&page));
        let Some(cursor) = page["next"].as_str() else {
            assert_eq!(answer.header("link"), None);
            return all;
        };
        let link = answer.header("link").unwrap();
        assert!(
            link.starts_with(&format!("<{}/users?", server.url)) && link.ends_with(">; rel=\"next\""),
            "{link}"
        );
        path = format!("/users?{query}&cursor={cursor}");
        assert!(link.contains(cursor), "{link}");
    }
    panic!("the pages do not end");
}

fn people(server: &Server, names: &[&str]) {
    for name in names {
        let body = json!({ "email": format!("{name}@example.com"), "password": "a most unusual passphrase" });
        server.post("/users").json(&body).send().expect(201);
    }
}

/// Imports users, each given as an address and a name, a second after the one before.
fn import(server: &Server, users: &[(String, String)]) {
    let lines = users.iter().enumerate().map(|(number, (email, name))| {
        let created_at =
            format!("2020-01-01T{:02}:{:02}:{:02}Z", number / 3600, number / 60 % 60, number % 60);
        json!({ "email": email, "profile": { "name": name }, "created_at": created_at }).to_string() + "\n"
    });
    server.operator_with_input(&["users", "import", "-"], &lines.collect::<String>());
}

/// Returns true if a search for `prefix` finds a user. Both texts are in lower case.
fn matches(prefix: &str, email: &str, name: &str) -> bool {
    let domain = &email[email.find('@').unwrap()..];
    let mut words = std::iter::once(0).chain(name.match_indices(' ').map(|(at, _)| at + 1));
    [email, domain].iter().any(|term| term.starts_with(prefix))
        || words.any(|at| name[at..].starts_with(prefix))
}

#[derive(QueryableByName)]
struct Term {
    #[diesel(sql_type = Text)]
    term: String,
}

/// The search terms in the database.
fn db_search_terms(server: &Server) -> Vec<String> {
    let query = diesel::sql_query("SELECT term FROM user_search_terms ORDER BY term");
    let terms: Vec<Term> = match server.engine {
        Engine::Sqlite => query.load(&mut db_sqlite(server)).unwrap(),
        Engine::Postgres => {
            query.load(&mut PostgresConnection::establish(&server.database_url).unwrap()).unwrap()
        }
    };
    terms.into_iter().map(|row| row.term).collect()
}

fn db_sqlite(server: &Server) -> SqliteConnection {
    SqliteConnection::establish(server.database_url.trim_start_matches("sqlite://")).unwrap()
}

fn db_run(server: &Server, migration: [&str; 2]) {
    let [sqlite, postgres] = migration;
    match server.engine {
        Engine::Sqlite => db_sqlite(server).batch_execute(sqlite).unwrap(),
        Engine::Postgres => {
            PostgresConnection::establish(&server.database_url).unwrap().batch_execute(postgres).unwrap();
        }
    }
}

/// A file of the migration of the search, of both engines.
macro_rules! migration {
    ($file:literal) => {
        [
            include_str!(concat!("../../migrations/sqlite/20261202000000_search/", $file)),
            include_str!(concat!("../../migrations/postgres/20261202000000_search/", $file)),
        ]
    };
}

on_both_engines! {
    fn every_account_is_on_exactly_one_page(server) {
        let admin = server.admin();
        people(&server, &["Zoe", "a.b", "a-b", "ab", "élise", "Emma", "b_c", "b%c", "ß", "Ωμέγα"]);
        let mut by_sort = Vec::new();
        for sort in ["created_at", "-created_at", "email", "-email"] {
            let paged = all_pages(&server, &admin.token, &format!("limit=3&sort={sort}"));
            let whole = all_pages(&server, &admin.token, &format!("limit=200&sort={sort}"));
            assert_eq!(paged, whole, "{sort}");
            assert_eq!(paged.iter().collect::<HashSet<_>>().len(), 11, "{sort}");
            by_sort.push(paged);
        }
        assert!(by_sort[0].iter().eq(by_sort[1].iter().rev()));
        assert!(by_sort[2].iter().eq(by_sort[3].iter().rev()));
        // Order by code points after case folding, the same on every database.
        let expected = ["a-b", "a.b", "ab", "admin", "b%c", "b_c", "Emma", "ß", "Zoe", "élise", "Ωμέγα"];
        assert_eq!(by_sort[2], expected.map(|name| format!("{name}@example.com")));
    }

    fn sorts_by_name_and_by_last_login(server) {
        let admin = server.admin();
        let names = [None, Some("Zoe"), Some("ada"), Some("Änne"), Some("ADA"), None, Some("Bob King"), Some("bob"), Some("Ada")];
        let accounts = names.iter().enumerate().fold(String::new(), |lines, (number, name)| {
            let mut account = json!({
                "email": format!("{number}@example.com"), "created_at": format!("2020-01-0{}T00:00:00Z", number + 1),
                "roles": [if number % 2 == 0 { "support" } else { "user" }], "status": if number % 3 == 0 { "suspended" } else { "active" },
            });
            if let Some(name) = name {
                account["profile"] = json!({ "name": name });
            }
            if number % 4 != 0 {
                account["last_login_at"] = json!(format!("2021-01-0{}T00:00:00Z", 9 - number / 2));
            }
            lines + &account.to_string() + "\n"
        });
        server.operator_with_input(&["users", "import", "-"], &accounts);
        for filter in ["", "&role=support", "&status=suspended", "&role=user&status=active", "&q=ada", "&created_after=2020-01-03T00:00:00Z", "&q=%40example.com&role=support"] {
            let whole = server.get(&format!("/users?limit=200{filter}")).bearer(&admin.token).send().expect(200).json();
            let mut by_name = whole["items"].as_array().unwrap().clone();
            assert!(!by_name.is_empty(), "{filter}");
            let mut by_login = by_name.clone();
            by_name.sort_by_key(|user| (user["name"].as_str().unwrap_or_default().to_lowercase(), user["id"].to_string()));
            by_login.sort_by_key(|user| (user["last_login_at"].as_str().unwrap_or_default().to_owned(), user["id"].to_string()));
            for (sort, expected) in [("name", by_name), ("last_login_at", by_login)] {
                let mut expected = emails(&json!({ "items": expected }));
                assert_eq!(all_pages(&server, &admin.token, &format!("limit=2&sort={sort}{filter}")), expected, "{sort}{filter}");
                expected.reverse();
                assert_eq!(all_pages(&server, &admin.token, &format!("limit=2&sort=-{sort}{filter}")), expected, "-{sort}{filter}");
            }
            let counted = server.get(&format!("/users?limit=1&count=true{filter}")).bearer(&admin.token).send().expect(200).json();
            assert_eq!((&counted["count"], &counted["count_is_capped"]), (&json!(whole["items"].as_array().unwrap().len()), &json!(false)), "{filter}");
        }
        let uncounted = server.get("/users").bearer(&admin.token).send().expect(200).json();
        assert_eq!((uncounted.get("count"), uncounted.get("count_is_capped")), (None, None));
        for wrong in ["count=yes", "count=", "sort=nickname", "sort=--name", "sort=password_hash"] {
            server.get(&format!("/users?{wrong}")).bearer(&admin.token).send().expect_problem(400, "invalid-query");
        }
    }

    fn names_and_pictures_are_for_readers_of_profiles(server) {
        let (admin, ada) = (server.admin(), server.register("ada"));
        let profile = json!({ "name": "Ada Lovelace", "picture": "https://a.example/ada.png", "bio": "secret" });
        server.put("/users/me/profile").bearer(&ada.token).json(&profile).send().expect(200);
        let row = |token: &str| {
            let list = server.get("/users?email=ada%40example.com").bearer(token).send().expect(200).json();
            list["items"][0].clone()
        };
        let shown = row(&admin.token);
        assert_eq!((&shown["name"], &shown["picture"], shown.get("bio")), (&json!("Ada Lovelace"), &json!("https://a.example/ada.png"), None));
        assert_eq!(shown["_actions"]["read"], json!([]));
        let nobody = server.get("/users?email=admin%40example.com").bearer(&admin.token).send().expect(200).json();
        assert_eq!((&nobody["items"][0]["name"], &nobody["items"][0]["picture"]), (&Value::Null, &Value::Null));
        let reader = server.client_token("reader", "users:read:any profiles:read");
        let hidden = row(&reader);
        assert_eq!((&hidden["email"], hidden.get("name"), hidden.get("picture")), (&json!("ada@example.com"), None, None));
        for sort in ["name", "-name"] {
            server.get(&format!("/users?sort={sort}")).bearer(&reader).send().expect_problem(400, "invalid-query");
            let none = server.client_token(&format!("none{sort}"), "users:read:any");
            server.get(&format!("/users?sort={sort}")).bearer(&none).send().expect_problem(403, "insufficient-scope");
        }
        server.get("/users?sort=last_login_at").bearer(&reader).send().expect(200);
        // A single account has neither member.
        let single = server.get(&ada.path()).bearer(&admin.token).send().expect(200).json();
        assert_eq!((single.get("name"), single.get("picture")), (None, None));
    }

    fn filters_return_exactly_the_matches(server) {
        let admin = server.admin();
        people(&server, &["anna", "ANNABEL", "b_c", "bxc", "b%c"]);
        let bob = server.register("bob");
        server.put("/users/me/profile").bearer(&bob.token).json(&json!({ "name": "Änne Bobsen" })).send().expect(200);
        server.put(&format!("{}/status", bob.path())).bearer(&admin.token).json(&json!({ "status": "suspended" })).send().expect(200);
        let find = |query: &str| {
            let mut found = all_pages(&server, &admin.token, query);
            found.sort();
            found
        };
        assert_eq!(find("email=Anna%40EXAMPLE.com"), ["anna@example.com"]);
        assert_eq!(find("q=ann"), ["ANNABEL@example.com", "anna@example.com"]);
        assert_eq!(find("q=b_"), ["b_c@example.com"]);
        assert_eq!(find("q=b%25"), ["b%c@example.com"]);
        assert_eq!(find("q=%C3%A4NN"), ["bob@example.com"]);
        assert_eq!(find("q=nn"), Vec::<String>::new());
        assert_eq!(find("q=b"), ["b%c@example.com", "b_c@example.com", "bob@example.com", "bxc@example.com"]);
        assert_eq!(find("q=bobs"), ["bob@example.com"]);
        assert_eq!(find("q=%C3%A4nne%20bob"), ["bob@example.com"]);
        assert_eq!(find("q=@example.com").len(), 7);
        assert_eq!(find("q=example.com"), Vec::<String>::new());
        assert_eq!(find("q=%22"), Vec::<String>::new());
        assert_eq!(find("status=suspended"), ["bob@example.com"]);
        assert_eq!(find("role=admin"), ["admin@example.com"]);
        assert_eq!(find("role=support"), Vec::<String>::new());
        assert_eq!(find("created_after=2999-01-01T00:00:00Z"), Vec::<String>::new());
        assert_eq!(find("created_before=2999-01-01T00:00:00%2B01:00&q=bob"), ["bob@example.com"]);
        assert_eq!(find("q=%27%20OR%201%3D1%20--"), Vec::<String>::new());
    }

    fn the_filter_for_an_address_reads_it_as_a_login_does(server) {
        let admin = server.admin();
        people(&server, &["anna"]);
        let find = |query: &str| all_pages(&server, &admin.token, query);
        for address in ["zoe@bücher.example", "bob+tag@example.com"] {
            let body = json!({ "email": address, "password": PASSWORD });
            server.post("/users").json(&body).send().expect(201);
        }
        for (query, found) in [
            ("email=zoe%40b%C3%BCcher.example", "zoe@xn--bcher-kva.example"),
            ("email=ZOE%40xn--bcher-kva.example", "zoe@xn--bcher-kva.example"),
            ("email=bob+tag%40example.com", "bob+tag@example.com"),
            ("email=bob%2Btag%40example.com", "bob+tag@example.com"),
            ("email=+%EF%BD%81nna%40example.com", "anna@example.com"),
        ] {
            assert_eq!(find(query), [found], "{query}");
        }
    }

    fn rare_search_equals_a_list_filtered_by_hand(server) {
        let admin = server.admin();
        // Many accounts have the same time: the id decides where a page ends.
        let accounts = (0..240).fold(String::new(), |lines, number| {
            let kind = match number { 17 => "one", 150..=160 => "late", _ if number % 16 == 0 => "some", _ => "most" };
            let account = json!({
                "email": format!("{}@example.com", number * 7 % 240), "profile": { "name": format!("Ada {kind}") },
                "roles": [if number % 3 == 0 { "support" } else { "user" }],
                "status": if number % 5 == 0 { "suspended" } else { "active" },
                "created_at": format!("2020-01-{:02}T00:00:00Z", number / 12 + 1),
            });
            lines + &account.to_string() + "\n"
        });
        server.operator_with_input(&["users", "import", "-"], &accounts);
        let names: HashMap<String, String> = accounts.lines().map(|line| {
            let account: Value = serde_json::from_str(line).unwrap();
            (account["email"].as_str().unwrap().to_owned(), account["profile"]["name"].as_str().unwrap().to_lowercase())
        }).collect();
        for sort in ["created_at", "-created_at", "email", "-email"] {
            for more in ["", "&role=support", "&status=suspended", "&role=user&status=active&created_after=2020-01-04T00:00:00Z"] {
                let listed = all_pages(&server, &admin.token, &format!("limit=200&sort={sort}{more}"));
                for search in ["one", "late", "some", "most", "o", "1", "ada", "ada l", "@example.com"] {
                    let q = search.replace(' ', "%20");
                    let found = all_pages(&server, &admin.token, &format!("q={q}&limit=3&sort={sort}{more}"));
                    let found_by_hand = |email: &&String| matches(search, email, names.get(*email).map_or("", String::as_str));
                    let expected: Vec<String> = listed.iter().filter(found_by_hand).cloned().collect();
                    assert_eq!(found, expected, "{search} {sort} {more}");
                }
            }
        }
    }

    fn common_search_equals_a_list_filtered_by_hand(server) {
        let admin = server.admin();
        // More than the server sorts for one page.
        let users: Vec<(String, String)> = (0..4_500).map(|number| {
            let domain = if number % 11 == 0 { "rare.org" } else { "acme.com" };
            let name = format!("Ada {} Number{number}", if number % 90 == 0 { "Rare" } else { "Lovelace" });
            (format!("u{}@{domain}", number * 7 % 4_500), name)
        }).collect();
        import(&server, &users);
        let names: HashMap<&str, String> = users.iter().map(|(email, name)| (email.as_str(), name.to_lowercase())).collect();
        for sort in ["created_at", "-created_at", "email", "-email"] {
            let listed = all_pages(&server, &admin.token, &format!("limit=200&sort={sort}"));
            for search in ["ada", "lovelace", "@acme.com", "number", "u", "@rare", "rare", "number44"] {
                let found = all_pages(&server, &admin.token, &format!("q={search}&limit=200&sort={sort}"));
                let found_by_hand = |email: &&String| matches(search, email, names.get(email.as_str()).map_or("", String::as_str));
                let expected: Vec<String> = listed.iter().filter(found_by_hand).cloned().collect();
                assert_eq!(found, expected, "{search} {sort}");
            }
        }
    }

    fn search_follows_changes_and_deletion(server) {
        let admin = server.admin();
        let find = |search: &str| all_pages(&server, &admin.token, &format!("q={search}"));
        let before = db_search_terms(&server);
        let ada = server.register("ada");
        let name = |name: Option<&str>| {
            server.patch("/users/me/profile").bearer(&ada.token).json(&json!({ "name": name })).send().expect(200);
        };
        name(Some("Ada Byron"));
        assert_eq!(find("byron"), [ada.email.as_str()]);
        name(Some("Ada Lovelace"));
        assert_eq!(find("Lovelace"), [ada.email.as_str()]);
        assert_eq!(find("byron"), Vec::<String>::new());
        let address = json!({ "email": "countess@acme.com" });
        server.patch(&ada.path()).bearer(&admin.token).if_match("*").json(&address).send().expect(200);
        assert_eq!(find("@acme.com"), ["countess@acme.com"]);
        assert_eq!(find("LOVE"), ["countess@acme.com"]);
        assert_eq!(find("ada@"), Vec::<String>::new());
        name(None);
        assert_eq!(find("lovelace"), Vec::<String>::new());
        server.delete(&ada.path()).bearer(&admin.token).send().expect(204);
        assert_eq!(db_search_terms(&server), before);
    }

    fn migration_indexes_existing_users(server) {
        let users = [("a@acme.com", "Ada  King Lovelace "), ("b@b.org", "Änne"), ("c@c.org", " one  two"), ("d@d.org", "a b c d e f g h i j k l")];
        import(&server, &users.map(|(email, name)| (email.to_owned(), name.to_owned())));
        server.register("nameless");
        let terms = db_search_terms(&server);
        db_run(&server, migration!("down.sql"));
        db_run(&server, migration!("up.sql"));
        assert_eq!(db_search_terms(&server), terms);
        assert!(terms.contains(&"lovelace ".to_owned()), "{terms:?}");
    }

    fn refuses_an_invalid_query(server) {
        let admin = server.admin();
        for query in ["limit=0", "limit=201", "limit=x", "limit=1&limit=2", "sort=password_hash", "sort=email,id",
            "status=gone", "role=root", "created_after=yesterday", "unknown=1", "q=", "q=%00", "email=%0a", "page=2"] {
            server.get(&format!("/users?{query}")).bearer(&admin.token).send().expect_problem(400, "invalid-query");
        }
        let many = (0..10_000).map(|number| format!("k{number}=1")).collect::<Vec<_>>().join("&");
        let head = format!("GET /users?{many} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\n\r\n", admin.token);
        let answer = crate::support::send_raw(server.address, head.as_bytes());
        assert!(answer.starts_with("HTTP/1.1 4"), "{answer}");
    }

    fn cursor_is_bound_to_its_list_and_unforgeable(server) {
        let admin = server.admin();
        people(&server, &["a", "b", "c"]);
        let page = server.get("/users?limit=2&sort=email").bearer(&admin.token).send().json();
        let cursor = page["next"].as_str().unwrap();
        let with = |query: &str, cursor: &str| server.get(&format!("/users?{query}&cursor={cursor}")).bearer(&admin.token).send();
        with("limit=2&sort=email", cursor).expect(200);
        with("limit=1&sort=email", cursor).expect(200);
        with("sort=-email", cursor).expect_problem(400, "invalid-cursor");
        with("sort=email&status=active", cursor).expect_problem(400, "invalid-cursor");
        let mut forged = cursor.to_owned().into_bytes();
        forged[30] = if forged[30] == b'A' { b'B' } else { b'A' };
        with("sort=email", std::str::from_utf8(&forged).unwrap()).expect_problem(400, "invalid-cursor");
        with("sort=email", &cursor[..cursor.len() - 4]).expect_problem(400, "invalid-cursor");
        with("sort=email", "'%20OR%201=1").expect_problem(400, "invalid-cursor");
    }

    fn account_is_found_by_its_external_id(server) {
        let admin = server.admin();
        for (name, id) in [("ada", "B-17"), ("grace", "b-17"), ("zoe", "ä +")] {
            let body = json!({ "email": format!("{name}@example.com"), "password": PASSWORD, "external_id": id });
            server.post("/users").bearer(&admin.token).json(&body).send().expect(201);
        }
        let find = |query: &str| {
            let path = format!("/users?{query}");
            emails(&server.get(&path).bearer(&admin.token).send().expect(200).json())
        };
        assert_eq!(find("external_id=B-17"), ["ada@example.com"]);
        assert_eq!(find("external_id=b-17&sort=-email"), ["grace@example.com"]);
        assert_eq!(find("external_id=%C3%A4+%2B"), ["zoe@example.com"]);
        assert_eq!(find("external_id=B-17&status=suspended"), [""; 0]);
        assert_eq!(find("external_id=B-17&role=user&q=ada"), ["ada@example.com"]);
        assert_eq!(find("external_id=B-1"), [""; 0]);
        for query in ["external_id=", "external_id=%00", "external_id=1&external_id=1"] {
            server.get(&format!("/users?{query}")).bearer(&admin.token).send().expect_problem(400, "invalid-query");
        }
    }

    fn listing_needs_the_scope_for_all_users(server) {
        let ada = server.register("ada");
        let answer = server.get("/users").bearer(&ada.token).send().expect_problem(403, "insufficient-scope");
        assert!(answer.header("www-authenticate").unwrap().contains("scope=\"users:read:any\""));
        let support = server.person_with_roles("support", &["support"]);
        server.get("/users").bearer(&support.token).send().expect(200);
        let client = server.client_token("reports", "users:read:any");
        let page = server.get("/users").bearer(&client).send().expect(200).json();
        assert_eq!(page["items"][0]["_actions"], json!({ "read": [] }));
        assert!(!page.to_string().contains("hash"));
    }

    fn rows_have_the_actions_of_a_single_read(server) {
        let (admin, support) = (server.admin(), server.person_with_roles("support", &["support", "user"]));
        server.register("ada");
        for person in [&admin, &support] {
            // Actions on own records are cached for each token.
            let another_token = server.log_in(&person.email);
            let page = server.get("/users").bearer(&person.token).send().expect(200).json();
            for row in page["items"].as_array().unwrap() {
                let path = format!("/users/{}", row["id"].as_str().unwrap());
                let read = server.get(&path).bearer(&another_token).send().expect(200).json();
                assert_eq!(row["_actions"], read["_actions"], "{row}");
            }
        }
    }

    fn short_pages_lead_to_every_match(server) {
        let support = server.person_with_roles("support", &["support"]);
        db_many_users(&server);
        for (filter, expected) in [
            ("role=user&status=suspended", 1),
            ("q=late&sort=created_at", 5_000),
            ("created_after=2030-01-01T00:00:24.999Z&sort=email", 1),
            ("created_after=2030-01-01T00:00:24.999Z&sort=-email&role=user", 1),
            ("q=late&role=user&status=suspended&sort=-email", 1),
        ] {
            let (mut found, mut pages, mut cursor) = (HashSet::new(), 0, String::new());
            loop {
                let path = format!("/users?limit=200&{filter}{cursor}");
                let page = server.get(&path).bearer(&support.token).send().expect(200).json();
                let emails = emails(&page);
                pages += 1;
                assert!(emails.into_iter().all(|email| found.insert(email)), "{filter}: a user is there twice");
                let Some(next) = page["next"].as_str() else { break };
                cursor = format!("&cursor={next}");
            }
            assert_eq!(found.len(), expected, "{filter}");
            assert!((2..=4 + expected / 200).contains(&pages), "{filter}: {pages} pages");
        }
    }
}

/// Inserts 25,000 users. The last 5,000 have addresses that begin with `late`; the last is suspended.
fn db_many_users(server: &Server) {
    let (id, at) = match server.engine {
        Engine::Sqlite => ("unhex(printf('%032x', n))", "1893456000000000 + n * 1000"),
        Engine::Postgres => {
            ("lpad(to_hex(n), 32, '0')::uuid", "timestamptz '2030-01-01Z' + n * interval '1 ms'")
        }
    };
    let email = "CASE WHEN n > 20000 THEN 'late' ELSE 'early' END || n || '@example.org'";
    let each = "WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 25000)";
    server.db_run(&format!(
        "INSERT INTO users (id, email, email_key, email_verified, status, created_at, updated_at, revision, epoch,
             profile, profile_revision)
         {each} SELECT {id}, {email}, {email}, FALSE, CASE WHEN n = 25000 THEN 'suspended' ELSE 'active' END,
             {at}, {at}, 1, 0, '{{}}', 1 FROM t;
         INSERT INTO user_roles (user_id, role, created_at, email_key)
             {each} SELECT {id}, 'user', {at}, {email} FROM t;
         INSERT INTO user_search_terms (user_id, term) {each} SELECT {id}, {email} FROM t;"
    ));
    if server.engine == Engine::Postgres {
        server.db_run("VACUUM ANALYZE");
    }
}

on_both_engines! {
    fn search_reads_an_address_as_a_login_does(server) {
        let admin = server.admin();
        for email in ["zoe@bücher.example", "ann+tag@acme.example", "anna@acme.example"] {
            server.post("/users").json(&json!({ "email": email, "password": PASSWORD })).send().expect(201);
        }
        let found = |query: &str| emails(&server.get(&format!("/users?q={query}")).bearer(&admin.token).send().expect(200).json());
        let zoe = ["zoe@xn--bcher-kva.example"];
        for query in ["zoe@b%C3%BCcher.example", "ZOE@B%C3%9CCHER.example", "@b%C3%BCcher.example", "zoe@xn--bcher-kva.example", "@xn--b"] {
            assert_eq!(found(query), zoe, "{query}");
        }
        for query in ["ann+tag@acme.example", "ann%2Btag@acme.example", "ann+tag@ac"] {
            assert_eq!(found(query), ["ann+tag@acme.example"], "{query}");
        }
        assert_eq!(found("@acme.").len(), 2);
        for limit in ["%2B5", "05", "5.0", "-5", "%D9%A5", "+5"] {
            server.get(&format!("/users?limit={limit}")).bearer(&admin.token).send().expect_problem(400, "invalid-query");
        }
    }
}
