#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A kubelet that runs nothing, for thousands of pods: fakekubelet.py KUBECONFIG NODES [--agent] [--disks].

It registers the Nodes fake-1 .. fake-NODES (label barewire.test/fake, tainted so that only who tolerates it comes),
keeps their leases, makes every pod on them Running with an address of 10.200.0.0/14 or of its claim, and lets
deleted pods go. With --agent it also says what the agent of such a node would say on the claims it holds:
attached when the pod runs, detachedToken when it is gone. With --disks it binds each
PersistentVolumeClaim to the volume disk-of-CLAIM, which somebody made in advance: the controller-manager's work, but
many at once and in two writes.
"""
import http.client
import ipaddress
import os
import queue
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from kubeclient import ApiError, Client  # noqa: E402
from kubeproc import Proc, wait  # noqa: E402

LABEL = "barewire.test/fake"
DISK = "disk-of-"  # and the claim's name: its PersistentVolume
CLAIMS = "/apis/net.barewire.dev/v1alpha1"
CLAIM_ANNOTATION = "net.barewire.dev/claim"
WORKERS = 4


def now():
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + ".000000Z"


def node_status():
    condition = {"status": "False", "reason": "Fake", "message": "", "lastHeartbeatTime": now()[:19] + "Z", "lastTransitionTime": now()[:19] + "Z"}
    room = {"cpu": "1000", "memory": "1000Gi", "pods": "5000"}
    return {"capacity": room, "allocatable": room, "nodeInfo": {
        "machineID": "", "systemUUID": "", "bootID": "fake", "kernelVersion": "fake", "osImage": "fake", "containerRuntimeVersion": "fake://1",
        "kubeletVersion": "v1.36.4", "kubeProxyVersion": "", "operatingSystem": "linux", "architecture": "amd64"},
        "conditions": [{**condition, "type": "Ready", "status": "True"}] +
        [{**condition, "type": t} for t in ("MemoryPressure", "DiskPressure", "PIDPressure")]}


def ready(obj):
    return any(c["type"] == "Ready" and c["status"] == "True" for c in obj.get("status", {}).get("conditions", []))


class FakeKubelet:
    def __init__(self, kubeconfig, nodes, agent, disks):
        self.client = Client(kubeconfig, 60)
        self.nodes = {"fake-%d" % (i + 1) for i in range(nodes)}
        self.agent, self.disks = agent, disks
        self.todo = queue.SimpleQueue()
        self.lock = threading.Lock()
        self.ips = 0
        self.claims = {}   # (namespace, name): the newest seen
        self.waiting = {}  # (namespace, claim): pods that need its address
        self.live = {}     # (namespace, claim): UID of the pod that runs on it

    def register(self):
        for name in sorted(self.nodes):
            if not self.client.find("/api/v1/nodes/" + name):
                self.client.create("/api/v1/nodes", {"metadata": {"name": name, "labels": {
                    LABEL: "true", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}},
                    "spec": {"taints": [{"key": LABEL, "value": "true", "effect": "NoSchedule"}]}})
            self.client.patch("/api/v1/nodes/%s/status" % name, {"status": node_status()})
            if self.agent:
                self.network(name)
        self.leases(self.client)

    def network(self, name):
        """What the agent of that node says of it: the segment `lan` is there."""
        kind = CLAIMS + "/nodenetworks"
        uid = self.client.get("/api/v1/nodes/" + name)["metadata"]["uid"]
        self.as_agent(self.client, name)
        self.client.ask("POST", kind, {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NodeNetwork", "metadata": {"name": name}})
        self.client.patch("%s/%s/status" % (kind, name), {"status": {
            "nodeUID": uid, "bootID": "fake", "epoch": 0, "attachments": 0, "domains": [{"domain": "lan", "uplink": "data0", "ready": True}]}})
        self.client.headers = {}

    def leases(self, client):
        path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
        for name in self.nodes:
            spec = {"holderIdentity": name, "leaseDurationSeconds": 10, "renewTime": now()}
            if client.ask("PATCH", path + "/" + name, {"spec": spec}, "application/merge-patch+json")[0] == 404:
                client.ask("POST", path, {"metadata": {"name": name}, "spec": spec})

    def keep(self, fn):
        """fn(client of its own) for ever, whatever the server does meanwhile."""
        def loop():
            client = self.client.another()
            while True:
                try:
                    fn(client)
                except (ApiError, OSError, ValueError, http.client.HTTPException) as e:
                    print(fn.__name__, e, file=sys.stderr, flush=True)
                    time.sleep(0.2)
        threading.Thread(target=loop, daemon=True).start()

    def renew(self, client):
        self.leases(client)
        # A node whose Lease came late was set aside by the controller-manager, and its pods with it.
        for node in client.items("/api/v1/nodes?labelSelector=" + LABEL.replace("/", "%2F")):
            if not ready(node):
                client.patch("/api/v1/nodes/%s/status" % node["metadata"]["name"], {"status": node_status()})
        time.sleep(3)

    def watch_pods(self, client):
        for kind, pod in client.watch("/api/v1/pods?fieldSelector=spec.nodeName%21%3D"):
            if kind in ("ADDED", "MODIFIED") and pod["spec"].get("nodeName") in self.nodes:
                self.todo.put(("pod", pod))

    def watch_disks(self, client):
        for kind, claim in client.watch("/api/v1/persistentvolumeclaims"):
            if kind in ("ADDED", "MODIFIED") and claim.get("status", {}).get("phase") != "Bound":
                self.todo.put(("disk", claim))

    def bind(self, client, claim):
        meta, spec = claim["metadata"], claim["spec"]
        path = "/api/v1/namespaces/%s/persistentvolumeclaims/%s" % (meta["namespace"], meta["name"])
        kind = "application/merge-patch+json"
        if "volumeName" not in spec:
            self.insist(client, "disk", claim, "PATCH", path, {"metadata": {"annotations": {
                "pv.kubernetes.io/bind-completed": "yes"}}, "spec": {"volumeName": DISK + meta["name"]}}, kind)
        else:
            self.insist(client, "disk", claim, "PATCH", path + "/status", {"status": {
                "phase": "Bound", "accessModes": spec["accessModes"], "capacity": spec["resources"]["requests"]}}, kind)

    def watch_claims(self, client):
        for kind, claim in client.watch(CLAIMS + "/networkclaims"):
            meta = claim["metadata"]
            key = (meta["namespace"], meta["name"])
            with self.lock:
                self.claims[key] = claim
                pods = self.waiting.pop(key, [])
                if kind == "DELETED":
                    del self.claims[key]
            for pod in pods:
                self.todo.put(("pod", pod))

    def work(self, client):
        what, obj = self.todo.get()
        if what == "disk":
            self.bind(client, obj)
            return
        meta = obj["metadata"]
        path = "/api/v1/namespaces/%s/pods/%s" % (meta["namespace"], meta["name"])
        if "deletionTimestamp" in meta:
            self.detach(client, obj)
            self.insist(client, "pod", obj, "DELETE", path, {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}})
        elif obj.get("status", {}).get("phase") in (None, "Pending") or not ready(obj):
            self.run(client, obj, path)

    def insist(self, client, what, obj, *request):
        """Asks; the object's turn comes again when the server was away, begins or is busy."""
        code, answer = client.ask(*request)
        if code in (0, 403, 429) or code >= 500:
            print(request[:2], code, answer, file=sys.stderr, flush=True)
            time.sleep(0.2)
            self.todo.put((what, obj))

    def claim_key(self, pod):
        name = pod["metadata"].get("annotations", {}).get(CLAIM_ANNOTATION)
        name = name.replace("$(POD_NAME)", pod["metadata"]["name"]) if name else pod["metadata"]["name"]
        return pod["metadata"]["namespace"], name

    def run(self, client, pod, path):
        ip = None
        if self.agent:
            ip = self.attach(client, pod)
            if not ip:
                return  # the claim's next event brings the pod back
        ip = ip or pod.get("status", {}).get("podIP")
        if not ip:
            with self.lock:
                self.ips += 1
                ip = str(ipaddress.ip_address("10.200.0.0") + self.ips)
        stamp = now()[:19] + "Z"
        conditions = [{"type": t, "status": "True", "lastTransitionTime": stamp} for t in ("PodScheduled", "Initialized", "ContainersReady", "Ready")]
        names = [c["name"] for c in pod["spec"]["containers"]]
        self.insist(client, "pod", pod, "PATCH", path + "/status", {"metadata": {"uid": pod["metadata"]["uid"]}, "status": {
            "phase": "Running", "conditions": conditions, "hostIP": "10.77.1.1", "podIP": ip, "podIPs": [{"ip": ip}], "startTime": stamp,
            "containerStatuses": [{"name": n, "ready": True, "restartCount": 0, "image": "fake", "imageID": "", "started": True,
                                   "state": {"running": {"startedAt": stamp}}} for n in names]}}, "application/merge-patch+json")

    # As the agent ---------------------------------------------------------------------------------

    def as_agent(self, client, node):
        """The rights of that node's agent, by impersonation: the policies hold for it as for a real one."""
        client.headers = {"Impersonate-User": "system:serviceaccount:barewire-system:barewire-agent",
                          "Impersonate-Group": "system:serviceaccounts",
                          "Impersonate-Extra-authentication.kubernetes.io%2Fnode-name": node}

    def tell(self, client, node, key, status):
        self.as_agent(client, node)
        answer = client.ask("PATCH", "%s/namespaces/%s/networkclaims/%s/status" % (CLAIMS, *key), {"status": status}, "application/merge-patch+json")
        client.headers = {}
        if answer[0] not in (200, 404):
            print("claim %s/%s: %s" % (*key, answer), file=sys.stderr, flush=True)

    def attach(self, client, pod):
        key, node = self.claim_key(pod), pod["spec"]["nodeName"]
        with self.lock:
            claim = self.claims.get(key)
            status = (claim or {}).get("status", {})
            holder = status.get("holder")
            ips = [ip for i in status.get("interfaces", []) for ip in i.get("ips", [])]
            if not ips or not holder or holder["node"] != node:
                self.waiting.setdefault(key, []).append(pod)
                return None
            self.live[key] = pod["metadata"]["uid"]
        mac = status["interfaces"][0].get("mac")
        said = {"node": node, "token": holder["token"], "since": now()[:19] + "Z", **({"mac": mac} if mac else {})}
        if (status.get("attached") or {}).get("token") != holder["token"]:
            self.tell(client, node, key, {"attached": said})
        return ips[0]

    def detach(self, client, pod):
        key, node = self.claim_key(pod), pod["spec"].get("nodeName")
        with self.lock:
            if not self.agent or self.live.get(key) != pod["metadata"]["uid"]:
                return
            del self.live[key]
            token = ((self.claims.get(key) or {}).get("status", {}).get("attached") or {}).get("token")
        if token:
            self.tell(client, node, key, {"attached": None, "detachedToken": token})

    def main(self):
        self.register()
        self.keep(self.renew)
        if self.agent:
            self.keep(self.watch_claims)
        if self.disks:
            self.keep(self.watch_disks)
        self.keep(self.watch_pods)
        for _ in range(WORKERS):
            self.keep(self.work)
        print("ready", flush=True)
        while True:
            signal.pause()


def start(bed, nodes, agent=False, disks=False):
    """A fake kubelet for the bed, as a Proc: stop() and remove() end it."""
    proc = Proc("fakekubelet", [sys.executable, os.path.abspath(__file__), bed.admin, nodes, *["--agent"] * agent, *["--disks"] * disks],
                bed.path("fakekubelet.log"))
    if os.path.exists(proc.log):
        os.unlink(proc.log)
    proc.start()
    return proc.wait_ready(lambda: "ready" in proc.tail(1000), 60)


def remove(bed, proc, timeout_s=60):
    """Ends it and takes its nodes away with what still runs on them."""
    client = bed.client
    for node in client.items("/api/v1/nodes?labelSelector=" + LABEL.replace("/", "%2F")):
        client.delete("/api/v1/nodes/" + node["metadata"]["name"])

    def empty():
        # The garbage collector of pods would take them too, after a minute.
        left = [p["metadata"] for p in client.items("/api/v1/pods") if p["spec"].get("nodeName", "").startswith("fake-")]
        for meta in left:
            client.ask("DELETE", "/api/v1/namespaces/%s/pods/%s" % (meta["namespace"], meta["name"]),
                       {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}})
        return not left
    wait(empty, timeout_s, "the end of the pods on fake nodes")
    proc.stop()


if __name__ == "__main__":
    FakeKubelet(sys.argv[1], int(sys.argv[2]), "--agent" in sys.argv[3:], "--disks" in sys.argv[3:]).main()
