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
    keep_fresh(issuer, REFRESH).await;
}

async fn keep_fresh(issuer: Arc<ForeignIssuer>, refresh: Duration) {
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
        let _ = tokio::time::timeout(pause_after(failures, refresh), issuer.demand.wanted()).await;
    }
}

fn pause_after(failures: u32, refresh: Duration) -> Duration {
    match failures.checked_sub(1) {
        None => refresh,
        Some(doublings) => Duration::from_secs(1 << doublings.min(6)).min(LONGEST_PAUSE),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::sync::Mutex;
    use std::time::Instant;

    use serde_json::{Value, json};

    use super::*;
    use crate::token::issuers::TrustedIssuer;
    use crate::token::keys::algorithm::SigningAlgorithm;
    use crate::token::keys::private_key::PrivateKey;

    /// What an issuer answers when it is asked for its keys; 500 when it is none.
    type Answer = Arc<Mutex<Option<Value>>>;

    fn key(kid: &str) -> Value {
        let mut jwk = PrivateKey::generate(SigningAlgorithm::Es256).unwrap().public_key().unwrap().jwk;
        jwk["kid"] = kid.into();
        json!({ "keys": [jwk] })
    }

    /// Serves the answer on a port of its own, until the test ends.
    fn issuer(answer: Answer) -> Arc<ForeignIssuer> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 4096]);
                let (status, body) = match answer.lock().unwrap().as_ref() {
                    Some(set) => (200, set.to_string()),
                    None => (500, String::new()),
                };
                let length = body.len();
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close");
                let _ = stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes());
            }
        });
        let mut settings = TrustedIssuer::of_tests(&url);
        settings.jwks_uri = url.parse().ok();
        Arc::new(ForeignIssuer::new(settings, "here"))
    }

    fn knows(issuer: &ForeignIssuer, kid: &str) -> bool {
        issuer.keys().find(Some(kid), jsonwebtoken::Algorithm::ES256).is_ok()
    }

    async fn eventually(is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < Duration::from_secs(10), "never");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[actix_web::test]
    async fn keys_are_fetched_anew_though_nobody_asks_and_kept_while_there_are_none_to_be_had() {
        let answer = Answer::new(Mutex::new(Some(key("first"))));
        let issuer = issuer(Arc::clone(&answer));
        let following = actix_web::rt::spawn(keep_fresh(Arc::clone(&issuer), Duration::from_millis(10)));
        eventually(|| knows(&issuer, "first")).await;
        *answer.lock().unwrap() = Some(key("second"));
        eventually(|| knows(&issuer, "second")).await;
        assert!(!knows(&issuer, "first"), "what it withdrew is withdrawn here");
        *answer.lock().unwrap() = None;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(knows(&issuer, "second"));
        *answer.lock().unwrap() = Some(key("third"));
        eventually(|| knows(&issuer, "third")).await;
        following.abort();
    }

    #[test]
    fn an_issuer_that_is_away_is_asked_again_soon_and_then_once_a_minute() {
        let seconds: Vec<u64> = (0..10).map(|failures| pause_after(failures, REFRESH).as_secs()).collect();
        assert_eq!(seconds, [600, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(pause_after(u32::MAX, REFRESH), LONGEST_PAUSE);
    }
}
