# SPDX-License-Identifier: Apache-2.0
"""Tests on the kube bed: bwtest's claims, plus the bed, its API and pods in a few words.

    from kubetest import *

    @test
    def a_pod_runs():
        pod("a", node="node1")
        expect_in("hello", pod_run("a", "echo", "hello"))

    main(cni="reference")

Files of the tier share two beds (BW_KUBE is theirs); a file run by hand gets one of its own. Each has a namespace, NS,
that goes with it. cni: "reference", "none", or None when it does not matter. Every test says its time.
"""
import atexit
import os
import subprocess
import sys
import time

import bwtest
from bwtest import *  # noqa: F401,F403
from bwtest import TOP, Failed, diag, expect, run, wait_until
from kubebed import Bed
from kubeclient import ApiError, Client  # noqa: F401
from kubeimage import PAUSE, REDIS, TOOLS  # noqa: F401

NS = "t-" + os.path.basename(sys.argv[0]).rpartition(".")[0].replace("_", "-").lower()
bed = None
api = None
more_state = None  # what else a failure should tell: a function


def _timed(fn):
    def wrapped(*args):
        start = time.monotonic()
        try:
            fn(*args)
        except bwtest.Skip:
            raise
        except (Exception, KeyboardInterrupt):
            diag(state_of_the_bed())
            raise
        finally:
            diag("%.1f s" % (time.monotonic() - start))
    wrapped.__name__ = fn.__name__
    return wrapped


def state_of_the_bed():
    """What a reader of a failure asks first."""
    out = []
    for argv in (["get", "nodes,pods", "-A", "-o", "wide"], ["get", "events", "-n", NS, "--sort-by=.lastTimestamp"]):
        p = bed.kubectl(*argv, check=False, timeout=20)
        out.append("$ kubectl %s\n%s" % (" ".join(argv), "\n".join((p.stdout + p.stderr).splitlines()[-30:])))
    out += ["%s is down" % p.name for p in bed.processes() if not p.alive]
    if more_state:
        out.append(more_state())
    return "\n".join(out)


def main(cni=None, setup=None):
    """Runs the tests of this file on the bed."""
    global bed, api
    if not os.environ.get("BW_KUBE"):
        os.execv(os.path.join(TOP, "scripts", "kube-bed"), ["kube-bed", "run", sys.executable, *sys.argv])
    start = time.monotonic()
    bed = Bed.attach()
    api = bed.client
    # What `import *` took was still empty.
    sys.modules["__main__"].__dict__.update(bed=bed, api=api)
    _need_cni(cni)
    if not api.find("/api/v1/namespaces/" + NS):
        api.create("/api/v1/namespaces", {"metadata": {"name": NS}})
    api.wait("/api/v1/namespaces/%s/serviceaccounts/default" % NS, lambda o: o is not None, 20, "default account")
    atexit.register(_leave)
    if setup:
        setup()
    diag("the bed is as this file needs it after %.1f s" % (time.monotonic() - start))
    bwtest._tests[:] = [(name, _timed(fn), args) for name, fn, args in bwtest._tests]
    bwtest.main()


def _leave():
    """The next file finds no pod of ours; the namespace itself ends by itself."""
    try:
        delete_pods()
        api.delete("/api/v1/namespaces/" + NS)
    except (ApiError, AssertionError, OSError) as e:
        diag("cleaning up: %s" % e)


def _need_cni(cni):
    if cni is None:
        return
    bed.reference_cni(cni == "reference")
    for n in bed.nodes:
        bed.ready(n.name, cni == "reference")


# Pods ------------------------------------------------------------------------------------------------

def pods_path(ns=None):
    return "/api/v1/namespaces/%s/pods" % (ns or NS)


def pod_path(name, ns=None):
    return "%s/%s" % (pods_path(ns), name)


def pod_spec(image=TOOLS, node=None, command=None, **spec):
    """The spec of a pod of one container that stops at once when told."""
    c = {"name": "main", "image": image, "imagePullPolicy": "Never"}
    if command:
        c["command"] = list(command)
    out = {"containers": [c], "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False, **spec}
    if node:
        out["nodeSelector"] = {"kubernetes.io/hostname": node}
    return out


def pod(name, image=TOOLS, node=None, annotations=None, labels=None, command=None, wait=True, ns=None, **spec):
    """Makes a pod and waits until it is Running; returns it."""
    made = api.create(pods_path(ns), {"metadata": {"name": name, "annotations": annotations or {}, "labels": labels or {"app": name}},
                                      "spec": pod_spec(image, node, command, **spec)})
    return running(name, ns) if wait else made


def is_running(obj):
    st = (obj or {}).get("status", {})
    return st.get("phase") == "Running" and any(c["type"] == "Ready" and c["status"] == "True" for c in st.get("conditions", []))


def running(name, ns=None, timeout_s=60, uid_not=None):
    """Waits until the pod is Running and Ready; uid_not: and is not that one."""
    return api.wait(pod_path(name, ns), lambda o: is_running(o) and o["metadata"]["uid"] != uid_not and
                    "deletionTimestamp" not in o["metadata"], timeout_s, "Running")


def pod_ip(name, ns=None):
    return api.get(pod_path(name, ns))["status"]["podIP"]


def pod_run(name, *argv, ns=None, check=True, timeout=30):
    """A command in the pod, by kubectl exec."""
    return bed.kubectl("exec", "-n", ns or NS, name, "--", *argv, check=check, timeout=timeout)


def pod_pids(obj):
    """Processes of a pod on its node, by its control group; without asking the API server."""
    from kubenode import members
    node = bed.node(obj["spec"]["nodeName"])
    uid = obj["metadata"]["uid"]
    for qos in ("besteffort/", "burstable/", ""):
        pids = members("%s/kubepods/%spod%s" % (node.group, qos, uid))
        if pids:
            return sorted(pids)
    return []


def in_pod(obj, *argv, check=True, timeout=30):
    """A command of this machine in the pod's network namespace: quick, and works with the API server away."""
    pids = pod_pids(obj)
    expect(pids, "pod %s has no process" % obj["metadata"]["name"])
    return run("nsenter", "--net", "--target", pids[0], "--", *argv, check=check, timeout=timeout)


def delete_pod(name, ns=None, wait=True, timeout_s=40):
    api.delete(pod_path(name, ns))
    if wait:
        api.wait_gone(pod_path(name, ns), timeout_s)


def delete_pods(ns=None, timeout_s=60):
    """All pods of the namespace and what would make them anew."""
    ns = ns or NS
    for group, kind in (("apis/apps/v1", "deployments"), ("apis/apps/v1", "statefulsets"), ("apis/apps/v1", "daemonsets"), ("api/v1", "services")):
        path = "/%s/namespaces/%s/%s" % (group, ns, kind)
        for o in api.items(path):
            api.delete("%s/%s" % (path, o["metadata"]["name"]))
    end = time.monotonic() + timeout_s
    while True:
        left = api.items(pods_path(ns))
        for o in left:
            if "deletionTimestamp" not in o["metadata"]:
                api.delete(pod_path(o["metadata"]["name"], ns))
        if not left:
            return
        if time.monotonic() > end:
            raise Failed("pods that do not end: %s" % [o["metadata"]["name"] for o in left])
        time.sleep(0.1)


def service(name, port, selector=None, ns=None, **spec):
    """A Service of TCP port for the pods labelled app=NAME; returns its ClusterIP."""
    made = api.create("/api/v1/namespaces/%s/services" % (ns or NS), {
        "metadata": {"name": name}, "spec": {"selector": selector or {"app": name}, "ports": [{"port": port, "targetPort": port}], **spec}})
    return made["spec"]["clusterIP"]


def events(ns=None, reason=None):
    return [e for e in api.items("/api/v1/namespaces/%s/events" % (ns or NS)) if reason in (None, e.get("reason"))]


# From outside ---------------------------------------------------------------------------------------

def redis(ip, *argv, check=True, timeout=5):
    """redis-cli from the machine outside; '' when it cannot be reached, or reads its data yet, and check is off."""
    p = bed.outside("timeout", str(timeout), "redis-cli", "-h", ip, *argv, check=False, timeout=timeout + 5)
    text = p.stdout.strip()
    if check and (p.returncode or "rror" in text + p.stderr):
        raise Failed("redis-cli -h %s %s from outside: exit %d: %s%s" % (ip, " ".join(argv), p.returncode, text, p.stderr))
    return "" if p.returncode or "rror" in p.stderr or text.startswith("LOADING") else text


def outside_pings(ip, count=1, wait_s=1):
    return bed.outside("ping", "-n", "-c", str(count), "-i", "0.2", "-W", str(wait_s), ip, check=False).returncode == 0


def outside_mac(ip):
    """The MAC that the machine outside knows for an address, or None."""
    words = bed.outside("ip neigh show " + ip).split()
    return words[words.index("lladdr") + 1] if "lladdr" in words else None


def wait_outside(fn, timeout_s=60, what="answer from outside"):
    return wait_until(fn, timeout_s, what)
