//! Orders of a careless application: its handlers do not look at the rules of members and states. The owner of an order
//! changes it while it is a draft; the shop changes it in any state, and the shop alone writes the discount.

use actix_web::http::Method;
use cloakroom::App;
use cloakroom::authz::action::{Create, List, Read, Update};
use cloakroom::authz::{Allowed, Member, OwnerFrom, Reach, Relation, Resource};
use cloakroom::domain::{Invalid, UserId, plain_text};
use cloakroom::http::{Body, Created, Endpoint, Given, NewId, Problem, Shown, endpoint, plain};
use cloakroom::store::{Migrations, Store, Uid};
use diesel::prelude::*;
use diesel_migrations::embed_migrations;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::support::{Engine, Person, Server, on_both_engines};

cloakroom::uuid_id! {
    /// An order's id.
    pub struct OrderId;
}

/// An order.
#[derive(Clone, Queryable, Selectable, Insertable, AsChangeset, Serialize, ToSchema)]
#[diesel(table_name = orders, treat_none_as_null = true)]
pub struct Order {
    id: OrderId,
    owner_id: UserId,
    item: String,
    discount: Option<String>,
    placed: bool,
    #[serde(skip)]
    #[schema(ignore)]
    revision: i64,
}

impl Resource for Order {
    type Id = OrderId;
    const NAME: &'static str = "order";
    const OWNER: OwnerFrom = OwnerFrom::Record;
    const RELATIONS: &'static [Relation] = &[DRAFT];
    const MEMBERS: &'static [Member] = &[Member::new("discount").written_by::<Order, GrantDiscount>()];

    fn id(&self) -> OrderId {
        self.id
    }

    fn owner(&self) -> Option<UserId> {
        Some(self.owner_id)
    }
}

cloakroom::scopes! {
    SCOPES:
    ORDERS_READ = "orders:read", "Read your orders";
    ORDERS_WRITE = "orders:write", "Change your orders";
    ORDERS_WRITE_ANY = "orders:write:any", "Change all orders";
}

cloakroom::actions! {
    /// Place an order.
    pub Place = "place", changes;
    /// Write the discount.
    pub GrantDiscount = "grant_discount", changes;
}

/// It is not placed.
const DRAFT: Relation = Relation::state("draft");

cloakroom::policy! {
    Order {
        Create:        owner(ORDERS_WRITE);
        List:          owner(ORDERS_READ), anyone(ORDERS_WRITE_ANY);
        Read:          owner(ORDERS_READ), anyone(ORDERS_WRITE_ANY);
        Update:        owner(ORDERS_WRITE).only_while(DRAFT), anyone(ORDERS_WRITE_ANY);
        Place:         owner(ORDERS_WRITE);
        GrantDiscount: anyone(ORDERS_WRITE_ANY);
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::Uid;

    orders (id) {
        id -> Uid,
        owner_id -> Uid,
        item -> Text,
        discount -> Nullable<Text>,
        placed -> Bool,
        revision -> BigInt,
    }
}

cloakroom::stored! {
    Order in orders {
        owner: owner_id;
        relations: {
            DRAFT => orders::placed.eq(false);
        }
        sort: item: String;
    }
}

static MIGRATIONS: Migrations = Migrations {
    sqlite: embed_migrations!("tests/api/applications/orders/migrations/sqlite"),
    postgres: embed_migrations!("tests/api/applications/orders/migrations/postgres"),
};

fn app() -> App {
    App::new("shop").migrations(&MIGRATIONS).scopes(SCOPES).endpoints(endpoints())
}

#[rustfmt::skip]
fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST,  "/orders",             "Begin an order",  create),
        endpoint(Method::GET,   "/orders",             "List orders",     plain::list::<Order>),
        endpoint(Method::GET,   "/orders/{id}",        "Read an order",   plain::read::<Order>),
        endpoint(Method::PATCH, "/orders/{id}",        "Change an order", update),
        endpoint(Method::PUT,   "/orders/{id}/placed", "Place an order",  place),
    ]
}

cloakroom::body! {
    /// Body of `POST /orders`.
    pub struct NewOrder {
        /// The ordered article.
        item: String = required_text(short);
        /// The discount.
        discount: Option<String> = text(short);
    }
    example { "item": "A blue coat" }
}

cloakroom::body! {
    /// Body of `PATCH /orders/{id}`.
    pub struct OrderPatch {
        /// The ordered article.
        item: Option<String> = optional_text(short);
        /// The discount.
        discount: Option<String> as Given<String> = text(short);
        /// Another way to the discount.
        coupon: Option<String> = optional_text(short);
    }
    media_type "application/merge-patch+json"
    example { "item": "A red coat" }
}

fn short(text: &str) -> Result<String, Invalid> {
    plain_text(text, 60, false)
}

async fn create(
    reach: Reach<Order, Create>,
    body: Body<NewOrder>,
    NewId(id): NewId<OrderId>,
    store: Store,
) -> Result<Created<Order>, Problem> {
    let NewOrder { item, discount } = body.read(NewOrder::read)?;
    let order = Order { id, owner_id: reach.owner()?, item, discount, placed: false, revision: 1 };
    Ok(Shown::from(store.insert(reach.make(order)?).await?).created())
}

async fn update(
    order: Allowed<Order, Update>,
    body: Body<OrderPatch>,
    store: Store,
) -> Result<Shown<Order>, Problem> {
    let OrderPatch { item, discount, coupon } = body.read(OrderPatch::read)?;
    let updated = store.update(order, |order| {
        order.item = item.unwrap_or_else(|| order.item.clone());
        discount.apply(&mut order.discount);
        order.discount = coupon.or(order.discount.take());
    });
    Ok(updated.await?.into())
}

async fn place(order: Allowed<Order, Place>, store: Store) -> Result<Shown<Order>, Problem> {
    let placed = store.update_with(order, |_, order| {
        order.placed = true;
        Ok(())
    });
    Ok(placed.await?.into())
}

/// The application, with an order of Ada's.
struct Shop {
    server: Server,
    ada: Person,
    admin: Person,
    order: String,
}

impl Shop {
    fn new(engine: Engine) -> Self {
        let server = Server::start_app(engine, app);
        let (admin, ada) = (server.admin(), server.register("ada"));
        let body = json!({ "item": "A blue coat" });
        let made = server.post("/orders").bearer(&ada.token).json(&body).send().expect(201);
        let order = format!("/orders/{}", made.json()["id"].as_str().unwrap());
        Self { server, ada, admin, order }
    }

    fn patch(&self, by: &Person, patch: serde_json::Value) -> crate::support::Answer {
        self.server.patch(&self.order).bearer(&by.token).json(&patch).send()
    }

    fn discount(&self) -> serde_json::Value {
        self.server.get(&self.order).bearer(&self.ada.token).send().expect(200).json()["discount"].clone()
    }
}

on_both_engines! {
    fn member_with_a_rule_is_refused_in_each_body(engine: Engine) {
        let shop = Shop::new(engine);
        let broken = json!([{ "pointer": "/discount", "code": "read-only", "detail": "cannot be changed by you" }]);
        let new = json!({ "item": "A red coat", "discount": "all" });
        let refused = shop.server.post("/orders").bearer(&shop.ada.token).json(&new).send();
        assert_eq!(refused.expect_problem(422, "invalid-body").json()["errors"], broken);
        for value in [json!("all"), json!(null), json!(7)] {
            let refused = shop.patch(&shop.ada, json!({ "discount": value }));
            assert_eq!(refused.expect_problem(422, "invalid-body").json()["errors"], broken);
        }
        shop.patch(&shop.admin, json!({ "discount": "a tenth" })).expect(200);
        assert_eq!(shop.discount(), "a tenth");
    }
}

on_both_engines! {
    fn store_refuses_a_changed_member_that_the_caller_may_not_write(engine: Engine) {
        let shop = Shop::new(engine);
        let refused = shop.patch(&shop.ada, json!({ "item": "A red coat", "coupon": "all" }));
        let errors = refused.expect_problem(422, "invalid-body").json()["errors"].clone();
        assert_eq!((&errors[0]["pointer"], &errors[0]["code"]), (&json!("/discount"), &json!("read-only")));
        assert_eq!(shop.discount(), json!(null));
        shop.patch(&shop.admin, json!({ "coupon": "all" })).expect(200);
        // The owner changes another member of the same record.
        let changed = shop.patch(&shop.ada, json!({ "item": "A red coat" })).expect(200).json();
        assert_eq!((&changed["item"], &changed["discount"]), (&json!("A red coat"), &json!("all")));
    }
}

on_both_engines! {
    fn state_of_a_clause_restricts_its_callers_alone(engine: Engine) {
        let shop = Shop::new(engine);
        let actions = |by: &Person| {
            let read = shop.server.get(&shop.order).bearer(&by.token).send().expect(200).json();
            read["_actions"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(actions(&shop.ada), ["place", "read", "update"]);
        shop.server.put(&format!("{}/placed", shop.order)).bearer(&shop.ada.token).send().expect(200);
        let refused = shop.patch(&shop.ada, json!({ "item": "A red coat" })).expect_problem(409, "wrong-state");
        assert_eq!(refused.json()["detail"], "the order must be draft");
        assert_eq!(actions(&shop.ada), ["place", "read"]);
        shop.patch(&shop.admin, json!({ "item": "A red coat" })).expect(200);
        let bob = shop.server.register("bob");
        shop.patch(&bob, json!({ "item": "A red coat" })).expect_problem(404, "not-found");
    }
}

#[test]
fn matrix_names_the_state_of_a_clause() {
    let matrix = serde_json::to_value(app().matrix()).unwrap();
    let routes = matrix["routes"].as_array().unwrap();
    let update = routes.iter().find(|row| row["method"] == "PATCH" && row["path"] == "/orders/{id}").unwrap();
    assert_eq!(update["own_while"], "draft");
    assert!(update.get("any_while").is_none() && update["only_while"].is_null(), "{update}");
}
