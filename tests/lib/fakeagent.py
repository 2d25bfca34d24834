# SPDX-License-Identifier: Apache-2.0
"""The daemon of a node as the plugin sees it: it writes bindings into the journal and answers on the socket. A
thread in the test's own process; what it was asked is kept.

    agent = FakeAgent()
    agent.put(binding("redis-0", ["10.99.2.77/16"]))
    ... cni("ADD", CLAIMS, ns, args=pod("redis-0")) ...
    agent.close()
"""
import json
import os
import socket
import sqlite3
import threading

from bwtest import BUILD, JOURNAL, cni, run, wait_until

SOCK = "/run/barewire/agent.sock"
CLAIMS = {"cniVersion": "1.1.0", "name": "barewire", "type": "barewire-bridge", "claims": True, "waitSeconds": 1,
          "ipam": {"type": "barewire-ipam"}}
SERVICES = ["10.96.0.0/12", "fd96::/108"]


def pod(name, ns="db", uid="pod-uid"):
    return "IgnoreUnknown=1;K8S_POD_NAMESPACE=%s;K8S_POD_NAME=%s;K8S_POD_UID=%s" % (ns, name, uid)


def annotated(conf=CLAIMS, **annotations):
    """The configuration as containerd hands it over: claim="a" becomes net.barewire.dev/claim."""
    notes = {"net.barewire.dev/" + k: v for k, v in annotations.items()}
    return {**conf, "runtimeConfig": {"io.kubernetes.cri.pod-annotations": notes}}


def binding(claim, ips, uid=None, token=1, **more):
    gateways = {4: "10.99.0.1", 6: "fd99::1"}
    return {"namespace": "db", "claim": claim, "uid": uid or "uid-" + claim, "token": token, "epoch": 1,
            "interface": "eth0", "first": True, "mode": "bridge", "domain": "lan", "pool": "lan",
            "uplink": "data0", "probe": "Off", "fencing": "Strict",
            "ips": [{"address": a, "gateway": gateways[6 if ":" in a else 4]} for a in ips], **more}


def boot_id():
    with open(os.environ.get("BAREWIRE_BOOT_ID_FILE", "/proc/sys/kernel/random/boot_id")) as f:
        return f.read().strip()


def outbox():
    """What the cluster is still to be told: (uid, token, kind, body)."""
    db = sqlite3.connect("file:%s?mode=ro" % JOURNAL, uri=True)
    rows = db.execute("SELECT uid, token, kind, body FROM outbox ORDER BY seq").fetchall()
    db.close()
    return [(uid, token, kind, json.loads(body)) for uid, token, kind, body in rows]


def write(sql, *args):
    db = sqlite3.connect(JOURNAL, timeout=10)
    with db:
        db.execute(sql, args)
    db.close()


def make_journal():
    """A journal as the first program that needs one makes it."""
    if not os.path.exists(JOURNAL):
        conf = {"cniVersion": "1.1.0", "name": "first", "type": "x", "ipam": {"type": "barewire-ipam", "subnet": "192.0.2.0/24"}}
        for verb in ("ADD", "DEL"):
            cni(verb, conf, "/proc/self/ns/net", cid="first", plugin="barewire-ipam", extra={"CNI_NETNS_OVERRIDE": "1"})


def put(b, **columns):
    """The row of one binding; columns: boot_id, stale."""
    make_journal()
    row = {"boot_id": boot_id(), "stale": 0, **columns}
    write("REPLACE INTO claim_cache(uid, iface, namespace, name, token, epoch, resource_version, boot_id, stale, binding,"
          " put_ns) VALUES(?,?,?,?,?,?,'1',?,?,?,1)", b["uid"], b["interface"], b["namespace"], b["claim"], b["token"],
          b["epoch"], row["boot_id"], row["stale"], json.dumps(b))
    write("INSERT INTO claim_token(uid, seen, attached, detached, namespace, name) VALUES(?,?,0,0,?,?) ON CONFLICT(uid) DO "
          "UPDATE SET seen = max(seen, excluded.seen)", b["uid"], b["token"], b["namespace"], b["claim"])


class FakeAgent:
    """Answers claims whose binding was put; others wait as long as the plugin asks, then 11. hook(request) may return
    an answer of its own, or bytes that are sent as they are."""

    def __init__(self, hook=None):
        self.requests, self.hook, self.by_name = [], hook, {}
        self.changed = threading.Condition()
        os.makedirs(os.path.dirname(SOCK), exist_ok=True)
        if os.path.exists(SOCK):
            os.unlink(SOCK)
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(SOCK)
        os.chmod(SOCK, 0o600)
        self.listener.listen(128)
        threading.Thread(target=self._accept, daemon=True).start()

    def put(self, b):
        put(b)
        with self.changed:
            self.by_name[(b["namespace"], b["claim"], b["interface"])] = b
            self.changed.notify_all()

    def asked(self, op="claim"):
        return [r for r in self.requests if r["op"] == op]

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        os.unlink(SOCK)

    def _accept(self):
        while True:
            try:
                conn = self.listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(conn,), daemon=True).start()

    def _serve(self, conn):
        with conn:
            line = conn.makefile("rb").readline()
            if not line:
                return
            request = json.loads(line)
            self.requests.append(request)
            answer = self.hook(request) if self.hook else None
            if answer is None and request["op"] == "claim":
                answer = self._claim(request)
            try:
                conn.sendall(answer if isinstance(answer, bytes) else (json.dumps(answer or {"ok": True}) + "\n").encode())
            except OSError:
                pass  # it waited no longer

    def _claim(self, request):
        name = request.get("annotations", {}).get("net.barewire.dev/claim") or request["name"]
        key = (request["namespace"], name.replace("$(POD_NAME)", request["name"]), request["ifname"])
        with self.changed:
            self.changed.wait_for(lambda: key in self.by_name, request.get("waitMs", 0) / 1000)
            b = self.by_name.get(key)
        if b:
            return {"ok": True, "uid": b["uid"], "interface": b["interface"], "token": b["token"]}
        return {"ok": False, "code": 11, "msg": "claim %s/%s is Pending" % key[:2], "details": "see kubectl describe netclaim"}
