# SPDX-License-Identifier: Apache-2.0
"""Differential testing: one case runs through several implementations of the same CNI plugin, what they
answer and what they leave in the kernel is brought into one normal form, and every difference must stand in
differences.txt with its reason. Each case runs in a sandbox of its own, each implementation in a node
namespace of its own there."""
import fnmatch
import glob
import json
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "lib"))
from bwtest import BUILD, CACHE, GO_PLUGINS, TOP, Netns, cni_env, run, run_json  # noqa: E402

DEB_PLUGINS = os.path.join(CACHE, "deb-plugins")
VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]
ABSENT = "-"


class Impl:
    """One implementation: its name, where its programs are, and how a configuration becomes its own."""

    def __init__(self, name, folder, types, newest="1.1.0"):
        self.name, self.folder, self.types, self.newest = name, folder, types, newest

    def knows(self, version):
        return VERSIONS.index(version) <= VERSIONS.index(self.newest) if version in VERSIONS else True

    def conf(self, conf):
        """The same configuration for this implementation: only the types change."""
        out = json.loads(json.dumps(conf))
        for obj in (out, out.get("ipam")):
            if isinstance(obj, dict) and obj.get("type") in self.types:
                obj["type"] = self.types[obj["type"]]
        return out


REFERENCE = Impl("reference", GO_PLUGINS, {})
DEBIAN = Impl("debian", DEB_PLUGINS, {}, "1.0.0")
OURS = Impl("barewire", BUILD, {"bridge": "barewire-bridge", "host-local": "barewire-ipam"})


class Node:
    """A node namespace with pods, in which one implementation is called."""

    def __init__(self, impl):
        self.impl = impl
        self.ns = Netns("node-" + impl.name)
        self.pods = {}
        self.results = {}

    def pod(self, name):
        if name not in self.pods:
            self.pods[name] = Netns("%s-%s" % (name, self.impl.name))
        return self.pods[name]

    def call(self, verb, conf, pod="pod", ifname="eth0", args=None, netns=True, extra=None):
        """One verb. Returns the record to compare: exit, code, result."""
        conf = self.impl.conf(conf) if isinstance(conf, dict) else conf
        program = os.path.join(self.impl.folder, conf["type"] if isinstance(conf, dict) else "bridge")
        ns = self.pod(pod) if netns else None
        env = cni_env(verb, ns.path if ns else None, "%s-id" % pod, ifname, args, self.impl.folder, extra)
        if verb in ("VERSION", "STATUS", "GC"):
            for name in ("CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS"):
                env.pop(name, None)
        p = subprocess.run(["nsenter", "--net=" + self.ns.path, program], input=json.dumps(conf).encode(),
                           capture_output=True, env=env, timeout=120)
        record = {"exit": min(p.returncode, 1)}
        try:
            out = json.loads(p.stdout) if p.stdout.strip() else None
        except ValueError:
            out = {"not json": p.stdout.decode(errors="replace")}
        if p.returncode != 0 and isinstance(out, dict):
            record["code"] = out.get("code", ABSENT)
            record["_msg"] = str(out.get("msg", "")) + " " + str(out.get("details", ""))
        elif out is not None:
            record["result"] = out
            if verb == "ADD":
                self.results[pod, ifname] = out
        if p.returncode not in (0, 1):
            record["_msg"] = "exit %d: %s" % (p.returncode, p.stderr.decode(errors="replace")[-400:])
        return record

    def state(self):
        out = {"node": kernel_state(self.ns.path)}
        for name, ns in self.pods.items():
            out[name] = kernel_state(ns.path, pod=True)
        return out


# What the kernel holds -----------------------------------------------------------------------------

def at(path, *argv):
    return run("nsenter", "--net=" + path, *argv)


def at_json(path, *argv):
    text = at(path, *argv).strip()
    return json.loads(text) if text else []


def kernel_state(path, pod=False):
    links = {}
    for ln in at_json(path, "ip", "-j", "-d", "link"):
        info = ln.get("linkinfo", {})
        data = info.get("info_data", {})
        port = info.get("info_slave_data", {})
        flags = ln["flags"]
        links[ln["ifname"]] = {
            "kind": info.get("info_kind", ABSENT), "mtu": ln["mtu"], "mac": ln.get("address"),
            "up": "UP" in flags, "promisc": ln.get("promiscuity", 0) > 0 and "PROMISC" in flags,
            "master": ln.get("master", ABSENT),
            "vlan_filtering": data.get("vlan_filtering", ABSENT),
            "port": {k: port[k] for k in ("hairpin", "isolated", "learning", "flood") if k in port},
            "addresses": [],
        }
    for ln in at_json(path, "ip", "-j", "addr"):
        links[ln["ifname"]]["addresses"] = sorted(
            "%s/%d" % (a["local"], a["prefixlen"]) for a in ln["addr_info"]
            if a["scope"] not in ("link", "host") or not a["local"].startswith(("fe80", "127.", "::1")))
    routes = []
    for family in ("-4", "-6"):
        for r in at_json(path, "ip", family, "-j", "route", "show", "table", "main"):
            if r["dst"].startswith("fe80") or r.get("type") == "multicast":
                continue
            routes.append({k: r.get(k) for k in ("dst", "gateway", "dev", "scope", "metric", "prefsrc", "mtu", "advmss")
                           if r.get(k) not in (None, "global")})
    names = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]
    values = at(path, "sysctl", "-n", *names).split()
    vlans = [{"ifname": p["ifname"], "vlans": p.get("vlans")} for p in at_json(path, "bridge", "-j", "vlan")]
    state = {"links": links, "routes": routes, "vlans": vlans}
    if not pod:
        rules = at(path, "nft", "list", "ruleset")
        state["forward"] = dict(zip(names, values))
        state["masquerade"] = "masquerade" in rules
    return state


# The normal form -----------------------------------------------------------------------------------

class Names:
    """Replaces what is random or named by the implementation: veth names, MACs, namespace paths."""

    def __init__(self, node, conf):
        self.map = {}
        self.impl = node.impl
        bridge = conf.get("bridge", "cni0") if isinstance(conf, dict) else "cni0"
        state = node.state()
        self.seen(state, bridge)

    def seen(self, state, bridge):
        # A bridge may carry the MAC of one of its ports: then it is the port's.
        for place, kernel in state.items():
            n = sum(1 for v in self.map.values() if v.startswith("veth"))
            for name, link in sorted(kernel["links"].items(), key=lambda i: (i[1]["kind"] == "bridge", i[0])):
                if link["kind"] == "veth" and place == "node" and name not in self.map:
                    gw = name.startswith(bridge + ".")
                    self.map[name] = name if gw else "veth%d" % n
                    n += 0 if gw else 1
                if link["mac"] and link["mac"] != "00:00:00:00:00:00":
                    self.map.setdefault(link["mac"], "mac of %s/%s" % (place, self.map.get(name, name)))

    def normal(self, value):
        if isinstance(value, dict):
            return {self.normal(k): self.normal(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self.normal(v) for v in value]
        if isinstance(value, str):
            if value in self.map:
                return self.map[value]
            value = re.sub(r"^/run/netns/([\w.]+)-%s$" % self.impl.name, r"<netns of \1>", value)
            return re.sub(r"-%s\b" % self.impl.name, "", value)
        return value


def flatten(value, path=""):
    """{path: scalar}; lists of objects by what names them, lists of scalars as sorted text."""
    out = {}
    if isinstance(value, dict):
        for k in sorted(value):
            if not k.startswith("_"):
                out.update(flatten(value[k], path + "." + k if path else k))
        if not value:
            out[path] = "{}"
    elif isinstance(value, list):
        if all(not isinstance(v, (dict, list)) for v in value):
            out[path] = ", ".join(sorted(str(v) for v in value)) if value else "[]"
        else:
            keyed = {}
            for i, v in enumerate(value):
                name = str(i)
                if isinstance(v, dict) and "dst" in v:
                    name = "%s%s" % (v["dst"], " dev " + v["dev"] if "dev" in v else "")
                while name in keyed:
                    name += "'"
                keyed[name] = v
            for name, v in keyed.items():
                out.update(flatten(v, "%s[%s]" % (path, name)))
    else:
        out[path] = str(value)
    return out


def differences(ref, ours):
    """[(path, reference's value, our value)]"""
    a, b = flatten(ref), flatten(ours)
    return [(p, a.get(p, ABSENT), b.get(p, ABSENT)) for p in sorted(set(a) | set(b))
            if a.get(p, ABSENT) != b.get(p, ABSENT)]


# What is known to differ ---------------------------------------------------------------------------

class Known:
    """differences.txt: blocks `reason: TEXT` followed by lines `OTHER CASE PATH REFERENCE OURS` (glob patterns,
    parted by two or more blanks). CASE is followed by [refused by both], [refused by theirs] or [refused by ours]
    where an ADD was."""

    def __init__(self, section):
        self.entries = []
        reason = None
        used = set()
        with open(os.path.join(HERE, "differences.txt")) as f:
            for n, line in enumerate(f, 1):
                line = line.rstrip()
                if not line or line.startswith("#"):
                    continue
                if line.startswith("reason: "):
                    reason = line[8:]
                    continue
                cells = re.split(r"\s{2,}", line.strip())
                if len(cells) != 6:
                    raise ValueError("differences.txt:%d: six cells are needed" % n)
                if cells[0] == section:
                    self.entries.append((n, cells[1:], reason))
        self.used = used

    def explain(self, other, case, diff):
        for n, (o, c, path, theirs, ours), reason in self.entries:
            if all(match(v, pat) for v, pat in ((other, o), (case, c), (diff[0], path), (diff[1], theirs), (diff[2], ours))):
                self.used.add(n)
                return reason
        return None

    def unused(self):
        return ["differences.txt:%d: %s" % (n, "  ".join(cells)) for n, cells, _ in self.entries if n not in self.used]


def match(value, pattern):
    # Brackets are a part of paths; only a class of digits is one of fnmatch's.
    return fnmatch.fnmatchcase(value, re.sub(r"\[(?!\d\d+\])", "[[]", pattern))


# Running cases -------------------------------------------------------------------------------------

def implementations():
    if not os.access(os.path.join(GO_PLUGINS, "bridge"), os.X_OK):
        print("Bail out! the reference plugins are not in %s" % GO_PLUGINS)
        sys.exit(1)
    ours = OURS if not os.environ.get("BW_DIFF_OURS") else Impl("barewire", os.environ["BW_DIFF_OURS"], {}, "1.0.0")
    return REFERENCE, DEBIAN, ours


def worker(script, name):
    """Runs one case in a sandbox of its own and returns its records by implementation."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("BW_SANDBOX")}
    p = subprocess.run([os.path.join(TOP, "tests", "lib", "sandbox"), sys.executable, script, "--case", name],
                       capture_output=True, text=True, env=env, timeout=300)
    line = next((ln for ln in p.stdout.split("\n") if ln.startswith("{")), None)
    if p.returncode != 0 or line is None:
        return {"error": "case %s broke off (exit %d)\n%s%s" % (name, p.returncode, p.stdout[-1000:], p.stderr[-3000:])}
    return json.loads(line)


def main(section, script, cases, scenario):
    """cases: {name: case}; scenario(node, case) returns what to compare. TAP on stdout."""
    if len(sys.argv) > 2 and sys.argv[1] == "--case":
        case = cases[sys.argv[2]]
        records = {}
        for impl in implementations():
            # What the reference's IPAM keeps is the node's; each implementation starts on an empty one.
            for path in glob.glob("/var/lib/cni/*"):
                shutil.rmtree(path)
            if impl.knows(case.get("version", "1.0.0")) and not (impl is DEBIAN and case.get("new")):
                records[impl.name] = scenario(Node(impl), case)
        print(json.dumps(records))
        sys.exit(0)
    wanted = sys.argv[1:]
    chosen = [c for c in cases if not wanted or any(w in c for w in wanted)]
    known = Known(section)
    print("1..%d" % (len(chosen) + (not wanted)), flush=True)
    failed = 0
    import concurrent.futures
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        futures = [pool.submit(worker, script, name) for name in chosen]
        for n, (name, future) in enumerate(zip(chosen, futures), 1):
            failed += judge(n, name, future.result(), known)
    if not wanted:
        dead = known.unused()
        print("%s %d - every listed difference still exists" % ("not ok" if dead else "ok", len(chosen) + 1))
        for line in dead:
            print("# " + line)
        failed += bool(dead)
    sys.exit(1 if failed else 0)


def outcome(theirs, ours):
    """What a case's name is followed by in differences.txt when an ADD was refused."""
    refused = [r.get("add", {}).get("exit", 0) != 0 for r in (theirs, ours)]
    return {(True, True): " [refused by both]", (True, False): " [refused by theirs]",
            (False, True): " [refused by ours]"}.get(tuple(refused), "")


def judge(n, name, records, known):
    bad, listed = [], []
    if "barewire" not in records:
        bad.append(records.get("error", "our plugin did not run"))
    else:
        ours = records["barewire"]
        for other in ("reference", "debian"):
            if other not in records:
                continue
            for d in differences(records[other], ours):
                reason = known.explain(other, name + outcome(records[other], ours), d)
                text = "%s: %s: %s, ours %s" % (other, d[0], d[1], d[2])
                if reason:
                    listed.append(text + " (" + reason + ")")
                else:
                    bad.append(text)
        if bad:
            for who, record in records.items():
                bad += ["%s %s: %s" % (who, step, r["_msg"]) for step, r in record.items()
                        if isinstance(r, dict) and "_msg" in r]
    print("%s %d - %s" % ("not ok" if bad else "ok", n, name), flush=True)
    for text in bad:
        print("\n".join("# " + ln for ln in text.split("\n")))
    if os.environ.get("V"):
        for text in listed:
            print("#   listed: " + text)
    return bool(bad)

