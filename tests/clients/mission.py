"""Unmodified redis-py against a cluster that fails beneath it.

Usage: mission.py HOST:PORT[,HOST:PORT...] [SECONDS]. With SECONDS it reads from replicas too, which may lack what was
acknowledged within so many seconds. Works until standard input ends, and then until every worker has counted some
times more, which shows that the client is well again. Prints one JSON document: operations that were answered, errors that
the client let through by kind, and every wrong answer.
"""
import collections
import json
import sys
import threading
import time

from redis.cluster import ClusterNode, LoadBalancingStrategy, RedisCluster
from redis.exceptions import RedisError

WORKERS = 4
COUNTS_AFTER = 50
stale_max = float(sys.argv[2]) if len(sys.argv) > 2 else 0
stop = threading.Event()
lock = threading.Lock()
report = {"operations": 0, "errors": collections.Counter(), "wrong": []}


def attempt(work):
    """The answer of an operation, or None if the client gave it up: its outcome is then unknown."""
    try:
        answer = work()
    # An IndexError is redis-py's own: reads that take turns count by primary, and then index a slot with fewer replicas.
    except (RedisError, OSError, IndexError) as error:
        with lock:
            report["errors"][type(error).__name__] += 1
        return None
    with lock:
        report["operations"] += 1
    return answer


def judge(what, found, least, most):
    if not least <= found <= most:
        with lock:
            report["wrong"].append(f"{what}: {found} is not within {least}..{most}")


class Register:
    """A value that only ever rises, written and read back by one worker."""

    def __init__(self, what, write, read):
        self.what, self.write, self.read = what, write, read
        self.tried = 0
        # When each value was acknowledged, beginning with the last that every reader has to see.
        self.acknowledged = collections.deque([(0, 0)])

    def step(self):
        self.tried += 1
        if attempt(lambda: self.write(self.tried)) is not None:
            self.acknowledged.append((time.monotonic(), self.tried))
        while len(self.acknowledged) > 1 and self.acknowledged[1][0] <= time.monotonic() - stale_max:
            self.acknowledged.popleft()
        found = attempt(self.read_or_zero)
        if found is not None:
            judge(self.what, found, self.acknowledged[0][1], self.tried)

    def read_or_zero(self):
        return int(self.read() or 0)


def worker(client, number):
    key, table, counter = (f"py:{kind}:{number}" for kind in ("string", "hash", "counter"))
    registers = [
        Register(key, lambda value: client.set(key, value), lambda: client.get(key)),
        Register(table, lambda value: (client.hset(table, "field", value), True), lambda: client.hget(table, "field")),
    ]
    counted = 0
    more = COUNTS_AFTER
    while more > 0:
        for register in registers:
            register.step()
        # An increment that the client repeats may count twice, but never goes back.
        count = attempt(lambda: client.incr(counter))
        if count is not None:
            judge(counter, count, counted + 1, sys.maxsize)
            counted = count
            more -= stop.is_set()


def work_on(client, number):
    """A worker that ends by an error of its own is one that found something wrong."""
    try:
        worker(client, number)
    except Exception as error:
        with lock:
            report["wrong"].append(f"worker {number}: {error!r}")
        raise


def main():
    nodes = [address.rsplit(":", 1) for address in sys.argv[1].split(",")]
    startup_nodes = [ClusterNode(host, int(port)) for host, port in nodes]
    # Reads take turns between the primary and its replicas.
    strategy = LoadBalancingStrategy.ROUND_ROBIN if stale_max > 0 else None
    client = RedisCluster(startup_nodes=startup_nodes, decode_responses=True, load_balancing_strategy=strategy)
    workers = [threading.Thread(target=work_on, args=(client, number)) for number in range(WORKERS)]
    for one in workers:
        one.start()
    print("working", flush=True)
    sys.stdin.read()
    stop.set()
    for one in workers:
        one.join()
    print(json.dumps(report), flush=True)


main()
