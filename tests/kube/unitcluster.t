#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Redis Cluster of ten Units, five masters and five replicas, whose nodes.conf holds their addresses: any of them may be
killed or moved, and nobody says `cluster meet` again. Beside it the same of pods whose addresses are those of the moment."""
import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeunit import *  # noqa: E402

UNITS = {"c-%d" % n: "10.99.2.%d" % (40 + n) for n in range(10)}
KEYS = {"key-%d" % n: "value-%d" % n for n in range(20)}
CLUSTER = ["--cluster-enabled", "yes", "--cluster-config-file", "/data/nodes.conf", "--cluster-node-timeout", "5000"]
state = {}


def setup():
    pool(cooldownSeconds=1)
    # Nothing is given twice while the test lasts: another address is another's.
    pool("moment", ["10.99.70.1-10.99.70.99"], cooldownSeconds=600)
    atexit.register(leave)
    atexit.register(delete_units)


def leave():
    delete_pods()
    delete_claims()
    api.patch(NET + "/networkpools/moment", {"spec": {"cooldownSeconds": 0}})
    api.delete(NET + "/networkpools/moment")
    api.wait_gone(NET + "/networkpools/moment", 60)


def of_cluster(spec):
    """It gets a second for its last words: until it is gone its nodes.conf is locked."""
    spec["containers"][0]["command"] += CLUSTER
    spec["terminationGracePeriodSeconds"] = 1


def known(ip):
    """What a node says of all: id -> (address, what holds against it and whether it is itself)."""
    out = {}
    for line in redis(ip, "cluster", "nodes", check=False).splitlines():
        w = line.split()
        bad = [f for f in w[2].split(",") if f in ("fail", "fail?", "handshake", "noaddr", "myself")]
        out[w[0]] = (w[1].split(":")[0], bad + ([] if w[7] == "connected" else [w[7]]))
    return out


def masters(ip):
    return [a for a in (w[1].split(":")[0] for w in map(str.split, redis(ip, "cluster", "nodes").splitlines()) if "master" in w[2])]


def create(ips, replicas):
    p = bed.outside("timeout", "100", "redis-cli", "--cluster", "create", *["%s:6379" % ip for ip in ips], "--cluster-replicas", str(replicas),
                    "--cluster-yes", check=False, timeout=110)
    expect(p.returncode == 0 and "All 16384 slots covered" in p.stdout, "cluster create: %s%s" % (p.stdout, p.stderr))


def complaint(ips, who):
    """What keeps the cluster from being whole, as the first of its nodes says it; None = nothing."""
    for ip in ips:
        info, all_of_them = redis(ip, "cluster", "info", check=False).split(), known(ip)
        for want in ("cluster_state:ok", "cluster_slots_ok:16384", "cluster_known_nodes:%d" % len(ips)):
            if want not in info:
                return "%s: not %s, %s" % (ip, want, all_of_them)
        if {i: v[0] for i, v in all_of_them.items()} != who or any(set(v[1]) - {"myself"} for v in all_of_them.values()):
            return "%s: %s" % (ip, all_of_them)
    return None


def whole(ips, who=None):
    if who is None:
        wait_until(lambda: len(known(ips[0])) == len(ips), 60, lambda: "known to %s: %s" % (ips[0], known(ips[0])))
        who = {i: v[0] for i, v in known(ips[0]).items()}
    wait_until(lambda: complaint(ips, who) is None, 90, lambda: complaint(ips, who))
    return who


def has_the_data(ip):
    for k, v in KEYS.items():
        expect_eq(wait_outside(lambda: redis(ip, "-c", "get", k, check=False)), v, k)


def kill(*names):
    """Their pods without a word; the Units when they are Ready again."""
    old = {n: api.get(pod_path(n))["metadata"]["uid"] for n in names}
    for n in names:
        api.delete(pod_path(n))
    for n in names:
        ready(n, uid_not=old[n])


def stays_whole():
    whole(list(UNITS.values()), state["who"])
    has_the_data(UNITS["c-0"])


@test
def ten_units_are_one_redis_cluster():
    for name, ip in UNITS.items():
        make_volume(name)
        o = manifest(name, ip)
        of_cluster(o["spec"]["template"]["spec"])
        api.create("%s/namespaces/%s/units" % (DB, NS), o)
    for name in UNITS:
        ready(name)
    ips = list(UNITS.values())
    for ip in ips:
        wait_outside(lambda: redis(ip, "ping", check=False))
    create(ips, 1)
    state["who"] = whole(ips)
    expect_eq(sorted(state["who"].values()), sorted(ips), "addresses that the cluster knows")
    # On a busy machine one may have been replaced by its replica already, and does not know it yet.
    wait_until(lambda: len(masters(ips[0])) == 5, 60, lambda: "masters: %s" % masters(ips[0]))
    for k, v in KEYS.items():
        expect_eq(redis(ips[0], "-c", "set", k, v), "OK")


@test
def who_is_killed_is_known_by_its_address_when_it_comes_back():
    name = {ip: n for n, ip in UNITS.items()}
    m = masters(UNITS["c-0"])
    kill(name[m[0]])
    stays_whole()
    kill(*[name[ip] for ip in m])
    stays_whole()


@test
def nobody_is_forgotten_when_all_are_killed_at_once():
    kill(*UNITS)
    stays_whole()
    judge()


@test
def who_is_moved_to_another_node_is_known_there():
    node = api.get(pod_path("c-3"))["spec"]["nodeName"]
    act("c-3", "move-1", "Migrate")
    expect(api.get(pod_path("c-3"))["spec"]["nodeName"] != node, "it has not moved")
    stays_whole()


@test
def with_addresses_of_the_moment_the_same_is_broken():
    delete_units()
    specs = {}
    for name in ("d-0", "d-1", "d-2"):
        folder = tempfile.mkdtemp(prefix="barewire-unit.")
        atexit.register(shutil.rmtree, folder, True)
        specs[name] = manifest(name)["spec"]["template"]["spec"]
        of_cluster(specs[name])
        specs[name]["volumes"] = [{"name": "data", "hostPath": {"path": folder}}]

    def start():
        for name, spec in specs.items():
            api.create(pods_path(), {"metadata": {"name": name, "annotations": {ANN + "network": "moment"}}, "spec": spec})
        return [running(name)["status"]["podIP"] for name in specs]
    before = start()
    for ip in before:
        wait_outside(lambda: redis(ip, "ping", check=False))
    create(before, 0)
    whole(before)
    for name in specs:
        delete_pod(name)
    now = start()
    expect_eq(set(now) & set(before), set(), "addresses that came back")

    def lost(ip):
        """It has tried the others for a whole node timeout, where they were."""
        others = [v for v in known(ip).values() if "myself" not in v[1]]
        return "cluster_state:fail" in redis(ip, "cluster", "info", check=False) and len(others) == 2 and \
            all(v[0] in before and ("fail?" in v[1] or "fail" in v[1]) for v in others)
    for ip in now:
        wait_until(lambda: lost(ip), 60, lambda: "%s says %s" % (ip, known(ip)))


main(setup=setup)
