//! Example application: a shop with orders, addresses, avatars and invoices.

#[expect(dead_code, reason = "`main` belongs to the example")]
#[path = "../../examples/shop.rs"]
mod example;
mod orders;
mod uploads;

pub use example::app;

use serde_json::json;

use crate::support::{Answer, Engine, Person, Server};

/// Server of the shop, with two customers and an administrator, who has the powers of support.
struct Shop {
    server: Server,
    ada: Person,
    bob: Person,
    support: Person,
}

impl Shop {
    fn new(engine: Engine) -> Self {
        let server = Server::start_app(engine, app);
        let support = server.admin();
        let [ada, bob] = ["ada", "bob"].map(|name| server.register(name));
        Self { server, ada, bob, support }
    }

    /// Begins an order, and returns its path.
    fn order(&self, by: &Person, item: &str, quantity: i64) -> String {
        let body = json!({ "item": item, "quantity": quantity });
        let made = self.server.post("/orders").bearer(&by.token).json(&body).send().expect(201);
        format!("/orders/{}", made.json()["id"].as_str().unwrap())
    }

    fn get(&self, by: &Person, path: &str) -> Answer {
        self.server.get(path).bearer(&by.token).send()
    }

    fn place(&self, by: &Person, order: &str) -> Answer {
        self.server.put(&format!("{order}/placed")).bearer(&by.token).send()
    }

    /// Returns the articles of a list, in its order.
    fn items(&self, by: &Person, path: &str) -> Vec<String> {
        let list = self.get(by, path).expect(200).json();
        let items = list["items"].as_array().unwrap().iter();
        items.map(|order| order["item"].as_str().unwrap().to_owned()).collect()
    }
}
