#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL before every system call of ADD and DEL of a claim, with the way to Services: nothing is left, no token is
given back twice or lost, and the next ADD has the claim's address."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from crash import BRIDGE, Scenario, crash_cni, expect_no_trace, sweep
from fakeagent import CLAIMS, SERVICES, binding, outbox, pod, put

IP = "10.99.2.77"


class Claim(Scenario):
    """The daemon is away, so the journal serves: what is killed is the plugin alone."""

    def __init__(self, verb):
        super().__init__(CLAIMS, args=pod("redis-0"))
        self.verb = verb

    def make_node(self):
        super().make_node()
        b = binding("redis-0", [IP + "/16"], bridge=BRIDGE, serviceCIDRs=SERVICES)
        del b["uplink"]
        put(b)
        self.add()
        self.delete()
        self.expect_gone()
        self.settle()

    def before(self):
        if self.verb == "DEL":
            self.add()

    def act(self, n):
        return crash_cni(n, self.verb, self.conf, self.ns, self.args)

    def expect_gone(self):
        expect_no_trace(self.ns)
        expect(IP not in run("ip route") + run("ip neigh show nud permanent"), "the node leads nowhere")
        expect_eq([r[2] for r in outbox()], ["attached", "detached"], "what the cluster is to be told")

    def after(self, n):
        self.delete()
        self.expect_gone()
        self.done_once()

    def done_once(self):
        expect_eq(self.add().ips, [IP + "/16"])
        expect_eq([r[2] for r in outbox()], ["attached"], "it is attached again, nothing is given back")
        expect_in(IP, run("ip route"))
        self.delete()
        self.expect_gone()

    def done(self):
        if self.verb == "ADD":
            self.delete()
        self.expect_gone()


case("ADD of a claim killed at any call", lambda: sweep(Claim("ADD")))
case("DEL of a claim killed at any call", lambda: sweep(Claim("DEL")))

main()
