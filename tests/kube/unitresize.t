#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Other cpu and memory for a Unit that runs, on a real cluster: its control group has them, and pod and process are the
same; what its node never can have it goes without, what the node has no room for it waits for, and what the server refuses
is another pod."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeunit import *  # noqa: E402

A, B = "10.99.2.60", "10.99.2.61"
CGROUP = "/sys/fs/cgroup"
MI = 1 << 20


def setup():
    pool(cooldownSeconds=1)
    atexit.register(delete_claims)
    atexit.register(delete_units)


def amounts(cpu, memory):
    return {"cpu": cpu, "memory": memory}


def make(name, ip, requests, limits, **spec):
    o = manifest(name, ip, volumes=(), **spec)
    c = o["spec"]["template"]["spec"]["containers"][0]
    c["command"][c["command"].index("/data")] = "/tmp"
    c["resources"] = {"requests": requests, "limits": limits}
    api.create("%s/namespaces/%s/units" % (DB, NS), o)
    return ready(name)


def declare(name, requests, limits):
    """Other amounts in the template; all else in it stays."""
    containers = api.get(unit_path(name))["spec"]["template"]["spec"]["containers"]
    containers[0]["resources"] = {"requests": requests, "limits": limits}
    api.patch(unit_path(name), {"spec": {"template": {"spec": {"containers": containers}}}})


def over(name):
    """The Unit when all that is declared has happened."""
    return api.wait(unit_path(name), lambda o: o and status(o).get("observedGeneration") == o["metadata"]["generation"] and
                    condition(o, "Resizing") is None and condition(o, "Ready") == "True", 90, "resized")


def identity(name):
    p = api.get(pod_path(name))
    c = p["status"]["containerStatuses"][0]
    return p["metadata"]["uid"], c["containerID"], c["restartCount"]


def group_file(name, controller, v1, v2):
    """What the container's control group says, in either layout."""
    for pid in pod_pids(api.get(pod_path(name))):
        with open("/proc/%s/cmdline" % pid) as f:
            if "redis-server" not in f.read().split("\0")[0]:
                continue
        with open("/proc/%s/cgroup" % pid) as f:
            lines = [line.strip().split(":", 2) for line in f]
        for _, controllers, path in lines:
            if controller in controllers.split(","):
                with open("%s/%s%s/%s" % (CGROUP, controllers, path, v1)) as f:
                    return f.read().strip()
        path = [p for n, _, p in lines if n == "0"][0]
        with open("%s%s/%s" % (CGROUP, path, v2)) as f:
            return f.read().strip()
    raise Failed("no redis-server in pod %s" % name)


def memory(name):
    return group_file(name, "memory", "memory.limit_in_bytes", "memory.max")


def quota(name):
    """Of a period, in microseconds."""
    return group_file(name, "cpu", "cpu.cfs_quota_us", "cpu.max").split()[0]


def node_memory(name):
    """Bytes that pods may have on the Unit's node."""
    said = api.get("/api/v1/nodes/" + api.get(pod_path(name))["spec"]["nodeName"])["status"]["allocatable"]["memory"]
    return int(said[:-2]) * 1024 if said.endswith("Ki") else int(said)


@test
def the_limits_of_a_running_database_change():
    make("r", A, amounts("100m", "64Mi"), amounts("200m", "128Mi"), config={"onChange": "None", "templates": [
        {"name": "conf", "template": "maxmemory {{resources.memory}}\n"}]})
    was = identity("r")
    expect_eq((memory("r"), quota("r")), (str(128 * MI), "20000"), "the control group before")
    wait_outside(lambda: redis(A, "set", "k", "v", check=False) == "OK")
    declare("r", amounts("150m", "96Mi"), amounts("300m", "256Mi"))
    u = over("r")
    expect_eq((memory("r"), quota("r")), (str(256 * MI), "30000"), "the control group")
    expect_eq(identity("r"), was, "pod, container and restarts")
    expect_eq(was[2], 0, "restarts")
    expect_eq(redis(A, "get", "k"), "v")
    expect_eq(status(u)["podUID"], was[0])
    api.wait("/api/v1/namespaces/%s/configmaps/r-config" % NS, lambda o: o and o["data"]["conf"] == "maxmemory %d\n" % (256 * MI), 60, "the file")
    declare("r", amounts("100m", "64Mi"), amounts("200m", "128Mi"))
    over("r")
    expect_eq((memory("r"), quota("r")), (str(128 * MI), "20000"), "the control group, back")
    expect_eq(identity("r"), was, "pod, container and restarts")


@test
def the_command_line_waits_until_the_container_has_it():
    was = identity("r")
    for limit in (192, 128):
        p = subprocess.run([os.path.join(BUILD, "kubectl-barewire"), "unit", "resize", "r", "--kubeconfig", bed.admin, "-n", NS, "--limits",
                            "memory=%dMi" % limit, "--wait"], capture_output=True, text=True, timeout=300)
        expect_eq(p.returncode, 0, "exit code\n" + p.stdout + p.stderr)
        expect_in("resize: done in ", p.stdout)
        expect_eq((memory("r"), quota("r")), (str(limit * MI), "20000"), "the control group when it is done")
    expect_eq(identity("r"), was, "pod, container and restarts")


@test
def what_its_node_can_never_have_takes_no_database_away():
    was = identity("r")
    declare("r", amounts("100m", "4Ti"), amounts("200m", "4Ti"))
    u = said("r", "Resizing", "ResizeInfeasible")
    expect_in(status(u)["nodeName"], condition(u, "Resizing", "message"), "the node")
    expect_in(str(node_memory("r")), condition(u, "Resizing", "message"), "the room")
    expect_eq((condition(u, "Ready"), status(u)["phase"]), ("True", "Ready"))
    expect_eq((memory("r"), identity("r")), (str(128 * MI), was), "what runs")
    expect_in(str(128 * MI), api.get("/api/v1/namespaces/%s/configmaps/r-config" % NS)["data"]["conf"], "what the process may use")
    declare("r", amounts("100m", "64Mi"), amounts("200m", "128Mi"))
    over("r")
    expect_eq(identity("r"), was, "pod, container and restarts")


@test
def what_there_is_no_room_for_is_waited_for():
    was = identity("r")
    room = node_memory("r")
    spec = pod_spec(node=api.get(pod_path("r"))["spec"]["nodeName"])
    spec["containers"][0]["resources"] = {"requests": {"memory": str(room * 6 // 10)}}
    api.create(pods_path(), {"metadata": {"name": "greedy", "annotations": {ANN + "network": "lan"}}, "spec": spec})
    running("greedy")
    want = str(room * 6 // 10)
    declare("r", amounts("100m", want), amounts("200m", want))
    u = said("r", "Resizing", "ResizeDeferred")
    expect_in(status(u)["nodeName"], condition(u, "Resizing", "message"), "the node")
    api.delete(pod_path("greedy"))
    api.wait_gone(pod_path("greedy"), 60)
    over("r")
    expect_eq(identity("r"), was, "pod, container and restarts")
    expect_eq(int(memory("r")) // 4096, int(want) // 4096, "pages of the control group")


@test
def what_the_server_refuses_is_another_pod():
    make("s", B, amounts("100m", "64Mi"), amounts("100m", "64Mi"))
    p = api.get(pod_path("s"))
    expect_eq(p["status"]["qosClass"], "Guaranteed")
    declare("s", amounts("50m", "64Mi"), amounts("100m", "64Mi"))
    ready("s", uid_not=p["metadata"]["uid"])
    over("s")
    expect_eq(api.get(pod_path("s"))["status"]["qosClass"], "Burstable")
    wait_until(lambda: any("does not resize the pod in place" in e.get("note", e.get("message", "")) and e["reason"] == "PodDeleted" for e in events()),
               60, lambda: "events: %s" % [(e["reason"], e.get("message")) for e in events()])
    expect_eq(quota("s"), "10000", "the control group")


main(setup=setup)
