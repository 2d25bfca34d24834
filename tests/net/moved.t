#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A declared address that moves is reachable at once, also from a peer that still knows the old MAC."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from wire import *

V4, V6 = "10.88.0.77", "fd88::77"


def neigh_of(ns, ip):
    out = ns.ip_json("neigh show %s" % ip)
    return out[0].get("lladdr") if out else None


def moved(ip, accel, peer_kind):
    """The old holder goes, a new one with another MAC comes; the peer keeps its entry until the burst."""
    node = Wire({"accel": accel, "macFrom": "random"})
    try:
        peer = node.x if peer_kind == "outside" else node.pod("peer", ["10.88.0.10", "fd88::10"]).ns
        old = node.pod("old", [ip])
        expect(ping(peer, ip), "the old holder does not answer")
        expect_eq(neigh_of(peer, ip), old.mac, "the peer's entry before the move")
        old.delete()
        new = node.pod("new", [ip])
        expect(new.mac != old.mac, "the two MACs are equal: nothing was tested")
        wait_until(lambda: neigh_of(peer, ip) == new.mac, 1.0, "the peer learns the new MAC from the burst")
        expect(ping(peer, ip, timeout_s=1), "the new holder is not reachable within a second")
    finally:
        node.close()


def mac_follows_the_address():
    node = Wire()
    try:
        first = node.pod("first", [V4])
        mac = first.mac
        expect(ping(node.x, V4), "first holder answers")
        first.delete()
        second = node.pod("second", [V4])
        expect_eq(second.mac, mac, "MAC of the same address in the same domain")
        expect(ping(node.x, V4), "second holder answers without a new neighbour entry")
    finally:
        node.close()


def a_mac_learned_outside_comes_here_with_a_probe():
    """As when a database moves between nodes: the bridge has learned its MAC on the uplink, and asks before it takes it."""
    node = Wire({"probe": "warn"})
    try:
        tap = Tap(node.x)
        first = node.pod("first", [V4])
        mac = first.mac
        first.delete()
        node.pod("stays", ["10.88.0.10"])
        tap.send(mac_bytes(BROADCAST) + mac_bytes(mac) + b"\x88\xb5" + bytes(46))
        wait_until(lambda: any(e["mac"] == mac and e["ifname"] == "up0" for e in run_json("bridge", "-j", "fdb", "show")), 2, "the MAC is learned")
        second = node.pod("second", [V4])
        expect_eq(second.mac, mac, "MAC")
        expect(ping(node.x, V4, timeout_s=1), "it is not reachable")
        tap.close()
    finally:
        node.close()


def nothing_is_announced_when_off():
    node = Wire({"announce": False})
    try:
        tap = Tap(node.x)
        node.pod("quiet", [V4])
        own = lambda f: f[12:14] == b"\x08\x06" and f[28:32] == ip_bytes(V4)
        expect(ping(node.x, V4), "answers")
        frames = [f for f in tap.frames() if own(f)]
        tap.close()
        # the one reply to x's own question, no request about itself
        expect(all(f[20:22] == b"\x00\x02" and f[0:6] != mac_bytes(BROADCAST) for f in frames),
               "an announcement was seen: %s" % frames)
    finally:
        node.close()


for _ip in (V4, V6):
    for _accel in ("ebpf", "off"):
        for _peer in ("outside", "pod"):
            case("%s moved with accel %s is reachable at once from a stale peer: %s" % (_ip, _accel, _peer),
                 moved, _ip, _accel, _peer)
case("a Unit keeps its MAC with its address", mac_follows_the_address)
case("a MAC learned outside comes here, with a probe", a_mac_learned_outside_comes_here_with_a_probe)
case("announce false announces nothing", nothing_is_announced_when_off)
main()
