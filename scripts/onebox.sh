#!/usr/bin/env bash
# A cluster of real processes on loopback. Never compiles, and never kills by name: process ids are kept under DIR.
#
#   scripts/onebox.sh start|stop|clear|status|kill I|restart I  [--dir DIR]
#   start also takes --nodes 3  --disks 2  --sync always  --set KEY=VALUE (for the replica servers, several times)
#   --port-offset N, which is added to every port (for a second onebox on the machine), and --bare (without the table
#   `default` of Redis clients, which otherwise the first start creates with 64 partitions).
#
# Meta server: rpc 34601, http 3002. Replica server I (from 1): rpc 34800+I, http 34900+I, Redis clients 6380+I, disks disk1,
# disk2, …
set -euo pipefail
caller=$PWD
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib/common.sh

usage() { sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2; }

command="" index="" dir="${GODWIT_ONEBOX:-$GODWIT_CACHE/onebox}"
nodes=3 disks=2 sync=always settings=() offset=0 bare=""
while [ $# -gt 0 ]; do
  case "$1" in
    --dir) dir="${2:?--dir needs a directory}"; shift 2 ;;
    --nodes) nodes="${2:?--nodes needs a number}"; shift 2 ;;
    --disks) disks="${2:?--disks needs a number}"; shift 2 ;;
    --sync) sync="${2:?--sync needs always, interval or never}"; shift 2 ;;
    --set) settings+=(--set "${2:?--set needs KEY=VALUE}"); shift 2 ;;
    --port-offset) offset="${2:?--port-offset needs a number}"; shift 2 ;;
    --bare) bare=1; shift ;;
    start | stop | clear | status) [ -z "$command" ] || usage; command="$1"; shift ;;
    kill | restart) [ -z "$command" ] || usage; command="$1" index="${2:-}"; shift; [ $# -eq 0 ] || shift ;;
    *) usage ;;
  esac
done
[ -n "$command" ] || usage
[[ "$dir" == /* ]] || dir="$caller/$dir"
bin="${CARGO_TARGET_DIR:-$PWD/target}/release"
# A cluster keeps the ports that it was started with.
[ "$command" = start ] || offset=$(cat "$dir/port-offset" 2>/dev/null || echo 0)
meta_http=$((3002 + offset)) meta_port=$((34601 + offset)) rpc=$((34800 + offset)) http=$((34900 + offset)) resp=$((6380 + offset))
meta=127.0.0.1:$meta_port

# need_number VALUE NAME
need_number() { [[ "$1" =~ ^[1-9][0-9]*$ ]] || die "$2 is a number from 1 up, not '$1'"; }

# The processes known under DIR, replica servers first (so that they can hand over), the meta server last.
names() { (cd "$dir/pids" 2>/dev/null && find . -name 'replica*' -o -name meta) | sed 's|^\./||' | sort -r; }

# alive NAME: whether the recorded process runs, and is still the program that was started.
alive() {
  local pid
  pid=$(cat "$dir/pids/$1" 2>/dev/null) || return 1
  kill -0 "$pid" 2>/dev/null && tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF "$dir/data/$1"
}

# signal NAME SIGNAL
signal() { alive "$1" && kill "-$2" "$(cat "$dir/pids/$1")"; }

# gone NAME SECONDS: waits until the process has exited.
gone() {
  local end=$((SECONDS + $2))
  while alive "$1"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.05
  done
  rm -f "$dir/pids/$1"
}

# launch NAME PROGRAM ARGUMENT…: detached from this terminal, its output in logs/NAME.log, its arguments kept for restart.
launch() {
  local name="$1"
  shift
  printf '%s\0' "$@" >"$dir/args/$name"
  setsid "$@" >>"$dir/logs/$name.log" 2>&1 </dev/null 9>&- &
  echo $! >"$dir/pids/$name"
}

launch_meta() { launch meta "$bin/meta-server" --data-dir "$dir/data/meta" --listen "$meta" --http "127.0.0.1:$meta_http"; }

launch_replica() {
  local home="$dir/data/replica$1" dirs="" disk
  for disk in $(seq 1 "$disks"); do
    mkdir -p "$home/disk$disk"
    dirs+="${dirs:+,}disk$disk:$home/disk$disk"
  done
  launch "replica$1" "$bin/replica-server" --home "$home" --listen "127.0.0.1:$((rpc + $1))" \
    --http "127.0.0.1:$((http + $1))" --meta "$meta" --data-dirs "$dirs" --log-sync "$sync" \
    --resp-listen "127.0.0.1:$((resp + $1))" "${settings[@]}"
}

# Nodes that are up, drained or not: alive, not loading any more, and their disks are known.
registered() { "$bin/admin-cli" -m "$meta" --timeout 2s cluster-info 2>/dev/null | grep -cE ' ALIVE(, draining)? .* disk1' || true; }

# taken PORT
taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# healthy I: registered, and all its replicas are loaded.
healthy() {
  local line
  exec 3<>"/dev/tcp/127.0.0.1/$((http + $1))" || return 1
  printf 'GET /health HTTP/1.0\r\n\r\n' >&3
  IFS= read -r -t 5 line <&3 || line=""
  exec 3>&-
  [[ "$line" == *" 200 "* ]]
} 2>/dev/null

# await_registered COUNT
await_registered() {
  local end=$((SECONDS + 60))
  until [ "$(registered)" -ge "$1" ]; do
    [ "$SECONDS" -lt "$end" ] || die "only $(registered) of $1 nodes are registered; see $dir/logs"
    sleep 0.05
  done
}

# await_healthy I: waits for one replica server, as long as it and the meta server run.
await_healthy() {
  local end=$((SECONDS + 60)) name
  until healthy "$1"; do
    for name in meta "replica$1"; do
      alive "$name" || die "$name exited: $(tail -n 3 "$dir/logs/$name.log")"
    done
    [ "$SECONDS" -lt "$end" ] || die "replica$1 is not healthy after 60 s; see $dir/logs/replica$1.log"
    sleep 0.05
  done
}

# The table of Redis clients, unless an earlier start created it.
create_default() {
  local out replicas=$((nodes < 3 ? nodes : 3))
  out=$("$bin/admin-cli" -m "$meta" create default -p 64 -r "$replicas" 2>&1) || [[ "$out" == *ALREADY_EXISTS* ]] || die "$out"
}

start() {
  local program i
  need_number "$nodes" --nodes
  need_number "$disks" --disks
  for program in meta-server replica-server admin-cli; do
    [ -x "$bin/$program" ] || die "$bin/$program is not built; run: cargo build --release --workspace --bins (scripts/demo.sh does it too)"
  done
  for i in $(names); do
    ! alive "$i" || die "$i runs already; run: scripts/onebox.sh stop --dir $dir"
  done
  for i in "$meta_port" "$meta_http" $(seq $((rpc + 1)) $((rpc + nodes))) $(seq $((http + 1)) $((http + nodes))) $(seq $((resp + 1)) $((resp + nodes))); do
    ! taken "$i" || die "port $i is taken, perhaps by another onebox; stop it, or give --port-offset 1000"
  done
  mkdir -p "$dir/pids" "$dir/logs" "$dir/args" "$dir/data/meta"
  rm -f "$dir"/pids/*
  echo "$offset" >"$dir/port-offset"
  trap '[ $? -eq 0 ] || stop' EXIT # a cluster that does not come up is taken down again
  launch_meta
  # One after the other: peer ids are given in order of registration.
  for i in $(seq 1 "$nodes"); do
    launch_replica "$i"
    await_healthy "$i"
  done
  await_registered "$nodes"
  [ -n "$bare" ] || create_default
  say "meta server $meta and $nodes replica servers run in $dir; try: $bin/admin-cli -m $meta nodes"
}

stop() {
  local name running=()
  for name in $(names); do ! alive "$name" || running+=("$name"); done
  for name in "${running[@]}"; do [ "$name" = meta ] || signal "$name" TERM || true; done
  for name in "${running[@]}"; do
    [ "$name" != meta ] || signal meta TERM || true
    gone "$name" 30 || { say "$name does not exit, it is killed"; signal "$name" KILL || true; gone "$name" 10; }
  done
  rm -f "$dir"/pids/*
}

clear_all() {
  stop
  # Only what start made: DIR may hold other things.
  rm -rf "${dir:?}/pids" "$dir/logs" "$dir/args" "$dir/data" "$dir/port-offset"
  rmdir "$dir" 2>/dev/null || true
}

status() {
  local name found=0 state
  for name in $(names | sort); do
    found=1 state=dead
    ! alive "$name" || state="alive, pid $(cat "$dir/pids/$name")"
    printf '%-10s %s\n' "$name" "$state"
  done
  [ "$found" -eq 1 ] || { echo "nothing was started in $dir"; return 1; }
}

kill_one() {
  need_number "$index" "the replica server"
  alive "replica$index" || die "replica server $index does not run in $dir"
  signal "replica$index" KILL
  while alive "replica$index"; do sleep 0.02; done
}

restart_one() {
  local words
  need_number "$index" "the replica server"
  [ -e "$dir/args/replica$index" ] || die "replica server $index was never started in $dir"
  ! alive "replica$index" || { signal "replica$index" TERM && gone "replica$index" 30; }
  mapfile -d '' -t words <"$dir/args/replica$index"
  launch "replica$index" "${words[@]}"
  await_healthy "$index"
}

case "$command" in
  start) start ;;
  stop) stop ;;
  clear) clear_all ;;
  status) status ;;
  kill) kill_one ;;
  restart) restart_one ;;
esac
