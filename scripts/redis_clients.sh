#!/usr/bin/env bash
# Installs, once, the unmodified Redis clients that the tests drive: redis-cli, redis-benchmark, redis-py and node-redis.
# The last line is the directory of what comes from the registries of pip and npm.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. scripts/lib/common.sh

redis_py=8.1.0 node_redis=6.3.1
dir="$GODWIT_CACHE/redis-clients-$redis_py-$node_redis"

# Several tests may come at once.
mkdir -p "$GODWIT_CACHE"
exec 9>"$dir.lock"
flock 9
ensure_packages redis-cli:redis-tools redis-server:redis-server python3:python3 node:nodejs npm:npm
if [ ! -e "$dir/complete" ]; then
  say "installing redis-py $redis_py and node-redis $node_redis into $dir"
  rm -rf "$dir"
  mkdir -p "$dir"
  python3 -m venv "$dir/python" >&2 || { ensure_packages /no-venv:python3-venv; python3 -m venv "$dir/python" >&2; }
  "$dir/python/bin/pip" install --quiet --disable-pip-version-check "redis==$redis_py" >&2
  npm install --silent --no-audit --no-fund --prefix "$dir/node" "redis@$node_redis" >&2
  touch "$dir/complete"
fi
echo "$dir"
