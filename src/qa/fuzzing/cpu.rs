//! CPU time of this thread. It does not depend on what else the machine does, as the time of day would.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// CPU time that an input may take in the build of a fuzzer. Its instrumentation costs up to four times the
/// 5 ms of an optimized build, and a second fuzzer on the same core up to twice as much again.
pub const LIMIT: Duration = Duration::from_millis(50);

/// Returns the CPU time of some work. Work above `limit` is repeated and the least time counts, because the
/// first run may fill a cache or a table.
pub fn time_of(limit: Duration, work: impl Fn()) -> Duration {
    let mut least = once(&work);
    for _ in 0..4 {
        if least <= limit {
            break;
        }
        least = least.min(once(&work));
    }
    least
}

fn once(work: &impl Fn()) -> Duration {
    let begin = thread_time();
    work();
    thread_time().saturating_sub(begin)
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, nanoseconds) = (u64::try_from(time.tv_sec), u32::try_from(time.tv_nsec));
    Duration::new(seconds.unwrap_or_default(), nanoseconds.unwrap_or_default())
}
