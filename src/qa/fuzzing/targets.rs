//! List of the fuzz targets.

use super::{cpu, parsers, properties};

/// A fuzz target.
pub(super) struct Target {
    /// Name of the target and of its corpus.
    pub(super) name: &'static str,
    /// Checks one input.
    pub(super) check: fn(&[u8]),
    /// Length of the longest input that a caller can send, in bytes.
    pub(super) longest: usize,
}

/// Longest body of a request.
const BODY: usize = crate::http::LARGEST_BODY;

/// Longest head of a request, with its query: the buffer of the HTTP server.
const HEAD: usize = 128 * 1024;

/// Longest value in the query of a list: 512 characters.
const QUERY_VALUE: usize = 2_048;

const fn target(name: &'static str, check: fn(&[u8]), longest: usize) -> Target {
    Target { name, check, longest }
}

/// All targets.
pub(super) const TARGETS: &[Target] = &[
    target("token", properties::token, HEAD),
    target("cursor", properties::cursor, QUERY_VALUE),
    target("merge_patch", properties::merge_patch, BODY),
    target("redirect_uri", properties::redirect_uri, HEAD),
    target("email", properties::email, BODY),
    target("basic", properties::basic, HEAD),
    target("form", properties::form, BODY),
    target("password", parsers::password, BODY),
    target("text", parsers::text, BODY),
    target("json", parsers::json, BODY),
    target("account", parsers::account, BODY),
    target("query", parsers::query, HEAD),
    target("forwarded", parsers::forwarded, HEAD),
    target("cookie", parsers::cookie, HEAD),
    target("proof", parsers::proof, HEAD),
    target("client_keys", parsers::client_keys, BODY),
];

/// Checks one input, and its CPU time. An input that is too long reaches no parser.
///
/// # Panics
/// When a property is broken, or the input takes more than `cpu::LIMIT`.
pub fn run(name: &str, data: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name).expect("a target");
    if data.len() > target.longest {
        return;
    }
    let time = cpu::time_of(cpu::LIMIT, || (target.check)(data));
    assert!(time <= cpu::LIMIT, "{name} takes {time:?} of CPU for {} bytes", data.len());
}

/// Returns the inputs that the fuzzer of this name begins with, and those that it found.
#[cfg(test)]
pub(super) fn corpus(name: &str) -> Vec<Vec<u8>> {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(name);
    let mut files: Vec<_> =
        std::fs::read_dir(directory).expect("a corpus").map(|file| file.expect("a file").path()).collect();
    files.sort();
    files.iter().map(|file| std::fs::read(file).expect("an input")).collect()
}

#[cfg(test)]
mod tests {
    use super::{TARGETS, corpus};

    #[test]
    fn what_the_fuzzers_found_before_holds() {
        for target in TARGETS {
            let inputs = corpus(target.name);
            assert!(inputs.len() > 2, "{} has a corpus", target.name);
            inputs.iter().for_each(|input| (target.check)(input));
        }
    }
}
