#!/usr/bin/env bash
# Compiles RocksDB's C++ once, outside cargo, and prints the directory of librocksdb.a on its last line.
#
# Cargo would compile 343 files again for every profile and every changed dependency (37 CPU-minutes each).
# Here each unity file #includes 14 of the sources that the pinned librocksdb-sys lists: about 6 minutes, once.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib/common.sh
ensure_packages g++:g++ ar:binutils

readonly PER_UNIT=14
readonly FLAGS="-O2 -fPIC -std=c++20 -msse4.2 -mpclmul -w -include cstdint -DNDEBUG -DLZ4=1 -DZSTD=1 -DOS_LINUX \
-DROCKSDB_PLATFORM_POSIX -DROCKSDB_LIB_IO_POSIX -DROCKSDB_SCHED_GETCPU_PRESENT -DROCKSDB_AUXV_GETAUXVAL_PRESENT \
-DROCKSDB_FALLOCATE_PRESENT -DROCKSDB_RANGESYNC_PRESENT -DHAVE_ALIGNED_NEW -DHAVE_UINT128_EXTENSION"

# Where cargo unpacked a dependency, from its own metadata.
crate_dir() {
  sed 's/"manifest_path":/\n&/g' "$metadata" | sed -n "s|^\"manifest_path\":\"\([^\"]*/$1-[0-9][^\"/]*\)/Cargo.toml\".*|\1|p" | head -n 1
}

metadata=$(mktemp)
trap 'rm -f "$metadata"' EXIT
cargo metadata --locked --format-version 1 >"$metadata"
sys=$(crate_dir librocksdb-sys)
[ -n "$sys" ] || die "librocksdb-sys is not in Cargo.lock"
includes="-I$sys/rocksdb/include -I$sys/rocksdb -I$sys -I$(crate_dir lz4-sys)/liblz4/lib -I$(crate_dir zstd-sys)/zstd/lib"
version=$(basename "$sys" | sed 's/^librocksdb-sys-//')
key=$(printf '%s %s %s' "$FLAGS" "$PER_UNIT" "$(g++ -dumpfullversion)" | sha256sum | cut -c1-12)
out="$GODWIT_CACHE/rocksdb-$version-$key"

if [ ! -e "$out/librocksdb.a" ]; then
  mkdir -p "$GODWIT_CACHE"
  exec 9>"$out.lock"
  flock 9 # a second build waits for the first
fi
if [ ! -e "$out/librocksdb.a" ]; then
  work="$out.building"
  mkdir -p "$work"
  grep -v '^util/build_version.cc$' "$sys/rocksdb_lib_sources.txt" | sed "s|^|#include \"$sys/rocksdb/|; s|\$|\"|" \
    | split -l "$PER_UNIT" -d --additional-suffix=.cc - "$work/unit"
  printf '#include "%s"\n' "$sys/build_version.cc" >"$work/version.cc"
  total=$(find "$work" -name '*.cc' | wc -l)
  say "compiling RocksDB $version once: $total units on $(nproc) cores, about 6 minutes on two"
  # A unit that is already compiled stays: an interrupted build goes on where it stopped.
  find "$work" -name '*.cc' | sort | UNIT_FLAGS="$FLAGS $includes" TOTAL="$total" xargs -P "$(nproc)" -I{} bash -c '
    object="${1%.cc}.o"
    [ -e "$object" ] && exit 0
    g++ $UNIT_FLAGS -c "$1" -o "$object.part" && mv "$object.part" "$object" || exit 255
    echo "  $(find "$(dirname "$1")" -name "*.o" | wc -l)/$TOTAL $(basename "$1")" >&2' _ {}
  rm -f "$work/librocksdb.a.part"
  ar crs "$work/librocksdb.a.part" "$work"/*.o
  mkdir -p "$out"
  mv "$work/librocksdb.a.part" "$out/librocksdb.a"
  rm -rf "$work"
fi
echo "$out"
