#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""barewire unit: list, describe, logs and the actions against an API server's answers."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from clicluster import *


def cluster(**status):
    c = sound()
    c.unit(**status)
    return c


@test
def units_are_listed_with_address_node_and_phase():
    c = cluster()
    c.unit("redis-1", phase="Pending", task="waits for an address", nodeName=None, claim={"name": "redis-1"}, processState=None,
           conditions=[condition("Ready", "False", "PoolExhausted", "m")])
    code, out, err = c.run("unit", "list")
    expect_eq((code, err), (0, ""))
    lines = [line.split() for line in out.splitlines()]
    expect_eq(lines[0], ["NAMESPACE", "UNIT", "ADDRESS", "NODE", "PHASE", "READY", "AGE", "TASK"])
    expect_eq([w for w in lines[1] if not w.endswith("d")], ["db", "redis-0", "10.99.2.1", "node1", "Ready", "True"])
    expect_eq(lines[2][:6], ["db", "redis-1", "-", "-", "Pending", "False"])
    expect_in("waits for an address", out)
    wide = c.run("unit", "list", "-o", "wide")[1]
    for word in ("PROCESS", "02:00:0a:63:02:01", "PoolExhausted", "lan"):
        expect_in(word, wide)
    for words in (("unit",), ("unit", "ls"), ("units",), ("get", "units"), ("unit", "list", "-A"), ("unit", "list", "redis-0")):
        p = subprocess.run([os.path.join(BUILD, "barewire" if words[0] == "unit" else "kubectl-barewire"), *words, "--kubeconfig", c.config],
                           capture_output=True, text=True)
        expect_eq(p.returncode, 0, p.stderr)
        expect_in("redis-0", p.stdout)
    expect_eq([o["metadata"]["name"] for o in json.loads(c.run("unit", "list", "-o", "json")[1])["items"]], ["redis-0", "redis-1"])
    expect_eq(c.run("unit", "list", "redis-1", "-o", "name")[1], "unit.db.barewire.dev/redis-1\n")
    expect_in("nodeName: node1", c.run("unit", "list", "redis-0", "-o", "yaml")[1])
    c.queries.clear()
    c.run("unit", "list", "-l", "app=redis,tier!=test")
    expect_in("labelSelector=app%3Dredis%2Ctier%21%3Dtest", c.queries[0][1])
    expect_in("no Unit in namespace other; -A looks in all", c.run("unit", "list", "-n", "other")[2])


@test
def describe_tells_the_whole_story():
    c = cluster(task="waits for the kubelet")
    c.node(features=["ebpf", "tcx"], domains=[{"domain": "lan", "ready": True, "uplink": "data0", "bridge": "bw-data0"}])
    c.event("a", note="the older", eventTime="2026-01-01T00:00:01.000000Z")
    c.event("b", kind="Pod", type="Warning", reason="BackOff", note="the newer", deprecatedLastTimestamp="2026-01-01T00:00:02Z", deprecatedCount=3)
    c.event("c", kind="Node", note="of something else")
    c.event("d", about="redis-00", note="of another")
    p = c.objects["pods"][("db", "redis-0")]
    p["status"]["containerStatuses"] = [{"name": "redis", "ready": True, "restartCount": 2, "image": "redis:8", "imageID": "", "state": {
        "running": {"startedAt": "2026-01-01T00:00:00Z"}}, "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}]
    code, out, err = c.run("unit", "describe", "redis-0")
    expect_eq((code, err), (0, ""))
    for line in ("unit         db/redis-0, made ", "phase        Ready, process Running", "task         waits for the kubelet",
                 "pod          redis-0, Running, uid-redis-0", "redis (the database), 2 restarts, runs since", "before it ended with 137, OOMKilled",
                 "node         node1, Ready, nodePolicy Required", "address      10.99.2.1 on eth0", "segment lan, mode ", "uplink data0, bridge bw-data0",
                 "path         fast path: the node's kernel takes it (eBPF, tcx)", "claim        redis-0, Attached, held by node node1, token 1",
                 "volumes      data: claim data-redis-0, Bound, 1Gi", "conditions   Ready=True Ready", "Pod Warning: BackOff: the newer (3 times)"):
        expect_in(line, out)
    expect(out.index("the older") < out.index("the newer"), out)
    expect("of something else" not in out and "of another" not in out and "to do" not in out, out)
    expect_in(("events", "fieldSelector=regarding.name%3Dredis-0&limit=500"), c.queries)
    kinds = [o["kind"] for o in json.loads(c.run("unit", "describe", "db/redis-0", "-o", "json")[1])["items"]]
    expect_eq(kinds, ["Unit", "Pod", "NetworkClaim", "NodeNetwork"])


@test
def describe_says_what_there_is_to_do():
    c = cluster(phase="Pending", task="no free address", claim={"name": "redis-0"}, nodeName="node9", volumes=[], conditions=[
        condition("Ready", "False", "PoolExhausted", "no free address"), condition("ClaimBound", "False", "PoolExhausted", "no free address"),
        condition("NodeUnschedulable", "True", "NodeGone", "there is no node9")],
        spec={"networking": {"network": "lan", "address": "10.99.2.77", "serviceInterface": "eth0"}, "startup": False})
    del c.objects["pods"][("db", "redis-0")], c.objects["networkclaims"][("db", "redis-0")]
    code, out, _ = c.run("unit", "describe", "redis-0")
    expect_eq(code, 0)
    for line in ("declared stopped", "pod          none", "node         node9, which does not exist", "none yet; declared 10.99.2.77; pool lan",
                 "claim        none", "volumes      none", "to do        PoolExhausted: barewire pool", "NodeGone: barewire unit migrate", "events       none"):
        expect_in(line, out)
    expect_eq(out.count("PoolExhausted: barewire pool"), 1)
    c = cluster()
    c.node(features=[], kernel="6.0.1", differences=[{"reason": "CutOff", "pod": "db/redis-0", "message": "its traffic is dropped"},
                                                     {"reason": "CutOff", "pod": "db/redis-1", "message": "another"}])
    out = c.run("unit", "describe", "redis-0")[1]
    expect_in("slow path alone: the node's kernel (6.0.1)", out)
    expect_in("differs      CutOff: its traffic is dropped", out)
    expect("another" not in out, out)


@test
def what_may_not_be_read_is_left_out():
    c = cluster()
    c.forbidden = ("pods", "networkclaims", "nodes", "nodenetworks", "events")
    code, out, err = c.run("unit", "describe", "redis-0")
    expect_eq((code, err), (0, ""))
    for line in ("pod          cannot be read", "claim        cannot be read", "events       cannot be read", "node         node1, nodePolicy"):
        expect_in(line, out)
    c.forbidden = ("units",)
    code, _, err = c.run("unit", "list")
    expect_eq(code, 2)
    expect_in("units is forbidden", err)


@test
def what_was_said_wrongly_is_named():
    c = cluster()
    for words, want, text in ((("unit", "describe"), 64, "an argument is missing\nusage: barewire unit describe NAME"),
                              (("unit", "describ", "x"), 64, "did you mean barewire unit describe?"),
                              (("unit", "frobnicate"), 64, "no such command: unit frobnicate"),
                              (("unit", "list", "redis-0", "-A"), 64, "a name and -A exclude each other"),
                              (("unit", "list", "redis-0", "-l", "a=b"), 64, "a name and -l exclude each other"),
                              (("unit", "list", "--tail", "3"), 64, "barewire unit list: --tail is no option of it"),
                              (("unit", "list", "-o", "svg"), 64, '-o: expected wide, json, yaml or name, got "svg"'),
                              (("unit", "describe", "redis-0", "-o", "wide"), 64, '-o: expected json or yaml, got "wide"'),
                              (("unit", "describe", "redis-7"), 1, "there is no Unit redis-7 in namespace db; barewire unit list -A lists all"),
                              (("unit", "describe", "other/redis-0", "-n", "db"), 64, "name two namespaces")):
        code, _, err = c.run(*words)
        expect_eq(code, want, "%s: %s" % (words, err))
        expect_in(text, err)


@test
def help_suffices():
    def plugin(*args):
        p = subprocess.run([os.path.join(BUILD, "kubectl-barewire"), *args], capture_output=True, text=True)
        expect_eq((p.returncode, p.stderr), (0, ""))
        return p.stdout
    group = plugin("unit", "--help")
    expect_eq(group, plugin("help", "unit"))
    for name in COMMANDS:
        expect_in("\n  unit %s" % name, group)
        expect_in("\n  unit %s" % name, plugin("--help"))
        text = plugin("unit", name, "--help")
        expect_in("usage: barewire unit " + name, text)
        expect_in("\n  barewire unit " + name, text, "an example")


COMMANDS = ("list", "describe")

main()
