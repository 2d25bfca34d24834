# SPDX-License-Identifier: Apache-2.0
"""An API server of its own with our kinds, rights and policies, and controllers that believe what a test wants them to:
each has a Lease in a namespace of its own, so each leads. They have the rights of the installed one.

    c = Cluster(folder, port=9443).start()
    leaders = [c.leader("race-%d" % i) for i in range(3)]
    c.seed(10000)                        # claims that are there before anybody looks, written into the store
    c.objects("networkclaims")           # from the store itself, no cache between
"""
import base64
import ipaddress
import json
import os
import re
import urllib.request
import uuid
from concurrent.futures import ThreadPoolExecutor

from bwtest import BUILD, TOP, wait_until
from kubeapi import ApiServer, kubectl
from kubeclient import Client, token_of
from kubeproc import Proc

NET = "/apis/net.barewire.dev/v1alpha1"
STORE = "/registry/net.barewire.dev/"
SYSTEM = "barewire-system"
KINDS = ("networkpools", "networkclaims", "networkaddresses", "networkreservations", "nodenetworks", "networkepochs")
TXN = 100  # operations of one transaction; etcd takes 128


class Controller(Proc):
    """One barewire-controller; what it says is in .log."""

    def said(self):
        with open(self.log, errors="replace") as f:
            return f.read()

    def leads(self, timeout_s=40):
        wait_until(lambda: '"leading"' in self.said() or not self.alive, timeout_s, lambda: "%s to lead\n%s" % (self.name, self.tail()))
        if not self.alive:
            raise RuntimeError("%s ended\n%s" % (self.name, self.tail()))
        return self

    def memory_mib(self):
        with open("/proc/%d/status" % self.pid) as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024


class Cluster:
    def __init__(self, folder, port):
        self.folder = folder
        self.server = ApiServer(os.path.join(folder, "api"), port=port)
        self.controllers = []

    def start(self):
        self.server.start()
        self.api = Client(self.server.admin)
        self.api.create("/api/v1/namespaces", {"metadata": {"name": SYSTEM}})
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda part: kubectl(self.server.admin, "apply", "--server-side", "-k", os.path.join(TOP, "conf", part)),
                          ("crds", "rbac", "policies")))
        for kind in KINDS:
            self.api.wait("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/%s.net.barewire.dev" % kind, lambda o: any(
                c["type"] == "Established" and c["status"] == "True" for c in (o or {}).get("status", {}).get("conditions", [])), 20, "Established")
        for kind in KINDS:
            wait_until(lambda: self.api.ask("GET", "%s/%s" % (NET, kind))[0] == 200, 20, kind)
        return self

    def stop(self):
        for c in self.controllers:
            c.kill()
        self.server.etcd.kill()  # nobody needs it any more
        self.server.kill()

    def path(self, name):
        return os.path.join(self.folder, name)

    # Controllers -----------------------------------------------------------------------------------

    def kubeconfig(self, url=None, ca=None):
        """The rights of the installed controller; url and ca: of somebody who stands between."""
        path = self.path("controller.%s.kubeconfig" % (url or "direct").rpartition(":")[2])
        if os.path.exists(path):
            return path
        token = token_of(self.api, SYSTEM, "barewire-controller", seconds=86400)
        with open(self.server.admin) as f:
            data = ca or re.search(r"certificate-authority-data: (\S+)", f.read()).group(1)
        with open(path, "w") as f:
            f.write("apiVersion: v1\nkind: Config\ncurrent-context: c\n"
                    "clusters: [{name: c, cluster: {server: \"%s\", certificate-authority-data: %s}}]\n"
                    "users: [{name: u, user: {token: %s}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\n" % (
                        url or self.server.url, data, token))
        return path

    def lease_place(self, namespace):
        """A namespace where one more of them may have the Lease."""
        if self.api.find("/api/v1/namespaces/" + namespace):
            return
        self.api.create("/api/v1/namespaces", {"metadata": {"name": namespace}})
        for kind in ("roles", "rolebindings"):
            o = self.api.get("/apis/rbac.authorization.k8s.io/v1/namespaces/%s/%s/barewire-controller" % (SYSTEM, kind))
            o["metadata"] = {"name": "barewire-controller"}
            self.api.create("/apis/rbac.authorization.k8s.io/v1/namespaces/%s/%s" % (namespace, kind), o)

    def controller(self, name, namespace=SYSTEM, url=None, ca=None, flags=()):
        """Starts one; it leads when nobody else has the Lease of that namespace."""
        self.lease_place(namespace)
        c = Controller(name, [os.path.join(BUILD, "barewire-controller"), "--kubeconfig", self.kubeconfig(url, ca), "--namespace", namespace,
                              "--identity", name, *flags], self.path(name + ".log"))
        self.controllers.append(c)
        return c.start()

    def leader(self, name, **kw):
        """One that leads whoever else does."""
        return self.controller(name, namespace=name, **kw)

    # Objects, through the API ----------------------------------------------------------------------

    def pool(self, name, ranges, prefix="10.99.0.0/16", domain="lan", **spec):
        self.api.apply("%s/networkpools/%s" % (NET, name), {
            "apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkPool", "metadata": {"name": name},
            "spec": {"domain": domain, "prefix": prefix, "ranges": list(ranges), "cooldownSeconds": 0, **spec}})

    def claim(self, name, ns="default", interfaces=None, **spec):
        return self.api.create("%s/namespaces/%s/networkclaims" % (NET, ns), claim_object(name, ns, interfaces, **spec))

    # The store itself ------------------------------------------------------------------------------

    def etcd(self, verb, body):
        req = urllib.request.Request(self.server.etcd.url + "/v3/kv/" + verb, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(req, timeout=60) as answer:
            return json.load(answer)

    def put(self, objects):
        """Writes (key below our group, object) as the API server would have."""
        objects = list(objects)
        for i in range(0, len(objects), TXN):
            self.etcd("txn", {"success": [{"requestPut": {"key": _b64(STORE + k), "value": _b64(json.dumps(o))}} for k, o in objects[i:i + TXN]]})

    def seed(self, n, ns="default", network="lan", prefix="c"):
        """n claims that nobody has looked at; the n-th is a second younger than the one before."""
        def one(i):
            o = claim_object("%s-%05d" % (prefix, i), ns, [{"name": "eth0", "network": network, "required": True}])
            o["metadata"].update(uid=str(uuid.uuid4()), generation=1, finalizers=["net.barewire.dev/claim"], creationTimestamp="2026-01-01T%02d:%02d:%02dZ" % (
                i // 3600, i // 60 % 60, i % 60))
            return "networkclaims/%s/%s" % (ns, o["metadata"]["name"]), o
        self.put(one(i) for i in range(n))

    def objects(self, kind):
        """All of a kind as they lie in the store."""
        prefix = STORE + kind + "/"
        key, out = prefix, []
        while True:
            got = self.etcd("range", {"key": _b64(key), "range_end": _b64(prefix[:-1] + "0"), "limit": 2000})
            out += [json.loads(base64.b64decode(kv["value"])) for kv in got.get("kvs", [])]
            if not got.get("more"):
                return out
            key = base64.b64decode(got["kvs"][-1]["key"]).decode() + "\0"

    def count(self, kind):
        prefix = STORE + kind + "/"
        return int(self.etcd("range", {"key": _b64(prefix), "range_end": _b64(prefix[:-1] + "0"), "count_only": True}).get("count", 0))


def _b64(text):
    return base64.b64encode(text.encode()).decode()


def claim_object(name, ns="default", interfaces=None, **spec):
    return {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkClaim", "metadata": {"name": name, "namespace": ns},
            "spec": {"interfaces": interfaces or [{"name": "eth0", "network": "lan"}], **spec}}


def ips_of(claim):
    return [ip for i in claim.get("status", {}).get("interfaces", []) for ip in i.get("ips", [])]


def is_bound(claim):
    return claim.get("status", {}).get("phase") in ("Bound", "Attached")


def reason_of(claim, field="reason"):
    """Why it is not bound: reason or message of its condition."""
    return next((c.get(field) for c in claim.get("status", {}).get("conditions", []) if c["type"] == "Bound" and c["status"] == "False"), None)


def judge(claims, locks, settled=True, domain="lan"):
    """I1 and I2 from what lies in the store: sentences about what is wrong. settled: every lock is listed by its claim.
    domain: the one that all is in."""
    wrong, owner = [], {}
    uids = {c["metadata"]["uid"]: c for c in claims}
    for a in locks:
        s, name = a["spec"], a["metadata"]["name"]
        key = (s["domain"], ipaddress.ip_address(s["address"]).exploded)
        if key in owner:
            wrong.append("%s has two locks" % (key,))
        owner[key] = s["claim"]["uid"]
        c = uids.get(s["claim"]["uid"])
        if settled and s["state"] == "Bound" and not (c and key[1] in [ipaddress.ip_address(ip).exploded for ip in ips_of(c)]):
            wrong.append("lock %s: its claim %s does not list it" % (name, s["claim"]["name"]))
    taken = {}
    for c in claims:
        for i in c.get("status", {}).get("interfaces", []):
            families = [ipaddress.ip_address(ip).version for ip in i.get("ips", [])]
            if len(set(families)) != len(families):
                wrong.append("claim %s has two of one family: %s" % (c["metadata"]["name"], i))
            for ip in i.get("ips", []):
                ip = ipaddress.ip_address(ip).exploded
                if ip in taken:
                    wrong.append("%s is of %s and of %s" % (ip, taken[ip], c["metadata"]["name"]))
                taken[ip] = c["metadata"]["name"]
                if owner.get((domain, ip)) != c["metadata"]["uid"]:
                    wrong.append("%s of %s: the lock says otherwise" % (ip, c["metadata"]["name"]))
    return wrong
