#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Failure classes of addresses that move or are thought to be free: the sweep, twenty moves of which half leave a node that
is cut off, a pod that is deleted by force while it lives. On the bed, with real pods. docs/design/failures.md is the table."""
import base64
import os
import statistics
import sys
import threading
import urllib.request
import uuid

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeproduct import *  # noqa: E402
from nodecni import attachments, rows  # noqa: E402

PODS = ["m-%d" % i for i in range(5)]
IP = {n: "10.99.50.%d" % (i + 1) for i, n in enumerate(PODS)}
TAINT = {"key": "node.kubernetes.io/out-of-service", "value": "off", "effect": "NoExecute"}
state = {}


def setup():
    atexit.register(leave)
    pool("moves", ["10.99.50.1-10.99.50.99"], cooldownSeconds=0)
    lose_claims()


def leave():
    try:
        delete_claims()
        api.delete(NET + "/networkpools/moves")
        api.wait_gone(NET + "/networkpools/moves", 40)
    except (ApiError, AssertionError, OSError) as e:
        diag("cleaning up: %s" % e)


def lock(ip, claim_name, uid):
    return {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkAddress", "metadata": {"name": address_name(ip)}, "spec": {
        "domain": "lan", "address": ip, "pool": "moves", "state": "Bound", "stateSince": "2026-01-01T00:00:00Z",
        "claim": {"namespace": NS, "name": claim_name, "uid": uid}}}


def lose_claims():
    """For class 2: locks without a claim, one whose claim comes between the two looks of the sweep, and one whose claim
    lives under the same name with another UID. The sweep takes a minute: other tests pass it."""
    state["late"] = str(uuid.uuid4())
    other = claim("sweep-other", ["10.99.50.80"], network="moves")
    for ip, name, uid in (("10.99.50.81", "sweep-gone", str(uuid.uuid4())), ("10.99.50.82", "sweep-other", str(uuid.uuid4())),
                          ("10.99.50.83", "sweep-late", state["late"]), ("10.99.50.84", "sweep-other", other["metadata"]["uid"])):
        api.create(NET + "/networkaddresses", lock(ip, name, uid))
    state["swept"] = time.monotonic()


def put_claim(name, uid, ip):
    """A claim with a UID of our choice, Bound, as a cache that lags would show it: first not there, then there."""
    obj = {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkClaim",
           "metadata": {"name": name, "namespace": NS, "uid": uid, "generation": 1, "creationTimestamp": "2026-01-01T00:00:00Z",
                        "finalizers": ["net.barewire.dev/claim"]},
           "spec": {"interfaces": [{"name": "eth0", "network": "moves", "requestedIPs": [ip], "required": True}]},
           "status": {"phase": "Bound", "interfaces": [{"name": "eth0", "pool": "moves", "ips": [ip]}]}}
    body = {"key": base64.b64encode(("/registry/net.barewire.dev/networkclaims/%s/%s" % (NS, name)).encode()).decode(),
            "value": base64.b64encode(json.dumps(obj).encode()).decode()}
    with urllib.request.urlopen(urllib.request.Request(bed.api.etcd.url + "/v3/kv/put", json.dumps(body).encode()), timeout=20) as answer:
        answer.read()


def node_of(n):
    return "node%d" % n


def start(name, node):
    api.create(pods_path(), {"metadata": {"name": name, "annotations": {ANN + "claim": name}},
                             "spec": pod_spec(node=node, tolerations=[{"operator": "Exists"}])})


def taint(node, on):
    api.patch("/api/v1/nodes/" + node, {"spec": {"taints": [TAINT] if on else None}})


class Watched:
    """When each claim's old holder was confirmed gone and when the next one had it, seen by a watch of its own."""

    def __init__(self):
        self.gone, self.took, self.tokens = {}, [], {}
        self.fenced = None
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self):
        for kind, o in api.another().watch("%s/namespaces/%s/networkclaims" % (NET, NS), seconds=280):
            name, token = o["metadata"]["name"], holder(o).get("token", 0)
            now, before = time.monotonic(), self.tokens.get(name)
            if before and token > before:
                since = self.gone.pop(name, self.fenced)
                self.took.append(now - since if since else None)
            self.tokens[name] = token
            if token and o["status"].get("detachedToken", 0) >= token:
                self.gone.setdefault(name, now)


def moved(name, to, token):
    """Where it should be, as it was, seen from outside."""
    p = running(name, timeout_s=60)
    c = api.get(claim_path(name))
    expect_eq((p["spec"]["nodeName"], p["status"]["podIP"], pod_mac(p)), (to, IP[name], state[name]), "node, address, MAC of " + name)
    expect_eq((holder(c)["node"], holder(c)["token"]), (to, token), "holder of " + name)
    wait_outside(lambda: outside_pings(IP[name]), 10, "%s answers" % name)
    expect_eq(outside_mac(IP[name]), state[name], "the MAC outside")


@test
def class_8_twenty_moves_half_of_them_off_a_node_that_is_cut_off():
    led = wait_until(leader, 30, "a leader")["spec"]["nodeName"]
    # The node whose cables are pulled is the one without the leader, or each of those rounds waits for a Lease.
    away = next(n.name for n in bed.nodes if n.name != led)
    for n in PODS:
        claim(n, [IP[n]], network="moves")
        start(n, away)
    for n in PODS:
        state[n] = pod_mac(running(n))
    watched, token = Watched(), 1
    for round_ in range(4):
        token += 1
        if round_ % 2 == 0:
            cut_off(away, led, token, watched)
        else:
            for n in PODS:
                api.delete(pod_path(n))
            for n in PODS:
                api.wait_gone(pod_path(n), 40)
                start(n, away)
            for n in PODS:
                moved(n, away, token)
        judge(strict=False)  # locks without claims are about, for class 2
    took = [t for t in watched.took if t is not None]
    diag("%d moves; from confirmed gone to bound: median %.3f s, longest %.3f s" % (len(watched.took), statistics.median(took), max(took)))
    expect_eq(len(watched.took), 20, "moves")
    # The catalogue's figure, where the machine has time: with twenty others at work it was 1.3 s.
    if os.getloadavg()[0] < 2 * os.cpu_count():
        expect(statistics.median(took) < 1.0, "from confirmed gone to bound %.2f s" % statistics.median(took))


def cut_off(node, to, token, watched):
    """Its cables are pulled, its pods deleted by force: nothing moves before it is fenced. When it comes back it hears of
    that before it is let onto the segment, as whoever fenced it would do."""
    bed.node(node).cut("up0", "data0")
    try:
        for n in PODS:
            api.delete(pod_path(n), {"gracePeriodSeconds": 0})
            api.wait_gone(pod_path(n), 20)
            start(n, to)
        for n in PODS:
            o = api.wait(claim_path(n), lambda o: condition(o, "Placed", "reason") == "WaitingForNode", 20, "WaitingForNode")
            expect_eq((holder(o)["node"], holder(o)["token"]), (node, token - 1), "holder of %s before the fence" % n)
        watched.fenced = time.monotonic()
        taint(node, True)
        for n in PODS:
            moved(n, to, token)
    finally:
        bed.node(node).plug("up0")
    watched.fenced = None
    try:
        uids = [api.get(claim_path(n))["metadata"]["uid"] for n in PODS]
        wait_until(lambda: not any(attachments(bed.node(node), u) for u in uids), 60, "the end of the old attachments on " + node)
        wait_until(lambda: not rows(bed.node(node), "SELECT uid, token, kind FROM outbox"), 60,
                            lambda: "nothing more to say for %s: %s" % (node, rows(bed.node(node), "SELECT uid, token, kind FROM outbox")))
    finally:
        bed.node(node).plug("data0")
    for n in PODS:
        expect(outside_pings(IP[n], 2), "%s answers" % n)
    taint(node, False)
    bed.ready(node, True, 60)


@test
def class_9_a_pod_deleted_by_force_keeps_its_address_until_somebody_says_that_it_is_gone():
    """Kubelet and agent of its node stand still; the container lives. The address waits for the node; released by hand all
    the same, the next pod's probe sees who is there."""
    api.patch(NET + "/networkpools/moves", {"spec": {"probe": "Enforce"}})
    name, ip = "m-0", IP["m-0"]
    old = running(name)
    node = bed.node(old["spec"]["nodeName"])
    other = next(n.name for n in bed.nodes if n.name != node.name)
    token = holder(api.get(claim_path(name)))["token"]
    agents = pod_pids(agent_on(node.name))
    node.kubelet.freeze()
    for pid in agents:
        os.kill(pid, 19)
    try:
        api.delete(pod_path(name), {"gracePeriodSeconds": 0})
        api.wait_gone(pod_path(name), 20)
        start(name, other)
        o = api.wait(claim_path(name), lambda o: condition(o, "Placed", "reason") == "WaitingForNode", 20, "WaitingForNode")
        expect_eq((holder(o)["node"], holder(o)["token"]), (node.name, token), "holder")
        expect(outside_pings(ip), "the container that was deleted by force lives")
        p = run(os.path.join(BUILD, "barewire"), "release", "%s/%s" % (NS, name), "--token", token, "--confirm-powered-off", "--although-ready", "--reason", "class 9",
                env=dict(os.environ, KUBECONFIG=bed.admin))
        diag(p.strip())
        api.wait(claim_path(name), lambda o: holder(o).get("node") == other, 20, "the holder by an administrator's word")
        refused = wait_until(lambda: [e["message"] for e in events(reason="FailedCreatePodSandBox") if state[name] in e["message"]], 40,
                             lambda: "a refusal that names %s: %s" % (state[name], [e["message"] for e in events(reason="FailedCreatePodSandBox")]))
        expect_in(ip, refused[0])
        expect(outside_pings(ip), "the survivor is undisturbed")
        judge(strict=False)  # locks without claims are about, for class 2
    finally:
        for pid in agents:
            os.kill(pid, 18)
        node.kubelet.thaw()
    uid = api.get(claim_path(name))["metadata"]["uid"]
    wait_until(lambda: not attachments(node, uid), 60, "the end of the old attachment")
    new = running(name, timeout_s=90)  # the kubelet tries again after 14 to 15 s
    expect_eq((new["spec"]["nodeName"], new["status"]["podIP"]), (other, ip), "where it is now")


@test
def class_2_the_sweep_takes_what_nobody_has_and_spares_the_living():
    put_claim("sweep-late", state["late"], "10.99.50.83")
    gone = ("10.99.50.81", "10.99.50.82", "10.99.50.84")
    wait_until(lambda: not any(address(ip) for ip in gone), 120, lambda: "swept: %s" % [address(ip) and address(ip)["spec"] for ip in gone])
    took = time.monotonic() - state["swept"]
    diag("swept %.0f s after they were made" % took)
    expect(took > 55, "swept after %.0f s: that is one look" % took)
    kept = [(ip, address(ip)["spec"]["state"]) for ip in ("10.99.50.80", "10.99.50.83", *IP.values())]
    expect_eq({s for _, s in kept}, {"Bound"}, "the living: %s" % kept)
    expect_eq(claim_ips(api.get(claim_path("sweep-late"))), ["10.99.50.83"], "the claim that came between two looks")


main(setup=setup)
