//! Orders, their lists, and what the shop does by itself.

use chrono::TimeDelta;
use serde_json::json;

use super::{Shop, app};
use crate::support::{Server, eventually, on_both_engines};

on_both_engines! {
    fn list_is_filtered_by_more_than_equality(engine: Engine) {
        let shop = Shop::new(engine);
        let coat = shop.order(&shop.ada, "coat, blue", 1);
        shop.order(&shop.ada, "Coat, red", 2);
        shop.order(&shop.ada, "hat_", 3);
        shop.order(&shop.bob, "coat, green", 4);
        shop.place(&shop.ada, &coat).expect(200);
        let items = |query: &str| shop.items(&shop.ada, &format!("/orders?sort=quantity&{query}"));
        assert_eq!(items("state=placed"), ["coat, blue"]);
        assert_eq!(items("state=draft"), ["Coat, red", "hat_"]);
        assert_eq!(items("state=draft,placed"), ["coat, blue", "Coat, red", "hat_"]);
        // The same case on both engines, and no wildcards.
        assert_eq!(items("item_prefix=coat"), ["coat, blue"]);
        assert_eq!(items("item_prefix=Coat"), ["Coat, red"]);
        for nothing in ["item_prefix=%25", "item_prefix=_", "item_prefix=hat%25", "item_prefix=hat_x"] {
            assert!(items(nothing).is_empty(), "{nothing}");
        }
        let red = shop.get(&shop.ada, "/orders?item_prefix=Coat").json()["items"][0]["created_at"].clone();
        let red = red.as_str().unwrap();
        assert_eq!(items(&format!("created_at_before={red}")), ["coat, blue"]);
        assert_eq!(items(&format!("created_at_after={red}")), ["hat_"]);
        assert_eq!(items(&format!("created_at_after={red}&item_prefix=h&state=draft")), ["hat_"]);
        let many = ["draft"; 21].join(",");
        for invalid in ["state=lost", "state=draft,,", "state=", "item=coat", "created_at_after=now", "created_at=2026-01-01T00:00:00Z", "item_prefix=", &format!("state={many}")] {
            shop.get(&shop.ada, &format!("/orders?{invalid}")).expect_problem(400, "invalid-query");
        }
        // A filter is about a member, and follows the rule of the member.
        shop.get(&shop.ada, "/orders?remark=x").expect_problem(403, "insufficient-scope");
    }

    fn own_query_ends_as_a_list_within_reach(engine: Engine) {
        let shop = Shop::new(engine);
        for (quantity, item) in [(3, "three"), (9, "nine"), (1, "one"), (9, "nine too")] {
            shop.order(&shop.ada, item, quantity);
        }
        shop.order(&shop.bob, "ten", 10);
        let first = shop.get(&shop.ada, "/orders/largest?limit=2").expect(200).json();
        let next = first["next"].as_str().unwrap();
        assert!(first["items"].as_array().unwrap().iter().all(|order| order["quantity"] == 9), "{first}");
        assert!(first["items"][0]["_actions"]["place"].is_array() && first["items"][0].get("remark").is_none());
        assert_eq!(shop.items(&shop.ada, &format!("/orders/largest?limit=2&cursor={next}")), ["three", "one"]);
        assert_eq!(shop.items(&shop.support, "/orders/largest?limit=1"), ["ten"]);
        assert!(shop.get(&shop.ada, "/orders/largest?limit=4").json()["next"].is_null());
    }

    fn support_alone_writes_the_discount_and_sees_the_remark(engine: Engine) {
        let shop = Shop::new(engine);
        let order = shop.order(&shop.ada, "coat", 1);
        let patch = |by: &crate::support::Person, patch| {
            shop.server.patch(&order).bearer(&by.token).if_match("*").json(&patch).send()
        };
        patch(&shop.ada, json!({ "discount": 100 })).expect_problem(422, "invalid-body");
        let changed = patch(&shop.support, json!({ "discount": 10, "remark": "a regular" })).expect(200).json();
        assert_eq!((&changed["discount"], &changed["remark"]), (&json!(10), &json!("a regular")));
        let seen = shop.get(&shop.ada, &order).expect(200).json();
        assert!(seen["discount"] == 10 && seen.get("remark").is_none(), "{seen}");
        shop.place(&shop.ada, &order).expect(200);
        patch(&shop.ada, json!({ "quantity": 2 })).expect_problem(409, "wrong-state");
    }

    fn problem_of_the_application_has_its_page(engine: Engine) {
        let shop = Shop::new(engine);
        let order = shop.order(&shop.ada, "coat", 10_000);
        let refused = shop.place(&shop.ada, &order).expect_problem(409, "out-of-stock").json();
        let page = shop.server.get("/problems/out-of-stock").header("accept", "application/json").send().expect(200);
        assert_eq!((&page.json()["type"], &page.json()["title"]), (&refused["type"], &refused["title"]));
        let list = shop.server.get("/problems").send().expect(200).body;
        assert!(list.contains("problems/out-of-stock") && list.contains("problems/not-found"), "{list}");
        let document = shop.server.get("/openapi.json").send().expect(200).json();
        let place = &document["paths"]["/orders/{id}/placed"]["put"]["responses"]["409"];
        assert!(place["description"].as_str().unwrap().contains("out-of-stock"), "{place}");
        assert!(document["components"]["examples"]["out-of-stock"].is_object());
        let named = &document["paths"]["/problems/{code}"]["get"]["parameters"][0]["schema"]["enum"];
        assert!(named.as_array().unwrap().contains(&json!("out-of-stock")), "{named}");
        // The articles that could not be taken are still there.
        let small = shop.order(&shop.ada, "hat", 1_000);
        shop.place(&shop.ada, &small).expect(200);
        let one_more = shop.order(&shop.ada, "hat", 1);
        shop.place(&shop.ada, &one_more).expect_problem(409, "out-of-stock");
    }

    fn placed_order_is_billed_once(engine: Engine) {
        let shop = Shop::new(engine);
        let order = shop.order(&shop.ada, "coat", 2);
        shop.place(&shop.ada, &order).expect(200);
        let invoices = || shop.get(&shop.ada, "/invoices").expect(200).json()["items"].as_array().unwrap().clone();
        eventually("the order is billed", || !invoices().is_empty());
        assert_eq!((invoices().len(), &invoices()[0]["total"]), (1, &json!(9_800)));
        let id = invoices()[0]["id"].as_str().unwrap().to_owned();
        shop.get(&shop.ada, &format!("/invoices/{id}")).expect(200);
        shop.get(&shop.bob, &format!("/invoices/{id}")).expect_problem(404, "not-found");
        let table = shop.get(&shop.ada, "/invoices/table").expect(200);
        assert_eq!(table.body.lines().count(), 2, "{table:?}");
        assert_eq!(table.header("content-type"), Some("text/csv"));
        assert_eq!(table.header("content-disposition"), Some("attachment; filename*=UTF-8''invoices.csv"));
        assert_eq!(shop.get(&shop.bob, "/invoices/table").expect(200).body, "order,total\r\n");
    }

    fn addresses_are_below_their_user(engine: Engine) {
        let shop = Shop::new(engine);
        let list = format!("/users/{}/addresses", shop.ada.id);
        let body = json!({ "lines": "12 Coat Street\nLondon" });
        let made = shop.server.post(&list).bearer(&shop.ada.token).json(&body).send().expect(201).json();
        assert_eq!(shop.get(&shop.ada, &list).expect(200).json()["items"][0]["id"], made["id"]);
        shop.get(&shop.bob, &list).expect_problem(403, "not-owner");
    }
}

on_both_engines! {
    fn old_drafts_are_deleted(engine: Engine) {
        let server = Server::start_app_with_standing_clock(engine, app);
        let ada = server.register("ada");
        let body = json!({ "item": "coat", "quantity": 1 });
        server.post("/orders").bearer(&ada.token).json(&body).send().expect(201);
        server.clock.advance(TimeDelta::days(31));
        eventually("the draft is deleted", || server.db_number("SELECT COUNT(*) AS total FROM orders") == 0);
    }
}
