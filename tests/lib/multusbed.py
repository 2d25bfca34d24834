# SPDX-License-Identifier: Apache-2.0
"""Multus on the kube bed, in front of what is there, and more cards in its nodes:

    data1  the replication network, fab2, which nothing else reaches
    data2  another card on the database segment, fab1, that is no bridge's port: what macvlan needs

All of it goes again: cards, configuration, kind and rights."""
import json
import os
import shutil

import kubeproduct
import kubetest
from kubeproc import CACHE, program, versions
from kubetest import TOP, Failed, wait_until

CONF = "00-multus.conflist"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
KIND = "network-attachment-definitions.k8s.cni.cncf.io"
STATUS = "k8s.v1.cni.cncf.io/network-status"
RBAC = "/apis/rbac.authorization.k8s.io/v1"
FAR = "%s-%s"  # the end of a card that is in the switch

CRD = {
    "metadata": {"name": KIND},
    "spec": {"group": "k8s.cni.cncf.io", "scope": "Namespaced",
             "names": {"plural": "network-attachment-definitions", "singular": "network-attachment-definition",
                       "kind": "NetworkAttachmentDefinition", "shortNames": ["net-attach-def"]},
             "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {
                 "type": "object", "properties": {"spec": {"type": "object", "properties": {"config": {"type": "string"}}}}}}}]}}
RULES = [{"apiGroups": ["k8s.cni.cncf.io"], "resources": ["*"], "verbs": ["*"]},
         {"apiGroups": [""], "resources": ["pods", "pods/status"], "verbs": ["get", "list", "watch", "update", "patch"]},
         {"apiGroups": ["", "events.k8s.io"], "resources": ["events"], "verbs": ["create", "patch", "update"]}]


def binary():
    return os.path.join(CACHE, "multus-" + versions()["MULTUS_VERSION"], "multus")


def add_card(name, fabric, number):
    bed = kubetest.bed
    for n in bed.nodes:
        far = FAR % (n.name, name)
        bed.ip("link add %s type veth peer name %s netns %s" % (far, name, n.name))
        bed.port(far, fabric)
        bed.ip("-n %s link set %s address 02:77:%02x:00:00:%02x up" % (n.name, name, number, n.number))


def add_cards():
    bed = kubetest.bed
    bed.ip("link add fab2 type bridge mcast_snooping 0")
    bed.ip("link set fab2 up")
    with open("/proc/sys/net/ipv6/conf/fab2/disable_ipv6", "w") as f:
        f.write("1")
    add_card("data1", "fab2", 2)
    add_card("data2", "fab1", 3)


def remove_cards():
    bed = kubetest.bed
    for n in bed.nodes:
        n.run("ip link del bw-data1", check=False)
        for name in ("data1", "data2"):
            bed.ip("link del " + FAR % (n.name, name), check=False)
    bed.ip("link del fab2", check=False)


def settled(by_multus):
    """When each node's runtime has read its configurations again: Multus leaves a mark on each pod that it attaches."""
    api = kubetest.api
    left = {n.name for n in kubetest.bed.nodes}
    for i in range(20):
        for node in sorted(left):
            kubetest.pod("mark%d-%s" % (i, node), node=node, annotations={"net.barewire.dev/network": "lan"}, wait=False)
        for node in sorted(left):
            p = kubetest.running("mark%d-%s" % (i, node), timeout_s=90)
            if (STATUS in p["metadata"]["annotations"]) == by_multus:
                left.discard(node)
            api.delete(kubetest.pod_path(p["metadata"]["name"]))
        if not left:
            return
    raise Failed("pods of %s are%s attached by Multus" % (sorted(left), " not" if by_multus else ""))


def install():
    """The kind, a user's rights, the program and a configuration that comes first."""
    api, bed = kubetest.api, kubetest.bed
    conf = bed.api.kubeconfig("multus", "multus")
    api.create(CRDS, {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", **CRD})
    api.create(RBAC + "/clusterroles", {"metadata": {"name": "multus"}, "rules": RULES})
    api.create(RBAC + "/clusterrolebindings", {"metadata": {"name": "multus"}, "subjects": [
        {"kind": "User", "name": "multus", "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {"kind": "ClusterRole", "name": "multus", "apiGroup": "rbac.authorization.k8s.io"}})
    wait_until(lambda: api.ask("GET", "/apis/k8s.cni.cncf.io/v1/network-attachment-definitions")[0] == 200, 60, "Multus' kind is served")
    for n in bed.nodes:
        for source, name in ((binary(), "multus"), (os.path.join(TOP, "tests/lib/foreign_cni.py"), "foreign")):
            shutil.copy2(source, n.path("cni/bin", name))
        n.conflist(CONF, [{"type": "multus", "kubeconfig": conf, "confDir": "/etc/cni/net.d", "clusterNetwork": "barewire",
                           "capabilities": {"portMappings": True, "bandwidth": True}}])
    settled(True)
    return conf


def remove():
    """Pods that Multus attached are to be gone."""
    api, bed = kubetest.api, kubetest.bed
    for n in bed.nodes:
        n.conflist(CONF, None)
    settled(False)
    kubeproduct.delete_claims()
    for n in bed.nodes:
        for name in ("multus", "foreign"):
            if os.path.exists(n.path("cni/bin", name)):
                os.unlink(n.path("cni/bin", name))
        n.run("rm", "-rf", "/var/lib/cni/multus")
    for path in (CRDS + "/" + KIND, RBAC + "/clusterroles/multus", RBAC + "/clusterrolebindings/multus"):
        api.ask("DELETE", path)
    api.wait_gone(CRDS + "/" + KIND, 60)
    for n in bed.nodes:
        bed.ready(n.name)


def network(name, plugins, ns=None, version="1.0.0", **more):
    """A NetworkAttachmentDefinition. Its network is not named as the cluster's: what lives of that one, GC says."""
    conf = {"cniVersion": version, "name": "net-" + name, "plugins": plugins, **more}
    kubetest.api.create("/apis/k8s.cni.cncf.io/v1/namespaces/%s/network-attachment-definitions" % (ns or kubetest.NS),
                        {"apiVersion": "k8s.cni.cncf.io/v1", "kind": "NetworkAttachmentDefinition", "metadata": {"name": name},
                         "spec": {"config": json.dumps(conf)}})


def foreign(honours, conf, otherwise, **more):
    """The plugin of foreign_cni.py on data2."""
    return {"type": "foreign", "honours": honours, "kubectl": program("kubectl"), "kubeconfig": conf, "master": "data2", "length": 16,
            "otherwise": otherwise, **more}
