# The commands of every day. .ci/run runs the same cargo commands and does not need `just`.

# List the recipes.
default:
    @just --list

# Build and run the server; it reads .env if there is one.
run *arguments:
    cargo run --release -- {{arguments}}

# Run every test, on SQLite and on PostgreSQL.
test *filter:
    cargo test --locked {{filter}}

# Install what the tests with other people's clients need: their packages, for Node.js (20 or newer) and Python, and Hurl, whose build needs libxml2 and libclang. The browser is Chromium.
interop:
    npm ci --prefix tests/interop
    python3 -m venv target/interop-venv
    target/interop-venv/bin/pip install --quiet --requirement tests/interop/requirements.txt
    BINDGEN_EXTRA_CLANG_ARGS="-I$(cc -print-file-name=include)" cargo install hurl --version 8.0.1 --locked --root target/hurl --target-dir target/hurl-build

# Check the format, the lints and the documentation.
lint:
    cargo fmt --check
    cargo clippy --all-targets --all-features --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked

# Check the files of deploy/ with their own linters (needs `just interop`, and systemd).
lint-deploy:
    target/interop-venv/bin/kubernetes-validate --strict deploy/kubernetes.yaml
    target/interop-venv/bin/hadolint deploy/Dockerfile
    systemd-analyze security --offline=true --no-pager --threshold=20 deploy/cloakroom.service

# Do to the server what may happen to it, under load, so many seconds each, and hold what is left against what was acknowledged (needs PostgreSQL, pgbouncer and haproxy).
torture seconds="60":
    CLOAKROOM_TORTURE_SECONDS={{seconds}} cargo test --locked --test api -- torture --nocapture --test-threads 1

# Fuzz what reads an attacker's input, so many seconds each (needs a nightly compiler and cargo-fuzz).
fuzz seconds="60":
    fuzz/run {{seconds}}

# Open the documentation of the code.
doc:
    cargo doc --no-deps --locked --open

# Measure all that docs/performance.md tells of, one after the other, and draw its pictures; it takes hours, and a quiet machine (needs wrk, valgrind, PostgreSQL and `just interop`).
bench:
    benches/run --pictures docs/pictures
    benches/compare --no-build --pictures docs/pictures
    benches/tokens --no-build
    benches/logins --no-build
    benches/writes --no-build
    benches/crowd --no-build
    benches/instructions
    cargo build --profile dist --locked
    benches/ready
    benches/growth

# Draw where the time of a read goes (needs wrk, perf and inferno).
flame *arguments:
    benches/flame {{arguments}}

# Check the licences, advisories and sources of the dependencies (needs cargo-deny).
deny:
    cargo deny --locked check

# Say whether the public API breaks a promise that it made at a revision (needs cargo-semver-checks).
semver since:
    cargo semver-checks --baseline-rev {{since}}

# Run the example application.
notes *arguments:
    cargo run --example notes -- {{arguments}}

# Write the pages of who may do what, and the compiler's messages, anew; read the difference.
golden:
    UPDATE_GOLDEN=1 cargo test --locked --test api -- authz_matrix compiler

# Do all that CI does. On Debian, as root, it also installs what is missing.
ci:
    .ci/run

# Write the README's table of routes anew.
matrix:
    cargo run --quiet -- routes --format markdown > target/routes.md
    sed -i -e '/<!-- routes:begin -->/,/<!-- routes:end -->/{//!d}' -e '/<!-- routes:begin -->/r target/routes.md' README.md
