#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL during an upgrade to other layouts: pods stay reachable, and whoever comes next completes it."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
import crash as driver
from crash import CLI, Running, ping, sweep

HERE = os.path.join(BUILD, "tests", "net", "datapath")
DRIVE, GROWN = os.path.join(HERE, "drive"), os.path.join(HERE, "grown", "drive")
PINS = "/sys/fs/bpf/barewire"
# All points are some eight hundred; with a stride that shares no factor with their pattern.
driver.STEP = int(os.environ.get("BW_CRASH_STEP", "53" if os.environ.get("BW_SAN") else "13"))


class Upgrade(Running):
    """After the kill comes, in turn: the new version, the old one, the old one's ADD."""
    turn = 0

    def act(self, n):
        return driver.crash(n, [GROWN, "reload"])

    def complete(self):
        self.turn = (self.turn + 1) % 3
        if self.turn == 0:
            run(GROWN, "reload")
            expect_eq(os.listdir(PINS), [run(GROWN, "abi").strip()], "pin directories after the new version")
        elif self.turn == 1:
            self.add(self.third, self.third_conf)
            ping(self.third, self.address)
            self.delete(self.third, self.third_conf)

    def after(self, n):
        self.expect_reachable()
        expect_ok(cni("CHECK", dict(self.conf, prevResult=self.result), self.ns))
        self.complete()
        self.expect_reachable()
        self.back()

    def done(self):
        self.back()


class Deleted(Upgrade):
    """After the kill the old version deletes the second pod: nothing of it is left in either directory."""

    def after(self, n):
        self.delete()
        ping(self.peer, "10.88.0.200")
        left = run(DRIVE, "list") + run(GROWN, "list")
        endpoints = {line.split()[2] for line in left.splitlines() if " endpoint " in line}
        expect_eq(len(endpoints), 1, "endpoints left: %s" % left)
        links = [os.path.basename(p) for p in pins() if "/links/" in p]
        expect_eq(len([l for l in links if not l.startswith("up0")]), 2, "links left: %s" % links)
        entries = [e for e in map_entries() if e.split()[0] in ("bw_ep", "bw_fdb")]
        expect_eq(len(set(entries)), 2, "entries left: %s" % entries)
        self.done()
        self.add()

    def done(self):
        run(CLI, "net", "reload")
        ping(self.peer, "10.88.0.200")


case("an upgrade to other layouts killed at any call is completed", lambda: sweep(Upgrade()))
case("a DEL after a killed upgrade leaves nothing", lambda: sweep(Deleted(), first=7))

main()
