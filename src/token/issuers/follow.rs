//! The task that keeps an issuer's keys at hand.

use std::sync::Arc;
use std::time::Duration;

use super::ForeignIssuer;
use super::fetch::fetch;

/// How old the keys become before they are fetched anew. So long a key that the issuer withdrew
/// goes on being believed here.
const REFRESH: Duration = Duration::from_secs(600);

/// After a fetch that failed, the next is so long away at most; the first is a second away.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Fetches the issuer's keys at once, then again and again: when they have become old, when one is
/// asked for that is not known, and soon after it failed. Never ends. While the issuer is away its
/// last keys stay in force.
pub(crate) async fn follow(issuer: Arc<ForeignIssuer>) {
    let name = issuer.settings.issuer().to_owned();
    let mut failures = 0_u32;
    loop {
        issuer.demand.begin();
        let settings = issuer.settings.clone();
        let fetched = match tokio::task::spawn_blocking(move || fetch(&settings)).await {
            Ok(fetched) => fetched.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match fetched {
            Ok(keys) => {
                if keys.is_empty() {
                    log::error!("{name}: none of its keys can be used; its tokens are refused");
                } else if failures > 0 {
                    log::info!("{name}: its keys could be fetched again");
                }
                failures = 0;
                issuer.replace_keys(keys);
            }
            Err(why) => {
                if failures == 0 {
                    log::error!("{name}: its keys cannot be fetched, the last known are kept: {why}");
                }
                failures = failures.saturating_add(1);
            }
        }
        issuer.demand.end();
        let _ = tokio::time::timeout(pause_after(failures), issuer.demand.wanted()).await;
    }
}

fn pause_after(failures: u32) -> Duration {
    match failures.checked_sub(1) {
        None => REFRESH,
        Some(doublings) => Duration::from_secs(1 << doublings.min(6)).min(LONGEST_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_that_is_away_is_asked_again_soon_and_then_once_a_minute() {
        let seconds: Vec<u64> = (0..10).map(|failures| pause_after(failures).as_secs()).collect();
        assert_eq!(seconds, [600, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(pause_after(u32::MAX), LONGEST_PAUSE);
    }
}
