# SPDX-License-Identifier: Apache-2.0
"""barewire on the kube bed, installed as a user does it: build/image.tar into containerd, kubectl apply -k conf/deploy.
And what tests say of pools, claims and addresses; the judge of the invariants reads the API and the kernels alone.

    from kubeproduct import *
    main(cni="barewire")           # kubetest.main with this product instead of the reference plugins
"""
import ipaddress
import json
import os
import tempfile

import kubetest
from kubetest import *  # noqa: F401,F403
from kubetest import BUILD, NS, REDIS, Failed, TOP, delete_pods, diag, expect, in_pod, is_running, outside_mac, pod_spec, redis, run, wait_until

NET = "/apis/net.barewire.dev/v1alpha1"
SYSTEM = "barewire-system"
KINDS = ("networkpools", "networkclaims", "networkaddresses", "networkreservations", "nodenetworks", "networkepochs")
LEASE = "/apis/coordination.k8s.io/v1/namespaces/%s/leases/barewire-controller" % SYSTEM
IMAGE = os.path.join(BUILD, "image.tar")
ANN = "net.barewire.dev/"


def main(setup=None):
    if not os.access(os.path.join(BUILD, "barewire-controller"), os.X_OK):
        kubetest.skip_all("barewire-controller is not built")

    def prepared():
        sys_modules_bed()
        install()
        if setup:
            setup()
    kubetest.main(cni=None, setup=prepared)


def sys_modules_bed():
    """`import *` took bed and api while they were empty."""
    globals().update(bed=kubetest.bed, api=kubetest.api)
    kubetest.more_state = more_state


def more_state():
    """What the product's own programs said last, and what the nodes look like; works with the API server away."""
    out = []
    for n in bed.nodes:
        logs = n.run("sh", "-c", "cd /var/log/pods && for f in %s_*/*/*.log; do echo == $f; tail -n 12 $f; done" % SYSTEM, check=False)
        out.append("%s\n%s\n%s" % (n.name, logs, n.run("ip", "-br", "link", check=False)))
    out.append(bed.kubectl("get", "netpool,netclaim,netaddr,nodenetwork", "-A", check=False).stdout)
    return "\n".join(out)


def installed():
    return api.find("/apis/apps/v1/namespaces/%s/daemonsets/barewire-agent" % SYSTEM) is not None


def install(timeout_s=90):
    """Idempotent: what is there already stays."""
    if not installed():
        bed.reference_cni(False)
        run(os.path.join(TOP, "scripts", "image"), BUILD, timeout=120)
        for n in bed.nodes:
            n.load(IMAGE)
        deploy()
    for n in bed.nodes:
        bed.ready(n.name, True, timeout_s)
    wait_until(lambda: len(ready_pods("barewire-agent")) == len(bed.nodes), timeout_s, lambda: "agents: %s" % states("barewire-agent"))
    wait_until(lambda: len(ready_pods("barewire-controller")) == 2, timeout_s, lambda: "controllers: %s" % states("barewire-controller"))


# No router joins the two networks of the bed: what docs/kubernetes.md says to do then. A test that kills the leader or
# restores etcd has no minute to spare.
OVERLAY = """
resources: [%s]
%s
patches:
- target: {kind: DaemonSet, name: barewire-agent}
  patch: '[{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--node-network=10.77.0.0/24"},
           {"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--node-network=fd00:77::/64"}]'
- target: {kind: Deployment, name: barewire-controller}
  patch: '[{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--lease-duration=12"},
           {"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--epoch-interval=2"}]'
"""


def deploy(more=""):
    """kubectl apply -k of conf/deploy, as an overlay of a user's own; more: lines of its kustomization."""
    with tempfile.TemporaryDirectory(prefix="barewire-deploy.") as folder:
        with open(os.path.join(folder, "kustomization.yaml"), "w") as f:
            f.write(OVERLAY % (os.path.relpath(os.path.join(TOP, "conf/deploy"), os.path.realpath(folder)), more))
        return bed.kubectl("apply", "--server-side", "--force-conflicts", "-k", folder, timeout=120)


def system_pods(app):
    return api.items("/api/v1/namespaces/%s/pods?labelSelector=app.kubernetes.io%%2Fname%%3D%s" % (SYSTEM, app))


def ready_pods(app):
    return [p for p in system_pods(app) if is_running(p) and "deletionTimestamp" not in p["metadata"]]


def states(app):
    return [(p["metadata"]["name"], p["spec"].get("nodeName"), p["status"]["phase"], json.dumps(p["status"].get("containerStatuses"))[:600])
            for p in system_pods(app)]


def agent_on(node):
    return wait_until(lambda: next((p for p in ready_pods("barewire-agent") if p["spec"]["nodeName"] == node), None), 90, "the agent of " + node)


def leader():
    """Name of the controller's pod that leads, or None."""
    lease = api.find(LEASE)
    holder = (lease or {}).get("spec", {}).get("holderIdentity") or ""
    return next((p for p in system_pods("barewire-controller") if p["metadata"]["name"] in holder), None)


# Objects ---------------------------------------------------------------------------------------------

def pool(name="lan", ranges=("10.99.2.1-10.99.3.250",), prefix="10.99.0.0/16", domain="lan", wait=True, **spec):
    """Applies a pool of the bed's segment and waits until it gives addresses."""
    obj = {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkPool", "metadata": {"name": name},
           "spec": {"domain": domain, "prefix": prefix, "ranges": list(ranges), "uplink": "data0", **spec}}
    api.apply("%s/networkpools/%s" % (NET, name), obj)
    if wait:
        api.wait("%s/networkpools/%s" % (NET, name), lambda o: condition(o, "Allocatable") == "True", 20, "Allocatable")


def condition(obj, kind, field="status"):
    return next((c.get(field) for c in (obj or {}).get("status", {}).get("conditions", []) if c["type"] == kind), None)


def claim_path(name, ns=None):
    return "%s/namespaces/%s/networkclaims/%s" % (NET, ns or NS, name)


def claim(name, ips=None, network="lan", ns=None, wait=True, **spec):
    """Makes a claim of one interface and waits until it is Bound."""
    iface = {"name": "eth0", "network": network, **({"requestedIPs": list(ips)} if ips else {})}
    api.create("%s/namespaces/%s/networkclaims" % (NET, ns or NS),
               {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkClaim", "metadata": {"name": name}, "spec": {"interfaces": [iface], **spec}})
    return bound(name, ns) if wait else None


def bound(name, ns=None, timeout_s=20):
    return api.wait(claim_path(name, ns), lambda o: claim_ips(o) and condition(o, "Bound") != "False", timeout_s, "Bound")


def claim_ips(obj):
    return [ip for i in (obj or {}).get("status", {}).get("interfaces", []) for ip in i.get("ips", [])]


def claim_mac(obj):
    return next((i["mac"] for i in (obj or {}).get("status", {}).get("interfaces", []) if i.get("mac")), None)


def holder(obj):
    return (obj or {}).get("status", {}).get("holder") or {}


def address_name(ip, domain="lan"):
    a = ipaddress.ip_address(ip)
    return "%s.%s" % (domain, a.exploded.replace(".", "-").replace(":", "-"))


def address(ip, domain="lan"):
    return api.find("%s/networkaddresses/%s" % (NET, address_name(ip, domain)))


def redis_set(name, replicas, addresses, node=None, retain="ordinal", tolerate_s=3, grace_s=0, **annotations):
    """A StatefulSet of Redis at declared addresses; returns when its pods run. tolerate_s: how long they stay on a node
    that is not Ready; None: as long as by default. grace_s: 0 is what --force does: the API server forgets a pod at
    once, whatever still runs of it."""
    notes = {ANN + "network": "lan", ANN + "address": addresses, ANN + "retain": retain, **annotations}
    spec = pod_spec(REDIS, node, terminationGracePeriodSeconds=grace_s)
    if tolerate_s is not None:
        spec["tolerations"] = [{"key": "node.kubernetes.io/" + k, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": tolerate_s}
                               for k in ("not-ready", "unreachable")]
    api.create("/apis/apps/v1/namespaces/%s/statefulsets" % NS, {
        "metadata": {"name": name}, "spec": {
            "serviceName": name, "replicas": replicas, "podManagementPolicy": "Parallel", "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}, "annotations": {k: v for k, v in notes.items() if v}}, "spec": spec}}})
    return [kubetest.running("%s-%d" % (name, i)) for i in range(replicas)]


def delete_claims(ns=None, timeout_s=60):
    """Pods first, then the claims, until their addresses are no longer bound."""
    delete_pods(ns)
    path = "%s/namespaces/%s/networkclaims" % (NET, ns or NS)
    for c in api.items(path):
        api.delete(path + "/" + c["metadata"]["name"])
    wait_until(lambda: not api.items(path), timeout_s, lambda: "claims left: %s" % json.dumps(api.items(path))[:2000])


# The judge --------------------------------------------------------------------------------------------

def judge(strict=True):
    """I1, I2 and I3 out of the API and the nodes' kernels. Reads etcd's own objects, no cache of ours. strict: nothing is
    under way, so each Bound claim is backed by its addresses and none is left over."""
    wrong = []
    locks = {}
    for a in api.items(NET + "/networkaddresses"):
        spec = a["spec"]
        key = (spec["domain"], spec["address"])
        if key in locks:
            wrong.append("I1: %s twice" % (key,))
        locks[key] = spec
    pools = {p["metadata"]["name"]: p["spec"]["domain"] for p in api.items(NET + "/networkpools")}
    owners = {}
    for c in api.items(NET + "/networkclaims"):
        meta, seen = c["metadata"], set()
        for i in c.get("status", {}).get("interfaces", []):
            for ip in i.get("ips", []):
                name = "%s/%s" % (meta["namespace"], meta["name"])
                a = ipaddress.ip_address(ip)
                family = (i["name"], a.version)
                if family in seen:
                    wrong.append("I2: claim %s has two addresses of IPv%d on %s" % (name, a.version, i["name"]))
                seen.add(family)
                key = (pools.get(i["pool"]), a.exploded)
                if key in owners:
                    wrong.append("I1: %s is of %s and of %s" % (ip, owners[key], name))
                owners[key] = name
                lock = locks.get(key)
                if not lock or lock["claim"]["uid"] != meta["uid"]:
                    wrong.append("claim %s says %s, the lock %s" % (name, ip, lock))
    if strict:
        for key, spec in locks.items():
            if spec["state"] == "Bound" and key not in owners:
                wrong.append("lock %s is Bound to %s, which does not say so" % (key, spec.get("claim")))
    live = {}
    for p in api.items("/api/v1/pods"):
        if p["spec"].get("hostNetwork") or p["status"].get("phase") != "Running" or p["spec"]["nodeName"].startswith("fake-"):
            continue
        for ip in p["status"].get("podIPs", []):
            where = "%s/%s on %s" % (p["metadata"]["namespace"], p["metadata"]["name"], p["spec"]["nodeName"])
            if ip["ip"] in live:
                wrong.append("I3: %s is live at %s and %s" % (ip["ip"], live[ip["ip"]], where))
            live[ip["ip"]] = where
    if wrong:
        raise Failed("\n".join(wrong))


def pod_mac(obj):
    return json.loads(in_pod(obj, "ip", "-j", "link", "show", "eth0"))[0]["address"]
