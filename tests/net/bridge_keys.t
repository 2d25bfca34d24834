#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What each key of barewire-bridge does to the node and to the pod."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bridgebed import *


def pair(conf, **kw):
    a, b = Netns("a"), Netns("b")
    return a, b, expect_ok(cni("ADD", conf, a, **kw)), expect_ok(cni("ADD", conf, b, **kw))


def finish(conf, *pods):
    for ns in pods:
        expect_ok(cni("DEL", conf, ns))
    expect_clean()
    clean()


def reaches_everything(subnets, **keys):
    clean()
    conf = net(*subnets, isDefaultGateway=True, **keys)
    a, b, first, second = pair(conf)
    for i, subnet in enumerate(subnets):
        other = second.ips[i].split("/")[0]
        gateway = subnet.split("/")[0].rstrip("0") + "1" if "." in subnet else subnet.split("/")[0] + "1"
        expect(ping(a, other), "ping %s" % other)
        expect(ping(a, gateway), "ping %s" % gateway)
        expect(tcp(b, a, other), "TCP to %s" % other)
        expect(tcp(b, None, other), "TCP from the node to %s" % other)
    expect_eq(a.addrs(), sorted(first.ips), "addresses")
    tentative = run("ip", "-n", "a", "-6", "addr", "show", "tentative").strip()
    expect_eq(tentative, "", "tentative addresses")
    finish(conf, a, b)


for name, subnets in (("IPv4", [V4]), ("IPv6", [V6]), ("dual stack", [V4, V6])):
    case("%s pods reach each other and the node" % name, reaches_everything, subnets)
    case("%s with accel off as well" % name, lambda s: reaches_everything(s, accel="off"), subnets)
    case("%s with accel off and antiSpoof off as well" % name,
         lambda s: reaches_everything(s, accel="off", antiSpoof=False), subnets)


@fresh
def without_ipam_it_is_a_layer_2_port():
    conf = net()
    a, b, first, second = pair(conf)
    a.ip("addr add 10.5.0.1/24 dev eth0")
    b.ip("addr add 10.5.0.2/24 dev eth0")
    expect(ping(a, "10.5.0.2"), "two pods with addresses of their own")
    expect_eq(first.json.get("ips", []), [], "addresses")
    expect(pod_mac(first) != pod_mac(second), "different MACs")
    expect_eq(len([r for r in journal_rows() if r.startswith("attachment")]), 2, "rows")
    finish(conf, a, b)


@fresh
def the_result_names_bridge_host_and_pod():
    ns = Netns("a")
    conf = net(V4, isGateway=True, mtu=1400)
    answer = expect_ok(cni("ADD", conf, ns))
    ifs = answer.json["interfaces"]
    expect_eq([i["name"] for i in ifs], [BRIDGE, host_if(answer), "eth0"], "names")
    expect_eq([i.get("sandbox", "") for i in ifs], ["", "", ns.path], "sandboxes")
    expect_eq([i["mtu"] for i in ifs], [1400] * 3, "MTUs")
    for i, link in zip(ifs, [run_json("ip", "-j", "link", "show", "dev", n)[0] for n in (BRIDGE, host_if(answer))] +
                       [ns.link()]):
        expect_eq((i["mac"], i["mtu"]), (link["address"], link["mtu"]), "mac and mtu of %s" % i["name"])
    expect_eq(answer.json["ips"], [{"interface": 2, "address": "10.88.0.2/24", "gateway": "10.88.0.1"}], "ips")
    finish(conf, ns)


@fresh
def a_port_with_a_smaller_mtu_leaves_the_others_right():
    a, b = Netns("a"), Netns("b")
    conf, small = net(V4, isGateway=True), net(V4, isGateway=True, mtu=1400)
    first = expect_ok(cni("ADD", conf, a))
    second = expect_ok(cni("ADD", small, b))
    expect_eq(run_json("ip", "-j", "link", "show", "dev", BRIDGE)[0]["mtu"], 1400, "the bridge follows its smallest port")
    for c, ns, answer in ((conf, a, first), (small, b, second)):
        expect_ok(cni("CHECK", dict(c, prevResult=answer.json), ns))
    finish(conf, a, b)


@fresh
def prevresult_stands_before_and_stays_valid():
    ns = Netns("a")
    prev = {"cniVersion": "1.1.0", "interfaces": [{"name": "x0", "mac": "02:00:00:00:00:09"}],
            "ips": [{"interface": 0, "address": "10.3.0.1/24"}], "dns": {}}
    conf = net(V4, prevResult=prev)
    answer = expect_ok(cni("ADD", conf, ns))
    names = [i["name"] for i in answer.json["interfaces"]]
    expect_eq((len(names), names[:2], names[3]), (4, ["x0", BRIDGE], "eth0"), "interfaces")
    expect_eq([(i["interface"], i["address"]) for i in answer.json["ips"]], [(0, "10.3.0.1/24"), (3, "10.88.0.2/24")],
              "addresses")
    expect_eq(ns.addrs(), ["10.88.0.2/24"], "only its own are set")
    finish(conf, ns)


@fresh
def isdefaultgateway_adds_a_default_route_unless_ipam_has_one():
    for routes, want in (([], "10.88.0.1"), ([{"dst": "0.0.0.0/0", "gw": "10.88.0.9"}], "10.88.0.9")):
        ns = Netns("a")
        conf = net(V4, isDefaultGateway=True, ipam={"routes": routes})
        expect_ok(cni("ADD", conf, ns))
        default = [r["gateway"] for r in run_json("ip", "-n", "a", "-j", "route") if r["dst"] == "default"]
        expect_eq(default, [want], "default routes")
        finish(conf, ns)


@fresh
def two_interfaces_may_both_have_a_default_route():
    ns = Netns("a")
    one = net(V4, V6, isDefaultGateway=True)
    two = net("10.89.0.0/24", "fd89::/64", name="two", bridge="bw1", isDefaultGateway=True)
    first = expect_ok(cni("ADD", one, ns))
    second = expect_ok(cni("ADD", two, ns, ifname="net1"))
    expect_ok(cni("CHECK", with_prev(one, first), ns))
    expect_ok(cni("CHECK", with_prev(two, second), ns, ifname="net1"))
    expect_ok(cni("DEL", two, ns, ifname="net1"))
    expect_ok(cni("CHECK", with_prev(one, first), ns))
    finish(one, ns)


@fresh
def forwarding_is_switched_on_per_family():
    ns = Netns("a")
    sysctl("net/ipv4/ip_forward", 0)
    sysctl("net/ipv6/conf/all/forwarding", 0)
    conf = net(V4)
    expect_ok(cni("ADD", conf, ns))
    expect_eq((sysctl("net/ipv4/ip_forward"), sysctl("net/ipv6/conf/all/forwarding")), ("0", "0"), "no gateway")
    finish(conf, ns)
    ns, conf = Netns("a"), net(V6, isGateway=True)
    expect_ok(cni("ADD", conf, ns))
    expect_eq((sysctl("net/ipv4/ip_forward"), sysctl("net/ipv6/conf/all/forwarding")), ("0", "1"), "IPv6 gateway")
    finish(conf, ns)
    ns, conf = Netns("a"), net(V4, isGateway=True)
    expect_ok(cni("ADD", conf, ns))
    expect_eq(sysctl("net/ipv4/ip_forward"), "1", "IPv4 gateway")
    finish(conf, ns)


@fresh
def forceaddress_replaces_what_is_in_the_way():
    a, b = Netns("a"), Netns("b")
    old, new = net(V4, isGateway=True), net("10.89.0.0/24", isGateway=True, name="new")
    expect_ok(cni("ADD", old, a))
    expect_error(cni("ADD", new, b), 7, BRIDGE, "10.88.0.1", "forceAddress")
    forced = {**new, "forceAddress": True}
    expect_ok(cni("ADD", forced, b))
    v4 = [x["local"] for x in run_json("ip", "-j", "-4", "addr", "show", "dev", BRIDGE)[0]["addr_info"]]
    expect_eq(v4, ["10.89.0.1"], "addresses of the bridge")
    expect_ok(cni("DEL", forced, b))
    finish(old, a)


@fresh
def ipmasq_hides_what_leaves_the_subnet():
    ns, outside = Netns("a"), Netns("outside")
    run("ip link add up0 type veth peer name eth0 netns outside")
    run("ip addr add 192.0.2.1/24 dev up0")
    run("ip link set up0 up")
    outside.ip("addr add 192.0.2.2/24 dev eth0")
    outside.ip("link set eth0 up")
    conf = net(V4, isDefaultGateway=True, ipMasq=True)
    expect_ok(cni("ADD", conf, ns))
    # Outside has no route to the pod: only a masqueraded packet is answered.
    expect(ping(ns, "192.0.2.2"), "ping through the node")
    expect_in("net a eth0", run("nft", "list", "ruleset"), "rules with their owner")
    expect_ok(cni("DEL", conf, ns))
    run("ip link del up0")
    finish(conf, ns)


@fresh
def port_keys_reach_the_port():
    for keys, flags in (({}, (False, False)), ({"hairpinMode": True}, (True, False)),
                        ({"portIsolation": True}, (False, True))):
        ns = Netns("a")
        conf = net(V4, **keys)
        p = port(host_if(expect_ok(cni("ADD", conf, ns))))
        expect_eq((p["hairpin"], p["isolated"]), flags, "%s: hairpin, isolated" % keys)
        expect_eq((p["learning"], p["flood"]), (False, False), "nothing is learned with antiSpoof")
        finish(conf, ns)


@fresh
def isolated_ports_do_not_reach_each_other():
    for accel in ("off", "auto"):
        conf = net(V4, isGateway=True, portIsolation=True, accel=accel)
        a, b, _, second = pair(conf)
        expect(not ping(a, second.ips[0].split("/")[0]), "isolated, accel %s" % accel)
        expect(ping(a, "10.88.0.1"), "the node is reached")
        finish(conf, a, b)


@fresh
def promiscmode_is_the_bridges():
    ns, conf = Netns("a"), net(V4, promiscMode=True)
    answer = expect_ok(cni("ADD", conf, ns))
    expect_in("PROMISC", run_json("ip", "-j", "link", "show", "dev", BRIDGE)[0]["flags"], "flags")
    expect_ok(cni("CHECK", with_prev(conf, answer), ns))
    finish(conf, ns)


@fresh
def a_disabled_container_interface_stays_down():
    ns, conf = Netns("a"), net(disableContainerInterface=True)
    answer = expect_ok(cni("ADD", conf, ns))
    expect(not "UP" in ns.link()["flags"], "eth0 is down")
    expect_ok(cni("CHECK", with_prev(conf, answer), ns))
    finish(conf, ns)


@fresh
def dns_replaces_the_ipams():
    ns = Netns("a")
    conf = net(V4, dns={"nameservers": ["10.0.0.53"], "search": ["a.example", "b.example"], "options": ["ndots:2"]})
    answer = expect_ok(cni("ADD", conf, ns))
    expect_eq(answer.json["dns"], conf["dns"], "dns")
    finish(conf, ns)


@fresh
def enabledad_waits_for_detection():
    a, b = Netns("a"), Netns("b")
    conf = net(V6, enabledad=True)
    expect_ok(cni("ADD", conf, a))
    expect_eq(run("ip", "-n", "a", "-6", "addr", "show", "tentative").strip(), "", "tentative addresses")
    # Somebody without our IPAM has the next address: detection finds it.
    spoofer = net(name="other", antiSpoof=False)
    expect_ok(cni("ADD", spoofer, b))
    b.ip("addr add fd88::3/64 dev eth0 nodad")
    c = Netns("c")
    expect_error(cni("ADD", conf, c), 11, "fd88::3")
    expect_ok(cni("DEL", spoofer, b))
    finish(conf, a)


@fresh
def ipv6_is_switched_on_where_the_namespace_has_it_off():
    ns = Netns("a")
    sysctl("net/ipv6/conf/all/disable_ipv6", 1, ns="a")
    sysctl("net/ipv6/conf/default/disable_ipv6", 1, ns="a")
    conf = net(V4, V6)
    expect_ok(cni("ADD", conf, ns))
    expect_eq(ns.addrs(), ["10.88.0.2/24", "fd88::2/64"], "addresses")
    finish(conf, ns)


@fresh
def probe_warns_or_refuses():
    squatter, ns = Netns("squatter"), Netns("a")
    other = net(name="other", antiSpoof=False)
    expect_ok(cni("ADD", other, squatter))
    squatter.ip("addr add 10.88.0.2/24 dev eth0")
    mac = squatter.link()["address"]
    expect_error(cni("ADD", net(V4, probe="enforce", ipam={"strategy": "lowest"}), ns), 11, "10.88.0.2", mac)
    warn = net(V4, probe="warn", ipam={"strategy": "lowest"})
    answer = expect_ok(cni("ADD", warn, ns))
    expect_in(mac, answer.err, "log")
    expect_ok(cni("DEL", warn, ns))
    expect_ok(cni("DEL", other, squatter))
    finish(other, squatter)


@fresh
def a_peer_with_a_stale_entry_finds_the_new_holder():
    old, new, peer = Netns("old"), Netns("new"), Netns("peer")
    conf = net(V4, macFrom="random", runtimeConfig={"ips": ["10.88.0.77"]})
    plain = net(V4, macFrom="random")
    expect_ok(cni("ADD", conf, old))
    expect_ok(cni("ADD", plain, peer))
    expect(ping(peer, "10.88.0.77"), "the first holder")
    expect_ok(cni("DEL", conf, old))
    answer = expect_ok(cni("ADD", conf, new))
    entry = wait_until(lambda: [n["lladdr"] for n in run_json("ip", "-n", "peer", "-j", "neigh")
                                if n["dst"] == "10.88.0.77" and n.get("lladdr") == pod_mac(answer)], 1,
                       "announced MAC in the peer's table")
    expect_eq(entry, [pod_mac(answer)], "neighbour entry")
    expect_ok(cni("DEL", plain, peer))
    finish(conf, new)


# MACs ----------------------------------------------------------------------------------------------

def mac_is(keys, args, expected):
    clean()
    ns = Netns("a")
    conf = net(V4, **keys)
    answer = expect_ok(cni("ADD", conf, ns, args=args))
    expect_eq(ns.link()["address"], pod_mac(answer), "the result's MAC")
    if expected:
        expect_eq(pod_mac(answer), expected, "MAC")
    finish(conf, ns)


RESERVED = {"domain": "lan", "ranges": [[{"subnet": "10.99.2.0/24"}]],
            "reservations": [{"key": "POD=x", "address": "10.99.2.77", "mac": "02:aa:00:00:00:04"}]}
ALL = {"runtimeConfig": {"mac": "02:aa:00:00:00:01"}, "args": {"cni": {"mac": "02:aa:00:00:00:02"}}}
case("runtimeConfig.mac comes first", mac_is, ALL, "MAC=02:aa:00:00:00:03", "02:aa:00:00:00:01")
case("then args.cni.mac", mac_is, {"args": ALL["args"]}, "MAC=02:aa:00:00:00:03", "02:aa:00:00:00:02")
case("then MAC of CNI_ARGS", mac_is, {"ipam": dict(RESERVED, type="barewire-ipam")},
     "IgnoreUnknown=1;POD=x;MAC=02:aa:00:00:00:03", "02:aa:00:00:00:03")
case("then the reservation's", mac_is, {"ipam": dict(RESERVED, type="barewire-ipam")}, "IgnoreUnknown=1;POD=x",
     "02:aa:00:00:00:04")
case("then the one of the address", mac_is,
     {"ipam": dict(RESERVED, type="barewire-ipam", reservations=[]), "runtimeConfig": {"ips": ["10.99.2.77"]}}, None,
     "02:90:0a:63:02:4d")
case("or a random one", mac_is, {"macFrom": "random"}, None, None)


@fresh
def a_mac_in_the_segment_is_refused():
    a, b = Netns("a"), Netns("b")
    conf = net(V4, isGateway=True, runtimeConfig={"mac": "02:aa:00:00:00:07"})
    answer = expect_ok(cni("ADD", conf, a))
    expect_error(cni("ADD", conf, b), 11, "02:aa:00:00:00:07", host_if(answer))
    own = run_json("ip", "-j", "link", "show", "dev", BRIDGE)[0]["address"]
    expect_error(cni("ADD", net(V4, runtimeConfig={"mac": own}), b), 11, own)
    # Another bridge is another segment.
    other = net("10.89.0.0/24", bridge="bw1", name="other", runtimeConfig={"mac": "02:aa:00:00:00:07"})
    expect_ok(cni("ADD", other, b))
    expect_ok(cni("DEL", other, b))
    run("ip link del bw1")
    finish(conf, a)


# Foreign IPAM --------------------------------------------------------------------------------------

@fresh
def a_foreign_ipam_gives_the_address():
    ns = Netns("a")
    with tempfile.TemporaryDirectory() as folder:
        fake_ipam(folder)
        conf = net(ipam={"type": "fake-ipam"}, isDefaultGateway=True)
        answer = expect_ok(cni("ADD", conf, ns, path=folder))
        expect_eq(ns.addrs(), ["10.7.0.5/24"], "addresses")
        expect_eq(answer.json["ips"][0]["gateway"], "10.7.0.1", "gateway")
        expect(ping(ns, "10.7.0.1"), "the gateway")
        expect_ok(cni("CHECK", with_prev(conf, answer), ns, path=folder))
        expect_ok(cni("DEL", conf, ns, path=folder))
        expect_eq(calls(folder), ["ADD", "CHECK", "DEL"], "calls of the plugin")
    expect_clean()
    clean()


# conf/cni ------------------------------------------------------------------------------------------

# Those of VFs are loaded where there is a card: tests/vm/conflist.t.
CONFLISTS = {}
for _name in sorted(os.listdir(os.path.join(TOP, "conf", "cni"))):
    with open(os.path.join(TOP, "conf", "cni", _name)) as _f:
        _conflist = json.load(_f)
    # Networks of claims: tests/net/claims.t.
    if _conflist["plugins"][0]["type"] == "barewire-bridge" and not _conflist["plugins"][0].get("claims"):
        CONFLISTS[_name] = _conflist


def conflist_works(name):
    clean()
    conflist = CONFLISTS[name]
    conf = {**conflist["plugins"][0], "cniVersion": conflist["cniVersion"], "name": conflist["name"]}
    peer = Netns("peer")
    if "uplink" in conf:
        run("ip", "link", "add", "upx", "type", "veth", "peer", "name", "eth0", "netns", "peer")
        run("ip", "link", "set", "upx", "name", conf["uplink"])
        peer.ip("link set eth0 up")
        peer.ip("addr add 10.1.0.1/24 dev eth0")
    ns = Netns("a")
    answer = expect_ok(cni("ADD", conf, ns))
    expect(ping(ns, answer.json["ips"][0]["gateway"]), "the gateway")
    expect_ok(cni("CHECK", with_prev(conf, answer), ns))
    expect_ok(cni("STATUS", {**conf, "cniVersion": "1.1.0"}))
    expect_ok(cni("DEL", conf, ns))
    run(os.path.join(BUILD, "barewire"), "net", "clean", conf["bridge"])
    expect_clean()
    if "uplink" in conf:
        run("ip", "link", "del", conf["uplink"])


for conflist in CONFLISTS:
    case("conf/cni/%s works" % conflist, conflist_works, conflist)


# Programs ------------------------------------------------------------------------------------------

@fresh
def more_addresses_than_can_be_checked_are_refused():
    ns = Netns("a")
    allow = {"allow": ["10.88.0.%d" % i for i in range(100, 104)]}
    expect_error(cni("ADD", net(V4, antiSpoof=allow), ns), 7, "antiSpoof", "4")
    expect_clean()
    five = ["10.%d.0.0/24" % i for i in range(1, 6)]
    expect_error(cni("ADD", net(*five), ns), 7, "antiSpoof", "4")
    conf = net(*five, antiSpoof=False)
    expect_ok(cni("ADD", conf, ns))
    finish(conf, ns)


@fresh
def an_allowed_address_may_be_used():
    conf = net(V4, antiSpoof={"allow": ["10.88.0.200"]})
    a, b, _, second = pair(conf)
    a.ip("addr add 10.88.0.200/24 dev eth0")
    a.ip("addr add 10.88.0.201/24 dev eth0")
    other = second.ips[0].split("/")[0]
    ok = run("ip", "netns", "exec", "a", "ping", "-c1", "-W1", "-I", "10.88.0.200", other, check=False)
    expect_in("1 received", ok, "ping from an allowed address")
    bad = run("ip", "netns", "exec", "a", "ping", "-c1", "-W1", "-I", "10.88.0.201", other, check=False)
    expect_in("0 received", bad, "ping from another address")
    finish(conf, a, b)


@fresh
def limits_are_accepted_and_held():
    ns, conf = Netns("a"), net(V4, isGateway=True, runtimeConfig={"bandwidth": RATE})
    answer = expect_ok(cni("ADD", conf, ns))
    expect(ping(ns, "10.88.0.1"), "the gateway")
    expect_ok(cni("CHECK", with_prev(conf, answer), ns))
    finish(conf, ns)


main()
