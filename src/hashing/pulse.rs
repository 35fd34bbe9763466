//! So that a read does not wait behind a hash until the next tick of Linux, 4 ms on many: a thread for each
//! core, of the real-time class, that does nothing but wake up while all cores hash and somebody reads. Each
//! time the scheduler looks again whose turn it is. A process that may not have such threads hashes without them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread;
use std::time::Duration;

/// A few times as long as a read takes, and a sixtieth of a hash.
const PERIOD: Duration = Duration::from_micros(250);

/// To look whether somebody reads.
const REST: Duration = Duration::from_millis(10);

/// So often it beats for a read on each core, some 20 ms: whoever reads now soon reads again.
const BEATS: usize = 64;

/// It begins with the first hash, and ends with the hasher.
pub(super) struct Pulse {
    lanes: usize,
    begun: Once,
    shared: Arc<Shared>,
}

/// What its threads know.
#[derive(Default)]
struct Shared {
    now: Mutex<Now>,
    changed: Condvar,
    /// Beats that are left, of all cores.
    left: AtomicUsize,
}

#[derive(Default)]
struct Now {
    hashing: usize,
    has_ended: bool,
}

impl Pulse {
    /// Of so many lanes.
    pub(super) fn of(lanes: usize) -> Self {
        Self { lanes, begun: Once::new(), shared: Arc::default() }
    }

    /// Somebody asks for what is soon done. It costs next to nothing, since all who read say it.
    pub(super) fn somebody_reads(&self) {
        let most = BEATS * self.lanes;
        if self.shared.left.load(Ordering::Relaxed) <= most / 2 {
            self.shared.left.store(most, Ordering::Relaxed);
        }
    }

    /// A password is hashed until this is dropped.
    pub(super) fn hashing(&self) -> Hashing<'_> {
        self.begun.call_once(|| begin(self.lanes, &self.shared));
        self.shared.now().hashing += 1;
        self.shared.changed.notify_all();
        Hashing(&self.shared)
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.shared.now().has_ended = true;
        self.shared.changed.notify_all();
    }
}

/// One password is being hashed.
pub(super) struct Hashing<'a>(&'a Shared);

impl Drop for Hashing<'_> {
    fn drop(&mut self) {
        self.0.now().hashing -= 1;
    }
}

impl Shared {
    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody has read of late, which is forgotten beat by beat.
    fn is_read(&self) -> bool {
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
    }

    /// Again and again while so many are hashed at once, until the end.
    fn each_time(&self, cores: usize, mut beat: impl FnMut()) {
        loop {
            let rests = |now: &mut Now| now.hashing < cores && !now.has_ended;
            let now = self.changed.wait_while(self.now(), rests).unwrap_or_else(PoisonError::into_inner);
            if now.has_ended {
                return;
            }
            drop(now);
            beat();
        }
    }
}

/// Where fewer are hashed than there are cores, one is always free.
fn begin(lanes: usize, shared: &Arc<Shared>) {
    let cores = system::cores();
    if lanes < cores.len() {
        return;
    }
    let count = cores.len();
    for core in cores {
        let shared = Arc::clone(shared);
        let pulse = move || match system::be_urgent_on(core) {
            Ok(()) => shared.each_time(count, || thread::sleep(if shared.is_read() { PERIOD } else { REST })),
            Err(error) => log::debug!("passwords are hashed without a pulse: {error}"),
        };
        if let Err(error) = thread::Builder::new().name("pulse".to_owned()).spawn(pulse) {
            log::debug!("passwords are hashed without a pulse: {error}");
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    use thread_priority::{
        RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy, set_thread_priority_and_policy,
        thread_native_id,
    };

    pub(super) fn cores() -> Vec<usize> {
        let allowed = sched_getaffinity(None).unwrap_or_default();
        (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect()
    }

    /// Less than any other real-time thread, since it has nothing to do.
    pub(super) fn be_urgent_on(core: usize) -> Result<(), String> {
        let mut here = CpuSet::new();
        here.set(core);
        sched_setaffinity(None, &here).map_err(|error| error.to_string())?;
        let fifo = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
        set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, fifo)
            .map_err(|error| format!("{error:?}"))
    }
}

/// Elsewhere nobody has seen that it is needed.
#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn cores() -> Vec<usize> {
        Vec::new()
    }

    pub(super) fn be_urgent_on(_: usize) -> Result<(), String> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_read_is_forgotten_after_so_many_beats() {
        let pulse = Pulse::of(2);
        let beats =
            || std::iter::repeat_with(|| pulse.shared.is_read()).take_while(|is_read| *is_read).count();
        assert_eq!(beats(), 0);
        pulse.somebody_reads();
        pulse.somebody_reads();
        assert_eq!((beats(), beats()), (2 * BEATS, 0));
    }

    #[test]
    fn it_beats_while_all_cores_hash_and_ends_with_the_hasher() {
        let pulse = Pulse::of(0);
        let shared = Arc::clone(&pulse.shared);
        let (beat, beats) = mpsc::sync_channel(0);
        let thread = thread::spawn(move || shared.each_time(2, || beat.send(()).unwrap_or_default()));
        let one = pulse.hashing();
        assert!(beats.recv_timeout(Duration::from_millis(20)).is_err());
        let other = pulse.hashing();
        assert!((0..3).all(|_| beats.recv().is_ok()));
        drop((one, other));
        drop(pulse);
        // That which was begun before.
        assert!(beats.iter().count() <= 1);
        thread.join().unwrap();
    }
}
