#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# Objects that no schema would let in, thrown at both daemons through a real API server: they are written into etcd
# itself, so that wrong types, huge lists, deep nests and broken names really arrive. What is asked of the daemons: they
# live, nobody who is well has to wait for one that is not, nothing that was given is given again.
import base64
import copy
import http.client
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid

# A node of its own even inside the bed, whose devices, namespaces and journals are other tests'.
if os.environ.get("BW_BAD_T") != "1":
    os.environ["BW_BAD_T"] = "1"
    os.environ.pop("BW_SANDBOX", None)
    os.execv(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib", "sandbox"), ["sandbox", os.path.abspath(__file__), *sys.argv[1:]])

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *  # noqa: E402,F401,F403
from bwtest import BUILD, TOP, diag, expect, expect_eq, main, run, test, wait_until  # noqa: E402
from agentsock import ask  # noqa: E402
from kubeapi import ApiServer, kubectl  # noqa: E402
from kubeclient import Client  # noqa: E402
from kubeproc import Proc  # noqa: E402

NET = "/apis/net.barewire.dev/v1alpha1"
CLAIMS = NET + "/namespaces/default/networkclaims"
SEED = int(os.environ.get("SEED", "20261"))
ROUNDS = int(os.environ.get("ROUNDS", "4"))
EACH = int(os.environ.get("EACH", "60"))  # bad objects a round
STORED_MAX = 1400000  # bytes that etcd takes at once, with what is around them
folder = tempfile.TemporaryDirectory(prefix="barewire-bad.")
server = api = agent = controller = store = None
given = {}  # address -> claim, of the good ones


def path(name):
    return os.path.join(folder.name, name)


# What is well-formed, as the parts of the product write it ---------------------------------------------

HOLDER = {"node": "n1", "nodeUID": "", "token": 3}
CLAIM = {"spec": {"interfaces": [{"name": "eth0", "network": "lan", "required": True, "requestedIPs": ["10.99.9.9"], "mac": "02:00:00:00:00:01",
                                  "bandwidth": {"ingressMbps": 100, "egressMbps": 100}}],
                  "stickyKey": "s", "unitRef": {"name": "u", "uid": "uu"}},
         "status": {"phase": "Bound", "interfaces": [{"name": "eth0", "pool": "lan", "ips": ["10.99.9.9"], "mac": "02:00:00:00:00:01", "mtu": 1500,
                                                      "gateway": "10.99.0.1", "vlan": 7}],
                    "holder": HOLDER, "attached": {"node": "n1", "token": 3, "mac": "02:00:00:00:00:01", "since": "2026-01-01T00:00:00Z"},
                    "detachedToken": 2, "observedGeneration": 1,
                    "conditions": [{"type": "Bound", "status": "True", "reason": "Bound", "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}
POOL = {"spec": {"domain": "junk", "prefix": "10.98.0.0/16", "ranges": ["10.98.2.1-10.98.3.250"], "excludes": ["10.98.2.7"], "gateway": "10.98.0.1",
                 "routes": [{"dst": "192.168.0.0/16", "gw": "10.98.0.2"}], "vlan": 7, "mtu": 1500, "uplink": "data0", "mode": "bridge",
                 "strategy": "LowestFree", "cooldownSeconds": 30, "probe": "Warn", "fencing": "Strict", "reclaim": "Delete", "default": False,
                 "fallback": ["lan"], "phase": "Serving", "quotas": [{"namespace": "default", "addresses": 3}],
                 "selectors": {"node": {"matchLabels": {"a": "b"}}, "namespace": {"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}}},
        "status": {"total": "1", "used": "1", "cooling": "0", "outOfRange": "0", "conflicts": "0",
                   "conditions": [{"type": "Allocatable", "status": "True", "reason": "x", "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}
ADDRESS = {"spec": {"domain": "junk", "address": "10.98.2.77", "pool": "junk", "claim": {"namespace": "default", "name": "c", "uid": "u", "interface": "eth0"},
                    "stickyKey": "s", "state": "Bound", "stateSince": "2026-01-01T00:00:00Z"}}
RESERVED = {"spec": {"domain": "junk", "addresses": ["10.98.2.7"], "reason": "router", "expires": "2030-01-01T00:00:00Z"}}
NODE = {"spec": {"domains": [{"domain": "junk", "uplink": "data0", "bridge": "b0", "vlan": 7, "moveUplinkAddresses": False}]},
        "status": {"nodeUID": "nu", "epoch": 1, "domains": [{"domain": "lan", "uplink": "data0", "bridge": "bw-data0", "ready": True}],
                   "vfs": [{"domain": "lan", "total": 4, "free": 4}],
                   "live": [{"namespace": "default", "name": "c", "uid": "u", "interface": "eth0", "token": 1, "pool": "junk", "domain": "junk", "ips": ["10.98.2.77"]}],
                   "conditions": [{"type": "RestoreSuspected", "status": "False", "reason": "r", "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}
UNIT = {"spec": {"mainContainerName": "db", "startup": True, "maintenance": False, "nodePolicy": "Required",
                 "networking": {"mode": "bridge", "network": "lan", "type": "networkClaim", "address": "10.99.2.200", "mac": "02:00:00:00:00:02",
                                "bandwidth": {"ingressMbps": 100}, "addressType": "pod_ip", "serviceInterface": "eth0",
                                "interfaces": [{"name": "net1", "networks": ["junk"], "addresses": ["10.98.2.200"]}]},
                 "template": {"metadata": {"labels": {"a": "b"}, "annotations": {"a": "b"}}, "spec": {
                     "containers": [{"name": "db", "image": "none", "command": ["db"], "ports": [{"containerPort": 1}], "env": [{"name": "A", "value": "b"}],
                                     "volumeMounts": [{"name": "data", "mountPath": "/data"}], "resources": {"limits": {"memory": "1Gi"}}}],
                     "volumes": [{"name": "v", "emptyDir": {}}], "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
                         "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}]}}}}},
                 "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}],
                 "volumeRetainPolicy": {"whenDeleted": "Delete", "whenRebuilt": "Retain"}, "failedPodRecoveryPolicy": {"enabled": True, "thresholdSeconds": 10},
                 "config": {"templates": [{"name": "f", "template": "{{unit.address}}"}], "onChange": "Signal"}, "peers": {"selector": {"matchLabels": {"a": "b"}}},
                 "action": {"id": "a", "type": "Rebuild", "nodeName": "n1", "inPlace": True, "force": True, "cancel": False}},
        "status": {"phase": "Ready", "task": "t", "processState": "Running", "nodeName": "n1", "podIPs": ["10.99.2.200"], "podUID": "u", "observedGeneration": 1,
                   "claim": {"name": "c", "phase": "Bound", "addresses": ["10.99.2.200"], "mac": "02:00:00:00:00:02"},
                   "volumes": [{"name": "data", "claimName": "data-c", "phase": "Bound", "capacity": "1Gi"}],
                   "action": {"id": "a", "phase": "Running", "step": "s"}, "actionsDone": ["z"],
                   "conditions": [{"type": "Ready", "status": "True", "reason": "r", "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}
KINDS = {"NetworkClaim": CLAIM, "NetworkPool": POOL, "NetworkAddress": ADDRESS, "NetworkReservation": RESERVED, "NodeNetwork": NODE}
PLURAL = {"NetworkClaim": "networkclaims/default", "NetworkPool": "networkpools", "NetworkAddress": "networkaddresses",
          "NetworkReservation": "networkreservations", "NodeNetwork": "nodenetworks", "NetworkEpoch": "networkepochs", "Unit": "units/default"}


def group(kind):
    return "db.barewire.dev" if kind == "Unit" else "net.barewire.dev"


def deep(n):
    v = "x"
    for _ in range(n):
        v = {"domain": v}
    return v


POISON = [None, True, 0, -1, 7, 2 ** 31, 2 ** 53 + 1, 2 ** 63 - 1, -2 ** 63, 1e300, 0.5, "", "x", " ", "a/b", "../../x", "%s%n", "\u0000", "\ud83d\ude00",
          "x" * 300, "x" * 20000, "10.99.2.1", "::1", "0.0.0.0/0", "::/0", "10.99.2.9-10.99.2.1", "fd00::/1", "255.255.255.255", [], {}, [[]], [None], {"": None}, [{}], {"x": {"y": []}},
          ["x"] * 5000, [{"name": "eth0"}] * 3000, {str(i): str(i) for i in range(3000)}, deep(40), deep(150)]


def places(v, at=()):
    yield at
    if isinstance(v, dict):
        for k in v:
            yield from places(v[k], at + (k,))
    elif isinstance(v, list):
        for i, x in enumerate(v):
            yield from places(x, at + (i,))


def spoil(rng, obj):
    """The object with one to three values of another type, bound or number; unknown fields beside them."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        where = rng.choice([p for p in places(obj) if p] or [None])
        if not where:
            break
        at = obj
        for k in where[:-1]:
            at = at[k]
        how = rng.random()
        if how < 0.1 and isinstance(at, dict):
            del at[where[-1]]
        elif how < 0.2 and isinstance(at, list):
            at += at * rng.choice((1, 40))
        elif how < 0.25 and isinstance(at, dict):
            at["unknown"] = rng.choice(POISON)
        else:
            at[where[-1]] = copy.deepcopy(rng.choice(POISON))
    return obj


def name_of(rng, kind, n):
    if kind == "NetworkAddress":
        return rng.choice(("junk.10-98-2-%d" % (n % 250), "junk.fd00-0000-0000-0000-0000-0000-0000-%04x" % n, "junk.10-98-2-%d-x" % n, "lan.999-1-1-%d" % n,
                           "nodots%d" % n, "a.b.c.d-%d" % n, "lan.10-99-2-00%d" % (n % 250)))
    if kind == "NodeNetwork":
        return "n1" if n % 7 == 0 else "node-%d" % n
    return "bad-%d" % n


def bad(rng, kind, n):
    while True:
        obj = spoil(rng, copy.deepcopy(KINDS.get(kind, UNIT)))
        if len(json.dumps(obj)) < STORED_MAX:
            break
    meta = {"name": name_of(rng, kind, n), "uid": str(uuid.UUID(int=rng.getrandbits(128))), "creationTimestamp": "2026-01-01T00:00:00Z", "generation": 1}
    if kind in ("NetworkClaim", "Unit"):
        meta["namespace"] = "default"
    if kind == "Unit" and rng.random() < 0.5:
        meta["annotations"] = {"config.addr.type": rng.choice(("pod_ip", "", "x"))}
        meta["finalizers"] = ["db.barewire.dev/unit"]
        if rng.random() < 0.2:
            meta["deletionTimestamp"], meta["deletionGracePeriodSeconds"] = "2026-01-02T00:00:00Z", 0
    if kind == "NetworkClaim":
        if rng.random() < 0.7:
            meta["finalizers"] = ["net.barewire.dev/claim"]
        if rng.random() < 0.3:
            meta["annotations"] = {"net.barewire.dev/release-token": rng.choice(("", "x", "-1", "99999999999999999999", "3"))}
        if rng.random() < 0.2:
            meta["deletionTimestamp"], meta["deletionGracePeriodSeconds"] = "2026-01-02T00:00:00Z", 0
            meta["finalizers"] = ["net.barewire.dev/claim"]
    return {"apiVersion": group(kind) + "/v1alpha1", "kind": kind, "metadata": meta, **obj}


class Store:
    """etcd, by its JSON gateway: past every check that the API server makes."""

    def __init__(self, port):
        self.conn = http.client.HTTPConnection("127.0.0.1", port, timeout=20)

    def put(self, obj):
        key = "/registry/%s/%s/%s" % (group(obj["kind"]), PLURAL[obj["kind"]], obj["metadata"]["name"])
        body = {"key": base64.b64encode(key.encode()).decode(), "value": base64.b64encode(json.dumps(obj).encode()).decode()}
        self.conn.request("POST", "/v3/kv/put", json.dumps(body))
        answer = self.conn.getresponse()
        text = answer.read()
        expect_eq(answer.status, 200, "etcd: %s" % text)


# The bed ----------------------------------------------------------------------------------------------

def loosen(v):
    """A schema that keeps what it does not know."""
    if isinstance(v, dict):
        if v.get("type") == "object" and "additionalProperties" not in v:
            v["x-kubernetes-preserve-unknown-fields"] = True
        for k, x in v.items():
            if k != "metadata":
                loosen(x)
    elif isinstance(v, list):
        for x in v:
            loosen(x)


def answers():
    try:
        return ask({"op": "status"})["ok"]
    except (OSError, ValueError):
        return False


def documents(text):
    out, decoder = [], json.JSONDecoder()
    while text.strip():
        doc, end = decoder.raw_decode(text.lstrip())
        out.append(doc)
        text = text.lstrip()[end:]
    return out


def setup():
    global server, api, agent, controller, store
    server = ApiServer(path("api"), port=8743, flags=["--disable-admission-plugins=ServiceAccount"]).start()
    api = Client(server.admin)
    crds = documents(kubectl(server.admin, "create", "--dry-run=client", "-o", "json", "-k", os.path.join(TOP, "conf", "crds")))
    loosen(crds)
    kubectl(server.admin, "create", "namespace", "barewire-system")
    kubectl(server.admin, "apply", "--server-side", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": crds}))
    for name in ("networkpools", "networkclaims", "networkaddresses", "networkreservations", "nodenetworks", "networkepochs"):
        kubectl(server.admin, "wait", "--for=condition=Established", "crd/%s.net.barewire.dev" % name)
    kubectl(server.admin, "wait", "--for=condition=Established", "crd/units.db.barewire.dev")
    store = Store(server.port + 1)
    HOLDER["nodeUID"] = api.create("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}})["metadata"]["uid"]
    run(*"ip link add data0 type veth peer name out0".split())
    for dev in ("data0", "out0"):
        run("ip", "link", "set", dev, "up")
    api.create(NET + "/networkpools", {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkPool", "metadata": {"name": "lan"},
                                       "spec": {"domain": "lan", "prefix": "10.99.0.0/16", "ranges": ["10.99.2.1-10.99.3.250"], "uplink": "data0"}})
    controller = Proc("barewire-controller", [os.path.join(BUILD, "barewire-controller"), "--kubeconfig", server.admin,
                                              "--metrics-address", "127.0.0.1:9671"], path("controller.log"))
    controller.start()
    agent = Proc("barewire-agent", [os.path.join(BUILD, "barewire-agent"), "--kubeconfig", server.admin, "--node-name", "n1", "--node-uid", HOLDER["nodeUID"],
                                    "--cni-bin-dir", BUILD], path("agent.log"))
    agent.start()
    wait_until(answers, 30, said)


def said(lines=25):
    out = []
    for name in ("controller", "agent"):
        with open(path(name + ".log")) as f:
            out += ["== " + name] + [line.rstrip()[:400] for line in f.readlines()[-lines:]]
    return "\n".join(out)


def alive():
    for p in (controller, agent):
        expect(p.alive, "%s is gone:\n%s" % (p.name, said()))


def good(name):
    """A claim and its pod on this node, Bound and served by the agent."""
    start = time.monotonic()
    api.create(CLAIMS, {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkClaim", "metadata": {"name": name},
                        "spec": {"interfaces": [{"name": "eth0", "network": "lan"}]}})
    api.create("/api/v1/namespaces/default/pods", {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "annotations": {"net.barewire.dev/claim": name}},
        "spec": {"nodeName": "n1", "containers": [{"name": "a", "image": "none"}]}})
    answer = ask({"op": "claim", "containerID": "c-" + name, "ifname": "eth0", "namespace": "default", "name": name,
                  "annotations": {"net.barewire.dev/claim": name}, "waitMs": 30000}, 40)
    alive()
    expect(answer["ok"], "%s: %r\n%s\n%s" % (name, answer, json.dumps(api.get(CLAIMS + "/" + name).get("status")), said()))
    ip = api.get(CLAIMS + "/" + name)["status"]["interfaces"][0]["ips"][0]
    expect(ip not in given, "%s was given to %s and to %s" % (ip, given.get(ip), name))
    given[ip] = name
    return time.monotonic() - start


def metric(family, **labels):
    try:
        with urllib.request.urlopen("http://127.0.0.1:9671/metrics", timeout=10) as answer:
            text = answer.read().decode()
    except OSError:
        return 0  # it does not serve yet
    want = "".join('(?=[^}]*%s="%s")' % kv for kv in labels.items())
    return sum(float(m) for m in re.findall(r"^%s\{%s[^}]*\} (\S+)$" % (family, want), text, re.M))


def depth():
    return {name: metric("workqueue_depth", controller=name) for name in ("address", "claim", "epoch", "node", "pod", "pool")}


def all_queues_are_empty():
    wait_until(lambda: not any(depth().values()), 30, lambda: "keys still wait: %s\n%s" % (depth(), said()))


@test
def good_ones_are_served_before():
    diag("%.2f s" % good("before"))


@test
def no_bad_object_stops_a_daemon_or_the_good_ones():
    rng, units = random.Random(SEED), random.Random(SEED + 1)
    slowest, n = 0, 0
    for turn in range(ROUNDS):
        for _ in range(EACH):
            n += 1
            store.put(bad(rng, rng.choice(sorted(KINDS)), n))
        for i in range(EACH // 2):
            store.put(bad(units, "Unit", turn * EACH + i))
        slowest = max(slowest, good("good-%d" % turn))
    all_queues_are_empty()
    n += ROUNDS * (EACH // 2)
    diag("%d bad objects, seed %d; the slowest good one took %.2f s" % (n, SEED, slowest))


def warned_pods():
    return {e["involvedObject"]["name"] for e in api.items("/api/v1/namespaces/default/events") if e["involvedObject"]["kind"] == "Pod"}


@test
def pods_that_nobody_would_write_get_a_warning_and_stop_nobody():
    for n, notes in enumerate((
            {"claim": "x" * 100000}, {"claim": "../.."}, {"claim": "$(POD_NAME)" * 100}, {"network": "," * 5000}, {"network": "lan," * 5000},
            {"address": "10.99.2.9-10.99.2.1"}, {"address": "x" * 100000}, {"address": ";" * 5000}, {"retain": "\u0000"}, {"network": "a\u0000b"},
            {"k%d" % i: "" for i in range(2000)})):
        api.create("/api/v1/namespaces/default/pods", {
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "odd-%d" % n, "annotations": {"net.barewire.dev/" + k: v for k, v in notes.items()}},
            "spec": {"nodeName": "n1", "containers": [{"name": "a", "image": "none"}]}})
    good("beside-odd-pods")
    all_queues_are_empty()
    all_odd = {"odd-%d" % n for n in range(3, 11)}
    wait_until(lambda: all_odd <= warned_pods(), 30, lambda: "no Warning on %s\n%s" % (sorted(all_odd - warned_pods()), said()))


@test
def both_start_among_bad_objects():
    for p in (controller, agent):
        p.stop()
        p.start()
    wait_until(lambda: metric("kube_cache_objects", resource="networkclaims") > 0, 30, said)
    wait_until(answers, 30, said)
    good("after-restart")
    all_queues_are_empty()


@test
def an_epoch_that_cannot_be_read_gives_nothing_until_it_can():
    obj = api.get(NET + "/networkepochs/cluster")
    store.put({**obj, "spec": {"epoch": "x", "clusterID": []}})
    controller.stop()
    controller.start()
    wait_until(lambda: metric("leader_election_master_status", name="barewire-controller") == 1, 40, said)
    api.create(CLAIMS, {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkClaim", "metadata": {"name": "waits"},
                        "spec": {"interfaces": [{"name": "eth0", "network": "lan"}]}})
    wait_until(lambda: metric("kube_cache_objects", resource="networkepochs") == 1, 10, said)
    expect_eq(api.get(CLAIMS + "/waits").get("status"), None, "status of a claim while the epoch is no number")
    store.put(obj)
    api.wait(CLAIMS + "/waits", lambda o: o.get("status", {}).get("phase") == "Bound", 60, "Bound")
    good("at-the-end")


main(setup=setup)
