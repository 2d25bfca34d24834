#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The command line against a real cluster: every kind of difference that `barewire check` knows is made by hand in the
API, in a node's journal or in its kernel, found, and gone again; repair, uninstall --check, kubectl's way to call it."""
import os
import re
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeproduct import *  # noqa: E402
from kubeproc import program  # noqa: E402

PLUGIN = os.path.join(BUILD, "kubectl-barewire")
STRANGE = "bwstrange00000"[:13]
JOURNAL = "/var/lib/barewire/journal.db"


def cli(*args, check=True, node=None):
    """Exit code and output of a command; node: run there."""
    argv = [PLUGIN, args[0], "--kubeconfig", bed.admin, *args[1:]]
    p = subprocess.run([*(node.enter if node else []), *argv], capture_output=True, text=True, timeout=60)
    if check and p.returncode not in (0, 1):
        raise Failed("%s: exit %d: %s%s" % (" ".join(argv), p.returncode, p.stdout, p.stderr))
    return p.returncode, p.stdout + ("" if check else p.stderr)


def check(node=None):
    """Exit code, and 'reason: message' of each difference and each warning."""
    code, out = cli("check", "-o", "json", node=node)
    doc = json.loads(out)
    lines = {k: ["%s: %s" % (d["reason"], d["message"]) for d in doc[k]] for k in ("differences", "warnings")}
    expect_eq(code, 1 if lines["differences"] else 0, "exit code with %s" % lines["differences"])
    return lines["differences"], lines["warnings"]


def has(lines, wanted):
    return all(any(w in line for line in lines) for w in wanted)


def finds(*wanted, node=None, timeout_s=40):
    """Waits until check has all of these among its differences."""
    seen = []

    def look():
        seen[:] = check(node)[0]
        return has(seen, wanted)
    wait_until(look, timeout_s, lambda: "%s in\n%s" % (wanted, "\n".join(seen)))
    return seen


def sound(timeout_s=60):
    seen = []

    def look():
        seen[:] = check()[0]
        return not seen
    wait_until(look, timeout_s, lambda: "no difference, not\n" + "\n".join(seen))


def journal(node, sql, *args):
    """A statement in the node's journal; its rows."""
    code = "import sqlite3,sys,json; d=sqlite3.connect(%r, timeout=20); r=d.execute(sys.argv[1], json.loads(sys.argv[2])).fetchall(); " \
           "d.commit(); print(json.dumps([[x if not isinstance(x, bytes) else 'x:'+x.hex() for x in i] for i in r]))" % JOURNAL
    return json.loads(node.run("python3", "-c", code, sql, json.dumps(args)))


def row_of(node, name):
    return dict(zip(("id", "host_if", "bridge", "token"),
                    journal(node, "SELECT id, host_if, bridge, token FROM attachment WHERE pod=? AND state=1", "%s/%s" % (NS, name))[0]))


def poke(node):
    """A device comes and goes: the agent looks at once."""
    node.run("ip", "link", "add", "poke", "type", "veth", "peer", "name", "poke-p")
    node.run("ip", "link", "del", "poke")


def stop_controllers(sig):
    for p in ready_pods("barewire-controller"):
        for pid in pod_pids(p):
            os.kill(pid, sig)


def raw_status(path, **status):
    api.patch(path + "/status", {"status": status})


def setup():
    pool("cli", ("10.99.4.10-10.99.4.29",), domain="lan")
    redis_set("db", 2, "10.99.4.10-10.99.4.11", **{ANN + "network": "cli"})
    atexit.register(clean)


def clean():
    delete_claims()
    api.delete(NET + "/networkpools/cli")
    api.wait_gone(NET + "/networkpools/cli", 60)


@test
def nothing_differs_in_a_sound_cluster():
    sound()
    _, out = cli("check")
    expect_in("0 differences", out)
    expect_in("the journals of %d of %d nodes" % (len(bed.nodes), len(bed.nodes)), out)
    for n in bed.nodes:
        expect_in("this machine's journal", cli("check", node=n)[1], "check on " + n.name)


@test
def a_kernel_that_differs_is_found_and_repaired():
    pods = [api.get(pod_path("db-%d" % i)) for i in range(2)]
    nodes = [bed.node(p["spec"]["nodeName"]) for p in pods]
    rows = [row_of(n, "db-%d" % i) for i, n in enumerate(nodes)]
    nodes[0].run("ip", "link", "set", rows[0]["host_if"], "nomaster")
    nodes[1].run("ip", "link", "del", rows[1]["host_if"])
    nodes[1].run("ip", "link", "add", STRANGE, "type", "veth", "peer", "name", "strange-p")
    nodes[1].run("ip", "link", "set", STRANGE, "master", rows[1]["bridge"])
    finds("InterfaceMoved: %s/db-0: eth0" % NS, "InterfaceMissing: %s/db-1: eth0" % NS, "InterfaceUnknown: interface %s is on bridge" % STRANGE)
    code, out = cli("repair", "--dry-run")
    for i in range(2):
        expect_in("delete pod %s/db-%d of StatefulSet db" % (NS, i), out)
    expect_in("ip link del", out, "what is left to a person")
    expect_eq([api.get(pod_path("db-%d" % i))["metadata"]["uid"] for i in range(2)], [p["metadata"]["uid"] for p in pods], "after a dry run")
    code, out = cli("repair", "--yes")
    expect_in("pod %s/db-0: deleted" % NS, out)
    nodes[1].run("ip", "link", "del", STRANGE)
    for i, p in enumerate(pods):
        new = running("db-%d" % i, uid_not=p["metadata"]["uid"])
        expect_eq(new["status"]["podIP"], "10.99.4.1%d" % i, "the address after the repair")
    sound()
    expect_eq(cli("repair", "--yes"), (0, "nothing differs\n"))


@test
def a_journal_that_differs_is_found():
    p = api.get(pod_path("db-0"))
    node = bed.node(p["spec"]["nodeName"])
    other = bound("db-1") if holder(bound("db-1"))["node"] != node.name else None
    row = row_of(node, "db-0")
    uid = bound("db-0")["metadata"]["uid"]
    journal(node, "UPDATE attachment SET token = token + 5 WHERE id = ?", row["id"])
    finds("RowToken: this machine: container", node=node)
    journal(node, "UPDATE attachment SET token = ?, claim_uid = 'nobody' WHERE id = ?", row["token"], row["id"])
    finds("RowUnknown: this machine: container", node=node)
    # A row of a namespace that is gone. The agent collects such rows of claims: this one is nobody's.
    netns = journal(node, "SELECT netns FROM attachment WHERE id = ?", row["id"])[0][0]
    journal(node, "UPDATE attachment SET claim_uid = '', netns = '/run/netns/bw-never' WHERE id = ?", row["id"])
    finds("RowDead: this machine: container", node=node)
    journal(node, "UPDATE attachment SET netns = ? WHERE id = ?", netns, row["id"])
    # Its journal loses the row: the claim says attached, the kernel has the interface.
    journal(node, "UPDATE attachment SET claim_uid = ?, host_if = 'bwgone', state = 0 WHERE id = ?", uid, row["id"])
    poke(node)
    finds("AttachmentsMissing: ", "InterfaceUnknown: interface %s is on bridge" % row["host_if"])
    journal(node, "UPDATE attachment SET host_if = ?, state = 1 WHERE id = ?", row["host_if"], row["id"])
    if other:  # this node does not hold it: what it says is refused
        body = json.dumps({"namespace": NS, "name": "db-1"})
        journal(node, "INSERT INTO outbox(uid, token, kind, body, sending, since_s) VALUES(?, 1, 'detached', ?, 0, 1000)",
                other["metadata"]["uid"], body)
    poke(node)
    if other:
        finds("AcknowledgementWaiting: the cluster was not told yet that token 1 of claim uid " + other["metadata"]["uid"])
        journal(node, "DELETE FROM outbox WHERE uid = ?", other["metadata"]["uid"])
        poke(node)
    sound()


def held_back():
    """Objects to break while no controller mends them, by the difference that each makes."""
    c0, c1 = bound("db-0"), bound("db-1")
    lock = address("10.99.4.10")
    node = bed.nodes[0].name
    net = "%s/nodenetworks/%s" % (NET, node)
    published = api.get(net)["status"]
    fake = {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkAddress"}

    def new_lock(ip, pool_name, state="Bound"):
        api.create(NET + "/networkaddresses", {**fake, "metadata": {"name": address_name(ip), "annotations": {ANN + "allow-delete": "true"}}, "spec": {
            "domain": "lan", "address": ip, "pool": pool_name, "state": state, "stateSince": "2026-01-01T00:00:00Z",
            "claim": {"namespace": NS, "name": "gone", "uid": "11111111-1111-1111-1111-111111111111"}}})
    api.patch(NET + "/networkaddresses/" + address_name("10.99.4.10"), {"metadata": {"annotations": {ANN + "allow-delete": "true"}}})
    api.delete(NET + "/networkaddresses/" + address_name("10.99.4.10"))
    new_lock("10.99.4.20", "cli")
    new_lock("10.99.4.21", "nosuch", "Quarantined")
    new_lock("10.99.4.22", "cli", "Quarantined")
    api.create("%s/namespaces/%s/networkclaims" % (NET, NS), {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkClaim", "metadata": {
        "name": "twin"}, "spec": {"interfaces": [{"name": "eth0", "network": "cli"}]}})
    raw_status(claim_path("twin"), phase="Bound", interfaces=[{"name": "eth0", "pool": "cli", "ips": ["10.99.4.11"]}],
               holder={"node": "ghost", "nodeUID": "22222222-2222-2222-2222-222222222222", "token": 2},
               attached={"node": node, "token": 1, "since": "2026-01-01T00:00:00Z"})
    api.create(pods_path(), {"metadata": {"name": "stranger"}, "spec": {**pod_spec(), "nodeName": "ghost"}})
    raw_status(pod_path("stranger"), phase="Running", podIPs=[{"ip": "10.99.4.11"}], podIP="10.99.4.11")
    now = "2026-01-01T00:00:00Z"
    conditions = [c for c in published["conditions"] if c["type"] not in ("Ready", "RestoreSuspected")]
    # Not a later epoch: the controller would believe it, and raise its own for good.
    raw_status(net, bootID="33333333-3333-3333-3333-333333333333", conditions=conditions + [
        {"type": "Ready", "status": "False", "reason": "JournalUnreadable", "message": "it is damaged", "lastTransitionTime": now},
        {"type": "RestoreSuspected", "status": "True", "reason": "PastDiffers", "message": "the API server knows less", "lastTransitionTime": now}],
        differences=[{"reason": "FromTheFuture", "message": "of a later agent"}])
    return {"lock": lock, "net": net, "published": published, "claims": (c0, c1)}


def give_back(was):
    raw_status(was["net"], **{k: was["published"].get(k) for k in ("bootID", "conditions", "differences")})
    api.delete(pod_path("stranger"), {"gracePeriodSeconds": 0})
    api.patch(claim_path("twin"), {"metadata": {"finalizers": None}})
    api.delete(claim_path("twin"))
    for ip in ("10.99.4.20", "10.99.4.21", "10.99.4.22"):
        api.delete(NET + "/networkaddresses/" + address_name(ip))
    lock = was["lock"]
    api.create(NET + "/networkaddresses", {"apiVersion": lock["apiVersion"], "kind": lock["kind"], "metadata": {"name": lock["metadata"]["name"]},
                                           "spec": lock["spec"]})


@test
def objects_that_contradict_each_other_are_found():
    node = bed.nodes[0].name
    stop_controllers(signal.SIGSTOP)
    try:
        was = held_back()
        try:
            differences, warnings = check()
        finally:
            give_back(was)
    finally:
        stop_controllers(signal.SIGCONT)
    for text in ("AddressUnlocked: 10.99.4.10: claim %s/db-0 has it, but no NetworkAddress" % NS,
                 "AddressOrphaned: 10.99.4.20 in domain lan: bound to claim %s/gone" % NS,
                 "PoolMissing: 10.99.4.21 in domain lan: of pool nosuch",
                 "AddressTwice: 10.99.4.11 in domain lan: claims %s/" % NS,
                 "HolderGone: claim %s/twin is held by node ghost" % NS,
                 "AttachedElsewhere: claim %s/twin is attached on node %s under token 1, and held by node ghost under token 2" % (NS, node),
                 "PodAddress: pod %s/stranger runs with 10.99.4.11, which is locked for claim %s/db-1" % (NS, NS),
                 "NodeSilent: it has started anew", "RestoreSuspected: the API server knows less", "JournalUnreadable: it is damaged",
                 "NodeDiffers: FromTheFuture: of a later agent"):
        expect(has(differences, [text]), "%s\nis not among\n%s" % (text, "\n".join(differences)))
    expect_in("AddressQuarantined: 10.99.4.22 in domain lan", "\n".join(warnings))
    sound()


@test
def a_sweep_that_was_left_open_is_closed():
    api.patch(NET + "/networkpools/cli", {"metadata": {"annotations": {ANN + "sweep": "allow"}}})
    finds("SweepLeftOpen: pool cli")
    _, out = cli("repair", "--yes")
    expect_in("pool cli: the annotation is removed", out)
    expect_eq(api.get(NET + "/networkpools/cli")["metadata"].get("annotations", {}).get(ANN + "sweep"), None)


@test
def a_sweep_that_is_stopped_is_let_go_on():
    stop_controllers(signal.SIGSTOP)
    was = api.get(NET + "/networkpools/cli")["status"]["conditions"]
    try:
        raw_status(NET + "/networkpools/cli", conditions=was + [{"type": "SweepStopped", "status": "True", "reason": "SweepStopped", "message": "m",
                                                                 "lastTransitionTime": "2026-01-01T00:00:00Z"}])
        api.create(NET + "/networkaddresses", {
            "apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkAddress",
            "metadata": {"name": address_name("10.99.4.20"), "annotations": {ANN + "allow-delete": "true"}},
            "spec": {"domain": "lan", "address": "10.99.4.20", "pool": "cli", "state": "Bound", "stateSince": "2026-01-01T00:00:00Z",
                     "claim": {"namespace": NS, "name": "gone", "uid": "11111111-1111-1111-1111-111111111111"}}})
        finds("SweepStopped: pool cli")
        _, out = cli("repair", "--yes")
        expect_in("pool cli: the sweep goes on", out)
        expect_eq(api.get(NET + "/networkpools/cli")["metadata"]["annotations"][ANN + "sweep"], "allow")
    finally:
        api.delete(NET + "/networkaddresses/" + address_name("10.99.4.20"))
        raw_status(NET + "/networkpools/cli", conditions=was)
        api.patch(NET + "/networkpools/cli", {"metadata": {"annotations": {ANN + "sweep": None}}})
        stop_controllers(signal.SIGCONT)
    sound()


@test
def an_attachment_that_is_cut_off_is_found_and_repaired():
    old = api.get(pod_path("db-0"))
    c = bound("db-0")
    raw_status(claim_path("db-0"), holder={**holder(c), "token": holder(c)["token"] + 1})
    finds("CutOff: %s/db-0: eth0" % NS, "AttachedElsewhere: claim %s/db-0 is attached" % NS)
    expect_in("pod %s/db-0: deleted" % NS, cli("repair", "--yes")[1])
    running("db-0", uid_not=old["metadata"]["uid"])
    sound()


@test
def a_networkpolicy_has_its_line():
    api.create("/apis/networking.k8s.io/v1/namespaces/%s/networkpolicies" % NS, {
        "metadata": {"name": "deny"}, "spec": {"podSelector": {"matchLabels": {"app": "db"}}, "policyTypes": ["Ingress"]}})
    expect_in("NetworkPolicyNotEnforced: NetworkPolicy %s/deny selects 2 pods" % NS, "\n".join(check()[1]))
    expect_eq(check()[0], [], "differences")


@test
def uninstall_check_names_what_is_left():
    code, out = cli("uninstall", "--check")
    expect_eq(code, 1)
    expect(re.search("claim %s/db-0  10.99.4.10  [A-Z][a-z]+, on node node" % NS, out), out)


@test
def kubectl_calls_it_as_a_plugin():
    env = {**os.environ, "PATH": BUILD + ":" + os.environ["PATH"]}

    def plugin(*args):
        p = subprocess.run([program("kubectl"), "barewire", *args], capture_output=True, text=True, timeout=60, env={**env, "KUBECONFIG": bed.admin})
        expect_eq(p.returncode, 0, p.stdout + p.stderr)
        return p.stdout
    expect_in("10.99.4.10", plugin("claims", "-n", NS))
    expect_eq(sorted(plugin("claim", "-n", NS, "-oname").split()),
              ["networkclaim.net.barewire.dev/db-0", "networkclaim.net.barewire.dev/db-1"])
    expect_eq(json.loads(plugin("get", "pool", "cli", "-o", "json"))["spec"]["prefix"], "10.99.0.0/16")
    expect_in("networkpool.net.barewire.dev/cli", bed.kubectl("get", "-o", "name", "-f", "-", stdin=plugin("pool", "cli", "-o", "yaml")))


OTHERS = {"kind": "List", "items": [
    {"kind": "IPPool", "metadata": {"name": "10.3.0.0-24"}, "spec": {"range": "10.3.0.0/24", "allocations": {"5": {}, "6": {}}}},
    {"kind": "IPPool", "metadata": {"name": "Blue"}, "spec": {"cidr": "10.2.0.0/24", "disabled": True}},
    {"kind": "IPAMBlock", "metadata": {"name": "10-2-0-0-26"}, "spec": {"cidr": "10.2.0.0/26", "allocations": [None, 0, 1]}},
    {"kind": "SpiderIPPool", "metadata": {"name": "red"}, "spec": {
        "subnet": "10.4.0.0/16", "ips": ["10.4.1.1-10.4.1.9"], "excludeIPs": ["10.4.1.5"], "gateway": "10.4.0.1",
        "routes": [{"dst": "10.9.0.0/16", "gw": "10.4.0.2"}]}, "status": {"allocatedIPs": json.dumps({"10.4.1.2": {"pod": "db/a"}})}},
    {"kind": "NetworkAttachmentDefinition", "metadata": {"name": "db"}, "spec": {"config": json.dumps({"type": "macvlan", "master": "bond0", "ipam": {
        "type": "host-local", "ranges": [[{"subnet": "10.1.0.0/24", "gateway": "10.1.0.1"}], [{"subnet": "fd01::/64"}]]}})}},
    {"apiVersion": "networking.upm.io/v1alpha1", "kind": "Network", "metadata": {"name": "pool.sriov"}, "spec": {
        "mode": "sriov", "startIP": "10.5.1.1", "endIP": "10.5.1.99", "mask": 16, "route": "10.5.0.1", "vlan": 70, "disabled_ip": ["10.5.1.9"]}},
    {"apiVersion": "networking.upm.io/v1alpha1", "kind": "NetworkClaim", "metadata": {"name": "u1"}, "spec": {
        "mode": "sriov", "network": "pool.sriov", "bandwidth": 500}, "status": {"bindIP": "10.5.1.7", "used": NS + "/u1-0"}}]}


@test
def the_api_server_takes_what_import_makes():
    p = subprocess.run([PLUGIN, "import", "-"], input=json.dumps(OTHERS), capture_output=True, text=True, timeout=30)
    expect_eq(p.returncode, 0, p.stderr)
    made = bed.kubectl("create", "--dry-run=server", "-o", "name", "-f", "-", stdin=p.stdout).split()
    expect_eq(sorted(made), sorted(["networkpool.net.barewire.dev/" + n for n in ("10-3-0-0-24", "blue", "red", "db", "db-1", "pool-sriov")] + [
        "networkreservation.net.barewire.dev/" + n for n in ("10-3-0-0-24-in-use", "10-2-0-0-26", "red-in-use")] + [
        "networkclaim.net.barewire.dev/u1"]))


@test
def a_range_that_ends_before_it_begins_is_refused():
    pool("backwards", ("10.98.1.1-10.98.1.4", "10.98.2.9-10.98.2.1"), prefix="10.98.0.0/16", domain="backwards", wait=False)
    path = NET + "/networkpools/backwards"
    try:
        o = api.wait(path, lambda o: condition(o, "Allocatable") == "False", 20, "a condition")
        expect_eq((condition(o, "Allocatable", "reason"), condition(o, "Allocatable", "message")),
                  ("PoolInvalid", "spec.ranges[1]: \"10.98.2.9-10.98.2.1\" ends before it begins: write 10.98.2.1-10.98.2.9"))
        expect_in("Pool: pool backwards: spec.ranges[1]", "\n".join(check()[1]))
    finally:
        api.delete(path)
        api.wait_gone(path, 20)


main(setup)
