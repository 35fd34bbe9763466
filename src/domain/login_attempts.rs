//! Login attempts, and their rate limits (NIST SP 800-63B-4 §3.2.2).

use std::net::IpAddr;

use super::{Bucket, Network};

const MAX_PER_ACCOUNT_AND_NETWORK: i32 = 10;
const MAX_PER_ACCOUNT: i32 = 20;
const MAX_PER_NETWORK: i32 = 100;
const MAX_BY_USER: i32 = 10;

/// Attempt at the password of an account.
#[derive(Clone, Debug)]
pub struct LoginAttempt {
    /// Account, as its [`Email::key`](super::Email::key), whether or not it exists.
    pub account: String,
    /// Client IP address.
    pub address: Option<IpAddr>,
    /// True if the caller has a token of the account's user, and so is no stranger.
    pub by_user: bool,
}

impl LoginAttempt {
    /// Returns the buckets that count the attempt. An attempt by the account's user has a bucket of its own, so
    /// that no stranger keeps the user from changing the password. If the account's user `is_known` in the network, only
    /// attempts at this account from this network refuse another attempt. So an attacker cannot lock the user out from
    /// elsewhere, nor with attempts at other accounts. The other buckets count it nevertheless, so that
    /// the quota that the answer reports does not tell who is known.
    pub fn buckets(&self, is_known: bool) -> Vec<Bucket> {
        let account = &self.account;
        if self.by_user {
            return vec![Bucket::of(&["account by its user", account], MAX_BY_USER, Some("guesses"))];
        }
        let unless_known = |bucket: Bucket| Bucket { binds: !is_known, ..bucket };
        // Without a policy name, because it would tell the caller about attempts by others.
        let by_account = Bucket::of(&["account", account], MAX_PER_ACCOUNT, None);
        let Some(network) = self.address.map(|address| Network::of(address).to_string()) else {
            return vec![by_account];
        };
        let by_network = Bucket::of(&["address", &network], MAX_PER_NETWORK, Some("guesses"));
        let by_both = ["account from", account, &network];
        let by_both = Bucket::of(&by_both, MAX_PER_ACCOUNT_AND_NETWORK, Some("guesses"));
        vec![unless_known(by_network), by_both, unless_known(by_account)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets(account: &str, address: &str, is_known: bool) -> Vec<Bucket> {
        let (account, address) = (account.to_owned(), address.parse().ok());
        LoginAttempt { account, address, by_user: false }.buckets(is_known)
    }

    #[test]
    fn counts_by_network_by_account_and_by_both() {
        let ada = buckets("ada", "192.0.2.1", false);
        assert_eq!(ada.len(), 3);
        let (elsewhere, eve) = (buckets("ada", "192.0.2.2", false), buckets("eve", "192.0.2.1", false));
        assert_eq!((ada[2], ada[0]), (elsewhere[2], eve[0]));
        assert!(ada[1] != elsewhere[1] && ada[1] != eve[1] && ada[2] != eve[2] && ada[0] != elsewhere[0]);
    }

    #[test]
    fn known_user_is_counted_like_a_stranger_and_limited_by_own_attempts_alone() {
        let (known, stranger) = (buckets("ada", "192.0.2.1", true), buckets("ada", "192.0.2.1", false));
        let binds = |buckets: &[Bucket]| buckets.iter().map(|bucket| bucket.binds).collect::<Vec<_>>();
        assert_eq!((binds(&known), binds(&stranger)), (vec![false, true, false], vec![true; 3]));
        let counted: Vec<_> = known.iter().map(|bucket| Bucket { binds: true, ..*bucket }).collect();
        assert_eq!(counted, stranger);
    }

    #[test]
    fn counts_the_addresses_of_one_network_together() {
        assert_eq!(buckets("a", "2001:db8::1", false), buckets("a", "2001:db8::2:3", false));
        assert_ne!(buckets("a", "2001:db8::1", false), buckets("a", "2001:db8:0:1::1", false));
        assert_eq!(buckets("a", "::ffff:192.0.2.1", false), buckets("a", "192.0.2.1", false));
        assert_eq!(buckets("a", "nowhere", false), [buckets("a", "192.0.2.1", false)[2]]);
    }
}
