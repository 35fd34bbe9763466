//! Login attempts, and their rate limits (NIST SP 800-63B-4 §3.2.2).

use std::net::IpAddr;

use super::{Bucket, Network};

const MAX_PER_ACCOUNT_AND_ADDRESS: i32 = 10;
const MAX_PER_ACCOUNT: i32 = 20;
const MAX_PER_ADDRESS: i32 = 100;

/// Attempt to log in with a password.
#[derive(Clone, Debug)]
pub struct LoginAttempt {
    /// Account, as its [`Email::key`](super::Email::key), whether or not it exists.
    pub account: String,
    /// Client IP address.
    pub address: Option<IpAddr>,
}

impl LoginAttempt {
    /// Returns the buckets that count the attempt. If the account's user `is_known` at the address,
    /// attempts from other addresses do not count: an attacker cannot lock the user out.
    pub fn buckets(&self, is_known: bool) -> Vec<Bucket> {
        let account = &self.account;
        // Without a policy name, because it would tell the caller about attempts by others.
        let by_account = Bucket::of(&["account", account], MAX_PER_ACCOUNT, None);
        let Some(address) = self.address.map(|address| Network::of(address).to_string()) else {
            return vec![by_account];
        };
        let mut buckets = vec![Bucket::of(
            &["account from", account, &address],
            MAX_PER_ACCOUNT_AND_ADDRESS,
            Some("guesses"),
        )];
        buckets.extend((!is_known).then_some(by_account));
        buckets.push(Bucket::of(&["address", &address], MAX_PER_ADDRESS, Some("guesses")));
        buckets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(account: &str, address: &str, is_known: bool) -> Vec<Bucket> {
        LoginAttempt { account: account.to_owned(), address: address.parse().ok() }.buckets(is_known)
    }

    #[test]
    fn counts_by_account_by_address_and_by_both() {
        let ada = buckets("ada", "192.0.2.1", false);
        assert_eq!(ada.len(), 3);
        let (elsewhere, eve) = (buckets("ada", "192.0.2.2", false), buckets("eve", "192.0.2.1", false));
        assert_eq!((ada[1], ada[2]), (elsewhere[1], eve[2]));
        assert!(ada[0] != elsewhere[0] && ada[0] != eve[0] && ada[1] != eve[1] && ada[2] != elsewhere[2]);
    }

    #[test]
    fn known_user_is_not_limited_by_other_addresses() {
        let (known, stranger) = (buckets("ada", "192.0.2.1", true), buckets("ada", "192.0.2.1", false));
        assert_eq!(known, [stranger[0], stranger[2]]);
    }

    #[test]
    fn counts_the_addresses_of_one_network_together() {
        assert_eq!(buckets("a", "2001:db8::1", false), buckets("a", "2001:db8::2:3", false));
        assert_ne!(buckets("a", "2001:db8::1", false), buckets("a", "2001:db8:0:1::1", false));
        assert_eq!(buckets("a", "::ffff:192.0.2.1", false), buckets("a", "192.0.2.1", false));
        assert_eq!(buckets("a", "nowhere", false), [buckets("a", "192.0.2.1", false)[1]]);
    }
}
