#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pod sandboxes of containerd 2.x as a kubelet makes them, spec 1.1.0: STATUS decides whether the node is ready, a
reservation holds a pod's address, pods run in parallel and leave nothing, GC collects what a dead node left."""
import concurrent.futures
import json
import os
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
from bwtest import BUILD, GO_PLUGINS, cni, expect, expect_eq, expect_ok, main, run, test, wait_until  # noqa: E402
import cri  # noqa: E402
import ctrd  # noqa: E402

PARALLEL = 8
RESERVED = {"type": "barewire-ipam", "ranges": [[{"subnet": "10.88.0.0/24"}]],
            "reservations": [{"key": "default/redis-0", "address": "10.88.0.77"}]}
state = {}


def setup():
    ctrd.own_paths()
    # The runtime sets up lo by the loopback plugin.
    run("cp", os.path.join(GO_PLUGINS, "loopback"), ctrd.CNI_BIN)
    state["list"] = ctrd.conflist("1.1.0", ipam=RESERVED)
    start()


def start():
    state["root"] = ctrd.busybox_root()
    state["daemon"] = ctrd.Containerd(ctrd.CONTAINERD2, 3, cri.CRI_TOML)
    state["cri"] = cri.Cri(state["daemon"])
    cri.import_pause(state["daemon"], state["root"])


def plugin_conf():
    """The configuration as the runtime hands it to the plugin."""
    return dict(state["list"]["plugins"][0], cniVersion="1.1.0", name="barewire")


def network_ready():
    return state["cri"].conditions()["NetworkReady"]


def nothing_left():
    wait_until(lambda: not ctrd.leftovers(), 10, "nothing is left: %s" % ctrd.leftovers())


@test
def the_node_is_ready_when_status_is():
    wait_until(lambda: network_ready()[0], 20, "NetworkReady: %s" % (network_ready(),))


@test
def a_pod_gets_the_address_reserved_for_it_each_time():
    for _ in range(2):
        pod = state["cri"].run("redis-0")
        expect_eq(state["cri"].address(pod), ["10.88.0.77"])
        state["cri"].stop(pod)
        nothing_left()
        state["cri"].remove(pod)


@test
def another_pod_never_gets_a_reserved_address():
    pods = [state["cri"].run("other-%d" % n) for n in range(3)]
    got = [state["cri"].address(p)[0] for p in pods]
    expect("10.88.0.77" not in got and len(set(got)) == 3, "%s" % got)
    for p in pods:
        state["cri"].stop(p)
        state["cri"].remove(p)
    nothing_left()


@test
def pods_start_and_stop_in_parallel():
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        pods = list(pool.map(lambda n: state["cri"].run("par-%d" % n), range(PARALLEL)))
        got = [state["cri"].address(p)[0] for p in pods]
        expect_eq(len(set(got)), PARALLEL, "%s" % got)
        list(pool.map(state["cri"].stop, pods))
        list(pool.map(state["cri"].remove, pods))
    nothing_left()


@test
def stopping_twice_is_no_error():
    pod = state["cri"].run("twice")
    state["cri"].stop(pod)
    state["cri"].stop(pod)
    state["cri"].remove(pod)
    nothing_left()


@test
def the_node_is_not_ready_when_the_journal_cannot_be_used():
    os.makedirs("/run/broken", exist_ok=True)
    with open("/run/broken/journal.db", "w") as f:
        f.write("this is no database, and long enough to be seen as one that is corrupt\n" * 100)
    ctrd.conflist("1.1.0", ipam=dict(RESERVED, dataDir="/run/broken"))
    try:
        wait_until(lambda: not network_ready()[0], 20, "not ready: %s" % (network_ready(),))
        expect("journal" in network_ready()[2], "%s" % (network_ready(),))
    finally:
        ctrd.conflist("1.1.0", ipam=RESERVED)
    wait_until(lambda: network_ready()[0], 20, "ready again")


@test
def a_full_pool_does_not_take_the_node_out_of_service():
    ctrd.conflist("1.1.0", name="small", isDefaultGateway=False, ipMasq=False, ipam={"type": "barewire-ipam", "ranges": [[{"subnet": "10.88.9.0/30"}]]})
    try:
        wait_until(lambda: network_ready()[0], 20, "ready")
        pod = state["cri"].run("last-one")
        expect(network_ready()[0], "%s" % (network_ready(),))
        state["cri"].stop(pod)
        state["cri"].remove(pod)
    finally:
        ctrd.conflist("1.1.0", ipam=RESERVED)


@test
def gc_keeps_what_is_valid():
    pod = state["cri"].run("valid")
    conf = dict(plugin_conf(), **{"cni.dev/valid-attachments": [{"containerID": pod, "ifname": "eth0"}]})
    before = ctrd.leftovers()
    expect_ok(cni("GC", conf))
    expect_eq(ctrd.leftovers(), before)
    state["cri"].stop(pod)
    state["cri"].remove(pod)
    nothing_left()


@test
def gc_collects_what_a_dead_runtime_left():
    for n in range(3):
        state["cri"].run("dead-%d" % n)
    # Power off: the daemon, its shims and all containers, with no DEL for any of them.
    pids = [int(p) for p in os.listdir("/proc") if p.isdigit() and int(p) not in (1, os.getpid(), os.getppid())]
    for pid in pids:
        try:
            with open("/proc/%d/cmdline" % pid) as f:
                line = f.read()
            if "containerd" in line or line.startswith("/bin/tail"):
                os.kill(pid, signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            pass
    state["daemon"].daemon.wait()
    expect(ctrd.addresses(), "the journal still holds them")
    for line in run("cat", "/proc/mounts").split("\n"):
        if line.split(" ")[1:2] and "/cni-" in line.split(" ")[1]:
            run("umount", line.split(" ")[1], check=False)
    conf = dict(plugin_conf(), **{"cni.dev/valid-attachments": []})
    expect_ok(cni("GC", conf))
    nothing_left()


@test
def the_runtime_comes_back_and_the_address_too():
    start()
    pod = state["cri"].run("redis-0")
    expect_eq(state["cri"].address(pod), ["10.88.0.77"])
    state["cri"].stop(pod)
    state["cri"].remove(pod)
    nothing_left()


try:
    main(setup=setup)
finally:
    if "daemon" in state:
        state["daemon"].stop()
