#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# vm: kernel=6.12 with=containerd mem=1536
"""Containers of a real containerd on VFs: each has its address on a VF of its own, they reach each other and the
machine outside, and every VF comes back as it was."""
import atexit
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "conformance", "containerd"))
from vmnic import *  # noqa: E402
import ctrd  # noqa: E402

SHOW = "/bin/ip -o addr show eth0; /bin/cat /sys/class/net/eth0/address; "
state = {}


def setup():
    for folder in (ctrd.NET_D, ctrd.CNI_BIN):
        os.makedirs(folder, exist_ok=True)
    for name in ("barewire-sriov", "barewire-ipam"):
        shutil.copy(os.path.join(BUILD, name), ctrd.CNI_BIN)
    conf = {"type": "barewire-sriov", "pf": "pf0",
            "ipam": {"type": "barewire-ipam", "ranges": [[{"subnet": "10.89.0.0/24"}]]}}
    with open(os.path.join(ctrd.NET_D, "10-sriov.conflist"), "w") as f:
        json.dump({"cniVersion": "1.0.0", "name": "sriov", "plugins": [conf]}, f)
    state["vfs"] = Pf().create(3)
    state["before"] = snapshots()
    state["root"] = ctrd.busybox_root()
    state["daemon"] = ctrd.Containerd("/usr/bin", 2)
    atexit.register(state["daemon"].stop)


def snapshots():
    return {"%s %s" % (vf, section): rows for vf in state["vfs"] for section, rows in vf.snapshot().items()}


def nothing_left():
    wait_until(lambda: all(vf.name for vf in state["vfs"]), 20, "every VF is back")
    expect_same(state["before"], snapshots(), "VFs")
    expect_eq(ctrd.addresses(), [], "rows of the journal")


def address(text):
    found = re.findall(r"inet (10\.89\.0\.\d+)/24", text)
    expect_eq(len(found), 1, text)
    return found[0]


def start(name):
    """A container in the background, and its address."""
    p = state["daemon"].start(state["root"], name, "/bin/sh", "-c", SHOW + "exec /bin/sleep 120")
    line = p.stdout.readline()
    while line and "inet " not in line:
        line = p.stdout.readline()
    return p, address(line or p.stderr.read())


def kill(name, process):
    state["daemon"].ctr("task", "kill", "-s", "SIGKILL", name)
    process.wait(60)


@test
def a_container_runs_on_a_vf():
    text = state["daemon"].run(state["root"], "a", "/bin/sh", "-c",
                               SHOW + "/bin/ls -l /sys/class/net/eth0/device/driver").stdout
    address(text)
    expect_in("igbvf", text)
    nothing_left()


@test
def two_containers_reach_each_other_and_the_machine_outside():
    outside = Peer(addresses=["10.89.0.250/24"])
    first, first_ip = start("first")
    text = state["daemon"].run(state["root"], "second", "/bin/sh", "-c",
                               "/bin/ping -c 2 -W 10 %s; /bin/ping -c 2 -W 10 10.89.0.250" % first_ip).stdout
    expect_eq(text.count("2 packets received"), 2, text)
    expect(ping(outside.ns, first_ip, 2, 5), "no answer to the machine outside")
    kill("first", first)
    outside.remove()
    nothing_left()


@test
def every_vf_in_use_fails_the_next_container_and_no_other():
    running = [(name, *start(name)) for name in ("p", "q", "r")]
    expect_eq(len({ip for _, _, ip in running}), 3, "addresses")
    late = state["daemon"].run(state["root"], "late", "/bin/true", check=False)
    expect(late.returncode != 0, "a fourth container got a VF")
    expect_in("are held", late.stdout + late.stderr)
    for name, process, _ in running:
        kill(name, process)
    nothing_left()


main(setup=setup)
