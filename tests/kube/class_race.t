#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The race hammer: three controllers that all believe they lead, 10,000 claims on a pool of 9,990, on a real API server
of its own. The first 1,500 and the last 1,500 addresses they take all at once; between, each sleeps (SIGSTOP) while another
works and wakes with decisions of the past. What is judged is read from etcd."""
import os
import re
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *  # noqa: E402,F401,F403
from bwtest import diag, expect, expect_eq, expect_in, main, test, wait_until  # noqa: E402
from kubelead import Cluster, ips_of, is_bound, judge, reason_of  # noqa: E402

CLAIMS, ADDRESSES, MORE = 10000, 9990, 5
folder = tempfile.TemporaryDirectory(prefix="barewire-race.")
cluster = Cluster(folder.name, port=9443)
state = {}


def setup():
    start = time.monotonic()
    cluster.start()
    cluster.pool("lan", ["10.99.0.1-10.99.39.6"])  # 9,990
    cluster.seed(CLAIMS)
    diag("the server is up and has %d claims after %.1f s" % (cluster.count("networkclaims"), time.monotonic() - start))


def bound_claims():
    claims = cluster.objects("networkclaims")
    return claims, [c for c in claims if is_bound(c)]


def requests():
    """What the API server was asked, by kind, verb and answer."""
    text = cluster.api.ask("GET", "/metrics")[1]
    out = {}
    for labels, n in re.findall(r'^apiserver_request_total\{(.*)\} (\S+)$', text, re.M):
        of = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        key = (of["resource"], of["verb"], of["code"])
        if of["group"] == "net.barewire.dev" and of["verb"] in ("POST", "PATCH", "DELETE"):
            out[key] = out.get(key, 0) + int(float(n))
    return out


def revive(leaders):
    """As a kubelet would: one that lost its own Lease, on a machine that was too busy, has ended."""
    for c in leaders:
        if not c.alive:
            diag("%s ended and is started again" % c.name)
            c.start()


def race(leaders, until):
    """All at once, until so many locks are there."""
    for c in leaders:
        c.thaw()
    wait_until(lambda: nap(0.2) and cluster.count("networkaddresses") >= until, 400,
               lambda: "%d locks of %d\n%s" % (cluster.count("networkaddresses"), until, leaders[0].tail()))
    revive(leaders)


def relay(leaders, until):
    """One after the other for a second or two: who wakes goes on with what it had decided before it slept."""
    turns, end = 0, time.monotonic() + 400
    while cluster.count("networkaddresses") < until:
        expect(time.monotonic() < end, "%d locks of %d\n%s" % (cluster.count("networkaddresses"), until, leaders[0].tail()))
        awake = leaders[turns % len(leaders)]
        for c in leaders:
            (c.thaw if c is awake else c.freeze)()
        nap(1.5)
        revive(leaders)
        turns += 1
    return turns


@test
def class_12_leaders_that_sleep_and_wake_go_on_with_what_they_had_decided_and_give_nothing_twice():
    state["start"] = time.monotonic()
    leaders = state["leaders"] = [cluster.leader("race-%d" % i) for i in range(3)]
    for c in leaders:
        c.leads()
    race(leaders, 10)
    state["first"] = time.monotonic()
    race(leaders, 1500)
    turns = relay(leaders, 8500)
    diag("%d turns of one alone" % turns)
    for c in leaders:
        c.freeze()
    # As it lies there with three controllers stopped in the middle of what they do.
    expect_eq(judge(cluster.objects("networkclaims"), cluster.objects("networkaddresses"), settled=False), [], "what is wrong")


@test
def class_21_ten_thousand_claims_are_bound_cold_by_three_that_believe_they_lead():
    leaders = state["leaders"]
    race(leaders, ADDRESSES)
    seen = wait_until(lambda: nap(0.5) and len(bound_claims()[1]) >= ADDRESSES and time.monotonic(), 400,
                      lambda: "%d bound of %d\n%s" % (len(bound_claims()[1]), ADDRESSES, leaders[0].tail()))
    asked = requests()
    refused = sum(n for (_, _, code), n in asked.items() if code == "409")
    diag("%d bound %.1f s after the start, %.0f a second from the first on" % (
        ADDRESSES, seen - state["start"], ADDRESSES / (seen - state["first"])))
    diag("writes: %d, of which %d lost a race; resident: %s MiB" % (sum(asked.values()), refused, [round(c.memory_mib()) for c in leaders]))
    expect(refused > 1000, "it was no race: %s" % asked)


@test
def class_1_no_address_is_given_twice_and_exactly_ten_wait_and_say_why():
    def settled():
        claims, bound = bound_claims()
        waiting = [c for c in claims if not is_bound(c)]
        return nap(0.5) and len(waiting) == CLAIMS - ADDRESSES and all(reason_of(c) for c in waiting) and (claims, waiting)
    claims, waiting = wait_until(settled, 60, "ten that say why")
    locks = cluster.objects("networkaddresses")
    expect_eq((len(claims), len(locks)), (CLAIMS, ADDRESSES), "claims and locks in the store")
    expect_eq(judge(claims, locks), [], "what is wrong")
    expect_eq({a["spec"]["state"] for a in locks}, {"Bound"}, "states")
    for c in waiting:
        expect_eq((reason_of(c), ips_of(c), c["status"]["phase"]), ("PoolExhausted", [], "Pending"), "reason, addresses, phase")
        expect_in("pool lan: 0 of 9990 free", reason_of(c, "message"))
    diag("they wait: %s; %s" % ([c["metadata"]["name"] for c in waiting], reason_of(waiting[-1], "message")))
    state["before"] = {c["metadata"]["name"]: ips_of(c) for c in claims}
    state["waiting"] = sorted(c["metadata"]["name"] for c in waiting)


@test
def class_10_who_begins_anew_gives_only_what_is_free():
    """All three die at once; five addresses more; who comes knows of 20,000 objects nothing but what it lists."""
    for c in cluster.controllers:
        c.kill()
    cluster.pool("lan", ["10.99.0.1-10.99.39.%d" % (6 + MORE)])
    start = time.monotonic()
    anew = cluster.controller("anew").leads()
    claims, bound = wait_until(lambda: nap(0.3) and (lambda c, b: len(b) == ADDRESSES + MORE and (c, b))(*bound_claims()), 60, "five more")
    diag("five more are bound %.1f s after the start; resident %d MiB" % (time.monotonic() - start, anew.memory_mib()))
    expect_eq(judge(claims, cluster.objects("networkaddresses")), [], "what is wrong")
    new = {c["metadata"]["name"]: ips_of(c) for c in bound if not state["before"][c["metadata"]["name"]]}
    expect_eq(sorted(new), state["waiting"][:MORE], "the oldest are served first")
    expect_eq({ip for ips in new.values() for ip in ips}, {"10.99.39.%d" % (7 + i) for i in range(MORE)}, "the new addresses")
    kept = {c["metadata"]["name"]: ips_of(c) for c in claims if c["metadata"]["name"] not in new}
    expect_eq([n for n, ips in kept.items() if ips != state["before"][n]], [], "claims whose addresses changed")


def nap(seconds):
    """Between two looks: reading 10,000 objects is work, too. Always true."""
    time.sleep(seconds)
    return True


try:
    main(setup=setup)
finally:
    cluster.stop()
