#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Each of agent, containerd, kubelet, the controller's leader, API server and etcd is killed, alone and in all fifteen
pairs, while an ADD and a DEL are under way: the same address and the same MAC, and I1 to I7 hold in every state that
etcd went through, in the journals and in the kernels."""
import itertools
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeproduct import *  # noqa: E402
from kubefault import VICTIMS, Hold, Target, strike  # noqa: E402
from kubejudge import Judge  # noqa: E402

IPS = ("10.99.2.20", "10.99.2.21")
state = {}


def setup():
    pool()
    atexit.register(delete_claims)
    state["node"] = bed.node("node1")
    redis_set("redis", 2, IPS[0] + "-" + IPS[1], node="node1", grace_s=5)
    state["judge"] = Judge(bed)
    state["judge"].rest()
    state["mac"] = [claim_mac(bound("redis-%d" % i)) for i in range(2)]
    hold = Hold(state["node"])
    atexit.register(hold.remove)


def uid(i):
    return api.get(pod_path("redis-%d" % i))["metadata"]["uid"]


def killed(victims, at):
    """An ADD of redis-1 and a DEL of redis-0 stand still at the same door while the victims die."""
    before = [uid(0), uid(1)]
    target = Target(state["node"])
    start = time.monotonic()
    with Hold(state["node"], at) as hold:
        hold.close("ADD")
        api.delete(pod_path("redis-1"))
        hold.reached("ADD")
        hold.close("DEL")
        api.delete(pod_path("redis-0"))
        hold.reached("DEL")
        struck = strike(target, victims)
    try:
        target.heal()
    finally:
        bed.api.start()
    healed = time.monotonic()
    for i in range(2):
        new = running("redis-%d" % i, uid_not=before[i], timeout_s=120)
        expect_eq(new["status"]["podIP"], IPS[i], "address")
        expect_eq(pod_mac(new), state["mac"][i], "MAC")
        wait_outside(lambda: redis(IPS[i], "ping", check=False, timeout=2) == "PONG", 20)
        expect_eq(outside_mac(IPS[i]), state["mac"][i], "the MAC that is seen outside")
    ran = time.monotonic()
    state["judge"].rest(60)
    diag("held after %.1f s, restarted %.1f s later, both run after %.1f s, rest after %.1f s" % (
        struck - start, healed - struck, ran - healed, time.monotonic() - ran))


for n, who in enumerate([(v,) for v in VICTIMS] + list(itertools.combinations(VICTIMS, 2))):
    door = ("before", "after")[n % 2]
    case("%s killed %s the plugin's work: same address, same MAC, I1 to I7" % (" and ".join(who), door), killed, who, door)

main(setup=setup)
