#!/usr/bin/env bash
# The main job, live: a cluster of real processes, a replica moved from disk to disk while its table is written and
# read, a node killed, every acknowledged key read back. At most a minute once built; fails if anything is missing.
#
#   scripts/demo.sh [--dir DIR] [--fast]     --fast moves without a rate limit
set -euo pipefail
caller=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib/common.sh

dir="" fast=()
while [ $# -gt 0 ]; do
  case "$1" in
    --dir) dir="${2:?--dir needs a directory}"; shift 2 ;;
    --fast) fast=(--fast); shift ;;
    *) die "usage: scripts/demo.sh [--dir DIR] [--fast]" ;;
  esac
done
[ -n "$dir" ] || dir=$(mktemp -d "${TMPDIR:-/tmp}/godwit-demo-XXXXXX")
[[ "$dir" == /* ]] || dir="$caller/$dir"

prepare_build
say "building (the first time: about 6 minutes for RocksDB and 3 for the rest on two cores)"
cargo build --release --locked --workspace --bins

# Whatever happens, nothing is left running.
trap 'scripts/onebox.sh clear --dir "$dir"' EXIT
scripts/onebox.sh start --dir "$dir" --nodes 3 --disks 2
"$CARGO_TARGET_DIR/release/demo" --onebox scripts/onebox.sh --dir "$dir" "${fast[@]}"
