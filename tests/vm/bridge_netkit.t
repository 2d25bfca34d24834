#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# netkit pods: what a pair of netkit alone can show.
# vm: kernel=6.12 with=go
import json, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from wire import *

A4, B4, X4 = "10.88.0.11", "10.88.0.12", "10.88.0.200"
CLI = os.path.join(BUILD, "barewire")


def kind(ns, name="eth0"):
    return ns.ip_json("-d link show %s" % name)[0]["linkinfo"]["info_kind"]


class Bed:
    def __init__(self, **conf):
        self.node = Wire(conf)

    def __enter__(self):
        return self.node

    def __exit__(self, *_):
        self.node.close()
        run(CLI, "net", "clean", "br-lan", check=False)


def endpoints():
    return {e["device"]: e for e in json.loads(run(CLI, "net", "show", "-o", "json"))["endpoints"]}


def a_pair_is_made(link):
    with Bed(link=link) as node:
        a = node.pod("a", A4)
        expect_eq(kind(a.ns), "netkit", "the pod's device")
        mac = a.ns.ip_json("link show eth0")[0]["address"]
        expect_eq(mac, a.mac, "its MAC, the result's")
        expect_ok(cni("CHECK", dict(a.conf, prevResult=a.result), a.ns))
        expect_eq(endpoints()[a.host_if]["hook"], "netkit", "hook")


def check_names_a_program_that_is_gone():
    with Bed(link="netkit") as node:
        a = node.pod("a", A4)
        links = sorted(p for p in pins() if "/links/%s" % a.host_if in p)
        expect_eq(len(links), 2, "links: %s" % links)
        for link in links:
            os.unlink(link)
            expect_error(cni("CHECK", dict(a.conf, prevResult=a.result), a.ns), None, "program")
        a.ns.remove()


def both_directions_are_fast(other):
    """other: the link of the second pod."""
    with Bed(link="netkit", accel="ebpf") as node:
        a, b = node.pod("a", A4), node.pod("b", B4, conf={"link": other})
        expect(ping(node.x, A4) and ping(a.ns, X4), "outside")  # learned from here on
        expect(ping(a.ns, B4) and ping(b.ns, A4), "the neighbour")
        before = packets()
        for ns, to in ((a.ns, X4), (node.x, A4), (a.ns, B4), (b.ns, A4)):
            expect(ping(ns, to, count=20), "%s to %s" % (ns.name, to))
        after = packets()
        for pod in (a, b):
            fast, slow = (a - b for a, b in zip(after[pod.host_if], before[pod.host_if]))
            # Neighbours ask each other from time to time, by the bridge.
            expect(fast >= 80 and slow <= 20, "%s: %d frames fast, %d slow" % (pod.ns.name, fast, slow))


def packets():
    """(fast, slow) of each endpoint, both directions."""
    return {name: tuple(sum(e["counters"][d + way]["packets"] for d in ("tx", "rx")) for way in ("Fast", "Slow"))
            for name, e in endpoints().items()}


def a_limit_holds(direction, accel):
    """Bytes of a TCP stream within its time: at most the rate, and most of it."""
    rate = 20 * 10**6
    limit = {"runtimeConfig": {"bandwidth": {direction + "Rate": rate, direction + "Burst": rate // 10}}}
    with Bed(link="netkit", accel=accel) as node:
        a = node.pod("a", A4, conf=limit)
        server, client, to = (a.ns, node.x, A4) if direction == "ingress" else (node.x, a.ns, X4)
        p = server.popen("iperf3", "-s", "-1", "--forceflush", stdout=subprocess.PIPE)
        p.stdout.readline()
        out = json.loads(client.run("iperf3", "-c", to, "-t", "3", "-O", "1", "-J", timeout=30))
        p.wait(10)
        got = out["end"]["sum_received"]["bits_per_second"] / rate
        expect(0.6 <= got <= 1.1, "%.2f of the rate" % got)


def del_after_the_namespace_leaves_nothing():
    with Bed(link="netkit") as node:
        a = node.pod("a", A4)
        before = a.ns
        node.pods.remove(a)
        conf, cid = a.conf, before.name
        before.remove()
        expect_ok(cni("DEL", conf, None, cid=cid))
        expect(a.host_if not in [l["ifname"] for l in run_json("ip", "-j", "link")], "the host's end")
        expect_eq([p for p in pins() if a.host_if in p], [], "pins")


def a_reload_keeps_pods_reachable():
    with Bed(link="netkit") as node:
        a, b = node.pod("a", A4), node.pod("b", B4)
        run(CLI, "net", "reload")
        expect(ping(a.ns, B4) and ping(node.x, A4) and ping(b.ns, X4), "after the reload")
        expect_ok(cni("CHECK", dict(a.conf, prevResult=a.result), a.ns))


for _link in ("netkit", "auto"):
    case("link %s makes netkit" % _link, a_pair_is_made, _link)
case("check names a program that is gone", check_names_a_program_that_is_gone)
for _other in ("netkit", "veth"):
    case("both directions are fast, the other pod %s" % _other, both_directions_are_fast, _other)
for _direction in ("ingress", "egress"):
    case("a limit of %s holds, accel ebpf" % _direction, a_limit_holds, _direction, "ebpf")
case("a limit of ingress holds, accel off", a_limit_holds, "ingress", "off")
case("DEL after the namespace is gone leaves nothing", del_after_the_namespace_leaves_nothing)
case("a reload keeps pods reachable", a_reload_keeps_pods_reachable)
main()
