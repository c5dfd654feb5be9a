#!/usr/bin/env bash
# Runs histories of the replication protocol under faults: simulate.sh --seeds N [--seed S] [--events E]
# (seeds S..S+N-1; the last line is a summary; a failing seed prints its trace and its replay command, exit status 1).
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=scripts/lib/common.sh
. scripts/lib/common.sh
# The simulator links no RocksDB, so neither that nor libclang is needed.
command -v cargo >/dev/null 2>&1 || die "cargo is missing: install Rust $(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or newer with rustup"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
cargo build --release --quiet --package simulation
exec "$CARGO_TARGET_DIR/release/simulation" "$@"
