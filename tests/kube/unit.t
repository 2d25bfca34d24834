#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Units: the manual's manifest with a real Redis at its declared address, read from a machine that is no part of the
cluster; its address, MAC and data through deletions of the pod, of the leader and of the Unit itself."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeunit import *  # noqa: E402
from unitobjects import DRY, UNIT, but  # noqa: E402

A, B = "10.99.2.20", "10.99.2.21"
state = {}


def setup():
    pool(cooldownSeconds=1)
    atexit.register(delete_claims)
    atexit.register(delete_units)


def answers(ip, *argv):
    return wait_outside(lambda: redis(ip, *argv, check=False))


@test
def the_manual_s_manifest_runs_redis_at_its_declared_address():
    make_volume("r")
    u = make_unit("r", A)
    p, c = api.get(pod_path("r")), bound("r")
    expect_eq(p["status"]["podIP"], A, "address of the pod")
    expect_eq((u["status"]["podIPs"], u["status"]["claim"]["addresses"]), ([A], [A]), "what the status says")
    expect_eq(u["status"]["nodeName"], p["spec"]["nodeName"], "node")
    expect_eq((pod_mac(p), u["status"]["claim"]["mac"]), (claim_mac(c), claim_mac(c)), "MAC")
    expect_eq(u["status"]["observedGeneration"], u["metadata"]["generation"], "observedGeneration")
    expect_eq(u["status"]["volumes"], [{"name": "data", "claimName": "data-r", "phase": "Bound", "capacity": "1Gi"}], "volumes")
    expect_eq([o["uid"] for o in c["metadata"]["ownerReferences"]], [u["metadata"]["uid"]], "whose claim it is")
    expect("ownerReferences" not in api.get(volume_path("r"))["metadata"], "the volume has an owner")
    expect_eq(answers(A, "set", "k", "v"), "OK")
    expect_eq(outside_mac(A), claim_mac(c), "the MAC that is seen outside")
    state["mac"] = claim_mac(c)
    judge()


@test
def the_pod_is_made_again_with_address_mac_and_data():
    for n in range(3):
        old = api.get(pod_path("r"))["metadata"]["uid"]
        if n == 1:
            api.delete("/api/v1/namespaces/%s/pods/%s" % (SYSTEM, leader()["metadata"]["name"]))
        api.delete(pod_path("r"))
        u = ready("r", uid_not=old)
        p = api.get(pod_path("r"))
        expect_eq((p["status"]["podIP"], pod_mac(p)), (A, state["mac"]), "address and MAC after %d deletions" % (n + 1))
        expect_eq(p["spec"]["nodeName"], u["status"]["nodeName"], "node")
        expect_eq(answers(A, "get", "k"), "v", "the data")
    judge()


@test
def actions_restart_it_and_move_it_with_its_data():
    first, node = api.get(pod_path("r"))["metadata"]["uid"], api.get(unit_path("r"))["status"]["nodeName"]
    act("r", "restart-1", "Restart")
    p = api.get(pod_path("r"))
    expect(p["metadata"]["uid"] != first, "the pod is the same after a restart")
    expect_eq((p["spec"]["nodeName"], p["status"]["podIP"], pod_mac(p)), (node, A, state["mac"]), "after a restart")
    second = p["metadata"]["uid"]
    api.patch(unit_path("r"), {"spec": {"action": {"id": "restart-1", "type": "Restart"}}})
    u = act("r", "move-1", "Migrate")
    p = api.get(pod_path("r"))
    expect(p["metadata"]["uid"] != second and p["spec"]["nodeName"] != node, "it has not moved")
    expect_eq((u["status"]["nodeName"], p["status"]["podIP"], pod_mac(p)), (p["spec"]["nodeName"], A, state["mac"]), "after a migration")
    expect_eq(u["status"]["actionsDone"], ["restart-1", "move-1"], "actionsDone")
    expect_eq(answers(A, "get", "k"), "v", "the data")
    judge()


@test
def a_unit_with_a_volume_of_its_node_is_not_moved():
    u, uid = api.get(unit_path("r")), api.get(pod_path("r"))["metadata"]["uid"]
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [u["status"]["nodeName"]]}
    api.patch("/api/v1/persistentvolumes/%s-data-r" % NS,
              {"spec": {"nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}}}})
    api.wait(unit_path("r"), lambda o: status(o)["volumes"][0].get("nodeName") == u["status"]["nodeName"], 60, "the volume's node")
    u = act("r", "move-2", "Migrate", phase="Failed")
    expect_eq(condition(u, "ActionFailed", "reason"), "NodeBoundVolume", "why")
    expect_eq(api.get(pod_path("r"))["metadata"]["uid"], uid, "the pod that runs")


@test
def a_rebuild_that_is_cancelled_gives_the_data_back():
    api.patch(unit_path("r"), {"spec": {"action": {"id": "rebuild-1", "type": "Rebuild", "inPlace": True}}})
    u = api.wait(unit_path("r"), lambda o: status(o)["action"]["id"] == "rebuild-1" and status(o)["action"]["step"] == "Start" and
                 len(status(o)["volumes"]) == 2, 60, "the rebuild waits for a volume that nobody made")
    expect_eq([v["claimName"] for v in u["status"]["volumes"] if v.get("retained")], ["data-r"], "volumes that are kept")
    u = act("r", "rebuild-1", "Rebuild", phase="Cancelled", inPlace=True, cancel=True)
    expect_eq(u["status"]["volumes"][0]["claimName"], "data-r", "its volume")
    expect_eq(answers(A, "get", "k"), "v", "the data")
    judge()


@test
def two_units_declare_one_address_and_one_says_who_has_it():
    make_unit("second", A, wait=False, volumes=())
    u = said("second", "ClaimBound", "AddressInUse")
    expect_in("/r", condition(u, "ClaimBound", "message"), "who holds it")
    expect_eq((u["status"]["phase"], condition(u, "Ready", "reason")), ("Pending", "AddressInUse"), "phase and reason")
    expect(api.find(pod_path("second")) is None, "a pod without an address")
    judge()


@test
def a_template_that_the_server_refuses_touches_nothing():
    before = api.get(pod_path("r"))["metadata"]["uid"]
    template = api.get(unit_path("r"))["spec"]["template"]
    bad = {**template["spec"], "dnsPolicy": "Nowhere"}
    api.patch(unit_path("r"), {"spec": {"template": {"spec": bad}}})
    u = said("r", "TemplateInvalid", "TemplateInvalid")
    expect_in("dnsPolicy", condition(u, "TemplateInvalid", "message"), "what is wrong")
    expect(u["status"]["observedGeneration"] < u["metadata"]["generation"], "a refused spec has taken effect")
    expect_eq(api.get(pod_path("r"))["metadata"]["uid"], before, "the pod that runs")
    api.patch(unit_path("r"), {"spec": {"template": {"spec": {"dnsPolicy": None}}}})
    api.wait(unit_path("r"), lambda o: condition(o, "TemplateInvalid") is None and status(o).get("observedGeneration") == o["metadata"]["generation"],
             60, "the template is taken")
    expect_eq(api.get(pod_path("r"))["metadata"]["uid"], before, "the pod that runs")


@test
def each_template_that_only_the_server_can_judge_is_told_and_gets_nothing():
    names = ["bad-%d" % n for n in range(len(DRY))]
    for name, (changes, *_) in zip(names, DRY):
        o = but(UNIT, changes)
        o["metadata"].update(name=name, namespace=NS)
        o["spec"]["networking"] = {"network": "lan"}
        api.create("%s/namespaces/%s/units" % (DB, NS), o)
    for name, (_, *texts) in zip(names, DRY):
        u = api.wait(unit_path(name), lambda o: condition(o, "TemplateInvalid") == "True", 60, "TemplateInvalid")
        for text in texts:  # the pod has an init container and volumes beside those of the template
            expect_in(re.sub(r"\[\d+\]", "[n]", text), re.sub(r"\[\d+\]", "[n]", condition(u, "TemplateInvalid", "message")), "the server's words")
        expect_eq(u["status"]["phase"], "Failed", name)
        for made in (claim_path(name), pod_path(name), volume_path(name)):
            expect(api.find(made) is None, "made all the same: " + made)
    for name in names:
        api.delete(unit_path(name))
    for name in names:
        api.wait_gone(unit_path(name), 60)


@test
def an_offline_unit_keeps_claim_and_volume_and_comes_back():
    old = api.get(pod_path("r"))["metadata"]["uid"]
    claim_uid = api.get(claim_path("r"))["metadata"]["uid"]
    api.patch(unit_path("r"), {"spec": {"startup": False}})
    api.wait(unit_path("r"), lambda o: status(o).get("phase") == "Stopped", 60, "Stopped")
    api.delete(pod_path("r"))
    said("r", "Ready", "Offline")
    expect(api.find(pod_path("r")) is None, "the pod is there")
    expect_eq((api.get(claim_path("r"))["metadata"]["uid"], claim_ips(api.get(claim_path("r")))), (claim_uid, [A]), "the claim")
    expect(api.find(volume_path("r")) is not None, "the volume is gone")
    quiet = written("r")
    expect_eq(condition(api.get(unit_path("second")), "ClaimBound", "reason"), "AddressInUse", "who waits for the address")
    expect_eq(written("r"), quiet, "writes of a Unit that is offline")
    api.patch(unit_path("r"), {"spec": {"startup": True}})
    ready("r", uid_not=old)
    expect_eq(answers(A, "get", "k"), "v", "the data")


@test
def who_waited_gets_the_address_of_a_deleted_unit_and_its_volume_is_kept():
    delete_unit("r")
    expect(api.find(pod_path("r")) is None, "the pod is there")
    expect(api.find(claim_path("r")) is None, "the claim is there")
    volume = api.get(volume_path("r"))
    expect("deletionTimestamp" not in volume["metadata"], "the volume is being deleted")
    u = ready("second")
    expect_eq(u["status"]["podIPs"], [A], "address")
    expect_eq(answers(A, "exists", "k"), "0", "another one's data")
    make_unit("r", B)
    expect_eq(api.get(volume_path("r"))["metadata"]["uid"], volume["metadata"]["uid"], "the volume")
    expect_eq(answers(B, "get", "k"), "v", "the data, at another address")
    judge()


@test
def a_pod_of_the_name_that_is_somebody_s_is_left_alone():
    pod("third", annotations={ANN + "network": "lan"})
    uid = api.get(pod_path("third"))["metadata"]["uid"]
    make_unit("third", wait=False, volumes=())
    said("third", "PodForeign", "PodForeign")
    expect_eq(api.get(pod_path("third"))["metadata"]["uid"], uid, "somebody's pod")
    delete_unit("third")
    expect_eq(api.get(pod_path("third"))["metadata"]["uid"], uid, "somebody's pod")


@test
def more_units_than_a_pool_has_addresses_say_so_and_the_next_free_one_is_theirs():
    pool("few", ("10.99.47.1-10.99.47.2",), cooldownSeconds=1)
    names = ["f0", "f1", "f2"]
    for name in names:
        make_unit(name, wait=False, volumes=(), networking={"network": "few"})
    units = [api.wait(unit_path(n), lambda o: status(o).get("phase") == "Ready" or condition(o, "ClaimBound", "reason") == "PoolExhausted", 90,
                      "Ready, or PoolExhausted") for n in names]
    left = [u for u in units if status(u)["phase"] != "Ready"]
    expect_eq(len(left), 1, "Units without an address")
    expect_in("pool few: 0 of 2 free", condition(left[0], "ClaimBound", "message"), "the message")
    name = left[0]["metadata"]["name"]
    expect_eq((status(left[0])["phase"], condition(left[0], "Ready", "reason")), ("Pending", "PoolExhausted"), "phase and reason")
    expect(api.find(pod_path(name)) is None, "a pod without an address")
    gone = next(u for u in units if u is not left[0])
    delete_unit(gone["metadata"]["name"])
    expect_eq(ready(name)["status"]["podIPs"], gone["status"]["podIPs"], "the address that was given back")
    judge()
    for n in set(names) - {gone["metadata"]["name"]}:
        delete_unit(n)
    api.delete(NET + "/networkpools/few")
    api.wait_gone(NET + "/networkpools/few", 60)


main(setup=setup)
