#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Units whose interfaces are not barewire's bridge alone: macvlan by the reference plugin with our addresses; Multus with
a client and a replication network under a real Redis; other plugins that take a declared address, by the selection's ips
and by the annotations of Calico and kube-OVN."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeunit import *  # noqa: E402
import multusbed  # noqa: E402

SELECTION = "k8s.v1.cni.cncf.io/networks"
DEFAULT = "v1.multus-cni.io/default-network"
ATTACHMENT = ANN + "network-attachment"
state = {}

# One segment, other modes of coming to it: each pool has a domain of its own there.
POOLS = {"mv": ("macvlan", 60), "calico": ("calico", 61), "ovn": ("kube-ovn", 62), "any": ("external", 63), "deaf": ("calico", 64)}


def ip(name, n):
    return "10.99.%d.%d" % (POOLS[name][1], n)


def setup():
    atexit.register(multusbed.remove_cards)
    multusbed.add_cards()
    atexit.register(delete_pools)
    atexit.register(delete_claims)
    atexit.register(delete_units)
    pool(cooldownSeconds=1)
    pool("repl", ["10.97.0.1-10.97.0.9"], prefix="10.97.0.0/24", domain="repl", uplink="data1", cooldownSeconds=1)
    for name, (mode, third) in POOLS.items():
        pool(name, ["10.99.%d.1-10.99.%d.9" % (third, third)], domain=name, mode=mode, uplink="data2", cooldownSeconds=1, wait=False)
    api.patch("%s/networkpools/any" % NET, {"metadata": {"annotations": {ATTACHMENT: NS + "/any"}}})


def delete_pools():
    for name in ["repl", *POOLS]:
        api.ask("DELETE", "%s/networkpools/%s" % (NET, name))
        api.wait_gone("%s/networkpools/%s" % (NET, name), 60)


def declare(name, network, address, mode=None, interfaces=(), notes=None, redis_args=()):
    """A Unit of Redis at address on eth0. Its node may not reach it: who asks whether it is ready is in the pod."""
    networking = {"mode": mode or POOLS[network][0], "network": network, "interfaces": list(interfaces)}
    o = manifest(name, address, volumes=(), networking=networking)
    o["spec"]["template"]["metadata"] = {"annotations": notes or {}}
    # A pod that is gone at once leaves its macvlan for a moment, and the next one may not have the same MAC beside it.
    o["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 30
    c = o["spec"]["template"]["spec"]["containers"][0]
    c["command"] = ["/usr/bin/redis-server", "--protected-mode", "no", "--save", "", "--bind", "$(POD_IP)", *redis_args]
    c["readinessProbe"] = {"exec": {"command": ["/usr/bin/redis-cli", "-h", address, "ping"]}, "periodSeconds": 1, "timeoutSeconds": 20}
    api.create("%s/namespaces/%s/units" % (DB, NS), o)


def link(obj, name="eth0"):
    """What the kernel says of an interface of the pod: kind, MAC, IPv4 addresses."""
    o = json.loads(in_pod(obj, "ip", "-j", "-d", "addr", "show", name))[0]
    return o.get("linkinfo", {}).get("info_kind"), o["address"], [a["local"] for a in o["addr_info"] if a["family"] == "inet"]


def answers(address, *argv):
    return wait_outside(lambda: redis(address, *argv, check=False), 60)


def again(name):
    """The Unit's pod, deleted and made again; what it was and what it is."""
    old = api.get(pod_path(name))
    api.delete(pod_path(name))
    ready(name, uid_not=old["metadata"]["uid"])
    return api.get(pod_path(name))


def held(name, interface="eth0"):
    return next(i for i in api.get(claim_path(name))["status"]["interfaces"] if i["name"] == interface)


@test
def macvlan_by_the_reference_plugin_has_the_claim_s_address_and_mac():
    a = ip("mv", 5)
    declare("mv", "mv", a)
    declare("lone", "lan", "10.99.2.30", mode="bridge", interfaces=[{"name": "net1", "network": "repl", "addresses": ["10.97.0.9"]}])
    ready("mv")
    want = ("macvlan", held("mv")["mac"], [a])
    expect_eq(link(api.get(pod_path("mv"))), want, "the interface")
    expect_eq(answers(a, "set", "k", "v"), "OK")
    expect_eq(outside_mac(a), want[1], "the MAC that is seen outside")
    p = again("mv")
    expect_eq((link(p), p["status"]["podIP"]), (want, a), "the next pod's")
    api.wait(claim_path("mv"), lambda o: o["status"].get("attached", {}).get("token") == o["status"]["holder"]["token"], 60, "attached")
    judge()
    delete_unit("mv")
    api.wait_gone(claim_path("mv"), 60)


@test
def an_interface_that_nobody_attaches_is_said():
    u = said("lone", "InterfaceNotAttached", "InterfaceNotAttached", 90)
    expect_in("net1", condition(u, "InterfaceNotAttached", "message"), "which one")
    expect_in("Multus", condition(u, "InterfaceNotAttached", "message"), "what is needed")
    expect_eq(condition(u, "Ready"), "False", "Ready")
    delete_unit("lone")


def declare_all():
    """All that Multus and others attach, started beside one another."""
    state["conf"] = conf = multusbed.install()
    ours = {"type": "barewire-bridge", "claims": True, "ipam": {"type": "barewire-ipam"}}
    multusbed.network("repl", [ours])
    multusbed.network("any", [{"type": "macvlan", "master": "data2", "mode": "bridge", "ipam": {"type": "static"},
                               "capabilities": {"ips": True, "mac": True}}])
    for name, honours in (("calico", "calico"), ("ovn", "kube-ovn"), ("deaf", "nothing")):
        multusbed.network("as-" + name, [multusbed.foreign(honours, conf, ip(name, 200))])
        declare(name, name, ip(name, 5), notes={DEFAULT: "%s/as-%s" % (NS, name)})
    declare("any", "any", ip("any", 5), interfaces=[{"name": "net1", "network": "any", "addresses": [ip("any", 6)]}])
    master = {"name": "net1", "network": "repl", "addresses": ["10.97.0.5"]}
    declare("master", "lan", "10.99.2.31", mode="bridge", interfaces=[master], redis_args=["10.97.0.5", "--repl-diskless-sync-delay", "0"])
    declare("replica", "lan", "10.99.2.32", mode="bridge", interfaces=[{**master, "addresses": ["10.97.0.6"]}],
            redis_args=["10.97.0.6", "--replicaof", "10.97.0.5", "6379", "--bind-source-addr", "10.97.0.6"])


def accepted(name):
    """The API server takes the pod that the controller makes, of another name, as it stands."""
    p = api.get(pod_path(name))
    status, answer = api.ask("POST", pods_path() + "?dryRun=All", {
        "metadata": {"name": name + "-x", "annotations": p["metadata"]["annotations"]}, "spec": pod_spec()})
    expect_eq(status, 201, "the pod's annotations: %s" % answer)
    return p["metadata"]["annotations"]


@test
def multus_gives_a_redis_a_client_and_a_replication_network():
    atexit.register(remove_multus)
    declare_all()
    for name, lan, repl in (("master", "10.99.2.31", "10.97.0.5"), ("replica", "10.99.2.32", "10.97.0.6")):
        ready(name)
        notes = accepted(name)
        expect_eq(json.loads(notes[SELECTION]), [{"name": "repl", "namespace": NS, "interface": "net1"}], "the selection")
        p = api.get(pod_path(name))
        expect_eq(p["status"]["podIP"], lan, "address of the pod")
        for nic, address in (("eth0", lan), ("net1", repl)):
            expect_eq(link(p, nic), ("veth", held(name, nic)["mac"], [address]), "%s of %s" % (nic, name))
    expect_eq(answers("10.99.2.31", "set", "k", "v"), "OK")
    wait_outside(lambda: redis("10.99.2.32", "get", "k", check=False) == "v", 60)
    told = redis("10.99.2.31", "info", "replication")
    expect_in("slave0:ip=10.97.0.6,", told, "where the replica comes from")
    expect("10.97.0.5" not in bed.outside("ip neigh", check=True), "the replication network is seen outside")
    judge()


@test
def both_interfaces_keep_their_addresses_and_the_replica_comes_back():
    before = {i: held("master", i)["mac"] for i in ("eth0", "net1")}
    p = again("master")
    expect_eq([link(p, i) for i in ("eth0", "net1")], [("veth", before["eth0"], ["10.99.2.31"]), ("veth", before["net1"], ["10.97.0.5"])],
              "the next pod's")
    expect_eq(answers("10.99.2.31", "set", "k2", "v2"), "OK")
    wait_outside(lambda: redis("10.99.2.32", "get", "k2", check=False) == "v2", 60)
    judge()


@test
def a_plugin_that_takes_ips_gives_external_units_their_addresses():
    a, b = ip("any", 5), ip("any", 6)
    ready("any")
    notes = accepted("any")
    eth0, net1 = held("any"), held("any", "net1")
    expect_eq(json.loads(notes[DEFAULT]), [{"name": "any", "namespace": NS, "ips": [a + "/16"], "mac": eth0["mac"]}], "in the cluster's place")
    expect_eq(json.loads(notes[SELECTION]), [{"name": "any", "namespace": NS, "ips": [b + "/16"], "mac": net1["mac"], "interface": "net1"}],
              "the selection")
    p = api.get(pod_path("any"))
    for n in range(2):
        expect_eq([link(p, i) for i in ("eth0", "net1")], [("macvlan", eth0["mac"], [a]), ("macvlan", net1["mac"], [b])], "after %d deletions" % n)
        expect_eq(p["status"]["podIP"], a, "address of the pod")
        if n == 0:
            p = again("any")
    expect_eq(answers(a, "set", "k", "v"), "OK")
    for kind in ("AddressDiffers", "InterfaceNotAttached", "AnnotationChanged"):
        expect(condition(api.get(unit_path("any")), kind) is None, kind)


def calico(name, a):
    return {"cni.projectcalico.org/ipAddrs": '["%s"]' % a, "cni.projectcalico.org/hwAddr": held(name)["mac"]}


def ovn(name, a):
    return {"ovn.kubernetes.io/ip_address": a, "ovn.kubernetes.io/mac_address": held(name)["mac"]}


def honoured(name, golden):
    a = ip(name, 5)
    ready(name)
    notes = accepted(name)
    want = golden(name, a)
    expect_eq({k: v for k, v in notes.items() if "calico" in k or "ovn" in k}, want, "the annotations")
    p = api.get(pod_path(name))
    expect_eq((link(p), p["status"]["podIP"]), (("macvlan", held(name)["mac"], [a]), a), "what the plugin gave")
    expect_eq(answers(a, "set", "k", "v"), "OK")
    p = again(name)
    expect_eq((link(p), p["status"]["podIP"]), (("macvlan", held(name)["mac"], [a]), a), "what it gave the next pod")


@test
def calico_s_annotations_are_in_the_pod_from_its_first_version():
    honoured("calico", calico)


@test
def kube_ovn_s_annotations_are_in_the_pod_from_its_first_version():
    honoured("ovn", ovn)


@test
def an_annotation_that_is_changed_later_is_not_passed_over():
    key = "cni.projectcalico.org/ipAddrs"
    api.patch(pod_path("calico"), {"metadata": {"annotations": {key: '["%s"]' % ip("calico", 7)}}})
    u = said("calico", "AnnotationChanged", "AnnotationChanged")
    for word in (key, ip("calico", 7), ip("calico", 5), "delete the pod"):
        expect_in(word, condition(u, "AnnotationChanged", "message"), "what is said")
    again("calico")
    api.wait(unit_path("calico"), lambda o: condition(o, "AnnotationChanged") is None, 60, "the condition is gone")


@test
def a_plugin_that_does_not_honour_it_is_said():
    u = said("deaf", "AddressDiffers", "AddressDiffers", 90)
    for word in (ip("deaf", 200), ip("deaf", 5), "calico"):
        expect_in(word, condition(u, "AddressDiffers", "message"), "what is said")
    expect_eq(condition(u, "Ready"), "False", "Ready")


@test
def nothing_is_left_of_them():
    remove_multus()
    expect_eq([a["metadata"]["name"] for a in api.items(NET + "/networkaddresses") if a["spec"]["claim"]["namespace"] == NS and
               a["spec"]["state"] == "Bound"], [], "locks")
    for n in bed.nodes:
        expect("macvlan" not in n.run("ip -d link show type macvlan"), "an interface on " + n.name)


def remove_multus():
    """Once: pods that Multus attached go first."""
    if not state.get("conf"):
        return
    state.clear()
    delete_units()
    delete_claims()
    multusbed.remove()


main(setup=setup)
