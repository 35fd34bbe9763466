//! Freshness: whether the caller's user authenticated recently enough for a rule with `fresh` (RFC 9470).

use chrono::{DateTime, TimeDelta, Utc};

/// Longest time between the authentication of a user and a request whose rule says `fresh`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepUp(Option<TimeDelta>);

impl StepUp {
    /// No limit: every caller counts as fresh.
    pub const OFF: Self = Self(None);

    /// Sets the limit.
    pub fn within(limit: TimeDelta) -> Self {
        Self(Some(limit))
    }

    /// Judges an authentication at this time.
    pub(super) fn judge(self, authenticated_at: DateTime<Utc>, now: DateTime<Utc>) -> Freshness {
        match self.0 {
            // `auth_time` has whole seconds.
            Some(limit) if now.timestamp() - authenticated_at.timestamp() > limit.num_seconds() => {
                Freshness::Stale { max_age: limit.num_seconds().try_into().unwrap_or(u32::MAX) }
            }
            _ => Freshness::Fresh,
        }
    }
}

/// Freshness of the caller of one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    /// The user authenticated within the limit, or there is no limit, or no user.
    Fresh,
    /// The user authenticated too long ago.
    Stale {
        /// The limit in seconds: `max_age` of RFC 9470 §3.
        max_age: u32,
    },
}
