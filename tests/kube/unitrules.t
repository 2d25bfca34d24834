#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# conf/crds/unit.yaml on a real API server: each bad manifest is refused with a message that names the field, the value
# and the remedy. Two kinds, counted apart: what the schema and its rules refuse, and what is taken as a Unit and refused
# as a pod, whose text the condition TemplateInvalid has.
import copy
import json
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *  # noqa: E402,F401,F403
from bwtest import TOP, case, diag, expect, expect_eq, expect_in, main, test, wait_until  # noqa: E402
from kubeapi import ApiServer, kubectl  # noqa: E402
from kubeclient import Client, MERGE, STRATEGIC  # noqa: E402
from kuberules import literal, rules_of  # noqa: E402
from unitobjects import BAD, BARE, BOUND, DRY, FIXED, GOOD, GROWN, UNIT, but, claim_template, container, extra  # noqa: E402

UNITS = "/apis/db.barewire.dev/v1alpha1/namespaces/default/units"
PODS = "/api/v1/namespaces/default/pods"
server = api = None
enter_sandbox()  # before there is a folder that nobody takes away
folder = tempfile.TemporaryDirectory(prefix="barewire-unitrules.")
said = []  # every message of a refusal
refusals = {"rules": 0, "dry": 0}


def k(*argv, **kw):
    return kubectl(server.admin, *argv, **kw)


def setup():
    global server, api
    server = ApiServer(folder.name, port=7843).start()
    api = Client(server.admin)
    k("create", "namespace", "barewire-system")
    for part in ("crds", "rbac", "policies"):
        k("apply", "--server-side", "-k", os.path.join(TOP, "conf", part))
    k("wait", "--for=condition=Established", "crd/units.db.barewire.dev", "crd/networkpools.net.barewire.dev")
    k("create", "serviceaccount", "default", "-n", "default")
    odd = but(BARE, {"metadata.annotations": {"config.addr.type": "odd"}})
    wait_until(lambda: make(odd, dry=True)[0] == 422, 30)  # a policy counts a moment after it was made


def make(o, dry=False):
    return api.ask("POST", UNITS + "?fieldValidation=Strict" + ("&dryRun=All" if dry else ""), o)


def put(o):
    """What kubectl apply does: everything that the manifest says, and nothing else."""
    path = UNITS + "/" + o["metadata"]["name"]
    o = copy.deepcopy(o)
    o["metadata"]["resourceVersion"] = api.get(path)["metadata"]["resourceVersion"]
    return api.ask("PUT", path, o)


def refused(answer, *texts, codes=(422, 400)):
    status, body = answer
    message = body.get("message", "") if isinstance(body, dict) else str(body)
    said.append(message)
    expect(status in codes, "HTTP status %s: %s" % (status, message or body))
    for text in texts:
        expect_in(text, message, "the message")
    expect("no such overload" not in message and "no such key" not in message, "no rule breaks: " + message)


def taken(answer):
    status, body = answer
    expect(200 <= status < 300, "%s: %s" % (status, body.get("message") if isinstance(body, dict) else body))
    return body


def of(changes):
    return re.sub(r"\s+", " ", json.dumps(changes))[:70]


def by_rules(o, *texts):
    refused(make(o, dry=True), *texts)
    refusals["rules"] += 1


for base, changes, field, value, remedy in BAD:
    case("a Unit with %s is refused" % of(changes), by_rules, but(base, changes), field, value, remedy)


for base, changes in GOOD:
    case("a Unit with %s is taken" % of(changes), lambda o: taken(make(o, dry=True)), but(base, changes))


def by_update(n, first, change, texts):
    o = but(but(UNIT, {"metadata.name": "fixed-%d" % n}), first)
    taken(make(o))
    refused(put(but(o, change)), *texts)
    taken(put(o))
    refusals["rules"] += 1


for number, (first, change, *texts) in enumerate(FIXED):
    case("%s cannot become %s" % (of(first) if first else "a Unit", of(change)), by_update, number, first, change, texts)


def pod_of(o):
    template = o["spec"]["template"]
    pod = copy.deepcopy({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": o["metadata"]["name"], **template.get("metadata", {})},
                         "spec": template["spec"]})
    pod["spec"].setdefault("volumes", []).extend(
        {"name": t["metadata"]["name"], "persistentVolumeClaim": {"claimName": t["metadata"]["name"] + "-" + o["metadata"]["name"]}}
        for t in o["spec"].get("volumeClaimTemplates", []))
    return pod


def by_dry_run(o, *texts):
    taken(make(o, dry=True))
    refused(api.ask("POST", PODS + "?dryRun=All&fieldValidation=Strict", pod_of(o)), *texts, codes=(422, 400, 403))
    refusals["dry"] += 1


for changes, *texts in DRY:
    case("a pod with %s is refused" % of(changes), by_dry_run, but(UNIT, changes), *texts)


@test
def a_pod_of_a_good_template_is_taken_by_the_dry_run():
    for o in (UNIT, BARE):
        taken(api.ask("POST", PODS + "?dryRun=All&fieldValidation=Strict", pod_of(o)))


@test
def defaults_are_filled_in():
    spec = taken(make(but(BARE, {"template.spec.containers.0.ports": [{"containerPort": 6379}], "config": {"templates": [{"name": "a", "template": ""}]},
                                 "action": {"id": "a", "type": "Restart"}}), dry=True))["spec"]
    for key, value in {"startup": True, "maintenance": False, "nodePolicy": "Required",
                       "volumeRetainPolicy": {"whenDeleted": "Retain", "whenRebuilt": "Retain"},
                       "failedPodRecoveryPolicy": {"enabled": True, "thresholdSeconds": 300}}.items():
        expect_eq(spec[key], value, key)
    expect_eq(spec["networking"], {"network": "lan", "type": "networkClaim", "serviceInterface": "eth0"}, "networking")
    expect_eq(spec["config"]["onChange"], "None", "config.onChange")
    expect_eq(spec["action"]["cancel"], False, "action.cancel")
    expect_eq(spec["template"]["spec"]["containers"][0]["ports"], [{"containerPort": 6379, "protocol": "TCP"}], "ports")


@test
def what_the_schema_does_not_name_of_a_pod_is_kept():
    pod = {"affinity": {"a": [1]}, "containers": [{"name": "redis", "image": "redis", "tty": True, "env": [{"name": "POD_IP", "valueFrom": {
        "fieldRef": {"fieldPath": "status.podIP"}}}]}], "volumes": [{"name": "v", "hostPath": {"path": "/x"}}]}
    expect_eq(taken(make(but(BARE, {"template.spec": pod}), dry=True))["spec"]["template"]["spec"], pod, "the template")


@test
def a_unit_that_holds_its_address_keeps_what_it_asked_for():
    o = but(UNIT, {"metadata.name": "bound", "networking.interfaces": extra()})
    path = UNITS + "/bound"
    taken(make(o))
    taken(put(but(o, {"networking.address": "10.99.2.99"})))
    taken(put(o))
    taken(api.ask("PATCH", path + "/status", {"status": {"claim": {"name": "bound", "phase": "Bound", "addresses": ["10.99.2.77", "10.98.0.7"]}}}, MERGE))
    for change, *texts in BOUND:
        refused(put(but(o, change)), *texts)
        refusals["rules"] += 1
    taken(put(but(o, {"networking.bandwidth": {"ingressMbps": 5}, "networking.interfaces": extra() + [{"name": "net2", "network": "san"}]})))


@test
def an_action_runs_once():
    o = but(UNIT, {"metadata.name": "once"})
    path = UNITS + "/once"
    taken(make(o))
    taken(put(but(o, {"action": {"id": "r1", "type": "Restart"}})))
    taken(api.ask("PATCH", path + "/status", {"status": {"action": {"id": "r1", "phase": "Succeeded"}, "actionsDone": ["r1"]}}, MERGE))
    taken(put(but(o, {"action": {"id": "r1", "type": "Restart"}})))
    taken(put(but(o, {"action": {"id": "r2", "type": "Restart", "cancel": True}})))
    refused(put(but(o, {"action": {"id": "r1", "type": "Restart"}})), "action r1", "has run already", "give the action another id")
    taken(put(o))
    refused(put(but(o, {"action": {"id": "r1", "type": "Rebuild"}})), "action r1", "has run already", "give the action another id")
    refusals["rules"] += 2


@test
def a_volume_may_grow():
    o = but(UNIT, {"metadata.name": "grows"})
    taken(make(o))
    taken(put(but(o, {"volumeClaimTemplates": GROWN})))
    taken(put(but(o, {"volumeClaimTemplates": [GROWN[1], {**GROWN[0], "metadata": {"name": "data", "labels": {"a": "b"}}}]})))


@test
def the_largest_unit_is_within_what_rules_may_cost():
    """As many of everything as the schema takes: the server gives up on rules that are too dear for an object."""
    mounts = [{"name": "a-volume-with-a-long-name-%d" % (i % 16 if i % 2 else 16 + i % 32), "mountPath": "/%s/%d" % ("x" * 200, i)} for i in range(32)]
    o = but(UNIT, {
        "metadata.name": "large", "mainContainerName": "container-15",
        "networking.interfaces": [{"name": "net%d" % i, "network": "san", "mac": "02:00:00:00:00:%02x" % i, "addresses": ["10.98.0.%d" % i, "fd00::%d" % i]}
                                  for i in range(1, 8)],
        "template": {"metadata": {"labels": {"l%d" % i: "v" * 63 for i in range(64)}, "annotations": {"a%d" % i: "v" * 1000 for i in range(64)}},
                     "spec": {"containers": [container("container-%d" % i, command=["x" * 1000], volumeMounts=mounts) for i in range(16)],
                              "initContainers": [container("init-%d" % i, volumeMounts=mounts) for i in range(16)],
                              "volumes": [{"name": "a-volume-with-a-long-name-%d" % i, "emptyDir": {}} for i in range(16, 48)]}},
        "volumeClaimTemplates": [claim_template("a-volume-with-a-long-name-%d" % i) for i in range(16)],
        "config": {"templates": [{"name": "f%d" % i, "template": "x" * 30000} for i in range(16)], "onChange": "Signal"}})
    taken(make(o))
    taken(api.ask("PATCH", UNITS + "/large/status", {"status": {"claim": {"name": "large", "phase": "Bound", "addresses": ["10.99.2.77"]}}}, MERGE))
    taken(put(but(o, {"maintenance": True, "volumeClaimTemplates": [claim_template("a-volume-with-a-long-name-%d" % i, "2Gi") for i in range(16)]})))
    for change, *texts in (({"mainContainerName": "other"}, '"other"', "name one of"), ({"template.spec.volumes": []}, "in neither volumeClaimTemplates nor template.spec.volumes", "add each to one"),
                           ({"networking.interfaces.6.mac": "02:00:00:00:00:01"}, "02:00:00:00:00:01", "leave mac out")):
        refused(make(but(o, {"metadata.name": "larger", **change})), *texts)


@test
def whose_field_it_is_is_told_apart_by_name():
    """Two people apply parts of one Unit: lists with keys merge, and neither takes away what the other said."""
    path = UNITS + "/parts"

    def apply(who, spec):
        return api.ask("PATCH", path + "?fieldManager=" + who, {"apiVersion": UNIT["apiVersion"], "kind": "Unit", "metadata": {"name": "parts"}, "spec": spec},
                       "application/apply-patch+yaml")
    taken(apply("dba", BARE["spec"]))
    taken(apply("ops", {"networking": {"interfaces": extra()}, "template": {"spec": {"containers": [{"name": "redis", "ports": [{"containerPort": 1}]}]}}}))
    taken(apply("dba", {**BARE["spec"], "networking": {"network": "lan", "interfaces": [{"name": "net2", "network": "lan"}]}}))
    spec = api.get(path)["spec"]
    expect_eq(sorted(i["name"] for i in spec["networking"]["interfaces"]), ["net1", "net2"], "interfaces")
    expect_eq(spec["template"]["spec"]["containers"][0]["ports"], [{"containerPort": 1, "protocol": "TCP"}], "ports")


@test
def the_columns_say_address_node_phase_and_whether_it_serves():
    o = but(UNIT, {"metadata.name": "seen"})
    taken(make(o))
    taken(api.ask("PATCH", UNITS + "/seen/status", {"status": {
        "phase": "Ready", "task": "idle", "nodeName": "n7", "processState": "Running", "podIPs": ["10.99.2.77"],
        "claim": {"name": "seen", "addresses": ["10.99.2.77"], "mac": "02:00:0a:63:02:4d"},
        "conditions": [{"type": "Ready", "status": "True", "reason": "Serving", "message": "m", "lastTransitionTime": "2026-01-01T00:00:00Z"}]}}, MERGE))
    out = k("get", "dbunit", "seen").splitlines()
    expect_eq(out[0].split(), ["NAME", "PHASE", "READY", "ADDRESS", "NODE", "TASK", "AGE"], "columns")
    expect_eq(out[1].split()[:6], ["seen", "Ready", "True", "10.99.2.77", "n7", "idle"], "the row")
    expect_in("02:00:0a:63:02:4d", k("get", "units", "seen", "-o", "wide"), "wide")
    expect_eq([i["metadata"]["name"] for i in api.get(UNITS + "?fieldSelector=status.nodeName%3Dn7")["items"]], ["seen"], "Units of a node")
    expect_in("The pool", k("explain", "unit.spec.networking.network"), "explain")


@test
def examples_are_taken():
    for name in sorted(os.listdir(os.path.join(TOP, "conf", "examples"))):
        if name.startswith("unit"):
            k("apply", "-f", os.path.join(TOP, "conf", "examples", name))
    for name in ("mysql-0", "redis-1", "redis-2"):
        taken(api.ask("POST", PODS + "?dryRun=All&fieldValidation=Strict", pod_of(api.get(UNITS + "/" + name))))


@test
def the_definition_is_guarded():
    refused(api.ask("DELETE", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/units.db.barewire.dev"),
            "deleting units.db.barewire.dev deletes every Unit", "net.barewire.dev/allow-delete=true", codes=(403,))


# Who may do what -------------------------------------------------------------------------------------

def controller():
    answer = api.do("POST", "/api/v1/namespaces/barewire-system/serviceaccounts/barewire-controller/token",
                    {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"audiences": []}})
    return Client(server.admin, token=answer["status"]["token"])


def labelled(o, label="redis-0"):
    o["metadata"]["labels"] = {"db.barewire.dev/unit": label}
    return o


@test
def the_controller_touches_pods_and_volumes_of_units_alone():
    c = controller()
    volumes = "/api/v1/namespaces/default/persistentvolumeclaims"
    pod, volume = pod_of(BARE), {"metadata": {"name": "data-redis-0"}, "spec": UNIT["spec"]["volumeClaimTemplates"][0]["spec"]}
    for plural, path, o in (("pods", PODS, pod), ("persistentvolumeclaims", volumes, volume)):
        refused(c.ask("POST", path, o), "%s default/%s has no label db.barewire.dev/unit" % (plural, o["metadata"]["name"]), codes=(403,))
        taken(api.ask("POST", path, o))
        if plural == "pods":
            refused(c.ask("DELETE", path + "/redis-0"), "writes only what belongs to a Unit", codes=(403,))
        else:
            refused(c.ask("PATCH", path + "/data-redis-0", labelled({"metadata": {}}), MERGE), "writes only what belongs to a Unit", codes=(403,))
        taken(api.ask("DELETE", path + "/" + o["metadata"]["name"]))
    o = labelled(pod_of(but(BARE, {"metadata.name": "mine"})))
    taken(c.ask("POST", PODS + "?dryRun=All", o))
    taken(c.ask("POST", PODS, o))
    main = o["spec"]["containers"][0]["name"]
    refused(c.ask("PATCH", PODS + "/mine", {"spec": {"containers": [{"name": main, "image": "another"}]}}, STRATEGIC), "would have another spec",
            codes=(403,))
    taken(c.ask("PATCH", PODS + "/mine", {"metadata": {"annotations": {"db.barewire.dev/revision": "1"}}}, MERGE))
    refused(c.ask("PATCH", PODS + "/mine/resize", {"spec": {"containers": [{"name": main, "resources": {"limits": {"cpu": "1"}}}]}}, STRATEGIC),
            "QOS Class may not change", codes=(422,))
    taken(c.ask("DELETE", PODS + "/mine"))
    volume["metadata"]["name"] = "data-mine"
    taken(c.ask("POST", volumes, labelled(volume, "mine")))
    taken(c.ask("PATCH", volumes + "/data-mine", {"metadata": {"ownerReferences": []}}, MERGE))
    refused(c.ask("DELETE", volumes + "/data-mine"), "data-mine is none", codes=(403,))
    taken(c.ask("PATCH", volumes + "/data-mine", {"metadata": {"labels": {"db.barewire.dev/retained": "1"}}}, MERGE))
    refused(c.ask("DELETE", volumes + "/data-mine"), "deletes no volumes but those that a rebuild has replaced", codes=(403,))
    taken(c.ask("PATCH", volumes + "/data-mine", {"metadata": {"labels": {"db.barewire.dev/when-rebuilt": "Delete"}}}, MERGE))
    taken(c.ask("DELETE", volumes + "/data-mine"))
    for path in (PODS, volumes):
        refused(c.ask("DELETE", path), "is forbidden", codes=(403,))


@test
def of_a_unit_the_controller_writes_status_and_finalizer():
    c = controller()
    o = but(BARE, {"metadata.name": "written"})
    taken(make(o))
    path = UNITS + "/written"
    taken(c.ask("GET", UNITS))
    taken(c.ask("PATCH", path, {"metadata": {"finalizers": ["db.barewire.dev/unit"]}}, MERGE))
    taken(c.ask("PATCH", path + "/status", {"status": {"phase": "Pending"}}, MERGE))
    refused(c.ask("PATCH", path, {"spec": {"startup": True, "maintenance": True}}, MERGE), "writes only finalizers and the status of a Unit", codes=(403,))
    refused(c.ask("POST", UNITS, but(BARE, {"metadata.name": "made"})), "cannot create resource", codes=(403,))
    refused(c.ask("DELETE", path), "cannot delete resource", codes=(403,))
    taken(c.ask("PATCH", path, {"metadata": {"finalizers": []}}, MERGE))


@test
def of_files_and_services_the_controller_writes_those_of_units():
    c = controller()
    core = "/api/v1/namespaces/default/"
    kinds = {core + "configmaps": {"apiVersion": "v1", "kind": "ConfigMap"}, core + "secrets": {"apiVersion": "v1", "kind": "Secret"},
             core + "services": {"apiVersion": "v1", "kind": "Service", "spec": {"clusterIP": "None"}},
             "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices":
             {"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4", "endpoints": []}}
    for path, o in kinds.items():
        def named(name, **labels):
            return {**o, "metadata": {"name": name, "labels": {k.replace("_", "/"): v for k, v in labels.items()}}}
        refused(c.ask("POST", path, named("somebodys")), "has no label db.barewire.dev/unit", codes=(403,))
        taken(api.ask("POST", path, named("somebodys")))
        refused(c.ask("DELETE", path + "/somebodys"), "has no label db.barewire.dev/unit", codes=(403,))
        refused(c.ask("PATCH", path + "/somebodys", {"metadata": {"labels": {"db.barewire.dev/unit": "u"}}}, MERGE), "has no label", codes=(403,))
        mine = named("u-config", **{"db.barewire.dev_unit": "u"})
        taken(c.ask("POST", path, mine))
        taken(c.ask("PATCH", path + "/u-config", {"metadata": {"annotations": {"a": "b"}}}, MERGE))
        if path.endswith(("configmaps", "secrets")):
            refused(c.ask("POST", path, named("other", **{"db.barewire.dev_unit": "u"})), "other is not u-config", codes=(403,))
        taken(c.ask("DELETE", path + "/u-config"))


@test
def secrets_are_read_by_name_and_that_can_be_taken_away():
    c = controller()
    path = "/api/v1/namespaces/default/secrets"
    expect_eq(api.ask("POST", path, {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "known"}})[0], 201)
    expect_eq(c.ask("GET", path + "/known")[0], 200)
    for all_of in (path, "/api/v1/secrets", path + "?watch=true&timeoutSeconds=1"):
        refused(c.ask("GET", all_of), "is forbidden", codes=(403,))
    k("delete", "clusterrolebinding", "barewire-controller-secrets")
    wait_until(lambda: c.ask("GET", path + "/known")[0] == 403, 30)
    taken(c.ask("GET", UNITS))


@test
def exec_is_the_controllers_and_can_be_taken_away():
    c = controller()

    def allowed(verb):
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": {
            "namespace": "default", "verb": verb, "resource": "pods", "subresource": "exec"}}}
        return taken(c.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review))["status"]["allowed"]
    expect(allowed("get") and allowed("create"), "get and create on pods/exec")
    expect(not allowed("delete") and not allowed("patch"), "nothing else")
    pod = "/api/v1/namespaces/default/pods"
    expect_eq(api.ask("POST", pod, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "entered"}, "spec": {
        "containers": [{"name": "c", "image": "x"}]}})[0], 201)
    launch = "/exec?container=c&stdout=1&command=%2Fbarewire%2Fbarewire-launch"
    for what in ("/exec?container=c&stdout=1&command=sh", launch, launch + "&command=install&command=%2Ftmp", launch + "x&command=stop"):
        refused(c.ask("POST", pod + "/entered" + what), "runs nothing in containers but", codes=(403,))
    # It runs nowhere: what is allowed is told so, and not that it is forbidden.
    expect_eq(c.ask("POST", pod + "/entered" + launch + "&command=stop&command=-t&command=30")[0], 400)
    api.ask("DELETE", pod + "/entered")
    k("delete", "clusterrolebinding", "barewire-controller-exec")
    wait_until(lambda: not allowed("get") and not allowed("create"), 30)
    taken(c.ask("GET", UNITS))


@test
def people_declare_units_with_the_clusters_usual_roles():
    who = {}
    for name, role in (("dana", "barewire-edit"), ("vic", "barewire-view")):
        k("create", "rolebinding", name, "-n", "default", "--clusterrole=" + role, "--user=" + name)
        who[name] = Client(server.kubeconfig(name, name))
    o = but(BARE, {"metadata.name": "hers"})
    wait_until(lambda: who["dana"].ask("POST", UNITS + "?dryRun=All", o)[0] == 201, 30)
    taken(who["dana"].ask("POST", UNITS, o))
    taken(who["dana"].ask("PATCH", UNITS + "/hers", {"spec": {"maintenance": True}}, MERGE))
    refused(who["dana"].ask("PATCH", UNITS + "/hers/status", {"status": {"phase": "Ready"}}, MERGE), "cannot patch resource", codes=(403,))
    wait_until(lambda: who["vic"].ask("GET", UNITS + "/hers")[0] == 200, 30)
    refused(who["vic"].ask("DELETE", UNITS + "/hers"), "cannot delete resource", codes=(403,))
    taken(who["dana"].ask("DELETE", UNITS + "/hers"))
    for role in ("view", "edit", "admin"):
        expect_eq(api.get("/apis/rbac.authorization.k8s.io/v1/clusterroles/barewire-view")["metadata"]["labels"]
                  ["rbac.authorization.k8s.io/aggregate-to-" + role], "true", "part of " + role)


@test
def every_rule_was_seen_to_refuse_and_the_bad_ones_are_counted():
    everything = "\n".join(said)
    crd = api.get("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/units.db.barewire.dev")
    rules = list(rules_of(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]))
    for name in ("barewire-units", "barewire-controller-units", "barewire-controller-unit-spec", "barewire-controller-exec"):
        rules += api.get("/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/" + name)["spec"]["validations"]
    expect_eq([literal(r) for r in rules if literal(r) not in everything], [], "rules that nothing tried")
    diag("bad manifests refused by schema, rules and policy: %(rules)d; only by the dry run of the pod: %(dry)d" % refusals)
    expect(refusals["rules"] >= 60 and sum(refusals.values()) >= 80, "at least 80, 60 of them by rules")


try:
    main(setup=setup)
finally:
    if server:
        server.stop(5)
