#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CNI 1.1.0 and barewire-sriov: GC and STATUS (statements 46 to 52)."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bwtest import *
from cnibed import *
from sriovbed import *
from sysfsbed import Card


@one
def _46_gc_gives_back_what_is_not_on_the_list():
    journal()
    a, b = Netns("a"), Netns("b")
    vfs = ["0000:01:10.%d" % i for i in range(3)]
    with Card() as card:
        card.pf(PF, "pf0", vfs)
        hold(vfs[0], "a", a.path)
        hold(vfs[1], "b", b.path)
        hold(vfs[2], "other", a.path, network="other")
        expect_eq(expect_ok(gc(["b"])).out, "", "stdout")
        expect_eq(holders(), ["b", "other"], "holders")
        expect_ok(gc([]))
        expect_eq(holders(), ["other"], "another network's holder")
        b.remove()
        expect_ok(call("DEL", conf(name="other"), a, cid="other"))
        expect_eq(holders(), [], "holders")


@one
def _46_gc_takes_vfs_back_whose_container_is_gone_whatever_the_list_says():
    journal()
    a = Netns("a")
    vfs = ["0000:01:10.%d" % i for i in range(3)]
    with Card() as card:
        card.pf(PF, "pf0", vfs)
        hold(vfs[0], "a", a.path)
        hold(vfs[1], "dead", "/run/netns/nowhere", network="other")
        hold(vfs[2], "rebooted", a.path, boot="0123456789abcdef0123456789abcdef", network="other")
        expect_ok(gc(["a", "dead", "rebooted"]))
        expect_eq(holders(), ["a"], "holders")
        expect_ok(gc([]))
        expect_eq(holders(), [], "holders")


@one
def _46_gc_drops_the_hold_of_a_vf_that_is_no_more():
    journal()
    hold(VF, "a", Netns("a").path)
    with Card() as card:
        card.pf(PF, "pf0", [])
        expect_ok(gc([]))
    expect_eq(holders(), [], "holders")


@one
def _47_without_the_list_nothing_is_collected():
    journal()
    a = Netns("a")
    with Card() as card:
        card.pf(PF, "pf0", [VF])
        hold(VF, "a", a.path)
        no("GC", conf(), None, 7, "valid-attachments")
        for bad in ({}, "a", [{"containerID": "a"}], [5]):
            no("GC", {**conf(), VALID: bad}, None, 7)
        expect_eq(holders(), ["a"], "holders")
        expect_ok(gc([]))


@one
def _47_an_empty_list_gives_addresses_back_too():
    journal()
    a = Netns("a")
    doc = ipam_conf()
    added(IPAM, doc, a)  # an attachment of this network without a VF
    expect_ok(gc([]))
    expect_eq((attachments(), held()), ([], []), "attachments and addresses")


@one
def _49_gc_is_forwarded_to_the_delegate():
    foreign = Foreign()
    doc = conf(ipam={"type": foreign.name}, **{VALID: []})
    expect_ok(call("GC", doc, path=foreign.path))
    expect_eq(foreign.verbs(), ["GC"], "calls")
    foreign.answer("GC", {"cniVersion": NEWEST, "code": 19, "msg": "some are left"}, fail=True)
    expect_error(call("GC", doc, path=foreign.path), 19, "some are left")


@one
def _51_status_needs_only_stdin():
    expect_ok(raw(SRIOV, {"CNI_COMMAND": "STATUS"}, json.dumps(conf(deviceID=None)).encode()))


@one
def _51_an_unusable_journal_is_error_50():
    spoil_journal()
    try:
        status(50, JOURNAL, journal=False)
    finally:
        os.unlink(JOURNAL)
    status()


@one
def _51_a_pf_that_is_gone_is_error_50_and_one_that_is_down_51():
    pf_device("pf0")
    try:
        with Card() as card:
            resource = {"resourceName": "x", "selectors": {"pfNames": ["pf0#0-1"]}}
            card.pf(PF, "pf0", [VF])
            ways = ({"pf": "pf0"}, {"pf": PF}, {"pf": ["nosuch0", "pf0"]}, {"resource": {"pfNames": ["pf0"]}},
                    {"resource": {"rootDevices": [PF]}}, {"resource": {"pciAddresses": [VF]}})
            for way in ways:
                status(**way)
            status(**{"resource": {"vendors": ["8086"]}})
            run("ip", "link", "set", "pf0", "down")
            for way in ways:
                status(51, "pf0", "down", **way)
            run("ip", "link", "set", "pf0", "up")
            run("ip", "link", "set", "pf0x", "down")
            status(51, "pf0", "carrier", pf="pf0")
            status(pf="pf0", link_state="enable")
            card.pull(PF, "pf0")
            status(50, "pf", "pf0", pf="pf0")
            status(50, "pf", PF, pf=PF)
            status(50, "resource", "pf0", resource={"pfNames": ["pf0"]})
    finally:
        run("ip", "link", "del", "pf0")


@one
def _51_vfs_that_are_all_in_use_or_not_made_yet_are_no_error():
    journal()
    pf_device("pf0")
    pf_device("pf1")
    a = Netns("a")
    try:
        with Card() as card:
            card.pf(PF, "pf0", [VF])
            card.pf(PF2, "pf1", [])
            hold(VF, "a", a.path)
            status(pf="pf0")
            status(resource={"pfNames": ["pf0"]})
            status(pf="pf1")
            expect_ok(gc([]))
    finally:
        run("ip", "link", "del", "pf0")
        run("ip", "link", "del", "pf1")


@one
def _51_a_bond_lives_with_one_pf_down_and_not_with_one_gone():
    pf_device("pf0")
    pf_device("pf1")
    bond = {"mode": "active-backup", "pfs": ["pf0", "pf1"]}
    try:
        with Card() as card:
            card.pf(PF, "pf0", [VF])
            card.pf(PF2, "pf1", ["0000:02:10.0"])
            status(bond=bond)
            run("ip", "link", "set", "pf0", "down")
            status(bond=bond)
            run("ip", "link", "set", "pf1", "down")
            status(51, "bond", bond=bond)
            run("ip", "link", "set", "pf0", "up")
            card.pull(PF2, "pf1")
            status(50, "bond", "pf1", bond=bond)
    finally:
        run("ip", "link", "del", "pf0")
        run("ip", "link", "del", "pf1")


@one
def _52_the_delegates_status_is_passed_on():
    foreign = Foreign()
    doc = conf(deviceID=None, ipam={"type": foreign.name})
    expect_ok(call("STATUS", doc, path=foreign.path))
    foreign.answer("STATUS", {"cniVersion": NEWEST, "code": 50, "msg": "no pool here"}, fail=True)
    expect_error(call("STATUS", doc, path=foreign.path), 50, "no pool here")


main()
