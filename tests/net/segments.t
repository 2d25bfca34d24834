#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A segment is (bridge, VLAN): frames never cross two bridges, even with the other's destination MAC; a
neighbour the programs do not know (a tap, another plugin's pod) is reachable at once; isolated ports and
hairpin mean what they mean on a plain bridge."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from wire import *

TOKEN = b"BAREWIRE-SEGMENT-TEST-PAYLOAD"
A4, B4 = "10.88.0.11", "10.88.0.12"


def datagram(dst_mac, src_mac, src, dst):
    return eth(dst_mac, src_mac, 0x0800, ipv4(src, dst, 17, udp(9, 9, TOKEN)))


def frames_never_cross_two_bridges():
    node = Wire()
    try:
        a = node.pod("a", [A4])
        two = dict(node.conf, bridge="br-two", name="two", uplink=None,
                   ipam={"type": "barewire-ipam", "domain": "two", "ranges": [[{"subnet": "10.88.0.0/24"}]]})
        c = node.pod("c", [B4], conf=two)
        d = node.pod("d", ["10.88.0.13"], conf=two)
        out, at_c = Tap(a.ns), Tap(c.ns)
        for _ in range(3):
            out.send(datagram(c.mac, a.mac, A4, B4))
        # the path inside the second bridge is open, and what a sent would have come before this
        Tap(d.ns).send(datagram(c.mac, d.mac, "10.88.0.13", B4).replace(TOKEN, TOKEN[::-1]))
        found, seen = at_c.wait(lambda f: TOKEN[::-1] in f)
        expect(found, "the second bridge does not carry its own frames")
        expect(not any(TOKEN in f for f in seen), "a frame crossed from one bridge to the other")
        # nor from the wire, which belongs to the first bridge
        x = Tap(node.x)
        x.send(datagram(c.mac, node.x.link()["address"], "10.88.0.200", B4))
        Tap(d.ns).send(datagram(c.mac, d.mac, "10.88.0.13", B4).replace(TOKEN, TOKEN[::-1]))
        found, seen = at_c.wait(lambda f: TOKEN[::-1] in f)
        expect(found and not any(TOKEN in f for f in seen), "a frame crossed from the wire")
    finally:
        node.close()
        run("ip", "link", "del", "br-two", check=False)


def a_foreign_port_added_later_is_reachable_at_once():
    node = Wire()
    try:
        a = node.pod("a", [A4])
        expect(ping(node.x, A4), "outside reaches the pod")
        vm = Netns("vm")
        run("ip link add vm0 type veth peer name eth0 netns vm")
        run("ip link set vm0 master br-lan up")
        vm.ip("link set eth0 up")
        vm.ip("addr add 10.88.0.50/24 dev eth0")
        wait_until(lambda: "forwarding" in run("bridge link show dev vm0"), 5, "the port forwards")
        expect(ping(a.ns, "10.88.0.50"), "the pod reaches a port that no program knows")
        expect(ping(vm, A4), "and is reached by it")
        expect(ping(vm, "10.88.0.200"), "and so is the world outside")
    finally:
        node.close()


def a_mac_that_moves_from_outside_to_a_local_port_is_found():
    """The MAC was learned on the uplink; its machine then moves behind the bridge (a VM migrates)."""
    node = Wire()
    try:
        a = node.pod("a", [A4])
        node.x.ip("link set eth0 address 02:00:00:00:00:77")
        expect(ping(a.ns, "10.88.0.200"), "reached outside")
        node.x.ip("link set eth0 address 02:00:00:00:00:78")
        node.x.ip("addr del 10.88.0.200/24 dev eth0")
        vm = Netns("vm")
        run("ip link add vm0 type veth peer name eth0 netns vm")
        run("ip link set vm0 master br-lan up")
        vm.ip("link set eth0 address 02:00:00:00:00:77 up")
        vm.ip("addr add 10.88.0.200/24 dev eth0")
        wait_until(lambda: "forwarding" in run("bridge link show dev vm0"), 5, "the port forwards")
        tap = Tap(vm)  # a migrated machine announces itself
        tap.send(eth(BROADCAST, "02:00:00:00:00:77", 0x0806,
                     arp(1, "02:00:00:00:00:77", "10.88.0.200", "00:00:00:00:00:00", "10.88.0.200")))
        expect(ping(a.ns, "10.88.0.200", timeout_s=1), "the pod still sends to where the MAC was")
    finally:
        node.close()


def port_flags(accel, isolated_a, isolated_b):
    """Isolated ports do not reach each other; every other pair does."""
    node = Wire({"accel": accel})
    try:
        a = node.pod("a", [A4], conf={"portIsolation": isolated_a})
        b = node.pod("b", [B4], conf={"portIsolation": isolated_b})
        expect_eq(ping(a.ns, B4, timeout_s=1), not (isolated_a and isolated_b), "a reaches b")
        expect(ping(node.x, A4) and ping(node.x, B4), "both are reachable from outside")
        if isolated_a and isolated_b:  # by address resolution or not: a frame must not arrive
            at_b = Tap(b.ns)
            Tap(a.ns).send(datagram(b.mac, a.mac, A4, B4))
            expect(ping(node.x, B4), "b is alive")
            expect(not any(TOKEN in f for f in at_b.frames()), "a frame passed between isolated ports")
    finally:
        node.close()


def hairpin(accel, on):
    """A frame to the pod's own MAC comes back through its port only with hairpinMode."""
    node = Wire({"accel": accel, "hairpinMode": on})
    try:
        a = node.pod("a", [A4])
        tap = Tap(a.ns)
        tap.send(datagram(a.mac, a.mac, A4, A4))
        expect(ping(node.x, A4), "a is alive")
        came, _ = tap.wait(lambda f: TOKEN in f, 1.0 if on else 0.1)
        expect_eq(bool(came), on, "the frame came back")
    finally:
        node.close()


case("frames never cross two bridges, even with the other's MAC", frames_never_cross_two_bridges)
case("a port that no program knows is reachable at once", a_foreign_port_added_later_is_reachable_at_once)
case("a MAC that moves from outside to a local port is found", a_mac_that_moves_from_outside_to_a_local_port_is_found)
for _accel in ("ebpf", "off"):
    for _a, _b in ((False, False), (True, False), (False, True), (True, True)):
        case("accel %s: isolated %s and isolated %s" % (_accel, _a, _b), port_flags, _accel, _a, _b)
    for _on in (True, False):
        case("accel %s: hairpinMode %s" % (_accel, _on), hairpin, _accel, _on)
main()
