#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# conf/crds, conf/rbac, conf/policies and conf/examples on a real API server: each rule of each kind refuses what it
# is for and says what to do, each policy is tried with tokens as a DaemonSet's pods have them.
import json
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *  # noqa: E402,F401,F403
from bwtest import TOP, case, expect, expect_eq, expect_in, main, test  # noqa: E402
from kubeapi import ApiServer, kubectl  # noqa: E402
from kubeclient import Client, MERGE  # noqa: E402
from kuberules import literal, rules_of  # noqa: E402
from kubeobjects import ADDRESS, BAD, CLAIM, EPOCH, GOOD, HELD, NODE, POOL, POOL6, RESERVED, but, obj  # noqa: E402,F401

NET = "/apis/net.barewire.dev/v1alpha1"
DEFAULT = NET + "/namespaces/default"
server = api = None
enter_sandbox()  # before there is a folder that nobody takes away
folder = tempfile.TemporaryDirectory(prefix="barewire-crds.")
said = []  # every message of a refusal, for the tests that look for rules nobody tried


def setup():
    global server, api
    server = ApiServer(folder.name, port=7443).start()
    api = Client(server.admin)
    k("create", "namespace", "barewire-system")
    for part in ("crds", "rbac", "policies"):
        k("apply", "--server-side", "-k", os.path.join(TOP, "conf", part))
    for name in ("networkpools", "networkclaims", "networkaddresses", "networkreservations", "nodenetworks",
                 "networkepochs"):
        k("wait", "--for=condition=Established", "crd/%s.net.barewire.dev" % name)
    k("wait", "--for=condition=Established", "crd/units.db.barewire.dev")


def k(*argv, **kw):
    return kubectl(server.admin, *argv, **kw)


def path(o, name=True):
    base = DEFAULT if o["kind"] == "NetworkClaim" else NET
    plural = o["kind"].lower() + ("es" if o["kind"].endswith("ss") else "s")
    return "%s/%s%s" % (base, plural, "/" + o["metadata"]["name"] if name else "")


def make(o, dry=False):
    return api.ask("POST", path(o, False) + ("?dryRun=All" if dry else ""), o)


def refused(answer, message, code=422):
    status, body = answer
    text = body.get("message", "") if isinstance(body, dict) else str(body)
    said.append(text)
    expect_eq(status, code, "HTTP status (%s)" % text)
    expect_in(message, text, "the message")
    expect("no such overload" not in text, "no rule breaks: " + text)


def taken(answer):
    status, body = answer
    expect(200 <= status < 300, "%s: %s" % (status, body.get("message") if isinstance(body, dict) else body))
    return body


for base, changes, message in BAD:
    case("%s with %s is refused" % (base["kind"], json.dumps(changes)[:60]),
         lambda o, m: refused(make(o, dry=True), m), but(base, changes), message)


for base, changes in GOOD:
    case("%s with %s is taken" % (base["kind"], json.dumps(changes)[:60]),
         lambda o: taken(make(o, dry=True)), but(base, changes))


@test
def defaults_are_filled_in():
    spec = taken(make(POOL, dry=True))["spec"]
    for key, value in {"mode": "bridge", "strategy": "LowestFree", "cooldownSeconds": 30, "probe": "Warn",
                       "fencing": "Strict", "reclaim": "Delete", "default": False, "phase": "Serving"}.items():
        expect_eq(spec[key], value, key)
    expect_eq(taken(make(CLAIM, dry=True))["spec"]["interfaces"][0]["required"], True, "required")


def merge(o, changes, sub="", who=None):
    return (who or api).ask("PATCH", path(o) + ("/" + sub if sub else ""), changes, MERGE)


@test
def what_is_fixed_cannot_be_changed():
    taken(make(POOL))
    refused(merge(POOL, {"spec": {"domain": "wan"}}), "domain is fixed")
    refused(merge(POOL, {"spec": {"prefix": "fd00::/64", "ranges": ["fd00::/64"]}}), "the family of a pool is fixed")
    taken(merge(POOL, {"spec": {"ranges": ["10.99.2.7"]}}))
    taken(make(EPOCH))
    refused(merge(EPOCH, {"spec": {"epoch": 4}}), "epoch must not fall: 5 to 4")
    refused(merge(EPOCH, {"spec": {"clusterID": "other"}}), "clusterID is fixed")
    taken(merge(EPOCH, {"spec": {"epoch": 6}}))
    taken(make(but(CLAIM, {"metadata.name": "sticky", "stickyKey": "a"})))
    refused(merge(but(CLAIM, {"metadata.name": "sticky"}), {"spec": {"stickyKey": "b"}}), "stickyKey is fixed")


@test
def a_bound_address_stays_with_its_claim():
    taken(make(ADDRESS))
    refused(make(ADDRESS), "already exists", 409)
    refused(merge(ADDRESS, {"spec": {"claim": {"uid": "u-2"}}}),
            "10.99.2.77 is bound to claim default/db-0 (u-1) and cannot be given to another before it is released")
    taken(merge(ADDRESS, {"spec": {"state": "Retained", "stickyKey": "a"}}))
    taken(merge(ADDRESS, {"spec": {"state": "Bound", "claim": {"uid": "u-2"}}}))
    taken(merge(ADDRESS, {"spec": {"state": "Cooling"}}))


HOLDER = {"node": "n1", "nodeUID": "nu-1", "token": 2}


@test
def a_bound_claim_keeps_what_it_asked_for_and_its_token_rises():
    taken(make(CLAIM))
    refused(merge(CLAIM, {"status": {"interfaces": [{"name": "eth0", "pool": "lan", "ips": ["10.99.2.077"]}]}}, "status"),
            '"10.99.2.077" is no address in its canonical form')
    refused(merge(CLAIM, {"status": {"interfaces": [{"name": "eth0", "pool": "lan", "gateway": "x."}]}}, "status"),
            'gateway "x." is no address')
    taken(merge(CLAIM, {"status": {"phase": "Bound", "holder": HOLDER, "interfaces": [
        {"name": "eth0", "pool": "lan", "ips": ["10.99.2.77"]}, {"name": "eth0", "pool": "lan6", "ips": ["fd00:99::77"]}]}}, "status"))
    fixed = "network, networks, requestedIPs and mac of such an interface are fixed"
    refused(merge(CLAIM, {"spec": {"interfaces": [{"name": "eth0", "network": "wan"}]}}), fixed)
    refused(merge(CLAIM, {"spec": {"interfaces": [{"name": "eth0", "networks": ["lan"]}]}}), fixed)
    refused(merge(CLAIM, {"spec": {"interfaces": [{"name": "eth0", "network": "lan", "mac": "02:00:00:00:00:01"}]}}), fixed)
    refused(merge(CLAIM, {"spec": {"interfaces": [{"name": "eth1", "network": "lan"}]}}),
            "an interface that holds an address cannot be taken out of claim db-0")
    taken(merge(CLAIM, {"spec": {"interfaces": [
        {"name": "eth0", "network": "lan", "bandwidth": {"ingressMbps": 5}}, {"name": "eth1", "network": "lan"}]}}))
    refused(merge(CLAIM, {"status": {"holder": {"token": 1}}}, "status"), "holder.token must not fall: 2 to 1")
    refused(merge(CLAIM, {"status": {"holder": {"node": "n2", "nodeUID": "nu-2"}}}, "status"),
            "a move from n1 to n2 needs a token above 2")
    refused(merge(CLAIM, {"status": {"detachedToken": 3}}, "status"), "detachedToken 3 is beyond the token of the holder, 2")
    taken(merge(CLAIM, {"status": {"detachedToken": 2}}, "status"))
    refused(merge(CLAIM, {"status": {"detachedToken": 1}}, "status"), "detachedToken must not fall: 2 to 1")
    taken(merge(CLAIM, {"status": {"holder": {"node": "n2", "nodeUID": "nu-2", "token": 3}}}, "status"))


@test
def claims_are_found_by_the_node_that_holds_them():
    def of(node):
        return [i["metadata"]["name"] for i in api.get(NET + "/networkclaims?fieldSelector=status.holder.node%3D" + node)["items"]]
    expect_eq(of("n2"), ["db-0"], "claims of n2")
    expect_eq(of("n1"), [], "claims of n1")
    expect_eq([i["metadata"]["name"] for i in api.get(NET + "/networkaddresses?fieldSelector=spec.state%3DCooling")["items"]],
              ["lan.10-99-2-77"], "cooling addresses")


@test
def the_columns_answer_the_usual_question():
    out = k("get", "netclaim", "-n", "default").splitlines()
    expect_eq(out[0].split(), ["NAME", "PHASE", "ADDRESS", "NODE", "REASON", "AGE"], "columns of claims")
    row = next(line for line in out if line.startswith("db-0"))
    expect_in("Bound", row, "phase")
    expect_in("10.99.2.77", row, "address")
    expect_in("n2", row, "node")
    expect_in("Cooling", k("get", "netaddr"), "state of an address")
    taken(merge(POOL, {"status": {"total": "506", "used": "3", "cooling": "1", "conditions": [
        {"type": "Allocatable", "status": "True", "reason": "Free", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}},
        "status"))
    expect_eq(k("get", "netpool", "lan").splitlines()[1].split()[:8],
              ["lan", "lan", "10.99.0.0/16", "bridge", "3", "1", "506", "True"], "columns of a pool")
    expect_in("DOMAINS", k("get", "nodenet", "-o", "wide") or "DOMAINS", "columns of nodes")
    expect_in("6", k("get", "netepoch"), "the epoch")
    expect_in("The segment", k("explain", "networkpool.spec.domain"), "explain")


# Policies ------------------------------------------------------------------------------------------

CORE = "/api/v1"
SYSTEM = CORE + "/namespaces/barewire-system"


def token_of(account, pod=None):
    ref = {"boundObjectRef": {"apiVersion": "v1", "kind": "Pod", "name": pod["metadata"]["name"],
                              "uid": pod["metadata"]["uid"]}} if pod else {}
    answer = api.do("POST", "%s/serviceaccounts/%s/token" % (SYSTEM, account),
                    {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": [], **ref}})
    return Client(server.admin, token=answer["status"]["token"])


def agent_on(node):
    """A client with the token that the agent's pod on that node has."""
    if api.ask("GET", CORE + "/nodes/" + node)[0] == 404:
        api.do("POST", CORE + "/nodes", {"metadata": {"name": node}})
    status, pod = api.ask("GET", "%s/pods/agent-%s" % (SYSTEM, node))
    if status == 404:
        pod = api.do("POST", SYSTEM + "/pods", {"metadata": {"name": "agent-" + node}, "spec": {
            "nodeName": node, "serviceAccountName": "barewire-agent", "containers": [{"name": "a", "image": "a"}]}})
    return token_of("barewire-agent", pod)


def claim_held_by(name, node, token=3, attached=None, detached=None):
    o = but(CLAIM, {"metadata.name": name})
    taken(make(o))
    status = {"phase": "Bound", "holder": {"node": node, "nodeUID": "u-" + node, "token": token},
              "interfaces": [{"name": "eth0", "pool": "lan", "ips": ["10.99.2.80"]}]}
    if attached:
        status["attached"] = attached
    if detached:
        status["detachedToken"] = detached
    taken(merge(o, {"status": status}, "status"))
    return o


@test
def an_agent_acknowledges_the_claims_of_its_node():
    o = claim_held_by("mine", "n1")
    a = agent_on("n1")
    taken(merge(o, {"status": {"attached": {"node": "n1", "token": 3, "mac": "02:00:00:00:00:01"}}}, "status", a))
    taken(merge(o, {"status": {"attached": None, "detachedToken": 3}}, "status", a))
    expect_eq(api.get(path(o))["status"]["detachedToken"], 3, "detachedToken")


@test
def an_agent_cannot_write_a_claim_of_another_node():
    o = claim_held_by("theirs", "n2", attached={"node": "n2", "token": 3})
    a = agent_on("n1")
    for status in ({"attached": {"node": "n1", "token": 3}}, {"detachedToken": 3}, {"attached": None}):
        refused(merge(o, {"status": status}, "status", a), "node n1 does not hold claim default/theirs", 403)


@test
def an_agent_cannot_write_foreign_fields_of_its_own_claim():
    o = claim_held_by("own", "n1")
    a = agent_on("n1")
    foreign = [{"phase": "Failed"}, {"phase": None}, {"holder": {"token": 4}}, {"holder": {"node": "n2", "token": 4}}, {"holder": None},
               {"interfaces": []}, {"interfaces": None}, {"observedGeneration": 9}, {"conditions": [
                   {"type": "A", "status": "True", "reason": "B", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}]
    for status in foreign:
        refused(merge(o, {"status": status}, "status", a), "an agent writes only attached and detachedToken", 403)
    for attached in ({"node": "n2", "token": 3}, {"node": "n1", "token": 2}):
        refused(merge(o, {"status": {"attached": attached}}, "status", a), "attached must name node n1 and the token", 403)
    refused(merge(o, {"spec": {"stickyKey": "x"}}, "", a), "cannot patch resource \"networkclaims\"", 403)
    refused(a.ask("DELETE", path(o)), "cannot delete resource", 403)


@test
def the_agent_of_the_old_holder_still_confirms_what_it_held():
    o = claim_held_by("moved", "n2", token=4, attached={"node": "n1", "token": 3})
    a = agent_on("n1")
    refused(merge(o, {"status": {"detachedToken": 4}}, "status", a), "detachedToken is beyond the token that node n1 held", 403)
    refused(merge(o, {"status": {"attached": {"node": "n1", "token": 4}}}, "status", a), "attached must name node n1", 403)
    taken(merge(o, {"status": {"attached": None, "detachedToken": 3}}, "status", a))
    o = claim_held_by("moved2", "n1", token=4, attached={"node": "n2", "token": 3})
    refused(merge(o, {"status": {"attached": None}}, "status", a), "cannot take away what another node has attached", 403)


@test
def a_token_without_a_node_writes_nothing():
    o = claim_held_by("tokenless", "n1")
    a = token_of("barewire-agent")
    refused(merge(o, {"status": {"detachedToken": 1}}, "status", a), "the agent's token names no node", 403)
    refused(a.ask("POST", NET + "/nodenetworks", obj("NodeNetwork", "n1", {})), "the agent's token names no node", 403)


@test
def an_agent_describes_its_own_node_alone():
    a = agent_on("n1")
    refused(a.ask("POST", NET + "/nodenetworks", obj("NodeNetwork", "n2", {})), "the agent of node n1 does not write NodeNetwork n2", 403)
    refused(a.ask("POST", NET + "/nodenetworks", NODE), "the spec of a NodeNetwork is the administrator's", 403)
    bare = obj("NodeNetwork", "n1", {})
    taken(a.ask("POST", NET + "/nodenetworks", bare))
    taken(merge(bare, {"status": {"kernel": "6.12", "uplinks": [{"name": "eno2", "up": True}]}}, "status", a))
    taken(make(obj("NodeNetwork", "n2", {})))
    refused(merge(obj("NodeNetwork", "n2", {}), {"status": {"kernel": "6"}}, "status", a), "does not write NodeNetwork n2", 403)
    refused(merge(bare, {"spec": {"domains": []}}, "", a), "cannot patch resource", 403)


@test
def an_agent_sees_no_pods_secrets_or_nodes():
    a = agent_on("n1")
    for p in ("/pods", "/secrets", "/nodes", "/configmaps"):
        refused(a.ask("GET", CORE + p), "is forbidden", 403)
    refused(a.ask("GET", NET + "/networkaddresses"), "is forbidden", 403)
    taken(a.ask("GET", NET + "/networkclaims?fieldSelector=status.holder.node%3Dn1"))
    taken(a.ask("GET", "/apis/apps/v1/namespaces/barewire-system/daemonsets?fieldSelector=metadata.name%3Dbarewire-agent"))


@test
def the_controller_writes_of_a_node_only_domains_and_vfs():
    agent_on("n1")
    c = token_of("barewire-controller")
    node = CORE + "/nodes/n1"

    def patch(body, sub=""):
        return c.ask("PATCH", node + sub, body, MERGE)
    taken(patch({"metadata": {"labels": {"domain.net.barewire.dev/lan": "ready"}}}))
    taken(patch({"metadata": {"labels": {"domain.net.barewire.dev/lan": None}}}))
    taken(patch({"status": {"capacity": {"net.barewire.dev/vf-lan": "8"}}}, "/status"))
    refused(patch({"metadata": {"labels": {"node-role.kubernetes.io/control-plane": ""}}}), "writes no labels of a node but", 403)
    api.do("PATCH", node, {"metadata": {"labels": {"mine": "1"}}}, MERGE)
    refused(patch({"metadata": {"labels": {"mine": None}}}), "writes no labels of a node but", 403)
    refused(patch({"spec": {"unschedulable": True}}), "writes nothing of a node but labels and resources", 403)
    refused(patch({"metadata": {"annotations": {"a": "b"}}}), "writes nothing of a node but labels and resources", 403)
    refused(patch({"status": {"capacity": {"cpu": "99"}}}, "/status"), "but resources net.barewire.dev/vf-", 403)
    refused(patch({"status": {"allocatable": {"cpu": "99"}}}, "/status"), "but resources net.barewire.dev/vf-", 403)
    refused(patch({"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, "/status"), "but resources net.barewire.dev/vf-", 403)
    refused(c.ask("GET", CORE + "/secrets"), "is forbidden", 403)


@test
def who_declares_a_node_powered_off_has_the_right_to():
    o = claim_held_by("fenced", "n2")
    users = {}
    for name, role in (("alice", "barewire-edit"), ("bob", "barewire-release")):
        k("create", "rolebinding", name, "-n", "default", "--clusterrole=" + role, "--user=" + name)
        users[name] = Client(server.kubeconfig(name, name))
    release = {"metadata": {"annotations": {"net.barewire.dev/release-token": "3"}}}
    taken(merge(o, {"metadata": {"labels": {"a": "b"}}}, "", users["alice"]))
    refused(merge(o, release, "", users["alice"]), "alice may not declare the holder of claim default/fenced powered off", 403)
    born = but(CLAIM, {"metadata.name": "born"})
    born["metadata"].update(release["metadata"])
    refused(users["alice"].ask("POST", path(born, False), born), "may not declare the holder", 403)
    taken(merge(o, release, "", users["bob"]))
    taken(merge(o, {"metadata": {"labels": {"a": "c"}}}, "", users["alice"]))
    taken(merge(o, {"metadata": {"annotations": {"net.barewire.dev/release-token": None}}}, "", users["alice"]))
    refused(users["alice"].ask("PATCH", path(o) + "/status", {"status": {"holder": None}}, MERGE), "cannot patch resource", 403)


@test
def nobody_deletes_an_address_by_accident():
    o = but(ADDRESS, {"metadata.name": "lan.10-99-2-90", "address": "10.99.2.90"})
    taken(make(o))
    refused(api.ask("DELETE", path(o)), "net.barewire.dev/allow-delete=true", 403)
    refused(api.ask("DELETE", NET + "/networkaddresses"), "is what keeps addresses from being given twice", 403)
    refused(api.ask("DELETE", NET + "/networkepochs/cluster"), "is what keeps addresses", 403)
    taken(merge(o, {"metadata": {"annotations": {"net.barewire.dev/allow-delete": "true"}}}))
    taken(api.ask("DELETE", path(o)))
    taken(make(o))
    taken(token_of("barewire-controller").ask("DELETE", path(o)))


@test
def the_controller_does_with_addresses_and_claims_what_it_must():
    c = token_of("barewire-controller")
    o = but(ADDRESS, {"metadata.name": "lan.10-99-2-91", "address": "10.99.2.91"})
    taken(c.ask("POST", path(o, False), o))
    taken(merge(o, {"spec": {"state": "Cooling"}}, "", c))
    claim = but(CLAIM, {"metadata.name": "made"})
    claim["metadata"]["finalizers"] = ["net.barewire.dev/claim"]
    taken(c.ask("POST", path(claim, False), claim))
    taken(merge(claim, {"status": {"phase": "Pending"}}, "status", c))
    taken(merge(claim, {"metadata": {"finalizers": []}}, "", c))
    taken(merge(POOL, {"metadata": {"finalizers": ["net.barewire.dev/pool"]}}, "", c))
    taken(merge(POOL, {"status": {"used": "4"}}, "status", c))
    taken(merge(POOL, {"metadata": {"finalizers": []}}, "", c))
    lease = {"metadata": {"name": "barewire-controller"}, "spec": {"holderIdentity": "a"}}
    leases = "/apis/coordination.k8s.io/v1/namespaces/barewire-system/leases"
    taken(c.ask("POST", leases, lease))
    taken(c.ask("PATCH", leases + "/barewire-controller", {"spec": {"holderIdentity": "b"}}, MERGE))
    refused(c.ask("POST", leases.replace("barewire-system", "default"), lease), "is forbidden", 403)
    refused(c.ask("PATCH", NET + "/networkpools/lan", {"spec": {"mtu": 1400}}, MERGE), "only finalizers", 403)


@test
def nobody_deletes_a_definition_by_accident():
    crd = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    refused(api.ask("DELETE", crd + "/networkclaims.net.barewire.dev"),
            "deleting networkclaims.net.barewire.dev deletes every NetworkClaim of the cluster", 403)
    refused(api.ask("DELETE", crd), "net.barewire.dev/allow-delete=true", 403)
    expect_eq(len([i for i in api.get(crd)["items"] if i["spec"]["group"] == "net.barewire.dev"]), 6, "definitions left")


@test
def examples_are_taken():
    k("delete", "--all", "netpool")
    k("create", "serviceaccount", "default", "-n", "default", check=False)
    for name in sorted(os.listdir(os.path.join(TOP, "conf", "examples"))):
        k("apply", "-f", os.path.join(TOP, "conf", "examples", name))
    expect_eq(sorted(i["metadata"]["name"] for i in api.get(NET + "/networkpools")["items"]), ["db-fast", "lan", "lan6", "replication"], "pools")


# conf/deploy ---------------------------------------------------------------------------------------

def manifests(folder):
    """What kustomize makes of a folder, as the server would see it."""
    out = k("create", "--dry-run=client", "-o", "json", "-k", os.path.join(TOP, "conf", folder))
    at, found, decoder = 0, [], json.JSONDecoder()
    while at < len(out):
        o, at = decoder.raw_decode(out, at)
        found += o["items"] if o["kind"] == "List" else [o]
        while at < len(out) and out[at].isspace():
            at += 1
    return found


@test
def everything_is_installed_in_one_step_and_again_without_a_change():
    k("apply", "-k", os.path.join(TOP, "conf", "deploy"))
    again = k("apply", "-k", os.path.join(TOP, "conf", "deploy"))
    # A selector of a budget is replaced, never merged, so kubectl always counts it as a change.
    changed = [line for line in again.splitlines() if "unchanged" not in line and "poddisruptionbudget" not in line]
    expect_eq(changed, [], "changed by applying the same again")


@test
def the_deployment_holds_no_custom_resources_and_uninstall_no_kinds():
    def names(folder):
        return {(o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"]) for o in manifests(folder)}
    whole, less = names("deploy"), names("deploy/uninstall")
    expect_eq([n for n in whole if n[0].startswith(("Network", "Node"))], [], "custom resources")
    left = sorted(n[::2] for n in whole - less if n[0] != "CustomResourceDefinition")
    expect_eq(left, [(kind, "barewire-keep-" + what) for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding")
                     for what in ("addresses", "definitions")], "what uninstall leaves beside the kinds")
    expect_eq([n for n in less if n[0] == "CustomResourceDefinition"], [], "kinds that uninstall takes away")
    expect_eq(less - whole, set(), "what only uninstall has")
    for o in manifests("deploy"):
        expect_eq(o["metadata"].get("namespace", "barewire-system"), "barewire-system", o["metadata"]["name"])


@test
def what_is_needed_comes_first_and_goes_last():
    def order(folder):
        return [o["kind"] for o in manifests(folder)]
    up, down = order("deploy"), order("deploy/uninstall")
    expect_eq(up[0], "Namespace", "the first to be made")
    expect(up.index("CustomResourceDefinition") < up.index("DaemonSet"), "kinds before programs")
    expect_eq((down[0], down[-1]), ("DaemonSet", "Namespace"), "the first and the last to go")
    expect(down.index("ServiceAccount") > down.index("Deployment"), "rights go after who has them")


@test
def both_programs_run_where_nothing_else_would():
    with open(os.path.join(TOP, "include", "bw", "version.h")) as f:
        version = re.search(r'BW_VERSION "([^"]+)"', f.read()).group(1)
    pods = {o["metadata"]["name"]: o["spec"] for o in manifests("deploy") if o["kind"] in ("Deployment", "DaemonSet")}
    for name, priority in (("barewire-controller", "system-cluster-critical"), ("barewire-agent", "system-node-critical")):
        template = pods[name]["template"]
        expect_eq(template["metadata"]["labels"]["app.kubernetes.io/name"], name, "label")
        expect_eq(template["spec"]["hostNetwork"], True, "hostNetwork")
        expect_eq(template["spec"]["tolerations"], [{"operator": "Exists"}], "tolerations")
        expect_eq(template["spec"]["priorityClassName"], priority, "priority")
        expect_eq(template["spec"]["containers"][0]["image"], "barewire.dev/barewire:" + version, "image")
    expect_eq(pods["barewire-controller"]["replicas"], 2, "replicas")
    anti = pods["barewire-controller"]["template"]["spec"]["affinity"]["podAntiAffinity"]
    expect_eq(anti["requiredDuringSchedulingIgnoredDuringExecution"][0]["topologyKey"], "kubernetes.io/hostname", "apart")
    for v in pods["barewire-agent"]["template"]["spec"]["volumes"]:
        expect("subPath" not in v, "folders alone are mounted")
        expect_in(v.get("hostPath", {}).get("type", "DirectoryOrCreate"), "DirectoryOrCreate", v["name"])


@test
def the_conflist_is_the_one_of_conf_cni():
    path = os.path.join(TOP, "conf", "cni", "05-barewire.conflist")
    data = next(o for o in manifests("deploy") if o["kind"] == "ConfigMap")["data"]["05-barewire.conflist"]
    expect_eq(json.loads(data)["plugins"][0]["type"], "barewire-bridge", "the first plugin")
    if os.path.exists(path):
        with open(path) as f:
            expect_eq(json.loads(data), json.load(f), "conf/cni/05-barewire.conflist")


# Completeness --------------------------------------------------------------------------------------

@test
def every_rule_and_every_policy_was_seen_to_refuse():
    everything = "\n".join(said)
    missing = []
    for crd in api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions")["items"]:
        if crd["spec"]["group"] != "net.barewire.dev":
            continue  # tests/kube/unitrules.t
        for r in rules_of(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]):
            if literal(r) not in everything:
                missing.append("%s: %s" % (crd["spec"]["names"]["kind"], literal(r)))
    for p in api.get("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies")["items"]:
        if p["metadata"]["name"] in ("barewire-units", "barewire-controller-units", "barewire-controller-unit-spec", "barewire-controller-exec"):
            continue
        for v in p["spec"]["validations"]:
            # RBAC refuses these first; the policy stands for the day on which somebody grants more.
            if "writes only the status of" not in literal(v) and literal(v) not in everything:
                missing.append("%s: %s" % (p["metadata"]["name"], literal(v)))
    expect_eq(missing, [], "rules that nothing tried")


@test
def the_policy_of_agents_names_every_field_of_a_claims_status():
    crd = api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/networkclaims.net.barewire.dev")
    status = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]
    policy = json.dumps(api.get("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/barewire-agent-claims"))
    for field in status:
        if field not in ("attached", "detachedToken"):
            expect_in("object.status.%s == oldObject.status.%s" % (field, field), policy, "the policy")


@test
def definitions_are_small():
    for name in sorted(os.listdir(os.path.join(TOP, "conf", "crds"))):
        size = os.path.getsize(os.path.join(TOP, "conf", "crds", name))
        expect(size < 100000, "%s has %d bytes" % (name, size))


try:
    main(setup=setup)
finally:
    if server:
        server.stop(5)
