# SPDX-License-Identifier: Apache-2.0
"""From a pod's creation to Ready: barewire with a claim of its own for each pod, beside the reference bridge plugin
with host-local on the same nodes, in turns. How much of it is the network plugin's is what containerd itself counts.
Runs on the kube bed."""
import random
import re
import socket
import threading
import time

import kubeproduct
import kubetest
from kube_path import Place
from kubeproc import wait
from kubetest import NS, PAUSE, is_running, pod_spec, pods_path
from measure import AA, between, quartiles
from wire import inside

BATCH, SINGLES = 16, 6
METRICS = ("127.0.0.1", 1338)
NETWORK = "containerd_cri_sandbox_create_network"
# Pools probe for duplicates by default, for 100 ms of each ADD; the reference never does.
POOLS = {"barewire": "lan", "barewire, probe off": "lan-off"}
KINDS = ("bridge", "bridge" + AA, *POOLS)


def expose_metrics(node):
    """containerd with its counters open on the node's loopback."""
    conf = node.path("containerd.toml")
    with open(conf, "a") as f:
        f.write("[metrics]\naddress = '%s:%d'\n" % METRICS)
    node.containerd.stop()
    node.containerd.start()
    node.containerd_ready()


def network_seconds(node):
    """(seconds, count) that containerd has spent in the network plugins of new sandboxes."""
    with inside(Place("/run/netns/" + node.name)):
        s = socket.create_connection(METRICS, timeout=10)
    with s:
        s.sendall(b"GET /v1/metrics HTTP/1.0\r\n\r\n")
        text = b""
        while True:
            more = s.recv(1 << 16)
            if not more:
                break
            text += more
    out = [re.search(r"^%s\w*_%s (\S+)$" % (NETWORK, what), text.decode(), re.M) for what in ("sum", "count")]
    if None in out:
        raise RuntimeError("containerd does not count network plugins: %s" % re.findall(r"^containerd_cri\w*_sum", text.decode(), re.M))
    return tuple(float(m.group(1)) for m in out)


class Ready(threading.Thread):
    """When each pod of the namespace was seen Ready."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client, self.at = client.another(60), {}
        self.start()

    def run(self):
        while True:
            for kind, obj in self.client.watch(pods_path()):
                if kind != "DELETED" and is_running(obj):
                    self.at.setdefault(obj["metadata"]["name"], time.monotonic())


class PodsBed:
    def __init__(self):
        self.bed, self.api = kubetest.bed, kubetest.api
        self.now, self.notes, self.number = None, {}, 0
        self.ready = Ready(self.api)

    def use(self, kind):
        """The network that new pods get."""
        self.notes = {kubeproduct.ANN + "network": POOLS[kind]} if kind in POOLS else {}
        kind = "barewire" if kind in POOLS else kind
        if self.now == kind:
            return
        for n in self.bed.nodes:
            n.conflist("00-reference.conflist", None if kind == "barewire" else [
                {"type": "bridge", "bridge": "cni0", "isGateway": True, "hairpinMode": True, "isDefaultGateway": True,
                 "ipam": {"type": "host-local", "ranges": [[{"subnet": n.pod_cidr}]]}},
                {"type": "portmap", "snat": True, "capabilities": {"portMappings": True}}])
        end = time.monotonic() + 60
        for n in self.bed.nodes:
            while True:
                ip = kubetest.pod("canary", image=PAUSE, node=n.name)["status"]["podIP"]
                kubetest.delete_pod("canary")
                if ip.startswith("10.99." if kind == "barewire" else "10.244."):
                    break
                if time.monotonic() > end:
                    raise RuntimeError("%s goes on with another network: %s" % (n.name, ip))
        self.now = kind

    def create(self):
        self.number += 1
        name, node = "p%d" % self.number, self.bed.nodes[self.number % len(self.bed.nodes)].name
        start = time.monotonic()
        self.api.create(pods_path(), {"metadata": {"name": name, "annotations": self.notes}, "spec": pod_spec(PAUSE, node)})
        return name, start

    def gone(self):
        kubetest.delete_pods(timeout_s=180)

    def network(self):
        both = [network_seconds(n) for n in self.bed.nodes]
        return sum(s for s, _ in both), sum(c for _, c in both)

    def measured(self, count, at_once):
        """Mean seconds of count pods, and of their network plugins."""
        s0, c0 = self.network()
        took, first = [], time.monotonic()
        if at_once:
            made = [self.create() for _ in range(count)]
            wait(lambda: all(n in self.ready.at for n, _ in made), 300, "pods that are Ready")
            took = [self.ready.at[n] - start for n, start in made]
            total = max(self.ready.at[n] for n, _ in made) - first
        else:
            total = 0
            for _ in range(count):
                name, start = self.create()
                wait(lambda: name in self.ready.at, 120, "a pod that is Ready")
                took.append(self.ready.at[name] - start)
        s1, c1 = self.network()
        self.gone()
        if c1 - c0 != count:
            raise RuntimeError("%d pods, but %d sandboxes got a network" % (count, c1 - c0))
        return {"p50": quartiles(took)[1], "mean": sum(took) / count, "total": total, "network": (s1 - s0) / count}


def pods(rounds, _):
    kubeproduct.install()
    kubeproduct.pool(default=True, ranges=("10.99.2.1-10.99.2.250",))
    kubeproduct.pool("lan-off", probe="Off", ranges=("10.99.3.1-10.99.3.250",))
    bed = PodsBed()
    for n in bed.bed.nodes:
        expose_metrics(n)
    samples = {"one": {k: [] for k in KINDS}, "batch": {k: [] for k in KINDS}}
    for r in range(rounds):
        for kind in random.sample(KINDS, len(KINDS)):
            bed.use(kind.removesuffix(AA))
            samples["one"][kind].append(bed.measured(SINGLES, False))
            samples["batch"][kind].append(bed.measured(BATCH, True))
            print("  round %d of %d, %s: one %.2f s (plugin %.3f), %d at once %.2f s (plugin %.3f)" % (
                r + 1, rounds, kind, samples["one"][kind][-1]["p50"], samples["one"][kind][-1]["network"], BATCH,
                samples["batch"][kind][-1]["total"], samples["batch"][kind][-1]["network"]), flush=True)
    refused = [e["message"] for e in kubetest.events(NS, "FailedCreatePodSandBox")]
    return {"samples": samples, "batch": BATCH, "singles": SINGLES, "refused": len(refused)}


def pods_rows(part):
    rows = []
    for what, key in (("one", "p50"), ("batch", "total")):
        samples = part["samples"][what]
        for kind, list_ in samples.items():
            rows.append({"what": what, "name": kind, "seconds": quartiles([r[key] for r in list_])[1],
                         "network": quartiles([r["network"] for r in list_])[1],
                         "share": quartiles([r["network"] / r["mean"] for r in list_])[1],
                         "ratio": between(samples, kind, "bridge", key), "plugin": between(samples, kind, "bridge", "network")})
    return rows
