#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Services by DNAT on the node reach a pod on the accelerated bridge, as they do on a plain bridge.

The node owns a virtual address and translates it to pod b. Clients: pod a on the same bridge, and x
behind the uplink, whose route to the virtual address leads through the node. Both families, with and
without br_netfilter; the measure is what the same bridge does with `accel: off`.
"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from wire import *

FAMILIES = {
    "IPv4": dict(vip="10.96.0.10", net="10.96.0.0/16", gw="10.88.0.1", a="10.88.0.11", b="10.88.0.12",
                 x="10.88.0.200", fam="ip", len=24),
    "IPv6": dict(vip="fd96::10", net="fd96::/64", gw="fd88::1", a="fd88::11", b="fd88::12", x="fd88::200",
                 fam="ip6", len=64),
}
PORT = 80


def topology(f, accel, br_netfilter):
    """Returns (node, a, b, server); the node is the gateway of pods and of x."""
    node = Wire({"accel": accel, "isGateway": True,
                 "ipam": {"type": "barewire-ipam", "domain": "lan",
                          "ranges": [[{"subnet": "10.88.0.0/24"}], [{"subnet": "fd88::/64"}]],
                          "routes": [{"dst": f["net"], "gw": f["gw"]}]}})
    a = node.pod("a", [f["a"]])
    b = node.pod("b", [f["b"]])
    sysctl("net/bridge/bridge-nf-call-iptables", br_netfilter)
    sysctl("net/bridge/bridge-nf-call-ip6tables", br_netfilter)
    sysctl("net/ipv4/ip_forward", 1)
    sysctl("net/ipv6/conf/all/forwarding", 1)
    node.x.ip("%s route add %s via %s" % ("-6" if f["fam"] == "ip6" else "-4", f["net"], f["gw"]))
    to = "[%s]:8080" % f["b"] if f["fam"] == "ip6" else "%s:8080" % f["b"]
    run("nft", "-f", "-", stdin="""
        table %s svc {
            chain pre { type nat hook prerouting priority dstnat; %s daddr %s tcp dport %d dnat to %s; }
            chain post { type nat hook postrouting priority srcnat; }
        }""" % (f["fam"], f["fam"], f["vip"], PORT, to))
    return node, a, b, serve(b.ns)


def close(node, server):
    server.kill()
    server.wait()
    run("nft", "flush", "ruleset")
    node.close()


def outcomes(f, accel, br_netfilter):
    """What works, by name: the same table for every datapath."""
    node, a, b, server = topology(f, accel, br_netfilter)
    try:
        clients = {"pod": a.ns, "outside": node.x}
        got = {}
        for who, ns in clients.items():
            got[who + " direct"] = bool(tcp_get(ns, f["b"], 8080))
            # what does not work answers nothing at all, so a short deadline tells as much as a long one
            got[who + " service"] = all(tcp_get(ns, f["vip"], PORT, timeout_s=1) for _ in range(3))
            got[who + " direct again"] = bool(tcp_get(ns, f["b"], 8080))
        return got
    finally:
        close(node, server)


def same_as_the_plain_bridge(name, br_netfilter):
    f = FAMILIES[name]
    plain = outcomes(f, "off", br_netfilter)
    fast = outcomes(f, "ebpf", br_netfilter)
    diag("plain bridge: %s" % plain)
    expect_eq(fast, plain, "accelerated and plain bridge differ")
    expect(plain["pod direct"] and plain["outside direct"], "the topology itself does not work")
    if br_netfilter:
        expect(all(fast.values()), "with br_netfilter every client must reach the service: %s" % fast)


def reused_client_port(name, client):
    """A plain connection from the client port of an earlier service connection is not lost."""
    f = FAMILIES[name]
    node, a, b, server = topology(f, "ebpf", 1)
    try:
        ns = a.ns if client == "pod" else node.x
        lost = []
        for i in range(20):
            sport = 40000 + i
            if not tcp_get(ns, f["vip"], PORT, sport=sport, abort=True):
                lost.append("service %d" % sport)
            if not tcp_get(ns, f["b"], 8080, sport=sport, abort=True):
                lost.append("plain %d" % sport)
        expect_eq(lost, [], "lost connections")
    finally:
        close(node, server)


for _name in FAMILIES:
    for _nf in (1, 0):
        case("%s service and direct connections work as on the plain bridge, br_netfilter %s"
             % (_name, "on" if _nf else "off"), same_as_the_plain_bridge, _name, _nf)
    for _client in ("pod", "outside"):
        case("%s plain connections survive a service's reused client port, client %s" % (_name, _client),
             reused_client_port, _name, _client)

main()
