//! A job of the shop: it deletes drafts that were not placed.

use std::time::Duration;

use chrono::TimeDelta;
use cloakroom::authz::System;
use cloakroom::authz::action::{Delete, List};
use cloakroom::domain::Time;
use cloakroom::jobs::{Job, JobError};
use cloakroom::on;
use diesel::prelude::*;

use super::orders::{ORDERS_SUPPORT, Order, OrderId, OrderState, orders};

/// Deletes old drafts.
pub const CLEAN_UP: System = System::new("delete old drafts", &[ORDERS_SUPPORT]);

pub const EVERY_HOUR: Duration = Duration::from_secs(3_600);

/// How long a draft is kept without a change.
const KEPT: TimeDelta = TimeDelta::days(30);

/// Most drafts that one run deletes. The next run continues.
const BATCH: i64 = 500;

/// Deletes the drafts that were not changed for long.
pub async fn delete_old_drafts(job: Job) -> Result<(), JobError> {
    let before = Time(job.now().0 - KEPT);
    let reach = job.reach::<Order, List>()?;
    let found = job.store().gather(&reach, move |conn, _| {
        let old =
            orders::table.filter(orders::state.eq(OrderState::Draft)).filter(orders::updated_at.lt(before));
        let ids: Vec<OrderId> = on!(conn, |c| old.select(orders::id).limit(BATCH).load(c))?;
        Ok(ids)
    });
    for id in found.await? {
        let Some(order) = job.open::<Order, Delete>(id).await? else { continue };
        // The owner may have changed it since it was found.
        if order.updated_at < before {
            job.store().remove(order).await?;
        }
    }
    Ok(())
}
