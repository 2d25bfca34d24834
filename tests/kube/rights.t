#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the installed programs' own credentials can do, tried with the tokens that their pods have and on the socket
that the agents serve. crds.t tries each rule of the policies; here stands whether the real ones are what they say."""
import base64
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeproduct import *  # noqa: E402
from kubeclient import MERGE  # noqa: E402

SOCK = "/run/barewire/agent.sock"
SECRETS = "/var/lib/kubelet/pods/%s/volumes/kubernetes.io~projected"
who = {}  # clients by the node of the agent, and "controller"
NN = NET + "/nodenetworks/"


def credentials(pod):
    """A client with the very token that the kubelet put into a pod, and what the token says of itself."""
    node = bed.node(pod["spec"]["nodeName"])
    token = node.run("sh", "-c", "cat %s/*/token" % (SECRETS % pod["metadata"]["uid"])).strip()
    claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "==="))
    return Client(bed.admin, token=token), {**claims["kubernetes.io"], "seconds": claims["exp"] - claims["iat"]}


def setup():
    pool(cooldownSeconds=1)
    atexit.register(delete_claims)
    for n in bed.nodes:
        pod("on-" + n.name, node=n.name, annotations={ANN + "network": "lan"}, wait=False)
    for n in bed.nodes:
        running("on-" + n.name)
        api.wait(NN + n.name, lambda o: o is not None, 60, "its NodeNetwork")
        api.wait(claim_path("on-" + n.name), lambda o: o["status"].get("attached"), 20, "attached")
        who[n.name], said = credentials(agent_on(n.name))
        expect_eq((said["serviceaccount"]["name"], said["node"]["name"], said["seconds"]), ("barewire-agent", n.name, 600),
                  "whose token it is, and how long")
    who["controller"], said = credentials(ready_pods("barewire-controller")[0])
    expect_eq(said["serviceaccount"]["name"], "barewire-controller", "whose token it is")


def refused(answer, *words):
    status, body = answer
    text = body.get("message", "") if isinstance(body, dict) else str(body)
    expect_eq(status, 403, "HTTP status (%s)" % text)
    for word in words:
        expect_in(word, text, "the message")


def untouched(path, fn):
    """The object is the same one after what fn tries."""
    def content():
        o = api.get(path)
        return [o["metadata"]["uid"], o["metadata"].get("annotations"), o["metadata"].get("finalizers"), o.get("spec"), o.get("status")]
    before = content()
    fn()
    expect_eq(content(), before, path)


def merge(client, path, change, sub="/status"):
    return client.ask("PATCH", path + sub, change, MERGE)


@test
def an_agent_cannot_write_a_claim_of_another_node():
    path = claim_path("on-node2")
    has = api.get(path)["status"]

    def tries():
        a = who["node1"]
        for status in ({"attached": None}, {"detachedToken": has["holder"]["token"]}, {"attached": {**has["attached"], "node": "node1"}},
                       {"holder": {**has["holder"], "node": "node1", "token": has["holder"]["token"] + 1}}, {"phase": "Failed"}, {"interfaces": None}):
            refused(merge(a, path, {"status": status}), "node node1 does not hold claim")
        refused(merge(a, path, {"metadata": {"annotations": {ANN + "release-token": "1"}}}, ""), "cannot patch resource")
        refused(a.ask("PUT", path + "/status", api.get(path)), "cannot update resource")
        refused(a.ask("DELETE", path), "cannot delete resource")
    untouched(path, tries)


@test
def an_agent_cannot_write_foreign_fields_of_its_own_claim():
    """Each field of the status as the definition has it, taken away and changed."""
    path = claim_path("on-node1")
    crd = api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/networkclaims.net.barewire.dev")
    fields = set(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"])
    has = api.get(path)["status"]
    changed = {"phase": "Failed", "observedGeneration": 77, "interfaces": [{**has["interfaces"][0], "mac": "02:00:00:00:00:99"}],
               "holder": {**has["holder"], "token": has["holder"]["token"] + 1},
               "conditions": [{**c, "reason": "Other"} for c in has["conditions"]]}
    expect_eq(set(changed) | {"attached", "detachedToken"}, fields, "fields of a claim's status")

    def tries():
        for field, value in changed.items():
            for v in (value, None):
                refused(merge(who["node1"], path, {"status": {field: v}}), "an agent writes only attached and detachedToken")
        token = has["holder"]["token"]
        for attached in ({"node": "node2"}, {"token": token + 1}):
            refused(merge(who["node1"], path, {"status": {"attached": {**has["attached"], **attached}}}), "attached must name node node1")
        status, body = merge(who["node1"], path, {"status": {"detachedToken": token + 1}})
        expect(status in (403, 422), "a token it never held: %s %s" % (status, body))
        for change in ({"spec": {"stickyKey": "x"}}, {"metadata": {"finalizers": None}}):
            refused(merge(who["node1"], path, change, ""), "cannot patch resource")
        # By way of the status: what is beside it there does not count.
        merge(who["node1"], path, {"metadata": {"finalizers": None, "annotations": {"a": "b"}}, "spec": {"stickyKey": "x"}})
    untouched(path, tries)
    status, body = merge(who["node1"], path, {"status": {"attached": has["attached"]}})
    expect_eq(status, 200, "its own field (%s)" % body)


@test
def an_agent_describes_its_own_node_alone():
    refused(merge(who["node1"], NN + "node2", {"status": {"kernel": "6"}}), "does not write NodeNetwork node2")
    refused(merge(who["node1"], NN + "node1", {"spec": {"domains": []}}, ""), "cannot patch resource")
    refused(who["node1"].ask("POST", NET + "/nodenetworks", {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NodeNetwork", "metadata": {"name": "node3"}}),
            "does not write NodeNetwork node3")
    refused(who["node1"].ask("DELETE", NN + "node1"), "cannot delete resource")
    kernel = api.get(NN + "node1")["status"]["kernel"]
    expect_eq(merge(who["node1"], NN + "node1", {"status": {"kernel": kernel}})[0], 200, "its own status")


@test
def an_agents_token_is_of_no_use_for_anything_else():
    a = who["node1"]
    for path in ("/api/v1/pods", "/api/v1/secrets", "/api/v1/configmaps", "/api/v1/nodes", "/api/v1/nodes/node1", "/api/v1/namespaces",
                 NET + "/networkaddresses", NET + "/networkreservations", "/apis/apps/v1/daemonsets",
                 "/apis/rbac.authorization.k8s.io/v1/clusterroles", "/apis/apps/v1/namespaces/%s/daemonsets/other" % SYSTEM):
        refused(a.ask("GET", path), "is forbidden")
    refused(a.ask("POST", "/api/v1/namespaces/%s/serviceaccounts/barewire-controller/token" % SYSTEM,
                  {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}), "is forbidden")
    refused(a.ask("DELETE", "/apis/apps/v1/namespaces/%s/daemonsets/barewire-agent" % SYSTEM), "is forbidden")
    refused(a.ask("PATCH", "/api/v1/nodes/node1", {"metadata": {"labels": {"a": "b"}}}, MERGE), "is forbidden")
    for kind in ("networkpools/lan", "networkaddresses/" + address_name(claim_ips(api.get(claim_path("on-node1")))[0])):
        refused(a.ask("DELETE", "%s/%s" % (NET, kind)), "is forbidden")


@test
def the_controllers_token_opens_nothing_that_is_not_its_own():
    c = who["controller"]
    for path in ("/api/v1/secrets", "/apis/apps/v1/daemonsets", "/api/v1/namespaces/%s/secrets" % SYSTEM):
        refused(c.ask("GET", path), "is forbidden")
    refused(c.ask("PATCH", "/api/v1/nodes/node1", {"spec": {"unschedulable": True}}, MERGE), "writes nothing of a node but")
    refused(c.ask("PATCH", NET + "/networkpools/lan", {"spec": {"mtu": 1400}}, MERGE), "writes only finalizers and the status")
    refused(c.ask("DELETE", pod_path("on-node1")), "is forbidden")
    refused(c.ask("POST", pods_path(), {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "a", "image": "a"}]}}), "is forbidden")


@test
def a_renewal_of_the_Lease_has_a_queue_of_its_own_at_the_server():
    flows = {o["metadata"]["uid"]: o for o in api.items("/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas")}
    lease = "/apis/coordination.k8s.io/v1/namespaces/%s/leases/barewire-controller" % SYSTEM
    for path, want in ((lease, ("barewire-leader-election", "leader-election")), (NET + "/networkpools/lan", ("barewire", "barewire"))):
        expect_eq(who["controller"].ask("GET", path)[0], 200, path)
        flow = flows[who["controller"].answered["X-Kubernetes-PF-FlowSchema-UID"]]
        expect_eq((flow["metadata"]["name"], flow["spec"]["priorityLevelConfiguration"]["name"]), want, "schema and level of " + path)


ASK = """
import socket
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
try:
    s.connect("%s")
    s.sendall(b'{"op":"status"}\\n')
    print(s.recv(4096).decode() or "closed")
except ConnectionResetError: print("closed")
except BrokenPipeError: print("closed")
except PermissionError: print("no permission")
""" % SOCK
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
DAC = ("--inh-caps=+dac_override", "--ambient-caps=+dac_override", "--bounding-set=+dac_override")


@test
def the_socket_refuses_everyone_but_root():
    node = bed.node("node1")

    def ask(*enter):
        return node.run(*enter, sys.executable, "-c", ASK).strip()
    expect_in('"ok":true', ask(), "root")
    expect_eq(node.run("stat", "-c", "%U %a", SOCK).strip(), "root 600", "owner and mode")
    expect_eq(ask(*NOBODY), "no permission", "a user")
    expect_eq(ask("setpriv", "--reuid=65534", "--regid=0", "--clear-groups"), "no permission", "a user of root's group")
    expect_eq(ask(*NOBODY, *DAC), "closed", "a user whom the file's mode does not stop")
    expect_in('"ok":true', ask(), "root after that")


@test
def no_pod_sees_the_socket():
    out = pod_run("on-node1", "sh", "-c", "ls /run/barewire /var/lib/barewire 2>&1; echo end").splitlines()
    expect_eq(out[-1], "end", "the command")
    expect(not [line for line in out[:-1] if "No such file" not in line], "seen: %s" % out)


main(setup=setup)
