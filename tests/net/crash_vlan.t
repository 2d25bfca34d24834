#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL before every system call of ADD and DEL on an uplink with a VLAN."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from crash import First, Warm, lan, sweep
from wire import Tap, arp, eth, mac_bytes, BROADCAST

VID = 7
V4 = "10.88.0.0/24"
CONF = lan(V4, uplink="up0", vlan=VID)


def answers_tagged(x, address):
    """The neighbour asks in the VLAN and is answered in it; it needs no VLAN device for that."""
    mac = x.link("eth0")["address"]
    tap = Tap(x)
    question = eth(BROADCAST, mac, 0x0806, arp(1, mac, "10.88.0.200", "00:00:00:00:00:00", address), ((0x8100, VID),))
    try:
        for _ in range(20):
            tap.send(question)
            frame, _ = tap.wait(lambda f: f[:6] == mac_bytes(mac) and f[16:18] == b"\x08\x06" and
                                f[12:16] == bytes((0x81, 0, 0, VID)), 0.1)
            if frame:
                return
    finally:
        tap.close()
    raise Failed("no tagged answer from %s" % address)


class FirstTagged(First):
    def add_works(self):
        for address in self.add().ips:
            answers_tagged(self.x, address.split("/")[0])
        self.delete()


class WarmTagged(Warm):
    """The peer is in the same VLAN, so the ping of Warm holds."""


case("first ADD in a VLAN killed at any call", lambda: sweep(FirstTagged(CONF, wire=())))
case("ADD in a VLAN killed at any call", lambda: sweep(WarmTagged("ADD", CONF, CONF, wire=())))
case("DEL in a VLAN killed at any call", lambda: sweep(WarmTagged("DEL", CONF, CONF, wire=())))

main()
