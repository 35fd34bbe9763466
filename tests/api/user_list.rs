//! `GET /users`: pages, filters, order.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use crate::support::{Server, on_both_engines};

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

on_both_engines! {
    fn every_account_is_on_exactly_one_page(server) {
        let admin = server.admin();
        people(&server, &["Zoe", "a.b", "a-b", "ab", "élise", "Emma", "b_c", "b%c", "ß", "Ωmega"]);
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
        let expected = ["a-b", "a.b", "ab", "admin", "b%c", "b_c", "Emma", "ß", "Zoe", "élise", "Ωmega"];
        assert_eq!(by_sort[2], expected.map(|name| format!("{name}@example.com")));
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
        assert_eq!(find("status=suspended"), ["bob@example.com"]);
        assert_eq!(find("role=admin"), ["admin@example.com"]);
        assert_eq!(find("role=support"), Vec::<String>::new());
        assert_eq!(find("created_after=2999-01-01T00:00:00Z"), Vec::<String>::new());
        assert_eq!(find("created_before=2999-01-01T00:00:00%2B01:00&q=bob"), ["bob@example.com"]);
        assert_eq!(find("q=%27%20OR%201%3D1%20--"), Vec::<String>::new());
    }

    fn search_finds_all_matches_in_every_plan(server) {
        let admin = server.admin();
        // Many accounts have the same time: the id decides where a page ends.
        let accounts = (0..240).fold(String::new(), |lines, number| {
            let kind = match number { 17 => "one", 150..=160 => "late", _ if number % 16 == 0 => "some", _ => "most" };
            let account = json!({
                "email": format!("{}@example.com", number * 7 % 240), "profile": { "name": kind },
                "roles": [if number % 3 == 0 { "support" } else { "user" }],
                "status": if number % 5 == 0 { "suspended" } else { "active" },
                "created_at": format!("2020-01-{:02}T00:00:00Z", number / 12 + 1),
            });
            lines + &account.to_string() + "\n"
        });
        server.operator_with_input(&["users", "import", "-"], &accounts);
        let names: HashMap<String, String> = accounts.lines().map(|line| {
            let account: Value = serde_json::from_str(line).unwrap();
            (account["email"].as_str().unwrap().to_owned(), account["profile"]["name"].as_str().unwrap().to_owned())
        }).collect();
        for sort in ["created_at", "-created_at", "email", "-email"] {
            for more in ["", "&role=support", "&status=suspended", "&role=user&status=active&created_after=2020-01-04T00:00:00Z"] {
                let listed = all_pages(&server, &admin.token, &format!("limit=200&sort={sort}{more}"));
                for search in ["one", "late", "some", "most", "o", "1"] {
                    let found = all_pages(&server, &admin.token, &format!("q={search}&limit=3&sort={sort}{more}"));
                    let begins = |email: &&String| email.starts_with(search) || names.get(*email).is_some_and(|name| name.starts_with(search));
                    let expected: Vec<String> = listed.iter().filter(begins).cloned().collect();
                    assert_eq!(found, expected, "{search} {sort} {more}");
                }
            }
        }
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
}
