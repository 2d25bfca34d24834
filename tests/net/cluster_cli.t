#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""barewire pool, claim, who, check, release, simulate and import against an API server's answers."""
import http.server
import os
import re
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from fakeagent import binding, put, write

API = "/apis/net.barewire.dev/v1alpha1/"
KINDS = {"networkpools": "NetworkPool", "networkclaims": "NetworkClaim", "networkaddresses": "NetworkAddress",
         "networkreservations": "NetworkReservation"}


class Cluster:
    """Objects by kind and name, served over HTTP; lists come in pages of two."""

    def __init__(self):
        self.objects, self.patches = {k: {} for k in KINDS}, []
        cluster = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def answer(self, code, body):
                data = json.dumps(body).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def missing(self):
                self.answer(404, {"kind": "Status", "status": "Failure", "reason": "NotFound", "message": "not found", "code": 404})

            def find(self):
                path, _, query = self.path.partition("?")
                m = re.fullmatch(API + r"(?:namespaces/([^/]+)/)?([a-z]+)(?:/([^/]+))?", path)
                return (m.groups() + (query,)) if m and m.group(2) in KINDS else None

            def do_GET(self):
                found = self.find()
                if not found:
                    return self.missing()
                ns, plural, name, query = found
                here = [o for o in cluster.objects[plural].values() if not ns or o["metadata"].get("namespace") == ns]
                if name:
                    one = [o for o in here if o["metadata"]["name"] == name]
                    return self.answer(200, one[0]) if one else self.missing()
                m = re.search(r"continue=(\d+)", query)
                at = int(m.group(1)) if m else 0
                meta = {"resourceVersion": "9", **({"continue": str(at + 2)} if at + 2 < len(here) else {})}
                self.answer(200, {"kind": KINDS[plural] + "List", "metadata": meta, "items": here[at:at + 2]})

            def do_PATCH(self):
                ns, plural, name, _ = self.find()
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                cluster.patches.append((plural, ns, name, body))
                self.answer(200, cluster.objects[plural][(ns, name)])

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.config = os.path.join(workdir(), "config")
        with open(self.config, "w") as f:
            f.write(json.dumps({"apiVersion": "v1", "kind": "Config", "current-context": "lab",
                                "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:%d" % self.server.server_port}}],
                                "users": [{"name": "u", "user": {}}],
                                "contexts": [{"name": "lab", "context": {"cluster": "c", "user": "u", "namespace": "db"}}]}))

    def put(self, plural, name, spec, status=None, ns=None, uid=None):
        meta = {"name": name, "uid": uid or "uid-" + name, "resourceVersion": "5", "creationTimestamp": "2026-01-01T00:00:00Z"}
        if ns:
            meta["namespace"] = ns
        o = {"apiVersion": "net.barewire.dev/v1alpha1", "kind": KINDS[plural], "metadata": meta, "spec": spec}
        if status:
            o["status"] = status
        self.objects[plural][(ns, name)] = o

    def pool(self, name="lan", **spec):
        self.put("networkpools", name, {"domain": "lan", "prefix": "10.99.0.0/16", "ranges": ["10.99.2.1-10.99.2.10"], **spec},
                 {"total": "10", "used": "2", "cooling": "1", "outOfRange": "0",
                  "conditions": [{"type": "Exhausted", "status": "True", "reason": "NoFreeAddress", "message": "m",
                                  "lastTransitionTime": "2026-01-01T00:00:00Z"}]})

    def address(self, ip, state="Bound", claim="redis-0", pool="lan", uid=None):
        self.put("networkaddresses", "lan." + ip.replace(".", "-"),
                 {"domain": "lan", "address": ip, "pool": pool, "state": state, "stateSince": "2026-01-01T00:00:00Z",
                  "claim": {"namespace": "db", "name": claim, "uid": uid or "uid-" + claim}})

    def claim(self, name="redis-0", ips=("10.99.2.1",), token=1):
        self.put("networkclaims", name, {"interfaces": [{"name": "eth0", "network": "lan"}]},
                 {"phase": "Attached", "interfaces": [{"name": "eth0", "pool": "lan", "ips": list(ips)}],
                  "holder": {"node": "node1", "nodeUID": "n1", "token": token}}, ns="db")

    def run(self, *args, program="barewire"):
        p = subprocess.run([os.path.join(BUILD, program), args[0], "--kubeconfig", self.config, *args[1:]],
                           capture_output=True, text=True, timeout=20)
        return p.returncode, p.stdout, p.stderr


def sound():
    c = Cluster()
    c.pool()
    for i in range(3):
        c.claim("redis-%d" % i, ["10.99.2.%d" % (i + 1)])
        c.address("10.99.2.%d" % (i + 1), claim="redis-%d" % i)
    return c


@test
def pools_are_listed_and_told_in_full():
    c = sound()
    code, out, _ = c.run("pool")
    expect_eq(code, 0)
    expect_in("lan", out)
    expect_in("NoFreeAddress", out)
    code, out, _ = c.run("pool", "lan")
    expect_in("10.99.2.1-10.99.2.10", out)
    code, _, err = c.run("pool", "nothing")
    expect_eq(code, 1)
    expect_in("there is no NetworkPool nothing", err)


@test
def the_map_shows_every_state():
    c = sound()
    c.pool(excludes=["10.99.2.10"])
    for ip, state in (("10.99.2.4", "Cooling"), ("10.99.2.5", "Retained"), ("10.99.2.6", "Quarantined"), ("10.99.9.9", "Bound")):
        c.address(ip, state)
    c.put("networkreservations", "r", {"domain": "lan", "addresses": ["10.99.2.7"], "reason": "printer"})
    code, out, _ = c.run("pool", "map", "lan")
    expect_eq(code, 0)
    expect_in("###~=!r.. \n", out)
    expect_in("out of range 1", out)
    code, svg, _ = c.run("pool", "map", "lan", "-o", "svg")
    expect_eq(code, 0)
    expect_eq(svg.count("<title>"), 10)
    expect_in("<title>10.99.2.6 quarantined</title>", svg)
    import xml.dom.minidom
    xml.dom.minidom.parseString(svg)


@test
def a_large_pool_is_drawn_in_cells_of_several():
    c = sound()
    c.pool(ranges=["10.99.0.0-10.99.255.255"])
    code, out, _ = c.run("pool", "map", "lan")
    expect_in("65536 addresses, 16 a character", out)
    c.put("networkpools", "six", {"domain": "six", "prefix": "fd00::/64", "ranges": ["fd00::1-fd00::ffff:ffff:ffff:ffff"]})
    code, out, _ = c.run("pool", "map", "six")
    expect_eq(code, 0)
    expect_in("'.' free", out)


@test
def simulate_tells_which_would_be_given():
    c = sound()
    code, out, _ = c.run("simulate", "lan", "2")
    expect_eq(code, 0)
    expect_in("7 of 10 addresses are free; 2 more fit\n10.99.2.4\n10.99.2.5\n", out)
    code, out, _ = c.run("simulate", "lan", "8")
    expect_eq(code, 1)
    expect_in("1 would wait", out)


@test
def claims_of_the_namespace_or_of_all():
    c = sound()
    code, out, _ = c.run("claim")
    expect_eq(code, 0)
    expect_eq(len(out.splitlines()), 4)
    expect_eq(len(c.run("claim", "-n", "other")[1].splitlines()), 1)
    expect_eq(len(c.run("claim", "-A", "-n", "other")[1].splitlines()), 4)
    expect_in("node node1, token 1", c.run("claim", "redis-0")[1])
    expect_in("node node1, token 1", c.run("claim", "db/redis-0", "-n", "other")[1])


@test
def who_names_the_claim_and_says_when_it_is_gone():
    c = sound()
    code, out, _ = c.run("who", "10.99.2.2")
    expect_eq(code, 0)
    for word in ("Bound since", "claim db/redis-1", "node node1"):
        expect_in(word, out)
    code, out, _ = c.run("who", "10.99.2.9")
    expect_eq((code, "nobody" in out), (1, True))
    c.address("10.99.2.8", claim="gone")
    expect_in("does not exist", c.run("who", "10.99.2.8")[1])
    expect_eq(c.run("who", "x")[0], 64)


@test
def check_is_silent_when_all_is_well():
    code, out, _ = sound().run("check", "--dir", "/var/lib/nowhere")
    expect_eq((code, out), (0, "0 differences; 3 addresses of claims, 3 locks\n"))


@test
def check_names_each_difference():
    c = sound()
    c.address("10.99.2.8", claim="gone")
    c.claim("redis-9", ["10.99.2.9"])
    c.address("10.99.2.7", "Cooling", claim="gone")  # none: it is on its way
    code, out, _ = c.run("check", "--dir", "/var/lib/nowhere")
    expect_eq(code, 1)
    expect_in("10.99.2.9: claim db/redis-9 has it, but no NetworkAddress", out)
    expect_in("10.99.2.8 in domain lan: bound to claim db/gone", out)
    expect_in("2 differences", out)


@test
def check_compares_the_nodes_journal():
    c = sound()
    put(binding("redis-0", ["10.99.2.1/16"]))

    def row(cid, uid, token):
        write("INSERT INTO attachment(container_id, ifname, network, program, pod, netns, netns_id, boot_id, state, claim_uid, "
              "token, since_s, host_if, bridge, vlan, mac, flags) VALUES(?, 'eth0', 'n', 'barewire-bridge', 'db/p', '', 0, '', "
              "1, ?, ?, 0, '', '', 0, x'', 0)", cid, uid, token)
    row("a", "uid-redis-0", 1)
    expect_eq(c.run("check")[0], 0)
    row("b", "uid-redis-1", 7)
    row("c", "uid-nobody", 1)
    write("INSERT INTO outbox(uid, token, kind, body, sending, since_s) VALUES('uid-x', 2, 'detached', '{}', 0, 0)")
    code, out, _ = c.run("check")
    expect_eq(code, 1)
    for want in ("container b eth0 (db/p) is attached with token 7, claim db/redis-1 has 1",
                 "container c eth0 (db/p) is attached for claim uid uid-nobody, which the cluster does not have",
                 "claim uid uid-x token 2 is detached", "3 differences"):
        expect_in(want, out)


@test
def release_wants_every_word_of_it():
    c = sound()
    words = ["redis-0", "--token", "1", "--confirm-powered-off", "--reason", "node1 burned"]
    for missing in ("--token", "--confirm-powered-off", "--reason"):
        args = list(words)
        i = args.index(missing)
        del args[i:i + (1 if missing == "--confirm-powered-off" else 2)]
        code, _, err = c.run("release", *args)
        expect_eq(code, 64)
        expect_in(missing, err)
    code, _, err = c.run("release", *[w.replace("1", "2") if w == "1" else w for w in words])
    expect_in("not the token it has now", err)
    expect_eq(c.patches, [])
    code, out, _ = c.run("release", *words)
    expect_eq(code, 0)
    expect_in("token 1 of node node1 is given up", out)
    expect_eq(c.patches, [("networkclaims", "db", "redis-0", {"metadata": {"resourceVersion": "5", "annotations": {
        "net.barewire.dev/release-token": "1", "net.barewire.dev/release-reason": "node1 burned",
        "net.barewire.dev/released-by": "lab"}}})])


IMPORTS = {
    "host-local": ({"cniVersion": "1.0.0", "name": "lan", "plugins": [{"type": "macvlan", "master": "eth1", "ipam": {
        "type": "host-local", "ranges": [[{"subnet": "10.1.0.0/24", "rangeStart": "10.1.0.10", "rangeEnd": "10.1.0.20",
                                           "gateway": "10.1.0.1"}], [{"subnet": "fd01::/64"}]]}}]},
        [("lan", "10.1.0.0/24", ["10.1.0.10-10.1.0.20"]), ("lan-1", "fd01::/64", ["fd01::1-fd01::ffff:ffff:ffff:ffff"])]),
    "Calico": ({"kind": "IPPool", "metadata": {"name": "blue"}, "spec": {"cidr": "10.2.0.0/24"}},
               [("blue", "10.2.0.0/24", ["10.2.0.1-10.2.0.254"])]),
    "Whereabouts": ({"items": [{"kind": "IPPool", "metadata": {"name": "10.3.0.0-24"}, "spec": {"range": "10.3.0.0/24"}}]},
                    [("10.3.0.0-24", "10.3.0.0/24", ["10.3.0.1-10.3.0.254"])]),
    "Spiderpool": ({"kind": "SpiderIPPool", "metadata": {"name": "red"}, "spec": {
        "subnet": "10.4.0.0/16", "ips": ["10.4.1.1-10.4.1.9"], "excludeIPs": ["10.4.1.5"], "gateway": "10.4.0.1"}},
        [("red", "10.4.0.0/16", ["10.4.1.1-10.4.1.9"])]),
    "DBScale": ({"kind": "Network", "metadata": {"name": "old"}, "spec": {
        "startIP": "10.5.1.1", "endIP": "10.5.1.99", "mask": 16, "route": "10.5.0.1", "vlan": 70}},
        [("old", "10.5.0.0/16", ["10.5.1.1-10.5.1.99"])]),
}


def imports(name):
    source, want = IMPORTS[name]
    path = os.path.join(workdir(), "pool.json")
    with open(path, "w") as f:
        json.dump(source, f)
    p = subprocess.run([os.path.join(BUILD, "kubectl-barewire"), "import", path], capture_output=True, text=True, timeout=20)
    expect_eq(p.returncode, 0, p.stderr)
    got = json.loads(p.stdout)["items"]
    expect_eq([(o["metadata"]["name"], o["spec"]["prefix"], o["spec"]["ranges"]) for o in got], want)


for _name in IMPORTS:
    case("import takes what %s has" % _name, imports, _name)


@test
def import_says_when_there_is_no_pool_in_it():
    path = os.path.join(workdir(), "x.json")
    with open(path, "w") as f:
        f.write("{}")
    p = subprocess.run([os.path.join(BUILD, "barewire"), "import", path], capture_output=True, text=True, timeout=20)
    expect_eq(p.returncode, 1)
    expect_in("no pool of", p.stderr)


@test
def bad_usage_is_told():
    c = Cluster()
    expect_eq(c.run("pool", "--nonsense")[0], 64)
    expect_eq(c.run("who")[0], 64)
    expect_eq(c.run("nonsense", program="kubectl-barewire")[0], 64)
    expect_in("kubectl barewire COMMAND", c.run("pool", "--help")[1])
    p = subprocess.run([os.path.join(BUILD, "barewire"), "pool", "--kubeconfig", "/nonexistent"], capture_output=True, text=True)
    expect_eq(p.returncode, 2)


main()
