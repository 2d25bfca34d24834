#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The fake kubelet: many pods on nodes that do not exist."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubetest import *  # noqa: E402
import fakekubelet  # noqa: E402

PODS = 200
state = {}


def setup():
    state["fake"] = fakekubelet.start(bed, 5)
    atexit.register(lambda: fakekubelet.remove(bed, state["fake"]))


def deployment():
    return api.get("/apis/apps/v1/namespaces/%s/deployments/many" % NS)


@test
def a_deployment_of_many_pods_runs_on_fake_nodes():
    spec = pod_spec(tolerations=[{"key": fakekubelet.LABEL, "operator": "Exists"}], nodeSelector={fakekubelet.LABEL: "true"})
    api.create("/apis/apps/v1/namespaces/%s/deployments" % NS, {
        "metadata": {"name": "many"}, "spec": {"replicas": PODS, "selector": {"matchLabels": {"app": "many"}},
                                               "template": {"metadata": {"labels": {"app": "many"}}, "spec": spec}}})
    wait_until(lambda: deployment()["status"].get("readyReplicas") == PODS, 60, lambda: deployment()["status"])
    pods = api.items(pods_path())
    expect_eq({p["spec"]["nodeName"][:5] for p in pods}, {"fake-"}, "nodes")
    expect_eq(len({p["status"]["podIP"] for p in pods}), PODS, "addresses")


@test
def deleted_pods_go():
    api.patch("/apis/apps/v1/namespaces/%s/deployments/many" % NS, {"spec": {"replicas": 0}})
    wait_until(lambda: not api.items(pods_path()), 60, "the end of the pods")


@test
def a_server_that_was_away_finds_its_fake_nodes_again():
    bed.api.kill()
    bed.api.start()
    api.patch("/apis/apps/v1/namespaces/%s/deployments/many" % NS, {"spec": {"replicas": 3}})
    wait_until(lambda: deployment()["status"].get("readyReplicas") == 3, 60, lambda: deployment()["status"])


main(setup=setup)
