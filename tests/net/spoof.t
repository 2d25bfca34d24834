#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Forged frames of every kind stay inside the pod, with and without acceleration; honest ones pass.

Each row sends one frame from pod a and looks for it at pod b and outside. A marker frame that must pass
follows every row, so silence is not mistaken for safety.
"""
import itertools
import os
import json
import socket
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from wire import *

A4, B4, X4 = "10.88.0.11", "10.88.0.12", "10.88.0.200"
A6, B6 = "fd88::11", "fd88::12"
EVIL_MAC, EVIL4, EVIL6 = "02:66:66:66:66:66", "10.88.0.66", "fd88::66"
HOP_BY_HOP = bytes([58, 0, 5, 2, 0, 0, 1, 0])  # router alert (RFC 2711) and padding, next header ICMPv6
_marker = itertools.count(1)


class Bed:
    def __init__(self, accel, anti_spoof=None):
        conf = {"accel": accel}
        if anti_spoof is not None:
            conf["antiSpoof"] = anti_spoof
        self.node = Wire(conf)
        self.a = self.node.pod("a", [A4, A6])
        self.b = self.node.pod("b", [B4, B6])
        self.out = Tap(self.a.ns)
        self.at_b, self.at_x = Tap(self.b.ns), Tap(self.node.x)
        self.x_mac = self.node.x.link()["address"]

    def close(self):
        for t in (self.out, self.at_b, self.at_x):
            t.close()
        self.node.close()

    def seen(self, frame, at, dst_mac):
        """Whether `frame` arrives at a tap; the marker sent after it proves that the path is open."""
        for t in (self.at_b, self.at_x):
            t.frames()
        token = b"marker-%06d" % next(_marker)
        honest = eth(dst_mac, self.a.mac, 0x0800,
                     ipv4(A4, B4 if at is self.at_b else X4, 17, udp(9, 9, token)))
        self.out.send(frame)
        self.out.send(honest)
        found, frames = at.wait(lambda f: token in f, 2.0)
        expect(found, "the honest marker frame did not arrive: the path itself is broken")
        # order may differ between slow and fast path: look a moment longer for what came the other way
        _, late = at.wait(lambda f: PAYLOAD in f, 0.1)
        return any(PAYLOAD in f for f in frames + late)


PAYLOAD = b"BAREWIRE-FORGED-FRAME-PAYLOAD---"


# The same payload as an option of neighbour discovery (RFC 4861, 4.6; type 253 is for experiments, RFC 4727)
OPTION = bytes([253, 5]) + PAYLOAD + bytes(6)


def ra(src):
    return icmp6(src, "ff02::1", 134, struct.pack("!BBHII", 64, 0, 1800, 0, 0) + PAYLOAD)


def na(src, target):
    return icmp6(src, "ff02::1", 136, struct.pack("!I", 0x20000000) + ip_bytes(target) + b"\x02\x01" +
                 mac_bytes(EVIL_MAC) + PAYLOAD)


def ns(src, target, lladdr):
    return icmp6(src, "ff02::1", 135, b"\0\0\0\0" + ip_bytes(target) + b"\x01\x01" + mac_bytes(lladdr) +
                 PAYLOAD)


def ll(mac):
    """The link-local address of a MAC by EUI-64 (RFC 4291 appendix A)."""
    m = bytearray(mac_bytes(mac))
    m[0] ^= 2
    return socket.inet_ntop(socket.AF_INET6, b"\xfe\x80" + bytes(6) + bytes(m[:3]) + b"\xff\xfe" + bytes(m[3:]))


def forged(bed, dst_mac, dst4, dst6):
    """name -> frame; every one of them must be dropped."""
    a = bed.a.mac
    v4 = lambda src, proto, body, **kw: ipv4(src, dst4, proto, body, **kw)
    v6 = lambda src, nh, body: ipv6(src, dst6, nh, body)
    data = udp(9, 9, PAYLOAD)
    multi = "33:33:00:00:00:01"
    link = ll(a)
    rows = {
        "source MAC": eth(dst_mac, EVIL_MAC, 0x0800, v4(A4, 17, data)),
        "IPv4 source": eth(dst_mac, a, 0x0800, v4(EVIL4, 17, data)),
        "IPv4 source behind IP options": eth(dst_mac, a, 0x0800, v4(EVIL4, 17, data, options=b"\x94\x04\0\0")),
        "IPv4 source in a first fragment": eth(dst_mac, a, 0x0800, v4(EVIL4, 17, data, frag=0x2000)),
        "IPv4 source in a later fragment": eth(dst_mac, a, 0x0800, v4(EVIL4, 17, PAYLOAD, frag=0x0003)),
        "IPv4 source in a priority-tagged frame": eth(dst_mac, a, 0x0800, v4(EVIL4, 17, data), [(0x8100, 0)]),
        "IPv4 source in a VLAN-tagged frame": eth(dst_mac, a, 0x0800, v4(EVIL4, 17, data), [(0x8100, 7)]),
        "own IPv4 source in a VLAN-tagged frame": eth(dst_mac, a, 0x0800, v4(A4, 17, data), [(0x8100, 7)]),
        "own IPv4 source in an 802.1ad-tagged frame": eth(dst_mac, a, 0x0800, v4(A4, 17, data), [(0x88a8, 7)]),
        "own IPv4 source in a double-tagged frame":
            eth(dst_mac, a, 0x0800, v4(A4, 17, data), [(0x8100, 1), (0x8100, 7)]),
        "DHCP server reply": eth(dst_mac, a, 0x0800, v4(A4, 17, udp(67, 68, PAYLOAD))),
        "DHCP server reply behind IP options":
            eth(dst_mac, a, 0x0800, v4(A4, 17, udp(67, 68, PAYLOAD), options=b"\x94\x04\0\0")),
        "ICMP redirect": eth(dst_mac, a, 0x0800, v4(A4, 1, struct.pack("!BBH4s", 5, 1, 0, ip_bytes(EVIL4)) + PAYLOAD)),
        "0.0.0.0 as source without a DHCP IPAM": eth(dst_mac, a, 0x0800, v4("0.0.0.0", 17, udp(68, 67, PAYLOAD))),
        "ARP sender address": eth(BROADCAST, a, 0x0806, arp(1, a, EVIL4, "00:00:00:00:00:00", dst4) + PAYLOAD),
        "ARP sender MAC": eth(BROADCAST, a, 0x0806, arp(1, EVIL_MAC, A4, "00:00:00:00:00:00", dst4) + PAYLOAD),
        "ARP reply for a foreign address": eth(BROADCAST, a, 0x0806, arp(2, a, EVIL4, BROADCAST, dst4) + PAYLOAD),
        "IPv6 source": eth(dst_mac, a, 0x86dd, v6(EVIL6, 17, udp6(EVIL6, dst6, 9, 9, PAYLOAD))),
        "foreign link-local source":
            eth(dst_mac, a, 0x86dd, v6("fe80::66", 17, udp6("fe80::66", dst6, 9, 9, PAYLOAD))),
        "IPv6 source behind a hop-by-hop header":
            eth(dst_mac, a, 0x86dd, v6(EVIL6, 0, bytes([17, 0, 1, 4, 0, 0, 0, 0]) + udp6(EVIL6, dst6, 9, 9, PAYLOAD))),
        "IPv6 source in a fragment":
            eth(dst_mac, a, 0x86dd, v6(EVIL6, 44, bytes([17, 0, 0, 1, 0, 0, 0, 1]) + udp6(EVIL6, dst6, 9, 9, PAYLOAD))),
        "router advertisement": eth(multi, a, 0x86dd, ipv6(link, "ff02::1", 58, ra(link), 255)),
        "router advertisement behind a hop-by-hop header":
            eth(multi, a, 0x86dd, ipv6(link, "ff02::1", 0, HOP_BY_HOP + ra(link), 255)),
        "router advertisement in an atomic fragment":
            eth(multi, a, 0x86dd, ipv6(link, "ff02::1", 44, bytes([58, 0, 0, 0, 0, 0, 0, 1]) + ra(link), 255)),
        "router advertisement in a first fragment":
            eth(multi, a, 0x86dd, ipv6(link, "ff02::1", 44, bytes([58, 0, 0, 1, 0, 0, 0, 1]) + ra(link), 255)),
        "ICMPv6 redirect": eth(dst_mac, a, 0x86dd, ipv6(link, dst6, 58, icmp6(
            link, dst6, 137, bytes(4) + ip_bytes(EVIL6) + ip_bytes(dst6) + PAYLOAD), 255)),
        "neighbour advertisement of a foreign target":
            eth(multi, a, 0x86dd, ipv6(A6, "ff02::1", 58, na(A6, EVIL6), 255)),
        "neighbour advertisement with a foreign MAC":
            eth(multi, a, 0x86dd, ipv6(A6, "ff02::1", 58, na(A6, A6), 255)),
        "neighbour solicitation with a foreign MAC":
            eth(multi, a, 0x86dd, ipv6(A6, "ff02::1", 58, ns(A6, dst6, EVIL_MAC), 255)),
        "DHCPv6 server reply": eth(dst_mac, a, 0x86dd, v6(A6, 17, udp6(A6, dst6, 547, 546, PAYLOAD))),
        "DHCPv6 server reply behind a destination header":
            eth(dst_mac, a, 0x86dd, v6(A6, 60, bytes([17, 0, 1, 4, 0, 0, 0, 0]) + udp6(A6, dst6, 547, 546, PAYLOAD))),
        ":: as source of data": eth(dst_mac, a, 0x86dd, v6("::", 17, udp6("::", dst6, 9, 9, PAYLOAD))),
    }
    return rows


def honest(bed, dst_mac, dst4, dst6):
    """name -> frame; every one of them must arrive."""
    a = bed.a.mac
    multi = "33:33:00:00:00:01"
    link = ll(a)
    data = udp(9, 9, PAYLOAD)
    return {
        "IPv4 of its own": eth(dst_mac, a, 0x0800, ipv4(A4, dst4, 17, data)),
        "IPv4 of its own behind IP options":
            eth(dst_mac, a, 0x0800, ipv4(A4, dst4, 17, data, options=b"\x94\x04\0\0")),
        "IPv4 of its own, first fragment": eth(dst_mac, a, 0x0800, ipv4(A4, dst4, 17, data, frag=0x2000)),
        "IPv4 of its own, later fragment": eth(dst_mac, a, 0x0800, ipv4(A4, dst4, 17, PAYLOAD, frag=0x0003)),
        "ARP probe": eth(BROADCAST, a, 0x0806, arp(1, a, "0.0.0.0", "00:00:00:00:00:00", EVIL4) + PAYLOAD),
        "ARP announcement of its own": eth(BROADCAST, a, 0x0806, arp(1, a, A4, "00:00:00:00:00:00", A4) + PAYLOAD),
        "IPv6 of its own": eth(dst_mac, a, 0x86dd, ipv6(A6, dst6, 17, udp6(A6, dst6, 9, 9, PAYLOAD))),
        "IPv6 of its own behind a hop-by-hop header":
            eth(dst_mac, a, 0x86dd, ipv6(A6, dst6, 0, bytes([17, 0, 1, 4, 0, 0, 0, 0]) +
                                         udp6(A6, dst6, 9, 9, PAYLOAD))),
        "own link-local": eth(dst_mac, a, 0x86dd, ipv6(link, dst6, 17, udp6(link, dst6, 9, 9, PAYLOAD))),
        "duplicate address detection": eth("33:33:ff:00:00:11", a, 0x86dd, ipv6("::", "ff02::1:ff00:11", 58, icmp6(
            "::", "ff02::1:ff00:11", 135, bytes(4) + ip_bytes(A6) + OPTION), 255)),
        "neighbour advertisement of its own": eth(multi, a, 0x86dd, ipv6(A6, "ff02::1", 58, icmp6(
            A6, "ff02::1", 136, struct.pack("!I", 0x20000000) + ip_bytes(A6) + b"\x02\x01" + mac_bytes(a) + OPTION),
            255)),
    }


def verdicts(accel, where, build, expected):
    bed = Bed(accel)
    try:
        at, mac, d4, d6 = ((bed.at_b, bed.b.mac, B4, B6) if where == "pod" else
                           (bed.at_x, bed.x_mac, X4, "fd88::200"))
        # the fast path outward needs the peer's MAC to have been seen on the uplink
        expect(ping(bed.a.ns, d4) and ping(bed.a.ns, d6), "the topology itself does not work")
        wrong = [name for name, frame in build(bed, mac, d4, d6).items()
                 if bed.seen(frame, at, mac) != expected]
        expect_eq(wrong, [], "frames that %s" % ("were lost" if expected else "got through"))
    finally:
        bed.close()


def off_lets_everything_pass():
    """The control: without antiSpoof the same forged frames do arrive, so the rows above test something."""
    bed = Bed("off", anti_spoof=False)
    try:
        arrived = [n for n, f in forged(bed, bed.b.mac, B4, B6).items() if bed.seen(f, bed.at_b, bed.b.mac)]
        expect(len(arrived) >= 25, "only these forged frames arrive at all: %s" % arrived)
    finally:
        bed.close()


def drops_are_counted():
    bed = Bed("ebpf")
    try:
        def drops():
            doc = json.loads(run(os.path.join(BUILD, "barewire"), "net", "show", "-o", "json"))
            mine = [e for e in doc["endpoints"] if e["device"] == bed.a.host_if]
            expect_eq(len(mine), 1, "endpoints named %s" % bed.a.host_if)
            return sum(mine[0]["drops"].values())
        for name, frame in forged(bed, bed.b.mac, B4, B6).items():
            before = drops()
            bed.out.send(frame)
            wait_until(lambda: drops() == before + 1, 2.0, "the drop of '%s' is counted once" % name)
    finally:
        bed.close()


for _accel in ("ebpf", "off"):
    for _where in ("pod", "outside"):
        case("forged frames never reach a %s peer, accel %s" % (_where, _accel), verdicts, _accel, _where,
             forged, False)
        case("honest frames reach a %s peer, accel %s" % (_where, _accel), verdicts, _accel, _where, honest, True)
case("without antiSpoof the forged frames do arrive", off_lets_everything_pass)
case("every forged frame is counted as a drop", drops_are_counted)
main()
