#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Upgrades under load: other programs, other layouts, there and back, with live Service flows, lose nothing.

"grown" is this program with longer values of endpoints, sticky flows and buckets: another ABI.
"""
import json
import os
import shutil
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from wire import *

HERE = os.path.join(BUILD, "tests", "net", "datapath")
DRIVE, GROWN = os.path.join(HERE, "drive"), os.path.join(HERE, "grown", "drive")
CLI = os.path.join(BUILD, "barewire")
PINS = "/sys/fs/bpf/barewire"
A, B, VIP = "10.88.0.11", "10.88.0.12", "10.96.0.10"
RATE = {"ingressRate": 10 ** 10, "ingressBurst": 10 ** 9, "egressRate": 10 ** 10, "egressBurst": 10 ** 9}


def abi(program):
    return run(program, "abi").strip()


def reload_by(program):
    run(*([CLI, "net", "reload"] if program == CLI else [program, "reload"]))


def only_losses_are_sent_again(ns):
    """Without tail loss probes, which a receiver that waits 2 ms for its processor calls forth, and with a timeout that no such
    wait outlasts (the sysctl came with 6.11): what TcpRetransSegs counts then was lost."""
    sysctl("net/ipv4/tcp_early_retrans", 0, ns.name)
    if os.path.exists("/proc/sys/net/ipv4/tcp_rto_min_us"):
        sysctl("net/ipv4/tcp_rto_min_us", 2000000, ns.name)


class Bed:
    """Pods a and b behind an uplink, b also behind a Service address, x outside; echo servers in b."""

    def __init__(self):
        self.node = Wire({"isGateway": True, "runtimeConfig": {"bandwidth": RATE},
                          "ipam": {"type": "barewire-ipam", "domain": "lan", "ranges": [[{"subnet": "10.88.0.0/24"}]],
                                   "routes": [{"dst": "10.96.0.0/16", "gw": "10.88.0.1"}]}})
        self.a = self.node.pod("a", A)
        self.b = self.node.pod("b", B)
        for ns in (self.a.ns, self.b.ns, self.node.x):
            only_losses_are_sent_again(ns)
        sysctl("net/bridge/bridge-nf-call-iptables", 1)
        sysctl("net/ipv4/ip_forward", 1)
        run("nft", "-f", "-", stdin="""table ip svc {
            chain pre { type nat hook prerouting priority dstnat;
                ip daddr %(vip)s tcp dport 80 dnat to %(b)s:7000; ip daddr %(vip)s tcp dport 81 dnat to %(b)s:8080; }
            chain post { type nat hook postrouting priority srcnat; }
        }""" % {"vip": VIP, "b": B})
        self.servers = [self.b.ns.popen(tool("pingpong"), "server", "7000", stdout=subprocess.DEVNULL), serve(self.b.ns)]
        wait_until(lambda: tcp_get(self.a.ns, B, 7000, timeout_s=0.1) is None and self.listens(), 5, "the server listens")

    def listens(self):
        return ":7000" in self.b.ns.run("ss -Hltn")

    def load(self, seconds):
        """Starts clients: neighbour, outside, and the live Service flow."""
        return [(who, ns.popen(tool("pingpong"), "client", to, port, "-t", str(seconds), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True))
                for who, ns, to, port in (("neighbour", self.a.ns, B, "7000"), ("outside", self.node.x, B, "7000"),
                                          ("service", self.a.ns, VIP, "80"))]

    def retransmits(self):
        out = {}
        for name, ns in (("a", self.a.ns), ("b", self.b.ns), ("x", self.node.x)):
            text = ns.run("nstat -asz TcpRetransSegs")
            out[name] = [int(float(line.split()[1])) for line in text.splitlines() if line.startswith("Tcp")]
        return out

    def close(self):
        for s in self.servers:
            s.kill()
            s.wait()
        run("nft", "flush", "ruleset")
        self.node.close()
        shutil.rmtree(PINS, ignore_errors=True)


def with_bed(fn):
    def body():
        bed = Bed()
        try:
            fn(bed)
        finally:
            bed.close()
    case(fn.__name__.replace("_", " "), body)
    return fn


def under_load(bed, seconds, step):
    """Runs step() again and again while the load runs. How often it ran; fails when a segment was lost."""
    before = bed.retransmits()
    ping = bed.a.ns.popen("ping", "-n", "-q", "-i", "0.002", "-w", str(seconds), B, stdout=subprocess.PIPE, text=True)
    clients, n = bed.load(seconds), 0
    end = time.monotonic() + seconds - 0.3
    while time.monotonic() < end:
        step()
        n += 1
    for who, p in clients:
        out, err = p.communicate(timeout=seconds + 20)
        expect_eq(p.returncode, 0, "%s: %s" % (who, err))
        answer = json.loads(out)
        diag("%s: %s" % (who, {k: answer[k] for k in answer if k in ("count", "p50", "p99", "max")}))
    expect_in(" 0% packet loss", ping.communicate(timeout=seconds + 20)[0], "ping")
    expect_eq(bed.retransmits(), before, "retransmitted segments")
    return n


def paths(program):
    out = {}
    for line in run(program, "list").splitlines():
        words = line.split()
        out[words[2]] = dict(w.split("=", 1) for w in words[3:])
    return out


@with_bed
def changed_layouts_there_and_back_lose_nothing(bed):
    done, lost, made = [], [], []

    def step():
        new = (GROWN, DRIVE)[len(done) % 2]
        p = subprocess.Popen([GROWN, "reload"] if new == GROWN else [CLI, "net", "reload"], stdout=subprocess.DEVNULL)
        while p.poll() is None:
            made.append(1)
            lost.extend([] if tcp_get(bed.a.ns, VIP, 81) else [len(made)])
        expect_eq(p.returncode, 0, "exit of the upgrade")
        expect_eq(os.listdir(PINS), [abi(new)], "pin directories")
        done.append(new)
    diag("%d upgrades, %d new connections meanwhile" % (under_load(bed, 6, step), len(made)))
    expect_eq(lost, [], "new Service connections that were lost")


@with_bed
def a_hundred_and_fifty_updates_lose_nothing(bed):
    """One process, so that the load has a processor too; new Service connections all the while."""
    before = bed.retransmits()
    clients = bed.load(8)
    p = subprocess.Popen([DRIVE, "reload", "on=150"], stdout=subprocess.DEVNULL)
    bad = n = 0
    while p.poll() is None:
        bad += not tcp_get(bed.a.ns, B, 8080)
        n += 1
    expect_eq(p.returncode, 0, "exit of the reloads")
    expect_eq(bad, 0, "new connections lost of %d" % n)
    for who, c in clients:
        expect_eq(c.communicate(timeout=30)[1] or c.returncode, 0, who)
    expect_eq(bed.retransmits(), before, "retransmitted segments")


@with_bed
def what_the_maps_hold_is_carried_over(bed):
    reload_by(CLI)
    bed.a.ns.run("ping -n -q -c 5 -i 0.02 %s" % B)
    before = paths(DRIVE)
    host = [i["name"] for i in bed.a.result["interfaces"] if i["name"] in before][0]
    run(CLI, "net", "slow", A, "on")
    for program in (GROWN, DRIVE):
        reload_by(program)
        now = paths(program)
        expect_eq(sorted(now), sorted(before), "ports")
        expect(int(now[host]["tx_fast"]) >= int(before[host]["tx_fast"]), "counters were set back: %s" % now[host])
        expect_eq(now[host]["slow"], "1", "slow")
    show = json.loads(run(CLI, "net", "show", A, "-o", "json"))["endpoints"][0]
    expect_eq([show["rxRate"], show["txRate"]], [10 ** 10, 10 ** 10], "rates")
    expect_ok(cni("CHECK", dict(bed.a.conf, prevResult=bed.a.result), bed.a.ns))


@with_bed
def either_version_checks_and_deletes_the_others_endpoints(bed):
    reload_by(GROWN)
    expect_ok(cni("CHECK", dict(bed.a.conf, prevResult=bed.a.result), bed.a.ns))
    run(CLI, "net", "slow", A, "on")
    expect_eq([p["slow"] for p in paths(GROWN).values() if p["mac"] == bed.a.mac], ["1"], "slow")
    expect_ok(cni("DEL", bed.a.conf, bed.a.ns))
    expect_eq([p for p in paths(GROWN).values() if p["mac"] == bed.a.mac], [], "ports of a")
    expect_eq(os.listdir(PINS), [abi(GROWN)], "pin directories")
    expect(wire_ping(bed.node.x, B), "b is not reached")


@with_bed
def the_first_add_of_another_version_upgrades(bed):
    reload_by(GROWN)
    c = bed.node.pod("c", "10.88.0.13")
    expect_eq(os.listdir(PINS), [abi(DRIVE)], "pin directories")
    expect_eq(len(paths(DRIVE)), 4, "ports")
    for who, to in ((bed.a.ns, "10.88.0.13"), (c.ns, B), (bed.node.x, B), (bed.node.x, "10.88.0.13")):
        expect(wire_ping(who, to), "%s is not reached from %s" % (to, who.name))


def wire_ping(ns, to):
    return " 0% packet loss" in ns.run("ping", "-n", "-q", "-c", "2", "-i", "0.05", "-W", "2", to, check=False)


main()
