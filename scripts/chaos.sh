#!/usr/bin/env bash
# Breaks clusters of real processes at random (networks cut between any two hosts, processes paused, killed and stopped,
# replicas moved beneath) and checks what their clients were told. Needs root, for network namespaces.
#
#   scripts/chaos.sh --runs N --seed S [--seconds 60] [--at-once 1] [--beneath nothing|disks|regions|both]
#
# Seeds are S, S+1, …; a line for each run, the last line is a summary. A run that finds something prints its seed and
# keeps its logs; exit status 1.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib/common.sh

ensure_packages ip:iproute2 nft:nftables nsenter:util-linux
prepare_build
say "building"
cargo build --release --locked --workspace --bins >&2
exec "$CARGO_TARGET_DIR/release/chaos" "$@"
