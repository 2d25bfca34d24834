#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Units of a pool of mode sriov, with a card that is a recorded tree of sysfs on one node: the scheduler knows how many
virtual functions there are; who does not fit says so and who has them. What a claim does with a real one is shown in
guests (tests/vm: claims.t, unit.t): here the plugin gets as far as the card's driver."""
import contextlib
import os
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeunit import *  # noqa: E402
import kubefault  # noqa: E402
import multusbed  # noqa: E402
from sysfsbed import NodeCard  # noqa: E402

NODE, OTHER = "node1", "node2"
PF = "0000:3b:00.0"
VFS = ["0000:3b:02.%d" % n for n in range(4)]
RESOURCE = "net.barewire.dev/vf-fast"
KIND = "NoVirtualFunction"
state = {}


def setup():
    atexit.register(remove_cards)
    multusbed.add_card("data2", "fab1", 3)
    atexit.register(lambda: api.ask("DELETE", NET + "/networkpools/fast"))
    atexit.register(delete_claims)
    pool("fast", ["10.99.65.1-10.99.65.20"], domain="fast", mode="sriov", uplink="data2", cooldownSeconds=1)
    state["card"] = NodeCard(bed.node(NODE), kubefault.program_of(agent_on(NODE), "barewire-agent"))
    state["card"].pf(PF, "data2", VFS)
    atexit.register(delete_units)


def remove_cards():
    if "card" in state:
        state["card"].close()
        expect_eq(vfs(NODE, None), None, "the resource is gone")
    multusbed.remove_cards()


def vfs(node, want, field="capacity"):
    """What the Node says of the resource, once that is what is wanted."""
    api.wait("/api/v1/nodes/" + node, lambda o: o["status"][field].get(RESOURCE) == want, 60, "%s %s of %s" % (want, field, node))
    return want


def count(number):
    state["card"].count(PF, number)
    for field in ("capacity", "allocatable"):
        vfs(NODE, str(number), field)


def ip(n):
    return "10.99.65.%d" % n


def declare(name, n):
    o = manifest(name, ip(n), volumes=(), networking={"mode": "sriov", "network": "fast"})
    api.create("%s/namespaces/%s/units" % (DB, NS), o)
    expect_eq(claim_ips(bound(name)), [ip(n)], "the claim of " + name)


def placed(name):
    api.wait(pod_path(name), lambda o: (o or {"spec": {}})["spec"].get("nodeName") == NODE, 60, "%s on %s" % (name, NODE))


def waits(name, reason="AllInUse"):
    u = said(name, KIND, reason)
    expect_eq((condition(u, "Ready", "reason"), u["status"]["claim"]["phase"]), (KIND, "Bound"), "Ready, and the claim")
    expect("nodeName" not in api.get(pod_path(name))["spec"], "it has a node")
    return condition(u, KIND, "message")


@test
def the_nodes_capacity_is_what_the_inventory_has():
    count(2)
    nn = api.get("%s/nodenetworks/%s" % (NET, NODE))["status"]
    expect_eq(nn["vfs"], [{"domain": "fast", "total": 2, "free": 2}], "its NodeNetwork")
    expect_eq(vfs(OTHER, None), None, "the other node's")
    # What a kubelet does that begins with an empty folder.
    api.patch("/api/v1/nodes/%s/status" % NODE, {"status": {"capacity": {RESOURCE: "0"}}})
    vfs(NODE, "2")
    vfs(NODE, "2", "allocatable")


def binding(uid):
    """What the agent hands out for a claim, as its journal has it."""
    with contextlib.closing(sqlite3.connect("file:%s?mode=ro" % bed.node(NODE).path("lib/barewire/journal.db"), uri=True)) as db:
        found = db.execute("SELECT binding FROM claim_cache WHERE uid = ?", (uid,)).fetchall()
    return json.loads(found[0][0]) if found else None


@test
def units_are_placed_where_a_function_is_free():
    for n, name in ((1, "a"), (2, "b")):
        declare(name, n)
    for name in ("a", "b"):
        placed(name)
    expect_eq(api.get(pod_path("a"))["spec"]["containers"][0]["resources"], {"limits": {RESOURCE: "1"}, "requests": {RESOURCE: "1"}}, "what is asked for")
    c = api.wait(claim_path("a"), lambda o: holder(o).get("node") == NODE, 60, "the holder")
    has = wait_until(lambda: binding(c["metadata"]["uid"]), 60, "the binding")
    expect_eq([has.get(k) for k in ("mode", "uplink", "mac")], ["sriov", "data2", claim_mac(c)], "the binding")
    expect_eq([i["address"] for i in has["ips"]], [ip(1) + "/16"], "its address")


@test
def what_the_plugin_says_of_the_recorded_card_is_told():
    """Its functions are a program's, as those of DPDK are: no pod gets them by a claim."""
    wanted = ("address      %s on eth0" % ip(1), "segment fast, mode sriov, uplink data2", "path         a virtual function of the card",
              "FailedCreatePodSandBox", "failed (add): pf: ", "expected a VF with an interface; there are 2 of 8086:10ca vfio-pci on data2 (%s)" % PF)
    told = [""]

    def tells():
        told[0] = run(os.path.join(BUILD, "kubectl-barewire"), "unit", "describe", "a", "--kubeconfig", bed.admin, "-n", NS)
        return all(w in told[0] for w in wanted)
    wait_until(tells, 60, lambda: "%s in\n%s" % ([w for w in wanted if w not in told[0]], told[0]))
    expect_eq(condition(api.get(unit_path("a")), "Ready", "reason"), "Starting", "Ready")


def versions(name):
    return [api.get(path(name))["metadata"]["resourceVersion"] for path in (unit_path, claim_path)]


@test
def who_does_not_fit_says_so_and_who_has_them():
    declare("c", 3)
    text = waits("c")
    expect_eq(text, "the pod needs 1 of %s; node %s has 2, in use by %s/a, %s/b" % (RESOURCE, NODE, NS, NS), "what is said")
    before = versions("c")
    declare("d", 4)
    waits("d")
    expect_eq(versions("c"), before, "nobody writes while it waits")


@test
def it_is_placed_when_one_goes():
    delete_unit("a")
    first = wait_until(lambda: [n for n in ("c", "d") if api.get(pod_path(n))["spec"].get("nodeName") == NODE], 60, "one is placed")
    expect_eq(len(first), 1, "how many are")
    api.wait(unit_path(first[0]), lambda o: condition(o, KIND) is None, 60, "it says no more that it waits")
    state["left"] = "d" if first == ["c"] else "c"
    waits(state["left"])


@test
def more_functions_are_used_and_none_are_said():
    count(3)
    placed(state["left"])
    state["card"].pull(PF, "data2", VFS)
    state["card"].say()
    for field in ("capacity", "allocatable"):
        vfs(NODE, None, field)
    declare("e", 5)
    expect_in("no node has any: make them on the uplink of segment fast", waits("e", "NoneOnNodes"), "what is said")
    expect_eq(api.get("%s/nodenetworks/%s" % (NET, NODE))["status"].get("vfs"), [], "its NodeNetwork")
    judge()


main(setup=setup)
