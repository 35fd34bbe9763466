//! Invoices: a reaction writes one after each placed order. Its owner reads it, and downloads all of them as a table.

use actix_web::http::Method;
use cloakroom::authz::action::{Create, List, Read};
use cloakroom::authz::{Reach, System};
use cloakroom::domain::{Time, UserId};
use cloakroom::http::{Content, Endpoint, MediaType, Problem, endpoint, plain};
use cloakroom::jobs::{Event, Job, JobError};
use cloakroom::on;
use cloakroom::store::{Store, StoreError, Within};
use diesel::prelude::*;
use futures_util::stream;

use super::orders::{ORDERS_SUPPORT, Order, OrderId};

cloakroom::uuid_id! {
    /// An invoice's id.
    pub struct InvoiceId;
}

cloakroom::record! {
    /// An invoice.
    pub struct Invoice in invoices {
        pub id: InvoiceId => Uid,
        pub owner_id: UserId => Uid,
        pub order_id: OrderId => Uid,
        /// The price in pence.
        pub total: i64 => BigInt,
        pub created_at: Time => Moment,
    }
}

cloakroom::resource! {
    Invoice = "invoice" {
        id: InvoiceId;
        owner: owner_id;
    }
}

cloakroom::scopes! {
    /// The scopes of invoices.
    pub SCOPES:
    INVOICES_READ = "invoices:read", "Read your invoices";
    INVOICES_READ_ANY = "invoices:read:any", "Read all invoices";
    INVOICES_WRITE = "invoices:write:any", "Write invoices", administrative;
}

cloakroom::actions! {
    /// Bill a placed order.
    pub Bill = "bill", changes;
}

/// Writes the invoices.
pub const BILL: System = System::new("bill orders", &[ORDERS_SUPPORT, INVOICES_WRITE]);

cloakroom::policy! {
    Invoice {
        Create: system(BILL, INVOICES_WRITE);
        List:   owner(INVOICES_READ), anyone(INVOICES_READ_ANY);
        Read:   owner(INVOICES_READ), anyone(INVOICES_READ_ANY);
    }
}

cloakroom::stored! {
    Invoice in invoices {
        owner: owner_id;
        sort: created_at: Time, total: i64;
        filter: order_id: OrderId, total: i64 [after, before];
    }
}

/// The routes of invoices.
#[rustfmt::skip]
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        endpoint(Method::GET, "/invoices",       "List invoices",             plain::list::<Invoice>),
        endpoint(Method::GET, "/invoices/table", "Download invoices as CSV",  download),
        endpoint(Method::GET, "/invoices/{id}",  "Read an invoice",           plain::read::<Invoice>),
    ]
}

/// Price of an article in pence.
const PRICE: i64 = 4_900;

/// Writes the invoice. A change can be delivered twice: the second time its invoice is there already.
pub async fn bill(job: Job, event: Event<Order>) -> Result<(), JobError> {
    let Some(order) = job.open::<Order, Bill>(event.record).await? else { return Ok(()) };
    let invoice = Invoice {
        id: job.new_id()?,
        owner_id: order.owner_id,
        order_id: order.id,
        total: order.quantity * PRICE * (100 - order.discount) / 100,
        created_at: job.now(),
        revision: 1,
    };
    match job.store().insert(job.reach::<Invoice, Create>()?.make(invoice)?).await {
        Ok(_) | Err(StoreError::Taken) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// CSV (RFC 4180).
pub struct Csv;

impl MediaType for Csv {
    const NAME: &'static str = "text/csv";

    fn example() -> Vec<u8> {
        b"order,total\r\n".to_vec()
    }
}

async fn download(reach: Reach<Invoice, List>, store: Store) -> Result<Content<Csv>, Problem> {
    let rows = store.gather(&reach, |conn, filter| {
        let rows: Vec<(OrderId, i64)> = on!(conn, DB, |c| {
            let within = invoices::table.filter(Invoice::condition(filter)).into_boxed::<DB>();
            within.order(invoices::created_at).select((invoices::order_id, invoices::total)).load(c)?
        });
        Ok(rows)
    });
    let head = "order,total\r\n".to_owned();
    let rows = rows.await?.into_iter().map(|(order, total)| format!("{order},{total}\r\n"));
    let lines = std::iter::once(head).chain(rows).map(|line| Ok::<_, StoreError>(line.into()));
    Ok(Content::stream(stream::iter(lines)).file_name("invoices.csv"))
}
