//! Budgets of refusals. Each caller has a token bucket for the entries about what it was refused; a caller
//! without a valid token is known by its network. A refusal beyond the budget is counted under its caller, so
//! a flood drops nothing of other callers.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use crate::authz::{Actor, AuditEvent, Outcome, Subject};
use crate::domain::{Network, Origin, Rate, TokenBucket, UserId};

/// Budget of a user or a client: at most 86,900 entries in a day.
const CALLER: Rate = Rate { burst: 500.0, per_second: 1.0 };

/// Budget of a network, for requests without a valid token: at most 17,580 entries in a day.
const NETWORK: Rate = Rate { burst: 300.0, per_second: 0.2 };

/// Number of callers with a budget of their own. Further ones share one.
const CALLERS: usize = 4_096;

/// Number of networks with a budget of their own. Further ones share one.
const NETWORKS: usize = 1_024;

/// Interval between two removals of full buckets. It bounds the work of a flood from many networks.
const SWEEP: Duration = Duration::from_secs(1);

/// Refusals of one caller that have no entry of their own.
#[derive(Clone, Debug)]
pub(super) struct Dropped {
    /// The caller, or the server for callers that share a budget.
    pub(super) by: Actor,
    /// How many.
    pub(super) count: i64,
    /// Time of the first.
    pub(super) from: DateTime<Utc>,
    /// Time of the last.
    pub(super) to: DateTime<Utc>,
}

/// Budgets of all callers of this replica, in bounded memory.
#[derive(Debug)]
pub(super) struct Budgets {
    callers: Group,
    networks: Group,
}

/// Holder of a budget.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    User(UserId),
    Client(String),
    /// A network, for logins and requests without a token.
    Network(Network),
    /// A network, for unacceptable tokens. They cost an attacker nothing, and must not hide failed logins.
    Tokens(Network),
    /// A request without a known address.
    Unknown,
}

impl Key {
    fn of(event: &AuditEvent) -> Self {
        let network = |origin: &Origin| origin.address.map(Network::site_of);
        match &event.by {
            Actor::Caller(caller) => match caller.subject() {
                Subject::User { id, .. } => Self::User(*id),
                Subject::Client { id } => Self::Client(id.clone()),
                Subject::System { .. } | Subject::Operator => Self::Unknown,
            },
            Actor::Anonymous(origin, _) => match (network(origin), event.outcome) {
                (Some(network), Outcome::NotAcceptable(_)) => Self::Tokens(network),
                (Some(network), _) => Self::Network(network),
                (None, _) => Self::Unknown,
            },
            Actor::Server => Self::Unknown,
        }
    }

    fn is_caller(&self) -> bool {
        matches!(self, Self::User(_) | Self::Client(_))
    }
}

impl Default for Budgets {
    fn default() -> Self {
        Self::of(CALLERS, NETWORKS)
    }
}

impl Budgets {
    fn of(callers: usize, networks: usize) -> Self {
        Self { callers: Group::new(CALLER, callers), networks: Group::new(NETWORK, networks) }
    }

    /// Takes a place for the entry of an event. Returns false when the caller's budget is used up, or when
    /// there is no room: then the event is counted under its caller.
    pub(super) fn admit(
        &mut self,
        event: &AuditEvent,
        has_room: bool,
        at: DateTime<Utc>,
        now: Instant,
    ) -> bool {
        let key = Key::of(event);
        let group = if key.is_caller() { &mut self.callers } else { &mut self.networks };
        group.admit(key, event, has_room, at, now)
    }

    /// Returns the counts of callers whose budget has a place again, and takes it.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Dropped> {
        self.take(|bucket, rate| bucket.take(rate, now))
    }

    /// Returns all counts, for the end of the server.
    pub(super) fn all(&mut self) -> Vec<Dropped> {
        self.take(|_, _| true)
    }

    /// True when a count is not written yet.
    pub(super) fn owe(&self) -> bool {
        self.callers.owing + self.networks.owing > 0
    }

    fn take(&mut self, may: impl Fn(&mut TokenBucket, Rate) -> bool) -> Vec<Dropped> {
        let mut due = self.callers.take(&may);
        due.extend(self.networks.take(&may));
        due
    }
}

/// Budgets of one rate.
#[derive(Debug)]
struct Group {
    rate: Rate,
    most: usize,
    own: HashMap<Key, Budget>,
    /// Budget of those beyond `most`.
    shared: Budget,
    /// Number of budgets with a count that is not written yet.
    owing: usize,
    swept: Instant,
}

#[derive(Debug)]
struct Budget {
    bucket: TokenBucket,
    dropped: Option<Box<Dropped>>,
}

impl Budget {
    fn full(rate: Rate, now: Instant) -> Self {
        Self { bucket: TokenBucket::full(rate, now), dropped: None }
    }
}

impl Group {
    fn new(rate: Rate, most: usize) -> Self {
        let now = Instant::now();
        Self { rate, most, own: HashMap::new(), shared: Budget::full(rate, now), owing: 0, swept: now }
    }

    fn admit(
        &mut self,
        key: Key,
        event: &AuditEvent,
        has_room: bool,
        at: DateTime<Utc>,
        now: Instant,
    ) -> bool {
        let is_known = self.own.contains_key(&key);
        if !is_known && self.own.len() >= self.most && now.saturating_duration_since(self.swept) >= SWEEP {
            self.sweep(now);
        }
        let rate = self.rate;
        let has_own = is_known || self.own.len() < self.most;
        let budget = match has_own {
            true => self.own.entry(key).or_insert_with(|| Budget::full(rate, now)),
            false => &mut self.shared,
        };
        match &mut budget.dropped {
            None if has_room && budget.bucket.take(rate, now) => return true,
            // The count comes first, so that it names the whole time.
            Some(dropped) => {
                dropped.count += 1;
                dropped.to = at;
            }
            none => {
                let by = if has_own { named(&event.by) } else { Actor::Server };
                *none = Some(Box::new(Dropped { by, count: 1, from: at, to: at }));
                self.owing += 1;
            }
        }
        false
    }

    /// Forgets those whose bucket is full: they are like new.
    fn sweep(&mut self, now: Instant) {
        let rate = self.rate;
        self.own.retain(|_, budget| budget.dropped.is_some() || !budget.bucket.is_full(rate, now));
        self.swept = now;
    }

    fn take(&mut self, may: impl Fn(&mut TokenBucket, Rate) -> bool) -> Vec<Dropped> {
        if self.owing == 0 {
            return Vec::new();
        }
        let rate = self.rate;
        let owing = self.own.values_mut().chain([&mut self.shared]).filter(|one| one.dropped.is_some());
        let due = owing.filter_map(|one| may(&mut one.bucket, rate).then(|| one.dropped.take()).flatten());
        let due: Vec<Dropped> = due.map(|dropped| *dropped).collect();
        self.owing -= due.len();
        due
    }
}

/// Returns the actor with its address, and without the request of one of many refusals.
fn named(by: &Actor) -> Actor {
    let address = |origin: &Origin| Origin { address: origin.address, ..Origin::default() };
    match by {
        Actor::Caller(caller) => Actor::Caller(caller.clone().calling_from(address(caller.origin()))),
        Actor::Anonymous(origin, client) => Actor::Anonymous(address(origin), client.clone()),
        Actor::Server => Actor::Server,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ClientId;

    fn refusal(address: &str, outcome: Outcome) -> AuditEvent {
        let origin = Origin { address: Some(address.parse().unwrap()), ..Origin::default() };
        AuditEvent {
            by: Actor::Anonymous(origin, None::<ClientId>),
            action: "log_in",
            resource: "session",
            record: None,
            owner: None,
            outcome,
        }
    }

    fn guess(address: &str) -> AuditEvent {
        refusal(address, Outcome::WrongPassword)
    }

    fn second(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(second, 0).unwrap()
    }

    struct World {
        budgets: Budgets,
        begin: Instant,
    }

    impl World {
        fn new(networks: usize) -> Self {
            Self { budgets: Budgets::of(2, networks), begin: Instant::now() }
        }

        /// Returns how many of `count` events are admitted, all at this second.
        fn admit(&mut self, event: &AuditEvent, count: usize, at: u32) -> usize {
            let now = self.begin + Duration::from_secs(at.into());
            (0..count).filter(|_| self.budgets.admit(event, true, second(at.into()), now)).count()
        }

        fn due(&mut self, at: u32) -> Vec<Dropped> {
            self.budgets.due(self.begin + Duration::from_secs(at.into()))
        }
    }

    #[test]
    fn a_flood_drops_nothing_of_another_network() {
        let mut world = World::new(8);
        assert_eq!(world.admit(&guess("192.0.2.1"), 5_000, 0), 300);
        assert_eq!(world.admit(&guess("192.0.2.2"), 300, 0), 300);
    }

    #[test]
    fn dropped_events_are_counted_under_their_sender_when_the_budget_allows() {
        let mut world = World::new(8);
        world.admit(&guess("192.0.2.1"), 330, 0);
        assert_eq!(world.admit(&guess("192.0.2.1"), 5, 3), 0);
        assert!(world.due(4).is_empty() && world.budgets.owe(), "the bucket has no token yet");
        let [dropped] = &world.due(5)[..] else { panic!("one count") };
        assert_eq!((dropped.count, dropped.from, dropped.to), (35, second(0), second(3)));
        let address = dropped.by.origin().and_then(|origin| origin.address);
        assert_eq!(address, Some("192.0.2.1".parse().unwrap()));
        assert!(world.due(60).is_empty() && !world.budgets.owe(), "a count is written once");
        assert_eq!(world.admit(&guess("192.0.2.1"), 5, 60), 5, "the bucket refilled");
    }

    #[test]
    fn a_count_precedes_the_next_entry_of_its_sender() {
        let mut world = World::new(8);
        world.admit(&guess("192.0.2.1"), 301, 0);
        assert_eq!(world.admit(&guess("192.0.2.1"), 1, 600), 0);
        assert_eq!(world.due(600)[0].count, 2);
    }

    #[test]
    fn forged_tokens_do_not_hide_failed_logins() {
        let mut world = World::new(8);
        let forged = refusal("192.0.2.1", Outcome::NotAcceptable("signature"));
        assert_eq!(world.admit(&forged, 1_000, 0), 300);
        assert_eq!(world.admit(&guess("192.0.2.1"), 1, 0), 1);
    }

    #[test]
    fn an_ipv6_site_has_one_budget() {
        let mut world = World::new(8);
        let admitted: usize =
            (0..400).map(|net| world.admit(&guess(&format!("2001:db8:1:{net:x}::1")), 1, 0)).sum();
        assert_eq!(admitted, 300);
        assert_eq!(world.admit(&guess("2001:db8:2::1"), 1, 0), 1);
    }

    #[test]
    fn many_networks_share_one_budget_in_bounded_memory() {
        let mut world = World::new(8);
        let flood = |world: &mut World, at| -> usize {
            (0..200).map(|host| world.admit(&guess(&format!("198.51.100.{host}")), 2, at)).sum()
        };
        // Eight have their own, and the others share 300 tokens.
        assert_eq!(flood(&mut world, 0), 16 + 300);
        assert_eq!(world.budgets.networks.own.len(), 8);
        let all = world.budgets.all();
        assert_eq!(all.iter().map(|dropped| dropped.count).sum::<i64>(), 400 - 316);
        assert!(all.iter().all(|dropped| matches!(dropped.by, Actor::Server)), "they have no single name");
        // Callers with a full bucket make room.
        flood(&mut world, 3_600);
        assert_eq!(world.budgets.networks.own.len(), 8);
        assert_eq!(world.admit(&guess("203.0.113.9"), 1, 7_200), 1);
    }

    #[test]
    fn an_event_without_room_is_counted() {
        let mut world = World::new(8);
        let begin = world.begin;
        assert!(!world.budgets.admit(&guess("192.0.2.1"), false, second(0), begin));
        assert_eq!(world.due(0)[0].count, 1);
    }
}
