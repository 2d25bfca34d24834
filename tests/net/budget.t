#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Integers that are promised: system calls and processes of an ADD, stack entries per round trip."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "bench"))
from bwtest import *
from bed import Bed, SameNode
from crash import PLUGIN, lan, wipe

ADD_CALLS_MAX = 60  # DESIGN.md section 12: besides process start and SQLite's own
START_CALLS_MAX = 20  # before main's first
ROUNDS = int(os.environ.get("BW_ROUNDS", "20000"))


def calls(verb, conf, ns):
    """Counts one verb: {"start", "sqlite", "rest", "processes", ...}."""
    if os.environ.get("BW_SAN"):
        raise Skip("the sanitizers make system calls of their own")
    conf_path = os.path.join(workdir(), "conf")
    with open(conf_path, "w") as f:
        json.dump(conf, f)
    p = subprocess.run([tool("crashpoint"), "-l", "-i", conf_path, "--", PLUGIN], env=cni_env(verb, ns),
                       capture_output=True, text=True, timeout=60)
    counts = json.loads(p.stdout)
    expect_eq(counts["exit"], 0, "exit")
    diag("%s: %d at start, %d of SQLite's own, %d besides" % (verb, counts["start"], counts["sqlite"], counts["rest"]))
    if counts["rest"] > ADD_CALLS_MAX:
        diag("\n".join(line for line in p.stderr.splitlines() if " rest " in line))
    return counts


def budget(conf, waits=False):
    """waits: the kernel's work queue may not have made an IPv6 address's local route yet, and waiting for it
    costs calls of its own; what is promised is an ADD that found it made, and that is one of ten."""
    wipe()
    first, second = Netns("first"), Netns("second")
    expect_ok(cni("ADD", conf, first))
    counts = calls("ADD", conf, second)
    for _ in range(9 if waits else 0):
        if counts["rest"] <= ADD_CALLS_MAX:
            break
        expect_ok(cni("DEL", conf, second))
        counts = calls("ADD", conf, second)
    expect_eq(counts["processes"], 1, "processes")
    expect(counts["rest"] <= ADD_CALLS_MAX, "%d system calls, at most %d" % (counts["rest"], ADD_CALLS_MAX))
    expect(counts["start"] <= START_CALLS_MAX, "%d calls before main, at most %d" % (counts["start"], START_CALLS_MAX))
    expect_ok(cni("DEL", conf, second))
    expect_ok(cni("DEL", conf, first))


V4, V6 = "10.88.0.0/24", "fd88::/64"
case("an ADD makes at most 60 system calls in one process", budget, lan(V4))
case("a dual stack ADD as well", budget, lan(V4, V6, isGateway=True), True)
case("one that masquerades as well", budget, lan(V4, isGateway=True, ipMasq=True))


@test
def a_declared_address_costs_no_more():
    wipe()
    first, second = Netns("first"), Netns("second")
    expect_ok(cni("ADD", lan(V4), first))
    counts = calls("ADD", lan(V4, runtimeConfig={"ips": ["10.88.0.77"]}), second)
    expect(counts["rest"] <= ADD_CALLS_MAX, "%d system calls, at most %d" % (counts["rest"], ADD_CALLS_MAX))


def stack_entries(make_bed, name, make, expected):
    bed = make_bed()
    try:
        got = make(bed).netif_rx(ROUNDS)
    finally:
        bed.close()
    # The handshake of the run itself, and what an emulated machine sends twice, is little among the round trips.
    expect(abs(got - expected) < 200 / ROUNDS, "%s: %.4f stack entries per round trip, expected %d" % (name, got, expected))


case("a round trip over the wire enters a stack 2 times", stack_entries, Bed, "wire", lambda b: b.wire(), 2)
case("from outside to a pod 3 times", stack_entries, Bed, "barewire", lambda b: b.barewire(), 3)
case("from outside with accel off 4 times, as any bridge", stack_entries, Bed, "slow",
     lambda b: b.barewire(accel="off"), 4)
case("pod to pod on the same node 2 times", stack_entries, SameNode, "same node", lambda b: b.barewire(), 2)

main()
