#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Unit's process stops and starts while its pod stays: same sandbox, same container, restart count 0, and the address
answers ARP all the while, as a machine outside sees it. BW_STOPPED_S is how long it stays stopped [5]."""
import os
import signal
import sys
import threading
import types

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeunit import *  # noqa: E402
from wire import BROADCAST, Tap, arp, eth, ip_bytes  # noqa: E402

A, B, C, D, E, H = "10.99.2.50", "10.99.2.51", "10.99.2.52", "10.99.2.53", "10.99.2.54", "10.99.2.49"
OUTSIDE = types.SimpleNamespace(path="/run/netns/outside")
STOPPED_S = float(os.environ.get("BW_STOPPED_S", "5"))
ASKER = "02:00:00:00:00:99"
GRPC = {"grpc": {"port": 1}}


def setup():
    pool(cooldownSeconds=1)
    atexit.register(delete_claims)
    atexit.register(delete_units)


class Asker(threading.Thread):
    """Asks for an address by ARP four times a second, and remembers when nobody answered."""

    def __init__(self, ip):
        super().__init__(daemon=True)
        self.ip, self.asked, self.missed, self.macs, self.over = ip, 0, [], set(), threading.Event()
        self.tap = Tap(OUTSIDE, "eth0")

    def ask(self):
        """A question may be lost on a busy machine; ten in as many seconds are not."""
        question = eth(BROADCAST, ASKER, 0x806, arp(1, ASKER, "0.0.0.0", "00:00:00:00:00:00", self.ip))
        for _ in range(10):
            self.tap.send(question)
            got, _ = self.tap.wait(lambda f: f[12:14] == b"\x08\x06" and f[20:22] == b"\x00\x02" and f[28:32] == ip_bytes(self.ip), 1)
            if got:
                return got[22:28]
        return None

    def run(self):
        while not self.over.wait(0.25):
            self.asked += 1
            mac = self.ask()
            if mac:
                self.macs.add(mac)
            else:
                self.missed.append(self.asked)

    def end(self):
        self.over.set()
        self.join(60)
        self.tap.close()


def make(name, ip, liveness=None, **container):
    """Redis with a liveness probe that ends the container at its first failure."""
    o = manifest(name, ip, volumes=())
    c = o["spec"]["template"]["spec"]["containers"][0]
    c["command"][c["command"].index("/data")] = "/tmp"
    c["livenessProbe"] = liveness or {"tcpSocket": {"port": 6379}, "periodSeconds": 1, "failureThreshold": 1, "timeoutSeconds": 10,
                                      "initialDelaySeconds": 20}
    for key, value in container.items():
        c[key] = value
        if value is None:
            del c[key]
    api.create("%s/namespaces/%s/units" % (DB, NS), o)
    return ready(name)


def container(name):
    return api.get(pod_path(name))["status"]["containerStatuses"][0]


def launcher(name):
    """PID of barewire-launch in the pod, as this machine sees it."""
    for pid in pod_pids(api.get(pod_path(name))):
        with open("/proc/%s/cmdline" % pid) as f:
            words = f.read().split("\0")
        if words[0] == "/barewire/barewire-launch" and words[1] == "run":
            return int(pid)
    raise Failed("no barewire-launch in pod %s" % name)


def identity(name):
    """What a stop must not change."""
    p = api.get(pod_path(name))
    pid = launcher(name)
    return {"pod": p["metadata"]["uid"], "container": container(name)["containerID"], "restarts": container(name)["restartCount"],
            "address": p["status"]["podIP"], "launcher": pid, "network": os.readlink("/proc/%d/ns/net" % pid)}


def want(name, startup):
    api.patch(unit_path(name), {"spec": {"startup": startup}})


def stopped(name):
    """The Unit when its process is stopped and the kubelet has seen it."""
    u = api.wait(unit_path(name), lambda o: condition(o, "Stopped") == "True" and status(o).get("phase") == "Stopped", 90, "stopped")
    api.wait(pod_path(name), lambda o: not is_running(o), 60, "not Ready")
    return u


def started(name):
    return api.wait(unit_path(name), lambda o: condition(o, "Stopped") is None and status(o).get("phase") == "Ready" and
                    condition(o, "Ready") == "True", 90, "started")


def answers(ip):
    return wait_outside(lambda: redis(ip, "ping", check=False) == "PONG", 60)


by_hand = {}


@test
def a_process_can_be_stopped_in_its_container_by_hand():
    """The last test looks what became of it: nothing happens for half a minute."""
    make("h", H)
    by_hand.update(identity("h"))
    expect_in('"Stopped"', pod_run("h", "/barewire/barewire-launch", "stop", timeout=60))
    u = api.wait(unit_path("h"), lambda o: condition(o, "Ready") == "False", 60, "not Ready")
    expect_eq((status(u)["phase"], condition(u, "Stopped")), ("Running", None), "phase, and what is declared")


@test
def a_stopped_unit_keeps_sandbox_container_and_address():
    make("r", A)
    answers(A)
    before = identity("r")
    expect_eq(before["restarts"], 0, "restarts")
    asker = Asker(A)
    asker.start()
    try:
        want("r", False)
        u = stopped("r")
        expect_eq((u["status"]["processState"], u["status"]["podUID"], condition(u, "Ready", "reason")), ("Stopped", before["pod"], "Stopped"))
        expect_eq(redis(A, "ping", check=False, timeout=2), "", "answer of a stopped Redis")
        expect(outside_pings(A, wait_s=5), "its address answers no ping")
        quiet, asked = written("r"), asker.asked
        wait_until(lambda: asker.asked >= asked + 4 * STOPPED_S, 60 + 4 * STOPPED_S, lambda: "%d questions" % asker.asked)
        expect_eq(identity("r"), before, "what a stop leaves as it is")
        expect_eq(written("r"), quiet, "writes of a Unit that is stopped")
        want("r", True)
        started("r")
        answers(A)
    finally:
        asker.end()
    expect_eq(identity("r"), before, "what stop and start leave as they are")
    diag("%d questions by ARP, %d without an answer" % (asker.asked, len(asker.missed)))
    expect_eq((asker.missed, len(asker.macs)), ([], 1), "questions by ARP without an answer, and who answered")


@test
def a_container_that_is_killed_stays_stopped():
    want("r", False)
    stopped("r")
    os.kill(launcher("r"), signal.SIGKILL)
    api.wait(pod_path("r"), lambda o: o["status"]["containerStatuses"][0]["restartCount"] == 1 and
             "running" in o["status"]["containerStatuses"][0]["state"], 90, "restarted")
    expect_in('"Stopped"', pod_run("r", "/barewire/barewire-launch", "status", check=False, timeout=60).stdout)
    expect_eq(status(api.get(unit_path("r")))["phase"], "Stopped")
    want("r", True)
    started("r")
    answers(A)
    expect_eq(container("r")["restartCount"], 1, "restarts")


@test
def a_stop_outlives_the_leader():
    before = identity("r")
    old = leader()["metadata"]["name"]
    want("r", False)
    api.delete("/api/v1/namespaces/%s/pods/%s?gracePeriodSeconds=0" % (SYSTEM, old))
    stopped("r")
    expect_eq(identity("r"), before, "what a stop leaves as it is")
    want("r", True)
    started("r")
    answers(A)
    expect_eq(identity("r"), before, "what stop and start leave as they are")


@test
def who_loses_a_stopped_pod_is_offline_until_it_is_started():
    want("r", False)
    u = stopped("r")
    api.delete(pod_path("r"))
    api.wait_gone(pod_path("r"), 60)
    said("r", "Ready", "Offline")
    want("r", True)
    ready("r", uid_not=u["status"]["podUID"])
    answers(A)


@test
def who_cannot_be_stopped_in_place_is_told_why():
    make("image", B, command=None, readinessProbe=None)
    expect("initContainers" not in api.get(pod_path("image"))["spec"], "a launcher nobody runs")
    want("image", False)
    u = said("image", "Stopped", "NoCommand")
    expect_in("write command into the template", condition(u, "Stopped", "message"))
    expect_eq((condition(u, "Stopped"), status(u)["phase"]), ("False", "Ready"), "it runs on")
    make("grpc", C, liveness={**GRPC, "initialDelaySeconds": 3600})
    want("grpc", False)
    expect_in("livenessProbe", condition(said("grpc", "Stopped", "ProbeNotSupported"), "Stopped", "message"))
    answers(C)


TOLD = [("told", D, "%s {{unit.address}}", "%s " + D, "configmaps"), ("hush", E, "%s {{secret.hush.word}}", "%s hushhush", "secrets")]


def has_seen(name, text):
    wait_until(lambda: pod_run(name, "cat", "/tmp/seen", check=False, timeout=60).stdout == text, 60, "what %s has read" % name)


@test
def a_process_is_told_of_its_files_when_they_have_come():
    """By the hash of its files, and by their mark where a secret is in them."""
    core = "/api/v1/namespaces/%s/" % NS
    api.create(core + "secrets", {"metadata": {"name": "hush"}, "stringData": {"word": "hushhush"}})
    atexit.register(api.ask, "DELETE", core + "secrets/hush")
    before = {}
    for name, ip, template, _, _ in TOLD:
        o = manifest(name, ip, volumes=(), config={"onChange": "Signal", "templates": [{"name": "f", "template": template % "one"}]})
        o["spec"]["template"]["spec"]["containers"] = [{
            "name": "redis", "image": TOOLS, "imagePullPolicy": "Never",
            "command": ["sh", "-c", "trap 'cat /etc/barewire/f >/tmp/seen' HUP; cat /etc/barewire/f >/tmp/seen; while :; do sleep 0.2; done"]}]
        api.create("%s/namespaces/%s/units" % (DB, NS), o)
    for name, _, template, text, kind in TOLD:
        ready(name)
        before[name] = identity(name)
        has_seen(name, text % "one")
        was = api.get(core + "%s/%s-config" % (kind, name))["metadata"]["resourceVersion"]
        api.patch(unit_path(name), {"spec": {"config": {"templates": [{"name": "f", "template": template % "two"}]}}})
        api.wait(core + "%s/%s-config" % (kind, name), lambda c: c["metadata"]["resourceVersion"] != was, 60, "the new file")
        # The kubelet looks at a pod once a minute, and when the pod changes.
        api.patch(pod_path(name), {"metadata": {"annotations": {"nudged": "1"}}})
    for name, _, _, text, _ in TOLD:
        u = api.wait(unit_path(name), lambda o: status(o)["config"]["delivered"] == status(o)["config"]["desired"] and
                     status(o)["observedGeneration"] == o["metadata"]["generation"], 120, "delivered")
        has_seen(name, text % "two")
        expect_eq((identity(name), condition(u, "NotFollowed")), (before[name], None), "the same process, and nothing that is not followed")
        expect("hushhush" not in str(u["status"]) + str(events()), "the secret is in a status or an event")


@test
def what_nobody_declared_stopped_has_been_started():
    started("h")
    answers(H)
    expect_eq(identity("h"), by_hand, "what stop and start leave as they are")
    expect("ProcessStarted" in [e["reason"] for e in events() if e["involvedObject"]["name"] == "h"], "no event says so")


main(setup=setup)
