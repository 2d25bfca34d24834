#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The client runtime on a real API server: a small controller (kuberun) makes a twin of each ConfigMap with the label
twin=wanted. Watches, plans, the gate, events, the Lease, a server that dies, a store that goes back."""
import os
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *  # noqa: E402,F401,F403
from bwtest import expect, expect_eq, expect_in, main, test, tool, wait_until  # noqa: E402
from kubeapi import ApiServer  # noqa: E402
from kubeclient import Client  # noqa: E402

MAPS = "/api/v1/namespaces/default/configmaps"
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
LEASE = "/apis/coordination.k8s.io/v1/namespaces/default/leases/kuberun"
enter_sandbox()  # before there is a folder that nobody takes away
folder = tempfile.TemporaryDirectory(prefix="barewire-runtime.")
server = api = None
running = []


class Runner:
    """One kuberun; what it says is in .out."""

    def __init__(self, identity):
        self.path = os.path.join(folder.name, identity + ".out")
        with open(self.path, "w") as f:
            self.p = subprocess.Popen([tool("kuberun"), server.admin, identity], stdout=f, stderr=subprocess.STDOUT)
        running.append(self)

    @property
    def out(self):
        with open(self.path) as f:
            return f.read()

    def leads(self, timeout_s=20):
        wait_until(lambda: "lead 1" in self.out, timeout_s, lambda: "leadership; it says:\n" + self.out)
        return self

    def end(self):
        """Stops it as a kubelet would; its metrics by name and labels."""
        self.p.send_signal(signal.SIGTERM)
        expect_eq(self.p.wait(15), 0, "exit code (%s)" % self.out)
        return {k: float(v) for k, v in re.findall(r"^([a-z_]+(?:{[^}]*})?) (-?[0-9][-0-9.e+]*)$", self.out, re.M)}


def setup():
    global server, api
    server = ApiServer(os.path.join(folder.name, "api"), port=7643).start()
    api = Client(server.admin)


def wish(name):
    api.create(MAPS, {"metadata": {"name": name, "labels": {"twin": "wanted"}}})


def has_twin(name):
    return (api.find("%s/%s" % (MAPS, name)) or {}).get("data", {}).get("twin") == "made"


@test
def two_reconciles_and_two_writes_an_object_and_one_list():
    names = ["a%d" % i for i in range(40)]
    for name in names[:20]:
        wish(name)
    one = Runner("one").leads()
    for name in names[20:]:
        wish(name)
    wait_until(lambda: all(has_twin(n) for n in names), 20, "twins")
    wait_until(lambda: len(api.items(EVENTS)) == 40, 20, lambda: "%d of 40 events" % len(api.items(EVENTS)))
    m = one.end()
    expect_eq(m['controller_runtime_reconcile_errors_total{controller="twins"}'], 0, "errors")
    runs = m['controller_runtime_reconcile_total{controller="twins",result="success"}']
    # A status that comes between the two writes may be looked at once more.
    expect(80 <= runs <= 90, "%d reconciles of 40 objects" % runs)
    expect_eq(m['stale_cache_gate_timeouts_total{controller="twins"}'], 0, "gates that took too long")
    expect_eq(m['kube_events_total{result="sent"}'], 40, "events sent")
    expect_eq(m['kube_relists_total{resource="configmaps",reason="first"}'], 2, "lists, of two stores")


@test
def the_events_say_who_did_what():
    e = next(e for e in api.items(EVENTS) if e["regarding"]["name"] == "a7")
    expect_eq((e["reason"], e["note"], e["type"]), ("TwinMade", "a7-twin is there", "Normal"), "event")
    expect_eq(e["regarding"]["uid"], api.get(MAPS + "/a7")["metadata"]["uid"], "UID")
    expect_eq(e["reportingController"], "kuberun", "controller")


@test
def a_lease_that_is_given_up_goes_to_the_next_at_once():
    expect_eq(api.get(LEASE)["spec"]["holderIdentity"], "", "holder after the end")
    first = Runner("first").leads()
    second = Runner("second")
    wait_until(lambda: "synced" in second.out, 10, "the standby's stores")
    expect_eq(api.get(LEASE)["spec"]["holderIdentity"], "first", "holder")
    first.end()
    second.leads(4)
    expect_in("lead 0", first.out, "the first one's output")
    wish("b1")
    wait_until(lambda: has_twin("b1"), 5, "a twin by the second one")


@test
def a_leader_that_is_killed_is_followed_after_its_lease_has_run_out():
    second = running[-1]
    third = Runner("third")
    wait_until(lambda: "synced" in third.out, 10, "the standby's stores")
    second.p.kill()
    second.p.wait()
    wish("c1")
    third.leads(15)
    wait_until(lambda: has_twin("c1"), 5, "a twin by the third one")


@test
def a_server_that_dies_loses_nothing():
    third = running[-1]
    server.kill()
    wait_until(lambda: third.out.rstrip().endswith("lead 0"), 15, "the end of leadership")
    server.start()
    wish("d1")
    wait_until(lambda: has_twin("d1"), 60, lambda: "a twin after the outage; it says:\n" + third.out[-500:])
    m = third.end()
    # A server that has just begun may not know the version: 410, one list more for each store.
    other = {k: v for k, v in m.items() if k.startswith("kube_relists_total") and v and "first" not in k}
    expect(all("expired" in k and v <= 2 for k, v in other.items()), "lists: %s" % other)


@test
def a_store_that_goes_back_is_read_anew():
    copy = os.path.join(folder.name, "copy")
    fourth = Runner("fourth").leads()
    server.etcd.snapshot(copy)
    for i in range(30):
        wish("e%d" % i)
    wait_until(lambda: has_twin("e29"), 20, "twins before the restore")
    server.kill()
    server.etcd.restore(copy)
    server.start()
    expect(not api.find(MAPS + "/e29"), "the store has not gone back")
    wish("f1")
    wait_until(lambda: has_twin("f1"), 60, lambda: "a twin after the restore; it says:\n" + fourth.out[-500:])
    m = fourth.end()
    expect_eq(m['kube_relists_total{resource="configmaps",reason="too_new"}'], 2, "lists after the restore")
    expect_eq(m['kube_cache_objects{resource="configmaps"}'],
              len(api.items("/api/v1/configmaps")) +
              len([c for c in api.items(MAPS) if c["metadata"].get("labels", {}).get("twin")]), "objects in both stores")


try:
    main(setup=setup)
finally:
    for r in running:
        if r.p.poll() is None:
            r.p.kill()
            r.p.wait()
    if server:
        server.stop(5)
