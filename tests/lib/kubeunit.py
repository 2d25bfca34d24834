# SPDX-License-Identifier: Apache-2.0
"""Units on the kube bed: Redis at a declared address with a volume made in advance, and what tests ask of it."""
import itertools
import os
import shutil
import tempfile

import kubetest
from kubeproduct import *  # noqa: F401,F403
from kubeproduct import claim_path, condition
from kubetest import NS, REDIS, expect_eq, wait_until

DB = "/apis/db.barewire.dev/v1alpha1"
spares = itertools.count(1)
PVC = "/api/v1/namespaces/%s/persistentvolumeclaims"


def unit_path(name, ns=None):
    return "%s/namespaces/%s/units/%s" % (DB, ns or NS, name)


def volume_path(unit, template="data", ns=None):
    return "%s/%s-%s" % (PVC % (ns or NS), template, unit)


def manifest(name, address=None, volumes=("data",), networking=None, **spec):
    """The example of the manual, with Redis for its database: it binds to POD_IP, so it runs nowhere else."""
    args = ["/usr/bin/redis-server", "--protected-mode", "no", "--bind", "$(POD_IP)", "--dir", "/data", "--appendonly", "yes",
            "--appendfsync", "always"]
    return {"apiVersion": "db.barewire.dev/v1alpha1", "kind": "Unit",
            "metadata": {"name": name, "labels": {"app": name}, "annotations": {"config.addr.type": "pod_ip"}},
            "spec": {"mainContainerName": "redis",
                     "networking": {"mode": "bridge", "network": "lan", "type": "networkClaim", "bandwidth": {"egressMbps": 1000},
                                    **({"address": address} if address else {}), **(networking or {})},
                     "template": {"spec": {
                         "terminationGracePeriodSeconds": 0, "automountServiceAccountToken": False,
                         "containers": [{"name": "redis", "image": REDIS, "imagePullPolicy": "Never", "command": args,
                                         "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}],
                                         "readinessProbe": {"tcpSocket": {"port": 6379}, "periodSeconds": 1},
                                         **({"volumeMounts": [{"name": v, "mountPath": "/" + v} for v in volumes]} if volumes else {})}]}},
                     "volumeClaimTemplates": [{"metadata": {"name": v}, "spec": {
                         "accessModes": ["ReadWriteOnce"], "storageClassName": "", "resources": {"requests": {"storage": "1Gi"}}}} for v in volumes],
                     **spec}}


def make_volume(unit, template="data", node=None, spare=False):
    """A folder that both nodes see, bound to the Unit's claim in advance: network storage, or a local disk of the node.
    spare: bound to none, for the claim that a rebuild makes."""
    folder = tempfile.mkdtemp(prefix="barewire-unit.")
    atexit.register(shutil.rmtree, folder, True)
    name = "%s-%s-%s" % (NS, "spare%d" % next(spares) if spare else template, unit)
    here = {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": [node]}]}
    source = {"local": {"path": folder}, "nodeAffinity": {"required": {"nodeSelectorTerms": [here]}}} if node else {"hostPath": {"path": folder}}
    claim = {} if spare else {"claimRef": {"namespace": NS, "name": "%s-%s" % (template, unit)}}
    kubetest.api.create("/api/v1/persistentvolumes", {"metadata": {"name": name}, "spec": {
        "capacity": {"storage": "1Gi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Retain", "storageClassName": "",
        **source, **claim}})
    atexit.register(kubetest.api.ask, "DELETE", "/api/v1/persistentvolumes/" + name)
    return folder


def make_unit(name, address=None, wait=True, **more):
    kubetest.api.create("%s/namespaces/%s/units" % (DB, NS), manifest(name, address, **more))
    return ready(name) if wait else None


def status(obj):
    return (obj or {}).get("status", {})


def ready(name, uid_not=None, timeout_s=90):
    """The Unit when it is Ready with a pod, and with another one than uid_not."""
    return kubetest.api.wait(unit_path(name), lambda o: status(o).get("phase") == "Ready" and condition(o, "Ready") == "True" and
                             status(o).get("podUID") not in (None, uid_not), timeout_s, "Ready")


def said(name, kind, reason, timeout_s=60):
    """The Unit when its condition has the reason."""
    return kubetest.api.wait(unit_path(name), lambda o: condition(o, kind, "reason") == reason, timeout_s, "%s: %s" % (kind, reason))


def act(name, number, kind, phase="Succeeded", timeout_s=90, **more):
    """The Unit when an action of it is over."""
    kubetest.api.patch(unit_path(name), {"spec": {"action": {"id": number, "type": kind, **more}}})
    u = kubetest.api.wait(unit_path(name), lambda o: "completionTime" in status(o).get("action", {}) and status(o)["action"]["id"] == number,
                          timeout_s, "%s %s is over" % (kind, number))
    expect_eq(u["status"]["action"]["phase"], phase, "%s: %s" % (kind, u["status"]["action"]["message"]))
    return u


def delete_unit(name, timeout_s=60):
    kubetest.api.delete(unit_path(name))
    kubetest.api.wait_gone(unit_path(name), timeout_s)


def delete_units():
    """All Units of the namespace, then their volumes."""
    path = "%s/namespaces/%s/units" % (DB, NS)
    for o in kubetest.api.items(path):
        kubetest.api.ask("DELETE", unit_path(o["metadata"]["name"]))
    wait_until(lambda: not kubetest.api.items(path), 60, lambda: "Units left: %s" % [o["status"] for o in kubetest.api.items(path)])
    for o in kubetest.api.items(PVC % NS):
        kubetest.api.ask("DELETE", "%s/%s" % (PVC % NS, o["metadata"]["name"]))


def written(name):
    """resourceVersions of all that is a Unit's: equal ones mean that nobody wrote."""
    paths = [unit_path(name), claim_path(name), kubetest.pod_path(name), volume_path(name)]
    return [(kubetest.api.find(p) or {"metadata": {}})["metadata"].get("resourceVersion") for p in paths]
