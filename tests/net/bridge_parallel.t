#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many at once: 100 ADDs and DELs on one bridge, and failures among them on a bridge that is not there yet."""
import os
import sys
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bridgebed import *

N = 100
AT_ONCE = 16


def all_at_once(fn, items):
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(fn, items))


def failures(answers):
    return ["%s" % a for a in answers if a.code != 0]


@fresh
def a_hundred_adds_then_a_hundred_dels():
    conf = net(V4, V6, isGateway=True)
    pods = [Netns("p%d" % i) for i in range(N)]
    added = all_at_once(lambda ns: cni("ADD", conf, ns), pods)
    expect_eq(failures(added), [], "failed ADDs")
    for family in (0, 1):
        ips = [a.ips[family] for a in added]
        expect_eq(len(set(ips)), N, "different addresses")
    expect_eq(len({pod_mac(a) for a in added}), N, "different MACs")
    for ns, answer in zip(pods[::10], added[::10]):
        expect_eq(sorted(answer.ips), ns.addrs(), "addresses of %s" % ns.name)
        expect(ping(ns, "10.88.0.1"), "%s reaches the gateway" % ns.name)
    expect(ping(pods[0], added[N - 1].ips[0].split("/")[0]), "the first reaches the last")
    expect_eq(len([r for r in journal_rows() if r.startswith("attachment")]), N, "rows")
    expect_eq(failures(all_at_once(lambda ns: cni("DEL", conf, ns), pods)), [], "failed DELs")
    expect_clean()
    clean()


@fresh
def half_of_fifty_adds_fail_on_a_bridge_that_is_not_there_yet():
    good = net(V4, isGateway=True)
    # It passes every check of the configuration and fails once the bridge is there.
    bad = net(V4, isGateway=True, runtimeConfig={"mac": "02:00:00:00:00:01"})
    pods = [Netns("p%d" % i) for i in range(50)]
    for ns in pods[1::2]:
        ns.ip("link add eth0 type veth peer name other")

    answers = all_at_once(lambda ns: cni("ADD", good, ns), pods)
    expect_eq(failures(answers[0::2]), [], "the other half")
    for answer in answers[1::2]:
        expect_error(answer, 7, "eth0")
    expect_eq(len({a.ips[0] for a in answers[0::2]}), 25, "different addresses")
    for ns in pods[0::2]:
        expect(ping(ns, "10.88.0.1"), "%s reaches the gateway" % ns.name)
    expect_eq(len([r for r in journal_rows() if r.startswith("attachment")]), 25, "rows")
    # Of many that want one MAC exactly one gets it.
    same = all_at_once(lambda ns: cni("ADD", bad, ns, ifname="eth1"), pods[0:10])
    expect_eq(len(failures(same)), 9, "refused for the MAC")
    for answer in same:
        if answer.code:
            expect_error(answer, 11, "02:00:00:00:00:01")
    all_at_once(lambda ns: cni("DEL", good, ns), pods)
    all_at_once(lambda ns: cni("DEL", bad, ns, ifname="eth1"), pods)
    expect_clean()
    clean()


@fresh
def adds_that_all_fail_leave_no_bridge():
    before = links()
    pods = [Netns("p%d" % i) for i in range(10)]
    for ns in pods:
        ns.ip("link add eth0 type veth peer name other")
    for answer in all_at_once(lambda ns: cni("ADD", net(V4, isGateway=True), ns), pods):
        expect_error(answer, 7, "eth0")
    expect_eq(links(), before, "devices")
    expect_clean()


main()
