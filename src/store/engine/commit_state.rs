//! How far a change has come, told between the thread that makes it and the request that waits for it:
//! what was answered with 503 must not be made after all.

use std::sync::atomic::{AtomicU8, Ordering};

const WORKING: u8 = 0;
const COMMITTING: u8 = 1;
const GIVEN_UP: u8 = 2;

/// Where it is. From the commit on nobody can give it up.
#[derive(Debug, Default)]
pub(in crate::store) struct Stage(AtomicU8);

impl Stage {
    /// Whether it may be committed: not if it was given up.
    pub(in crate::store) fn begin_commit(&self) -> bool {
        self.pass(WORKING, COMMITTING)
    }

    /// Whether it may be done once more after it failed: not if it was given up.
    pub(in crate::store) fn begin_again(&self) -> bool {
        let _ = self.pass(COMMITTING, WORKING);
        self.0.load(Ordering::Acquire) == WORKING
    }

    /// Whether it is given up, and so will not be committed.
    pub(in crate::store) fn give_up(&self) -> bool {
        self.pass(WORKING, GIVEN_UP)
    }

    fn pass(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_up_is_not_committed_and_what_is_being_committed_is_not_given_up() {
        let stage = Stage::default();
        assert!(stage.give_up() && !stage.begin_commit() && !stage.begin_again());
        let stage = Stage::default();
        assert!(stage.begin_commit() && !stage.give_up());
        assert!(stage.begin_again() && stage.give_up() && !stage.begin_again());
    }
}
