//! Changes are delivered in order, retried with back-off, and given up after a limit.

use chrono::TimeDelta;

use super::{app, deliveries_of, later, rename};
use crate::support::{Server, eventually, on_both_engines};

fn outbox(server: &Server, condition: &str) -> i64 {
    server.db_number(&format!(
        "SELECT count(*) AS total FROM outbox WHERE job = 'watch profiles' AND {condition}"
    ))
}

on_both_engines! {
    fn a_failed_change_holds_the_later_ones_of_its_record_alone(engine: Engine) {
        let server = Server::start_app_with_standing_clock(engine, app);
        let (ada, bob) = (server.register("ada"), server.register("bob"));
        rename(&server, &ada, "fail");
        eventually("the delivery fails", || outbox(&server, "attempts = 1") == 1);
        rename(&server, &ada, "fail");
        rename(&server, &ada, "fail");
        rename(&server, &bob, "Bob");
        eventually("Bob's change is delivered", || deliveries_of(&bob).len() == 1);
        eventually("Bob's change is done", || outbox(&server, "true") == 3);
        let [(first, 0)] = deliveries_of(&ada)[..] else { panic!("{:?}", deliveries_of(&ada)) };
        // The back-off after the second failure is at most two seconds, after the third four.
        later(&server, TimeDelta::seconds(1));
        eventually("it is tried again", || outbox(&server, "attempts = 2") == 1);
        assert_eq!(deliveries_of(&ada), [(first, 0), (first, 1)]);
        rename(&server, &ada, "Ada");
        later(&server, TimeDelta::seconds(2));
        eventually("all are delivered", || outbox(&server, "true") == 0);
        let ids: Vec<i64> = deliveries_of(&ada).iter().map(|(id, _)| *id).collect();
        assert!(ids.is_sorted() && ids.len() == 6, "{ids:?}");
    }
}

on_both_engines! {
    fn a_change_is_given_up_after_a_limit(engine: Engine) {
        let server = Server::start_app_with_standing_clock(engine, app);
        let ada = server.register("ada");
        rename(&server, &ada, "panic");
        for failures in 1..20 {
            eventually("the delivery fails", || outbox(&server, &format!("attempts = {failures}")) == 1);
            later(&server, TimeDelta::hours(1));
        }
        eventually("it is given up", || outbox(&server, "given_up_at IS NOT NULL AND attempts = 20") == 1);
        assert_eq!(outbox(&server, "error = 'it panicked'"), 1);
        // Later changes of the record are delivered.
        rename(&server, &ada, "Ada");
        eventually("the next one is delivered", || deliveries_of(&ada).len() == 21);
        eventually("the next one is done", || outbox(&server, "true") == 1);
    }
}
