#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# VLANs of the kernel: a filtering bridge whose uplink is a trunk with 802.1Q devices at its other end. Nothing of
# another VLAN, no foreign and no double tag is seen on either side; membership is the reference plugin's.
# vm: kernel=6.12 with=go
import json, os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from wire import *

RED, BLUE = 100, 200
A4, B4, C4 = "10.88.0.11", "10.88.0.12", "10.88.0.13"
RED4, BLUE4 = "10.88.0.100", "10.88.0.200"
X_MAC = "02:00:00:00:00:0a"
CLI = os.path.join(BUILD, "barewire")


class Bed:
    """x is the switch: red and blue are machines of one VLAN each behind it, tap sees the wire with its tags."""

    def __init__(self, **conf):
        self.node = Wire(conf, x_addrs=())
        self.machines = [self.machine("red", RED, RED4), self.machine("blue", BLUE, BLUE4)]
        self.red, self.blue = self.machines
        self.tap = Tap(self.node.x)

    def machine(self, name, vid, address):
        ns = Netns(name)
        self.node.x.ip("link add link eth0 name v%d netns %s type vlan id %d" % (vid, name, vid))
        ns.ip("addr add %s/24 dev v%d" % (address, vid))
        ns.ip("link set v%d up" % vid)
        return ns

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tap.close()
        self.node.close()
        for ns in self.machines:
            ns.remove()
        run(CLI, "net", "clean", "br-lan", check=False)


def last(tap, send, token=b"honest-last"):
    """Everything that came to tap before the frame that send() makes, which shows that the way is open."""
    send(token)
    got, seen = tap.wait(lambda f: token in f, 5)
    expect(got, "the honest frame did not arrive")
    return seen


def datagram(dst, src, token, tags=(), src4=RED4, dst4=A4):
    return eth(dst, src, 0x0800, ipv4(src4, dst4, 17, udp(9, 9, token)), tags)


def vlans_keep_apart(accel):
    with Bed(accel=accel) as bed:
        a, b = (bed.node.pod(n, ip, conf={"vlan": RED}) for n, ip in (("a", A4), ("b", B4)))
        c = bed.node.pod("c", C4, conf={"vlan": BLUE})
        for ns, to in ((a.ns, RED4), (bed.red, B4), (a.ns, B4), (c.ns, BLUE4), (bed.blue, C4)):
            expect(ping(ns, to), "%s does not reach %s" % (ns.name, to))
        for ns, to in ((a.ns, C4), (a.ns, BLUE4), (c.ns, A4), (bed.red, C4), (bed.blue, A4)):
            expect(not ping(ns, to, timeout_s=1), "%s reaches %s of another VLAN" % (ns.name, to))
        # Nor by the other's MAC, from a pod and from outside.
        at_a, at_c = Tap(a.ns), Tap(c.ns)
        at_a.send(datagram(c.mac, a.mac, b"STRAY", src4=A4, dst4=C4))
        bed.tap.send(datagram(c.mac, X_MAC, b"STRAY", [(0x8100, RED)], dst4=C4))
        seen = last(at_c, lambda t: bed.tap.send(datagram(c.mac, X_MAC, t, [(0x8100, BLUE)], BLUE4, C4)))
        expect_eq([f for f in seen if b"STRAY" in f], [], "frames of the other VLAN")
        at_a.close()
        at_c.close()


def nothing_foreign_comes_in(accel):
    with Bed(accel=accel) as bed:
        a = bed.node.pod("a", A4, conf={"vlan": RED})
        at_a = Tap(a.ns)
        foreign = {
            "untagged": [], "priority": [(0x8100, 5 << 13)], "another": [(0x8100, RED + 1)], "802.1ad": [(0x88a8, RED)],
            "double, foreign outside": [(0x8100, RED + 1), (0x8100, RED)],
            "double, ours outside": [(0x8100, RED), (0x8100, 7)], "double, both ours": [(0x8100, RED), (0x8100, RED)],
            "double, 802.1ad outside": [(0x88a8, RED), (0x8100, RED)],
        }
        for dst in (a.mac, BROADCAST):
            for name, tags in foreign.items():
                bed.tap.send(datagram(dst, X_MAC, b"FOREIGN-" + name.encode(), tags))
            seen = last(at_a, lambda t: bed.tap.send(datagram(dst, X_MAC, t, [(0x8100, RED)])), b"honest-" + dst.encode())
            expect_eq([f[-32:] for f in seen if b"FOREIGN-" in f], [], "foreign frames in the pod")
            expect_eq([f for f in seen if vids(f)], [], "tagged frames in the pod")
        at_a.close()


def what_leaves_has_exactly_its_tag(accel):
    with Bed(accel=accel) as bed:
        a = bed.node.pod("a", A4, conf={"vlan": RED})
        at_a = Tap(a.ns)
        expect(ping(a.ns, RED4), "no answer")  # so its MAC is known behind the uplink
        bed.tap.frames()
        red = json.loads(bed.red.run("ip", "-j", "link", "show", "v%d" % RED))[0]["address"]
        at_a.send(datagram(red, a.mac, b"OUT-unicast", src4=A4, dst4=RED4))
        at_a.send(datagram(BROADCAST, a.mac, b"OUT-broadcast", src4=A4, dst4=RED4))
        at_a.send(datagram("02:00:00:00:00:99", a.mac, b"OUT-unknown", src4=A4, dst4=RED4))
        for vid in (RED, BLUE, 7, 0):
            at_a.send(datagram(red, a.mac, b"TAGGED", [(0x8100, vid)], src4=A4, dst4=RED4))
        seen = last(bed.tap, lambda t: at_a.send(datagram(red, a.mac, t, src4=A4, dst4=RED4)))
        got = sorted((f[-11:], tuple(vids(f))) for f in seen if b"OUT-" in f)
        expect_eq(len(got), 3, "frames outside: %s" % got)
        expect_eq({tags for _, tags in got}, {(RED,)}, "their tags")
        # A priority tag is no VLAN's: it may leave as the VLAN's own, never as another tag.
        expect_eq([vids(f) for f in seen if b"TAGGED" in f and vids(f) != [RED]], [], "tags of the pod outside")
        at_a.close()


def a_trunk_carries_what_it_lists(accel):
    trunk = {"vlanTrunk": [{"id": RED}, {"minID": BLUE, "maxID": BLUE + 1}]}
    with Bed(accel=accel) as bed:
        t = bed.node.pod("t", A4, conf=trunk)
        plain = bed.node.pod("p", B4)
        expect(ping(t.ns, B4), "the native VLAN")
        for vid, to in ((RED, RED4), (BLUE, BLUE4), (BLUE + 2, None)):
            t.ns.ip("link add link eth0 name v%d type vlan id %d" % (vid, vid))
            t.ns.ip("link set v%d up" % vid)
            t.ns.ip("addr add 10.88.0.77/32 dev v%d" % vid)
            t.ns.ip("route add %s/32 dev v%d src 10.88.0.77" % (to or RED4, vid))
            if to:
                expect(ping(t.ns, to), "VLAN %d" % vid)
            else:
                bed.tap.frames()
                ping(t.ns, RED4, timeout_s=1)
                expect_eq([f for f in bed.tap.frames() if vids(f) == [vid]], [], "frames of a VLAN that is not listed")
            t.ns.ip("link del v%d" % vid)
        expect_ok(cni("CHECK", dict(t.conf, prevResult=t.result), t.ns))
        plain.delete()


def port_vlans(host_if):
    return sorted((v["vlan"], v.get("vlanEnd", v["vlan"]), tuple(sorted(v.get("flags", []))))
                  for p in run_json("bridge", "-j", "vlan", "show", "dev", host_if) for v in p["vlans"])


def membership_is_the_references(keys):
    """Expanded, since one plugin adds a range and the other each of its VLANs."""
    got = {}
    for name, plugin in (("barewire", os.path.join(BUILD, "barewire-bridge")), ("reference", reference("bridge"))):
        conf = {"cniVersion": "1.0.0", "name": "n", "bridge": "bw0", "type": os.path.basename(plugin), **keys}
        ns = Netns("m")
        answer = expect_ok(cni("ADD", conf, ns, plugin=plugin))
        port = answer.json["interfaces"][1]["name"]
        got[name] = sorted((v, flags) for first, end, flags in port_vlans(port) for v in range(first, end + 1))
        if name == "barewire":
            expect_ok(cni("CHECK", dict(conf, prevResult=answer.json), ns))
        expect_ok(cni("DEL", conf, ns, plugin=plugin))
        ns.remove()
        run("ip link del bw0")
    expect_eq(got["barewire"], got["reference"], "VLANs of the port")


def an_access_port_that_lost_its_vlan_fails_check():
    conf = {"cniVersion": "1.0.0", "name": "n", "bridge": "bw0", "type": "barewire-bridge", "vlan": RED}
    ns = Netns("lost")
    answer = expect_ok(cni("ADD", conf, ns))
    port = answer.json["interfaces"][1]["name"]
    conf = dict(conf, prevResult=answer.json)
    expect_ok(cni("CHECK", conf, ns))
    run("bridge vlan del dev %s vid %d" % (port, RED))
    expect_error(cni("CHECK", conf, ns), 7, port, "VLAN", str(RED))
    run("bridge vlan add dev %s vid %d pvid untagged" % (port, RED))
    expect_ok(cni("CHECK", conf, ns))
    expect_ok(cni("DEL", conf, ns))
    ns.remove()
    run(CLI, "net", "clean", "bw0")


def a_vlan_has_a_gateway_of_its_own(accel):
    before = sorted(l["ifname"] for l in run_json("ip", "-j", "link"))
    confs = [{"cniVersion": "1.0.0", "name": "n%d" % vid, "bridge": "bw0", "type": "barewire-bridge", "vlan": vid,
              "accel": accel, "isDefaultGateway": True,
              "ipam": {"type": "barewire-ipam", "ranges": [[{"subnet": "10.%d.0.0/24" % vid}], [{"subnet": "fd00:%d::/64" % vid}]]}}
             for vid in (RED, BLUE)]
    pods = []
    for i, conf in enumerate([confs[0], confs[0], confs[1]]):
        ns = Netns("g%d" % i)
        pods.append((conf, ns, expect_ok(cni("ADD", conf, ns))))
    for conf, ns, answer in pods:
        vid = conf["vlan"]
        expect_in("bw0.%d" % vid, [i["name"] for i in answer.json["interfaces"]], "interfaces of the result")
        for gateway in ("10.%d.0.1" % vid, "fd00:%d::1" % vid):
            expect(ping(ns, gateway), "no answer from the gateway %s" % gateway)
        expect_ok(cni("CHECK", dict(conf, prevResult=answer.json), ns))
    a, b, c = (answer.ips[0].split("/")[0] for _, _, answer in pods)
    expect(ping(pods[0][1], b), "the neighbour in the VLAN")
    expect(ping(pods[0][1], c), "the other VLAN, by way of the gateways")
    for conf, ns, _ in pods:
        expect_ok(cni("DEL", conf, ns))
        ns.remove()
    run(CLI, "net", "clean", "bw0")
    expect_eq(sorted(l["ifname"] for l in run_json("ip", "-j", "link")), before, "interfaces after net clean")


def a_gateway_that_outlived_its_bridge_is_taken():
    conf = {"cniVersion": "1.0.0", "name": "n", "bridge": "bw0", "type": "barewire-bridge", "vlan": RED, "isGateway": True,
            "ipam": {"type": "barewire-ipam", "ranges": [[{"subnet": "10.100.0.0/24"}]]}}
    first, second = Netns("first"), Netns("second")
    expect_ok(cni("ADD", conf, first))
    run("ip link del bw0")
    answer = expect_ok(cni("ADD", conf, second))
    expect(ping(second, "10.100.0.1"), "no answer from the gateway")
    expect_ok(cni("CHECK", dict(conf, prevResult=answer.json), second))
    for ns in (first, second):
        expect_ok(cni("DEL", conf, ns))
        ns.remove()
    run(CLI, "net", "clean", "bw0")
    expect_eq([l["ifname"] for l in run_json("ip", "-j", "link") if l["ifname"].startswith("bw")], [], "interfaces left")


def a_plain_network_lives_beside_a_vlan(accel):
    with Bed(accel=accel) as bed:
        p = bed.node.pod("p", B4)
        bed.node.x.ip("addr add 10.88.0.9/24 dev eth0")
        expect(ping(p.ns, "10.88.0.9"), "untagged, before the bridge filters")
        a = bed.node.pod("a", A4, conf={"vlan": RED})
        expect(ping(a.ns, RED4), "the VLAN")
        expect(ping(p.ns, "10.88.0.9"), "untagged, since the bridge filters")
        expect(not ping(p.ns, A4, timeout_s=1), "from untagged into the VLAN")
        expect_ok(cni("CHECK", dict(p.conf, prevResult=p.result), p.ns))


def a_reload_keeps_vlans():
    with Bed() as bed:
        a, b = (bed.node.pod(n, ip, conf={"vlan": RED}) for n, ip in (("a", A4), ("b", B4)))
        run(CLI, "net", "reload")
        expect(ping(a.ns, RED4) and ping(a.ns, B4) and ping(bed.red, B4), "after the reload")
        shown = json.loads(run(CLI, "net", "show", "-o", "json"))["endpoints"]
        expect_eq({e["hook"] for e in shown}, {"tcx"}, "hooks")


for _accel in ("ebpf", "off"):
    for _fn in (vlans_keep_apart, nothing_foreign_comes_in, what_leaves_has_exactly_its_tag, a_trunk_carries_what_it_lists,
                a_vlan_has_a_gateway_of_its_own, a_plain_network_lives_beside_a_vlan):
        case("%s, accel %s" % (_fn.__name__.replace("_", " "), _accel), _fn, _accel)
for _name, _keys in {"an access VLAN": {"vlan": RED}, "one that keeps the default": {"vlan": RED, "preserveDefaultVlan": True},
                     "a trunk": {"vlanTrunk": [{"id": 101}, {"minID": 200, "maxID": 202}]},
                     "a trunk with a native VLAN": {"vlan": 5, "vlanTrunk": [{"id": 7}, {"minID": 9, "maxID": 11}]},
                     "a trunk that keeps the default": {"vlanTrunk": [{"id": 7}], "preserveDefaultVlan": True}}.items():
    case("%s is the reference's" % _name, membership_is_the_references, _keys)
case("an access port that lost its vlan fails CHECK", an_access_port_that_lost_its_vlan_fails_check)
case("a gateway that outlived its bridge is taken", a_gateway_that_outlived_its_bridge_is_taken)
case("a reload keeps vlans", a_reload_keeps_vlans)
main()
