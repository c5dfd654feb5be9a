#!/usr/bin/env bash
# Every check there is: format, lints, all tests (layers and real processes among them), the simulator, the scripts.
# Installs what is missing on a fresh Debian machine. First time on two cores about 6 minutes for RocksDB and 5 for the
# rest, then the tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib/common.sh

prepare_build
ensure_packages curl:curl chromium:chromium redis-check-rdb:redis-tools
scripts/redis_clients.sh >/dev/null
began=$SECONDS

say "scripts"
for script in scripts/*.sh scripts/lib/*.sh .ci/run; do bash -n "$script"; done

say "format"
cargo fmt --all --check

say "lints"
cargo clippy --release --locked --workspace --all-targets -- -D warnings

say "build"
cargo build --release --locked --workspace --all-targets

say "tests"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cargo test --release --locked --workspace 2>&1 | tee "$log"

say "simulator"
scripts/simulate.sh --seeds "${GODWIT_TEST_SEEDS:-200}" --seed 100000

say "closing lines of all test programs"
grep '^test result:' "$log"
say "all passed in $((SECONDS - began)) s"
