#!/usr/bin/env bash
# Benchmarks over real processes on this machine. Builds what is missing, then:
#
#   scripts/bench.sh kv [--ops put,get,mixed] [--callers 1,16,64,256] [--sync always,never] [--seconds 5] …
#   scripts/bench.sh disk [--quick] [--parts copying,window,foreground,limit,crowd]
#   scripts/bench.sh failover [--kills 30] [--nodes 3] [--partitions 8]
#   scripts/bench.sh region [--quick]
#   scripts/bench.sh resp [--quick] [--parts connections,alone,durable,confirmed] [--tests set,get,incr,hset,mset]
#                         [--pipelines 1,16] [--sizes 3,1024] [--clients 50,256] [--seconds 1.5 | --requests N] [--rounds 3] …
#
# `--help` after each of them shows all options. The tables go to stdout as Markdown.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib/common.sh

prepare_build
say "building"
cargo build --release --locked --workspace --bins >&2
exec "$CARGO_TARGET_DIR/release/bench" "$@"
