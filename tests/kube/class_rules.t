#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Failure classes of address management that show in objects: overlap, reuse, IPv6, spellings, webhooks, exhaustion,
identity, edits under use, poison, other writers. On the bed, with the controllers that were installed.
docs/design/failures.md is the table."""
import base64
import json
import os
import sys
import threading
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeproduct import *  # noqa: E402

OTHER = "t-class-other"
POOLS = ("one", "two", "rest", "six", "wide", "small", "same", "shrink", "sane", "foreign")
V6 = "fd50:60:70:80:"


def setup():
    atexit.register(leave)
    api.create("/api/v1/namespaces", {"metadata": {"name": OTHER}})


def leave():
    """Claims, then their pools, so that the next file finds none of them."""
    try:
        for ns in (NS, OTHER):
            delete_claims(ns)
        for name in POOLS:
            api.delete("%s/networkpools/%s" % (NET, name))
        wait_until(lambda: not set(POOLS) & {p["metadata"]["name"] for p in api.items(NET + "/networkpools")}, 60, "the end of the pools")
        api.delete("/api/v1/namespaces/" + OTHER)
    except (ApiError, AssertionError, OSError) as e:
        diag("cleaning up: %s" % e)


def mine(name, ranges, **spec):
    """A pool of a domain of its own, which nothing waits for after a release unless it says so."""
    pool(name, ranges, domain=spec.pop("domain", name), **{"cooldownSeconds": 0, **spec})


def pool_of(name):
    return api.get("%s/networkpools/%s" % (NET, name))


def locks(domain):
    return {a["spec"]["address"]: a["spec"] for a in api.items(NET + "/networkaddresses") if a["spec"]["domain"] == domain}


def delete_claim(name, ns=None):
    api.delete(claim_path(name, ns))


def why(name, reason, ns=None, timeout_s=20, word=""):
    """Waits until the claim says that it is not bound for this reason; its message."""
    o = api.wait(claim_path(name, ns), lambda o: condition(o, "Bound", "reason") == reason and word in condition(o, "Bound", "message"),
                 timeout_s, reason + word)
    expect_eq(condition(o, "Bound"), "False", "Bound")
    return condition(o, "Bound", "message")


def at_once(*calls):
    """Each in a thread with a connection of its own, all let go at the same moment."""
    barrier, failed = threading.Barrier(len(calls)), []

    def one(fn):
        client = api.another()
        barrier.wait()
        try:
            fn(client)
        except Exception as e:  # told by the caller
            failed.append(e)
    threads = [threading.Thread(target=one, args=(fn,)) for fn in calls]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    expect_eq(failed, [], "what failed")


def claim_on(network, name):
    return {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkClaim", "metadata": {"name": name},
            "spec": {"interfaces": [{"name": "eth0", "network": network}]}}


@test
def class_16_overlapping_pools_made_at_the_same_time_give_nothing_twice_and_both_can_go():
    def make(name, ranges):
        return lambda client: client.create(NET + "/networkpools", {
            "apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkPool", "metadata": {"name": name},
            "spec": {"domain": "over", "prefix": "10.99.0.0/16", "ranges": ranges, "uplink": "data0", "cooldownSeconds": 0}})

    def take(network):
        return lambda client: [client.create("%s/namespaces/%s/networkclaims" % (NET, NS), claim_on(network, "%s-%02d" % (network, i)))
                               for i in range(20)]
    at_once(make("one", ["10.99.40.1-10.99.40.20"]), make("two", ["10.99.40.11-10.99.40.30"]), take("one"), take("two"))
    names = ["%s-%02d" % (n, i) for n in ("one", "two") for i in range(20)]
    # Thirty addresses; who gets none waits for its own pool.
    wait_until(lambda: len(locks("over")) == 30, 30, lambda: "%d of 30 addresses" % len(locks("over")))
    done = wait_until(lambda: (lambda cs: all(claim_ips(c) or condition(c, "Bound", "reason") == "PoolExhausted" for c in cs) and cs)(
        [api.get(claim_path(n)) for n in names]), 30, "all bound or told why not")
    given = [ip for c in done for ip in claim_ips(c)]
    expect_eq((len(given), len(set(given))), (30, 30), "addresses given, and different ones")
    judge()
    overlap = [condition(pool_of(n), "Overlapping") for n in ("one", "two")]
    expect_eq(sorted(map(str, overlap)), ["None", "True"], "the younger one says so")
    for n in ("one", "two"):
        api.delete("%s/networkpools/%s" % (NET, n))
    api.wait("%s/networkpools/one" % NET, lambda o: condition(o, "Deleting") == "True", 20, "that it names its holders")
    for n in names:
        delete_claim(n)
    for n in ("one", "two"):
        api.wait_gone("%s/networkpools/%s" % (NET, n), 40)
    expect_eq(locks("over"), {}, "locks left")


@test
def class_18_an_address_rests_after_its_release_also_when_the_leader_changes():
    mine("rest", ["10.99.41.1-10.99.41.3"], cooldownSeconds=6)
    expect_eq(claim_ips(claim("rest-a", network="rest")), ["10.99.41.1"], "the first address")
    delete_claim("rest-a")
    cooling = wait_until(lambda: locks("rest").get("10.99.41.1", {}).get("state") == "Cooling" and time.monotonic(), 20, "cooling")
    api.wait("%s/networkpools/rest" % NET, lambda o: (o["status"]["used"], o["status"]["cooling"]) == ("0", "1"), 20, "used 0, cooling 1")
    expect_eq(claim_ips(claim("rest-b", network="rest")), ["10.99.41.2"], "while it rests another is given")
    claim("rest-c", ["10.99.41.1"], network="rest", wait=False)
    expect_in("10.99.41.1 was released by %s/rest-a and cools" % NS, why("rest-c", "AddressCooling"))
    old = wait_until(leader, 20, "a leader")
    api.delete("/api/v1/namespaces/%s/pods/%s" % (SYSTEM, old["metadata"]["name"]))
    wait_until(lambda: (leader() or old)["metadata"]["uid"] != old["metadata"]["uid"], 40, "another leader")
    changed = time.monotonic()
    expect_eq(claim_ips(bound("rest-c", timeout_s=60)), ["10.99.41.1"], "in the end it is given")
    diag("given %.1f s after it began to rest, %.1f s after the new leader" % (time.monotonic() - cooling, time.monotonic() - changed))
    # 0.5: what passed before this test saw the states.
    expect(time.monotonic() - cooling >= 5.5, "given %.1f s after it began to rest" % (time.monotonic() - cooling))
    wait_until(lambda: len(ready_pods("barewire-controller")) == 2, 60, "two controllers")


def resident_kib():
    """Of the controller that leads."""
    pids = [p for p in pod_pids(leader()) if "barewire" in open("/proc/%d/comm" % p).read()]
    with open("/proc/%d/status" % pids[0]) as f:
        return int(next(line.split()[1] for line in f if line.startswith("VmRSS")))


@test
def class_19_ipv6_ranges_of_any_size_cost_nothing_and_their_last_address_is_given():
    wait_until(leader, 30, "a leader")
    before = resident_kib()
    mine("six", [V6 + ":/64"], prefix="fd50:60:70:80::/64")
    mine("wide", ["fd51::-fd51:ffff:ffff:ffff:ffff:ffff:ffff:ffff"], prefix="fd51::/16")
    wait_until(lambda: all(pool_of(n).get("status", {}).get("total") for n in ("six", "wide")), 20, "totals")
    # The subnet-router anycast address is not given.
    expect_eq(pool_of("six")["status"]["total"], str(2**64 - 1), "addresses of a /64")
    expect_eq(pool_of("wide")["status"]["total"], str(2**112 - 1), "addresses of a /16")
    expect_eq(claim_ips(claim("six-first", network="six")), [V6 + ":1"], "the lowest")
    last = V6 + "ffff:ffff:ffff:ffff"
    expect_eq(claim_ips(claim("six-last", [last], network="six")), [last], "the last")
    wide = "fd51:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    expect_eq(claim_ips(claim("wide-last", [wide], network="wide")), [wide], "the last of a /16")
    claim("six-zero", [V6 + ":"], network="six", wait=False)
    why("six-zero", "AddressOutOfPool")
    expect(resident_kib() - before < 2048, "%d KiB more" % (resident_kib() - before))


@test
def class_20_three_spellings_are_one_address():
    spellings = ["fd50:60:70:80::77", "FD50:0060:0070:0080:0000:0000:0000:0077", "fd50:60:70:80:0::77"]
    at_once(*[lambda client, n=n, ip=ip: client.create("%s/namespaces/%s/networkclaims" % (NET, NS), {
        **claim_on("six", "spell-%d" % n), "spec": {"interfaces": [{"name": "eth0", "network": "six", "requestedIPs": [ip]}]}})
        for n, ip in enumerate(spellings)])
    def all_told():
        claims = [api.get(claim_path("spell-%d" % n)) for n in range(3)]
        return all(claim_ips(c) or condition(c, "Bound", "reason") for c in claims) and claims
    claims = wait_until(all_told, 20, "one bound, two told")
    expect_eq([claim_ips(c) for c in claims if claim_ips(c)], [["fd50:60:70:80::77"]], "given once, canonical")
    expect_eq({condition(c, "Bound", "reason") for c in claims if not claim_ips(c)}, {"AddressInUse"}, "the others")
    full = "fd50:0060:0070:0080:0000:0000:0000:0077"
    expect_eq([a for a in locks("six") if a.endswith("77")], [full], "locks")
    status, answer = api.ask("POST", NET + "/networkaddresses", {
        "apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkAddress", "metadata": {"name": "six.fd50-60-70-80--77"},
        "spec": {"domain": "six", "address": full, "pool": "six", "state": "Quarantined", "stateSince": "2026-01-01T00:00:00Z"}})
    expect_eq(status, 422, "a second name of the same address: %s" % answer)
    expect_in("name must be six.fd50-0060-0070-0080-0000-0000-0000-0077", json.dumps(answer))


@test
def class_22_no_webhook_stands_in_anybodys_way():
    for kind in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations"):
        expect_eq([o["metadata"]["name"] for o in api.items("/apis/admissionregistration.k8s.io/v1/" + kind)], [], kind)
    for crd in api.items("/apis/apiextensions.k8s.io/v1/customresourcedefinitions"):
        if crd["spec"]["group"].endswith("barewire.dev"):
            expect_eq(crd["spec"].get("conversion", {}).get("strategy", "None"), "None", "conversion of " + crd["metadata"]["name"])
    # The policies stand in no pod's way either: nobody serves them, and what is about pods is about our own requests.
    ours = 'request.userInfo.username == "system:serviceaccount:barewire-system:barewire-controller"'
    for p in api.items("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"):
        of = [r for rule in p["spec"]["matchConstraints"]["resourceRules"] for r in rule["resources"]]
        whose = [c["expression"] for c in p["spec"].get("matchConditions", [])]
        expect("barewire" not in p["metadata"]["name"] or not {"pods", "*"} & set(of) or ours in whose, "%s is about %s" % (p["metadata"]["name"], of))


@test
def class_23_exhaustion_explains_itself_and_the_oldest_is_bound_when_one_is_freed():
    mine("small", ["10.99.42.1-10.99.42.2"], cooldownSeconds=4)
    for name in ("small-a", "small-b"):
        claim(name, network="small")
    for name in ("small-c", "small-d"):  # of equal age the names decide
        claim(name, network="small", wait=False)
        expect_in("pool small: 0 of 2 free, 0 cooling", why(name, "PoolExhausted"))
    p = pod("small-d", node="node1", annotations={ANN + "claim": "small-d"}, wait=False)
    api.wait("%s/networkpools/small" % NET, lambda o: condition(o, "Exhausted") == "True", 20, "Exhausted")
    delete_claim("small-a")
    text = why("small-c", "PoolExhausted", word=", 1 cooling, next in ")
    diag(text)
    c = bound("small-c", timeout_s=40)
    expect_eq(claim_ips(c), ["10.99.42.1"], "the one that was freed")
    expect(not claim_ips(api.get(claim_path("small-d"))), "the younger one waits on")
    for n in bed.nodes:
        expect_eq(condition(api.get("/api/v1/nodes/" + n.name), "Ready"), "True", n.name)
    api.patch("%s/networkpools/small" % NET, {"spec": {"cooldownSeconds": 0}})
    delete_claim("small-b")
    expect_eq(claim_ips(bound("small-d", timeout_s=40)), ["10.99.42.2"], "then the other")
    expect_eq(running("small-d")["metadata"]["uid"], p["metadata"]["uid"], "its pod has waited")
    expect_eq([e["message"] for e in events(reason="FailedCreatePodSandBox") if e["involvedObject"]["name"] == "small-d"], [], "refused sandboxes")
    told = [e.get("message", "") for e in events(reason="PoolExhausted")]
    expect(any("0 of 2 free" in m for m in told), "events: %s" % told)
    delete_pod("small-d")


def ghost():
    """A Node that nobody runs; its UID."""
    return api.create("/api/v1/nodes", {"metadata": {"name": "ghost"}, "spec": {"taints": [{"key": "ghost", "effect": "NoSchedule"}]}})["metadata"]["uid"]


def force_away(path):
    api.delete(path, {"gracePeriodSeconds": 0})
    api.wait_gone(path, 20)


@test
def class_24_names_are_no_identity():
    mine("same", ["10.99.43.1-10.99.43.9"])
    ips = [claim_ips(claim("twin", network="same", ns=ns)) for ns in (NS, OTHER)]
    expect_eq(sorted(ips), [["10.99.43.1"], ["10.99.43.2"]], "claims of one name in two namespaces")
    delete_claim("twin", OTHER)
    wait_until(lambda: len(locks("same")) == 1, 20, "one lock less")
    expect_eq(claim_ips(api.get(claim_path("twin"))), ips[0], "the other one keeps its address")
    try:
        first = ghost()
        pod("twin", annotations={ANN + "claim": "twin"}, wait=False, nodeName="ghost", tolerations=[{"operator": "Exists"}])
        held = api.wait(claim_path("twin"), lambda o: holder(o).get("node") == "ghost", 20, "the holder")
        expect_eq((holder(held)["nodeUID"], holder(held)["token"]), (first, 1), "holder")
        force_away(pod_path("twin"))
        force_away("/api/v1/nodes/ghost")
        second = ghost()
        pod("twin", annotations={ANN + "claim": "twin"}, wait=False, nodeName="ghost", tolerations=[{"operator": "Exists"}])
        o = api.wait(claim_path("twin"), lambda o: condition(o, "Placed", "reason") == "WaitingForNode", 20, "WaitingForNode")
        expect_eq((holder(o)["nodeUID"], holder(o)["token"]), (first, 1), "a Node of the same name is another one")
        api.patch(claim_path("twin"), {"metadata": {"annotations": {ANN + "release-token": "1"}}})
        o = api.wait(claim_path("twin"), lambda o: holder(o).get("nodeUID") == second, 20, "the new node")
        expect_eq((holder(o)["token"], claim_ips(o)), (2, ips[0]), "token and address")
    finally:
        api.delete(pod_path("twin"), {"gracePeriodSeconds": 0})
        api.delete("/api/v1/nodes/ghost")
        api.ask("PATCH", claim_path("twin"), {"metadata": {"annotations": {ANN + "release-token": "2"}}}, "application/merge-patch+json")


@test
def class_25_a_pool_that_shrinks_takes_nothing_away_and_gives_nothing_outside():
    mine("shrink", ["10.99.44.1-10.99.44.10"])
    for i in range(4):
        claim("shrink-%d" % i, network="shrink")
    api.patch("%s/networkpools/shrink" % NET, {"spec": {"ranges": ["10.99.44.3-10.99.44.10"], "gateway": "10.99.44.10"}})
    api.wait("%s/networkpools/shrink" % NET, lambda o: (o["status"]["outOfRange"], o["status"]["total"]) == ("2", "7"), 20, "outOfRange 2, total 7")
    for i in range(4):
        expect_eq(claim_ips(api.get(claim_path("shrink-%d" % i))), ["10.99.44.%d" % (i + 1)], "a live address")
    delete_claim("shrink-0")
    wait_until(lambda: "10.99.44.1" not in locks("shrink"), 20, "its release")
    expect_eq(claim_ips(claim("shrink-new", network="shrink")), ["10.99.44.5"], "given anew")
    claim("shrink-old", ["10.99.44.1"], network="shrink", wait=False)
    expect_in("10.99.44.1 is in no range", why("shrink-old", "AddressOutOfPool"))
    claim("shrink-gw", ["10.99.44.10"], network="shrink", wait=False)
    why("shrink-gw", "AddressOutOfPool")
    judge()


def put_into_etcd(key, obj):
    """As no API server would let it in."""
    body = {"key": base64.b64encode(("/registry/net.barewire.dev/" + key).encode()).decode(), "value": base64.b64encode(json.dumps(obj).encode()).decode()}
    req = urllib.request.Request(bed.api.etcd.url + "/v3/kv/put", json.dumps(body).encode())
    with urllib.request.urlopen(req, timeout=20) as answer:
        answer.read()


POISON = [
    {"interfaces": "all of them"},
    {"interfaces": [{"name": {"a": [1, 2]}, "network": 7}]},
    {"interfaces": [None, None]},
    {"interfaces": [{"name": "eth0", "network": "sane", "requestedIPs": ["not an address", 3, None]}]},
    {"interfaces": [{"name": "eth%d" % i, "network": "nowhere"} for i in range(40)]},
    None,
]


def restarts():
    return sorted((p["metadata"]["name"], c.get("restartCount", 0)) for p in ready_pods("barewire-controller") for c in p["status"]["containerStatuses"])


@test
def class_26_poison_blocks_nobody():
    before = restarts()
    mine("sane", ["10.99.45.1-10.99.45.200"])
    for i, spec in enumerate(POISON):
        o = claim_on("sane", "bad-%d" % i)
        o["metadata"].update(namespace=NS, uid="00000000-0000-4000-8000-00000000000%d" % i, generation=1, creationTimestamp="2026-01-01T00:00:00Z")
        put_into_etcd("networkclaims/%s/bad-%d" % (NS, i), {**o, "spec": spec})
    try:
        names = ["good-%02d" % i for i in range(30)]
        for i, n in enumerate(names):
            claim(n, network="sane", wait=False)
            if i % 10 == 0:
                claim("lost-%02d" % i, network="nowhere", wait=False)
        for n in names:
            bound(n, timeout_s=30)
        expect_eq(len(locks("sane")), 30, "locks")
        expect_in("there is no pool nowhere", why("lost-00", "PoolNotFound"))
        told = wait_until(lambda: [e for e in events(reason="ClaimInvalid") if e["involvedObject"]["name"] == "bad-0"], 20, "an event on a bad one")
        diag(told[0]["message"])
        expect_eq(restarts(), before, "restarts of the controllers")
    finally:
        for i in range(len(POISON)):
            api.ask("DELETE", claim_path("bad-%d" % i))


@test
def class_27_another_plugins_pods_get_the_declared_address_from_their_first_version_on():
    """Another network plugin attaches; this pool alone decides. The annotation is the one that Calico reads, written by
    whoever makes the pod, for the claim is bound before there is a pod."""
    mine("foreign", ["10.99.46.1-10.99.46.3"], mode="external")
    given = claim_ips(claim("ext-0", ["10.99.46.2"], network="foreign"))
    notes = {ANN + "claim": "ext-0", "cni.projectcalico.org/ipAddrs": json.dumps(given)}
    seen = []
    watcher = threading.Thread(target=lambda: seen.extend(first_versions("ext-0")), daemon=True)
    watcher.start()
    pod("ext-0", annotations=notes, wait=False, nodeName="nowhere")
    watcher.join(20)
    expect_eq(seen, ['["10.99.46.2"]'], "the address in the pod's first version")
    # Whoever else wants the address, by declaration or by chance, does not get it, and nobody but the controller has the lock.
    claim("ext-1", ["10.99.46.2"], network="foreign", wait=False)
    expect_in("10.99.46.2 is held by claim %s/ext-0" % NS, why("ext-1", "AddressInUse"))
    expect_eq([claim_ips(claim("ext-%d" % i, network="foreign")) for i in (2, 3)], [["10.99.46.1"], ["10.99.46.3"]], "the rest")
    status, answer = api.ask("DELETE", "%s/networkaddresses/%s" % (NET, address_name("10.99.46.2", "foreign")))
    expect_eq(status, 403, "the lock taken away by hand: %s" % answer)
    force_away(pod_path("ext-0"))


def first_versions(name, notes="cni.projectcalico.org/ipAddrs"):
    """The annotation in the first event of a pod's watch."""
    for kind, o in api.another().watch(pods_path(), seconds=20):
        if kind == "ADDED" and o["metadata"]["name"] == name:
            return [o["metadata"].get("annotations", {}).get(notes)]
    return []


main(setup=setup)
