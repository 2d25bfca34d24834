#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL before every system call of `barewire net reload`: the next reload or ADD completes it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from crash import CLI, Running, crash, sweep


class Reload(Running):
    """Every other point is completed by an ADD instead of a reload."""

    def act(self, n):
        return crash(n, [CLI, "net", "reload"])

    def after(self, n):
        self.expect_reachable()
        if n % 2:
            self.add(self.third, self.third_conf)
            self.delete(self.third, self.third_conf)
        self.back()

    def done(self):
        self.expect_node_as_before()


case("reload killed at any call", lambda: sweep(Reload()))

main()
