#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL before every system call of GC, and takeover of an address whose holder was killed half way."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from crash import PLUGIN, Warm, crash_cni, lan, ping, sweep

V4 = "10.88.0.0/24"
DECLARED = lan(V4, isGateway=True, ipMasq=True, runtimeConfig={"ips": ["10.88.0.77"]})
PEER = lan(V4, isGateway=True)


class Collect(Warm):
    """The pod's namespace is gone without DEL; GC names only the peer as alive."""

    def __init__(self):
        super().__init__("GC", DECLARED, PEER)
        self.gc_conf = dict(lan(V4, isGateway=True), cniVersion="1.1.0")
        self.gc_conf["cni.dev/valid-attachments"] = [{"containerID": "peer", "ifname": "eth0"}]

    def before(self):
        self.dead = Netns("dead")
        self.add(self.dead)
        self.dead.remove()

    def act(self, n):
        return crash_cni(n, "GC", self.gc_conf, None)

    def after(self, n):
        expect_ok(cni("GC", self.gc_conf, plugin=PLUGIN))
        self.expect_node_as_before()
        ping(self.peer, "10.88.0.1")
        # The address is free again, and the late DEL of the dead one frees nothing of its new holder.
        self.add()
        late = cni("DEL", DECLARED, "/run/netns/dead", cid="dead", plugin=PLUGIN)
        expect_ok(late)
        ping(self.peer, "10.88.0.77")
        self.delete()
        self.expect_node_as_before()

    def done(self):
        self.expect_node_as_before()


class TakeOver(Warm):
    """An ADD is killed, its sandbox dies without DEL: the next container gets the declared address at once."""

    def __init__(self):
        super().__init__("ADD", DECLARED, PEER)

    def before(self):
        self.dead = Netns("dead")

    def act(self, n):
        return crash_cni(n, "ADD", self.conf, self.dead)

    def after(self, n):
        self.dead.remove()
        expect_eq(self.add().ips, ["10.88.0.77/24"], "addresses of the next container")
        expect_ok(cni("DEL", DECLARED, "/run/netns/dead", cid="dead", plugin=PLUGIN))
        ping(self.peer, "10.88.0.77")
        self.delete()
        self.expect_node_as_before()

    def done(self):
        self.delete(self.dead)
        self.dead.remove()
        self.expect_node_as_before()


case("GC killed at any call", lambda: sweep(Collect()))
case("a killed ADD never locks its address", lambda: sweep(TakeOver()))

main()
