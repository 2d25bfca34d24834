# SPDX-License-Identifier: Apache-2.0
"""Units by the thousand on a real API server, scheduler and controller-manager, with nodes that run nothing:
barewire-controller beside a small Go controller that makes the same objects (tests/peers/units), and beside a
StatefulSet of the same size in a controller-manager that does nothing else."""
import http.client
import json
import os
import random
import tempfile
import threading
import time

import fakekubelet
from kube_claims import OURS, PEER_FOLDER, Server, cpu_seconds, duplicates, mib, percentiles, status_bytes
from kubeclient import ApiError
from kubeproc import Proc, program, wait
from measure import AA, between, quartiles

DB = "/apis/db.barewire.dev/v1alpha1/namespaces/default/units"
PODS = "/api/v1/namespaces/default/pods"
PEER, SET = "runtime", "statefulset"
NODES = 5
QUIET_S, IDLE_S = 3, 10
# As on the kube bed: by default they ask 20 and 50 times a second.
QUICK = ("--kube-api-qps=1000", "--kube-api-burst=2000")
USERS = {SET: "system:serviceaccount:kube-system:statefulset-controller"}
AUDIT = """apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, verbs: [create, update, patch, delete]}
- {level: None}
"""


class Cluster(Server):
    """The same with a scheduler, a controller-manager, and nodes of a fake kubelet, which binds volumes too: the
    controller-manager does it one after the other, which would be all that is measured. Who wrote what is in the audit
    log."""

    def __init__(self):
        self.logs = tempfile.TemporaryDirectory(prefix="barewire-bench.")
        with open(self.path("audit.yaml"), "w") as f:
            f.write(AUDIT)
        super().__init__("--audit-policy-file=" + self.path("audit.yaml"), "--audit-log-path=" + self.path("audit.log"))
        self.admin, self.read, self.counts = self.api.admin, 0, {}
        key = self.api.pki.key_pair("sa")[1]
        self.manager = self.component("kube-controller-manager", "manager", "--service-account-private-key-file=" + key, "--root-ca-file=" + self.api.pki.ca,
                                      "--controllers=*,-statefulset-controller,-persistentvolume-binder-controller").start()
        self.scheduler = self.component("kube-scheduler", "scheduler").start()
        self.client.wait("/api/v1/namespaces/default/serviceaccounts/default", lambda o: o is not None, 60, "default account")
        self.kubelet = None

    def __exit__(self, *what):
        for p in (self.kubelet, self.scheduler, self.manager):
            if p:
                p.kill()
        super().__exit__(*what)
        self.logs.cleanup()

    def path(self, name):
        return os.path.join(self.logs.name, name)

    def component(self, name, log, *flags):
        conf = self.api.kubeconfig(name, "system:" + name)
        own = ["--use-service-account-credentials"] if name == "kube-controller-manager" else []
        return Proc(log, [program(name), "--kubeconfig=" + conf, "--authentication-kubeconfig=" + conf, "--authorization-kubeconfig=" + conf, *QUICK,
                          "--leader-elect=false", "--bind-address=127.0.0.1", *own, *flags], self.path(log + ".log"))

    def nodes(self, agent):
        """agent: they speak for claims too, as the nodes of ours do."""
        self.kubelet = fakekubelet.start(self, NODES, agent, disks=True)

    def controller(self, name):
        if name == SET:
            return self.component("kube-controller-manager", SET, "--controllers=statefulset-controller", "--secure-port=10357")
        if name == OURS:
            return super().controller(name)
        proc = super().controller(OURS)
        proc.argv = [os.path.join(PEER_FOLDER, "units"), proc.argv[1]]
        return proc

    def written(self, user):
        """{"create pods 201": count} of that user's writes so far."""
        with open(self.path("audit.log")) as f:
            f.seek(self.read)
            for line in f:
                if not line.endswith("\n"):
                    break
                self.read += len(line.encode())
                e = json.loads(line)
                o = e.get("objectRef", {})
                what = "%s %s%s %s%s" % (e["verb"], o.get("resource"), "/" + o["subresource"] if "subresource" in o else "",
                                         e.get("responseStatus", {}).get("code"), " dry" if "dryRun=" in e["requestURI"] else "")
                one = self.counts.setdefault(e["user"]["username"], {})
                one[what] = one.get(what, 0) + 1
        return {k: v for k, v in sorted(self.counts.get(user, {}).items()) if " leases " not in k}


# What is made ---------------------------------------------------------------------------------------

def template():
    """The pod of both; it names no command, so that no process of it is ours."""
    return {"metadata": {"labels": {"app": "db"}}, "spec": {
        "automountServiceAccountToken": False, "nodeSelector": {fakekubelet.LABEL: "true"},
        "tolerations": [{"key": fakekubelet.LABEL, "operator": "Exists"}],
        "containers": [{"name": "redis", "image": "fake", "ports": [{"name": "redis", "containerPort": 6379, "protocol": "TCP"}],
                        "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
                        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
                        "readinessProbe": {"tcpSocket": {"port": 6379}, "periodSeconds": 1}}]}}


VOLUME = {"metadata": {"name": "data"}, "spec": {
    "accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "1Gi"}}}}


def unit_object(i):
    return {"apiVersion": "db.barewire.dev/v1alpha1", "kind": "Unit", "metadata": {"name": "db-%d" % i},
            "spec": {"mainContainerName": "redis", "networking": {"mode": "bridge", "network": "lan", "type": "networkClaim"},
                     "template": template(), "volumeClaimTemplates": [VOLUME]}}


def disk_object(i):
    return {"metadata": {"name": "%sdata-db-%d" % (fakekubelet.DISK, i)}, "spec": {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "",
        "hostPath": {"path": "/data/%d" % i}, "claimRef": {"namespace": "default", "name": "data-db-%d" % i}}}


def make(cluster, kind, n):
    cluster.many("/api/v1/persistentvolumes", (disk_object(i) for i in range(n)))
    if kind == SET:
        cluster.client.create("/apis/apps/v1/namespaces/default/statefulsets", {
            "metadata": {"name": "db"}, "spec": {"replicas": n, "serviceName": "db", "podManagementPolicy": "Parallel",
                                                 "selector": {"matchLabels": {"app": "db"}}, "template": template(),
                                                 "volumeClaimTemplates": [VOLUME]}})
    else:
        cluster.pool(n)
        cluster.many(DB, (unit_object(i) for i in range(n)))


# What is seen ---------------------------------------------------------------------------------------

class Seen(threading.Thread):
    """When each object of a path was Ready first."""

    def __init__(self, client, path):
        super().__init__(daemon=True)
        self.client, self.path, self.at = client.another(60), path, {}
        self.start()

    def run(self):
        while True:
            try:
                for _, obj in self.client.watch(self.path, 3600):
                    name = obj["metadata"]["name"]
                    if name not in self.at and fakekubelet.ready(obj):
                        self.at[name] = time.monotonic()
            except (ApiError, OSError, ValueError, http.client.HTTPException):
                time.sleep(0.2)  # a server that is too busy ends watches: from the start again


def settle(cluster, user):
    """Waits until that user has written nothing for a while; returns what it wrote."""
    last, since = None, time.monotonic()

    def quiet():
        nonlocal last, since
        now = cluster.written(user)
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > QUIET_S
    wait(quiet, 120, "a moment without writes")
    return last


def kinds_of(done):
    """How many writes took effect, were events, were dry runs, were refused (a conflict, or somebody was first)."""
    out = {"per_unit": 0, "events": 0, "dry": 0, "refused": 0}
    for what, count in done.items():
        words = what.split()
        out["dry" if words[-1] == "dry" else "events" if words[1] == "events" else "refused" if int(words[2]) >= 400 else "per_unit"] += count
    return out


def judge(cluster, kind, n):
    """What must not be: addresses given twice, pods or volumes too many."""
    pods, volumes = cluster.client.items(PODS), cluster.client.items("/api/v1/namespaces/default/persistentvolumeclaims")
    wrong = [] if len(pods) == len(volumes) == n else ["%d pods and %d volumes" % (len(pods), len(volumes))]
    if kind != SET:
        twice, without = duplicates(cluster.client)
        wrong += ["%d addresses given twice" % twice] * bool(twice) + ["%d claims without one" % without] * bool(without)
    return wrong


def run_units(name, n):
    """n of them are there before the controller starts; from its start to the last one Ready."""
    kind = name.removesuffix(AA)
    user = USERS.get(kind, "system:serviceaccount:barewire-system:barewire-controller")
    with Cluster() as cluster:
        ctl = cluster.controller(kind)
        cluster.nodes(kind == OURS)
        make(cluster, kind, n)
        seen = Seen(cluster.client, PODS if kind == SET else DB)
        shared = (cluster.manager, cluster.scheduler, cluster.kubelet, cluster.api)
        before = [cpu_seconds(p.pid) for p in shared]
        start = time.monotonic()
        ctl.start().wait_ready(lambda: len(seen.at) == n, 600 + n)
        times = sorted(t - start for t in seen.at.values())
        done = settle(cluster, user)
        cpu = cpu_seconds(ctl.pid)
        out = {"seconds": times[-1], "first": times[0], **percentiles(times), "writes": done, "cpu": cpu, "peak": status_bytes(ctl.pid, "VmHWM"),
               "others": dict(zip(("manager", "scheduler", "kubelet", "api"), (cpu_seconds(p.pid) - b for p, b in zip(shared, before)))),
               **{what: each / n for what, each in kinds_of(done).items()}}
        end = time.monotonic() + IDLE_S
        wait(lambda: time.monotonic() > end, IDLE_S + 5, "an idle while")
        out["idle_writes"] = sum(cluster.written(user).values()) - sum(done.values())
        out["idle_cpu"] = cpu_seconds(ctl.pid) - cpu
        out["wrong"] = judge(cluster, kind, n)
        ctl.stop()
        return out


def units(n, rounds):
    names = (OURS, PEER, SET, OURS + AA)
    samples = {name: [] for name in names}
    for r in range(rounds):
        for name in random.sample(names, len(names)):
            one = run_units(name, n)
            samples[name].append(one)
            print("  round %d of %d, %s: %d in %.1f s, %s peak, %.1f s of CPU, %.2f writes each (load %.1f) %s" % (
                r + 1, rounds, name, n, one["seconds"], mib(one["peak"]), one["cpu"], one["per_unit"], os.getloadavg()[0], one["wrong"] or ""), flush=True)
            print("    others: %s; %s" % (one["others"], one["writes"]), flush=True)
    return {"units": n, "samples": samples}


def units_rows(part):
    """A row for each: medians, and how many times barewire's within the same round."""
    rows = []
    for name, rounds in part["samples"].items():
        keys = ("p50", "p99", "seconds", "cpu", "peak", "per_unit", "events", "dry", "refused", "idle_writes", "idle_cpu")
        mid = {k: quartiles([r[k] for r in rounds])[1] for k in keys}
        mid["api"] = quartiles([r["others"]["api"] for r in rounds])[1]
        rows.append({"name": name, **mid, "ratio": {k: between(part["samples"], OURS, name, k) for k in ("seconds", "cpu", "peak")}})
    return rows
