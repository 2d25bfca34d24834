#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""barewire sriov: what is shown of a made card whose VFs belong to user space, and what the verbs answer."""
import json
import os
import sqlite3
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from sysfsbed import Card

CLI = os.path.join(BUILD, "barewire")
SRIOV = "barewire-sriov"
PF, PF2 = "0000:01:00.0", "0000:02:00.0"
VFS = ["0000:01:10.%d" % i for i in range(3)]


def cli(*argv, code=0):
    p = subprocess.run([CLI, "sriov", *argv], capture_output=True, text=True, timeout=30)
    expect_eq(p.returncode, code, "exit of barewire sriov %s: %s" % (" ".join(argv), p.stdout + p.stderr))
    return p.stdout + p.stderr


def show(*argv):
    return json.loads(cli("show", "-o", "json", *argv))


def vf_of(doc, pci):
    return next(vf for pf in doc["pfs"] for vf in pf["vfs"] if vf["pci"] == pci)


def conf(pci, **keys):
    return {"cniVersion": "1.1.0", "name": "storage", "type": SRIOV, "deviceID": pci, **keys}


def plug(verb, doc, ns):
    return cni(verb, doc, ns, plugin=SRIOV, args="IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=pg-0")


def with_card(fn):
    def body():
        with Card() as card:
            card.pf(PF, "pf0", VFS)
            card.pf(PF2, "pf1", [])
            fn(card)
    case(fn.__name__.replace("_", " "), body)
    return fn


@test
def a_node_without_such_cards_says_so():
    expect_in("no device of this node can have VFs", cli("show"), "text")
    expect_eq(show(), {"pfs": [], "gone": []}, "JSON")
    expect(not os.path.exists(JOURNAL), "looking made a journal")


@test
def usage_is_answered_with_64():
    for argv in ((), ("paint",), ("show", "a", "b"), ("show", "-o", "xml"), ("show", "--frobnicate")):
        cli(*argv, code=64)
    expect_in("drift", cli("show", "--help"), "help")
    expect_in("sriov: virtual functions", run(CLI, "--help"), "help of all")


@with_card
def pfs_and_free_vfs_are_listed(card):
    doc = show()
    expect_eq([(p["pci"], p["device"], p["driver"], p["numVfs"], p["totalVfs"]) for p in doc["pfs"]],
              [(PF, "pf0", "igb", 3, 7), (PF2, "pf1", "igb", 0, 7)], "PFs")
    expect_eq([(v["pci"], v["index"], v["state"], v["driver"], v["drift"]) for v in doc["pfs"][0]["vfs"]],
              [(pci, i, "free", "vfio-pci", []) for i, pci in enumerate(VFS)], "VFs")
    expect_in("pf1  %s  igb  0 of 7 VFs, not on the host" % PF2, cli("show"), "text")


@with_card
def the_link_of_a_pf_is_shown(card):
    run("ip", "link", "add", "pf0", "type", "veth", "peer", "name", "pf0x")
    try:
        expect_in("pf0  %s  igb  3 of 7 VFs, down" % PF, cli("show"), "text")
        expect_eq((show()["pfs"][0]["up"], "up" in show()["pfs"][1]), (False, False), "up")
        run("ip", "link", "set", "pf0", "up")
        expect_in("no carrier", cli("show"), "text")
        run("ip", "link", "set", "pf0x", "up")
        expect_in("VFs, up", cli("show"), "text")
    finally:
        run("ip", "link", "del", "pf0")


@with_card
def a_holder_is_shown_and_found_by_every_name(card):
    ns = Netns("a")
    expect_ok(plug("ADD", conf(VFS[1]), ns))
    vf = vf_of(show(), VFS[1])
    since = vf["holder"].pop("since")
    expect(since > 1600000000, "since %r" % since)
    expect_eq(vf["holder"], {"container": "a", "ifname": "eth0", "slot": 0, "pod": "default/pg-0", "network": "storage",
                             "netns": ns.path}, "holder")
    expect_eq((vf["state"], vf["drift"]), ("live", []), "state and drift")
    for word, n in ((VFS[1], 1), ("a", 1), ("default/pg-0", 1), ("pf0", 3), (PF, 3), (VFS[0], 1)):
        expect_eq(sum(len(p["vfs"]) for p in show(word)["pfs"]), n, "VFs shown of " + word)
    expect_in("default/pg-0", cli("show", VFS[1]), "text")
    expect_in("storage", cli("show", "-o", "wide", VFS[1]), "wide text")
    expect_in("no PF or VF", cli("show", "nosuch", code=1), "text")
    expect_eq(show("pf1")["pfs"][0]["vfs"], [], "VFs of a PF without any")
    expect_ok(plug("DEL", conf(VFS[1]), ns))
    expect_eq(vf_of(show(), VFS[1])["state"], "free", "state")


@with_card
def drift_is_named_and_looking_changes_nothing(card):
    ns = Netns("a")
    expect_ok(plug("ADD", conf(VFS[0]), ns))
    driver = os.path.join(card.top, "pci/devices", VFS[0], "driver")
    os.unlink(driver)
    os.symlink("../../drivers/igbvf", driver)
    before = journal_rows(tables=("attachment", "vf_hold"))
    vf = vf_of(show(), VFS[0])
    expect_eq(vf["drift"], ["%s (VF 0 of pf0): driver is igbvf, expected vfio-pci" % VFS[0]], "drift")
    expect_in("drift: %s (VF 0 of pf0): driver is igbvf" % VFS[0], cli("show"), "text")
    expect_eq(journal_rows(tables=("attachment", "vf_hold")), before, "journal")
    os.unlink(driver)
    os.symlink("../../drivers/vfio-pci", driver)
    expect_ok(plug("DEL", conf(VFS[0]), ns))


@with_card
def a_holder_whose_container_is_gone_is_shown_as_such(card):
    ns = Netns("a")
    expect_ok(plug("ADD", conf(VFS[2]), ns))
    ns.remove()
    vf = vf_of(show(), VFS[2])
    expect_eq((vf["state"], vf["drift"]), ("gone", []), "state")
    expect_in("gone", cli("show", VFS[2]), "text")
    expect_ok(cni("DEL", conf(VFS[2]), "", cid="a", plugin=SRIOV))


@with_card
def a_held_vf_that_is_no_more_is_shown(card):
    ns = Netns("a")
    expect_ok(plug("ADD", conf(VFS[0]), ns))
    card.pull(PF, "pf0", VFS)
    doc = show()
    expect_eq([(v["pci"], v["exists"], v["holder"]["container"]) for v in doc["gone"]], [(VFS[0], False, "a")], "gone")
    expect_in("is gone", doc["gone"][0]["drift"][0], "drift")
    expect_in("%s is no more: VF 0 of %s, held by default/pg-0 eth0" % (VFS[0], PF), cli("show"), "text")
    expect_ok(plug("DEL", conf(VFS[0]), ns))
    expect_eq(show()["gone"], [], "gone")


@with_card
def a_journal_that_cannot_be_read_is_exit_2(card):
    os.makedirs("/run/spoilt", exist_ok=True)
    with open("/run/spoilt/journal.db", "wb") as f:
        f.write(b"this is no database" * 1000)
    expect_in("/run/spoilt/journal.db", cli("show", "--dir", "/run/spoilt", code=2), "text")
    expect_eq(len(show("--dir", "/run/none")["pfs"]), 2, "PFs without a journal")


@with_card
def a_journal_from_before_VFs_is_one_without_holders(card):
    ns = Netns("a")
    expect_ok(plug("ADD", conf(VFS[0]), ns))
    expect_ok(plug("DEL", conf(VFS[0]), ns))
    db = sqlite3.connect(JOURNAL)
    db.executescript("DROP TABLE vf_hold; DROP TABLE claim_token; DROP INDEX attachment_claim; DROP INDEX claim_cache_name;"
                     + "".join("ALTER TABLE claim_cache DROP COLUMN %s;" % c
                               for c in ("namespace", "name", "boot_id", "stale", "put_ns"))
                     + "ALTER TABLE outbox DROP COLUMN sending; ALTER TABLE outbox DROP COLUMN since_s;")
    db.execute("PRAGMA user_version = %d" % (db.execute("PRAGMA user_version").fetchone()[0] & ~0xff))
    db.commit()
    db.close()
    expect_eq({v["state"] for v in show()["pfs"][0]["vfs"]}, {"free"}, "states")
    expect_ok(plug("ADD", conf(VFS[0]), ns))
    expect_eq(vf_of(show(), VFS[0])["state"], "live", "state")
    expect_ok(plug("DEL", conf(VFS[0]), ns))


main()
