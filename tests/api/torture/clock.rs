//! Clock that jumps by an hour, forward and back.

use chrono::TimeDelta;

use crate::support::{Server, on_both_engines};

on_both_engines! {
    fn clock_jump_only_affects_token_expiry(engine: Engine) {
        let server = Server::start_with_standing_clock(engine, &[]);
        let ada = server.register("ada");
        for hours in [1, -1] {
            server.clock.advance(TimeDelta::hours(hours));
            // The token expires when the clock jumps forward, and is valid again when it jumps back.
            let status = if hours > 0 { 401 } else { 200 };
            server.get("/users/me").bearer(&ada.token).send().expect(status);
            let again = server.log_in(&ada.email);
            server.get("/users/me").bearer(&again).send().expect(200);
            server.register(&format!("bob{}", hours + 1));
        }
        // A token issued in the future is refused.
        server.clock.advance(TimeDelta::hours(1));
        let early = server.log_in(&ada.email);
        server.clock.advance(TimeDelta::hours(-1));
        server.get("/users/me").bearer(&early).send().expect_problem(401, "invalid-token");
        server.get("/health/ready").send().expect(200);
        // A revocation holds at any time.
        let current = server.log_in(&ada.email);
        server.delete("/sessions/current").bearer(&current).send().expect(204);
        server.clock.advance(TimeDelta::minutes(-30));
        server.get("/users/me").bearer(&current).send().expect(401);
    }
}
