//! Background task that refreshes an issuer's keys.

use std::sync::Arc;
use std::time::Duration;

use super::fetch::fetch;
use crate::token::ExternalIssuer;

/// Refresh interval. A key that the issuer withdraws stays valid here for this time at most.
const REFRESH_INTERVAL: Duration = Duration::from_secs(600);

/// Longest retry back-off. The first retry is after one second.
const MAX_BACK_OFF: Duration = Duration::from_secs(60);

/// Fetches the issuer's keys at once and then again and again. A fetch is due when the interval has passed,
/// when a token names an unknown key, and, with back-off, after a failure. Never returns. While the issuer
/// is unreachable, its last keys stay in force.
pub(crate) async fn refresh_keys(issuer: Arc<ExternalIssuer>) {
    refresh_every(issuer, REFRESH_INTERVAL).await;
}

async fn refresh_every(issuer: Arc<ExternalIssuer>, interval: Duration) {
    let name = issuer.settings.issuer().to_owned();
    if issuer.settings.allow_http {
        log::warn!(
            "{name}: its keys may come over http (allow_http): an attacker who changes the traffic of that network can \
             make tokens; use it for development alone"
        );
    }
    let mut failures = 0_u32;
    loop {
        issuer.fetch_requests.begin();
        let settings = issuer.settings.clone();
        let fetched = match tokio::task::spawn_blocking(move || fetch(&settings)).await {
            Ok(fetched) => fetched.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match fetched {
            Ok(keys) => {
                if keys.is_empty() {
                    log::error!("{name}: no key of the issuer can be used; its tokens are refused");
                } else if failures > 0 {
                    log::info!("{name}: the keys of the issuer were fetched again");
                }
                failures = 0;
                issuer.replace_keys(keys);
            }
            Err(why) => {
                if failures == 0 {
                    log::error!(
                        "{name}: the keys of the issuer cannot be fetched, so the last ones stay in use: {why}"
                    );
                }
                failures = failures.saturating_add(1);
            }
        }
        issuer.fetch_requests.end();
        let _ =
            tokio::time::timeout(delay_after(failures, interval), issuer.fetch_requests.requested()).await;
    }
}

fn delay_after(failures: u32, interval: Duration) -> Duration {
    match failures.checked_sub(1) {
        None => interval,
        Some(doublings) => Duration::from_secs(1 << doublings.min(6)).min(MAX_BACK_OFF),
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
    use crate::token::issuers::trusted_issuer::TrustedIssuer;
    use crate::token::keys::algorithm::SigningAlgorithm;
    use crate::token::keys::private_key::PrivateKey;

    /// JWK Set that the test issuer serves; none for status 500.
    type Answer = Arc<Mutex<Option<Value>>>;

    fn key(kid: &str) -> Value {
        let mut jwk = PrivateKey::generate(SigningAlgorithm::Es256).unwrap().public_key().unwrap().jwk;
        jwk["kid"] = kid.into();
        json!({ "keys": [jwk] })
    }

    /// Serves the JWK Set on a port of its own until the test ends.
    fn issuer(answer: Answer) -> Arc<ExternalIssuer> {
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
        Arc::new(ExternalIssuer::new(settings, "here"))
    }

    fn knows(issuer: &ExternalIssuer, kid: &str) -> bool {
        issuer.keys().find(Some(kid), jsonwebtoken::Algorithm::ES256).is_ok()
    }

    async fn eventually(is_so: impl Fn() -> bool) {
        let began = Instant::now();
        while !is_so() {
            assert!(began.elapsed() < Duration::from_secs(10), "the condition did not come true");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    #[actix_web::test]
    async fn refreshes_keys_and_keeps_them_during_an_outage() {
        let answer = Answer::new(Mutex::new(Some(key("first"))));
        let issuer = issuer(Arc::clone(&answer));
        let following = actix_web::rt::spawn(refresh_every(Arc::clone(&issuer), Duration::from_millis(10)));
        eventually(|| knows(&issuer, "first")).await;
        *answer.lock().unwrap() = Some(key("second"));
        eventually(|| knows(&issuer, "second")).await;
        assert!(!knows(&issuer, "first"), "a withdrawn key stays in use");
        *answer.lock().unwrap() = None;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(knows(&issuer, "second"));
        *answer.lock().unwrap() = Some(key("third"));
        eventually(|| knows(&issuer, "third")).await;
        following.abort();
    }

    #[test]
    fn backs_off_up_to_a_minute() {
        let seconds: Vec<u64> =
            (0..10).map(|failures| delay_after(failures, REFRESH_INTERVAL).as_secs()).collect();
        assert_eq!(seconds, [600, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(delay_after(u32::MAX, REFRESH_INTERVAL), MAX_BACK_OFF);
    }
}
