#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The life of an installation as a user leads it: one step in, an upgrade under a database's traffic, the programs
taken away and brought back while it runs, and at last everything gone."""
import contextlib
import glob
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeproduct import *  # noqa: E402
import kubeproduct  # noqa: E402

DB = "10.99.2.10"
DEPLOY = os.path.join(TOP, "conf", "deploy")
PROGRAMS = ("barewire-bridge", "barewire-ipam", "barewire-sriov")
CONFLIST = "/etc/cni/net.d/05-barewire.conflist"
state = {}


def setup():
    # The default tolerations of a pod, 300 s, as users have them; node1 so that node2 has nothing at the end.
    pool(cooldownSeconds=1)
    redis_set("db", 1, DB, "node1", tolerate_s=None)
    state["pod"] = api.get(pod_path("db-0"))
    state["claim"] = bound("db-0")
    wait_outside(lambda: redis(DB, "ping", check=False) == "PONG")
    atexit.register(leave)


def leave():
    """The next file finds the product, and no pod, claim or pool of ours."""
    if not kubeproduct.installed():
        kubeproduct.install()
    delete_claims()


# A database's client outside: one connection that must live. It says how far it counted and the longest wait.
CLIENT = r"""
import json, select, socket, sys, time
s = socket.create_connection((sys.argv[1], 6379), 10)
s.settimeout(30)
f, n, longest = s.makefile("rb"), 0, 0.0
print("counting", flush=True)
while not select.select([sys.stdin], [], [], 0.005)[0]:
    start = time.monotonic()
    s.sendall(b"INCR traffic\r\n")
    n = int(f.readline()[1:])
    longest = max(longest, time.monotonic() - start)
print(json.dumps({"n": n, "longest": longest}))
"""


class Traffic:
    """Requests on one connection, and pings beside it, from outside while the block runs."""

    def __enter__(self):
        redis(DB, "del", "traffic")
        enter = ["nsenter", "--net=/run/netns/outside", "--"]
        self.client = subprocess.Popen([*enter, sys.executable, "-c", CLIENT, DB], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answers = tempfile.TemporaryFile("w+")  # a pipe that nobody reads would stop it
        self.ping = subprocess.Popen([*enter, "ping", "-n", "-i", "0.02", "-W", "5", DB], stdout=self.answers)
        expect_eq(self.client.stdout.readline(), "counting\n", "the client")
        return self

    def __exit__(self, kind, *_):
        self.ping.send_signal(signal.SIGINT)
        self.ping.wait(20)
        self.answers.seek(0)
        said = self.answers.read()
        out = self.client.communicate("\n", timeout=40)[0]
        if kind:
            return
        expect_eq(self.client.returncode, 0, "the client's connection lived")
        end = json.loads(out)
        expect_eq(redis(DB, "get", "traffic"), str(end["n"]), "every request was counted once")
        # The last ones were on their way when it ended; answers do not overtake each other.
        answered = {int(n) for n in re.findall(r"icmp_seq=(\d+) ttl=", said)}
        lost = set(range(1, max(answered) + 1)) - answered
        diag("%d requests on one connection, the longest %.0f ms; %d pings, %d lost" % (end["n"], end["longest"] * 1000, max(answered), len(lost)))
        expect_eq(sorted(lost), [], "lost pings")


def same_pod():
    """The pod that ran before runs still: itself, its containers, its processes, its address."""
    was, now = state["pod"], api.get(pod_path("db-0"))
    expect_eq(now["metadata"]["uid"], was["metadata"]["uid"], "the pod's uid")
    expect_eq([(c["containerID"], c["restartCount"]) for c in now["status"]["containerStatuses"]],
              [(c["containerID"], c["restartCount"]) for c in was["status"]["containerStatuses"]], "containers")
    expect_eq(now["status"]["podIP"], DB, "address")
    expect_eq(redis(DB, "ping"), "PONG")


def same_claim():
    was, now = state["claim"], api.get(claim_path("db-0"))
    expect_eq(now["metadata"]["uid"], was["metadata"]["uid"], "the claim's uid")
    for what in ("interfaces", "holder"):
        expect_eq(now["status"][what], was["status"][what], what)
    expect_eq(address(DB)["spec"]["claim"]["uid"], was["metadata"]["uid"], "whose address it is")


def images():
    return {c["image"] for app in ("barewire-agent", "barewire-controller") for p in system_pods(app) for c in p["spec"]["containers"]}


def all_ready(image=None):
    """Both programs run everywhere, of that image alone."""
    return (len(ready_pods("barewire-agent")) == len(bed.nodes) == len(system_pods("barewire-agent")) and
            len(ready_pods("barewire-controller")) == 2 == len(system_pods("barewire-controller")) and (not image or images() == {image}))


def wait_all_ready(image=None):
    wait_until(lambda: all_ready(image), 90, lambda: "agents %s, controllers %s" % (states("barewire-agent"), states("barewire-controller")))
    for n in bed.nodes:
        bed.ready(n.name)


def checksums(node):
    return dict(reversed(line.split()) for line in node.run("sh", "-c", "cd /opt/cni/bin && sha256sum %s" % " ".join(PROGRAMS)).splitlines())


@test
def each_node_has_an_agent_and_two_have_a_controller():
    expect_eq({p["spec"]["nodeName"] for p in ready_pods("barewire-agent")}, {n.name for n in bed.nodes}, "nodes with an agent")
    expect_eq(len({p["spec"]["nodeName"] for p in ready_pods("barewire-controller")}), 2, "nodes with a controller")
    for n in bed.nodes:
        expect_eq(json.loads(n.run("cat", CONFLIST))["name"], "barewire", "the network of " + n.name)
        for name in PROGRAMS:
            expect_in('"supportedVersions"', n.run("sh", "-c", "echo '{\"cniVersion\":\"1.0.0\"}' | CNI_COMMAND=VERSION /opt/cni/bin/" + name), name)


@test
def an_upgrade_under_traffic_disturbs_no_pod():
    """Another image whose plugins differ too: the agents replace them on the node."""
    tag = "barewire.dev/barewire:upgrade"
    before = {n.name: checksums(n) for n in bed.nodes}
    with tempfile.TemporaryDirectory(prefix="barewire-upgrade.") as folder:
        for path in glob.glob(os.path.join(BUILD, "*barewire*")):
            if os.path.isfile(path) and not path.endswith("/barewire-bridge"):
                os.symlink(path, os.path.join(folder, os.path.basename(path)))
        note = os.path.join(folder, "note")
        with open(note, "w") as f:
            f.write("another release\n")
        run("objcopy", "--add-section", ".note.release=" + note, os.path.join(BUILD, "barewire-bridge"), os.path.join(folder, "barewire-bridge"))
        archive = os.path.join(folder, "image.tar")
        run(os.path.join(TOP, "scripts", "image"), folder, archive, tag, timeout=120)
        for n in bed.nodes:
            n.load(archive)
    with Traffic():
        deploy("images: [{name: barewire.dev/barewire, newTag: upgrade}]")
        wait_all_ready(tag)
    same_pod()
    same_claim()
    for n in bed.nodes:
        after = checksums(n)
        expect(after["barewire-bridge"] != before[n.name]["barewire-bridge"], "the plugin of %s is the new one" % n.name)
        expect_eq(after["barewire-ipam"], before[n.name]["barewire-ipam"], "what did not change on " + n.name)
    judge()


@test
def an_agent_that_is_deleted_comes_back_and_disturbs_no_pod():
    old = agent_on("node1")
    with Traffic():
        api.delete(pod_path(old["metadata"]["name"], SYSTEM))
        api.wait_gone(pod_path(old["metadata"]["name"], SYSTEM))
        expect_eq(json.loads(bed.node("node1").run("cat", CONFLIST))["name"], "barewire", "the network stays")
        wait_all_ready()
    same_pod()
    same_claim()


def files_of_ours(node):
    """The configuration and the programs that an agent brings to its node."""
    return node.run("sh", "-c", "find /etc/cni /opt/cni -name '*barewire*'", check=False).splitlines()


def traces(node):
    """All that is left of the product on a node. Files of locks go with the machine's /run."""
    return (files_of_ours(node) + node.run("sh", "-c", "find /sys/fs/bpf /run/barewire -mindepth 1 ! -name '*.debug' ! -name '*.lock'", check=False).splitlines() +
            [line for line in node.run("ip -o link").splitlines() if " bw" in line or "master" in line] +
            [line for line in node.run("nft list tables").splitlines() if "barewire" in line] +
            [line for line in node.run("ip rule").splitlines() + node.run("ip route show table all").splitlines() if " bw" in line or DB in line])


def uninstall():
    bed.kubectl("delete", "-k", os.path.join(DEPLOY, "uninstall"), timeout=120)
    wait_until(lambda: api.find("/api/v1/namespaces/" + SYSTEM) is None, 60, "the end of the namespace")


def agent_pid(node):
    def comm(pid):
        with open("/proc/%d/comm" % pid) as f:
            return f.read().strip()
    return next(p for p in pod_pids(agent_on(node)) if comm(p) == "barewire-agent")


def is_told_to_end(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"^ShdPnd:\s+(\w+)", f.read(), re.M).group(1), 16) & 1 << (signal.SIGTERM - 1)


@contextlib.contextmanager
def slow_agent(node):
    """One that hears of its DaemonSet's end and of its own at the same time."""
    pid = agent_pid(node)
    os.kill(pid, signal.SIGSTOP)
    waiter = threading.Thread(target=lambda: (wait_until(lambda: is_told_to_end(pid), 60), os.kill(pid, signal.SIGCONT)))
    waiter.start()
    yield
    waiter.join()


@test
def without_the_programs_the_database_goes_on():
    with Traffic(), slow_agent("node2"):
        uninstall()
        for n in bed.nodes:
            bed.ready(n.name, False, 30)
        for kind in kubeproduct.KINDS:  # what the addresses are kept by while nobody else minds them
            status, said = api.ask("DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/%s.net.barewire.dev?dryRun=All" % kind)
            expect_eq(status, 403, "deleting the definition of %s: %s" % (kind, said))
        expect_eq(api.ask("DELETE", "%s/networkaddresses/%s?dryRun=All" % (NET, address_name(DB)))[0], 403, "deleting the address")
    for n in bed.nodes:
        expect_eq(files_of_ours(n), [], "programs and configuration of " + n.name)
    expect_eq(traces(bed.node("node2")), [], "traces of a node without pods")
    same_pod()
    same_claim()
    judge()


@test
def brought_back_they_know_every_address():
    with Traffic():
        deploy()
        wait_all_ready()
    same_pod()
    same_claim()
    judge()
    old = api.get(pod_path("db-0"))
    mac = pod_mac(old)
    api.delete(pod_path("db-0"))
    new = running("db-0", uid_not=old["metadata"]["uid"])
    expect_eq((new["status"]["podIP"], pod_mac(new)), (DB, mac), "address and MAC of the next pod")
    wait_outside(lambda: redis(DB, "ping", check=False) == "PONG")
    judge()


def left_in_the_cluster():
    """Whatever the API server has that is ours, of every kind it knows, and what stays Terminating."""
    kinds = bed.kubectl("api-resources", "--verbs=list", "-o", "name").split()
    kinds = [k for k in kinds if not k.startswith(("events", "pods", "componentstatuses", "leases"))]
    found = bed.kubectl("get", ",".join(kinds), "-A", "-o", "json", "--ignore-not-found", timeout=60)
    ours = []
    for o in json.loads(found or '{"items": []}')["items"]:
        meta = o["metadata"]
        text = json.dumps([meta.get("name"), meta.get("namespace"), meta.get("labels"), meta.get("annotations"), meta.get("finalizers")])
        if "barewire" in text or (meta.get("deletionTimestamp") and meta.get("name") != NS):
            ours.append("%s %s: %s" % (o["kind"], meta["name"], text[:300]))
    return ours


@test
def after_the_full_removal_nothing_is_left():
    """docs/kubernetes.md, line by line."""
    delete_pods()
    with open(os.path.join(TOP, "docs", "kubernetes.md")) as f:
        text = f.read().partition("To remove the addresses too")[2]
    steps = re.findall(r"^    kubectl (.*)", text, re.M)
    expect(len(steps) >= 5, "the steps of docs/kubernetes.md")
    for line in steps:
        start = time.monotonic()
        words, _, note = line.partition("#")
        step = lambda: bed.kubectl(*words.replace("conf/", os.path.join(TOP, "conf/")).split(), timeout=120)
        step()
        if "until none is left" in note:
            wait_until(lambda: not step(), 20, lambda: words + "\n" + step())
        diag("%.1f s: kubectl %s" % (time.monotonic() - start, words))
    for n in bed.nodes:
        expect_eq(traces(n), [], "traces on " + n.name)
        expect_eq(n.run("cat /sys/class/net/data0/operstate").strip(), "up", "the node's card")
    expect_eq(left_in_the_cluster(), [], "left in the cluster")


@test
def a_new_installation_begins_from_nothing():
    """Another cluster to the nodes, whose journals remember the one before."""
    deploy()
    wait_all_ready()
    pool(cooldownSeconds=1)
    pod("fresh", node="node1", annotations={ANN + "network": "lan", ANN + "address": DB})
    expect_eq(pod_ip("fresh"), DB, "address")
    wait_until(lambda: outside_pings(DB), 20, "an answer")
    judge()


main(setup=setup)
