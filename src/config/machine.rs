//! Cores and memory of the machine or container, and the sizes of the server that follow from them.

use std::fmt;
use std::path::Path;
use std::sync::OnceLock;
use std::thread::available_parallelism;

use crate::hashing::{Argon2Cost, MEMORY_MULTIPLE};

const MIB: u64 = 1 << 20;

/// Memory that the server needs beside its password hashes: code, caches, connections and requests.
const BESIDE_HASHES: u64 = 96 * MIB;

/// Share of the memory for each worker thread, with its database connection.
const FOR_EACH_WORKER: u64 = 32 * MIB;

/// Share of the memory for each database connection. A connection to SQLite keeps a cache of 2 MiB.
const FOR_EACH_CONNECTION: u64 = 16 * MIB;

/// Largest memory limit that is one. Above it, cgroup v1 means that there is none.
const NO_LIMIT: u64 = 1 << 60;

/// Resources that the process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Cores, after affinity and the CPU quota of the cgroup.
    pub(crate) cores: usize,
    /// Memory. `None` when it is not known.
    pub(crate) memory: Option<Memory>,
}

/// Memory that the process may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Memory {
    /// Size, in bytes.
    pub(crate) bytes: u64,
    /// Source of the limit.
    pub(crate) limited_by: LimitedBy,
}

/// Source of the memory limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitedBy {
    /// `memory.max` of the process's cgroup, or of one above it.
    CgroupV2,
    /// `memory.limit_in_bytes` of the process's cgroup, or of one above it.
    CgroupV1,
    /// The size of the machine's memory.
    Machine,
}

impl fmt::Display for LimitedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CgroupV2 => "memory.max of the cgroup",
            Self::CgroupV1 => "memory.limit_in_bytes of the cgroup",
            Self::Machine => "the machine",
        })
    }
}

impl Machine {
    /// Returns what this process may use. It is read once.
    pub(crate) fn of_process() -> Self {
        static MACHINE: OnceLock<Machine> = OnceLock::new();
        *MACHINE.get_or_init(|| Self {
            cores: available_parallelism().map_or(1, usize::from),
            memory: Memory::find(&|path| std::fs::read_to_string(path).ok()),
        })
    }

    /// Returns how many password hashes of this cost may be computed at the same time: one for each core, as
    /// far as the memory is enough for the costliest stored hashes.
    pub(crate) fn hash_lanes(self, cost: Argon2Cost) -> usize {
        let largest = u64::from(cost.memory_kib) * 1024 * u64::from(MEMORY_MULTIPLE);
        self.cores.min(64).min(self.fitting(BESIDE_HASHES, largest)).max(1)
    }

    /// Returns the number of worker threads: one for each core.
    pub(crate) fn workers(self) -> usize {
        self.cores.min(1024).min(self.fitting(0, FOR_EACH_WORKER)).max(1)
    }

    /// Returns the size of the connection pool: two for each core, at least 4.
    pub(crate) fn db_pool(self) -> usize {
        (2 * self.cores).min(1024).min(self.fitting(0, FOR_EACH_CONNECTION)).max(4)
    }

    /// Returns how many things of this size fit into the memory, beside what is reserved.
    fn fitting(self, reserved: u64, each: u64) -> usize {
        let Some(memory) = self.memory else { return usize::MAX };
        usize::try_from(memory.bytes.saturating_sub(reserved) / each.max(1)).unwrap_or(usize::MAX)
    }
}

impl Memory {
    /// Finds the smallest limit: of the machine, of the process's cgroup, and of each cgroup above it. `read`
    /// returns the text of a file.
    fn find(read: &dyn Fn(&Path) -> Option<String>) -> Option<Self> {
        let groups = read(Path::new("/proc/self/cgroup")).unwrap_or_default();
        let of_groups = groups.lines().flat_map(|line| limits_of(line, read));
        let of_machine = read(Path::new("/proc/meminfo")).as_deref().and_then(total_memory);
        of_groups.chain(of_machine).min_by_key(|memory| memory.bytes)
    }
}

/// Returns the limits of a line of `/proc/self/cgroup`, of the cgroup and of each one above it. In a container
/// without a cgroup namespace, only the uppermost directory is mounted.
fn limits_of(line: &str, read: &dyn Fn(&Path) -> Option<String>) -> Vec<Memory> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { return Vec::new() };
    let (root, file, limited_by) = if controllers.is_empty() {
        ("/sys/fs/cgroup", "memory.max", LimitedBy::CgroupV2)
    } else if controllers.split(',').any(|name| name == "memory") {
        ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", LimitedBy::CgroupV1)
    } else {
        return Vec::new();
    };
    let limit = |group: &Path| {
        let directory = Path::new(root).join(group.strip_prefix("/").unwrap_or(group));
        // Without a limit, memory.max is the word `max`.
        let bytes = read(&directory.join(file))?.trim().parse().ok()?;
        (bytes < NO_LIMIT).then_some(Memory { bytes, limited_by })
    };
    Path::new(path).ancestors().filter_map(limit).collect()
}

/// Returns the size of the machine's memory, from `/proc/meminfo`.
fn total_memory(text: &str) -> Option<Memory> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(Memory { bytes: kib * 1024, limited_by: LimitedBy::Machine })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Argon2Cost = Argon2Cost { memory_kib: 19_456, passes: 2, lanes: 1 };

    fn machine(cores: usize, mib: u64) -> Machine {
        let memory = Memory { bytes: mib * MIB, limited_by: LimitedBy::CgroupV2 };
        Machine { cores, memory: Some(memory) }
    }

    fn found(files: &[(&str, &str)]) -> Option<(u64, LimitedBy)> {
        let read = |path: &Path| {
            let file = files.iter().find(|(name, _)| Path::new(name) == path);
            file.map(|(_, text)| (*text).to_owned())
        };
        Memory::find(&read).map(|memory| (memory.bytes / MIB, memory.limited_by))
    }

    const MEMINFO: (&str, &str) = ("/proc/meminfo", "MemTotal:        8388608 kB\nMemFree:  12 kB\n");

    #[test]
    fn smallest_limit_counts_also_of_a_cgroup_above() {
        let group = ("/proc/self/cgroup", "0::/pods/pod7/cloakroom\n");
        let own = ("/sys/fs/cgroup/pods/pod7/cloakroom/memory.max", "max\n");
        let above = ("/sys/fs/cgroup/pods/pod7/memory.max", "268435456\n");
        assert_eq!(found(&[MEMINFO, group, own, above]), Some((256, LimitedBy::CgroupV2)));
        assert_eq!(found(&[MEMINFO, group, own]), Some((8192, LimitedBy::Machine)));
        let root = ("/sys/fs/cgroup/memory.max", "134217728\n");
        assert_eq!(
            found(&[MEMINFO, ("/proc/self/cgroup", "0::/\n"), root]),
            Some((128, LimitedBy::CgroupV2))
        );
    }

    #[test]
    fn cgroup_v1_is_read_also_where_only_its_root_is_mounted() {
        let group = ("/proc/self/cgroup", "12:cpu,cpuacct:/docker/1\n4:memory:/docker/1\n0::/docker/1\n");
        let file = "/sys/fs/cgroup/memory/docker/1/memory.limit_in_bytes";
        assert_eq!(found(&[MEMINFO, group, (file, "536870912\n")]), Some((512, LimitedBy::CgroupV1)));
        let root = "/sys/fs/cgroup/memory/memory.limit_in_bytes";
        assert_eq!(found(&[MEMINFO, group, (root, "536870912\n")]), Some((512, LimitedBy::CgroupV1)));
        assert_eq!(
            found(&[MEMINFO, group, (root, "9223372036854771712\n")]),
            Some((8192, LimitedBy::Machine))
        );
    }

    #[test]
    fn unreadable_files_set_no_limit() {
        assert_eq!(found(&[]), None);
        assert_eq!(
            found(&[("/proc/self/cgroup", "0:\n\nmemory"), ("/proc/meminfo", "MemTotal: x kB")]),
            None
        );
        let unknown = Machine { cores: 6, memory: None };
        assert_eq!((unknown.hash_lanes(COST), unknown.workers(), unknown.db_pool()), (6, 6, 12));
    }

    #[test]
    fn sizes_follow_the_cores_as_far_as_the_memory_is_enough() {
        for (cores, mib, sizes) in [
            (1, 256, (1, 1, 4)),
            (2, 8192, (2, 2, 4)),
            (64, 128, (1, 4, 8)),
            (64, 256, (2, 8, 16)),
            (64, 1024, (12, 32, 64)),
            (64, 65_536, (64, 64, 128)),
            (2000, 1 << 30, (64, 1024, 1024)),
        ] {
            let machine = machine(cores, mib);
            assert_eq!(
                (machine.hash_lanes(COST), machine.workers(), machine.db_pool()),
                sizes,
                "{cores}, {mib}"
            );
        }
    }

    #[test]
    fn largest_hashes_of_all_lanes_fit_beside_the_server() {
        for mib in (176..4_096).step_by(16) {
            let lanes = machine(64, mib).hash_lanes(COST) as u64;
            assert!(BESIDE_HASHES + lanes * 4 * 19 * MIB <= mib * MIB, "{mib}");
        }
    }
}
