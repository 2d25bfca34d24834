#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""etcd is restored from an older snapshot while pods live on that the snapshot does not know, once with the revision of
that day and once raised beyond all that was ever seen (etcdutl --bump-revision --mark-compacted): it is noticed, nothing
is given twice, and it ends as docs/operations.md says. Failure class 14."""
import os
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeproduct import *  # noqa: E402
from kubejudge import EtcdReader, Judge, kernel_addresses  # noqa: E402

KEEP, MOVED, OLD, LATE = ("10.99.2.%d" % n for n in (50, 51, 52, 53))
EPOCH = NET + "/networkepochs/cluster"


def setup():
    pool(cooldownSeconds=0)
    atexit.register(leave)


def leave():
    """What docs/operations.md says to do at the end: a person has looked, and lets go what nobody knows."""
    delete_claims()
    for a in api.items(NET + "/networkaddresses"):
        if a["spec"]["state"] == "Quarantined":
            allow_delete(a["metadata"]["name"])


def allow_delete(name):
    api.patch(NET + "/networkaddresses/" + name, {"metadata": {"annotations": {ANN + "allow-delete": "true"}}})
    api.delete(NET + "/networkaddresses/" + name)


def database(name, claim_name, node, **kw):
    return pod(name, image=REDIS, node=node, annotations={ANN + "claim": claim_name}, **kw)


def bump(etcd, revision):
    """What etcdutl snapshot restore --bump-revision --mark-compacted does: no revision that anybody has seen is valid."""
    now = 0
    while now <= revision + 1000:
        now = etcd.put("/barewire-test/bump", str(now))
    etcd.compact(now)


def live():
    """{address: [(node, MAC)]} in the kernels."""
    out = {}
    for n in bed.nodes:
        for ip, mac in kernel_addresses(n):
            out.setdefault(ip, []).append((n.name, mac))
    return out


def expect_lives(want):
    """Each of these at that node alone, under the MAC it had."""
    now = live()
    for ip, at in want.items():
        expect_eq(now.get(ip), [at], "where %s lives" % ip)


def pool_condition(field):
    return condition(api.find(NET + "/networkpools/lan"), "Allocatable", field)


def epoch():
    return api.get(EPOCH)["spec"]["epoch"]


def restored(with_bump):
    folder = tempfile.mkdtemp(dir=bed.folder)
    node1, node2 = bed.nodes
    for name, ip in (("keep", KEEP), ("moved", MOVED), ("old", OLD)):
        claim(name, [ip])
        database(name, name, "node1")
    judge = Judge(bed)
    judge.rest()
    bed.api.etcd.snapshot(folder + "/snapshot")
    try:
        past(judge)
        want = {KEEP: live()[KEEP][0], **{ip: live()[ip][0] for ip in (MOVED, OLD, LATE)}}
        expect_eq([want[ip][0] for ip in (KEEP, MOVED, OLD, LATE)], ["node1", "node2", "node2", "node2"], "nodes")
        high = epoch()
        node2.kubelet.kill()  # nobody there takes away what the API server has forgotten
        restore(folder + "/snapshot", judge.revision if with_bump else None)
        suspected(want, high)
        node2.kubelet.start()
        healed(want, high)
    finally:
        node2.kubelet.start()
        shutil.rmtree(folder)
        leave()


def past(judge):
    """What the snapshot does not know: one made since, one moved since, one whose address has another owner since."""
    claim("late", [LATE])
    database("late", "late", "node2")
    delete_pod("moved")
    database("moved", "moved", "node2")
    delete_pod("old")
    api.delete(claim_path("old"))
    api.wait_gone(NET + "/networkaddresses/" + address_name(OLD), 30)
    claim("new", [OLD])
    database("new", "new", "node2")
    for name in ("late", "moved", "new"):
        api.wait(claim_path(name), lambda o: (o["status"].get("attached") or {}).get("token") == holder(o)["token"], 60, "attached")
    judge.rest()


def restore(snapshot, bumped_beyond):
    bed.api.kill()
    bed.api.etcd.restore(snapshot)
    if bumped_beyond:
        bump(EtcdReader(bed.api.etcd.url), bumped_beyond)
    for p in (bed.manager, bed.scheduler, bed.node("node1").kubelet):
        p.kill()
    bed.api.start()
    for p in (bed.manager, bed.scheduler, bed.node("node1").kubelet):
        p.start()


def suspected(want, high):
    """It is noticed, and nothing is given as long as a node has what the API server does not know."""
    start = time.monotonic()
    wait_until(lambda: pool_condition("reason") == "RestoreSuspected", 150, lambda: "the pool says %s" % pool_condition("message"))
    diag("noticed after %.1f s: %s" % (time.monotonic() - start, pool_condition("message")))
    for n in bed.nodes:
        api.wait("%s/nodenetworks/%s" % (NET, n.name), lambda o: condition(o, "RestoreSuspected") == "True", 150, "the word of " + n.name)
    diag("both nodes have said what lives on them after %.1f s" % (time.monotonic() - start))
    claim("thief", [LATE], wait=False)
    claim("anyone", wait=False)
    end = time.monotonic() + 6  # three times the epoch's interval: without what lives on node2 it would be over
    while time.monotonic() < end:
        expect_lives(want)
    expect(epoch() < high + 1 or pool_condition("reason") == "RestoreSuspected", "the suspicion is over while node2 has the address of another claim")
    for name in ("thief", "anyone"):
        expect_eq(claim_ips(api.get(claim_path(name))), [], "addresses of " + name)
    for ip, (_, mac) in want.items():
        bed.outside("ip neigh flush dev eth0")
        wait_outside(lambda: redis(ip, "ping", check=False, timeout=1) == "PONG", 30, "an answer of " + ip)
        expect_eq(outside_mac(ip), mac, "who answers for " + ip)


def healed(want, high):
    """The kubelet ends what nobody knows any more; then all is given as the restored store says."""
    start = time.monotonic()
    wait_until(lambda: pool_condition("status") == "True" and epoch() > high, 120, lambda: "the pool says %s" % pool_condition("message"))
    diag("over after %.1f s" % (time.monotonic() - start))
    for name, ip in (("keep", KEEP), ("moved", MOVED), ("old", OLD)):
        expect_eq(running(name, timeout_s=120)["status"]["podIP"], ip, "address of " + name)
        wait_outside(lambda: redis(ip, "ping", check=False, timeout=1) == "PONG", 30, "an answer of " + ip)
    bound("anyone")
    expect_eq(address(LATE)["spec"]["state"], "Quarantined", "state of an address whose holder nobody knows")
    expect_eq(condition(api.get(claim_path("thief")), "Bound", "reason"), "AddressQuarantined", "why it is not given")
    expect_eq([a["metadata"]["name"] for a in api.items(NET + "/networkaddresses") if a["spec"]["state"] == "Quarantined"], [address_name(LATE)], "quarantined")
    allow_delete(address_name(LATE))
    expect_eq(claim_ips(bound("thief")), [LATE], "what it waited for")
    expect_eq(claim_mac(api.get(claim_path("keep"))), want[KEEP][1], "MAC of the one that never moved")
    Judge(bed).rest(60)


case("14: a snapshot of old, revisions begin again: noticed, nothing given twice, healed", restored, False)
case("14: a snapshot of old, revisions raised: noticed, nothing given twice, healed", restored, True)

main(setup=setup)
