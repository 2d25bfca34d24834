#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Containers of a real containerd, the distribution's 1.6 and a 2.x, through a barewire conflist: they get their
addresses, reach each other, run in parallel, and leave nothing."""
import concurrent.futures
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "lib"))
from bwtest import TOP, case, expect, expect_eq, main, wait_until  # noqa: E402
import ctrd  # noqa: E402

PARALLEL = 16
DAEMONS = {"1.6": ("/usr/bin", 2, "1.0.0"), "2": (ctrd.CONTAINERD2, 3, "1.1.0")}
running = {}
state = {}


def setup():
    ctrd.own_paths()
    state["root"] = ctrd.busybox_root()


def daemon(name):
    """Starts it with its first test; only one runs at a time."""
    if name not in running:
        for old in list(running):
            running.pop(old).stop()
        folder, config, _ = DAEMONS[name]
        running[name] = ctrd.Containerd(folder, config)
    ctrd.conflist(DAEMONS[name][2])
    return running[name]


def addrs(text):
    return re.findall(r"inet6? ([0-9a-f.:]+/\d+) .*scope global", text)


def nothing_left():
    wait_until(lambda: not ctrd.leftovers(), 10, "nothing is left: %s" % ctrd.leftovers())


def is_the_version_it_should_be(name):
    version = daemon(name).version()
    expect(version.startswith(name + "."), "containerd %s" % version)


def a_container_has_its_address_and_gateway(name):
    d = daemon(name)
    text = d.run(state["root"], "a", "/bin/sh", "-c",
                 "/bin/ip -o addr show eth0; /bin/ip route; /bin/ping -c 1 -W 5 10.88.0.1").stdout
    expect_eq(len(addrs(text)), 1, text)
    expect(addrs(text)[0].startswith("10.88.0."), text)
    expect("default via 10.88.0.1 dev eth0" in text, text)
    expect("1 packets received" in text, text)
    nothing_left()


def a_container_has_both_families(name):
    d = daemon(name)
    ctrd.conflist(DAEMONS[name][2], ipam={"type": "barewire-ipam", "ranges": [
        [{"subnet": "10.88.0.0/24"}], [{"subnet": "2001:db8:88::/64"}]]})
    text = d.run(state["root"], "a", "/bin/ip", "-o", "addr", "show", "eth0").stdout
    expect_eq(len(addrs(text)), 2, text)
    nothing_left()


def a_container_gets_the_declared_address(name):
    d = daemon(name)
    ctrd.conflist(DAEMONS[name][2], args={"cni": {"ips": ["10.88.0.77"]}})
    macs = set()
    for _ in range(2):
        text = d.run(state["root"], "a", "/bin/ip", "-o", "addr", "show", "eth0").stdout + \
            d.run(state["root"], "a", "/bin/ip", "-o", "link", "show", "eth0").stdout
        expect_eq(addrs(text), ["10.88.0.77/24"], text)
        macs.update(re.findall(r"ether ([0-9a-f:]+)", text))
    expect_eq(len(macs), 1, "the MAC stays with the address")
    nothing_left()


def two_containers_reach_each_other(name):
    d = daemon(name)
    first = d.start(state["root"], "first", "/bin/sh", "-c", "/bin/ip -o addr show eth0; exec /bin/sleep 60")
    line = first.stdout.readline()
    while "inet " not in line and line:
        line = first.stdout.readline()
    expect(addrs(line), "no address: %s %s" % (line, first.stderr.read() if not line else ""))
    address = addrs(line)[0].split("/")[0]
    text = d.run(state["root"], "second", "/bin/ping", "-c", "2", "-i", "0.1", "-W", "5", address).stdout
    expect("2 packets received" in text, text)
    d.ctr("task", "kill", "-s", "SIGKILL", "first")
    first.wait(30)
    nothing_left()


def containers_run_in_parallel(name):
    d = daemon(name)

    def one(n):
        return addrs(d.run(state["root"], "p%d" % n, "/bin/ip", "-o", "addr", "show", "eth0").stdout)
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        got = list(pool.map(one, range(PARALLEL)))
    expect_eq([len(a) for a in got], [1] * PARALLEL, "each has one address: %s" % got)
    nothing_left()


def containers_that_live_together_have_different_addresses(name):
    d = daemon(name)
    procs = [d.start(state["root"], "q%d" % n, "/bin/sh", "-c", "/bin/ip -o addr show eth0; exec /bin/sleep 60")
             for n in range(PARALLEL)]
    got = []
    for p in procs:
        line = p.stdout.readline()
        while line and "inet " not in line:
            line = p.stdout.readline()
        got += addrs(line) or [p.stderr.read()]
    expect_eq(len(set(got)), PARALLEL, "%s" % got)
    expect_eq(len([a for a in ctrd.addresses() if a.startswith("address ")]), PARALLEL, "rows of the journal")
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(lambda n: d.ctr("task", "kill", "-s", "SIGKILL", "q%d" % n), range(PARALLEL)))
    for p in procs:
        p.communicate(timeout=60)
    expect_eq(d.tasks(), [], "tasks")
    nothing_left()


def the_conflist_of_the_readme_works(name):
    d = daemon(name)
    with open(os.path.join(TOP, "README.md")) as f:
        text = f.read().split("```json\n")[1].split("```")[0]
    with open(os.path.join(ctrd.NET_D, "10-barewire.conflist"), "w") as f:
        f.write(text)
    text = d.run(state["root"], "a", "/bin/ip", "-o", "addr", "show", "eth0").stdout
    expect(addrs(text) and addrs(text)[0].startswith("10.88.0.") and addrs(text)[0] != "10.88.0.77/24", text)
    nothing_left()


def a_network_that_cannot_work_says_why(name):
    d = daemon(name)
    ctrd.conflist(DAEMONS[name][2], mtu="big")
    p = d.run(state["root"], "a", "/bin/true", check=False)
    expect(p.returncode != 0 and "mtu" in p.stdout + p.stderr, p.stdout + p.stderr)
    nothing_left()


for version in DAEMONS:
    for fn in (is_the_version_it_should_be, a_container_has_its_address_and_gateway, a_container_has_both_families,
               a_container_gets_the_declared_address, the_conflist_of_the_readme_works,
               two_containers_reach_each_other, containers_run_in_parallel,
               containers_that_live_together_have_different_addresses, a_network_that_cannot_work_says_why):
        case("containerd %s: %s" % (version, fn.__name__.replace("_", " ")), fn, version)


try:
    main(setup=setup)
finally:
    for d in running.values():
        d.stop()
