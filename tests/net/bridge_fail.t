#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A failed ADD leaves at most the journal's file, and a bridge that somebody else uses."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bridgebed import *


def state():
    snap = snapshot(bpf=True)
    # What may stay: programs and maps, made by the first ADD that comes so far.
    snap["pin"] = [p for p in snap["pin"] if "/links/" in p]
    return snap


def settled(before):
    """The carrier of a bridge follows its last port a moment later."""
    wait_until(lambda: not diff(before, state()), 10, lambda: "changed:\n" + "\n".join(diff(before, state())))


def linked():
    """Every port and bridge that is up has the link-local address that the kernel gives it, with its routes."""
    links = [a for a in run_json("ip", "-j", "-6", "addr", "show", "up") if a["ifname"].startswith("bw")]
    return all([i for i in a["addr_info"] if i["scope"] == "link" and not i.get("tentative")] for a in links)


def refused(code, words, conf, arrange=None, **kw):
    """Once with no bridge there, once beside a pod that uses it."""
    for shared in (False, True):
        clean()
        ns = Netns("a")
        if shared:
            expect_ok(cni("ADD", net(V4, isGateway=True, name="other", ipam={"domain": "other"}), Netns("b")))
            wait_until(linked, 30, "link-local addresses")
        if arrange:
            arrange(ns)
        before, pod = state(), ns.snapshot()
        expect_error(cni("ADD", conf, ns, **kw), code, *words)
        settled(before)
        expect_same(pod, ns.snapshot(), "the pod")
        expect_ok(cni("DEL", conf, ns, **kw))
        if arrange != taken_host:  # the name is the attachment's, so it goes with it
            settled(before)


def taken(ns):
    ns.ip("link add eth0 type veth peer name other")


def taken_host(ns):
    run("ip link add bw3ec05b00505 type veth peer name upx")


def foreign(add=None, fail=()):
    folder = tempfile.mkdtemp(prefix="barewire.")
    if add is None:
        fake_ipam(folder, fail=fail)
    else:
        fake_ipam(folder, add, fail)
    return {"path": folder}


DECLARED = {"runtimeConfig": {"ips": ["10.88.0.1"]}}
case("the interface exists in the container", refused, 7, ["eth0"], net(V4, isGateway=True), taken)
case("the host interface exists", refused, 7, ["bw3ec05b00505"], net(V4, isGateway=True), taken_host)
case("the declared address is the gateway's", refused, 7, ["10.88.0.1"], net(V4, **DECLARED))
case("the uplink does not exist", refused, 7, ["uplink", "wan9"], net(V4, uplink="wan9"))
case("the uplink is the loopback device", refused, 7, ["uplink", "lo"], net(V4, uplink="lo", bridge="bw9"))


def refused_without(feature, *args):
    if kernel_has(feature):
        raise Skip("this kernel has " + feature)
    refused(*args)


case("vlanTrunk without VLAN filtering", refused_without, "vlan_filtering", 2, ["vlanTrunk"], net(V4, vlanTrunk=[{"id": 7}]))
case("vlan without VLAN filtering and uplink", refused_without, "vlan_filtering", 2, ["vlan"], net(V4, vlan=7))
case("netkit on a kernel without", refused_without, "netkit", 2, ["netkit"], net(V4, link="netkit"))
case("a route that cannot be set", refused, None, ["route"],
     net(V4, ipam={"routes": [{"dst": "10.99.0.0/16", "gw": "192.0.2.1"}]}))
case("too many addresses for the programs", refused, 7, ["antiSpoof"],
     net(V4, antiSpoof={"allow": ["10.88.0.%d" % i for i in range(100, 104)]}))
case("the IPAM plugin is missing", refused, 7, ["no-such-ipam"], net(ipam={"type": "no-such-ipam"}))


def refused_by_ipam(code, words, **kw):
    at = foreign(**kw)
    refused(code, words, net(ipam={"type": "fake-ipam"}), **at)
    verbs = calls(at["path"])
    expect_eq(verbs[:2], ["ADD", "DEL"], "the plugin is told to forget")
    shutil.rmtree(at["path"])




@test
def the_ipam_plugin_fails():
    refused_by_ipam(123, ["today"], fail=["ADD"])


@test
def the_ipam_plugin_answers_nonsense():
    refused_by_ipam(None, ["fake-ipam"], add="nonsense")


@test
def the_ipam_plugin_gives_no_address():
    refused_by_ipam(7, ["fake-ipam", "address"], add='{"cniVersion": "1.0.0", "ips": []}')


@fresh
def the_bridges_name_is_another_device():
    run("ip link add bw0 type veth peer name upx")
    ns = Netns("a")
    before = state()
    expect_error(cni("ADD", net(V4), ns), 7, "bw0", "not a bridge")
    settled(before)


@fresh
def a_journal_that_cannot_be_used_is_said_before_anything_is_made():
    ns = Netns("a")
    before = links()
    with open(JOURNAL, "w") as f:
        f.write("this is no database, but it is long enough to be taken for one by its size\n" * 100)
    answer = expect_error(cni("ADD", net(V4), ns), None, "journal")
    expect(answer.json["code"] >= 11, "code %s" % answer.json["code"])
    expect_error(cni("STATUS", net(V4)), 50, "journal")
    expect_eq(links(), before, "devices")


@fresh
def programs_that_cannot_be_attached_never_fail_open():
    ns = Netns("a")
    # A bpffs that cannot be written: nothing can be pinned.
    run("mount -o remount,ro /sys/fs/bpf")
    try:
        before = links()
        for keys, words in (({}, ["antiSpoof: false"]), ({"accel": "ebpf", "antiSpoof": False}, ["accel"]),
                            ({"antiSpoof": False, "macspoofchk": True}, ["macspoofchk"]),
                            ({"antiSpoof": False, "runtimeConfig": {"bandwidth": RATE}}, ["bandwidth"])):
            expect_error(cni("ADD", net(V4, **keys), ns), 2, *words)
            expect_eq(links(), before, "devices after %s" % keys)
        conf = net(V4, antiSpoof=False)
        answer = expect_ok(cni("ADD", conf, ns))
        expect_in("no acceleration", answer.err, "log")
        expect_ok(cni("DEL", conf, ns))
    finally:
        run("mount -o remount,rw /sys/fs/bpf")
    expect_clean()


@fresh
def a_second_add_is_refused_and_the_first_stays():
    ns, conf = Netns("a"), net(V4, isGateway=True)
    answer = expect_ok(cni("ADD", conf, ns))
    before = state()
    expect_error(cni("ADD", conf, ns), 7, "a", "eth0")
    expect_same(before, state())
    expect_ok(cni("CHECK", with_prev(conf, answer), ns))
    expect(ping(ns, "10.88.0.1"), "it still works")


main()
