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


def follows(o, body):
    """What an API server does with a merge of the spec."""
    for k, v in body["spec"].items():
        o["spec"][k] = {i: x for i, x in {**o["spec"].get(k, {}), **v}.items() if x is not None} if isinstance(v, dict) else v
    o["metadata"]["generation"] += 1


def action(phase, step="Stop", id="a1", type="Restart", last="Prepare", message="the pod that was there has to end"):
    return {"id": id, "type": type, "phase": phase, "step": step, "lastReversibleStep": last, "message": message}


@test
def an_action_is_written_once_with_the_version_that_was_read():
    c = cluster()
    c.node("node2")
    c.objects["nodes"][(None, "node2")]["metadata"]["labels"] = {"domain.net.barewire.dev/lan": "ready"}
    for words, kind, more in ((("restart",), "Restart", {}), (("restart", "--force"), "Restart", {"force": True}),
                              (("migrate",), "Migrate", {}), (("migrate", "--to", "node2"), "Migrate", {"nodeName": "node2"}),
                              (("rebuild", "--yes"), "Rebuild", {}), (("rebuild", "--in-place", "-y"), "Rebuild", {"inPlace": True}),
                              (("rebuild", "--to=node2", "-y"), "Rebuild", {"nodeName": "node2"})):
        c.patches.clear()
        code, out, err = c.run("unit", words[0], "redis-0", *words[1:])
        expect_eq((code, err), (0, ""), "%s: %s" % (words, err))
        (plural, ns, name, body), = c.patches
        id = body["spec"]["action"]["id"]
        expect_eq(re.sub(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}", "X", id), words[0] + "-X", "the id")
        expect_eq((plural, ns, name), ("units", "db", "redis-0"))
        expect_eq(body, {"metadata": {"resourceVersion": "5"}, "spec": {"action": {
            "id": id, "type": kind, "nodeName": None, "inPlace": None, "force": None, "cancel": False, **more}}})
        expect_in("unit db/redis-0: %s %s: asked for; --wait tells how it goes\n" % (kind, id), out)
    c.conflicts = 3
    expect_eq(c.run("unit", "restart", "redis-0")[0], 0, "after conflicts")
    c.conflicts = 100
    code, _, err = c.run("unit", "restart", "redis-0")
    expect_eq(code, 2)
    expect_in("change Unit redis-0", err)


@test
def wait_tells_each_step_and_what_became_of_it():
    c = cluster()
    c.then = follows
    c.steps = [{}, {}, {"action": action("Running", "Prepare", message="nothing is touched yet")}, {"action": action("Running")},
               {"action": action("Running")}, {"action": action("Succeeded", "Start", message="the new pod is Ready on node node1")}]
    code, out, err = c.run("unit", "restart", "redis-0", "--id", "a1", "--wait")
    expect_eq(code, 0, err)
    expect_eq([line.split("s  ", 1)[1] for line in err.splitlines()],
              ["waits for the controller", "Running, step Prepare: nothing is touched yet", "Running, step Stop: the pod that was there has to end"])
    expect_eq(re.sub(r"in \d+ s", "in N s", out), "unit db/redis-0: Restart a1: asked for\n"
              "unit db/redis-0: Restart a1: done in N s: the new pod is Ready on node node1\n")
    c.patches.clear()
    code, out, _ = c.run("unit", "restart", "redis-0", "--id", "a1", "--wait")
    expect_eq((code, c.patches), (0, []), "the same again")
    expect_in("Restart a1: asked for already\n", out)
    for last, text in (({"action": action("Failed", message="no such thing")}, "Restart a2: failed: no such thing"),
                       ({"action": action("Cancelled", message="somebody did")}, "Restart a2: cancelled: somebody did"),
                       ({"action": {}, "conditions": [condition("NotFollowed", "True", "NotFollowed", "spec.action is not followed")]},
                        "does no actions: spec.action is not followed"),
                       ({"actionsDone": ["a2"], "action": action("Running", id="a3")}, "it is over, and the status tells of a later action")):
        c = cluster()
        c.then = follows
        if "id" in last.get("action", {}) and last["action"]["id"] == "a1":
            last["action"]["id"] = "a2"
        if not last["action"]:
            del last["action"]
        c.steps = [{}, last]
        code, _, err = c.run("unit", "restart", "redis-0", "--id", "a2", "--timeout", "50s")
        expect_eq(code, 1, err)
        expect_in(text, err)
    c = cluster(conditions=[condition("Ready", "False", "NodeCordoned", "m")])
    c.then = follows
    code, _, err = c.run("unit", "restart", "redis-0", "--id", "a2", "--timeout", "1s")
    expect_eq(code, 1)
    expect_in("Restart a2: not done after 1 s, and it goes on; barewire unit describe db/redis-0 tells how\nNodeCordoned: kubectl uncordon", err)
    c = cluster()
    c.then = lambda o, body: o["spec"].update(startup="perhaps")
    expect_in("Restart a2: the Unit cannot be read: spec.startup: expected", c.run("unit", "restart", "redis-0", "--id", "a2", "--wait")[2])
    c = cluster()
    c.then = lambda o, body: c.objects["units"].clear() or c.unit(meta={"uid": "another"})
    expect_in("made again meanwhile", c.run("unit", "restart", "redis-0", "--wait")[2])
    c = cluster()
    c.then = lambda o, body: follows(o, {"spec": {"action": {"id": "theirs", "type": "Restart"}}})
    expect_in("action theirs took its place before it began", c.run("unit", "restart", "redis-0", "--wait")[2])


@test
def resize_writes_the_template_and_waits_for_the_pod():
    redis = {"name": "redis", "image": "redis:8", "command": ["redis-server"], "resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}
    other = {"name": "exporter", "image": "exporter:1"}
    spec = {"mainContainerName": "redis", "template": {"spec": {"containers": [redis, other]}}}
    for words, at, want in (
            (("--memory", "2Gi"), 0, {"limits": {"cpu": "1", "memory": "2Gi"}, "requests": {"memory": "2Gi"}}),
            (("--cpu=2", "--requests=cpu=500m"), 0, {"limits": {"cpu": "2", "memory": "1Gi"}, "requests": {"cpu": "500m"}}),
            (("--limits", "memory=3Gi,cpu=1500m"), 0, {"limits": {"cpu": "1500m", "memory": "3Gi"}}),
            (("-c", "exporter", "--requests", "memory=64Mi"), 1, {"requests": {"memory": "64Mi"}})):
        c = cluster(spec=spec)
        code, out, err = c.run("unit", "resize", "redis-0", *words)
        expect_eq((code, err), (0, ""), "%s: %s" % (words, err))
        expect_in("unit db/redis-0: resize: declared; --wait tells how it goes\n", out)
        (_, _, _, body), = c.patches
        containers = [dict(redis), dict(other)]
        containers[at]["resources"] = want
        expect_eq(body, {"metadata": {"resourceVersion": "5"}, "spec": {"template": {"spec": {"containers": containers}}}})
    c = cluster(spec=spec)
    expect_eq((c.run("unit", "resize", "redis-0", "--limits=cpu=1,memory=1Gi")[:2], c.patches),
              ((0, "unit db/redis-0: resize: declared already\n"), []))
    for words, text in (((), "wants to know what is changed"), (("--cpu", "two"), "expected amounts such as"), (("--limits", "gpu=1"), 'got "gpu=1"'),
                        (("--requests", "cpu="), 'got "cpu="'), (("--memory", "1Gi", "-c", "none"), "it has no container none: its containers are redis, exporter")):
        code, _, err = c.run("unit", "resize", "redis-0", *words)
        expect_eq((code, c.patches), (64, []), err)
        expect_in(text, err)


def resized(code, last, text, **spec):
    c = cluster(spec={"template": {"spec": {"containers": [{"name": "redis", "image": "redis:8"}]}}, **spec})
    c.then = follows
    c.steps = [{}, {}, {"observedGeneration": 2, "conditions": [condition("Ready", "True", "Ready", "m"),
                                                                condition("Resizing", "True", "InProgress", "in place on node node1")]}, last]
    got, out, err = c.run("unit", "resize", "redis-0", "--memory", "2Gi", "--timeout", "50s")
    expect_eq(got, code, err)
    expect_in(text, out + err)
    return err


@test
def resize_waits_and_says_what_never_will_be():
    ready = condition("Ready", "True", "Ready", "m")
    err = resized(0, {"observedGeneration": 2, "conditions": [ready]}, ": it is Ready\n")
    expect_in("s  waits for the controller\n", err)
    expect_in("s  InProgress: in place on node node1\n", err)
    resized(1, {"observedGeneration": 2, "conditions": [ready, condition("Resizing", "True", "ResizeInfeasible", "node node1 can never have it")]},
            "resize: node node1 can never have it\n")
    resized(1, {"conditions": [ready, {**condition("TemplateInvalid", "True", "TemplateInvalid", "must be less"), "observedGeneration": 2}]},
            "the server refuses it: must be less\n")
    resized(0, {"observedGeneration": 2, "conditions": []}, "it is stopped, and has them when it is started\n", startup=False)


@test
def stop_and_start_write_the_spec_and_wait_for_the_phase():
    c = cluster()
    c.then = follows
    c.steps = [{}, {"phase": "Running", "task": "stops the process"}, {"phase": "Stopped", "task": None},
               {"phase": "Stopped", "observedGeneration": 2}]
    code, out, err = c.run("unit", "stop", "redis-0", "--wait")
    expect_eq(code, 0, err)
    expect_eq(c.patches, [("units", "db", "redis-0", {"metadata": {"resourceVersion": "5"}, "spec": {"startup": False}})])
    expect_in("Running: stops the process", err)
    expect_in("unit db/redis-0: stop: done in", out)
    c.patches.clear()
    code, out, _ = c.run("unit", "stop", "redis-0")
    expect_eq((code, c.patches, out), (0, [], "unit db/redis-0: stop: asked for already\n"))
    code, _, err = c.run("unit", "restart", "redis-0")
    expect_eq(code, 1)
    expect_in("barewire unit restart db/redis-0: it is stopped (startup: false): barewire unit start db/redis-0 first", err)
    c.steps = [{}, {"phase": "Pending", "task": "waits for the pod"}, {"phase": "Ready"}, {"phase": "Ready", "observedGeneration": 3}]
    code, out, err = c.run("unit", "start", "redis-0", "--wait")
    expect_eq(code, 0, err)
    expect_eq(c.patches[0][3]["spec"], {"startup": True})
    expect_in("Pending: waits for the pod", err)
    expect_in("start: done in", out)
    refused = {**condition("Stopped", "False", "NoCommand", "container redis names no command"), "observedGeneration": 4}
    c.steps = [{}, {"phase": "Ready", "conditions": [{**refused, "observedGeneration": 2}]}, {"conditions": [refused]}]
    code, _, err = c.run("unit", "stop", "redis-0", "--wait")
    expect_eq(code, 1)
    expect_in("barewire: unit db/redis-0: stop: NoCommand: container redis names no command; write the container's command", err)
    expect_in("to do        NoCommand: write the container's command", c.run("unit", "describe", "redis-0")[1])
    c.run("unit", "start", "redis-0")
    c.then = lambda o, body: None
    expect_in("somebody has set spec.startup to true meanwhile", c.run("unit", "stop", "redis-0", "--wait")[2])


@test
def cancel_is_of_the_action_that_runs():
    run = {"id": "a1", "type": "Migrate"}
    c = cluster(spec={"action": run}, action=action("Running", "Start", type="Migrate", last="Start"))
    c.then = follows
    c.steps = [{}, {"action": action("Cancelling", "Stop", type="Migrate", last="Start", message="goes back")},
               {"action": action("Cancelled", type="Migrate", message="all is as it was")}]
    code, out, err = c.run("unit", "migrate", "redis-0", "--cancel", "--wait")
    expect_eq(code, 0, err)
    expect_eq(c.patches[0][3]["spec"], {"action": {"id": "a1", "cancel": True}})
    expect_in("cancel Migrate a1: done in", out)
    for spec, is_, words, text in (
            ({}, None, ("restart",), "no action runs or waits"),
            ({"action": run}, action("Running", type="Migrate"), ("restart",), "action a1 is Migrate: barewire unit migrate db/redis-0 --cancel"),
            ({"action": {"id": "a1", "type": "Restart"}}, action("Running"), ("restart",), "is in step Stop, and can be cancelled until Prepare"),
            ({"action": run}, action("Succeeded"), ("migrate",), "no action runs or waits"),
            ({"action": {"id": "a2", "type": "Restart"}}, action("Running"), ("restart",), "action a1 runs and spec.action is another one"),
            ({"action": run}, action("Running", type="Migrate"), ("migrate", "--id", "a9"), "action a1 is not a9")):
        c = cluster(spec=spec, **({"action": is_, "actionsDone": ["a1"] if is_["phase"] == "Succeeded" else []} if is_ else {}))
        code, _, err = c.run("unit", words[0], "redis-0", "--cancel", *words[1:])
        expect_eq((code, c.patches), (1, []), err)
        expect_in(text, err)


@test
def what_cannot_be_done_is_refused_before_it_is_asked_for():
    def nodes(c):
        for name, ready, more, label in (("node2", "True", {"unschedulable": True}, "ready"), ("node3", "False", {}, "ready"), ("node4", "True", {}, None)):
            c.node(name, ready=ready)
            o = c.objects["nodes"][(None, name)]
            o["spec"] = more
            o["metadata"]["labels"] = {"domain.net.barewire.dev/lan": label} if label else {}
    bound = [{"name": "data", "claimName": "data-redis-0", "phase": "Bound", "nodeName": "node1"}]
    for spec, status, words, text in (
            ({}, {}, ("migrate", "--to", "node1"), "it is on node node1 already"),
            ({}, {}, ("rebuild", "--to", "node1", "-y"), "it is on node node1 already: --in-place rebuilds it there"),
            ({}, {}, ("migrate", "--to", "node9"), "there is no node node9: kubectl get nodes lists them"),
            ({}, {}, ("migrate", "--to", "node2"), "node node2 is cordoned and takes no pods: kubectl uncordon node2 first"),
            ({}, {}, ("migrate", "--to", "node3"), "node node3 is not Ready"),
            ({}, {}, ("migrate", "--to", "node4"), "node node4 does not reach segment lan"),
            ({}, {"volumes": bound}, ("migrate",), "volume data (claim data-redis-0) is bound to node node1 and its data cannot follow: barewire unit rebuild"),
            ({"startup": False}, {}, ("restart",), "it is stopped"),
            ({"maintenance": True}, {}, ("migrate",), "spec.maintenance is true"),
            ({"action": {"id": "a1", "type": "Restart"}}, {"action": action("Running")}, ("migrate",),
             "action a1 (Restart) runs, in step Stop: wait for it, or barewire unit restart db/redis-0 --cancel"),
            ({"action": {"id": "a7", "type": "Rebuild"}}, {}, ("restart",),
             "action a7 (Rebuild) is asked for and has not begun: wait for it, or barewire unit rebuild db/redis-0 --cancel"),
            ({}, {"actionsDone": ["a1"]}, ("restart", "--id", "a1"), "action a1 has run already, and one id runs once"),
            ({"action": {"id": "a1", "type": "Rebuild"}}, {}, ("restart", "--id", "a1"), "action a1 is Rebuild: give the action another --id")):
        c = cluster(spec=spec, **status)
        nodes(c)
        code, _, err = c.run("unit", words[0], "redis-0", *words[1:])
        expect_eq((code, c.patches), (1, []), "%s: %s" % (words, err))
        expect_in("barewire unit %s db/redis-0: " % words[0] + text, err)
    c = cluster(meta={"deletionTimestamp": "2026-01-01T00:00:00Z"})
    for verb in ("restart", "stop"):
        expect_in("it is being deleted", c.run("unit", verb, "redis-0")[2])
    code, out, err = c.run("unit", "rebuild", "redis-0")
    expect_eq((code, c.patches), (1, []))
    expect_in("those it has are kept as retained claims", out)
    expect_in("no terminal to ask: --yes does it", err)


@test
def logs_are_asked_of_the_main_container():
    c = cluster(spec={"mainContainerName": "redis", "template": {"spec": {"containers": [{"name": n, "image": n} for n in ("redis", "exporter")]}}})
    asked = []

    def answer(handler):
        asked.append(handler.path)
        if "exporter" in handler.path:
            return handler.answer(400, {"kind": "Status", "status": "Failure", "reason": "BadRequest", "message": "it waits to start", "code": 400})
        handler.send_response(200)
        handler.send_header("Content-Type", "text/plain")
        handler.end_headers()
        for piece in (b"one\ntw", b"o\n"):
            handler.wfile.write(piece)
            handler.wfile.flush()
        handler.close_connection = True
    c.logs = answer
    expect_eq(c.run("unit", "logs", "redis-0"), (0, "one\ntwo\n", ""))
    expect_eq(c.run("unit", "logs", "db/redis-0", "-f", "--tail", "7")[1], "one\ntwo\n")
    c.run("unit", "logs", "redis-0", "-p", "--container=redis")
    path = "/api/v1/namespaces/db/pods/redis-0/log?container=redis"
    expect_eq(asked, [path, path + "&follow=true&tailLines=7", path + "&previous=true"])
    expect_eq(c.run("unit", "logs", "redis-0", "-c", "exporter"), (2, "", "barewire: logs of unit db/redis-0: it waits to start\n"))
    c.logs = None
    code, _, err = c.run("unit", "logs", "redis-0")
    expect_eq(code, 1)
    expect_in("unit db/redis-0 has no pod; barewire unit describe db/redis-0 says why", err)
    for words in (("logs", "redis-0", "-c", "x"), ("connect", "redis-0", "-c", "x", "--", "true")):
        code, _, err = c.run("unit", *words)
        expect_eq((code, err), (64, "barewire: unit db/redis-0: it has no container x: its containers are redis, exporter\n"))
    del c.objects["units"][("db", "redis-0")]["spec"]["mainContainerName"]
    code, _, err = c.run("unit", "logs", "redis-0")
    expect_eq((code, err), (64, "barewire: unit db/redis-0: -c says which is meant: its containers are redis, exporter\n"))


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
                              (("unit", "restart", "redis-0", "--timeout", "soon"), 64, 'expected a time such as 90s, 5m or 1h, got "soon"'),
                              (("unit", "restart", "redis-0", "--timeout", "0"), 64, "expected a time such as"),
                              (("unit", "restart", "redis-0", "--timeout", "99999999999999999999h"), 64, "expected a time such as"),
                              (("unit", "restart", "redis-0", "--id", "-x"), 64, 'letters, digits and -._ between them, got "-x"'),
                              (("unit", "restart", "redis-0", "--id", "x" * 64), 64, "at most 63"),
                              (("unit", "restart", "redis-0", "--to", "node2"), 64, "barewire unit restart: --to is no option of it"),
                              (("unit", "stop", "redis-0", "--force"), 64, "barewire unit stop: --force is no option of it"),
                              (("unit", "rebuild", "redis-0", "--to", "node2", "--in-place"), 64, "--in-place stays on its node and --to leaves it"),
                              (("unit", "migrate", "redis-0", "--cancel", "--to", "node2"), 64, "takes no --to"),
                              (("unit", "logs", "redis-0", "--tail", "-1"), 64, 'expected a number of lines, got "-1"'),
                              (("unit", "logs", "redis-0", "--tail", "9999999999"), 64, "expected a number of lines"),
                              (("unit", "logs", "redis-0", "-f", "-p"), 64, "-f and -p exclude each other"),
                              (("unit", "connect", "--", "redis-0"), 64, "the Unit is named before --"), (("unit", "connect"), 64, "usage: barewire unit connect NAME"),
                              (("unit", "connect", "redis-7", "--", "redis-cli", "-h"), 1, "there is no Unit redis-7"),
                              (("unit", "restart"), 64, "usage: barewire unit restart NAME"), (("unit", "stop", "a", "b"), 64, "too many arguments"),
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


COMMANDS = ("list", "describe", "logs", "connect", "stop", "start", "restart", "migrate", "rebuild")

main()
