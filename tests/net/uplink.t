#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an uplink may be, whose gateway is whose, and a node that lives on its uplink."""
import os
import re
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from wire import *

CLI = os.path.join(BUILD, "barewire")
GATEWAY = {"ipam": {"type": "barewire-ipam", "domain": "lan",
                    "ranges": [[{"subnet": "10.88.0.0/24", "gateway": "10.88.0.200"}]]}}


def wired(fn):
    """A node with its wire for one test."""
    def run_it(*args):
        node = Wire()
        try:
            fn(node, *args)
        finally:
            node.close()
            # The bridge and the uplink are gone already.
            run(CLI, "net", "clean", node.conf["bridge"], check=False)
    return run_it


def links():
    return {l["ifname"]: l for l in run_json("ip", "-j", "-d", "link")}


def settled():
    """The uplink's own address has been tested: its route comes with the end of that. One that is down has none."""
    shown = run("ip", "-6", "addr", "show", "dev", "up0")
    up = "UP" in links()["up0"]["flags"]
    return ("fe80:" in shown or not up) and "tentative" not in shown


def refused(node, code, words, **conf):
    """An ADD that is refused, and leaves the node as it was."""
    ns = Netns("pod")
    wait_until(settled, 20, "the uplink's address")
    before = snapshot(node=False)
    expect_error(cni("ADD", dict(node.conf, **conf), ns), code, *words)
    expect_same(before, snapshot(node=False), "the node after the refusal")
    expect("br-lan" not in links(), "the bridge was made")
    ns.remove()


@wired
def addresses_are_refused(node):
    run("ip addr add 10.88.0.5/24 dev up0")
    refused(node, 7, ["up0", "10.88.0.5/24", "moveUplinkAddresses"])


@wired
def default_route_is_refused(node):
    run("ip route add default dev up0")
    refused(node, 7, ["up0", "default route", "moveUplinkAddresses"])


@wired
def unknown_uplinks_are_refused(node):
    refused(node, 7, ["nosuch0"], uplink="nosuch0")
    refused(node, 7, ["loopback"], uplink="lo")
    refused(node, 7, ["9000", "1500"], mtu=9000)


@wired
def one_bridge_only(node):
    node.pod("first", ["10.88.0.10", "fd88::10"])
    ns = Netns("second")
    expect_error(cni("ADD", dict(node.conf, bridge="br-other"), ns), 7, "up0", "br-lan")
    expect("br-other" not in links(), "the second bridge was made")
    ns.remove()


@wired
def routers_keep_their_gateway(node, key):
    mac = node.x.mac() if hasattr(node.x, "mac") else node.x.ip_json("link show eth0")[0]["address"]
    refused(node, 7, ["10.88.0.200", mac, "ipam.routes"], **dict(GATEWAY, **{key: True}))
    v6 = {"ipam": {"type": "barewire-ipam", "ranges": [[{"subnet": "fd88::/64", "gateway": "fd88::200"}]]}}
    refused(node, 7, ["fd88::200", mac], **dict(v6, **{key: True}))


@wired
def a_refused_probe_lowers_the_uplink(node):
    run("ip link set up0 down")
    refused(node, 7, ["10.88.0.200"], isGateway=True, **GATEWAY)
    expect("UP" not in links()["up0"]["flags"], "the uplink stayed up")


@wired
def a_free_gateway_is_the_bridges(node):
    node.conf["ipam"] = {"type": "barewire-ipam", "domain": "lan", "ranges": [[{"subnet": "10.88.0.0/24"}]]}
    pod = node.pod("pod", "10.88.0.10", conf={"isGateway": True})
    addrs = [a["local"] for i in run_json("ip", "-j", "-4", "addr", "show", "dev", "br-lan") for a in i["addr_info"]]
    expect_eq(addrs, ["10.88.0.1"], "addresses of the bridge")
    expect(ping(pod.ns, "10.88.0.1"), "the pod reaches its gateway")
    expect(ping(node.x, "10.88.0.1"), "the wire reaches the gateway")
    # It holds the address now: the second ADD does not ask for it.
    node.pod("next", "10.88.0.11", conf={"isGateway": True})


def answer_tagged(tap, vid, ip, mac, seen):
    """A router on the tagged VLAN: answers the probe for its address."""
    probe, frames = tap.wait(lambda f: vids(f) == [vid] and f[16:18] == b"\x08\x06" and f[42:46] == ip_bytes(ip), 10)
    seen += frames
    if probe:
        tap.send(eth(mac, mac, 0x0806, b"")[:0] +
                 eth(":".join("%02x" % b for b in probe[6:12]), mac, 0x0806,
                     arp(2, mac, ip, mac, "0.0.0.0"), tags=((0x8100, vid),)))


@wired
def a_router_on_a_tagged_vlan_is_found(node):
    tap, seen = Tap(node.x), []
    mac = "02:00:00:00:aa:01"
    router = threading.Thread(target=answer_tagged, args=(tap, 100, "10.77.0.1", mac, seen))
    router.start()
    try:
        refused(node, 7, ["10.77.0.1", mac], vlan=100, isGateway=True,
                ipam={"type": "barewire-ipam", "ranges": [[{"subnet": "10.77.0.0/24", "gateway": "10.77.0.1"}]]})
    finally:
        router.join()
        tap.close()
    expect(all(vids(f) == [100] for f in seen if f[12:14] in (b"\x08\x06", b"\x81\x00")),
           "an untagged question was asked")


@wired
def one_vlan_by_the_programs(node):
    if kernel_has("vlan_filtering"):
        raise Skip("this kernel's bridges filter VLANs")
    node.pod("first", ["10.88.0.10", "fd88::10"], conf={"vlan": 100})
    ns = Netns("second")
    expect_error(cni("ADD", dict(node.conf, vlan=101), ns), 2, "101", "100", "bridge and an uplink of its own")
    expect_error(cni("ADD", node.conf, ns), 2, "100")
    ns.remove()


@wired
def no_ipv6_by_itself(node):
    node.pod("pod", ["10.88.0.10", "fd88::10"])
    for what in ("addr", "route show table all"):
        out = run("ip -6 %s dev br-lan" % (what if what != "addr" else "addr show"))
        expect_eq(out.strip(), "", "ip -6 %s of the bridge" % what)


@wired
def the_node_moves_and_comes_back(node):
    run("ip addr add 10.88.0.5/24 dev up0")
    run("ip addr add fd88::5/64 dev up0 nodad")
    run("ip route add default via 10.88.0.200 metric 50 mtu 1400")
    run("ip route add 203.0.113.0/24 via 10.88.0.200 table 100")
    run("ip -6 route add default via fd88::200")
    expect(ping(node.x, "10.88.0.5"), "the node answers before")
    wait_until(lambda: "tentative" not in run("ip -6 addr show dev up0"), 5, "the uplink's link-local address")
    before = snapshot()
    pod = node.pod("pod", ["10.88.0.10", "fd88::10"], conf={"moveUplinkAddresses": True})
    # The wire's neighbour entry stays right: the bridge has the uplink's MAC.
    expect_eq(links()["br-lan"]["address"], links()["up0"]["address"], "MAC of the bridge")
    for ip in ("10.88.0.5", "fd88::5", "10.88.0.10", "fd88::10"):
        expect(ping(node.x, ip), "%s answers from the wire" % ip)
    expect(ping(pod.ns, "10.88.0.5"), "the pod reaches the node")
    expect_in("dev br-lan", run("ip route get 198.51.100.1"), "default route")
    expect_in("dev br-lan", run("ip route show table 100"), "route of another table")
    pod.delete()
    expect_in("10.88.0.5", run("ip addr show dev br-lan"), "addresses after the last DEL")
    run(CLI, "net", "clean", "br-lan")
    wait_until(lambda: not diff(before, snapshot()), 2, lambda: "the node as it was:\n%s" %
               "\n".join(diff(before, snapshot())))
    expect(ping(node.x, "10.88.0.5"), "the node answers after")


KINDS = """
addr add 10.88.0.5/24 dev up0
addr add fd88::5/64 dev up0 nodad
addr add 10.88.0.6 peer 10.99.0.1/32 dev up0
addr add 10.88.0.7/24 dev up0 label up0:x
addr add fd89::5/64 dev up0 nodad noprefixroute
nexthop add id 5 via 10.88.0.200 dev up0
nexthop add id 6 via 10.88.0.201 dev up0
nexthop add id 7 group 5/6
route add 10.5.0.0/16 nhid 5
route add 10.7.0.0/16 nhid 7
route add 10.6.0.0/16 nexthop via 10.88.0.200 weight 2 nexthop via 10.88.0.201
route add 10.8.0.0/16 via 10.88.0.200 tos 0x10 src 10.88.0.7 advmss 1200 initcwnd 20
route add 10.9.0.0/16 via 192.0.2.1 dev up0 onlink
route add 10.10.0.0/16 via inet6 fd88::200 dev up0
route add 10.11.0.0/16 dev up0 table 4711 scope link
route add default via 10.88.0.200 metric 100 proto dhcp src 10.88.0.5
-6 route add fd70::/64 nexthop via fd88::200 nexthop via fd88::201
-6 route add fd71::/64 via fd88::200 metric 7 pref high
-6 route add fd89::/64 dev up0 proto kernel metric 100
-6 route add default via fe80::1 dev up0 proto ra metric 1024 mtu 1400
"""


def carried(dev):
    """What a device has of addresses and routes, the device's own name left out, state and nexthop ids too."""
    out = []
    for what in ("-4 addr show dev %s", "-6 addr show dev %s", "-4 route show table all", "-6 route show table all"):
        text = run("ip", *(what % dev if "%s" in what else what).split())
        out += [" ".join(l.replace(dev, "DEV").split()) for l in text.splitlines()
                if "mtu 1500 qdisc" not in l and "ff00::/8" not in l]
    return out


def without_objects(lines):
    """Nor the labels of addresses, which name the device."""
    return sorted(re.sub(r" nhid \d+| DEV:x$", lambda m: "" if "nhid" in m.group() else " DEV", l) for l in lines)


@wired
def every_kind_of_route_moves(node):
    for line in KINDS.strip().splitlines():
        run("ip", *line.split())
    wait_until(lambda: "tentative" not in run("ip -6 addr show dev up0"), 5, "the uplink's link-local address")
    before = carried("up0")
    node.pod("pod", ["10.88.0.10", "fd88::10"], conf={"moveUplinkAddresses": True}).delete()
    moved = carried("br-lan")
    missing = [l for l in without_objects(before) if l not in without_objects(moved) and "linkdown" not in l]
    expect_eq(missing, [], "what did not move")
    expect("dev up0" not in run("ip -4 route show table all"), "a route still leaves by the port")
    run(CLI, "net", "clean", "br-lan")
    expect_eq(carried("up0"), before, "addresses and routes after net clean")


@wired
def a_deleted_bridge_is_cleaned(node):
    node.pod("pod", ["10.88.0.10", "fd88::10"]).delete()
    run("ip link del br-lan")
    expect(pins(), "there are no pins")
    run(CLI, "net", "clean", "br-lan")
    expect_eq(pins(), [], "pins")
    expect_eq([r for r in journal_rows() if r.startswith(("segment", "uplink"))], [], "rows")


@wired
def a_bridge_in_use_is_not_cleaned(node):
    pod = node.pod("pod", ["10.88.0.10", "fd88::10"])
    out = run(CLI, "net", "clean", "br-lan", check=False)
    expect("br-lan" in links(), "the bridge is gone: %s" % out)
    expect(ping(node.x, "10.88.0.10"), "the pod answers")
    pod.delete()
    run(CLI, "net", "clean", "br-lan")
    expect("br-lan" not in links(), "the bridge stayed")
    expect("master" not in links()["up0"], "the uplink is still a port")
    expect_eq(pins(), [], "pins")
    expect_eq([r for r in journal_rows() if r.startswith(("segment", "uplink"))], [], "rows")
    expect("br-lan.lock" not in os.listdir("/run/barewire"), "the lock stayed")


case("an uplink with an address is refused", addresses_are_refused)
case("an uplink with the default route is refused", default_route_is_refused)
case("an uplink that does not exist, the loopback, and too large an MTU are refused", unknown_uplinks_are_refused)
case("an uplink belongs to exactly one bridge", one_bridge_only)
for _key in ("isGateway", "isDefaultGateway"):
    case("%s is refused with the MAC of the router that answers" % _key, routers_keep_their_gateway, _key)
case("an uplink that was set up for the question goes down again", a_refused_probe_lowers_the_uplink)
case("a gateway nobody has becomes the bridge's", a_free_gateway_is_the_bridges)
case("a router on a tagged VLAN is found, nothing is asked untagged", a_router_on_a_tagged_vlan_is_found)
case("a bridge whose programs carry the tag serves one VLAN", one_vlan_by_the_programs)
case("a bridge with an uplink has no IPv6 address or route by itself", no_ipv6_by_itself)
case("the node's addresses move to the bridge and come back", the_node_moves_and_comes_back)
case("every kind of address and route moves and comes back", every_kind_of_route_moves)
case("what a deleted bridge leaves is cleaned", a_deleted_bridge_is_cleaned)
case("a bridge in use is not cleaned, an idle one leaves nothing", a_bridge_in_use_is_not_cleaned)
main()
