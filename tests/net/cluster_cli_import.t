#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""barewire import: pools, reservations and claims of other IPAMs."""
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
