#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Acceleration never changes what a key means: one bed per key, observed once with `accel: off` and once
with `accel: ebpf`; everything that can be seen from pods, node and outside is the same."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from wire import *

A4, B4, X4 = "10.88.0.11", "10.88.0.12", "10.88.0.200"
A6, B6 = "fd88::11", "fd88::12"
TOKEN = b"BAREWIRE-VERDICT-PAYLOAD"
GATEWAY = {"type": "barewire-ipam", "domain": "lan",
           "ranges": [[{"subnet": "10.88.0.0/24"}], [{"subnet": "fd88::/64"}]]}

# name -> (configuration of pod a and b, a reason why this kernel cannot)
ROWS = {
    "nothing set": {},
    "isGateway": {"isGateway": True},
    "isDefaultGateway": {"isDefaultGateway": True},
    "forceAddress": {"isGateway": True, "forceAddress": True},
    "ipMasq": {"isGateway": True, "ipMasq": True},
    "mtu": {"mtu": 1400},
    "hairpinMode": {"hairpinMode": True},
    "promiscMode": {"promiscMode": True},
    "portIsolation": {"portIsolation": True},
    "macspoofchk without antiSpoof": {"macspoofchk": True, "antiSpoof": False},
    "antiSpoof false": {"antiSpoof": False},
    "antiSpoof allow": {"antiSpoof": {"allow": ["10.88.0.240/28"]}},
    "enabledad": {"enabledad": True},
    "macFrom random": {"macFrom": "random"},
    "runtimeConfig.mac": {"macFrom": "random"},
    "no uplink": {"uplink": None, "isGateway": True},
}


def link_facts(ns, ifname):
    """What `ip -d link` says of the port, less names, numbers and MACs that differ by nature."""
    link = run_json(*(["ip", "-n", ns.name] if ns else ["ip"]), "-j", "-d", "link", "show", "dev", ifname)[0]
    facts = {k: link.get(k) for k in ("mtu", "operstate")}
    port = link.get("linkinfo", {}).get("info_slave_data", {})
    facts.update({k: port.get(k) for k in ("hairpin", "isolated", "guard", "root_block", "fastleave")})
    return facts


def forged_passes(a, dst_tap, dst_mac, src_mac, src_ip):
    """Whether a frame with this source arrives; an honest one after it proves the path."""
    out = Tap(a.ns)
    dst_tap.frames()
    out.send(eth(dst_mac, src_mac, 0x0800, ipv4(src_ip, B4, 17, udp(9, 9, TOKEN))))
    out.send(eth(dst_mac, a.mac, 0x0800, ipv4(A4, B4, 17, udp(9, 9, TOKEN[::-1]))))
    found, seen = dst_tap.wait(lambda f: TOKEN[::-1] in f, 1.0)
    out.close()
    return any(TOKEN in f for f in seen) if found else None


def observe(conf, accel):
    conf = dict(conf, accel=accel)
    has_uplink = "uplink" not in conf
    node = Wire(conf)
    node.conf = {k: v for k, v in node.conf.items() if v is not None}
    try:
        args = "IgnoreUnknown=1;MAC=02:00:00:00:00:%s" if conf.get("macFrom") == "random" else None
        a = node.pod("a", [A4, A6], args=args and args % "aa")
        b = node.pod("b", [B4, B6], args=args and args % "bb")
        seen = {"a port": link_facts(None, a.host_if), "a eth0": link_facts(a.ns, "eth0"),
                "a addresses": a.ns.addrs(), "a routes": a.ns.routes(),
                "bridge mtu": run_json("ip -j link show dev br-lan")[0]["mtu"],
                "bridge promisc": run_json("ip -j -d link show dev br-lan")[0].get("promiscuity", 0) > 0
                if conf.get("promiscMode") else None,
                "masquerade": "masquerade" in run("nft list ruleset")}
        for fam, dst in (("v4", B4), ("v6", B6)):
            seen["a to b " + fam] = ping(a.ns, dst, timeout_s=1)
        if has_uplink:
            seen["x to a"] = ping(node.x, A4, timeout_s=1)
            seen["a to x"] = ping(a.ns, X4, timeout_s=1)
            seen["a to x v6"] = ping(a.ns, "fd88::200", timeout_s=1)
            seen["large frame"] = "1 received" in run(
                "ip", "netns", "exec", "x", "ping", "-n", "-c1", "-W1", "-M", "do", "-s",
                str(conf.get("mtu", 1500) - 28), A4, check=False)
        if conf.get("isGateway") or conf.get("isDefaultGateway"):
            seen["a to gateway"] = ping(a.ns, "10.88.0.1", timeout_s=1)
        at_b = Tap(b.ns)
        seen["forged MAC"] = forged_passes(a, at_b, b.mac, "02:66:66:66:66:66", A4)
        seen["forged address"] = forged_passes(a, at_b, b.mac, a.mac, "10.88.0.66")
        seen["virtual address"] = forged_passes(a, at_b, b.mac, a.mac, "10.88.0.241")
        at_a = Tap(a.ns)
        at_a.send(eth(a.mac, a.mac, 0x0800, ipv4(A4, A4, 17, udp(9, 9, b"HAIRPIN"))))
        seen["hairpin"] = bool(at_a.wait(lambda f: b"HAIRPIN" in f, 0.3)[0])
        at_a.close()
        at_b.close()
        return seen
    finally:
        node.close()


def same(conf):
    off, fast = observe(conf, "off"), observe(conf, "ebpf")
    differ = ["%s: off %s, ebpf %s" % (k, off[k], fast[k]) for k in off if off[k] != fast[k]]
    expect_eq(differ, [], "verdicts that differ")
    expect(conf.get("portIsolation") or off["a to b v4"], "the bed itself does not work: %s" % off)


for _name, _conf in ROWS.items():
    case("%s means the same with accel off and ebpf" % _name, same, _conf)
main()
