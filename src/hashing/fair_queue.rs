//! Bounded queue in which networks take turns. A network with many jobs delays its own jobs only.

use std::collections::VecDeque;

use crate::domain::Network;

/// Jobs that wait, each with the network that it came from. The jobs of the server itself have none.
pub(super) struct FairQueue<J> {
    capacity: usize,
    waiting: usize,
    /// Lines in the order of their turns. No line is empty.
    lines: VecDeque<Line<J>>,
}

/// Jobs of one network, in the order of their arrival.
struct Line<J> {
    network: Option<Network>,
    jobs: VecDeque<J>,
}

/// The queue is full, and no other network has more jobs in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Full;

impl<J> FairQueue<J> {
    /// Returns an empty queue for at most `capacity` jobs.
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity, waiting: 0, lines: VecDeque::new() }
    }

    /// Returns the number of jobs.
    pub(super) fn len(&self) -> usize {
        self.waiting
    }

    /// Returns true if a job of this network would get a place.
    pub(super) fn has_place(&self, network: Option<Network>) -> bool {
        let longest = self.lines.iter().map(|line| line.jobs.len()).max().unwrap_or_default();
        let own = self.lines.iter().find(|line| line.network == network).map_or(0, |line| line.jobs.len());
        self.waiting < self.capacity || longest > own + 1
    }

    /// Adds a job. In a full queue the newest job of the network with the most jobs is dropped for it.
    ///
    /// # Errors
    /// [`Full`] when the network would then have the most jobs itself.
    pub(super) fn push(&mut self, network: Option<Network>, job: J) -> Result<(), Full> {
        if !self.has_place(network) {
            return Err(Full);
        }
        if self.waiting == self.capacity
            && let Some(longest) = self.lines.iter_mut().max_by_key(|line| line.jobs.len())
        {
            longest.jobs.pop_back();
            self.waiting -= 1;
        }
        match self.lines.iter_mut().find(|line| line.network == network) {
            Some(line) => line.jobs.push_back(job),
            None => self.lines.push_back(Line { network, jobs: VecDeque::from([job]) }),
        }
        self.waiting += 1;
        Ok(())
    }

    /// Removes the next job: the oldest of the network whose turn it is.
    pub(super) fn pop(&mut self) -> Option<J> {
        let mut line = self.lines.pop_front()?;
        let job = line.jobs.pop_front();
        self.waiting -= usize::from(job.is_some());
        if !line.jobs.is_empty() {
            self.lines.push_back(line);
        }
        job
    }

    /// Removes the jobs that are not `kept`.
    pub(super) fn retain(&mut self, kept: impl Fn(&J) -> bool) {
        for line in &mut self.lines {
            line.jobs.retain(&kept);
        }
        self.lines.retain(|line| !line.jobs.is_empty());
        self.waiting = self.lines.iter().map(|line| line.jobs.len()).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(host: u8) -> Option<Network> {
        Some(Network::of([192, 0, 2, host].into()))
    }

    fn drained(queue: &mut FairQueue<u32>) -> Vec<u32> {
        std::iter::from_fn(|| queue.pop()).collect()
    }

    #[test]
    fn networks_take_turns() {
        let mut queue = FairQueue::new(9);
        for (host, job) in [(1, 10), (1, 11), (1, 12), (2, 20), (3, 30), (3, 31)] {
            queue.push(network(host), job).unwrap();
        }
        queue.push(None, 0).unwrap();
        assert_eq!(queue.len(), 7);
        assert_eq!(drained(&mut queue), [10, 20, 30, 0, 11, 31, 12]);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn full_queue_drops_the_newest_job_of_the_longest_line() {
        let mut queue = FairQueue::new(4);
        for job in 10..14 {
            queue.push(network(1), job).unwrap();
        }
        assert!(!queue.has_place(network(1)) && queue.has_place(network(2)));
        assert_eq!(queue.push(network(1), 14), Err(Full));
        queue.push(network(2), 20).unwrap();
        queue.push(network(2), 21).unwrap();
        // Each has two: neither takes a place from the other.
        assert_eq!((queue.push(network(2), 22), queue.push(network(1), 14)), (Err(Full), Err(Full)));
        queue.push(network(3), 30).unwrap();
        assert_eq!(queue.len(), 4);
        let left = drained(&mut queue);
        assert_eq!(left.len(), 4);
        assert!(left.contains(&10) && left.contains(&20) && left.contains(&30), "{left:?}");
    }

    #[test]
    fn one_network_may_fill_an_idle_queue_and_more_networks_than_places_do_not_fit() {
        let mut queue = FairQueue::new(3);
        for host in 1..=3 {
            queue.push(network(host), host.into()).unwrap();
        }
        assert_eq!(queue.push(network(4), 4), Err(Full));
        queue.retain(|job| *job != 2);
        queue.push(network(4), 4).unwrap();
        assert_eq!(drained(&mut queue), [1, 3, 4]);
        assert_eq!(FairQueue::new(0).push(None, 0), Err(Full));
    }
}
