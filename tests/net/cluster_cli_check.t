#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""barewire check, repair and uninstall --check: each kind of difference by itself."""
import concurrent.futures
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from clicluster import *
from fakeagent import binding, put, write


def check(c, *args):
    """Exit code, and the texts below each reason."""
    code, out, err = c.run("check", "--dir", "/var/lib/nowhere", "-o", "json", *args)
    expect(code in (0, 1), err)
    doc = json.loads(out)
    return code, [(d["reason"], d["message"]) for d in doc["differences"]], [(d["reason"], d["message"]) for d in doc["warnings"]]


@test
def check_is_silent_when_all_is_well():
    c = sound()
    code, out, _ = c.run("check", "--dir", "/var/lib/nowhere")
    expect_eq((code, out), (0, "warning: Pool\n  remedy: see barewire pool NAME\n  - pool lan: m\n0 differences, 1 warning; compared: 3 addresses "
                            "of 3 claims, 3 locks, 3 pods, the journals of 1 of 1 nodes\n"))


def lock_gone(c):
    c.claim("redis-9", ["10.99.2.9"])


def lock_of_another(c):
    c.objects["networkaddresses"][(None, "lan.10-99-2-1")]["spec"]["claim"]["uid"] = "other"


def twice(c):
    c.claim("redis-9", ["10.99.2.1"])


def pool_gone(c):
    c.address("10.99.8.8", "Retained", pool="old")


def orphan(c):
    c.address("10.99.2.8", claim="gone")
    c.address("10.99.2.7", "Cooling", claim="gone")  # none: it is on its way


def node_gone(c):
    c.objects["networkclaims"][("db", "redis-0")]["status"].update(
        holder={"node": "node7", "nodeUID": "n7", "token": 2}, attached={"node": "node7", "token": 2})


def node_of_the_same_name(c):
    c.objects["nodes"][(None, "node1")]["metadata"]["uid"] = "n2"
    c.objects["nodenetworks"][(None, "node1")]["status"]["nodeUID"] = "n2"


def elsewhere(c):
    c.node("node2")
    c.objects["networkclaims"][("db", "redis-0")]["status"]["attached"] = {"node": "node2", "token": 1}


def given_back_beyond(c):
    c.objects["networkclaims"][("db", "redis-0")]["status"]["detachedToken"] = 7


def pod_elsewhere(c):
    c.pod("redis-0", "10.99.2.9")


def pod_on_anothers(c):
    c.pod("stranger", "10.99.2.1")


def rows_missing(c):
    c.node(attachments=2)


def agent_gone(c):
    del c.objects["pods"][("barewire-system", "agent-node1")]


def agent_not_heard_since_boot(c):
    c.node(bootID="boot-0")


def published(reason):
    def change(c):
        c.node(differences=[{"reason": reason, "pod": "db/redis-0", "message": "text of it"}])
    change.__name__ = "its agent"
    return change


def epoch_back(c):
    c.node(epoch=9)


def other_cluster(c):
    c.node(clusterID="d")


def live_unknown(c):
    c.node(live=[{"namespace": "db", "name": "lost", "uid": "u", "token": 3, "ips": ["10.99.2.50"]}])


def journal_unreadable(c):
    c.node(conditions=[{"type": "Ready", "status": "False", "reason": "JournalUnreadable", "message": "is damaged",
                        "lastTransitionTime": "2026-01-01T00:00:00Z"}])


def sweep_stopped(c, notes=None, stopped="True"):
    c.put("networkpools", "lan", {"domain": "lan", "prefix": "10.99.0.0/16", "ranges": ["10.99.2.1-10.99.2.10"]},
          {"conditions": [{"type": "SweepStopped", "status": stopped, "reason": "x", "message": "m", "lastTransitionTime": NOW}]},
          annotations=notes or {})


def orphans_stopped(c):
    sweep_stopped(c)
    orphan(c)


def sweep_left_open(c):
    sweep_stopped(c, {"net.barewire.dev/sweep": "allow"}, "False")


DIFFERENCES = [
    ("AddressUnlocked", lock_gone, "10.99.2.9: claim db/redis-9 has it, but no NetworkAddress locks it"),
    ("AddressUnlocked", lock_of_another, "10.99.2.1: claim db/redis-0 has it, but its NetworkAddress in domain lan is for claim db/redis-0 (uid other)"),
    ("AddressTwice", twice, "10.99.2.1 in domain lan: claims db/redis-0 and db/redis-9 both have it"),
    ("PoolMissing", pool_gone, "10.99.8.8 in domain lan: of pool old, which does not exist"),
    ("AddressOrphaned", orphan, "10.99.2.8 in domain lan: bound to claim db/gone (uid uid-gone), which does not have it"),
    ("HolderGone", node_gone, "claim db/redis-0 is held by node node7 (uid n7) under token 2; there is no such Node"),
    ("HolderGone", node_of_the_same_name, "the Node of that name is another"),
    ("AttachedElsewhere", elsewhere, "claim db/redis-0 is attached on node node2 under token 1, and held by node node1 under token 1"),
    ("AttachedElsewhere", given_back_beyond, "claim db/redis-0: token 7 was given back, it is held under 1"),
    ("PodAddress", pod_elsewhere, "pod db/redis-0 runs with 10.99.2.9, which its claim redis-0 does not have"),
    ("PodAddress", pod_on_anothers, "pod db/stranger runs with 10.99.2.1, which is locked for claim db/redis-0"),
    ("AttachmentsMissing", rows_missing, "3 claims are attached there, its journal has 2 attachments"),
    ("NodeSilent", agent_gone, "its agent does not run; it holds 3 claims"),
    ("NodeSilent", agent_not_heard_since_boot, "it has started anew, and its agent has published nothing since; it holds 3 claims"),
    ("RestoreSuspected", epoch_back, "has seen epoch 9, the API server is at 4"),
    ("RestoreSuspected", other_cluster, "has seen cluster d, this one is c"),
    ("RestoreSuspected", live_unknown, "claim db/lost (uid u) with 10.99.2.50 lives there, and the API server does not have it"),
    ("JournalUnreadable", journal_unreadable, "is damaged"),
    ("SweepStopped", orphans_stopped, "pool lan: more addresses than usual have no claim"),
    ("SweepLeftOpen", sweep_left_open, "nothing is left to sweep"),
] + [(r, published(r), "db/redis-0: text of it") for r in ("InterfaceMissing", "InterfaceMoved", "InterfaceUnknown", "CutOff", "AcknowledgementWaiting")] + [
    ("NodeDiffers", published("SomethingNew"), "SomethingNew: db/redis-0: text of it"),
]


def look(change):
    c = sound()
    change(c)
    return check(c)


def looks():
    """All of them at once: each waits for its second look."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(look, [change for _, change, _ in DIFFERENCES]))


answers = []


def differs(row):
    if not answers:
        answers.extend(looks())
    reason, _, text = DIFFERENCES[row]
    code, found, _ = answers[row]
    expect_eq(code, 1)
    expect_in(text, "\n".join(m for r, m in found if r == reason), "what check says: %s" % (found,))


for _row, (_reason, _change, _text) in enumerate(DIFFERENCES):
    case("check: %s by %s" % (_reason, _change.__name__.replace("_", " ")), differs, _row)


@test
def what_is_under_way_is_no_difference():
    c = sound()
    c.claim("redis-9", ["10.99.2.9"])
    c.node(attachments=4)
    # The lock is there when the second look comes.
    threading.Timer(0.25, lambda: c.address("10.99.2.9", claim="redis-9")).start()
    expect_eq(check(c)[:2], (0, []))


@test
def a_networkpolicy_that_selects_our_pods_has_a_line():
    c = sound()
    c.put("networkpolicies", "deny", {"podSelector": {"matchLabels": {"app": "redis"}}, "policyTypes": ["Ingress"]}, ns="db")
    c.put("networkpolicies", "others", {"podSelector": {"matchLabels": {"app": "nobody"}}}, ns="db")
    code, found, warned = check(c)
    expect_eq((code, found), (0, []))
    expect_in(("NetworkPolicyNotEnforced", "NetworkPolicy db/deny selects 3 pods of barewire's"), warned)
    expect_eq(len([w for w in warned if w[0] == "NetworkPolicyNotEnforced"]), 1)


@test
def warnings_are_no_differences():
    c = sound()
    c.address("10.99.2.6", "Quarantined")
    c.put("leases", "barewire-controller", {"holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z"},
          ns="barewire-system")
    c.put("nodes", "bare", {}, {}, uid="n9")
    c.node(domains=[{"domain": "lan", "ready": False, "reason": "UplinkDown", "message": "data0 is down"}])
    code, found, warned = check(c)
    expect_eq((code, found), (0, []))
    expect_eq(sorted(w[0] for w in warned), ["AddressQuarantined", "NoAgent", "NoController", "Pool", "SegmentNotReady"])


@test
def what_may_not_be_listed_is_said_to_be_missing():
    c = sound()
    c.forbidden = ("pods", "nodes", "networkpolicies")
    code, found, warned = check(c)
    expect_eq((code, found), (0, []))
    expect_eq([w[1].split(":")[0] for w in warned if w[0] == "NotCompared"], ["NetworkPolicies", "nodes", "pods"])
    c.forbidden = ("networkclaims",)
    code, _, err = c.run("check")
    expect_eq(code, 2)
    expect_in("list networkclaims: networkclaims is forbidden", err)


@test
def check_compares_the_nodes_journal():
    c = sound()
    put(binding("redis-0", ["10.99.2.1/16"]))

    def row(cid, uid, token):
        write("INSERT INTO attachment(container_id, ifname, network, program, pod, netns, netns_id, boot_id, state, claim_uid, "
              "token, since_s, host_if, bridge, vlan, mac, flags) VALUES(?, 'eth0', 'n', 'barewire-bridge', 'db/p', '', 0, '', "
              "1, ?, ?, 0, '', '', 0, x'', 0)", cid, uid, token)
    row("a", "uid-redis-0", 1)
    expect_eq(c.run("check")[0], 0)
    row("b", "uid-redis-1", 7)
    row("c", "uid-nobody", 1)
    write("INSERT INTO outbox(uid, token, kind, body, sending, since_s) VALUES('uid-x', 2, 'detached', '{}', 0, 0)")
    code, out, _ = c.run("check")
    expect_eq(code, 1)
    for want in ("container b eth0 (db/p) is attached with token 7, claim db/redis-1 has 1",
                 "container c eth0 (db/p) is attached for claim uid uid-nobody, which the cluster does not have",
                 "token 2 of claim uid uid-x is detached", "3 differences"):
        expect_in(want, out)


def broken():
    c = sound()
    c.node(differences=[{"reason": "InterfaceMissing", "pod": "db/redis-0", "message": "eth0 is gone"},
                        {"reason": "CutOff", "pod": "db/redis-0", "message": "eth0 is cut"},
                        {"reason": "InterfaceMoved", "pod": "db/alone", "message": "eth0 is off"},
                        {"reason": "InterfaceUnknown", "message": "bw0 is nobody's"}])
    c.pod("alone", "10.99.2.99", owner=None)
    return c


@test
def repair_says_what_it_would_do():
    c = broken()
    code, out, _ = c.run("repair", "--dry-run", "--dir", "/var/lib/nowhere")
    expect_eq((code, c.deleted), (1, []))
    expect_eq(out.count("delete pod db/redis-0 of StatefulSet redis\n"), 1, "two findings are one pod")
    for text in ("nothing makes this pod again", "bw0 is nobody's", "dry run: nothing was done"):
        expect_in(text, out)


@test
def repair_asks_first():
    c = broken()
    code, _, err = c.run("repair", "--dir", "/var/lib/nowhere")
    expect_eq((code, c.deleted), (1, []))
    expect_in("--yes", err)


@test
def repair_deletes_the_pod_that_it_named():
    c = broken()
    code, out, err = c.run("repair", "--yes", "--dir", "/var/lib/nowhere")
    expect_eq((code, c.deleted), (1, [("pods", "db", "redis-0", "uid-redis-0")]), err)
    expect_in("pod db/redis-0: deleted", out)


@test
def repair_of_a_sound_cluster_does_nothing():
    c = sound()
    code, out, _ = c.run("repair", "--yes", "--dir", "/var/lib/nowhere")
    expect_eq((code, out), (0, "nothing differs\n"))


@test
def repair_lets_a_sweep_go_on_and_ends_that():
    c = sound()
    orphans_stopped(c)
    c.run("repair", "--yes", "--dir", "/var/lib/nowhere")
    expect_eq(c.patches, [("networkpools", None, "lan", {"metadata": {"annotations": {"net.barewire.dev/sweep": "allow"}}})])
    del c.objects["networkaddresses"][(None, "lan.10-99-2-8")]
    sweep_left_open(c)
    code, _, _ = c.run("repair", "--yes", "--dir", "/var/lib/nowhere")
    expect_eq((code, c.patches[1:]), (0, [("networkpools", None, "lan", {"metadata": {"annotations": {"net.barewire.dev/sweep": None}}})]))


@test
def uninstall_check_lists_what_is_left():
    c = sound()
    code, out, _ = c.run("uninstall", "--check")
    expect_eq(code, 1)
    for text in ("claim db/redis-0  10.99.2.1  Attached, on node node1", "node node1  3 attachments",
                 "left: 3 claims (3 attached, 0 being deleted), 3 addresses, 1 pools, 3 attachments on 1 nodes"):
        expect_in(text, out)
    c.objects["networkclaims"][("db", "redis-0")]["status"]["phase"] = "Releasing"
    expect_in("1 claims are being deleted and would stay Terminating", c.run("uninstall", "--check")[1])
    for kind in ("networkclaims", "networkaddresses", "networkpools", "nodenetworks"):
        c.objects[kind].clear()
    code, out, _ = c.run("uninstall", "--check")
    expect_eq(code, 0)
    expect_in("nothing uses barewire", out)
    expect_eq(c.run("uninstall")[0], 64)


@test
def uninstall_check_lists_units():
    c = sound()
    for kind in ("networkclaims", "networkaddresses", "networkpools", "nodenetworks"):
        c.objects[kind].clear()
    spec = {"networking": {"network": "lan"}, "template": {"spec": {"containers": [{"name": "redis", "image": "redis"}]}}}
    c.put("units", "redis-0", spec, {"phase": "Ready"}, ns="db")
    c.put("units", "redis-1", spec, ns="db", deletionTimestamp="2026-01-01T00:00:00Z")
    code, out, _ = c.run("uninstall", "--check")
    expect_eq(code, 1)
    for text in ("Unit db/redis-0  Ready", "Unit db/redis-1  -", "left: 2 Units (1 being deleted)", "1 Units are being deleted and would stay Terminating"):
        expect_in(text, out)
    units = json.loads(c.run("uninstall", "--check", "-o", "json")[1])["units"]
    expect_eq(units, [{"namespace": "db", "name": "redis-0", "phase": "Ready"}, {"namespace": "db", "name": "redis-1", "phase": ""}])
    del KINDS["units"]  # a cluster of before
    try:
        expect_in("nothing uses barewire", c.run("uninstall", "--check")[1])
    finally:
        KINDS["units"] = "Unit"


main()
