#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Services and the node from pods on a physical segment whose default route is a router of that segment, and the
node to the pods; nothing of it is seen on the uplink."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bridgebed import *
from wire import *

HOPS = ("169.254.1.1", "fe80::1")
NODE = ["192.0.2.10", "2001:db8::10"]
SERVICES = ["10.96.0.0/12", "fd96::/108"]
VIP = {"IPv4": "10.96.0.10", "IPv6": "fd96::10"}
POD = {"IPv4": ("10.99.2.1%d", "10.99.0.0/16"), "IPv6": ("fd99::1%d", "fd99::/64")}


def conf(i, **keys):
    """Pod i of the segment: routes as a claim gives them."""
    ranges = [[{"subnet": net, "rangeStart": ip % i, "rangeEnd": ip % i}] for ip, net in POD.values()]
    return {"cniVersion": "1.1.0", "name": "lan", "type": "barewire-bridge", "bridge": "bw-up0", "uplink": "up0",
            "ipam": {"type": "barewire-ipam", "domain": "lan", "ranges": ranges,
                     "routes": [{"dst": "0.0.0.0/0", "gw": "10.99.0.1"}, {"dst": "::/0", "gw": "fd99::1"}]},
            "reach": {"services": SERVICES, "node": NODE}, "hairpinMode": True, **keys}


class Bed:
    """A node with an address of its own elsewhere (mgmt0), an uplink, the segment's peer, and pods 1 and 2."""

    def __init__(self, vlan=0, br_netfilter=1, **keys):
        clean()
        for name in ("iptables", "ip6tables"):
            sysctl("net/bridge/bridge-nf-call-" + name, br_netfilter)
        for name in ("bw-up0", "mgmt0"):
            run("ip", "link", "del", name, check=False)
        self.x = Netns("x")
        run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "far0", "netns", "x")
        run("ip", "link", "add", "mgmt0", "type", "veth", "peer", "name", "mgmt1", "netns", "x")
        for name in ("up0", "mgmt0"):
            run("ip", "link", "set", name, "up")
        self.x.ip("link set far0 up")
        self.x.ip("link set mgmt1 up")
        run("ip", "addr", "add", NODE[0] + "/24", "dev", "mgmt0")
        run("ip", "addr", "add", NODE[1] + "/64", "dev", "mgmt0", "nodad")
        run("ip", "route", "add", "default", "via", "192.0.2.1")  # a node has one
        run("ip", "-6", "route", "add", "default", "via", "2001:db8::1", "dev", "mgmt0")
        sysctl("net/ipv4/ip_forward", 1)
        sysctl("net/ipv6/conf/all/forwarding", 1)
        self.wire = Tap(self.x, "far0")
        if vlan:
            keys["vlan"] = vlan
        self.conf = {i: conf(i, **keys) for i in (1, 2)}
        self.pods = {i: Netns("p%d" % i) for i in (1, 2)}
        self.answers = {i: expect_ok(cni("ADD", self.conf[i], self.pods[i])) for i in (1, 2)}

    def close(self):
        run("nft", "flush", "ruleset")
        for i, ns in self.pods.items():
            expect_ok(cni("DEL", self.conf[i], ns))
        left = [r for r in run("ip route show proto 98").splitlines() if "/" not in r.split()[0]]
        left += run("ip -6 route show proto 98").splitlines()
        left = [r for r in left if "metric 4242" not in r]
        left += run("ip neigh show nud permanent dev bw-up0").splitlines()
        expect(not left, "left on the node:\n" + "\n".join(left))
        self.wire.close()
        for name in ("bw-up0", "up0", "mgmt0"):
            run("ip", "link", "del", name, check=False)


def on(**keys):
    def wrap(fn):
        def run_on():
            bed = Bed(**keys)
            fn(bed)
            bed.close()
        run_on.__name__ = fn.__name__
        return test(run_on)
    return wrap


def proxy(vip, to, port=80):
    """What a proxy of Services does: the address is translated, and what does not come from pods is masqueraded."""
    fam = "ip6" if ":" in vip else "ip"
    dest = "[%s]:6379" % to if ":" in to else "%s:6379" % to
    run("nft", "-f", "-", stdin="""
        table %s svc {
            chain pre { type nat hook prerouting priority dstnat; %s daddr %s tcp dport %d dnat to %s; }
            chain out { type nat hook output priority -100; %s daddr %s tcp dport %d dnat to %s; }
            chain post { type nat hook postrouting priority srcnat; ct status dnat masquerade; }
        }""" % (fam, fam, vip, port, dest, fam, vip, port, dest))


ASK = """
import socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])), 3)
c.sendall(b"PING")
print(c.recv(64).decode())
"""


def ask(client, ip, port, server, at):
    """One request of client (None: the node) over TCP; the server listens at `at` in its namespace (None: the node)."""
    start = [*server.enter] if server else []
    p = subprocess.Popen([*start, sys.executable, "-c", SERVER, at], stdout=subprocess.PIPE, text=True)
    try:
        p.stdout.readline()
        q = subprocess.run([*(client.enter if client else []), sys.executable, "-c", ASK, ip, str(port)],
                           capture_output=True, text=True, timeout=10)
        return q.stdout.strip() == "PING"
    finally:
        p.kill()
        p.wait()


def names_the_hop(frame):
    return any(ip_bytes(hop) in frame for hop in HOPS)


def everything_reaches(bed):
    for fam, vip in VIP.items():
        one, two, node = POD[fam][0] % 1, POD[fam][0] % 2, NODE[fam == "IPv6"]
        expect(ping(bed.pods[1], node), "%s: pod to the node" % fam)
        expect(ask(None, one, 6379, bed.pods[1], one), "%s: node to the pod" % fam)
        expect(ask(bed.pods[1], node, 6379, None, node), "%s: pod to a server of the node" % fam)
        expect(ask(bed.pods[1], two, 6379, bed.pods[2], two), "%s: pod to pod" % fam)
        proxy(vip, two)
        expect(ask(bed.pods[1], vip, 80, bed.pods[2], two), "%s: pod to a Service of a pod of this node" % fam)
        expect(ask(bed.pods[2], vip, 80, bed.pods[2], two), "%s: pod to its own Service" % fam)
        expect(ask(None, vip, 80, bed.pods[2], two), "%s: node to a Service" % fam)
        run("nft", "flush", "ruleset")
    seen = [f for f in bed.wire.frames() if names_the_hop(f)]
    expect(not seen, "the uplink has seen the next hop: %r" % seen[:1])


@on()
def Services_and_the_node_are_reached_and_reach_the_pods(bed):
    everything_reaches(bed)


@on(br_netfilter=0)
def without_br_netfilter_too(bed):
    everything_reaches(bed)


@on(accel="off", antiSpoof=False)
def without_programs_too(bed):
    everything_reaches(bed)


@on()
def a_Service_whose_pod_is_on_another_node_of_the_segment(bed):
    bed.x.ip("addr add 10.99.7.7/16 dev far0")
    bed.x.ip("addr add 192.0.2.11/24 dev mgmt1")
    proxy(VIP["IPv4"], "10.99.7.7")
    expect(ask(bed.pods[1], VIP["IPv4"], 80, bed.x, "10.99.7.7"), "over the node's other network back")


@on()
def nobody_on_the_segment_answers_for_the_next_hop(bed):
    mac, _ = bed.x.link("far0")["address"], bed.wire.frames()
    bed.wire.send(eth(BROADCAST, mac, 0x0806, arp(1, mac, "10.99.7.7", "00:00:00:00:00:00", HOPS[0])))
    target = ip_bytes(HOPS[1])
    ns = "ff02::1:ff00:1"
    body = b"\0\0\0\0" + target + b"\x01\x01" + mac_bytes(mac)
    bed.wire.send(eth("33:33:ff:00:00:01", mac, 0x86dd, ipv6("fe80::77", ns, 58, icmp6("fe80::77", ns, 135, body), 255)))
    got, _ = bed.wire.wait(names_the_hop, 0.5)
    expect(got is None, "somebody answered: %r" % got)


@on()
def the_router_keeps_the_pods_default_route(bed):
    routes = " ".join(bed.pods[1].routes())
    for want in ("default via 10.99.0.1", "10.96.0.0/12 via 169.254.1.1", "192.0.2.10 via 169.254.1.1", "default via fd99::1",
                 "fd96::/108 via fe80::1"):
        expect_in(want, routes)
    neigh = run("ip", "-n", "p1", "neigh", "show", "nud", "permanent")
    mac = run_json("ip", "-j", "link", "show", "bw-up0")[0]["address"]
    for hop in HOPS:
        expect_in("%s dev eth0 lladdr %s" % (hop, mac), neigh)
    expect_ok(cni("CHECK", with_prev(bed.conf[1], bed.answers[1]), bed.pods[1]))


@test
def a_router_that_is_fe80_1_stays_the_router():
    clean()
    c = conf(1)
    c["ipam"]["routes"][1]["gw"] = "fe80::1"
    run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "far0")
    run("ip", "link", "set", "up0", "up")
    ns = Netns("p1")
    expect_ok(cni("ADD", c, ns))
    routes = " ".join(ns.routes())
    expect_in("default via fe80::1", routes)
    expect_in("fd96::/108 via fe80::a9fe:101", routes)
    expect_ok(cni("DEL", c, ns))
    for name in ("bw-up0", "up0"):
        run("ip", "link", "del", name)


@test
def a_failed_ADD_leaves_no_route():
    clean()
    run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "far0")
    run("ip", "link", "set", "up0", "up")
    c, ns = conf(1), Netns("p1")
    c["reach"]["services"] = ["10.96.0.0/12", "10.96.0.0/12"]
    expect_error(cni("ADD", {**c, "vlanTrunk": [{"id": 5}]}, ns), 7, "reach")
    before = snapshot()
    run("sh", "-c", "ip -n p1 link add eth0 type veth peer name other")
    expect(cni("ADD", c, ns).code, "eth0 is taken")
    expect_eq(run("ip route show proto 98"), "")
    for name in ("bw-up0", "up0"):
        run("ip", "link", "del", name, check=False)


if kernel_has("vlan_filtering") if os.environ.get("BW_SANDBOX") else True:
    @on(vlan=70)
    def in_a_VLAN_too(bed):
        everything_reaches(bed)


main()
