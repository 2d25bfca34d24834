# SPDX-License-Identifier: Apache-2.0
"""The controller's page without a cluster (build/tools/pageshow), and objects to show on it."""
import http.client
import itertools
import json
import os
import ssl
import subprocess
import zlib

BUILD = os.environ.get("BW_BUILD", "build")
NOW = "2026-11-22T06:00:00Z"
RV = itertools.count(100)
KINDS = {"units": ("db.barewire.dev/v1alpha1", "Unit"), "networkclaims": ("net.barewire.dev/v1alpha1", "NetworkClaim"),
         "networkpools": ("net.barewire.dev/v1alpha1", "NetworkPool"),
         "networkaddresses": ("net.barewire.dev/v1alpha1", "NetworkAddress"),
         "networkreservations": ("net.barewire.dev/v1alpha1", "NetworkReservation"), "nodes": ("v1", "Node"),
         "nodenetworks": ("net.barewire.dev/v1alpha1", "NodeNetwork")}


class Page:
    """Started with its stores empty and not read."""

    def __init__(self, *args):
        self.process = subprocess.Popen([BUILD + "/tools/pageshow", *args], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        word = self.process.stdout.readline().split()
        if word[:1] != ["port"]:
            raise RuntimeError("pageshow does not start")
        self.port = int(word[1])
        self.url = "http://127.0.0.1:%d/" % self.port

    def say(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def put(self, plural, obj, kind="ADDED"):
        obj["metadata"]["resourceVersion"] = str(next(RV))
        obj["apiVersion"], obj["kind"] = KINDS[plural]
        assert self.say("%s %s %s" % (plural, kind, json.dumps(obj))) == "ok", obj
        return obj

    def change(self, plural, obj):
        return self.put(plural, obj, "MODIFIED")

    def gone(self, plural, obj):
        return self.put(plural, obj, "DELETED")

    def get(self, path="/", method="GET", headers=None, tls=None):
        """Status, headers, text."""
        if tls:
            conn = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=60, context=tls)
        else:
            conn = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            conn.request(method, path, headers=headers or {})
            r = conn.getresponse()
            return r.status, dict(r.getheaders()), r.read().decode()
        finally:
            conn.close()

    def close(self):
        self.process.stdin.close()
        try:
            return self.process.wait(60)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()


def unverified():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def meta(name, ns=None, **more):
    m = {"name": name, "uid": "uid-%08x" % zlib.crc32(("%s/%s" % (ns, name)).encode()), "creationTimestamp": NOW, "generation": 1}
    if ns:
        m["namespace"] = ns
    m.update(more)
    return m


def condition(kind, status, reason, message="", since=NOW):
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}


def unit(name, ns="shop", node="node-1", ip="10.99.2.10", phase="Ready", task=None, conditions=None, startup=True,
         action=None):
    status = {"phase": phase, "observedGeneration": 1,
              "conditions": conditions if conditions is not None else [
                  condition("Ready", "True", "Ready"), condition("ClaimBound", "True", "Bound")]}
    if node:
        status["nodeName"] = node
    if ip:
        status["claim"] = {"name": name, "phase": "Attached", "addresses": [ip] if isinstance(ip, str) else ip}
    if task:
        status["task"] = task
    if action:
        status["action"] = action
    return {"metadata": meta(name, ns),
            "spec": {"startup": startup, "networking": {"network": "lan", "type": "networkClaim"},
                     "template": {"spec": {"containers": [{"name": "redis", "image": "redis"}]}}},
            "status": status}


def pool(name="lan", ranges=("10.99.2.1-10.99.2.254",), prefix="10.99.0.0/16", conditions=None, **spec):
    return {"metadata": meta(name),
            "spec": dict({"domain": name, "prefix": prefix, "ranges": list(ranges), "mode": "bridge"}, **spec),
            "status": {"conditions": conditions or [condition("Allocatable", "True", "Serving")]}}


def address(ip, pool_name="lan", claim="redis-0", state="Bound"):
    return {"metadata": meta("%s.%s" % (pool_name, ip.replace(".", "-"))),
            "spec": {"domain": pool_name, "address": ip, "pool": pool_name, "state": state, "stateSince": NOW,
                     "claim": {"namespace": "shop", "name": claim, "uid": "u"}}}


def reservation(name, addresses, domain="lan"):
    return {"metadata": meta(name), "spec": {"domain": domain, "addresses": addresses, "reason": "routers"}}


def node(name, *taints):
    return {"metadata": meta(name),
            "spec": {"taints": [{"key": "node.kubernetes.io/" + t, "effect": "NoSchedule"} for t in taints]}}
