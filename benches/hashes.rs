//! Hashes per second of argon2id alone at the default cost, with one thread per core and reused memory.
//! Prints a number.

use std::thread;
use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};

const FOR: Duration = Duration::from_secs(5);

fn main() {
    // A run of all benches asks each for its list, or for a trial run, with an argument.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let cores = thread::available_parallelism().map_or(1, usize::from);
    let threads: Vec<_> = (0..cores).map(|_| thread::spawn(hashes_a_second)).collect();
    let rates = threads.into_iter().map(|thread| thread.join().expect("it hashes"));
    println!("{:.1}", rates.sum::<f64>());
}

fn hashes_a_second() -> f64 {
    let params = Params::new(19_456, 2, 1, Some(32)).expect("the default cost");
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let (mut hash, mut made, began) = ([0; 32], 0.0, Instant::now());
    while began.elapsed() < FOR {
        let hashed =
            argon2.hash_password_into_with_memory(b"a password", b"sixteen bytes...", &mut hash, &mut memory);
        hashed.expect("a hash");
        made += 1.0;
    }
    made / began.elapsed().as_secs_f64()
}
