#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Agent, containerd, kubelet, the controller's leader, API server and etcd are killed, each alone and in all fifteen
pairs, while an ADD and a DEL stand still half way: the same address and the same MAC, and I1 to I7 hold in every state
that etcd went through, in the journals and in the kernels. What is a node's own dies on two nodes at once, another on
each: every row below is several of these cases."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeproduct import *  # noqa: E402
from kubeclient import MERGE  # noqa: E402
from kubefault import Hold, Target, give_up_lease, killed_together  # noqa: E402
from kubejudge import Judge, journal, token_of  # noqa: E402

# Everywhere, on node1, on node2; where the plugins stand still.
ROWS = [
    ((), ("agent",), ("containerd",), "before"),
    ((), ("kubelet",), ("agent", "containerd"), "after"),
    ((), ("agent", "kubelet"), ("containerd", "kubelet"), "before"),
    (("leader",), ("agent",), ("containerd",), "after"),
    (("leader",), ("kubelet",), (), "before"),
    (("api",), ("agent",), ("containerd",), "before"),
    (("api",), ("kubelet",), (), "after"),
    (("etcd",), ("agent",), ("containerd",), "before"),
    (("etcd",), ("kubelet",), (), "after"),
    (("leader", "api"), (), (), "before"),
    (("leader", "etcd"), (), (), "after"),
    (("api", "etcd"), (), (), "before"),
]
# redis1-0 and redis1-1 on node1, redis2-0 and redis2-1 on node2
IPS = {"redis%d-%d" % (n, i): "10.99.2.%d" % (10 * n + i) for n in (1, 2) for i in (0, 1)}
state = {}


def setup():
    pool()
    atexit.register(delete_claims)
    for n in (1, 2):
        redis_set("redis%d" % n, 2, "%s-%s" % (IPS["redis%d-0" % n], IPS["redis%d-1" % n]), node="node%d" % n, grace_s=5)
    state["judge"] = Judge(bed)
    state["judge"].rest()
    state["mac"] = {name: claim_mac(bound(name)) for name in IPS}
    for n in bed.nodes:
        atexit.register(Hold(n).remove)
        atexit.register(Target(n).heal)


def uid(name):
    return api.get(pod_path(name))["metadata"]["uid"]


def all_run(old, timeout_s=120):
    """All pods of the sets are others and run. A kubelet looks again after 10 to 15 s at what failed once, or when the pod
    changes: it is told so, for that wait is its own affair."""
    waiting, end = set(IPS), time.monotonic() + timeout_s
    while waiting:
        waiting -= {name for name in waiting if is_new(api.find(pod_path(name)), old[name])}
        expect(time.monotonic() < end, "not within %d s: %s" % (timeout_s, sorted(waiting)))
        lame = [p for p in system_pods("barewire-agent") if not is_running(p)] if waiting else []
        for path in [pod_path(name) for name in waiting] + [pod_path(p["metadata"]["name"], SYSTEM) for p in lame]:
            api.ask("PATCH", path, {"metadata": {"annotations": {"looked-at": str(time.monotonic())}}}, MERGE)
        time.sleep(0.5)


def is_new(pod, old):
    return is_running(pod) and pod["metadata"]["uid"] != old and "deletionTimestamp" not in pod["metadata"]


def expect_same(name, old):
    """The pod is another one, at the same address and MAC, and the machine outside talks to it."""
    new = running(name, uid_not=old)
    expect_eq(new["status"]["podIP"], IPS[name], "address")
    expect_eq(pod_mac(new), state["mac"][name], "MAC")
    wait_outside(lambda: redis(IPS[name], "ping", check=False, timeout=2) == "PONG", 20)
    expect_eq(outside_mac(IPS[name]), state["mac"][name], "the MAC that is seen outside")


def killed(everywhere, on1, on2, door):
    """An ADD of redisN-1 and a DEL of redisN-0 stand still on both nodes while all of them die."""
    old = {name: uid(name) for name in IPS}
    targets = [Target(n) for n in bed.nodes]
    start = time.monotonic()
    with Hold(bed.nodes[0], door) as h1, Hold(bed.nodes[1], door) as h2:
        for verb, pods in (("ADD", ("redis1-1", "redis2-1")), ("DEL", ("redis1-0", "redis2-0"))):
            for h, name in zip((h1, h2), pods):
                h.close(verb)
                api.delete(pod_path(name))
            for h in (h1, h2):
                h.reached(verb)
        killed_together([(targets[0], everywhere + on1), (targets[1], on2)])
    struck = time.monotonic()
    for t in targets:
        t.heal()
    if "leader" in everywhere and door == "before":  # behind the other door its Lease has to run out
        give_up_lease(targets[0].identity)
    healed = time.monotonic()
    all_run(old)
    for name in IPS:
        expect_same(name, old[name])
    ran = time.monotonic()
    state["judge"].rest(60)
    diag("dead after %.1f s, restarted %.1f s later, all run after %.1f s, at rest after %.1f s" % (
        struck - start, healed - struck, ran - healed, time.monotonic() - ran))


def name_of(everywhere, on1, on2, door):
    local = ["%s on node%d" % (" and ".join(who), i) for i, who in ((1, on1), (2, on2)) if who]
    return "killed %s ADD's and DEL's work: %s: same address, same MAC, I1 to I7" % (door, ", ".join(list(everywhere) + local))


for row in ROWS:
    case(name_of(*row), killed, *row)


def tokens(claim):
    """detachedToken, holder's token, attached token"""
    return token_of(claim, "detachedToken"), token_of(claim, "holder", "token"), token_of(claim, "attached", "token")


def steps(name, since):
    """What the claim went through: each (addresses, tokens) that was another than the one before."""
    seen = [(claim_ips(c), tokens(c)) for c in state["judge"].changes_of(name)[max(since - 1, 0):]]
    return [now for before, now in zip(seen, seen[1:]) if now != before]


def given(token, spare):
    """Given back, placed with the next token, attached. A kubelet repeats the DEL of a sandbox that is gone, until long after
    its pod has gone: what finds the next token given and not used yet gives it back, too, and the next one is given."""
    expect(0 <= spare <= 5, "%d tokens were given back and not used" % spare)
    spent = [(token, token, token)]
    for t in range(token, token + spare):
        spent += [(t, t + 1, token), (t + 1, t + 1, token)]
    last = token + spare
    return spent + [(last, last + 1, token), (last, last + 1, last + 1)]


@test
def class_13_without_the_api_server_nothing_is_released_and_acknowledgements_arrive_once():
    judge, node, target = state["judge"], bed.node("node1"), Target(bed.node("node1"))
    old = {name: uid(name) for name in IPS}
    stays = api.get(pod_path("redis1-1"))
    sandbox = set(pod_pids(stays))
    with Hold(node, "before") as hold:
        hold.close("DEL")
        api.delete(pod_path("redis1-0"))
        hold.reached("DEL")
        judge.history()
        token = holder(api.get(claim_path("redis1-0")))["token"]
        since = {name: len(judge.changes_of(name)) for name in IPS}
        bed.api.kill()
        hold.release("DEL")
        try:
            # Nobody can hear of the DEL, and a sandbox is made again.
            wait_until(lambda: journal(node, "SELECT kind FROM outbox") == [("detached",)], 60, lambda: "outbox: %s" % journal(node, "SELECT * FROM outbox"))
            for pid in sandbox:
                os.kill(pid, 9)
            wait_until(lambda: len(set(pod_pids(stays)) - sandbox) >= 2, 60, "a new sandbox")
            wait_outside(lambda: redis(IPS["redis1-1"], "ping", check=False, timeout=1) == "PONG", 20)
            # An ADD for the claim before the agent has found the server again would make the acknowledgement needless.
            hold.close("ADD")
        finally:
            target.heal()
        wait_until(lambda: journal(node, "SELECT kind FROM outbox") == [], 90, lambda: "outbox: %s" % journal(node, "SELECT * FROM outbox"))
    all_run({**old, **{name: None for name in IPS if name != "redis1-0"}})
    expect_same("redis1-0", old["redis1-0"])
    judge.rest(60)
    # Given back, placed with the next token, attached; and nothing at all for those that stayed.
    got = steps("redis1-0", since["redis1-0"])
    expect_eq(got, [([IPS["redis1-0"]], t) for t in given(token, (len(got) - 3) // 2)], "addresses and tokens: detached, holder's, attached")
    for name in ("redis1-1", "redis2-0", "redis2-1"):
        expect_eq(steps(name, since[name]), [], "changes of " + name)


main(setup=setup)
