#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Failure classes of the way to the API server: answers that are lost after the write was done, a controller that dies after
any of its writes, watches that show everything late. A real server of its own; somebody stands between."""
import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *  # noqa: E402,F401,F403
from bwtest import diag, expect, expect_eq, main, test, wait_until  # noqa: E402
from kubelead import Cluster, ips_of, is_bound, judge  # noqa: E402
from meddler import Meddler  # noqa: E402

THREE = [{"name": "eth%d" % i, "networks": ["lan", "lan6"]} for i in range(3)]
folder = tempfile.TemporaryDirectory(prefix="barewire-wire.")
cluster = Cluster(folder.name, port=9643)
meddler = None


def setup():
    global meddler
    cluster.start()
    meddler = Meddler(cluster, port=9743)
    cluster.pool("lan", ["10.99.0.1-10.99.3.250"])
    cluster.pool("lan6", ["fd00:99::/64"], prefix="fd00:99::/64")


def claims_of(prefix):
    return [c for c in cluster.objects("networkclaims") if c["metadata"]["name"].startswith(prefix)]


def all_bound(prefix, n, timeout_s=90):
    wait_until(lambda: sum(map(is_bound, claims_of(prefix))) == n, timeout_s,
               lambda: "%d of %d bound; %s" % (sum(map(is_bound, claims_of(prefix))), n, cluster.controllers[-1].tail()))


def expect_locks(n, timeout_s=60):
    """Nothing is wrong, and there is nothing beyond what the claims list."""
    wait_until(lambda: cluster.count("networkaddresses") == n, timeout_s, lambda: "%d locks, not %d" % (cluster.count("networkaddresses"), n))
    expect_eq(judge(cluster.objects("networkclaims"), cluster.objects("networkaddresses")), [], "what is wrong")


@test
def class_4_killed_after_any_of_its_writes_it_leaves_all_or_nothing_in_the_end():
    """Dual stack on three interfaces: six locks and a status. The n-th controller dies when its n-th write is done and not
    answered; the next finds what it left."""
    for n in range(1, 9):
        done = []
        meddler.writes = 0
        # Its first write is the epoch.
        meddler.lose = lambda method, path, n=n: len(done) >= n or (done.append(path), len(done) >= n)[1]
        cluster.claim("crash-%d" % n, interfaces=THREE)
        c = cluster.leader("crash-%d" % n, url=meddler.url)
        wait_until(lambda: len(done) >= n, 60, lambda: "%d writes\n%s" % (len(done), c.tail()))
        c.kill()
    meddler.lose = lambda method, path: False
    last = cluster.leader("healer", url=meddler.url)
    all_bound("crash-", 8)
    expect_eq([len(ips_of(c)) for c in claims_of("crash-")], [6] * 8, "addresses of each")
    expect_locks(48)
    last.kill()


@test
def class_5_a_lost_answer_of_any_write_takes_no_second_address():
    seen, n = set(), 20

    def first_time(method, path):
        new = (method, path) not in seen
        seen.add((method, path))
        return new
    meddler.lose = first_time
    c = cluster.leader("loser", url=meddler.url)
    for i in range(n):
        cluster.claim("lost-%02d" % i)
    all_bound("lost-", n)
    expect(meddler.lost >= 2 * n, "%d answers were lost" % meddler.lost)
    meddler.lose = lambda method, path: False
    diag("%d answers lost, each write's first" % meddler.lost)
    expect_eq([len(ips_of(o)) for o in claims_of("lost-")], [1] * n, "addresses of each")
    expect_locks(48 + n)
    c.kill()


@test
def class_11_who_sees_its_own_writes_seconds_late_gives_each_claim_one_address():
    n, late_s = 60, 4
    c = cluster.leader("late", url=meddler.url).leads()
    cluster.claim("late-first")
    all_bound("late-first", 1)
    before = cluster.count("networkaddresses")
    meddler.delay_s = late_s
    start = time.monotonic()
    for i in range(n):
        cluster.claim("late-%03d" % i)
    all_bound("late-0", n)
    diag("%d bound %.1f s after the first was made, all of it seen %d s late" % (n, time.monotonic() - start, late_s))
    expect_locks(before + n)
    meddler.delay_s = 0.0
    expect_eq([len(ips_of(o)) for o in claims_of("late-0")], [1] * n, "addresses of each")
    expect(c.alive, "it lives")


try:
    main(setup=setup)
finally:
    if meddler:
        meddler.close()
    cluster.stop()
