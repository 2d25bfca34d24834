#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""barewire-ipam against host-local 1.9.1, and 1.1.1 up to spec 1.0.0: a host-local configuration works by
changing its type. Each case is a script of ADDs and DELs for several containers; what each answers is compared."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import diff  # noqa: E402

CASES = {}


def case(name, *steps, version="1.0.0", keys=None, **ipam):
    """steps: "+a" ADD of container a, "-a" DEL, "?a" CHECK, each with CNI_ARGS behind a blank."""
    conf = {"cniVersion": version, "name": "net1", "type": "host-local", "ipam": dict({"type": "host-local"}, **ipam)}
    conf.update(keys or {})
    CASES[name] = {"version": version, "conf": conf, "steps": steps or ("+a",)}


def one(subnet, **more):
    return [[dict({"subnet": subnet}, **more)]]


SMALL = one("10.1.2.0/29")
ALL = "+a +b +c +d +e +f".split()

for v in diff.VERSIONS:
    case("%s v4" % v, "+a", "?a", "-a", version=v, ranges=one("10.1.2.0/24"))
    case("%s v6" % v, "+a", "?a", "-a", version=v, ranges=one("2001:db8:1::/64"))
    case("%s routes, dns" % v, "+a", version=v, ranges=one("10.1.2.0/24"), resolvConf="/run/resolv.conf",
         routes=[{"dst": "0.0.0.0/0"}, {"dst": "10.9.0.0/16", "gw": "10.1.2.254"}])
    if v not in ("0.1.0", "0.2.0"):
        case("%s dual" % v, "+a", "+b", "?a", "-a", "+c", version=v, ranges=one("10.1.2.0/24") + one("2001:db8:1::/64"))

case("next goes on behind the last", "+a", "+b", "-a", "+c", "-b", "+d", "+e", ranges=SMALL)
case("the pool runs out", *ALL, "-c", "+g", "+h", ranges=SMALL)
case("next wraps around", *ALL[:5], "-b", "-d", "+g", "+h", "+i", ranges=SMALL)
case("a set of several ranges", *ALL, "+g", "+h", ranges=[[
    {"subnet": "10.1.2.0/24", "rangeStart": "10.1.2.10", "rangeEnd": "10.1.2.12"},
    {"subnet": "10.1.3.0/24", "rangeStart": "10.1.3.20", "rangeEnd": "10.1.3.22"}]])
case("two sets, one runs out", "+a", "+b", "+c", "-a", "+d", ranges=[
    [{"subnet": "10.1.2.0/30"}], [{"subnet": "10.1.3.0/24"}]])
case("rangeStart only", "+a", "+b", ranges=one("10.1.2.0/24", rangeStart="10.1.2.100"))
case("rangeEnd only", "+a", "+b", "+c", "+d", ranges=one("10.1.2.0/24", rangeEnd="10.1.2.3"))
case("the gateway is inside the range", "+a", "+b", "+c", ranges=one("10.1.2.0/24", rangeStart="10.1.2.4",
                                                                   rangeEnd="10.1.2.6", gateway="10.1.2.5"))
case("least subnet v4", "+a", "+b", ranges=one("10.1.2.0/30"))
case("least subnet v6", "+a", "+b", "+c", ranges=one("2001:db8::/126"))
case("legacy subnet", "+a", "+b", subnet="10.1.2.0/24")
case("legacy subnet with range", "+a", "+b", subnet="10.1.2.0/24", rangeStart="10.1.2.50", rangeEnd="10.1.2.60",
     gateway="10.1.2.254")
case("legacy subnet and ranges", "+a", "+b", subnet="10.1.2.0/24", ranges=one("2001:db8:1::/64"))
case("ipRanges of runtimeConfig", "+a", "+b", ranges=one("10.1.2.0/24"),
     keys={"runtimeConfig": {"ipRanges": one("2001:db8:5::/64")}})
case("ipRanges alone", "+a", keys={"runtimeConfig": {"ipRanges": one("10.7.0.0/24")}})
case("the same container twice", "+a", "+a", ranges=one("10.1.2.0/24"))
case("delete twice and without add", "-z", "+a", "-a", "-a", ranges=one("10.1.2.0/24"))
case("check without add", "?a", ranges=one("10.1.2.0/24"))
case("the address comes back to the pool", "+a IP=10.1.2.77", "-a", "+b IP=10.1.2.77", ranges=one("10.1.2.0/24"))

case("requested by args", "+a IP=10.1.2.77", "+b", ranges=one("10.1.2.0/24"))
case("requested with prefix", "+a IP=10.1.2.77/24", ranges=one("10.1.2.0/24"))
case("requested with a wrong prefix", "+a IP=10.1.2.77/16", ranges=one("10.1.2.0/24"))
case("requested and taken", "+a IP=10.1.2.77", "+b IP=10.1.2.77", ranges=one("10.1.2.0/24"))
case("requested outside", "+a IP=10.1.3.77", ranges=one("10.1.2.0/24"))
case("requested is the gateway", "+a IP=10.1.2.1", ranges=one("10.1.2.0/24"))
case("requested is the network", "+a IP=10.1.2.0", ranges=one("10.1.2.0/24"))
case("requested is the broadcast", "+a IP=10.1.2.255", ranges=one("10.1.2.0/24"))
case("requested outside of the range inside the subnet", "+a IP=10.1.2.200",
     ranges=one("10.1.2.0/24", rangeEnd="10.1.2.100"))
case("requested is no address", "+a IP=10.1.2", ranges=one("10.1.2.0/24"))
case("requested of two sets", "+a IP=10.1.2.9,2001:db8:1::9", ranges=one("10.1.2.0/24") + one("2001:db8:1::/64"))
case("requested of one of two sets", "+a IP=2001:db8:1::9", ranges=one("10.1.2.0/24") + one("2001:db8:1::/64"))
case("requested by runtimeConfig", "+a", ranges=one("10.1.2.0/24"), keys={"runtimeConfig": {"ips": ["10.1.2.44"]}})
case("requested by args.cni", "+a", ranges=one("10.1.2.0/24"), keys={"args": {"cni": {"ips": ["10.1.2.45"]}}})
case("the same wish on two channels", "+a IP=10.1.2.44", ranges=one("10.1.2.0/24"),
     keys={"runtimeConfig": {"ips": ["10.1.2.44"]}})
case("two wishes for one set", "+a IP=10.1.2.43", ranges=one("10.1.2.0/24"), keys={"runtimeConfig": {"ips": ["10.1.2.44"]}})
case("unknown argument", "+a FOO=bar", ranges=one("10.1.2.0/24"))

case("no ranges")
case("empty ranges", ranges=[])
case("an empty set", ranges=[[]])
case("no subnet", ranges=[[{}]])
case("host bits in the subnet", ranges=one("10.1.2.3/24"))
case("subnet too small", ranges=one("10.1.2.0/31"))
case("subnet too small v6", ranges=one("2001:db8::/127"))
case("no address", ranges=one("10.1.2"))
case("rangeStart outside", ranges=one("10.1.2.0/24", rangeStart="10.1.3.1"))
case("rangeEnd outside", ranges=one("10.1.2.0/24", rangeEnd="10.1.3.1"))
case("rangeStart behind rangeEnd", ranges=one("10.1.2.0/24", rangeStart="10.1.2.9", rangeEnd="10.1.2.5"))
case("overlapping sets", ranges=one("10.1.2.0/24") + one("10.1.2.128/25"))
case("overlapping ranges in one set", ranges=[[{"subnet": "10.1.2.0/24"}, {"subnet": "10.1.2.128/25"}]])
case("both families in one set", ranges=[[{"subnet": "10.1.2.0/24"}, {"subnet": "2001:db8::/64"}]])
case("gateway outside of the subnet", ranges=one("10.1.2.0/24", gateway="10.1.3.1"))
case("gateway is no address", ranges=one("10.1.2.0/24", gateway="x"))
case("route without dst", ranges=one("10.1.2.0/24"), routes=[{"gw": "10.1.2.1"}])
case("route with a bad gateway", ranges=one("10.1.2.0/24"), routes=[{"dst": "0.0.0.0/0", "gw": "x"}])
case("resolvConf missing", ranges=one("10.1.2.0/24"), resolvConf="/run/no-such-file")
case("no name", ranges=one("10.1.2.0/24"), keys={"name": ""})
case("bad name", ranges=one("10.1.2.0/24"), keys={"name": "a/b"})
case("unknown key", ranges=one("10.1.2.0/24"), nonsense=1)

VERBS = {"+": "ADD", "-": "DEL", "?": "CHECK"}


def scenario(node, case):
    with open("/run/resolv.conf", "w") as f:
        f.write("nameserver 10.1.2.54\nsearch b.test\noptions ndots:3\n")
    out = {}
    for n, step in enumerate(case["steps"], 1):
        who, _, args = step.partition(" ")
        verb, pod = VERBS[who[0]], who[1:]
        conf = case["conf"]
        if verb == "CHECK":
            if case["version"] in ("0.1.0", "0.2.0", "0.3.0", "0.3.1"):
                continue
            conf = dict(conf, prevResult=node.results.get((pod, "eth0"), {"cniVersion": case["version"], "ips": []}))
        out["%d %s" % (n, step)] = node.call(verb, conf, pod=pod, args=args or None)
    return out


diff.main("ipam", os.path.abspath(__file__), CASES, scenario)
