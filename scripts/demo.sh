#!/usr/bin/env bash
# The main job, live: a cluster of real processes, a replica moved from disk to disk while its table is written and
# read, a node killed, every acknowledged key read back. At most a minute once built; fails if anything is missing.
#
#   scripts/demo.sh [--dir DIR] [--fast] [--port-offset N]     --fast moves without a rate limit
set -euo pipefail
caller=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib/common.sh

dir="" fast=() offset=0
while [ $# -gt 0 ]; do
  case "$1" in
    --dir) dir="${2:?--dir needs a directory}"; shift 2 ;;
    --fast) fast=(--fast); shift ;;
    --port-offset) offset="${2:?--port-offset needs a number}"; shift 2 ;;
    *) die "usage: scripts/demo.sh [--dir DIR] [--fast] [--port-offset N]" ;;
  esac
done
[ -n "$dir" ] || dir=$(mktemp -d "${TMPDIR:-/tmp}/godwit-demo-XXXXXX")
[[ "$dir" == /* ]] || dir="$caller/$dir"

prepare_build
say "building (the first time: about 6 minutes for RocksDB and 3 for the rest on two cores)"
cargo build --release --locked --workspace --bins

# Whatever happens, nothing is left running.
trap 'scripts/onebox.sh clear --dir "$dir"' EXIT
scripts/onebox.sh start --dir "$dir" --bare --nodes 3 --disks 2 --port-offset "$offset"
"$CARGO_TARGET_DIR/release/demo" --onebox scripts/onebox.sh --dir "$dir" --port-offset "$offset" "${fast[@]}"
