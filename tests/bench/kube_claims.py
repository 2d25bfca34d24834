# SPDX-License-Identifier: Apache-2.0
"""Claims by the thousand on a real API server without nodes: barewire-controller beside two small Go controllers that
do the same two writes (tests/peers), what the objects cost the API server, and one claim at a time."""
import os
import random
import re
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from bwtest import BUILD, CACHE, TOP
from kubeapi import ApiServer, kubectl
from kubeclient import Client
from kubeproc import Proc, wait
from measure import AA, between, quartiles

NET = "/apis/net.barewire.dev/v1alpha1"
CLAIMS = NET + "/namespaces/default/networkclaims"
THREADS = 8
OURS, PEERS = "barewire", ("informer", "runtime")
PEER_FOLDER = os.path.join(CACHE, "kube-peers")


# What a process and a server say of themselves -----------------------------------------------------

def status_bytes(pid, field):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(field + r":\s+(\d+)", f.read()).group(1)) * 1024


def cpu_seconds(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def heap(client):
    """Bytes that live in the API server, garbage collected."""
    for _ in range(2):
        client.ask("GET", "/debug/pprof/heap?gc=1")
    text = client.ask("GET", "/metrics")[1]
    return float(re.search(r"^go_memstats_heap_alloc_bytes (\S+)$", text, re.M).group(1))


def writes(client):
    """{"POST networkaddresses 201": count} of our kinds since the server began."""
    out = {}
    for labels, value in re.findall(r"^apiserver_request_total\{(.*)\} (\S+)$", client.ask("GET", "/metrics")[1], re.M):
        label = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        if label["group"] == "net.barewire.dev" and label["verb"] in ("POST", "PATCH", "PUT", "APPLY", "DELETE"):
            what = label["resource"] + ("/" + label["subresource"] if label["subresource"] else "")
            key = "%s %s %s" % (label["verb"], what, label["code"])
            out[key] = out.get(key, 0) + int(float(value))
    return out


def difference(after, before):
    return {k: v - before.get(k, 0) for k, v in sorted(after.items()) if v != before.get(k, 0)}


# The server and what is made on it -----------------------------------------------------------------

class Server:
    """An API server with our kinds, rights, policies and queues; no nodes."""

    def __init__(self, *flags):
        self.folder = tempfile.TemporaryDirectory(prefix="barewire-bench.")
        self.api = ApiServer(self.folder.name, flags=flags).start()
        self.client = Client(self.api.admin, 60)
        kubectl(self.api.admin, "create", "namespace", "barewire-system")
        for part in ("crds", "rbac", "policies"):
            kubectl(self.api.admin, "apply", "--server-side", "-k", os.path.join(TOP, "conf", part))
        kubectl(self.api.admin, "apply", "--server-side", "-f", os.path.join(TOP, "conf", "deploy", "uninstall", "flow.yaml"))
        # A kind that is Established may still be without a store for a moment.
        kinds = ("networkpools", "networkclaims", "networkaddresses")
        wait(lambda: all(self.client.ask("GET", "%s/%s" % (NET, k))[0] == 200 for k in kinds), 60, "the kinds")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.api.stop()
        self.folder.cleanup()

    def controller(self, name):
        """One of them, with the rights and the queue of ours."""
        user = "system:serviceaccount:barewire-system:barewire-controller"
        conf = self.api.kubeconfig(name, user, ["system:serviceaccounts"])
        program = os.path.join(PEER_FOLDER, name) if name in PEERS else os.path.join(BUILD, "barewire-controller")
        # A Lease that is lost ends the process, on a machine that is too busy to renew it; the peers have none.
        more = [] if name in PEERS else ["--lease-duration=600"]
        return Proc(name, [program, "--kubeconfig=" + conf, *more], os.path.join(self.folder.name, name + ".log"),
                    env={"POD_NAME": name, "POD_NAMESPACE": "barewire-system"})

    def pool(self, size):
        """A pool of at least this many addresses."""
        self.client.create(NET + "/networkpools", {
            "apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkPool", "metadata": {"name": "lan"},
            "spec": {"domain": "lan", "prefix": "10.0.0.0/8", "ranges": ["10.1.0.0-10.%d.255.255" % (1 + size // 65536)], "uplink": "data0",
                     "cooldownSeconds": 0}})

    def many(self, path, objects):
        """Creates them over THREADS connections; returns seconds."""
        local = threading.local()

        def make(obj):
            if not hasattr(local, "client"):
                local.client = self.client.another(60)
            local.client.create(path, obj)
        start = time.monotonic()
        with ThreadPoolExecutor(THREADS) as pool:
            for _ in pool.map(make, objects):
                pass
        return time.monotonic() - start


def claim_object(i):
    # With the finalizer that a claim made for a pod is created with: adding it is no part of an allocation.
    return {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkClaim",
            "metadata": {"name": "db-%d" % i, "finalizers": ["net.barewire.dev/claim"]},
            "spec": {"interfaces": [{"name": "eth0", "network": "lan"}], "unitRef": {"name": "db-%d" % i}}}


def address_object(i):
    ip = "10.%d.%d.%d" % (1 + (i >> 16), (i >> 8) & 255, i & 255)
    return {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkAddress", "metadata": {"name": "lan." + ip.replace(".", "-")},
            "spec": {"domain": "lan", "address": ip, "pool": "lan", "state": "Bound", "stateSince": "2026-01-01T00:00:00Z",
                     "claim": {"namespace": "default", "name": "db-%d" % i, "uid": "00000000-0000-4000-8000-%012d" % i, "interface": "eth0"}}}


class Watcher(threading.Thread):
    """When each claim was seen first and when it was Bound."""

    def __init__(self, client):
        super().__init__(daemon=True)
        self.client, self.at, self.made = client.another(60), {}, {}
        self.start()

    def run(self):
        for _, obj in self.client.watch(NET + "/networkclaims", 3600):
            now, name = time.monotonic(), obj["metadata"]["name"]
            self.made.setdefault(name, now)
            if name not in self.at and any(i.get("ips") for i in obj.get("status", {}).get("interfaces", [])):
                self.at[name] = now


def percentiles(values):
    values = sorted(values)
    return {"p50": values[len(values) // 2], "p99": values[min(len(values) - 1, len(values) * 99 // 100)]}


def duplicates(api):
    """(addresses given twice, claims without one), read from the server."""
    seen, twice, without = set(), 0, 0
    for c in api.items(NET + "/networkclaims"):
        ips = [ip for i in c.get("status", {}).get("interfaces", []) for ip in i.get("ips", [])]
        without += not ips
        twice += sum(ip in seen for ip in ips)
        seen.update(ips)
    return twice, without


# 10,000 claims cold ---------------------------------------------------------------------------------

def run_cold(name, n):
    """n claims are there before the controller starts; from its start to the last one Bound."""
    kind = name.removesuffix(AA)
    with Server() as server:
        api = server.client
        server.pool(n)
        made = server.many(CLAIMS, (claim_object(i) for i in range(n)))
        watcher = Watcher(api)
        wait(lambda: len(watcher.made) == n, 60 + n // 500, "the watch")
        counts, cpu0, etcd0 = writes(api), cpu_seconds(server.api.pid), cpu_seconds(server.api.etcd.pid)
        ctl = server.controller(kind).start()
        start = time.monotonic()
        ctl.wait_ready(lambda: len(watcher.at) == n, 300 + n // 5)
        times = [t - start for t in watcher.at.values()]
        first, total = min(times), max(times)
        # Its own watch of what it wrote is still on the way.
        wait(lambda: time.monotonic() > start + total + 1, 5, "a second")
        delta = difference(writes(api), counts)
        twice, without = duplicates(api)
        out = {"seconds": total, "first": first, "rate": n / (total - first), **percentiles(times), "writes": delta,
               "writes_per_address": sum(v for k, v in delta.items() if "networkaddresses" in k or "networkclaims" in k) / n,
               "rss": status_bytes(ctl.pid, "VmRSS"), "peak": status_bytes(ctl.pid, "VmHWM"), "cpu": cpu_seconds(ctl.pid),
               "api_cpu": cpu_seconds(server.api.pid) - cpu0, "etcd_cpu": cpu_seconds(server.api.etcd.pid) - etcd0,
               "duplicates": twice, "without": without, "made_per_s": n / made}
        ctl.stop()
        return out


def cold(n, rounds):
    names = (OURS, *PEERS, OURS + AA)
    samples = {name: [] for name in names}
    for r in range(rounds):
        for name in random.sample(names, len(names)):
            one = run_cold(name, n)
            samples[name].append(one)
            print("  round %d of %d, %s: %d claims in %.1f s, %.0f/s, %s peak, %.1f s of CPU" % (
                r + 1, rounds, name, n, one["seconds"], one["rate"], mib(one["peak"]), one["cpu"]), flush=True)
    return {"claims": n, "samples": samples}


def mib(n):
    return "%.1f MiB" % (n / 1048576)


def cold_rows(part):
    """A row for each controller: medians, and how many times ours is better within the same round."""
    rows = []
    for name, rounds in part["samples"].items():
        mid = {k: quartiles([r[k] for r in rounds])[1] for k in rounds[0] if k != "writes"}
        rows.append({"name": name, **mid, "writes": rounds[-1]["writes"],
                     "ratio": {k: between(part["samples"], name, OURS, k) for k in ("rate", "cpu", "peak", "api_cpu")}})
    return rows


# What the objects cost the API server ---------------------------------------------------------------

def run_memory(n, *flags):
    with Server(*flags) as server:
        api, pid = server.client, server.api.pid
        server.pool(n)
        out = {"heap": [heap(api)], "rss": [status_bytes(pid, "VmRSS")]}
        for path, make in ((NET + "/networkaddresses", address_object), (CLAIMS, claim_object)):
            server.many(path, (make(i) for i in range(n)))
            api.items(path)
            out["heap"].append(heap(api))
            out["rss"].append(status_bytes(pid, "VmRSS"))
        return out


def memory(n, _):
    """With and without the watch cache; the difference is what it costs."""
    return {"objects": n, "with": run_memory(n), "without": run_memory(n, "--watch-cache=false")}


def memory_rows(part):
    n, rows = part["objects"], []
    for i, what in ((1, "NetworkAddress"), (2, "NetworkClaim")):
        heaps = {k: (part[k]["heap"][i] - part[k]["heap"][i - 1]) / n for k in ("with", "without")}
        rows.append({"name": what, "heap": heaps["with"], "cache": heaps["with"] - heaps["without"]})
    return rows


# One claim at a time --------------------------------------------------------------------------------

def run_warm(kind, n):
    with Server() as server:
        api = server.client
        server.pool(n)
        ctl = server.controller(kind).start()
        watcher = Watcher(api)
        for i in range(n):
            name = "db-%d" % i
            api.create(CLAIMS, claim_object(i))
            ctl.wait_ready(lambda: name in watcher.at, 30)
        # The first ones wait for the controller to be up.
        times = [(watcher.at[k] - watcher.made[k]) * 1000 for k in list(watcher.at)[n // 10:]]
        ctl.stop()
        return percentiles(times)


def warm(n, rounds):
    names = (OURS, *PEERS, OURS + AA)
    samples = {name: [] for name in names}
    for _ in range(rounds):
        for name in random.sample(names, len(names)):
            samples[name].append(run_warm(name.removesuffix(AA), min(n, 200)))
    return {"claims": min(n, 200), "samples": samples}


def warm_rows(part):
    return [{"name": name, "p50": quartiles([r["p50"] for r in rounds])[1], "p99": quartiles([r["p99"] for r in rounds])[1],
             "ratio": between(part["samples"], name, OURS)} for name, rounds in part["samples"].items()]
