//! Guesses at passwords, and how many of them are let through (NIST SP 800-63B-4 §3.2.2).

use std::net::IpAddr;

use super::limit::{Bucket, Network};

const AT_AN_ACCOUNT_FROM_AN_ADDRESS: i32 = 10;
const AT_AN_ACCOUNT_FROM_ELSEWHERE: i32 = 20;
const FROM_AN_ADDRESS: i32 = 100;

/// Somebody tries a password.
#[derive(Clone, Debug)]
pub struct LoginAttempt {
    /// The account that is meant, as [`Email::key`](super::Email::key) has it, whether or not there
    /// is one.
    pub account: String,
    /// Where from.
    pub address: Option<IpAddr>,
}

impl LoginAttempt {
    /// What the guess counts in. One from an address at which the account's user `is_known` is not
    /// held up by what strangers do elsewhere: to lock somebody out is no weapon.
    pub fn buckets(&self, is_known: bool) -> Vec<Bucket> {
        let account = &self.account;
        // What strangers do at the account is nobody else's to know.
        let from_elsewhere = Bucket::of(&["account", account], AT_AN_ACCOUNT_FROM_ELSEWHERE, None);
        let Some(address) = self.address.map(|address| Network::of(address).to_string()) else {
            return vec![from_elsewhere];
        };
        let mut buckets = vec![Bucket::of(
            &["account from", account, &address],
            AT_AN_ACCOUNT_FROM_AN_ADDRESS,
            Some("guesses"),
        )];
        buckets.extend((!is_known).then_some(from_elsewhere));
        buckets.push(Bucket::of(&["address", &address], FROM_AN_ADDRESS, Some("guesses")));
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
    fn an_account_and_an_address_are_counted_apart_and_together() {
        let ada = buckets("ada", "192.0.2.1", false);
        assert_eq!(ada.len(), 3);
        let (elsewhere, eve) = (buckets("ada", "192.0.2.2", false), buckets("eve", "192.0.2.1", false));
        assert_eq!((ada[1], ada[2]), (elsewhere[1], eve[2]));
        assert!(ada[0] != elsewhere[0] && ada[0] != eve[0] && ada[1] != eve[1] && ada[2] != elsewhere[2]);
    }

    #[test]
    fn a_user_who_is_known_there_is_not_held_up_by_strangers() {
        let (known, stranger) = (buckets("ada", "192.0.2.1", true), buckets("ada", "192.0.2.1", false));
        assert_eq!(known, [stranger[0], stranger[2]]);
    }

    #[test]
    fn the_addresses_of_one_network_are_one_and_names_are_no_addresses() {
        assert_eq!(buckets("a", "2001:db8::1", false), buckets("a", "2001:db8::2:3", false));
        assert_ne!(buckets("a", "2001:db8::1", false), buckets("a", "2001:db8:0:1::1", false));
        assert_eq!(buckets("a", "::ffff:192.0.2.1", false), buckets("a", "192.0.2.1", false));
        assert_eq!(buckets("a", "nowhere", false), [buckets("a", "192.0.2.1", false)[1]]);
    }
}
