#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# barewire-agent against a real API server, with the token that a DaemonSet's pod has and the policies in force. The
# controller's part is played by the test: it writes a claim's status as the controller would.
import json
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

# A node of its own even inside the bed, whose devices, namespaces and journals are other tests'.
if os.environ.get("BW_AGENT_T") != "1":
    os.environ["BW_AGENT_T"] = "1"
    os.environ.pop("BW_SANDBOX", None)
    os.execv(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib", "sandbox"), ["sandbox", os.path.abspath(__file__), *sys.argv[1:]])

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *  # noqa: E402,F401,F403
from bwtest import BUILD, TOP, Netns, cni, diag, expect, expect_eq, expect_in, main, run, test, wait_until  # noqa: E402
from agentsock import SOCK, ask  # noqa: E402
from kubeapi import ApiServer, kubectl  # noqa: E402
from kubeclient import Client, token_of  # noqa: E402
from kubeproc import Proc, program  # noqa: E402
from wire import BROADCAST, Tap, arp, eth  # noqa: E402

NET = "/apis/net.barewire.dev/v1alpha1"
CLAIMS = NET + "/namespaces/default/networkclaims"
NODE = NET + "/nodenetworks/n1"
JOURNAL = "/var/lib/barewire/journal.db"
CONFLIST = {"cniVersion": "1.0.0", "name": "barewire", "type": "barewire-bridge", "claims": True,
            "capabilities": {"io.kubernetes.cri.pod-annotations": True}, "ipam": {"type": "barewire-ipam"}}
enter_sandbox()  # before there is a folder that nobody takes away
folder = tempfile.TemporaryDirectory(prefix="barewire-agent.")
server = api = agent = None
outside = None


def path(name):
    return os.path.join(folder.name, name)


def agent_kubeconfig():
    """As in a pod: the server's CA and a token that names the pod's node."""
    account = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "barewire-agent-n1", "namespace": "barewire-system"},
               "spec": {"nodeName": "n1", "serviceAccountName": "barewire-agent", "hostNetwork": True,
                        "containers": [{"name": "agent", "image": "none"}]}}
    pod = api.create("/api/v1/namespaces/barewire-system/pods", account)
    token = token_of(api, "barewire-system", "barewire-agent",
                     {"kind": "Pod", "apiVersion": "v1", "name": "barewire-agent-n1", "uid": pod["metadata"]["uid"]}, 86400)
    with open(path("token"), "w") as f:
        f.write(token)
    with open(server.admin) as f:
        ca = re.search(r"certificate-authority-data: (\S+)", f.read()).group(1)
    text = ("apiVersion: v1\nkind: Config\ncurrent-context: c\n"
            "clusters: [{name: c, cluster: {server: \"%s\", certificate-authority-data: %s}}]\n"
            "users: [{name: u, user: {tokenFile: %s}}]\n"
            "contexts: [{name: c, context: {cluster: c, user: u}}]\n") % (server.url, ca, path("token"))
    with open(path("agent.kubeconfig"), "w") as f:
        f.write(text)
    return path("agent.kubeconfig")


def start_agent(*flags, kubeconfig=None):
    proc = Proc("barewire-agent", [os.path.join(BUILD, "barewire-agent"), "--kubeconfig", kubeconfig or path("agent.kubeconfig"),
                                   "--node-name", "n1", "--log-level", "debug", "--cni-bin-dir", BUILD, *flags], path("agent.log"))
    proc.start()
    wait_until(lambda: os.path.exists(SOCK) and answers(), 10, lambda: "the agent's socket; it said:\n" + said())
    return proc


def said(lines=20):
    with open(path("agent.log")) as f:
        return "".join(f.readlines()[-lines:])


def answers():
    try:
        return ask({"op": "status"})["ok"]
    except (OSError, ValueError):
        return False


def ask_claim(name, wait_ms=5000, ifname="eth0", **more):
    return ask({"op": "claim", "containerID": "c-" + name, "ifname": ifname, "namespace": "default", "name": name,
                "waitMs": wait_ms, **more}, wait_ms / 1000 + 5)


def rows(sql, *args):
    db = sqlite3.connect("file:%s?mode=ro" % JOURNAL, uri=True)
    try:
        return db.execute(sql, args).fetchall()
    finally:
        db.close()


def setup():
    global server, api, agent, outside
    server = ApiServer(path("api"), port=8443).start()
    api = Client(server.admin)
    kubectl(server.admin, "create", "namespace", "barewire-system")
    for part in ("crds", "rbac", "policies"):
        kubectl(server.admin, "apply", "--server-side", "-k", os.path.join(TOP, "conf", part))
    for name in ("networkpools", "networkclaims", "nodenetworks", "networkepochs"):
        kubectl(server.admin, "wait", "--for=condition=Established", "crd/%s.net.barewire.dev" % name)
    api.create("/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}})
    outside = Netns("outside")
    keep = Netns._all.pop("outside")  # for all tests
    run(*"ip link add data0 type veth peer name out0".split())
    run("ip", "link", "set", "out0", "netns", "outside")
    outside.ip("addr add 10.99.0.9/16 dev out0")
    outside.ip("link set out0 up")
    run(*"ip link set data0 up".split())
    agent_kubeconfig()
    agent = start_agent()
    return keep


def claim(name, ip, token=1, node="n1", bound=True, spec=None):
    """A claim and, as the controller writes it, its status."""
    made = api.create(CLAIMS, {"apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkClaim", "metadata": {"name": name},
                               "spec": spec or {"interfaces": [{"name": "eth0", "network": "lan"}]}})
    if bound:
        place(name, ip, token, node)
    return made["metadata"]["uid"]


def place(name, ip, token=1, node="n1"):
    uid = api.get("/api/v1/nodes/n1")["metadata"]["uid"] if node == "n1" else "another"
    api.patch("%s/%s/status" % (CLAIMS, name), {"status": {
        "phase": "Bound", "interfaces": [{"name": "eth0", "pool": "lan", "ips": [ip]}],
        "holder": {"node": node, "nodeUID": uid, "token": token}}})


def status_of(name):
    return api.get("%s/%s" % (CLAIMS, name)).get("status", {})


def condition(obj, kind):
    return next((c for c in (obj or {}).get("status", {}).get("conditions", []) if c["type"] == kind), None)


@test
def the_node_is_described():
    obj = api.wait(NODE, lambda o: o and o.get("status", {}).get("nodeUID"), 10)
    expect_eq(obj["status"]["nodeUID"], api.get("/api/v1/nodes/n1")["metadata"]["uid"], "the Node's UID, from the token")
    expect_eq(condition(obj, "Ready")["status"], "True", "Ready")
    api.create(NET + "/networkpools", {
        "apiVersion": "net.barewire.dev/v1alpha1", "kind": "NetworkPool", "metadata": {"name": "lan"},
        "spec": {"domain": "lan", "prefix": "10.99.0.0/16", "ranges": ["10.99.2.1-10.99.3.250"], "uplink": "data0"}})
    obj = api.wait(NODE, lambda o: o["status"].get("domains"), 10)
    expect_eq(obj["status"]["domains"], [{"domain": "lan", "uplink": "data0", "bridge": "bw-data0", "ready": True}], "domains")


@test
def nothing_is_written_while_nothing_changes():
    time_s = 3
    before = api.get(NODE)["metadata"]["resourceVersion"]
    end = time.monotonic() + time_s
    wait_until(lambda: time.monotonic() > end, time_s + 1)
    expect_eq(api.get(NODE)["metadata"]["resourceVersion"], before, "resourceVersion after %d s" % time_s)


@test
def a_claim_that_is_there_is_served_at_once():
    uid = claim("redis-0", "10.99.2.77", token=4)
    answer = ask_claim("redis-0")
    expect_eq(answer, {"ok": True, "uid": uid, "interface": "eth0", "token": 4}, "answer")
    binding = json.loads(rows("SELECT binding FROM claim_cache WHERE uid = ?", uid)[0][0])
    expect_in("10.99.2.77/16", json.dumps(binding), "binding")


@test
def a_plugin_waits_until_its_claim_is_placed():
    got = []
    waiter = threading.Thread(target=lambda: got.append(ask_claim("late-0", 20000)))
    waiter.start()
    claim("late-0", "10.99.2.78", bound=False)
    expect_eq(got, [], "answers before it is bound")
    place("late-0", "10.99.2.78")
    waiter.join(10)
    expect(got and got[0]["ok"], "answer: %r" % got)


@test
def the_end_of_a_wait_says_what_is_missing():
    answer = ask_claim("nobody-0", 300)
    expect_eq((answer["ok"], answer["code"]), (False, 11), "answer")
    expect_in("no claim default/nobody-0", answer["msg"])
    answer = ask_claim("nobody-0", 300, annotations={})
    expect_eq(answer["code"], 7, "code where nothing names a pool: %s" % answer)
    expect_in("net.barewire.dev/network", answer["details"])
    claim("far-0", "10.99.2.79", node="n2")
    answer = ask_claim("far-0", 300)
    expect_in("held by node n2", answer["msg"])
    answer = ask_claim("redis-0", 300, ifname="eth5")
    expect_eq(answer["code"], 7, "code of an interface the claim lacks: %s" % answer)


@test
def the_socket_is_roots():
    st = os.stat(SOCK)
    expect_eq((st.st_uid, st.st_mode & 0o777), (0, 0o600), "owner and mode")
    os.chmod(SOCK, 0o666)  # and even then:
    p = run("setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c",
            "import socket; s = socket.socket(socket.AF_UNIX); s.connect('%s'); s.sendall(b'{\"op\":\"status\"}\\n'); print(len(s.recv(9)))" % SOCK,
            check=False)
    os.chmod(SOCK, 0o600)
    expect(p.strip() in ("0", ""), "nobody is answered: %r" % p)


def pings(ip):
    return subprocess.run([*outside.enter, "ping", "-c1", "-W1", ip], stdout=subprocess.DEVNULL).returncode == 0


def add(name, ns, **kw):
    args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=%s;K8S_POD_INFRA_CONTAINER_ID=x" % name
    return cni("ADD", CONFLIST, ns, cid="c-" + name, args=args, **kw)


def delete(name, ns, **kw):
    args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=%s" % name
    return cni("DEL", CONFLIST, ns, cid="c-" + name, args=args, **kw)


@test
def an_attachment_is_acknowledged_and_given_back():
    ns = Netns("pod0")
    answer = add("redis-0", ns)
    expect_eq(answer.code, 0, str(answer))
    expect_eq(answer.ips, ["10.99.2.77/16"], "addresses")
    got = api.wait(CLAIMS + "/redis-0", lambda o: o["status"].get("attached"), 10)["status"]["attached"]
    expect_eq((got["node"], got["token"]), ("n1", 4), "attached")
    expect_eq(pings("10.99.2.77"), True, "ping from outside")
    expect_eq(delete("redis-0", ns).code, 0, "DEL")
    api.wait(CLAIMS + "/redis-0", lambda o: o["status"].get("detachedToken") == 4, 10, "detachedToken 4")
    answer = ask_claim("redis-0", 300)
    expect_in("gave token 4 back", answer["msg"])
    place("redis-0", "10.99.2.77", token=5)
    expect_eq(ask_claim("redis-0")["token"], 5, "token")


@test
def a_pod_that_is_made_again_at_once_costs_no_write():
    ns = Netns("pod1")
    expect_eq(add("redis-0", ns).code, 0, "ADD")
    api.wait(CLAIMS + "/redis-0", lambda o: o["status"]["attached"]["token"] == 5, 10, "attached 5")
    before = api.get(CLAIMS + "/redis-0")["metadata"]["resourceVersion"]
    expect_eq(delete("redis-0", ns).code, 0, "DEL")
    again = Netns("pod2")
    answer = add("redis-0", again)
    expect_eq(answer.code, 0, str(answer))
    end = time.monotonic() + 4
    wait_until(lambda: time.monotonic() > end, 5)
    expect_eq(api.get(CLAIMS + "/redis-0")["metadata"]["resourceVersion"], before, "resourceVersion of the claim")
    expect_eq(delete("redis-0", again).code, 0, "DEL")
    api.wait(CLAIMS + "/redis-0", lambda o: o["status"].get("detachedToken") == 5, 10, "detachedToken 5")
    place("redis-0", "10.99.2.77", token=6)
    expect_eq(ask_claim("redis-0")["token"], 6, "token")


@test
def without_the_api_server_a_pod_comes_back_and_the_outbox_drains_later():
    global agent
    server.kill()
    ns = Netns("pod3")
    answer = add("redis-0", ns)
    expect_eq((answer.code, answer.ips), (0, ["10.99.2.77/16"]), str(answer))
    agent.kill()  # and a new agent knows what the old one knew
    agent = start_agent()
    expect_eq(delete("redis-0", ns).code, 0, "DEL")
    end = time.monotonic() + 4  # longer than "given back" is held
    wait_until(lambda: time.monotonic() > end, 5)
    answer = add("redis-0", ns)
    expect_eq(answer.code, 0, str(answer))
    expect(rows("SELECT count(*) FROM outbox")[0][0] >= 1, "the acknowledgement waits")
    server.start()
    api.close()
    api.wait(CLAIMS + "/redis-0", lambda o: o["status"].get("attached", {}).get("token") == 6, 40, "attached 6")
    wait_until(lambda: rows("SELECT count(*) FROM outbox")[0][0] == 0, 10, "an empty outbox")
    expect_eq(delete("redis-0", ns).code, 0, "DEL")


@test
def a_claim_held_elsewhere_silences_its_attachment():
    uid = claim("moved-0", "10.99.2.90", token=1)
    ns = Netns("pod4")
    answer = add("moved-0", ns)
    expect_eq(answer.code, 0, str(answer))
    expect_eq(pings("10.99.2.90"), True, "ping before")
    place("moved-0", "10.99.2.90", token=2, node="n2")
    wait_until(lambda: not pings("10.99.2.90"), 10, "silence")
    outside.ip("neigh flush all")
    expect(not pings("10.99.2.90") and "lladdr" not in outside.ip("neigh show 10.99.2.90"), "it answers no ARP request")
    obj = api.wait(NODE, lambda o: condition(o, "StaleAttachment")["status"] == "True", 10, "StaleAttachment")
    expect_eq(condition(obj, "StaleAttachment")["reason"], "CutOff", "reason")
    expect_eq(rows("SELECT stale FROM claim_cache WHERE uid = ?", uid), [(1,)], "stale rows")
    expect_eq(delete("moved-0", ns).code, 0, "DEL")
    api.wait(NODE, lambda o: condition(o, "StaleAttachment")["status"] == "False", 15, "no StaleAttachment")


@test
def somebody_elses_use_of_an_address_is_an_event_and_a_condition_with_its_MAC():
    mac = "02:00:00:00:09:99"
    claim("taken-0", "10.99.2.95")
    ns = Netns("pod7")
    answer = add("taken-0", ns)
    expect_eq(answer.code, 0, str(answer))
    tap = Tap(outside, "out0")
    frame = eth(BROADCAST, mac, 0x806, arp(1, mac, "10.99.2.95", "00:00:00:00:00:00", "10.99.2.95"))

    def told():
        tap.send(frame)  # the daemon listens as soon as it has heard of the attachment
        return condition(api.get(NODE), "AddressConflict")["status"] == "True"
    wait_until(told, 30, lambda: "AddressConflict; the agent said:\n" + said())
    tap.close()
    expect_in("10.99.2.95 of claim default/taken-0 is used by %s on data0" % mac, condition(api.get(NODE), "AddressConflict")["message"])
    event = wait_until(lambda: next((e for e in api.items("/api/v1/namespaces/default/events") if e["reason"] == "AddressConflict"), None), 30, "event")
    expect_eq((event["involvedObject"]["kind"], event["involvedObject"]["name"], event["type"]), ("NetworkClaim", "taken-0", "Warning"), "event")
    expect_in(mac, event["message"])
    expect_eq(delete("taken-0", ns).code, 0, "DEL")


@test
def a_claim_that_is_asked_back_is_given_back_when_nobody_uses_it():
    claim("asked-0", "10.99.2.92", token=3)
    expect(ask_claim("asked-0")["ok"], "served")
    api.patch(CLAIMS + "/asked-0/status", {"status": {"phase": "Releasing"}})
    api.wait(CLAIMS + "/asked-0", lambda o: o["status"].get("detachedToken") == 3, 10, "detachedToken 3")
    expect_in("being released", ask_claim("asked-0", 100)["msg"])
    claim("used-0", "10.99.2.93", token=3)
    ns = Netns("pod6")
    expect_eq(add("used-0", ns).code, 0, "ADD")
    api.patch(CLAIMS + "/used-0/status", {"status": {"phase": "Releasing"}})
    end = time.monotonic() + 2
    wait_until(lambda: time.monotonic() > end, 3)
    expect("detachedToken" not in status_of("used-0"), "not while a pod has it")
    expect_eq(delete("used-0", ns).code, 0, "DEL")
    api.wait(CLAIMS + "/used-0", lambda o: o["status"].get("detachedToken") == 3, 10, "detachedToken 3")


@test
def a_dead_attachment_is_collected_after_two_looks():
    claim("dead-0", "10.99.2.91")
    ns = Netns("pod5")
    expect_eq(add("dead-0", ns).code, 0, "ADD")
    ns.remove()
    start = time.monotonic()
    wait_until(lambda: not rows("SELECT 1 FROM attachment WHERE container_id = 'c-dead-0'"), 40, "the row's end")
    expect(time.monotonic() - start >= 9, "not at the first look")
    api.wait(CLAIMS + "/dead-0", lambda o: o["status"].get("detachedToken") == 1, 10, "detachedToken 1")


@test
def a_live_attachment_is_not_collected_whatever_its_path_is_called():
    """As in a container whose image has no /var/run, and where /proc is another one."""
    for n, path_of in enumerate(("/var/run/netns/%s", "/nowhere/netns/%s", "/proc/1/ns/%s")):
        name, ns = "path-%d" % n, Netns("podp%d" % n)
        claim(name, "10.99.2.%d" % (100 + n))
        expect_eq(add(name, ns).code, 0, "ADD")
        db = sqlite3.connect(JOURNAL)
        db.execute("UPDATE attachment SET netns = ? WHERE container_id = ?", (path_of % ns.name, "c-" + name))
        db.commit()
        db.close()
    end = time.monotonic() + 32
    wait_until(lambda: time.monotonic() > end, 33)
    expect_eq(rows("SELECT count(*) FROM attachment WHERE container_id LIKE 'c-path-%'"), [(3,)], "attachments after three looks")
    for n in range(3):
        expect(pings("10.99.2.%d" % (100 + n)), "%d still answers" % n)


def memory_kib():
    with open("/proc/%d/smaps_rollup" % agent.pid) as f:
        return {k: int(v) for k, v in re.findall(r"^(Rss|Pss|Private_Dirty): +(\d+) kB", f.read(), re.M)}


@test
def two_hundred_claims_fit_in_sixteen_mib():
    for i in range(200):
        claim("many-%d" % i, "10.99.3.%d" % (i + 1))
    wait_until(lambda: rows("SELECT count(*) FROM claim_cache WHERE name LIKE 'many-%'")[0][0] == 200, 30, "200 bindings")
    answers_ms = []
    for i in range(200):
        start = time.monotonic()
        expect(ask_claim("many-%d" % i)["ok"], "served")
        answers_ms.append((time.monotonic() - start) * 1000)
    answers_ms.sort()
    size = memory_kib()
    diag("200 claims: Rss %d KiB, Pss %d KiB, dirty %d KiB; an answer p50 %.2f ms, p99 %.2f ms" % (
        size["Rss"], size["Pss"], size["Private_Dirty"], answers_ms[100], answers_ms[198]))
    if not os.environ.get("BW_SAN"):
        expect(size["Rss"] <= 16 * 1024, "Rss %d KiB" % size["Rss"])


@test
def sigterm_ends_it_within_seconds_and_leaves_everything():
    agent.stop(5)
    expect(not os.path.exists(SOCK), "the socket is gone")
    expect(rows("SELECT count(*) FROM claim_cache")[0][0] >= 200, "the journal stays")


main(setup=setup)
