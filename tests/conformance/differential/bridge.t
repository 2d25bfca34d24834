#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""barewire-bridge against the reference bridge plugin 1.9.1, and against the distribution's 1.1.1 up to spec
1.0.0: version x family x gateway x VLAN and each key of the reference. Compared are exit, code, result and
the links, addresses, routes of node and pod after ADD, a second ADD, CHECK and DEL."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import diff  # noqa: E402

V4 = [{"subnet": "10.1.2.0/24"}]
V6 = [{"subnet": "2001:db8:1::/64"}]
FAMILIES = {"v4": [V4], "v6": [V6], "dual": [V4, V6]}
GATEWAYS = {"l2": {}, "gw": {"isGateway": True}, "defgw": {"isDefaultGateway": True}}


def conf(version, ranges=None, **keys):
    out = {"name": "net1", "type": "bridge", "bridge": "br0"}
    if version != "0.1.0-absent":
        out["cniVersion"] = version
    if ranges is not None:
        out["ipam"] = {"type": "host-local", "ranges": ranges}
        out["ipam"].update(keys.pop("ipam", {}))
    out.update(keys)
    return out


CASES = {}


# Keys that 1.1.1 does not know yet.
NEW_KEYS = {"disableContainerInterface", "portIsolation", "vlanTrunk", "ipMasqBackend", "macspoofchk", "enabledad"}


def case(name, version="1.0.0", args=None, before=None, **kw):
    CASES[name] = {"version": version, "conf": conf(version, **kw), "args": args, "before": before or [],
                   "new": bool(NEW_KEYS & set(kw))}


for v in diff.VERSIONS:
    for fam, ranges in FAMILIES.items():
        if v in ("0.1.0", "0.2.0") and fam == "dual":
            continue
        for gw, keys in GATEWAYS.items():
            case("%s %s %s" % (v, fam, gw), v, ranges=ranges, **keys)

for v in ("0.3.1", "1.0.0", "1.1.0"):
    for fam, ranges in FAMILIES.items():
        for gw, keys in GATEWAYS.items():
            case("%s %s %s vlan" % (v, fam, gw), v, ranges=ranges, vlan=100, **keys)

for v in ("0.4.0", "1.0.0", "1.1.0"):
    case("%s no ipam" % v, v)
    case("%s no ipam, interface left down" % v, v, disableContainerInterface=True)
    case("%s interface left down with ipam" % v, v, ranges=[V4], disableContainerInterface=True)

# Keys, one at a time.
case("default bridge name", ranges=[V4], bridge="cni0")
case("mtu", "1.1.0", ranges=[V4], isGateway=True, mtu=1400)
case("mtu of an L2 network", mtu=9000)
case("negative mtu", ranges=[V4], mtu=-1)
case("mtu below the least", ranges=[V4], mtu=10)
case("hairpin", ranges=[V4], hairpinMode=True)
case("promisc", ranges=[V4], promiscMode=True)
case("hairpin and promisc", ranges=[V4], hairpinMode=True, promiscMode=True)
case("port isolation", ranges=[V4], portIsolation=True)
case("masquerade", ranges=[V4], isGateway=True, ipMasq=True, ipMasqBackend="nftables")
case("masquerade dual", ranges=[V4, V6], isDefaultGateway=True, ipMasq=True, ipMasqBackend="nftables")
case("masquerade by iptables", ranges=[V4], isGateway=True, ipMasq=True, ipMasqBackend="iptables")
case("masquerade by nonsense", ranges=[V4], isGateway=True, ipMasq=True, ipMasqBackend="nonsense")
case("dad enabled", ranges=[V6], enabledad=True)
case("dns", ranges=[V4], dns={"nameservers": ["10.1.2.53"], "domain": "example.test", "search": ["a.test"],
                              "options": ["ndots:2"]})
case("dns of ipam", "1.0.0", ranges=[V4], ipam={"resolvConf": "/run/resolv.conf"})
case("routes", ranges=[V4], ipam={"routes": [{"dst": "0.0.0.0/0"}, {"dst": "192.168.0.0/16", "gw": "10.1.2.7"}]},
     isGateway=True)
case("routes without gateway", ranges=[V4], ipam={"routes": [{"dst": "192.168.0.0/16"}]})
case("default route of ipam and isDefaultGateway", ranges=[V4], ipam={"routes": [{"dst": "0.0.0.0/0", "gw": "10.1.2.9"}]},
     isDefaultGateway=True)
case("routes with mtu and metric", "1.1.0", ranges=[V4],
     ipam={"routes": [{"dst": "192.168.0.0/16", "mtu": 1300, "advmss": 1200, "priority": 77}]}, isGateway=True)
case("gateway of the range", ranges=[[{"subnet": "10.1.2.0/24", "gateway": "10.1.2.9"}]], isDefaultGateway=True)
case("range start and end", ranges=[[{"subnet": "10.1.2.0/24", "rangeStart": "10.1.2.30", "rangeEnd": "10.1.2.40"}]])
case("legacy subnet", ranges=[], ipam={"subnet": "10.1.2.0/24", "ranges": None})
case("two v4 sets", ranges=[V4, [{"subnet": "10.1.3.0/24"}]], isGateway=True)
case("requested address", ranges=[V4], args="IgnoreUnknown=1;IP=10.1.2.77")
case("requested address outside", ranges=[V4], args="IgnoreUnknown=1;IP=10.9.9.9")
case("requested gateway", ranges=[V4], args="IgnoreUnknown=1;IP=10.1.2.1")
case("requested address, other arguments refused", ranges=[V4], args="IP=10.1.2.77")
case("requested by runtimeConfig", ranges=[V4], runtimeConfig={"ips": ["10.1.2.78"]}, capabilities={"ips": True})
case("requested mac by args", ranges=[V4], args="IgnoreUnknown=1;MAC=02:11:22:33:44:55")
case("requested mac, other arguments refused", ranges=[V4], args="MAC=02:11:22:33:44:55")
case("requested mac by runtimeConfig", ranges=[V4], runtimeConfig={"mac": "02:11:22:33:44:66"})
case("bad mac", ranges=[V4], runtimeConfig={"mac": "02:11:22:33:44"})
case("unknown argument", ranges=[V4], args="FOO=bar")
case("unknown argument ignored", ranges=[V4], args="IgnoreUnknown=1;FOO=bar")
case("unknown key", ranges=[V4], nonsense={"a": 1})
case("vlan too big", ranges=[V4], vlan=4095)
case("vlan negative", ranges=[V4], vlan=-1)
case("vlan trunk", vlanTrunk=[{"id": 101}, {"minID": 200, "maxID": 202}])
case("vlan trunk without id", vlanTrunk=[{}])
case("vlan trunk upside down", vlanTrunk=[{"minID": 300, "maxID": 200}])
case("vlan trunk out of range", vlanTrunk=[{"id": 5000}])
case("mac spoof check", ranges=[V4], macspoofchk=True)
case("range with host bits", ranges=[[{"subnet": "10.1.2.3/24"}]])
case("range too small", ranges=[[{"subnet": "10.1.2.0/31"}]])
case("overlapping sets", ranges=[V4, [{"subnet": "10.1.2.128/25"}]])
case("bad version", "1.0.9", ranges=[V4])
case("version of the future", "2.0.0", ranges=[V4])
case("missing delegate", ranges=[V4], ipam={"type": "no-such-ipam"})

# A node that is not empty.
case("bridge there already", ranges=[V4], isGateway=True, before=["ip link add br0 type bridge"])
case("bridge there with its address", ranges=[V4], isGateway=True,
     before=["ip link add br0 type bridge", "ip addr add 10.1.2.1/24 dev br0"])
case("bridge with another address", ranges=[V4], isGateway=True,
     before=["ip link add br0 type bridge", "ip addr add 10.1.9.1/24 dev br0"])
case("bridge with another address forced", ranges=[V4], isGateway=True, forceAddress=True,
     before=["ip link add br0 type bridge", "ip addr add 10.1.9.1/24 dev br0"])
case("bridge with an overlapping v6 address", ranges=[V6], isGateway=True,
     before=["ip link add br0 type bridge", "ip addr add 2001:db8:1::99/64 dev br0 nodad"])
case("bridge with an overlapping v6 address forced", ranges=[V6], isGateway=True, forceAddress=True,
     before=["ip link add br0 type bridge", "ip addr add 2001:db8:1::99/64 dev br0 nodad"])
case("bridge name taken by another kind", ranges=[V4], before=["ip link add br0 type veth peer name x0"])
case("interface there already", ranges=[V4], before=["pod: ip link add eth0 type veth peer name p0"])


def prepare(node, commands):
    with open("/run/resolv.conf", "w") as f:
        f.write("nameserver 10.1.2.54\nsearch b.test\noptions ndots:3\n")
    node.pod("pod")
    for text in commands:
        where, _, command = text.rpartition(": ") if text.startswith("pod: ") else (None, None, text)
        ns = node.pod("pod") if where else node.ns
        diff.at(ns.path, *command.split())


def scenario(node, case):
    """ADD, the kernel, CHECK, ADD again, a second pod, DEL twice, the kernel again."""
    config, version = case["conf"], case["version"]
    prepare(node, case["before"])
    out = {"add": node.call("ADD", config, args=case["args"])}
    names = diff.Names(node, config)
    out["after add"] = node.state()
    added = out["add"]["exit"] == 0
    if added and version in ("0.4.0", "1.0.0", "1.1.0"):
        out["check"] = node.call("CHECK", dict(config, prevResult=node.results["pod", "eth0"]), args=case["args"])
    if added:
        out["add again"] = node.call("ADD", config, args=case["args"])
        if not case["args"] and "runtimeConfig" not in config:
            out["add second"] = node.call("ADD", config, pod="pod2")
            names.seen(node.state(), config["bridge"])
            out["del second"] = node.call("DEL", config, pod="pod2")
    if added and version == "1.1.0":
        out["status"] = node.call("STATUS", config, netns=False)
    last = dict(config, prevResult=node.results["pod", "eth0"]) if added else config
    out["del"] = node.call("DEL", last, args=case["args"])
    out["after del"] = node.state()
    out["del again"] = node.call("DEL", config, args=case["args"])
    return names.normal(out)


diff.main("bridge", os.path.abspath(__file__), CASES, scenario)
