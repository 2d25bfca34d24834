#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL before every system call of a node's first ADD: journal, bridge, programs and maps come into being."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from crash import First, lan, sweep

WIRE = ("10.88.0.200/24", "fd88::200/64")
V4, V6 = "10.88.0.0/24", "fd88::/64"


class Alone(First):
    """No uplink: the node itself is the neighbour."""

    def add_works(self):
        answer = self.add()
        for address in answer.ips:
            ping_node(self.ns)
        self.delete()


def ping_node(ns):
    """The bridge is the pod's gateway here."""
    ns.run("ping", "-n", "-q", "-c", "1", "-w", "2", "10.88.0.1")


case("first ADD killed at any call", lambda: sweep(Alone(lan(V4, isGateway=True))))
case("first ADD with an uplink killed at any call", lambda: sweep(First(lan(V4, V6, uplink="up0"), wire=WIRE)))

main()
