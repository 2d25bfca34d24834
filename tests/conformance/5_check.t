#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CNI 1.1.0: CHECK (statements 43 to 45)."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bwtest import *
from cnibed import *


def checked(conf, answer, ns, **kw):
    return plug(BRIDGE, "CHECK", with_prev(conf, answer), ns, **kw)


@both
def _43_check_needs_prevresult(program):
    ns = Netns("a")
    conf = conf_of(program)
    added(program, conf, ns)
    refused(program, "CHECK", conf, ns, 7, "prevResult")
    refused(program, "CHECK", {**conf, "prevResult": None}, ns, 7, "prevResult")
    deleted(program, conf, ns)


@both
def _43_a_matching_state_is_quiet_success(program):
    ns = Netns("a")
    for version in ("0.4.0", "1.0.0", "1.1.0"):
        conf = conf_of(program, version)
        answer = added(program, conf, ns)
        before = state(ns)
        expect_eq(expect_ok(plug(program, "CHECK", with_prev(conf, answer), ns)).out, "", "stdout")
        expect_same(before, state(ns))
        deleted(program, conf, ns)


def port(ns):
    """The host end of the pod's interface, which hangs on br0."""
    peer = ns.link()["link_index"]
    return next(l["ifname"] for l in run_json("ip", "-j", "link") if l["ifindex"] == peer)


def detach(ns):
    """Takes the programs off the pod's port: pinned links where there are some, else clsact."""
    name = port(ns)
    for path in pins():
        if os.path.basename(path).startswith(name + "."):
            os.unlink(path)
    run("tc", "qdisc", "del", "dev", name, "clsact", check=False)


def forget(map_name):
    """Deletes every entry of a map of the datapath."""
    path = next(p for p in pins() if p.endswith("/maps/" + map_name))
    for entry in run_json("bpftool", "-j", "map", "dump", "pinned", path):
        run("bpftool", "map", "delete", "pinned", path, "key", "hex", *[b[2:] for b in entry["key"]])


DRIFTS = {
    "the interface is gone": lambda ns: ns.ip("link del eth0"),
    "the interface is down": lambda ns: ns.ip("link set eth0 down"),
    "another MAC": lambda ns: ns.ip("link set eth0 address 02:00:00:00:00:99"),
    "another MTU": lambda ns: ns.ip("link set eth0 mtu 1300"),
    "an address is gone": lambda ns: ns.ip("addr del 10.1.0.2/24 dev eth0"),
    "another prefix": lambda ns: (ns.ip("addr del 10.1.0.2/24 dev eth0"), ns.ip("addr add 10.1.0.2/16 dev eth0"),
                                  ns.ip("route add 192.0.2.0/24 via 10.1.0.1")),
    "a route is gone": lambda ns: ns.ip("route del 192.0.2.0/24"),
    "a route goes elsewhere": lambda ns: ns.ip("route replace 192.0.2.0/24 via 10.1.0.9"),
    "the port left the bridge": lambda ns: run("ip", "link", "set", port(ns), "nomaster"),
    "the port is down": lambda ns: run("ip", "link", "set", port(ns), "down"),
    "hairpin was turned off": lambda ns: run("bridge", "link", "set", "dev", port(ns), "hairpin", "off"),
    "isolation was turned off": lambda ns: run("bridge", "link", "set", "dev", port(ns), "isolated", "off"),
    "the bridge is gone": lambda ns: run("ip", "link", "del", "br0"),
    "the programs are gone": detach,
    "its endpoint is gone from the map": lambda ns: forget("bw_ep"),
    "its forwarding entry is gone": lambda ns: forget("bw_fdb"),
}
DRIFT_CONF = bridge_conf(hairpinMode=True, portIsolation=True,
                         ipam=pool({"subnet": SUBNET}, routes=[{"dst": "192.0.2.0/24"}]))


def drifted(name):
    """Statement 44: what ADD made and somebody changed is an error that says what."""
    ns = Netns("a")
    answer = added(BRIDGE, DRIFT_CONF, ns)
    try:
        expect_ok(checked(DRIFT_CONF, answer, ns))
        DRIFTS[name](ns)
        before = state(ns)
        check_error_object(checked(DRIFT_CONF, answer, ns))
        expect_same(before, state(ns))
    finally:
        deleted(BRIDGE, DRIFT_CONF, ns)


for _name in DRIFTS:
    case("44 check fails when %s" % _name, drifted, _name)


@both
def _44_a_result_that_was_not_ours_is_an_error(program):
    ns = Netns("a")
    conf = conf_of(program)
    answer = added(program, conf, ns)
    prev = json.loads(answer.out.replace("10.1.0.2/24", "10.1.0.3/24"))
    check_error_object(plug(program, "CHECK", {**conf, "prevResult": prev}, ns))
    deleted(program, conf, ns)
    check_error_object(plug(program, "CHECK", with_prev(conf, answer), ns))


@both
def _44_an_address_that_the_journal_lost_is_an_error(program):
    ns = Netns("a")
    conf = conf_of(program)
    answer = added(program, conf, ns)
    for name in os.listdir(os.path.dirname(JOURNAL)):
        os.unlink(os.path.join(os.path.dirname(JOURNAL), name))
    check_error_object(plug(program, "CHECK", with_prev(conf, answer), ns))
    deleted(program, conf, ns)


@both
def _44_an_address_that_another_holds_is_an_error(program):
    conf = conf_of(program, runtimeConfig={"ips": ["10.1.0.77"]})
    old, new = Netns("old"), Netns("new")
    answer = added(program, conf, old)
    deleted(program, conf, old)
    added(program, conf, new)
    check_error_object(plug(program, "CHECK", with_prev(conf, answer), old))
    deleted(program, conf, new)


@one
def _45_what_later_plugins_added_is_tolerated():
    ns = Netns("a")
    conf = bridge_conf()
    answer = added(BRIDGE, conf, ns)
    ns.ip("addr add 10.99.0.1/24 dev eth0")
    ns.ip("route add 10.98.0.0/16 via 10.1.0.1")
    ns.ip("link add extra type veth peer name other")
    ns.run("sysctl -qw net.ipv4.conf.eth0.arp_notify=1 net.core.somaxconn=4096")
    expect_ok(checked(conf, answer, ns))
    more = json.loads(answer.out)
    more["interfaces"].append({"name": "extra", "mac": "02:00:00:00:00:98", "sandbox": ns.path})
    more["ips"].append({"interface": len(more["interfaces"]) - 1, "address": "10.97.0.1/24"})
    expect_ok(plug(BRIDGE, "CHECK", {**conf, "prevResult": more}, ns))
    deleted(BRIDGE, conf, ns)


@one
def _45_the_delegate_is_asked_and_its_error_passed_on():
    foreign = Foreign()
    ns = Netns("a")
    conf = foreign.conf()
    answer = added(BRIDGE, conf, ns, path=foreign.path)
    expect_ok(checked(conf, answer, ns, path=foreign.path))
    expect_eq(foreign.verbs(), ["ADD", "CHECK"], "calls")
    foreign.answer("CHECK", {"cniVersion": NEWEST, "code": 133, "msg": "not mine any more"}, fail=True)
    expect_error(checked(conf, answer, ns, path=foreign.path), 133, "not mine any more")
    deleted(BRIDGE, conf, ns, path=foreign.path)


main()
