#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fifty pods at once, before anything of theirs is known: their pool is made in the same moment, their claims do not
exist. The plugin waits for each claim rather than fail, since a refused sandbox costs a quarter of a minute."""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeproduct import *  # noqa: E402

PODS = 50


def setup():
    atexit.register(delete_claims)


@test
def fifty_annotated_pods_created_cold_show_no_failed_sandbox():
    spec = pod_spec(PAUSE)
    api.create("/apis/apps/v1/namespaces/%s/deployments" % NS, {
        "metadata": {"name": "cold"}, "spec": {"replicas": PODS, "selector": {"matchLabels": {"app": "cold"}}, "template": {
            "metadata": {"labels": {"app": "cold"}, "annotations": {ANN + "network": "lan"}}, "spec": spec}}})
    pool(wait=False)
    start = time.monotonic()
    wait_until(lambda: api.get("/apis/apps/v1/namespaces/%s/deployments/cold" % NS)["status"].get("readyReplicas") == PODS, 120,
               lambda: "ready: %s" % api.get("/apis/apps/v1/namespaces/%s/deployments/cold" % NS)["status"])
    pods = api.items(pods_path())
    diag("%d pods Running after %.1f s, on %s" % (PODS, time.monotonic() - start, {n.name: sum(p["spec"]["nodeName"] == n.name for p in pods) for n in bed.nodes}))
    refused = [e["message"] for e in events() if e.get("reason") == "FailedCreatePodSandBox"]
    expect_eq(refused, [], "refused sandboxes")
    expect_eq(len({p["status"]["podIP"] for p in pods}), PODS, "addresses")
    expect(all(p["status"]["podIP"].startswith("10.99.") for p in pods), "an address of another network")
    judge()


@test
def each_of_them_answers_outside():
    ips = [p["status"]["podIP"] for p in api.items(pods_path())]
    silent = []

    def ask(ip):
        if not outside_pings(ip, 3):
            silent.append(ip)
    threads = [threading.Thread(target=ask, args=(ip,)) for ip in ips]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    expect_eq(silent, [], "silent")


@test
def fifty_pods_that_go_leave_no_claim():
    start = time.monotonic()
    delete_claims()
    diag("gone after %.1f s" % (time.monotonic() - start))
    expect_eq([e["message"] for e in events() if e.get("reason") == "FailedKillPod"], [], "failed deletions")
    judge()


main(setup=setup)
