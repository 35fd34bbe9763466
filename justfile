# Everyday commands. .ci/run runs the same cargo commands and does not need `just`.

# List the recipes.
default:
    @just --list

# Build and run the server with the settings of .env.
run *arguments:
    cargo run --release -- {{arguments}}

# Run every test, on SQLite and on PostgreSQL.
test *filter:
    cargo test --locked {{filter}}

# Build the program that is deployed, linked statically for any Linux (needs musl-tools).
dist:
    rustup target add {{arch()}}-unknown-linux-musl
    cargo build --profile dist --locked --bin cloakroom --target {{arch()}}-unknown-linux-musl

# Make a tarball, an SBOM, checksums and, where docker, podman or buildah works, an image of the build of `just dist`.
package: dist
    deploy/package

# Install the packages of the interoperability tests (needs Node.js 20 or newer, Python and Chromium).
interop:
    npm ci --prefix tests/interop
    npm ci --prefix tests/interop/runners
    python3 -m venv target/interop-venv
    target/interop-venv/bin/pip install --quiet --requirement tests/interop/requirements.txt

# Check the format, the lints and the documentation.
lint:
    cargo fmt --check
    cargo clippy --all-targets --all-features --locked -- -D warnings
    cargo check --locked
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked

# Check the files of deploy/ with their linters (needs `just interop`, systemd and haproxy).
lint-deploy:
    target/interop-venv/bin/kubernetes-validate --strict deploy/kubernetes.yaml
    target/interop-venv/bin/hadolint deploy/Dockerfile
    systemd-analyze security --offline=true --no-pager --threshold=20 deploy/cloakroom.service
    haproxy -c -f deploy/haproxy.cfg

# Inject each fault under load for this many seconds, and check that no acknowledged change is lost (needs PostgreSQL, pgbouncer and haproxy).
torture seconds="60":
    CLOAKROOM_TORTURE_SECONDS={{seconds}} cargo test --locked --test api -- torture --include-ignored --nocapture --test-threads 1

# Fuzz each parser of untrusted input for this many seconds (needs a nightly compiler and cargo-fuzz).
fuzz seconds="60":
    fuzz/run {{seconds}}

# Plant each fault of src/faults.rs in a test server, and write into docs/qa.md what finds it. `--only NAME`, `--untried`, `--shard 1/4`.
faults *arguments:
    tests/faults/run {{arguments}}

# Open the documentation of the code.
doc:
    cargo doc --no-deps --locked --open

# Take every measurement of docs/performance.md and draw its pictures. Takes hours on an idle machine (needs wrk, valgrind, PostgreSQL and `just interop`).
bench:
    benches/run --pictures docs/pictures
    benches/compare --no-build --pictures docs/pictures
    benches/tokens --no-build
    benches/logins --no-build
    benches/mails --no-build
    benches/writes --no-build
    benches/crowd --no-build
    benches/instructions
    cargo build --profile dist --locked
    benches/ready
    benches/growth

# Draw a flame graph of a read (needs wrk, perf and inferno).
flame *arguments:
    benches/flame {{arguments}}

# Check the licences, advisories and sources of the dependencies (needs cargo-deny).
deny:
    cargo deny --locked check

# Compare the public API with a revision (needs cargo-semver-checks).
semver since:
    cargo semver-checks --baseline-rev {{since}}

# Run the example application.
notes *arguments:
    cargo run --example notes -- {{arguments}}

# Rewrite the golden files: the authorization matrix and the compiler's messages. Review the difference.
golden:
    UPDATE_GOLDEN=1 cargo test --locked --test api -- authz_matrix compiler

# Do all that CI does. On Debian, as root, it also installs what is missing.
ci:
    .ci/run

# Write the tables of routes in docs/authorization.md anew, with the routes of a server that sends mail.
matrix:
    CLOAKROOM_MAIL_URL=log: CLOAKROOM_MAIL_FROM=no-reply@example.org cargo run --quiet -- routes --format markdown > target/routes.md
    sed -i -e '/<!-- routes:begin -->/,/<!-- routes:end -->/{//!d}' -e '/<!-- routes:begin -->/r target/routes.md' docs/authorization.md
