#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL before every system call while the node's own addresses move to the bridge, and back: whatever
happens, the next ADD or `net clean` makes the node reachable again."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from crash import BRIDGE, CLI, First, crash, expect_no_trace, lan, ping, sweep

CONF = lan("10.88.0.0/24", uplink="up0", moveUplinkAddresses=True)
WIRE = ("10.88.0.200/24", "fd88::200/64")


class Move(First):
    """The node lives on up0: two addresses, a default route, a route in another table."""

    def __init__(self, **kw):
        super().__init__(CONF, wire=WIRE, **kw)

    def make_wire(self):
        super().make_wire()
        run("ip addr add 10.88.0.1/24 dev up0")
        run("ip addr add fd88::1/64 dev up0 nodad")
        run("ip route add default via 10.88.0.200")
        run("ip route add 203.0.113.0/24 via 10.88.0.200 table 100 metric 7")
        run("ip -6 route add default via fd88::200")

    def reachable(self):
        ping(self.x, "10.88.0.1")
        ping(self.x, "fd88::1")
        run("ip route get 198.51.100.1")
        run("ip route get 203.0.113.9")

    def clean(self):
        run(CLI, "net", "clean", BRIDGE)
        self.settle()
        wait_until(lambda: not self.changed(), 2, lambda: "the node is as it was, not:\n%s" % "\n".join(self.changed()))
        self.reachable()

    def changed(self):
        return diff(self.node_before, snapshot(bpf=True))


class MoveThere(Move):
    """Every other point is undone by `net clean` at once instead of completed by an ADD."""

    def after(self, n):
        self.delete()
        expect_no_trace(self.ns)
        if n % 2:
            self.add_works()
            self.reachable()
        self.clean()


class MoveBack(Move):
    def before(self):
        super().before()
        self.add()
        self.delete()
        self.reachable()

    def act(self, n):
        return crash(n, [CLI, "net", "clean", BRIDGE])

    def after(self, n):
        if n % 2:
            self.add()
            self.delete()
            self.reachable()
        self.clean()

    def done(self):
        self.clean()


case("the uplink's addresses move: ADD killed at any call", lambda: sweep(MoveThere()))
case("the uplink's addresses go back: net clean killed at any call", lambda: sweep(MoveBack()))

main()
