#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# The examples of conf/cni for VFs, loaded as they stand; only the cards' names are the guest's.
# vm: nics=2
import os
import sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vmnic import *

NAMES = {"eth1": "pf0", "eth2": "pf1"}


def in_guest(value):
    """The configuration with the guest's names of the cards."""
    if isinstance(value, dict):
        return {k: in_guest(v) for k, v in value.items()}
    if isinstance(value, list):
        return [in_guest(v) for v in value]
    return NAMES.get(value, value) if isinstance(value, str) else value


def conflist_works(conflist):
    conf = in_guest({**conflist["plugins"][0], "cniVersion": conflist["cniVersion"], "name": conflist["name"]})
    vfs = [vf for n in range(2) for vf in Pf(n).create(2)]
    before = [vf.snapshot() for vf in vfs]
    subnet = conf["ipam"]["ranges"][0][0]
    peer = Peer(vlan=conf["vlan"], addresses=[subnet["gateway"] + "/24"])
    ns = Netns("a")
    try:
        answer = expect_ok(cni("ADD", conf, ns, plugin="barewire-sriov"))
        wait_until(lambda: ping(ns, subnet["gateway"]), 60, "an answer of the gateway on its VLAN")
        expect_ok(cni("CHECK", {**conf, "prevResult": answer.json}, ns, plugin="barewire-sriov"))
        expect_ok(cni("STATUS", {**conf, "cniVersion": "1.1.0"}, plugin="barewire-sriov"))
    finally:
        gone = cni("DEL", conf, ns, plugin="barewire-sriov")
        peer.remove()
    expect_ok(gone)
    for vf, was in zip(vfs, before):
        expect_same(was, vf.snapshot())


for _name in sorted(os.listdir(os.path.join(TOP, "conf", "cni"))):
    with open(os.path.join(TOP, "conf", "cni", _name)) as _f:
        _conflist = json.load(_f)
    if _conflist["plugins"][0]["type"] == "barewire-sriov":
        case("conf/cni/%s works" % _name, conflist_works, _conflist)

main()
