# SPDX-License-Identifier: Apache-2.0
"""An API server of objects in memory, for tests of the command line, and a cluster in which all is well."""
import http.server
import json
import os
import re
import subprocess
import threading
import time

from bwtest import BUILD, workdir

KINDS = {"networkpools": "NetworkPool", "networkclaims": "NetworkClaim", "networkaddresses": "NetworkAddress",
         "networkreservations": "NetworkReservation", "nodenetworks": "NodeNetwork", "networkepochs": "NetworkEpoch",
         "nodes": "Node", "pods": "Pod", "networkpolicies": "NetworkPolicy", "leases": "Lease",
         "units": "Unit", "events": "Event"}
NOW = time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())


def condition(type, status, reason, message):
    return {"type": type, "status": status, "reason": reason, "message": message, "lastTransitionTime": "2026-01-01T00:00:00Z"}


class Cluster:
    """Objects by kind and name, served over HTTP; lists come in pages of two."""

    def __init__(self):
        self.objects, self.patches, self.deleted, self.forbidden = {k: {} for k in KINDS}, [], [], ()
        self.queries, self.conflicts, self.logs = [], 0, None  # of lists; patches to refuse; what a pod's log answers
        self.then = None  # called with a patch: changes objects as a controller would
        self.steps = []  # statuses of Units, merged in turn before each is read
        cluster = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def log_message(self, *args):
                pass

            def answer(self, code, body):
                data = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def missing(self):
                self.answer(404, {"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "not found", "code": 404})

            def find(self):
                path, _, query = self.path.partition("?")
                m = re.fullmatch(r"/api(?:s/[^/]+)?/v1[a-z0-9]*/(?:namespaces/([^/]+)/)?([a-z]+)(?:/([^/]+))?", path)
                return (m.groups() + (query,)) if m and m.group(2) in KINDS else None

            def do_GET(self):
                if cluster.logs and "/log?" in self.path:
                    return cluster.logs(self)
                found = self.find()
                if not found:
                    return self.missing()
                ns, plural, name, query = found
                if plural in cluster.forbidden:
                    return self.answer(403, {"kind": "Status", "status": "Failure", "reason": "Forbidden", "code": 403,
                                             "message": plural + " is forbidden: User cannot list it"})
                here = [o for o in cluster.objects[plural].values() if not ns or o["metadata"].get("namespace") == ns]
                if name and plural == "units" and cluster.steps:
                    step = cluster.steps.pop(0)
                    for o in here:
                        o.setdefault("status", {}).update(step)
                if name:
                    one = [o for o in here if o["metadata"]["name"] == name]
                    return self.answer(200, one[0]) if one else self.missing()
                cluster.queries.append((plural, query))
                m = re.search(r"continue=(\d+)", query)
                at = int(m.group(1)) if m else 0
                meta = {"resourceVersion": "9", **({"continue": str(at + 2)} if at + 2 < len(here) else {})}
                self.answer(200, {"kind": KINDS[plural] + "List", "metadata": meta, "items": here[at:at + 2]})

            def do_PATCH(self):
                ns, plural, name, _ = self.find()
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if cluster.conflicts:
                    cluster.conflicts -= 1
                    return self.answer(409, {"kind": "Status", "status": "Failure", "reason": "Conflict", "message": "changed", "code": 409})
                cluster.patches.append((plural, ns, name, body))
                if cluster.then:
                    cluster.then(cluster.objects[plural][(ns, name)], body)
                self.answer(200, cluster.objects[plural][(ns, name)])

            def do_DELETE(self):
                ns, plural, name, _ = self.find()
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                cluster.deleted.append((plural, ns, name, body["preconditions"]["uid"]))
                self.answer(200, cluster.objects[plural].pop((ns, name)))

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.config = os.path.join(workdir(), "config")
        with open(self.config, "w") as f:
            f.write(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "lab",
                                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:%d" % self.server.server_port}}],
                                "users": [{"name": "u", "user": {}}],
                                "contexts": [{"name": "lab", "context": {"cluster": "c", "user": "u", "namespace": "db"}}]}))

    def put(self, plural, name, spec, status=None, ns=None, uid=None, **more):
        meta = {"name": name, "uid": uid or "uid-" + name, "resourceVersion": "5", "creationTimestamp": "2026-01-01T00:00:00Z", **more}
        if ns:
            meta["namespace"] = ns
        o = {"apiVersion": "db.barewire.dev/v1alpha1" if plural == "units" else "net.barewire.dev/v1alpha1", "kind": KINDS[plural], "metadata": meta, "spec": spec}
        if status:
            o["status"] = status
        self.objects[plural][(ns, name)] = o

    def pool(self, name="lan", **spec):
        self.put("networkpools", name, {"domain": "lan", "prefix": "10.99.0.0/16", "ranges": ["10.99.2.1-10.99.2.10"], **spec},
                 {"total": "10", "used": "2", "cooling": "1", "outOfRange": "0",
                  "conditions": [{"type": "Exhausted", "status": "True", "reason": "NoFreeAddress", "message": "m",
                                  "lastTransitionTime": "2026-01-01T00:00:00Z"}]})

    def address(self, ip, state="Bound", claim="redis-0", pool="lan", uid=None):
        self.put("networkaddresses", "lan." + ip.replace(".", "-"),
                 {"domain": "lan", "address": ip, "pool": pool, "state": state, "stateSince": "2026-01-01T00:00:00Z",
                  "claim": {"namespace": "db", "name": claim, "uid": uid or "uid-" + claim}})

    def claim(self, name="redis-0", ips=("10.99.2.1",), token=1):
        self.put("networkclaims", name, {"interfaces": [{"name": "eth0", "network": "lan"}]},
                 {"phase": "Attached", "attached": {"node": "node1", "token": token}, "interfaces": [{"name": "eth0", "pool": "lan", "ips": list(ips)}],
                  "holder": {"node": "node1", "nodeUID": "n1", "token": token}}, ns="db")

    def node(self, name="node1", differences=None, ready="True", **status):
        """A Node, what its agent publishes, and the agent's pod."""
        self.put("nodes", name, {}, {"nodeInfo": {"bootID": "boot-1"}, "conditions": [{"type": "Ready", "status": ready}]}, uid="n1")
        self.put("nodenetworks", name, {}, {"nodeUID": "n1", "bootID": "boot-1", "attachments": 3, "epoch": 4, "clusterID": "c",
                                            **({"differences": differences} if differences else {}), **status})
        self.pod("agent-" + name, "10.77.0.11", ns="barewire-system", labels={"app.kubernetes.io/name": "barewire-agent"}, host=True)

    def pod(self, name, ip, ns="db", labels=None, host=False, owner="StatefulSet"):
        self.put("pods", name, {"nodeName": "node1", "hostNetwork": host},
                 {"phase": "Running", "podIPs": [{"ip": ip}], "conditions": [{"type": "Ready", "status": "True"}]}, ns=ns, labels=labels or {},
                 ownerReferences=[{"apiVersion": "v1", "kind": owner, "name": "redis", "uid": "u", "controller": True}] if owner else [])

    def unit(self, name="redis-0", spec=None, meta=None, **status):
        """A Unit that is Ready on node1 with its claim."""
        self.put("units", name, {"startup": True, "maintenance": False, "nodePolicy": "Required", "networking": {"network": "lan", "serviceInterface": "eth0"},
                                 "template": {"spec": {"containers": [{"name": "redis", "image": "redis:8"}]}}, **(spec or {})},
                 {"observedGeneration": 1, "phase": "Ready", "processState": "Running", "nodeName": "node1", "podUID": "uid-" + name,
                  "claim": {"name": name, "phase": "Bound", "addresses": ["10.99.2.1"], "mac": "02:00:0a:63:02:01"},
                  "volumes": [{"name": "data", "claimName": "data-" + name, "phase": "Bound", "capacity": "1Gi"}],
                  "conditions": [condition("Ready", "True", "Ready", "the database's pod is ready"),
                                 condition("ClaimBound", "True", "Bound", "it has its addresses")], **status},
                 ns="db", generation=1, **(meta or {}))

    def event(self, name, kind="Unit", about="redis-0", type="Normal", reason="PodDeleted", note="a note", **more):
        self.objects["events"][("db", name)] = {
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": name, "namespace": "db", "uid": name, "resourceVersion": "5",
                                                                            "creationTimestamp": "2026-01-01T00:00:00Z"},
            "regarding": {"kind": kind, "name": about, "namespace": "db"}, "type": type, "reason": reason, "note": note, **more}

    def run(self, *args, program="barewire"):
        words = args[:2] if args[0] == "unit" else args[:1]
        p = subprocess.run([os.path.join(BUILD, program), *words, "--kubeconfig", self.config, *args[len(words):]],
                           capture_output=True, text=True, timeout=60)
        return p.returncode, p.stdout, p.stderr


def sound():
    c = Cluster()
    c.pool()
    c.node()
    c.put("networkepochs", "cluster", {"epoch": 4, "clusterID": "c"})
    c.put("leases", "barewire-controller", {"holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": NOW}, ns="barewire-system")
    for i in range(3):
        c.claim("redis-%d" % i, ["10.99.2.%d" % (i + 1)])
        c.address("10.99.2.%d" % (i + 1), claim="redis-%d" % i)
        c.pod("redis-%d" % i, "10.99.2.%d" % (i + 1), labels={"app": "redis"})
    return c
