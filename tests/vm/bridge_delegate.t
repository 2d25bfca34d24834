#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# What needs devices that the machine's own kernel may lack: barewire-ipam under the reference's ipvlan and macvlan,
# and a bridge whose uplink is a dummy device.
# vm: kernel=6.12 with=go
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from wire import *

CLI = os.path.join(BUILD, "barewire")


def device(name, kind="dummy"):
    run("ip link add %s type %s" % (name, kind))
    run("ip link set %s up" % name)


def rows():
    return [r for r in journal_rows() if r.split(" ", 1)[0] in ("attachment", "address", "used")]


def the_delegate_of(plugin, mode):
    """Two containers, a declared address that is refused to a second one, DEL, and GC of what was killed."""
    device("d0")
    program, path = reference(plugin), "%s:%s" % (BUILD, os.path.dirname(reference(plugin)))
    conf = {"cniVersion": "1.1.0", "name": plugin, "type": plugin, "master": "d0", "mode": mode,
            "ipam": {"type": "barewire-ipam", "ranges": [[{"subnet": "10.77.0.0/24"}], [{"subnet": "fd77::/64"}]]}}
    declared = dict(conf, runtimeConfig={"ips": ["10.77.0.50"]}, capabilities={"ips": True})
    a, b, c = Netns("a"), Netns("b"), Netns("c")
    try:
        first = expect_ok(cni("ADD", conf, a, plugin=program, path=path))
        expect_ok(cni("ADD", declared, b, plugin=program, path=path))
        expect(ping(a, "10.77.0.50"), "the neighbour")
        expect_in("10.77.0.50", run(CLI, "ipam", "who", "10.77.0.50"), "who")
        expect_error(cni("ADD", declared, c, plugin=program, path=path), 11, "10.77.0.50")
        # The reference leaves its device after such a failure, for the DEL that a runtime sends.
        expect_ok(cni("DEL", declared, c, plugin=program, path=path))
        expect_ok(cni("CHECK", dict(conf, prevResult=first.json), a, plugin=program, path=path))
        expect_ok(cni("DEL", conf, a, plugin=program, path=path))
        expect_ok(cni("DEL", conf, a, plugin=program, path=path))
        # b dies without a DEL: its declared address is free at once.
        b.remove()
        expect_ok(cni("ADD", declared, c, plugin=program, path=path))
        expect_ok(cni("DEL", declared, c, plugin=program, path=path))
        expect_eq(rows(), [], "rows of the journal")
    finally:
        Netns.remove_all()
        run("ip link del d0")


def a_dummy_is_an_uplink():
    """A network that leads nowhere yet: pods of one node, ready for a wire."""
    device("up0")
    conf = {"cniVersion": "1.1.0", "name": "lan", "type": "barewire-bridge", "bridge": "br-lan", "uplink": "up0",
            "ipam": {"type": "barewire-ipam", "ranges": [[{"subnet": "10.88.0.0/24"}]]}}
    a, b = Netns("a"), Netns("b")
    first, second = (expect_ok(cni("ADD", conf, ns)) for ns in (a, b))
    expect(ping(a, second.ips[0].split("/")[0]), "the neighbour")
    expect_ok(cni("CHECK", dict(conf, prevResult=first.json), a))
    run(CLI, "net", "reload")
    expect(ping(b, first.ips[0].split("/")[0]), "the neighbour, after a reload")
    for ns in (a, b):
        expect_ok(cni("DEL", conf, ns))
    run(CLI, "net", "clean", "br-lan")
    left = run_json("ip", "-j", "link", "show", "up0")[0]
    expect("master" not in left, "the uplink is free again")
    run("ip link del up0")


for _plugin, _mode in (("ipvlan", "l2"), ("macvlan", "bridge")):
    case("barewire-ipam under %s" % _plugin, the_delegate_of, _plugin, _mode)
case("a dummy is an uplink", a_dummy_is_an_uplink)
main()
