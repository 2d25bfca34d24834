#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""barewire import: pools, reservations and claims of other IPAMs, Units of other controllers."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from bwtest import Skip


def meta(name, **more):
    return {"name": name, **more}


def conf(ipam, **more):
    return {"cniVersion": "1.0.0", "name": "lan", "plugins": [{"type": "macvlan", "master": "eth1", "ipam": ipam, **more}, {"type": "portmap"}]}


def pool(name, prefix, ranges, domain=None, **more):
    return "NetworkPool", name, {"domain": domain or name, "prefix": prefix, "ranges": ranges, **more}


def reserved(name, domain, addresses, reason):
    return "NetworkReservation", name, {"domain": domain, "addresses": addresses, "reason": reason}


HOST_LOCAL = conf({"type": "host-local", "routes": [{"dst": "0.0.0.0/0"}, {"dst": "192.168.0.0/16", "gw": "10.1.0.2"}], "ranges": [
    [{"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.10", "rangeEnd": "10.1.0.20", "gateway": "10.1.0.1"}], [{"subnet": "fd01::/64"}]]}, mtu=9000)
ROUTES = [{"dst": "192.168.0.0/16", "gw": "10.1.0.2"}]
WHEREABOUTS = {"type": "whereabouts", "range": "10.3.0.9-10.3.0.90/24", "exclude": ["10.3.0.16/28"], "gateway": "10.3.0.1",
               "ipRanges": [{"range": "fd03::/64", "range_start": "fd03::10"}]}
BLOCK = {"kind": "IPAMBlock", "metadata": meta("10-2-0-0-26"), "spec": {"cidr": "10.2.0.0/26", "allocations": [None, 0, 1, 2, None, 3, None]}}

# What is read, with which options, and what comes of it.
IMPORTS = {
    "host-local of two families": (HOST_LOCAL, [], [
        pool("lan", "10.1.0.0/24", ["10.1.0.10-10.1.0.20"], gateway="10.1.0.1", uplink="eth1", mtu=9000, routes=ROUTES),
        pool("lan-1", "fd01::/64", ["fd01::1-fd01::ffff:ffff:ffff:ffff"], domain="lan", uplink="eth1", mtu=9000, routes=ROUTES)]),
    "host-local as older ones have it": ({"name": "old", "type": "bridge", "bridge": "b", "vlan": 7, "ipam": {
        "type": "host-local", "subnet": "10.1.0.7/24", "rangeStart": "10.1.0.10"}}, [],
        [pool("old", "10.1.0.0/24", ["10.1.0.10-10.1.0.254"], vlan=7)]),
    "Multus' network with Whereabouts": ({"kind": "NetworkAttachmentDefinition", "metadata": meta("db"), "spec": {
        "config": json.dumps({"cniVersion": "0.3.1", "type": "ipvlan", "master": "bond0", "ipam": WHEREABOUTS})}}, [], [
        pool("db", "10.3.0.0/24", ["10.3.0.9-10.3.0.90"], excludes=["10.3.0.16/28"], gateway="10.3.0.1", uplink="bond0"),
        pool("db-1", "fd03::/64", ["fd03::10-fd03::ffff:ffff:ffff:ffff"], domain="db", uplink="bond0")]),
    "pools of Whereabouts": ({"items": [{"kind": "IPPool", "metadata": meta("10.3.0.0-24"), "spec": {"range": "10.3.0.0/24", "allocations": {
        "5": {"id": "x", "podref": "db/a"}, "6": {}, "7": {}, "200": {}}}}]}, ["--domain", "lan"], [
        pool("10-3-0-0-24", "10.3.0.0/24", ["10.3.0.1-10.3.0.254"], domain="lan"),
        reserved("10-3-0-0-24-in-use", "lan", ["10.3.0.5-10.3.0.7", "10.3.0.200"], "given by Whereabouts")]),
    "Calico's pools, blocks and reservations": ({"items": [
        {"kind": "IPPool", "metadata": meta("Blue.Pool"), "spec": {"cidr": "10.2.0.0/24", "disabled": True, "nodeSelector": "zone == 'a'"}}, BLOCK,
        {"kind": "IPReservation", "metadata": meta("kept"), "spec": {"reservedCIDRs": ["10.2.0.64/28"]}}]}, ["--domain", "lan"], [
        pool("blue-pool", "10.2.0.0/24", ["10.2.0.1-10.2.0.254"], domain="lan", phase="Maintenance"),
        reserved("10-2-0-0-26", "lan", ["10.2.0.1-10.2.0.3", "10.2.0.5"], "given by Calico"),
        reserved("kept", "lan", ["10.2.0.64/28"], "reserved in Calico")]),
    "Spiderpool's pools and reserved addresses": ({"items": [
        {"kind": "SpiderIPPool", "metadata": meta("red"), "spec": {
            "subnet": "10.4.0.0/16", "ips": ["10.4.1.1-10.4.1.9"], "excludeIPs": ["10.4.1.5"], "gateway": "10.4.0.1", "vlan": 0, "default": True,
            "routes": [{"dst": "10.9.0.0/16", "gw": "10.4.0.2"}]}, "status": {"allocatedIPs": json.dumps({"10.4.1.2": {"pod": "db/a"}})}},
        {"kind": "SpiderReservedIP", "metadata": meta("r"), "spec": {"ips": ["10.4.1.8"]}}]}, ["--domain", "lan"], [
        pool("red", "10.4.0.0/16", ["10.4.1.1-10.4.1.9"], domain="lan", excludes=["10.4.1.5"], gateway="10.4.0.1", default=True,
             routes=[{"dst": "10.9.0.0/16", "gw": "10.4.0.2"}]),
        reserved("red-in-use", "lan", ["10.4.1.2"], "given by Spiderpool"), reserved("r", "lan", ["10.4.1.8"], "reserved in Spiderpool")]),
    "DBScale's networks and claims": ({"items": [
        {"apiVersion": "networking.upm.io/v1alpha1", "kind": "Network", "metadata": meta("sriov.Pool", annotations={"network.alloc.phase": "maintenance"}),
         "spec": {"mode": "sriov", "startIP": "10.5.1.1", "endIP": "10.5.1.99", "mask": 16, "route": "10.5.0.1", "vlan": 70, "disabled_ip": ["10.5.1.9"]}},
        {"apiVersion": "networking.upm.io/v1alpha1", "kind": "NetworkClaim", "metadata": meta("u1"),
         "spec": {"mode": "sriov", "network": "sriov.Pool", "type": "upm.networkClaim.internal", "bandwidth": 500},
         "status": {"bindIP": "10.5.1.7", "status": "using", "used": "prod/u1-0", "host": "h1"}},
        {"apiVersion": "networking.upm.io/v1alpha1", "kind": "NetworkClaim", "metadata": meta("u2"),
         "spec": {"mode": "sriov", "network": "sriov.Pool"}, "status": {"bindIP": "", "status": "pending", "used": ""}},
        {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkClaim", "metadata": meta("ours"), "spec": {"network": "x"}}]}, [], [
        pool("sriov-pool", "10.5.0.0/16", ["10.5.1.1-10.5.1.99"], gateway="10.5.0.1", vlan=70, excludes=["10.5.1.9"], mode="sriov", phase="Maintenance"),
        ("NetworkClaim", "prod/u1", {"unitRef": {"name": "u1-0"}, "interfaces": [
            {"name": "eth0", "network": "sriov-pool", "requestedIPs": ["10.5.1.7"], "bandwidth": {"ingressMbps": 500, "egressMbps": 500}}]}),
        ("NetworkClaim", "u2", {"interfaces": [{"name": "eth0", "network": "sriov-pool"}]})]),
}


SEED_POD = {"containers": [{"name": "mysql", "image": "mysql:8.4", "env": [{"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}}]}]}


def unit(name, networking, pod=None, annotations=None, namespace=None, labels=None, **spec):
    more = {k: v for k, v in (("namespace", namespace), ("labels", labels), ("annotations", annotations)) if v}
    return {"apiVersion": "db.barewire.dev/v1alpha1", "kind": "Unit", "metadata": {"name": name, **more},
            "spec": {"networking": {"type": "networkClaim", **networking}, "template": {"spec": pod or SEED_POD}, **spec}}


def old_unit(name, networking, api="unit.upm.io/v1alpha4", root=None, meta=None, **spec):
    return {"apiVersion": api, "kind": "Unit", "metadata": {"name": name, **(meta or {})}, "spec": {"networking": networking, **spec}, **(root or {})}


CALICO = {"mode": "calico", "network": "34eb2de1-calico-pool", "type": "networkClaim"}
OLD_CLAIM = {"apiVersion": "networking.upm.io/v1alpha1", "kind": "NetworkClaim", "metadata": meta("mysql-0"),
             "spec": {"network": "34eb2de1-calico-pool"}, "status": {"bindIP": "10.5.1.7", "used": "prod/mysql-0"}}
VOLUME = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "fast", "resources": {"requests": {"storage": "10Gi"}}}}

# Units of other groups: what is read, what comes of it, what is said to people.
UNITS = {
    "the seed's Unit": (
        [old_unit("mysql-0", CALICO, meta={"annotations": {"config.addr.type": "pod_ip"}}, mainContainerName="mysql", template={"spec": SEED_POD})],
        [unit("mysql-0", {"mode": "calico", "network": "34eb2de1-calico-pool"}, annotations={"config.addr.type": "pod_ip"}, mainContainerName="mysql")],
        ["mysql-0: its address is not known"]),
    "a Unit whose networking and containers stand at the margin": (
        [{"kind": "Unit", "apiVersion": "v1", "metadata": meta("m"), "spec": {"mainContainerName": "mysql"}, "networking": CALICO, **SEED_POD}],
        [unit("m", {"mode": "calico", "network": "34eb2de1-calico-pool"}, mainContainerName="mysql")], []),
    "a Unit with its claim: the address is declared once": (
        [old_unit("mysql-0", {**CALICO, "bandwidth": 500}, meta={"namespace": "prod", "labels": {"app": "m"}}, template={"spec": SEED_POD}), OLD_CLAIM],
        [unit("mysql-0", {"mode": "calico", "network": "34eb2de1-calico-pool", "address": "10.5.1.7",
                          "bandwidth": {"ingressMbps": 500, "egressMbps": 500}}, namespace="prod", labels={"app": "m"})], []),
    "a claim of another namespace stays a claim": (
        [OLD_CLAIM, old_unit("mysql-0", CALICO, meta={"namespace": "test"}, template={"spec": SEED_POD})],
        [None, unit("mysql-0", {"mode": "calico", "network": "34eb2de1-calico-pool"}, namespace="test")], ["mysql-0: its address is not known"]),
    "unit-operator's annotations and policies": (
        [old_unit("u", {"mode": "raven", "network": "A.Pool", "type": "bsgchina.networkClaim.external"}, api="upm.syntropycloud.io/v1alpha2",
                  meta={"annotations": {"endpoint.mode": "pod_name", "unit-operator/maintenance": "true", "team": "db"}}, startup=False,
                  failedPodRecoveryPolicy={"enabled": True, "reconcileThreshold": 6}, volumeClaimTemplates=[VOLUME],
                  template={"metadata": {"annotations": {"cni.projectcalico.org/ipAddrs": "[]", "a": "b"}}, "spec": {**SEED_POD, "nodeName": "n1"}})],
        [{**unit("u", {"mode": "external", "network": "a-pool"}, annotations={"team": "db", "config.addr.type": "pod_name"}, startup=False, maintenance=True,
                 failedPodRecoveryPolicy={"enabled": True, "thresholdSeconds": 60}, volumeClaimTemplates=[VOLUME],
                 template={"metadata": {"annotations": {"a": "b"}}, "spec": SEED_POD})}],
        ["second card", "nodeName is left out", "its volumes have other names here"]),
    "volumes, states and actions of DBScale": (
        [old_unit("u", {"mode": "ipvlan"}, unservice=True, action={"rebuild": {}}, mainImageVersion="8.4", template={"spec": SEED_POD}, claims=[
            {"name": "data", "storageClassName": "fast", "storage": {"type": "local", "request": "10Gi"}}, {"name": "log", "accessModes": ["ReadWriteMany"]}])],
        [unit("u", {}, startup=False, volumeClaimTemplates=[VOLUME, {"metadata": {"name": "log"}, "spec": {
            "accessModes": ["ReadWriteMany"], "resources": {"requests": {}}}}])],
        ["its mode is none of ours", "it names no network", "a volume has no size", "its action is not taken over", "mainImageVersion is not taken over"]),
    "a Unit without containers": ([old_unit("u", CALICO)], [unit("u", {"mode": "calico", "network": "34eb2de1-calico-pool"}, pod={}, template={"spec": {}})],
                                  ["it has no template: write spec.template.spec.containers"]),
}


def imports_units(name):
    source, want, texts = UNITS[name]
    p = run_import(json.dumps({"items": source}), "-o", "json")
    got = json.loads(p.stdout)["items"]
    expect_eq([o for o in got if o["kind"] == "Unit"], [o for o in want if o])
    expect_eq(len(got), len(want), "objects")
    for text in texts:
        expect_in(text, p.stderr)


def run_import(source, *options, code=0):
    p = subprocess.run([os.path.join(BUILD, "kubectl-barewire"), "import", "-", *options], input=source, capture_output=True, text=True, timeout=60)
    expect_eq(p.returncode, code, p.stderr)
    return p


def imports(name):
    source, options, want = IMPORTS[name]
    got = json.loads(run_import(json.dumps(source), "-o", "json", *options).stdout)["items"]
    expect_eq([(o["kind"], "/".join(filter(None, [o["metadata"].get("namespace"), o["metadata"]["name"]])), o["spec"]) for o in got], want)


for _name in IMPORTS:
    case("import takes " + _name, imports, _name)


for _name in UNITS:
    case("import takes " + _name, imports_units, _name)


@test
def a_unit_of_nonsense_becomes_one_to_look_at():
    for value in ([], ["a", {}], "x", 7, {"a": [1]}, {"spec": ["a"], "metadata": {"annotations": ["a"]}}):
        for field in ("networking", "template", "containers", "claims", "volumeClaimTemplates", "failedPodRecoveryPolicy", "action", "mainContainerName"):
            more = {} if field == "networking" else {field: value}
            odd = old_unit("u", CALICO, meta={"annotations": value, "labels": value}, **more)
            p = run_import(json.dumps({"items": [odd, OLD_CLAIM]}), "-o", "json")
            expect_eq(json.loads(p.stdout)["items"][0]["kind"], "Unit", field)
        run_import(json.dumps(old_unit("u", value)), "-o", "json")


@test
def a_unit_of_ours_is_passed_over():
    expect_in("no pool of", run_import(json.dumps(unit("u", {"network": "lan"})), code=1).stderr)


@test
def what_is_left_to_decide_is_said():
    said = run_import(json.dumps(IMPORTS["Calico's pools, blocks and reservations"][0])).stderr
    for text in ("blue-pool: its nodeSelector is not taken over", "blue-pool: no uplink is known", "no gateway is known",
                 "kept: left out: a reservation needs --domain"):
        expect_in(text, said)
    expect_in("no pool before it has its addresses", run_import(json.dumps(BLOCK), code=1).stderr)
    expect_in("its namespace is not known", run_import(json.dumps(IMPORTS["DBScale's networks and claims"][0])).stderr)


@test
def a_list_of_thousands_is_read_object_by_object():
    items = [{"kind": "SpiderIPPool", "metadata": meta("p%d" % i), "spec": {"subnet": "10.4.0.0/16", "ips": ["10.4.1.1"], "gateway": "10.4.0.1"},
              "status": {"allocatedIPs": json.dumps({"10.4.%d.%d" % (k // 250, k % 250): {"pod": "a/b" + "x" * 50} for k in range(20)})}} for i in range(800)]
    source = json.dumps({"kind": "List", "items": items})
    expect(len(source) > 1 << 20, "longer than one document may be")
    expect_eq(len(json.loads(run_import(source, "-o", "json").stdout)["items"]), 1600)


@test
def yaml_says_the_same():
    try:
        import yaml
    except ImportError:
        raise Skip("python3-yaml is not installed")
    for source, options, _ in IMPORTS.values():
        text = json.dumps(source)
        expect_eq(yaml.safe_load(run_import(text, *options).stdout), json.loads(run_import(text, "-o", "json", *options).stdout))


@test
def import_says_when_there_is_nothing_in_it():
    path = os.path.join(workdir(), "x.json")
    with open(path, "w") as f:
        f.write("{}")
    p = subprocess.run([os.path.join(BUILD, "barewire"), "import", path], capture_output=True, text=True, timeout=20)
    expect_eq(p.returncode, 1)
    expect_in("no pool of", p.stderr)
    expect_in("import -:", run_import("no json", code=2).stderr)
    expect_in("import /nonexistent", subprocess.run([os.path.join(BUILD, "barewire"), "import", "/nonexistent"], capture_output=True, text=True).stderr)


main()
