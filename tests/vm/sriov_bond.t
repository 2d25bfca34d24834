#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# vm: nics=2 kernel=6.12
"""A bond of two VFs of two PFs: one interface with one MAC in the pod, a connection that survives either PF going
down, and both VFs given back as they were, whatever happens."""
import contextlib
import os
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import vmnic
from vfbed import *

PF0, PF1 = pfs()
BOND = {"mode": "active-backup", "pfs": ["pf0", "pf1"]}
OURS = "02:77:00:00:00:0b"


def pair():
    return vfs(0)[0], vfs(1)[0]


def conf_of(bond=BOND, ips=(IP4 % 5,), **keys):
    return net(None, ips, bond=bond, **keys)


class BondPod:
    """A pod with a bond, made by a real ADD; delete() sees that both VFs are as before."""

    def __init__(self, name="a", **keys):
        self.before = [(vf, vf.state()) for vf in pair()]
        self.ns = Netns(name)
        self.conf = conf_of(**keys)
        self.answer = add(self.conf, self.ns)

    def bond(self):
        return run_json("ip", "-n", self.ns.name, "-d", "-j", "link", "show", "eth0")[0]

    def active(self):
        return self.bond()["linkinfo"]["info_data"].get("active_slave")

    def delete(self):
        delete(self.conf, self.ns)
        expect_pair_restored(self.before)
        expect_eq([x.name for x in vfnl_links(self.ns)], ["lo"], "links left in the pod")
        expect_no_rows()


def vfnl_links(ns):
    import vfnl
    return vfnl.all_links(ns)


def expect_pair_restored(before):
    for vf, was in before:
        expect_restored(vf, was)


def refused(code, *words, ns=None, **keys):
    before, ns = [(vf, vf.state()) for vf in pair()], ns or Netns("a")
    pod = pod_state(ns)
    expect_error(sriov("ADD", conf_of(**keys), ns), code, *words)
    expect_pair_restored(before)
    expect_same(pod, pod_state(ns), "the pod")
    expect_no_rows()


def looks(mac=None, **keys):
    own = pair()[0].link.mac
    pod = BondPod(mac=mac, **keys)
    link, result = pod.bond(), pod.answer.json
    first, second = pair()
    expect_eq(link["linkinfo"]["info_kind"], "bond")
    data = link["linkinfo"]["info_data"]
    expect_eq((data["mode"], data["miimon"]), (keys.get("bond", BOND)["mode"], keys.get("bond", BOND).get("miimon", 100)))
    expect("UP" in link["flags"], "the bond is down")
    expect_eq(link["address"], mac or own, "MAC of the bond")
    for vf in (first, second):
        port = vf.in_ns(pod.ns)
        expect(port, "%r is not in the pod" % vf)
        expect_eq(port.mac, link["address"], "MAC of %r" % vf)
        expect_eq(run_json("ip", "-n", pod.ns.name, "-j", "link", "show", port.name)[0].get("master"), "eth0")
        if mac:
            expect_eq(vf.seen()["mac"], mac, "MAC of %r on its PF" % vf)
    main_if = result["interfaces"][0]
    expect_eq((main_if["name"], main_if["mac"], main_if["mtu"]), ("eth0", link["address"], link["mtu"]))
    expect_eq([i.get("pciID") for i in result["interfaces"][1:]], [first.pci, second.pci])
    expect_eq(result["ips"][0]["interface"], 0)
    expect_eq(pod.ns.addrs(), [IP4 % 5])
    expect_eq(sorted(holds()), sorted(vf.pci for vf in (first, second)))
    expect_ok(check(pod.conf, pod.answer, pod.ns))
    pod.delete()


fresh_case("a bond has one MAC, both VFs and the address", looks)
fresh_case("a declared MAC is on the bond, both VFs and both PFs", lambda: looks(mac=OURS))
fresh_case("a declared MAC with trust", lambda: looks(mac=OURS, trust="on"))
fresh_case("two named VFs", lambda: looks(bond={"mode": "active-backup", "miimon": 50,
                                                "deviceIDs": [vf.pci for vf in pair()]}))
fresh_case("802.3ad", lambda: looks(mac=OURS, bond={**BOND, "mode": "802.3ad"}))
fresh_case("every other key is set on both", lambda: looks(vlan=77, vlanQoS=2, spoofchk="off", max_tx_rate=100, mtu=1400))


class Talk:
    """One TCP connection between a pod and the outside that must not break."""

    def __init__(self, pod, outside):
        family = socket.AF_INET
        with inside(outside.ns):
            listener = socket.socket(family, socket.SOCK_STREAM)
            listener.bind(("10.77.0.200", 5432))
            listener.listen()
        with inside(pod.ns):
            self.client = socket.create_connection(("10.77.0.200", 5432), 10)
        self.server = listener.accept()[0]
        listener.close()
        for s in (self.client, self.server):
            s.settimeout(20)
        self.n = 0

    def say(self):
        """A message and its answer; how long it took."""
        began = time.monotonic()
        self.n += 1
        for a, b in ((self.client, self.server), (self.server, self.client)):
            a.sendall(b"%08d" % self.n)
            expect_eq(b.recv(8, socket.MSG_WAITALL), b"%08d" % self.n)
        return time.monotonic() - began


@contextlib.contextmanager
def down(pf):
    run("ip", "link", "set", pf.name, "down")
    try:
        yield
    finally:
        vmnic.up(pf.name)


@fresh
def a_connection_survives_either_PF_going_down():
    with Outside("10.77.0.200/24") as x:
        pod = BondPod(mac=OURS)
        wait_until(lambda: vfnl_carrier(pod), 10, "carrier of the bond")
        talk = Talk(pod, x)
        talk.say()
        expect_eq(pod.active(), "eth0-0")
        for pf, other in ((PF0, "eth0-1"), (PF1, "eth0-0")):
            with down(pf):
                wait_until(lambda: pod.active() == other, 10, "%s in use while %s is down" % (other, pf.name))
                diag("%.2f s without %s" % (talk.say(), pf.name))
                expect_eq(pod.ns.addrs(), [IP4 % 5], "address while %s is down" % pf.name)
                expect_ok(check(pod.conf, pod.answer, pod.ns))
            port = "eth0-%d" % (pf is PF1)
            wait_until(lambda: port_is_up(pod, port), 20, "%s back with %s" % (port, pf.name))
        talk.say()
        pod.delete()


def vfnl_carrier(pod):
    return "LOWER_UP" in pod.bond()["flags"]


def port_is_up(pod, port):
    link = run_json("ip", "-n", pod.ns.name, "-d", "-j", "link", "show", port)[0]
    return link["linkinfo"]["info_slave_data"]["mii_status"] == "UP"


@fresh
def CHECK_names_what_became_of_a_bond():
    def drift(change, back, *words):
        run("ip", "-n", pod.ns.name, *change.split())
        expect_error(check(pod.conf, pod.answer, pod.ns), 7, *words)
        for words in back:
            run("ip", "-n", pod.ns.name, *words.split())
        expect_ok(check(pod.conf, pod.answer, pod.ns))

    pod = BondPod()
    drift("link set eth0 type bond miimon 500", ["link set eth0 type bond miimon 100"], "miimon", "500")
    drift("link set eth0-1 nomaster", ["link set eth0-1 down", "link set eth0-1 master eth0"], "eth0-1", "eth0")
    drift("link set eth0 down", ["link set eth0 up", "addr replace %s dev eth0" % (IP4 % 5)], "eth0", "down")
    pod.delete()


@fresh
def a_bond_that_the_pod_renamed_is_undone():
    pod = BondPod(mac=OURS)
    for words in ("link set eth0 down", "link set eth0 name renamed", "link set renamed up", "link set eth0-0 name other"):
        run("ip", "-n", pod.ns.name, *words.split(), check=False)
    pod.delete()


@fresh
def a_bond_that_the_pod_took_apart_is_undone():
    pod = BondPod(mac=OURS)
    run("ip", "-n", pod.ns.name, "link", "del", "eth0")
    pod.delete()


@fresh
def both_VFs_come_back_from_a_namespace_that_is_gone():
    pod = BondPod(mac=OURS, vlan=7, mtu=1400)
    pod.ns.remove()
    delete(pod.conf, None, cid="a")
    expect_pair_restored(pod.before)
    expect_no_rows()


@fresh
def a_dead_pods_pair_is_taken_over():
    pod = BondPod(mac=OURS, vlan=7)
    pod.ns.remove()
    for vf in pair():
        vf.wait_home()
    again = Netns("b")
    conf = conf_of(bond={"mode": "active-backup", "deviceIDs": [vf.pci for vf in pair()]})
    add(conf, again)
    delete(conf, again)
    expect_pair_restored(pod.before)
    expect_no_rows()


fresh_case("VFs of one PF", lambda: refused(7, "bond.deviceIDs", "two PFs", bond={"deviceIDs": [v.pci for v in vfs(0)[:2]]}))
fresh_case("one PF by both its names", lambda: refused(7, "bond.pfs[1]", "second PF", bond={"pfs": ["pf0", PF0.pci]}))
fresh_case("a PF that is not there", lambda: refused(7, "bond.pfs[1]", "ens9f9", "pf1", bond={"pfs": ["pf0", "ens9f9"]}))
fresh_case("a second VF that is not there", lambda: refused(
    7, "0000:7f:10.0", bond={"deviceIDs": [vfs(0)[0].pci, "0000:7f:10.0"]}))
fresh_case("what the card refuses", lambda: refused(2, "link_state", link_state="enable"))


@fresh
def a_name_that_is_taken_takes_both_back():
    ns = Netns("a")
    ns.ip("link add eth0 type dummy")
    refused(7, "eth0", ns=ns)


@fresh
def a_ports_name_that_is_taken_takes_both_back():
    ns = Netns("a")
    ns.ip("link add eth0-1 type dummy")
    refused(7, "eth0-1", ns=ns)


@fresh
def a_held_second_VF_frees_the_first():
    held = Pod(vfs(1)[3], "holder", IP4 % 9)
    before = vfs(0)[2].state()
    conf = conf_of(bond={"deviceIDs": [vfs(0)[2].pci, vfs(1)[3].pci]})
    expect_error(sriov("ADD", conf, Netns("a")), 11, vfs(1)[3].pci, "holder")
    expect_restored(vfs(0)[2], before)
    expect_eq(list(holds()), [vfs(1)[3].pci])
    held.delete()


@fresh
def a_VF_without_a_driver_cannot_be_in_a_bond():
    vf = vfs(1)[0]
    write(vf.path + "/driver/unbind", vf.pci)
    answer = expect_error(sriov("ADD", conf_of(bond={"deviceIDs": [vfs(0)[0].pci, vf.pci]}), Netns("a")), 7, vf.pci)
    expect_in("driver", answer.json["msg"])
    expect_no_rows()


main()
