//! Orders: the owner changes a draft and places it. Support sees each order, and grants a discount.

use std::sync::atomic::{AtomicI64, Ordering};

use actix_web::http::Method;
use cloakroom::authz::action::{Create, Delete, List, Read, Update};
use cloakroom::authz::{Allowed, Member, Reach, Relation};
use cloakroom::domain::{Invalid, Time, UserId, plain_text};
use cloakroom::http::{
    Body, Created, Endpoint, Given, Listed, NewId, Now, Paging, Problem, Shown, State, endpoint, plain,
};
use cloakroom::on;
use cloakroom::store::{Store, Within};
use diesel::prelude::*;

use super::invoices::{BILL, Bill};
use super::jobs::CLEAN_UP;

cloakroom::uuid_id! {
    /// An order's id.
    pub struct OrderId;
}

cloakroom::text_enum! {
    /// The state of an order.
    pub enum OrderState {
        /// The customer can change it.
        Draft = "draft",
        /// The shop delivers it.
        Placed = "placed",
    }
}

cloakroom::record! {
    /// An order.
    #[serde(remote = "Self")]
    pub struct Order in orders {
        pub id: OrderId => Uid,
        pub owner_id: UserId => Uid,
        /// The article.
        pub item: String => Text,
        /// How many of it.
        pub quantity: i64 => BigInt,
        pub state: OrderState => Text,
        /// A remark of support, for support only.
        pub remark: Option<String> => Nullable<Text>,
        /// The discount in per cent, which support grants.
        pub discount: i64 => BigInt,
        pub created_at: Time => Moment,
        pub updated_at: Time => Moment,
    }
}

cloakroom::resource! {
    Order = "order" {
        id: OrderId;
        owner: owner_id;
        relations: [DRAFT];
        members: [
            Member::new("remark").read_by::<Order, Support>().written_by::<Order, Support>(),
            Member::new("discount").written_by::<Order, Support>(),
        ];
    }
}

cloakroom::scopes! {
    /// The scopes of orders.
    pub SCOPES:
    ORDERS_READ = "orders:read", "Read your orders";
    ORDERS_WRITE = "orders:write", "Begin, change, place and delete your orders";
    ORDERS_SUPPORT = "orders:support:any", "Read all orders, and grant discounts", administrative;
}

cloakroom::actions! {
    /// Place an order.
    pub Place = "place", changes;
    /// Write a remark, and grant a discount.
    pub Support = "support", changes;
}

/// It is not placed.
pub const DRAFT: Relation = Relation::state("draft");

cloakroom::policy! {
    Order {
        Create:  owner(ORDERS_WRITE);
        List:    owner(ORDERS_READ), anyone(ORDERS_SUPPORT);
        Read:    owner(ORDERS_READ), anyone(ORDERS_SUPPORT);
        Update:  owner(ORDERS_WRITE).only_while(DRAFT), anyone(ORDERS_SUPPORT);
        Delete:  owner(ORDERS_WRITE).only_while(DRAFT), system(CLEAN_UP, ORDERS_SUPPORT);
        Place:   owner(ORDERS_WRITE), only_while(DRAFT);
        Support: anyone(ORDERS_SUPPORT);
        Bill:    system(BILL, ORDERS_SUPPORT);
    }
}

cloakroom::stored! {
    Order in orders {
        owner: owner_id;
        touch: updated_at;
        relations: {
            DRAFT => orders::state.eq(OrderState::Draft);
        }
        sort: created_at: Time, quantity: i64;
        filter: state: OrderState [any_of], created_at: Time [after, before], item: String [prefix], remark: String;
    }
}

cloakroom::problems! {
    /// The problems of orders.
    pub PROBLEMS:
    OUT_OF_STOCK = 409 "out-of-stock", "The warehouse has too few": "Order fewer of the article, or try again next week.";
}

/// The routes of orders.
#[rustfmt::skip]
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::POST,   "/orders",             "Begin an order",           create),
        endpoint(Method::GET,    "/orders",             "List orders",              plain::list::<Order>),
        endpoint(Method::GET,    "/orders/largest",     "List the largest orders",  largest),
        endpoint(Method::GET,    "/orders/{id}",        "Read an order",            plain::read::<Order>),
        endpoint(Method::PATCH,  "/orders/{id}",        "Change an order",          plain::update::<OrderPatch>),
        endpoint(Method::DELETE, "/orders/{id}",        "Delete a draft",           plain::delete::<Order>),
        endpoint(Method::PUT,    "/orders/{id}/placed", "Place an order",           place).or(&[OUT_OF_STOCK]),
    ]
}

/// The articles that are left: a value that the handlers share.
pub struct Warehouse(AtomicI64);

impl Warehouse {
    /// Fills a warehouse.
    pub const fn with(articles: i64) -> Self {
        Self(AtomicI64::new(articles))
    }

    fn take(&self, quantity: i64) -> Result<(), Problem> {
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            Some(left - quantity).filter(|left| *left >= 0)
        });
        taken.map(drop).map_err(|_| Problem::new(OUT_OF_STOCK))
    }

    fn put_back(&self, quantity: i64) {
        self.0.fetch_add(quantity, Ordering::Relaxed);
    }
}

cloakroom::body! {
    /// Body of `POST /orders`.
    pub struct NewOrder {
        /// The article.
        #[schema(max_length = 60)]
        item: String = required_text(item_of);
        /// How many of it.
        #[schema(minimum = 1, maximum = 10_000)]
        quantity: i64 = required_integer(1..=10_000);
    }
    example { "item": "A blue coat", "quantity": 1 }
}

cloakroom::body! {
    /// Body of `PATCH /orders/{id}`: a merge patch (RFC 7396).
    pub struct OrderPatch changes Order {
        /// The article.
        #[schema(max_length = 60)]
        item: Option<String> = optional_text(item_of);
        /// How many of it.
        #[schema(minimum = 1, maximum = 10_000)]
        quantity: Option<i64> = optional_integer(1..=10_000);
        /// A remark of support.
        #[schema(max_length = 200)]
        remark: Option<String> as Given<String> = text(|text| plain_text(text, 200, true));
        /// The discount in per cent.
        #[schema(minimum = 0, maximum = 100)]
        discount: Option<i64> = optional_integer(0..=100);
    }
    media_type "application/merge-patch+json"
    example { "quantity": 2 }
}

fn item_of(text: &str) -> Result<String, Invalid> {
    plain_text(text, 60, false)
}

async fn create(
    reach: Reach<Order, Create>,
    body: Body<NewOrder>,
    NewId(id): NewId<OrderId>,
    Now(now): Now,
    store: Store,
) -> Result<Created<Order>, Problem> {
    let NewOrder { item, quantity } = body.read(NewOrder::read)?;
    let order = Order {
        id,
        owner_id: reach.owner()?,
        item,
        quantity,
        state: OrderState::Draft,
        remark: None,
        discount: 0,
        created_at: now,
        updated_at: now,
        revision: 1,
    };
    Ok(Shown::from(store.insert(reach.make(order)?).await?).created())
}

async fn place(
    order: Allowed<Order, Place>,
    warehouse: State<Warehouse>,
    store: Store,
) -> Result<Shown<Order>, Problem> {
    let quantity = order.quantity;
    warehouse.take(quantity)?;
    let placed = store.update(order, |order| order.state = OrderState::Placed).await;
    if placed.is_err() {
        warehouse.put_back(quantity);
    }
    Ok(placed?.into())
}

/// Position of an order in the list of the largest.
type Largest = (i64, OrderId);

/// A list by a query of its own: it selects ids, and the store reads those that are within reach.
async fn largest(reach: Reach<Order, List>, page: Paging, store: Store) -> Result<Listed<Order>, Problem> {
    let keyset = page.keyset::<Largest>("largest orders")?;
    let limit = usize::from(keyset.limit);
    let found = store.gather(&reach, move |conn, filter| {
        let mut found: Vec<Largest> = on!(conn, DB, |c| {
            let mut query = orders::table.filter(Order::condition(filter)).into_boxed::<DB>();
            if let Some((quantity, id)) = keyset.after {
                let equal = orders::quantity.eq(quantity).and(orders::id.gt(id));
                query = query.filter(orders::quantity.lt(quantity).or(equal));
            }
            let order = (orders::quantity.desc(), orders::id.asc());
            query.select((orders::quantity, orders::id)).order(order).limit(limit as i64 + 1).load(c)?
        });
        let more = found.len() > limit;
        found.truncate(limit);
        Ok((found.last().copied().filter(|_| more), found))
    });
    let (next, found) = found.await?;
    let next = page.cursor("largest orders", next);
    Listed::of(reach, found.into_iter().map(|(_, id)| id).collect(), next, &store).await
}
