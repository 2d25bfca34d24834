#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL before every system call of `barewire net reload`: the next reload or ADD completes it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from crash import CLI, Scenario, Warm, crash, lan, ping, sweep

V4 = "10.88.0.0/24"


class Reload(Warm):
    """Two live pods and an uplink; every other point is completed by an ADD instead of a reload."""

    def __init__(self):
        super().__init__("reload", lan(V4, uplink="up0"), lan(V4, uplink="up0"), wire=("10.88.0.200/24",))

    def make_node(self):
        Scenario.make_node(self)
        self.peer = Netns("peer")
        self.add(self.peer)
        self.address = self.add().ips[0].split("/")[0]
        self.third = Netns("third")
        # Of its own: the next free one would be x's after two hundred points.
        self.third_conf = lan(V4, uplink="up0", runtimeConfig={"ips": ["10.88.0.77"]})
        ping(self.x, self.address)
        run(CLI, "net", "reload")
        self.settle()
        self.node_before = snapshot(bpf=True)

    def before(self):
        pass

    def act(self, n):
        return crash(n, [CLI, "net", "reload"])

    def after(self, n):
        ping(self.peer, self.address)
        ping(self.x, self.address)
        if n % 2:
            self.add(self.third, self.third_conf)
            self.delete(self.third, self.third_conf)
        run(CLI, "net", "reload")
        self.expect_node_as_before()
        ping(self.peer, self.address)
        ping(self.x, self.address)

    def done(self):
        self.expect_node_as_before()


case("reload killed at any call", lambda: sweep(Reload()))

main()
