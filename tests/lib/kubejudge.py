# SPDX-License-Identifier: Apache-2.0
"""The judge of faults: I1 to I7 (docs/concepts.md) out of etcd itself, the nodes' journals and their kernels. Nothing of
the product's own is asked.

    j = Judge(bed)         # from now on
    ...                    # kill what you like
    j.history()            # every single state that etcd went through since: raises Failed with all that was wrong
    j.rest(pods)           # and now that nothing is under way: etcd, journals, kernels and pods say the same

etcd keeps each revision of the last minutes, so a state that lasted a millisecond is judged as well.
"""
import base64
import http.client
import ipaddress
import json
import re
import sqlite3
import time
import urllib.parse

from bwtest import Failed

GROUP = "/registry/net.barewire.dev/"
NODES = "/registry/minions/"
FIRST, LAST = NODES, GROUP[:-1] + "0"  # nodes, and all that is between them and the end of our group
MARK = GROUP + "zz-judge"
FENCE = b"node.kubernetes.io/out-of-service"
RELEASE = "net.barewire.dev/release-token"


def b64(text):
    return base64.b64encode(text if isinstance(text, bytes) else text.encode()).decode()


class EtcdReader:
    """etcd's own HTTP gateway: a range, a put, and what happened since a revision."""

    def __init__(self, url, timeout_s=20):
        self.host, self.timeout_s = urllib.parse.urlsplit(url).netloc, timeout_s

    def post(self, path, body):
        conn = http.client.HTTPConnection(self.host, timeout=self.timeout_s)
        conn.request("POST", "/v3/" + path, json.dumps(body), {"Content-Type": "application/json"})
        answer = conn.getresponse()
        if answer.status != 200:
            raise RuntimeError("etcd %s: %d %s" % (path, answer.status, answer.read().decode(errors="replace")))
        return answer

    def range(self, first, last=None):
        """(revision, {key: bytes}) of all keys from first up to last; last None: the keys that begin with first."""
        last = last or first[:-1] + chr(ord(first[-1]) + 1)
        answer = json.load(self.post("kv/range", {"key": b64(first), "range_end": b64(last)}))
        kvs = {base64.b64decode(kv["key"]).decode(): base64.b64decode(kv.get("value", "")) for kv in answer.get("kvs", [])}
        return int(answer["header"]["revision"]), kvs

    def put(self, key, value=""):
        return int(json.load(self.post("kv/put", {"key": b64(key), "value": b64(value)}))["header"]["revision"])

    def compact(self, revision):
        self.post("kv/compaction", {"revision": revision}).read()

    def since(self, revision, first, last):
        """(revision, key, value or None when it went) of each change after that revision up to now, in order."""
        end = self.put(MARK, str(time.time()))
        answer = self.post("watch", {"create_request": {"key": b64(first), "range_end": b64(last), "start_revision": str(revision + 1)}})
        for line in answer:
            result = json.loads(line).get("result", {})
            if result.get("canceled"):
                raise RuntimeError("etcd has forgotten what came after %d: %s" % (revision, result))
            for event in result.get("events", []):
                kv = event["kv"]
                key, at = base64.b64decode(kv["key"]).decode(), int(kv["mod_revision"])
                if key == MARK and at >= end:
                    return
                yield at, key, None if event.get("type") == "DELETE" else base64.b64decode(kv.get("value", ""))


def ips_of(claim):
    return [(i["name"], ip) for i in claim.get("status", {}).get("interfaces", []) for ip in i.get("ips", [])]


def dashed(ip):
    return ipaddress.ip_address(ip).exploded.replace(".", "-").replace(":", "-")


def token_of(claim, *path):
    at = claim.get("status", {})
    for p in path:
        at = at.get(p) or {} if p != path[-1] else at.get(p, 0)
    return at


class Judge:
    def __init__(self, bed):
        self.bed, self.wrong = bed, []
        self.begin()

    def begin(self):
        """From here: also after a restore, when etcd is another one."""
        self.etcd = EtcdReader(self.bed.api.etcd.url)
        self.revision, kvs = self.etcd.range(FIRST, LAST)
        self.locks, self.claims, self.nodes = {}, {}, {}
        for key, value in kvs.items():
            self.take(key, value)
        self.states = {}  # of each claim by its name, since the beginning

    def take(self, key, value):
        """One key as it is from now on; returns (kind, name, what was before, what is)."""
        if key.startswith(NODES):
            return ("node", key[len(NODES):], self.nodes.get(key[len(NODES):]), self.put(self.nodes, key[len(NODES):], value))
        kind, _, name = key[len(GROUP):].partition("/")
        table = {"networkaddresses": self.locks, "networkclaims": self.claims}.get(kind)
        if not key.startswith(GROUP) or table is None:
            return None, name, None, None
        before = table.get(name)
        return kind, name, before, self.put(table, name, json.loads(value) if value else None)

    @staticmethod
    def put(table, name, value):
        if value is None:
            table.pop(name, None)
        else:
            table[name] = value
        return value

    def say(self, revision, fmt, *args):
        self.wrong.append("revision %d: %s" % (revision, fmt % args))

    def changes_of(self, name):
        """What a claim of that name was after each of its changes, as far as history() was called."""
        return list(self.states.get(name, []))

    # Each change by itself --------------------------------------------------------------------------

    def history(self):
        """Judges all that happened since the last call."""
        for revision, key, value in self.etcd.since(self.revision, FIRST, LAST):
            kind, name, before, after = self.take(key, value)
            self.revision = revision
            if kind == "networkaddresses":
                self.lock_changed(revision, name, before, after)
            elif kind == "networkclaims":
                self.states.setdefault(name.partition("/")[2], []).append(after)
                self.claim_changed(revision, name, before, after)
        self.verdict()

    def verdict(self):
        if self.wrong:
            wrong, self.wrong = self.wrong, []
            raise Failed("\n".join(wrong))

    def claim_with(self, uid):
        return next((c for c in self.claims.values() if c["metadata"]["uid"] == uid), None)

    def lock_changed(self, revision, name, before, after):
        """I1: a lock goes to another claim only by way of Retained or Cooling. I4, I5: it leaves Bound only when its claim
        is gone, lists it no more, or is deleted and its holder confirmed gone."""
        if after and name != "%s.%s" % (after["spec"]["domain"], dashed(after["spec"]["address"])):
            self.say(revision, "I1: lock %s is of %s", name, after["spec"])
        if not before or before["spec"]["state"] != "Bound":
            return
        was, now = before["spec"], (after or {}).get("spec", {"state": "gone", "claim": {"uid": None}})
        if now["state"] == "Bound" and now["claim"]["uid"] == was["claim"]["uid"]:
            return
        owner = self.claim_with(was["claim"]["uid"])
        if now["state"] == "Bound":
            self.say(revision, "I1: lock %s goes from %s to %s at once", name, was["claim"], now["claim"])
        if not owner or was["address"] not in [ipaddress.ip_address(ip).exploded for _, ip in ips_of(owner)]:
            return
        if "deletionTimestamp" not in owner["metadata"]:
            self.say(revision, "I5: lock %s is %s although claim %s lives and lists it", name, now["state"], owner["metadata"]["name"])
        elif not self.confirmed_gone(owner):
            self.say(revision, "I3: lock %s is %s although nobody confirmed that %s is gone: %s", name, now["state"], owner["metadata"]["name"], owner["status"])

    def claim_changed(self, revision, name, before, after):
        """I2: one address an interface and family. I3, I4: token and holder change only when the old holder is confirmed
        gone. I5: a bound claim loses no address."""
        if not after:
            return
        families = {}
        for iface, ip in ips_of(after):
            family = (iface, ipaddress.ip_address(ip).version)
            if family in families:
                self.say(revision, "I2: claim %s has %s and %s", name, families[family], ip)
            families[family] = ip
            lock = next((a for a in self.locks.values() if ipaddress.ip_address(a["spec"]["address"]) == ipaddress.ip_address(ip) and
                         a["spec"]["claim"]["uid"] == after["metadata"]["uid"]), None)
            if not lock and ip not in [i for _, i in ips_of(before or {})]:
                self.say(revision, "I1: claim %s lists %s without its lock", name, ip)
        if not before or before["metadata"]["uid"] != after["metadata"]["uid"]:
            return
        if set(ips_of(before)) - set(ips_of(after)):
            self.say(revision, "I5: claim %s had %s and has %s", name, ips_of(before), ips_of(after))
        self.token_changed(revision, name, before, after)

    def token_changed(self, revision, name, before, after):
        was, now = token_of(before, "holder", "token"), token_of(after, "holder", "token")
        old_node, new_node = token_of(before, "holder", "node"), token_of(after, "holder", "node")
        if now < was or token_of(after, "detachedToken") < token_of(before, "detachedToken"):
            self.say(revision, "I4: claim %s: a token went back: %s -> %s", name, before["status"], after["status"])
        if now == was and was and (old_node, token_of(before, "holder", "nodeUID")) != (new_node, token_of(after, "holder", "nodeUID")):
            self.say(revision, "I3: claim %s went from %s to %s with the same token", name, old_node, new_node)
        if was and now > was and not self.confirmed_gone(before):
            self.say(revision, "I3: claim %s got token %d on %s while %s had not given %d back", name, now, new_node, old_node, was)
        if max(token_of(after, "attached", "token"), token_of(after, "detachedToken")) > now:
            self.say(revision, "I4: claim %s is attached or detached with a token that was never given: %s", name, after["status"])

    def confirmed_gone(self, claim):
        """By what etcd had at that moment: its own word, the taint on the holder's Node, or the word of an administrator."""
        if not token_of(claim, "holder", "token") or token_of(claim, "detachedToken") >= token_of(claim, "holder", "token"):
            return True
        node = self.nodes.get(token_of(claim, "holder", "node"), b"")
        uid = token_of(claim, "holder", "nodeUID") or "?"
        by_hand = claim["metadata"].get("annotations", {}).get(RELEASE)
        return (FENCE in node and uid.encode() in node) or by_hand == str(token_of(claim, "holder", "token"))

    # All together, at rest ---------------------------------------------------------------------------

    def rest(self, timeout_s=30):
        """Nothing is under way any more, or will not be within the deadline: etcd, journals, kernels and pods agree."""
        end = time.monotonic() + timeout_s
        while True:
            self.history()
            wrong = self.differences()
            if not wrong:
                return
            if time.monotonic() > end:
                raise Failed("at rest:\n" + "\n".join(wrong))
            time.sleep(0.1)

    def differences(self):
        wrong = []
        listed = {}
        for name, c in self.claims.items():
            for _, ip in ips_of(c):
                if ip in listed:
                    wrong.append("I1: %s is of %s and %s" % (ip, listed[ip], name))
                listed[ip] = name
                lock = [a["spec"] for a in self.locks.values() if ipaddress.ip_address(a["spec"]["address"]) == ipaddress.ip_address(ip)]
                if [x["claim"]["uid"] for x in lock] != [c["metadata"]["uid"]] or lock[0]["state"] != "Bound":
                    wrong.append("I5: claim %s says %s, its lock %s" % (name, ip, lock))
        for name, a in self.locks.items():
            if a["spec"]["state"] == "Bound" and str(ipaddress.ip_address(a["spec"]["address"])) not in listed:
                wrong.append("lock %s is Bound, and no claim lists it: %s" % (name, a["spec"]["claim"]))
        return wrong + self.nodes_differ(listed)

    def nodes_differ(self, listed):
        """I3 in kernels and journals; I7: who lives has a claim that says so."""
        wrong, live = [], {}
        for n in self.bed.nodes:
            if not n.holder.alive:
                continue
            kernel = kernel_addresses(n)
            for ip, mac in kernel:
                if ip in live:
                    wrong.append("I3: %s is live on %s and on %s" % (ip, live[ip][0], n.name))
                live[ip] = (n.name, mac)
                claim = self.claims.get(listed.get(ip), {})
                if not claim:
                    wrong.append("I7: %s lives on %s, and no claim has it" % (ip, n.name))
                elif token_of(claim, "holder", "node") != n.name:
                    wrong.append("I3: %s lives on %s, its claim is at home at %s" % (ip, n.name, token_of(claim, "holder")))
                elif token_of(claim, "attached", "token") != token_of(claim, "holder", "token") or \
                        token_of(claim, "detachedToken") >= token_of(claim, "holder", "token"):
                    wrong.append("claim %s of %s, which lives, is not acknowledged: %s" % (listed[ip], ip, claim["status"]))
                if mac not in [i.get("mac") for i in claim.get("status", {}).get("interfaces", [])]:
                    wrong.append("%s has MAC %s, its claim says %s" % (ip, mac, claim.get("status", {}).get("interfaces")))
            wrong += self.journal_differs(n, kernel)
        return wrong

    @staticmethod
    def journal_differs(node, kernel):
        rows = journal(node, "SELECT a.container_id, a.state, a.claim_uid, a.flags, d.ip FROM attachment a LEFT JOIN address d ON d.attachment = a.id")
        wrong = ["%s: attachment %s is in state %d" % (node.name, r[0], r[1]) for r in rows if r[1] != 1]
        there = sorted(text_of(r[4]) for r in rows if r[4] and not r[3] & 8)
        if there != sorted(ip for ip, _ in kernel):
            wrong.append("%s: its journal has %s, its kernel %s" % (node.name, there, sorted(ip for ip, _ in kernel)))
        waiting = journal(node, "SELECT uid, token, kind FROM outbox")
        if waiting:
            wrong.append("%s: acknowledgements that wait: %s" % (node.name, waiting))
        return wrong


def text_of(blob):
    a = ipaddress.ip_address(bytes(blob))
    return str(a.ipv4_mapped or a)


def journal(node, sql, *args):
    db = sqlite3.connect("file:%s?mode=ro" % node.path("lib/barewire/journal.db"), uri=True, timeout=10)
    try:
        return db.execute(sql, args).fetchall()
    finally:
        db.close()


LOOK = """cd /run/netns 2>/dev/null || exit 0
for n in *; do [ -e "$n" ] || continue; echo "== $n"; nsenter --net=/run/netns/$n ip -j addr show scope global 2>/dev/null; done"""


def kernel_addresses(node, prefixes=("10.99.", "fd00:99:")):
    """[(address, MAC)] of the database segment in every network namespace that the node keeps, whoever made it."""
    out = []
    for part in re.split(r"^== .*$", node.run("sh", "-c", LOOK, check=False), flags=re.M)[1:]:
        for link in json.loads(part.strip() or "[]"):
            out += [(a["local"], link.get("address")) for a in link.get("addr_info", []) if a.get("local", "").startswith(prefixes)]
    return out
