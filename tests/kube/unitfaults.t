#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Unit whose pod is deleted again and again while the controller's leader is killed at each step of what follows (BW_ROUNDS
deletions, 4), and Units on a node that is drained: one with network storage moves, one with a local disk waits."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeunit import *  # noqa: E402
import kubefault  # noqa: E402

A, NETWORK, LOCAL = "10.99.2.55", "10.99.2.56", "10.99.2.57"
ROUNDS = int(os.environ.get("BW_ROUNDS", "4"))

# What is seen of the next pod when the leader dies.
STEPS = (("nothing", lambda p, old: True),
         ("made", lambda p, old: p and p["metadata"]["uid"] != old),
         ("on its node", lambda p, old: p and p["metadata"]["uid"] != old and "nodeName" in p["spec"]),
         ("with its address", lambda p, old: p and p["metadata"]["uid"] != old and p["status"].get("podIP")))


def setup():
    pool(cooldownSeconds=1)
    atexit.register(delete_claims)
    atexit.register(delete_units)


def answers(ip, *argv):
    return wait_outside(lambda: redis(ip, *argv, check=False))


def kill_leader():
    """SIGKILL; the other replica takes over at once."""
    def running():
        p = leader()
        return p if p and kubefault.program_of(p, "barewire-controller") else None
    p = wait_until(running, 360, "a leader that runs")
    identity = api.get(LEASE)["spec"].get("holderIdentity")
    kubefault.kill_in(p, "barewire-controller")
    kubefault.give_up_lease(identity)


@test
def a_pod_is_deleted_while_the_leader_dies_at_each_step():
    make_volume("r")
    make_unit("r", A)
    mac = claim_mac(bound("r"))
    claim_uid = api.get(claim_path("r"))["metadata"]["uid"]
    for n in range(ROUNDS):
        what, seen = STEPS[n % len(STEPS)]
        expect_eq(answers(A, "set", "k", str(n)), "OK")
        old = api.get(pod_path("r"))["metadata"]["uid"]
        api.delete(pod_path("r"))
        wait_until(lambda: seen(api.find(pod_path("r")), old), 360, what)
        kill_leader()
        ready("r", uid_not=old, timeout_s=360)
        p = api.get(pod_path("r"))
        expect_eq((p["status"]["podIP"], pod_mac(p)), (A, mac), "address and MAC, killed when seen: " + what)
        expect_eq(api.get(claim_path("r"))["metadata"]["uid"], claim_uid, "the claim, killed when seen: " + what)
        expect_eq(answers(A, "get", "k"), str(n), "the data, killed when seen: " + what)
    judge()
    delete_unit("r")


@test
def a_drain_moves_who_can_follow_its_data_and_the_other_waits():
    make_volume("net")
    node = make_unit("net", NETWORK, nodePolicy="Preferred")["status"]["nodeName"]
    make_volume("loc", node=node)
    expect_eq(make_unit("loc", LOCAL)["status"]["nodeName"], node, "the node of the local disk")
    pods = {name: api.get(pod_path(name)) for name in ("net", "loc")}
    macs = {name: pod_mac(p) for name, p in pods.items()}
    for ip in (NETWORK, LOCAL):
        expect_eq(answers(ip, "set", "k", "v"), "OK")
    try:
        bed.kubectl("drain", node, "--pod-selector=db.barewire.dev/unit", "--delete-emptydir-data", "--timeout=60s", timeout=90)
        u = ready("net", uid_not=pods["net"]["metadata"]["uid"])
        expect(u["status"]["nodeName"] != node, "it is still on the node that was drained")
        u = said("loc", "NodeUnschedulable", "NodeCordoned")
        expect_in(node, condition(u, "NodeUnschedulable", "message"), "which node")
        # One that was made before the cordon was seen waits for the node as well.
        expect("nodeName" not in (api.find(pod_path("loc")) or {"spec": {}})["spec"], "a pod runs on the node that was drained")
    finally:
        bed.kubectl("uncordon", node)
    expect_eq(ready("loc", uid_not=pods["loc"]["metadata"]["uid"])["status"]["nodeName"], node, "the node of the local disk")
    for name, ip in (("net", NETWORK), ("loc", LOCAL)):
        p = api.get(pod_path(name))
        expect_eq((p["status"]["podIP"], pod_mac(p)), (ip, macs[name]), "address and MAC of " + name)
        expect_eq(answers(ip, "get", "k"), "v", "the data of " + name)
    judge()


main(setup=setup)
