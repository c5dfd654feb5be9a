# Shared by the scripts: messages, packages that a fresh Debian machine lacks, the environment of a build.
# shellcheck shell=bash

GODWIT_CACHE="${GODWIT_CACHE:-$HOME/.cache/godwit}"

say() { printf '== %s\n' "$*" >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# ensure_packages program:package … installs the packages whose program is missing.
ensure_packages() {
  local missing=() pair
  for pair in "$@"; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || [ -e "${pair%%:*}" ] || missing+=("${pair#*:}")
  done
  [ ${#missing[@]} -eq 0 ] && return 0
  say "installing ${missing[*]}"
  local sudo=""
  [ "$(id -u)" -eq 0 ] || sudo=sudo
  $sudo apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

# Everything a cargo command of this workspace needs: libclang for bindgen, and RocksDB compiled once.
prepare_build() {
  ls /usr/lib/llvm-*/lib/libclang.so* >/dev/null 2>&1 || ensure_packages /no-libclang:libclang-dev
  ensure_packages g++:g++
  ensure_packages ar:binutils
  if ! command -v cargo >/dev/null 2>&1; then
    ensure_packages rustup:rustup
    rustup toolchain install stable --profile minimal --component clippy --component rustfmt >&2
    rustup default stable >&2
  fi
  command -v cargo >/dev/null 2>&1 || die "cargo is missing: install Rust $(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml) or newer with rustup"
  ROCKSDB_LIB_DIR=$(scripts/rocksdb.sh | tail -n 1)
  export ROCKSDB_LIB_DIR ROCKSDB_STATIC=1
  export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$PWD/target}"
}
