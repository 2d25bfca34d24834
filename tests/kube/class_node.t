#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Failure classes that show on a node: late and lost DELs, a crash, a stranger with the address, the order of probe and
announcement. On the bed, with real pods. docs/design/failures.md is the table."""
import json
import os
import sys
import types

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeproduct import *  # noqa: E402
from nodecni import PLUGIN, attachments, call, config, environment, rows  # noqa: E402
from wire import Tap, ip_bytes, mac_bytes  # noqa: E402

FAILING = 1000
OUTSIDE = types.SimpleNamespace(path="/run/netns/outside")
state = {}


def setup():
    atexit.register(leave)
    pool("nodes", ["10.99.51.1-10.99.51.99"], cooldownSeconds=0)


def leave():
    try:
        delete_claims()
        api.delete(NET + "/networkpools/nodes")
        api.wait_gone(NET + "/networkpools/nodes", 40)
    except (ApiError, AssertionError, OSError) as e:
        diag("cleaning up: %s" % e)


def placed(name, ip, node="node1", claim_name=None, wait=True):
    """A claim of this address and a pod on it; returns the pod."""
    claim_name = claim_name or name
    if not api.find(claim_path(claim_name)):
        claim(claim_name, [ip], network="nodes")
    return pod(name, node=node, annotations={ANN + "claim": claim_name}, wait=wait)


def uid_of(name):
    return api.get(claim_path(name))["metadata"]["uid"]


def delete_claim(name):
    api.delete(claim_path(name))
    api.wait_gone(claim_path(name), 40)


@test
def class_3_a_late_DEL_frees_nobody_on_the_same_node_and_none_after_a_move():
    ip, node = "10.99.51.1", bed.node("node1")
    placed("late-a", ip)
    old = wait_until(lambda: attachments(node, uid_of("late-a")), 20, "the attachment")[0]
    delete_pod("late-a")
    delete_claim("late-a")
    new = placed("late-b", ip)
    mac, second = pod_mac(new), attachments(node, uid_of("late-b"))
    for _ in range(2):
        expect_eq(call(node, "DEL", old, "late-a", NS).code, 0, "the late DEL")
    expect_eq(attachments(node, uid_of("late-b")), second, "the successor's attachment")
    expect(outside_pings(ip), "the successor answers")
    # Now the successor moves, and what its own sandbox of before says comes twice after that.
    api.wait(claim_path("late-b"), lambda o: (o["status"].get("attached") or {}).get("token") == 1, 20, "attached")
    delete_pod("late-b")
    moved = placed("late-b", ip, node="node2")
    for _ in range(2):
        expect_eq(call(node, "DEL", second[0], "late-b", NS).code, 0, "the late DEL")
        expect_eq(call(node, "DEL", old, "late-a", NS).code, 0, "the older one")
    c = api.wait(claim_path("late-b"), lambda o: (o["status"].get("attached") or {}).get("token") == 2, 20, "attached under token 2")
    expect_eq((holder(c)["node"], holder(c)["token"], c["status"].get("detachedToken")), ("node2", 2, 1), "holder and what was given back")
    expect_eq((pod_mac(moved), claim_ips(c)), (mac, [ip]), "MAC and address")
    expect(outside_pings(ip), "it answers on the other node")
    judge()
    delete_pod("late-b")
    # The kubelet takes a sandbox down after its pod is gone from the API.
    wait_until(lambda: not attachments(bed.node("node2"), uid_of("late-b")), 90, "the end of the sandbox")


@test
def class_7_a_thousand_failing_ADDs_and_DELs_of_what_nobody_knows_leave_nothing_behind():
    """A crash loop: the namespace is gone whenever the plugin comes to it. (DELs that never come: agent.t.)"""
    node = bed.node("node2")
    placed("lost", "10.99.51.10", node="node2")

    def locked():
        return str(len([a for a in api.items(NET + "/networkaddresses")
                        if a["spec"].get("pool") == "nodes" and a["spec"].get("state") != "Cooling"]))

    def counts():
        # The pool's status follows its locks.
        wait_until(lambda: api.get(NET + "/networkpools/nodes")["status"]["used"] == locked(), 30, "the pool's count")
        return (rows(node, "SELECT count(*) FROM attachment"), rows(node, "SELECT count(*) FROM address"), locked())
    before = counts()
    node.run("sh", "-c", "cat >/run/failing.conf", stdin=json.dumps(config(node, {ANN + "claim": "lost"}, waitSeconds=0)))
    loop = ("for i in $(seq %d); do CNI_CONTAINERID=failing-$i %s </run/failing.conf >/run/failing.out && exit 9; done; cat /run/failing.out"
            % (FAILING, PLUGIN))
    env = [e for e in environment("ADD", "x", "lost", NS, "/run/netns/none") if not e.startswith("CNI_CONTAINERID")]
    diag(node.run("env", *env, "sh", "-c", loop, timeout=200).strip().replace("\n", " ")[:200])
    for i in (1, FAILING):
        expect_eq(call(node, "DEL", "failing-%d" % i, "lost", NS).code, 0, "DEL of a failed one")
    expect_eq(call(node, "DEL", "never-heard-of", "nobody", NS).code, 0, "DEL of what nobody knows")
    expect_eq(counts(), before, "attachments, addresses, used in the pool after %d failing ADDs" % FAILING)
    expect(outside_pings("10.99.51.10"), "the pod that is there answers")
    delete_pod("lost")


def stranger(ip, on):
    bed.outside("ip addr %s %s/16 dev eth0" % ("add" if on else "del", ip), check=False)


@test
def class_15_a_stranger_with_the_address_is_named_by_the_refusal_and_hinders_nobody_under_Warn():
    mac = json.loads(bed.outside("ip -j link show eth0"))[0]["address"]
    for ip, probe in (("10.99.51.20", "Enforce"), ("10.99.51.21", "Warn")):
        api.patch(NET + "/networkpools/nodes", {"spec": {"probe": probe}})
        name = "stranger-" + probe.lower()
        stranger(ip, True)
        try:
            claim(name, [ip], network="nodes")
            placed(name, ip, wait=False)
            if probe == "Enforce":
                told = wait_until(lambda: [e["message"] for e in events(reason="FailedCreatePodSandBox") if mac in e["message"]], 60, "a refusal that names " + mac)
                expect_in("%s is in use" % ip, told[0])
                expect_eq(api.get(pod_path(name))["status"].get("podIP"), None, "the pod's address")
            else:
                running(name)
                expect_eq(pod_ip(name), ip, "the pod runs all the same")
        finally:
            stranger(ip, False)
        delete_pod(name)
    api.patch(NET + "/networkpools/nodes", {"spec": {"probe": "Warn"}})


def arps(frames, ip):
    """(sender MAC, sender address, target address) of the ARP frames about an address."""
    out = []
    for f in frames:
        if f[12:14] == b"\x08\x06" and ip_bytes(ip) in (f[28:32], f[38:42]):
            out.append((f[22:28], f[28:32], f[38:42]))
    return out


@test
def class_17_the_first_frame_with_the_address_comes_after_the_probe_and_one_MAC_announces_it():
    ip = "10.99.51.30"
    api.patch(NET + "/networkpools/nodes", {"spec": {"probe": "Enforce"}})
    claim("probed", [ip], network="nodes")
    tap = Tap(OUTSIDE, "eth0")
    try:
        mac = mac_bytes(pod_mac(placed("probed", ip)))
        seen = arps(tap.wait(lambda f: False, 2.0)[1], ip)
    finally:
        tap.close()
    probes = [i for i, (_, sender, _) in enumerate(seen) if sender == bytes(4)]
    used = [i for i, (_, sender, _) in enumerate(seen) if sender == ip_bytes(ip)]
    diag("probes and uses: %s" % ["probe" if i in probes else "use" if i in used else "other" for i in range(len(seen))])
    expect(probes and used and max(probes) < min(used), "every probe before the first use: %s" % seen)
    expect_eq({m for i, (m, _, _) in enumerate(seen) if i in used}, {mac}, "who says that it has the address")
    announced = [s for i, s in enumerate(seen) if i in used and s[1] == s[2]]
    expect(1 <= len(announced) <= 4 and len(set(announced)) == 1, "one set of announcements, of equal frames: %s" % announced)
    expect(outside_pings(ip), "it answers")
    delete_pod("probed")


@test
def class_6_what_a_crash_of_the_node_leaves_is_put_right_with_the_journal_and_without():
    node = bed.node("node2")
    ips = {"crash-%d" % i: "10.99.51.4%d" % i for i in range(2)}
    macs = {n: pod_mac(placed(n, ip, node="node2")) for n, ip in ips.items()}
    boots = api.get("/api/v1/nodes/node2")["status"]["nodeInfo"]["bootID"]
    node.kill()
    node.boot()
    for n, ip in ips.items():
        p = api.wait(pod_path(n), lambda o: is_running(o) and o["status"].get("podIP") == ip and pod_pids(o), 120, "running again")
        wait_outside(lambda: outside_pings(ip), 60, "%s answers after the crash" % ip)
        expect_eq(pod_mac(p), macs[n], "MAC of " + n)
    diag("boot ID before %s, now %s" % (boots, api.get("/api/v1/nodes/node2")["status"]["nodeInfo"]["bootID"]))
    uids = {n: uid_of(n) for n in ips}
    wait_until(lambda: all(len(attachments(node, u)) == 1 for u in uids.values()), 60, lambda: "one attachment each: %s" % [attachments(node, u) for u in uids.values()])
    judge()
    # The journal itself is lost while the pods live: what is new is served, and a DEL that it does not know frees the address.
    agent = agent_on("node2")
    for pid in pod_pids(agent):
        if "barewire" in open("/proc/%d/comm" % pid).read():
            node.run("sh", "-c", "rm -f /var/lib/barewire/journal.db*")
            os.kill(pid, 9)
    wait_until(lambda: os.path.exists(node.path("lib/barewire/journal.db")), 60, "a new journal")
    bed.ready("node2", True, 60)
    for ip in ips.values():
        expect(outside_pings(ip), "%s answers without the journal" % ip)
    placed("after-loss", "10.99.51.49", node="node2")
    delete_pod("after-loss")
    delete_pods(timeout_s=90)
    judge()


main(setup=setup)
