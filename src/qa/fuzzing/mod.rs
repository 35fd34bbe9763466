//! Fuzz targets: properties of every input that an attacker can choose, and the CPU time that an input may take. The
//! fuzzers in `fuzz/` search for inputs that break them, and the tests repeat earlier findings. A broken property
//! panics. A normal build does not contain this module.

#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a panic reports a finding to the fuzzer"
)]

mod cpu;
#[cfg(test)]
mod mutations;
mod parsers;
mod properties;
mod targets;
#[cfg(test)]
mod worst_cases;

pub use targets::run;
