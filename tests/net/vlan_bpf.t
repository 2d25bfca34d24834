#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A segment with a VLAN on a kernel without VLAN filtering: the programs carry the tag on the uplink.

Outside, x must only ever see frames with exactly this one tag; inside, pods and the bridge only ever see
frames without any. Nothing of the native VLAN, no foreign and no double tag passes in either direction.
"""
import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from wire import *

VID = 100
A4, B4, X4 = "10.88.0.11", "10.88.0.12", "10.88.0.200"
TOKEN = b"BAREWIRE-VLAN-TEST-PAYLOAD"
X_MAC = "02:00:00:00:00:0a"


class Bed:
    """x speaks raw: a veth end without an address, since this kernel has no VLAN device."""

    def __init__(self, accel):
        self.node = Wire({"accel": accel, "vlan": VID}, x_addrs=())
        self.x = Tap(self.node.x)
        self.a, self.b = self.node.pod("a", [A4]), self.node.pod("b", [B4])
        self.at_a, self.at_br = Tap(self.a.ns), Tap(None, "br-lan")
        self.x.frames()

    def close(self):
        for t in (self.x, self.at_a, self.at_br):
            t.close()
        self.node.close()


def to_pod(bed, tags, token=TOKEN):
    return eth(bed.a.mac, X_MAC, 0x0800, ipv4(X4, A4, 17, udp(9, 9, token)), tags)


def what_leaves_has_exactly_one_tag(accel):
    bed = Bed(accel)
    try:
        out = bed.at_a
        frames = {
            "broadcast": eth(BROADCAST, bed.a.mac, 0x0806,
                             arp(1, bed.a.mac, A4, "00:00:00:00:00:00", X4) + b"broadcast"),
            "unknown unicast": eth("02:00:00:00:00:99", bed.a.mac, 0x0800, ipv4(A4, X4, 17, udp(9, 9, b"unknown"))),
        }
        for name, frame in frames.items():
            out.send(frame)
            got, seen = bed.x.wait(lambda f: frame[-7:] in f)
            expect(got, "%s did not arrive outside" % name)
            expect_eq(vids(got), [VID], "tags of the %s" % name)
        # learned: from here on unicast takes the fast path when there is one
        bed.x.send(to_pod(bed, [(0x8100, VID)], b"teach-the-uplink"))
        expect(bed.at_a.wait(lambda f: b"teach-the-uplink" in f)[0], "a frame of the VLAN did not arrive")
        out.send(eth(X_MAC, bed.a.mac, 0x0800, ipv4(A4, X4, 17, udp(9, 9, TOKEN))))
        got, seen = bed.x.wait(lambda f: TOKEN in f)
        expect(got, "unicast did not arrive outside")
        expect_eq(vids(got), [VID], "tags of the unicast")
        expect_eq([f for f in seen if vids(f) != [VID]], [], "frames outside with other tags")
    finally:
        bed.close()


def what_comes_in_has_lost_its_tag(accel):
    bed = Bed(accel)
    try:
        for dst in (bed.a.mac, BROADCAST):
            token = b"inbound-" + dst.encode()
            bed.x.send(eth(dst, X_MAC, 0x0800, ipv4(X4, A4, 17, udp(9, 9, token)), [(0x8100, VID)]))
            got, _ = bed.at_a.wait(lambda f: token in f)
            expect(got, "a frame to %s did not arrive" % dst)
            expect_eq(vids(got), [], "tags in the pod of a frame to %s" % dst)
    finally:
        bed.close()


def foreign_frames_are_dropped_and_counted(accel):
    bed = Bed(accel)
    try:
        foreign = {
            "untagged": [], "priority-tagged": [(0x8100, 5 << 13)], "of another VLAN": [(0x8100, VID + 1)],
            "802.1ad": [(0x88a8, VID)], "double-tagged, foreign outside": [(0x8100, VID + 1), (0x8100, VID)],
            "double-tagged, 802.1ad outside": [(0x88a8, VID), (0x8100, VID)],
        }
        for dst in (bed.a.mac, BROADCAST):
            for name, tags in foreign.items():
                token = b"FOREIGN-" + name.encode()
                bed.x.send(eth(dst, X_MAC, 0x0800, ipv4(X4, A4, 17, udp(9, 9, token)), tags))
        # the path is open and everything sent before has been handled
        bed.x.send(to_pod(bed, [(0x8100, VID)], b"honest-last"))
        got, seen = bed.at_a.wait(lambda f: b"honest-last" in f)
        expect(got, "an honest frame did not arrive")
        expect_eq([f for f in seen if b"FOREIGN-" in f], [], "foreign frames in the pod")
        expect_eq([f for f in bed.at_br.frames() if b"FOREIGN-" in f], [], "foreign frames on the bridge")
        doc = json.loads(run(os.path.join(BUILD, "barewire"), "net", "show", "-o", "json"))
        ups = [u for u in doc["uplinks"] if u["device"] == "up0"]
        expect_eq(len(ups), 1, "uplinks named up0")
        expect_eq(ups[0]["drops"]["vlan"], 2 * len(foreign), "drops for their tag")
    finally:
        bed.close()


def a_double_tag_of_our_vlan_never_reaches_a_pod_tagged(accel):
    """Outer tag ours, inner tag another's: the pod may get nothing or the frame, but never a tag (VLAN hopping)."""
    bed = Bed(accel)
    try:
        bed.x.send(to_pod(bed, [(0x8100, VID), (0x8100, 7)], b"HOPPING"))
        bed.x.send(to_pod(bed, [(0x8100, VID)], b"honest-last"))
        got, seen = bed.at_a.wait(lambda f: b"honest-last" in f)
        expect(got, "an honest frame did not arrive")
        expect_eq([vids(f) for f in seen if b"HOPPING" in f and vids(f)], [], "tags seen in the pod")
        # and from the pod: a tag of its own never leaves
        bed.at_a.send(eth(X_MAC, bed.a.mac, 0x0800, ipv4(A4, X4, 17, udp(9, 9, b"OUT-TAGGED")), [(0x8100, 7)]))
        bed.at_a.send(eth(X_MAC, bed.a.mac, 0x0800, ipv4(A4, X4, 17, udp(9, 9, b"out-honest"))))
        got, seen = bed.x.wait(lambda f: b"out-honest" in f)
        expect(got, "an honest frame did not leave")
        expect_eq([f for f in seen if b"OUT-TAGGED" in f], [], "tagged frames from the pod outside")
    finally:
        bed.close()


def a_second_vlan_on_the_bridge_is_refused(accel):
    bed = Bed(accel)
    try:
        ns = Netns("c")
        before = snapshot()
        expect_error(cni("ADD", dict(bed.node.conf, vlan=VID + 1), ns), None, "vlan", str(VID), str(VID + 1))
        expect_same(before, snapshot())
    finally:
        bed.close()


def pods_of_the_vlan_reach_each_other(accel):
    bed = Bed(accel)
    try:
        expect(ping(bed.a.ns, B4) and ping(bed.b.ns, A4), "a and b")
    finally:
        bed.close()


for _fn in (what_leaves_has_exactly_one_tag, what_comes_in_has_lost_its_tag, foreign_frames_are_dropped_and_counted,
            a_double_tag_of_our_vlan_never_reaches_a_pod_tagged, a_second_vlan_on_the_bridge_is_refused,
            pods_of_the_vlan_reach_each_other):
    for _accel in ("ebpf", "off"):
        case("%s, accel %s" % (_fn.__name__.replace("_", " "), _accel), _fn, _accel)
main()
