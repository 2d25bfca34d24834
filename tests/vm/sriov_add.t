#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# vm: nics=1 kernel=6.12
"""ADD, CHECK and DEL of barewire-sriov on an emulated NIC: what is set where, that data flows and stays apart,
that the host sees no rename, and that DEL leaves the VF as it was."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import vfnl
from vfbed import *

# Data --------------------------------------------------------------------------------------------------

def talks(*families, **keys):
    a, b = [Pod(vfs()[n], "ab"[n], *[f % (5 + n) for f in families], **keys) for n in (0, 1)]
    for pod, n in ((a, 5), (b, 6)):
        expect_eq(sorted(pod.answer.ips), sorted(f % n for f in families), "addresses of the result")
        expect_eq(pod.ns.addrs(), sorted(f % n for f in families), "addresses in the pod")
    for x, y in zip(a.ips, b.ips):
        expect_reach(a.ns, x, b.ns, y)
    for pod in (a, b):
        expect_ok(pod.check())
        pod.delete()
    expect_no_rows()


fresh_case("two pods talk at their declared IPv4 addresses", talks, IP4)
fresh_case("two pods talk at their declared IPv6 addresses", talks, IP6)
fresh_case("two pods talk dual stack", talks, IP4, IP6)


@fresh
def two_pods_of_one_VLAN_talk_and_another_VLAN_is_apart():
    a, b, c = [Pod(vfs()[n], "abc"[n], IP4 % (5 + n), vlan=vlan) for n, vlan in enumerate((100, 100, 200))]
    expect_reach(a.ns, a.ips[0], b.ns, b.ips[0], "VLAN 100")
    expect_apart(a.ns, a.ips[0], c.ns, c.ips[0], "VLAN 100 and 200")
    d = Pod(vfs()[3], "d", IP4 % 8)
    expect_apart(c.ns, c.ips[0], d.ns, d.ips[0], "VLAN 200 and none")
    for pod in (a, b, c, d):
        pod.delete()


@fresh
def an_outside_peer_sees_each_VLAN_by_its_tag():
    with Outside() as x:
        tagged = {vid: x.vlan(vid, "10.77.0.200/24") for vid in (100, 200)}
        a, b = [Pod(vfs()[n], "ab"[n], IP4 % (5 + n), vlan=vid) for n, vid in enumerate((100, 200))]
        expect_reach(a.ns, a.ips[0], tagged[100], "10.77.0.200", "VLAN 100 on the wire")
        expect_reach(b.ns, b.ips[0], tagged[200], "10.77.0.200", "VLAN 200 on the wire")
        expect_apart(a.ns, a.ips[0], tagged[200], "10.77.0.200", "VLAN 100 to the peer's 200")
        for pod in (a, b):
            pod.delete()


@fresh
def an_outside_peer_reaches_a_pod_without_VLAN():
    with Outside("10.77.0.200/24", "fd77::200/64") as x:
        a = Pod(vfs()[0], "a", IP4 % 5, IP6 % 5)
        expect_reach(x.ns, "10.77.0.200", a.ns, a.ips[0])
        expect_reach(x.ns, "fd77::200", a.ns, a.ips[1])
        a.delete()


# What is set where -------------------------------------------------------------------------------------

def on_pf(keys, seen):
    pod = Pod(vfs()[0], "a", IP4 % 5, **keys)
    now = vfs()[0].seen()
    expect_eq({k: now.get(k) for k in seen}, seen, "what the PF shows")
    expect_ok(pod.check())
    pod.delete()


for name, keys, seen in (
        ("a VLAN", dict(vlan=100), {"vlan": 100, "qos": 0, "proto": "8100"}),
        ("the highest VLAN and priority, and the protocol in capitals",
         dict(vlan=4094, vlanQoS=7, vlanProto="802.1Q"), {"vlan": 4094, "qos": 7, "proto": "8100"}),
        ("spoofchk off", dict(spoofchk="off"), {"spoofchk": 0, "trust": 0}),
        ("spoofchk false", dict(spoofchk="false"), {"spoofchk": 0}),
        ("spoofchk on", dict(spoofchk="on"), {"spoofchk": 1}),
        ("trust on", dict(trust="on"), {"trust": 1, "spoofchk": 1}),
        ("trust true", dict(trust="true"), {"trust": 1}),
        ("trust off", dict(trust="off"), {"trust": 0}),
        ("a highest rate", dict(max_tx_rate=100), {"max_tx_rate": 100, "min_tx_rate": 0}),
        ("a lowest rate of 0", dict(min_tx_rate=0, max_tx_rate=50), {"max_tx_rate": 50, "min_tx_rate": 0}),
        ("egressRate of the network, rounded up", dict(bandwidth={"egressRate": 99000001, "egressBurst": 1000000}),
         {"max_tx_rate": 100}),
        ("egressRate of the runtime, rounded up",
         dict(runtimeConfig={"bandwidth": {"egressRate": 1, "egressBurst": 1000000}}), {"max_tx_rate": 1}),
        ("egressRate equal to max_tx_rate",
         dict(max_tx_rate=7, bandwidth={"egressRate": 7000000, "egressBurst": 1000000}), {"max_tx_rate": 7}),
        ("all of it together", FULL, {"vlan": 100, "qos": 3, "spoofchk": 0, "trust": 1, "max_tx_rate": 200})):
    fresh_case("on the PF: " + name, on_pf, keys, seen)


def left_alone(keys):
    vf = vfs()[0]
    vf.set("vlan", 55, "qos", 2)
    vf.set("spoofchk", "off")
    vf.set("trust", "on")
    vf.set("max_tx_rate", 300)
    seen = vf.seen()
    pod = Pod(vf, "a", IP4 % 5, **keys)
    want = {**seen, **({"vlan": 0, "qos": 0} if "vlan" in keys else {})}
    expect_eq({k: v for k, v in vf.seen().items() if k != "mac"}, {k: v for k, v in want.items() if k != "mac"},
              "what the PF shows")
    pod.delete()


fresh_case("what no key names stays as it is on the PF", left_alone, {})
fresh_case("vlan 0 takes a VLAN off, DEL gives it back", left_alone, {"vlan": 0})


def has_mac(mac, keys, args=None):
    pod = Pod(vfs()[0], "a", IP4 % 5, cni_args=args, **keys)
    expect_eq(pod.link.mac, mac, "MAC in the pod")
    expect_eq(pod.result["interfaces"][0]["mac"], mac, "MAC of the result")
    expect_ok(pod.check())
    peer = Pod(vfs()[1], "b", IP4 % 6)
    expect_reach(pod.ns, pod.ips[0], peer.ns, peer.ips[0])
    peer.delete()
    pod.delete()
    # The VF still hears: an administrator's MAC that is only zeroed leaves it deaf.
    a, b = Pod(vfs()[0], "c", IP4 % 5), Pod(vfs()[1], "d", IP4 % 6)
    expect_reach(a.ns, a.ips[0], b.ns, b.ips[0], "afterwards")
    a.delete()
    b.delete()


M1, M2, M3 = "02:77:00:00:00:01", "02:77:00:00:00:02", "02:77:00:00:00:03"
fresh_case("a MAC with trust", has_mac, M1, dict(mac=M1, trust="on"))
fresh_case("a MAC without trust works", has_mac, M1, dict(mac=M1))
fresh_case("a MAC without trust that was set to off", has_mac, M1, dict(mac=M1, trust="off"))
fresh_case("runtimeConfig.mac before CNI_ARGS and mac, in capitals", has_mac, M1,
           dict(mac=M3, runtimeConfig={"mac": M1.upper()}), "IgnoreUnknown=1;MAC=" + M2)
fresh_case("MAC of CNI_ARGS before mac", has_mac, M2, dict(mac=M3), "IgnoreUnknown=1;MAC=" + M2)


@fresh
def an_administrators_MAC_that_was_there_comes_back():
    vf = vfs()[0]
    vf.set("mac", "02:11:00:00:00:01")
    vf.rebind()
    pod = Pod(vf, "a", IP4 % 5, mac=M1)
    expect_eq(pod.link.mac, M1, "MAC in the pod")
    pod.delete()
    expect_eq(vf.seen()["mac"], "02:11:00:00:00:01", "the administrator's")


@fresh
def the_interface_has_mtu_alias_name_and_is_up():
    vf = vfs()[0]
    host = vf.name
    pod = Pod(vf, "a", IP4 % 5, ifname="net1", mtu=1400)
    link = pod.link
    expect_eq((link.mtu, link.up, link.parent), (1400, True, vf.pci), "mtu, up, device")
    expect(re.fullmatch("barewire:%s:[0-9a-f]{11}:net1" % re.escape(host), link.alias), "alias: " + link.alias)
    expect_eq(vf.name, None, "name on the node")
    expect_eq(holds(), {vf.pci: "a"}, "holds")
    pod.delete()
    expect_eq(holds(), {}, "holds")


@fresh
def a_VF_that_was_up_and_has_altnames_is_so_again():
    vf = vfs()[0]
    run("ip", "link", "property", "add", "dev", vf.name, "altname", "enp1s0f0v0", "altname", "a-very-long-name-of-a-VF")
    run("ip", "link", "set", vf.name, "mtu", 1450, "up")
    pod = Pod(vf, "a", IP4 % 5, **FULL)
    expect_ok(pod.check())
    pod.delete()
    expect(vf.link.up, "up")
    expect_eq(vf.link.altnames, ["a-very-long-name-of-a-VF", "enp1s0f0v0"], "altnames")


@fresh
def an_altname_equal_to_the_name_in_the_pod_is_no_obstacle():
    vf = vfs()[0]
    run("ip", "link", "property", "add", "dev", vf.name, "altname", "eth0")
    pod = Pod(vf, "a", IP4 % 5)
    expect_eq(pod.link.name, "eth0", "name in the pod")
    pod.delete()
    expect_eq(vf.link.altnames, ["eth0"], "altnames")


@fresh
def the_host_never_sees_a_rename():
    vf = vfs()[0]
    name, index = vf.name, vf.link.index
    with vfnl.Monitor() as host:
        pod = Pod(vf, "a", IP4 % 5, **FULL)
        heard = [(kind, x.name) for kind, x in host.heard(1) if x.index == index]
        expect_in((vfnl.RTM_DELLINK, name), heard, "the move")
        expect_eq({n for _, n in heard}, {name}, "names during ADD")
        pod.delete()
        heard = [x.name for kind, x in host.heard(1) if x.index == index and kind == vfnl.RTM_NEWLINK]
        expect_in(name, heard, "the return")
        expect_eq(set(heard), {name}, "names during DEL")


# The result --------------------------------------------------------------------------------------------

def result_of(version):
    vf = vfs()[0]
    pod = Pod(vf, "a", IP4 % 5, IP6 % 5, version=version, mtu=1400)
    mac = pod.link.mac
    expect_eq(pod.result["cniVersion"], version, "cniVersion")
    want = {"name": "eth0", "sandbox": pod.ns.path, "mac": mac}
    if version == "1.1.0":
        want.update(mtu=1400, pciID=vf.pci)
    expect_eq(pod.result["interfaces"], [want], "interfaces")
    ips = [{"address": IP4 % 5, "interface": 0}, {"address": IP6 % 5, "interface": 0}]
    if version[0] == "0":
        ips = [{"version": "46"[n * 1], **ip} for n, ip in enumerate(ips)]
    got = [{k: v for k, v in ip.items() if k != "gateway"} for ip in pod.result["ips"]]
    expect_eq(got, ips, "ips")
    if version != "0.3.1":
        expect_ok(pod.check())
    pod.delete()


for v in ("0.3.1", "0.4.0", "1.0.0", "1.1.0"):
    fresh_case("the result in version " + v, result_of, v)


@fresh
def without_ipam_there_is_no_address():
    pod = Pod(vfs()[0], "a", ipam=None)
    expect_eq((pod.answer.ips, pod.ns.addrs()), ([], []), "addresses")
    expect(pod.link.up, "up")
    expect_ok(pod.check())
    pod.delete()


@fresh
def in_a_chain_what_came_before_stays_in_the_result():
    vf = vfs()[0]
    prev = {"cniVersion": "1.1.0", "interfaces": [{"name": "cni0", "mac": "02:00:00:00:00:01"}],
            "ips": [{"address": "10.1.0.9/24"}], "dns": {}}
    pod = Pod(vf, "a", conf=net(vf, [IP4 % 5], prevResult=prev), ifname="net1")
    expect_eq([i["name"] for i in pod.result["interfaces"]], ["cni0", "net1"], "interfaces")
    expect_eq([(i["address"], i.get("interface")) for i in pod.result["ips"]], [("10.1.0.9/24", None), (IP4 % 5, 1)], "ips")
    pod.delete()


@fresh
def routes_of_the_IPAM_are_set():
    vf = vfs()[0]
    ipam = {"type": "barewire-ipam", "ranges": [[{"subnet": V4, "gateway": "10.77.0.1"}]],
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "10.99.0.0/16", "gw": "10.77.0.9"}]}
    pod = Pod(vf, "a", IP4 % 5, ipam=ipam)
    shown = pod.ns.ip("route show")
    expect_in("default via 10.77.0.1 dev eth0", shown, "routes")
    expect_in("10.99.0.0/16 via 10.77.0.9 dev eth0", shown, "routes")
    expect_ok(pod.check())
    pod.delete()


# CHECK -------------------------------------------------------------------------------------------------

# Each: what is changed, what CHECK must say, and how it is undone.
def in_pod(command):
    return lambda vf, ns: [ns.ip(one) for one in command.split(" ; ")]


def on_vf(*words):
    return lambda vf, ns: vf.set(*words)


DRIFTS = (
    ("an address taken away", in_pod("addr del 10.77.0.5/24 dev eth0"), ["10.77.0.5"],
     in_pod("addr add 10.77.0.5/24 dev eth0 ; route add 10.99.0.0/16 via 10.77.0.9")),
    ("a route taken away", in_pod("route del 10.99.0.0/16"), ["10.99.0.0/16"], in_pod("route add 10.99.0.0/16 via 10.77.0.9")),
    ("another MTU", in_pod("link set eth0 mtu 1300"), ["MTU", "1300", "1400"], in_pod("link set eth0 mtu 1400")),
    ("down", in_pod("link set eth0 down"), ["eth0", "down"],
     in_pod("link set eth0 up ; route add 10.99.0.0/16 via 10.77.0.9")),
    ("renamed", in_pod("link set eth0 down ; link set eth0 name else"), ["eth0"],
     in_pod("link set else name eth0 ; link set eth0 up ; route add 10.99.0.0/16 via 10.77.0.9")),
    ("another MAC", in_pod("link set eth0 address 02:77:00:00:00:66"), ["02:77:00:00:00:66", FULL["mac"]],
     in_pod("link set eth0 address " + FULL["mac"])),
    ("another alias", in_pod("link set eth0 alias mine"), ["alias"], None),
    ("another VLAN", on_vf("vlan", 101, "qos", 3), ["VLAN", "100", "101"], on_vf("vlan", 100, "qos", 3)),
    ("another priority", on_vf("vlan", 100, "qos", 4), ["QoS", "3", "4"], on_vf("vlan", 100, "qos", 3)),
    ("no VLAN", on_vf("vlan", 0), ["VLAN", "100"], on_vf("vlan", 100, "qos", 3)),
    ("another spoofchk", on_vf("spoofchk", "on"), ["spoof check"], on_vf("spoofchk", "off")),
    ("another trust", on_vf("trust", "off"), ["trust"], on_vf("trust", "on")),
    ("another rate", on_vf("max_tx_rate", 100), ["rate", "200", "100"], on_vf("max_tx_rate", 200)),
)


@fresh
def CHECK_names_each_drift():
    vf = vfs()[0]
    ipam = {"type": "barewire-ipam", "ranges": [[{"subnet": V4}]], "routes": [{"dst": "10.99.0.0/16", "gw": "10.77.0.9"}]}
    pod = Pod(vf, "a", IP4 % 5, ipam=ipam, **FULL)
    expect_ok(pod.check())
    bad = []
    alias = pod.link.alias
    for name, change, words, undo in DRIFTS:
        change(vf, pod.ns)
        try:
            expect_error(pod.check(), 7, *words)
        except Failed as e:
            bad.append("%s: %s" % (name, e))
        if undo:
            undo(vf, pod.ns)
        else:
            pod.ns.ip("link set eth0 alias " + alias)
        try:
            expect_ok(pod.check())
        except Failed as e:
            raise Failed("undone, %s: %s" % (name, e))
    expect(not bad, "\n".join(bad))
    pod.delete()


@fresh
def CHECK_finds_a_VF_that_is_not_in_the_pod():
    vf = vfs()[0]
    pod = Pod(vf, "a", IP4 % 5)
    pod.ns.ip("link set eth0 netns 1")
    expect_error(pod.check(), 7, "eth0")
    pod.ns.ip("link add eth0 type veth peer name other")
    expect_error(pod.check(), 7, vf.pci)
    delete(pod.conf, pod.ns)
    expect_restored(vf, pod.before)


@fresh
def CHECK_tolerates_what_others_add():
    pod = Pod(vfs()[0], "a", IP4 % 5)
    pod.ns.ip("addr add 10.50.0.1/24 dev eth0")
    pod.ns.ip("route add 10.51.0.0/16 via 10.50.0.9")
    expect_ok(pod.check())
    pod.delete()


@fresh
def CHECK_without_a_row_of_the_journal_says_so():
    pod = Pod(vfs()[0], "a", IP4 % 5)
    lose_journal()
    expect_error(pod.check(), 7, "journal")


# The command line --------------------------------------------------------------------------------------

def show():
    return json.loads(run(CLI, "sriov", "show", "-o", "json"))


@fresh
def sriov_show_lists_PFs_VFs_holders_settings_and_drift():
    vf, other = vfs()[:2]
    text = run(CLI, "sriov", "show")
    for x in vfs():
        expect_in(x.pci, text, "free VFs")
    pod = Pod(vf, "pod-a", IP4 % 5, **FULL)
    text = run(CLI, "sriov", "show")
    line = [x for x in text.splitlines() if vf.pci in x]
    expect(line and "pod-a" in line[0], "the holder:\n" + text)
    expect_in(pfs()[0].name, text, "the PF")
    shown = json.dumps(show())
    for word in (vf.pci, other.pci, pfs()[0].pci, "pod-a", '"vlan": 100', "200"):
        expect_in(word, shown, "json")
    calm = show()
    vf.set("spoofchk", "on")
    drift = show()
    expect(calm != drift, "drift of spoofchk is shown")
    expect_in("spoofchk", json.dumps(drift), "drift")
    vf.set("spoofchk", "off")
    expect_eq(show(), calm, "without drift again")
    pod.delete()


main()
