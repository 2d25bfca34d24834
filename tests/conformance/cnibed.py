# SPDX-License-Identifier: Apache-2.0
"""What the conformance tests share: configurations, a foreign IPAM plugin that records how it is
called, and what an attachment must look like."""
import contextlib
import json
import os
import subprocess

from bwtest import *

BRIDGE = "barewire-bridge"
IPAM = "barewire-ipam"
PROGRAMS = (BRIDGE, IPAM)
VERSIONS = ("0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0")
NEWEST = "1.1.0"
SUBNET = "10.1.0.0/24"


def pool(*ranges, **keys):
    """An ipam object with one range per set."""
    return {"type": IPAM, "strategy": "lowest", "ranges": [[r] for r in ranges], **keys}


def bridge_conf(version=NEWEST, ipam=None, **keys):
    """A bridge network with the lowest address free in 10.1.0.0/24; a key of None is left out."""
    conf = {"cniVersion": version, "name": "net", "type": BRIDGE, "bridge": "br0", "isGateway": True,
            "ipam": ipam or pool({"subnet": SUBNET})}
    conf.update(keys)
    return {k: v for k, v in conf.items() if v is not None}


def ipam_conf(version=NEWEST, ipam=None, **keys):
    """The same network as another plugin (macvlan) hands it to its delegate."""
    return bridge_conf(version, ipam, type="macvlan", bridge=None, isGateway=None, **keys)


def conf_of(program, version=NEWEST, **keys):
    return (bridge_conf if program == BRIDGE else ipam_conf)(version, **keys)


def plug(program, verb, conf, ns=None, **kw):
    return cni(verb, conf, ns, plugin=program, **kw)


def check_error_object(answer):
    """Statement 10: exit 1, and exactly one error object on stdout."""
    expect_eq(answer.code, 1, "exit code of: %s" % answer)
    expect(isinstance(answer.json, dict), "stdout is not one JSON document: %s" % answer)
    for key in ("cniVersion", "code", "msg"):
        expect(key in answer.json, "%s is missing: %s" % (key, answer))
    expect(set(answer.json) <= {"cniVersion", "code", "msg", "details"}, "unknown keys: %s" % answer)
    expect_in(answer.json["cniVersion"], VERSIONS, "cniVersion")
    expect(isinstance(answer.json["code"], int) and answer.json["msg"], "code or msg: %s" % answer)
    return answer.json


def refused(program, verb, conf, ns, code, *words, **kw):
    """The call fails with this code, its text names the words, and nothing changed."""
    with unchanged(ns):
        return refused_only(program, verb, conf, ns, code, *words, **kw)


def settled(snap):
    """A snapshot without what the kernel does on its own a moment later: carrier, link-local
    addresses and their routes, what a bridge learns."""
    out = dict(snap)
    for section in ("link", "addr", "route", "fdb"):
        rows = []
        for row in map(json.loads, snap[section]):
            row.pop("operstate", None)
            if section == "link":
                row["flags"] = [f for f in row["flags"] if f not in ("NO-CARRIER", "LOWER_UP")]
                row.get("linkinfo", {}).pop("info_slave_data", None)
            elif section == "addr":
                row["addr"] = [{k: a[k] for k in ("local", "prefixlen")} for a in row["addr"]
                               if not a["local"].startswith("fe80:")]
            elif section == "route":
                row.pop("flags", None)
                if row["dst"].startswith(("fe80:", "ff00:")) or row.get("type") == "anycast":
                    continue
            elif row.get("state", "") == "" or row["mac"].startswith(("33:33:", "01:00:5e:")):
                continue
            rows.append(json.dumps(row, sort_keys=True))
        out[section] = sorted(rows)
    return out


def state(ns=None, bpf=False):
    """Everything of the node, and of the pod's namespace when it is one."""
    out = settled(snapshot(bpf=bpf))
    if isinstance(ns, Netns) and os.path.exists(ns.path):
        out.update({"pod " + k: v for k, v in settled(ns.snapshot()).items()})
    return out


@contextlib.contextmanager
def unchanged(ns=None):
    """Whatever is done within leaves everything as it was."""
    before = state(ns)
    yield
    expect_same(before, state(ns))


def refused_only(program, verb, conf, ns, code, *words, **kw):
    """refused() without looking at what changed: for loops within unchanged()."""
    answer = expect_error(plug(program, verb, conf, ns, **kw), code, *words)
    check_error_object(answer)
    return answer


def added(program, conf, ns, **kw):
    answer = expect_ok(plug(program, "ADD", conf, ns, **kw))
    expect(isinstance(answer.json, dict), "the result is not one JSON document: %s" % answer)
    return answer


def deleted(program, conf, ns, **kw):
    answer = expect_ok(plug(program, "DEL", conf, ns, **kw))
    expect_eq(answer.out, "", "stdout of DEL")
    return answer


def with_prev(conf, answer, **keys):
    return {**conf, "prevResult": answer.json, **keys}


def held():
    """Addresses that the journal says are held, as text."""
    import ipaddress
    out = []
    for row in journal_rows(tables=("address",)):
        cells = json.loads(row.split(" ", 1)[1])
        if cells.get("attachment") is None:
            continue
        raw = bytes.fromhex(cells["ip"])
        mapped = ipaddress.IPv6Address(raw).ipv4_mapped
        out.append(str(mapped or ipaddress.IPv6Address(raw)))
    return sorted(out)


def attachments():
    """(containerID, ifname) of every row of the journal."""
    out = []
    for row in journal_rows(tables=("attachment",)):
        cells = json.loads(row.split(" ", 1)[1])
        out.append((cells["container_id"], cells["ifname"]))
    return sorted(out)


def spoil_journal():
    """A file that is no database, and no WAL that could repair it."""
    os.makedirs(os.path.dirname(JOURNAL), exist_ok=True)
    for suffix in ("-wal", "-shm"):
        if os.path.exists(JOURNAL + suffix):
            os.unlink(JOURNAL + suffix)
    with open(JOURNAL, "wb") as f:
        f.write(b"this is no database" * 1000)


def host_ports(bridge="br0"):
    return sorted(l["ifname"] for l in run_json("ip", "-j", "link", "show", "master", bridge))


def links():
    return {l["ifname"] for l in run_json("ip", "-j", "link")}


class Foreign:
    """An IPAM plugin that is not ours: writes down how it is called, answers what it is told to."""

    SCRIPT = """#!/bin/sh
n=$(ls "%(dir)s" | grep -c '^call\\.')
cat >"%(dir)s/call.$n.stdin"
env >"%(dir)s/call.$n.env"
echo "the foreign plugin says $CNI_COMMAND" >&2
[ ! -f "%(dir)s/answer.$CNI_COMMAND" ] || cat "%(dir)s/answer.$CNI_COMMAND"
[ ! -f "%(dir)s/fail.$CNI_COMMAND" ] || exit 1
exit 0
"""

    def __init__(self, name="foreign"):
        self.dir = workdir()
        self.name = name
        self.path = os.path.join(self.dir, "bin")
        os.mkdir(self.path)
        program = os.path.join(self.path, name)
        with open(program, "w") as f:
            f.write(self.SCRIPT % {"dir": self.dir})
        os.chmod(program, 0o755)
        self.answer("ADD", {"cniVersion": NEWEST, "ips": [{"address": "10.9.0.5/24",
                                                           "gateway": "10.9.0.1"}]})

    def answer(self, verb, doc, fail=False):
        with open(os.path.join(self.dir, "answer." + verb), "w") as f:
            f.write(doc if isinstance(doc, str) else json.dumps(doc))
        if fail:
            open(os.path.join(self.dir, "fail." + verb), "w").close()

    def calls(self):
        """[(verb, environment, stdin)] in order."""
        out = []
        n = 0
        # Each call makes two files, so the next one counts from there.
        while os.path.exists(os.path.join(self.dir, "call.%d.env" % n)):
            with open(os.path.join(self.dir, "call.%d.env" % n)) as f:
                env = dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)
            with open(os.path.join(self.dir, "call.%d.stdin" % n)) as f:
                out.append((env["CNI_COMMAND"], env, f.read()))
            n += 2
        return out

    def verbs(self):
        return [c[0] for c in self.calls()]

    def conf(self, **keys):
        return bridge_conf(ipam={"type": self.name, "mine": [1, 2]}, bridge="br9", **keys)


def raw(program, env, stdin=b"", close_stdin=False):
    """A call with exactly this environment. Returns an Answer."""
    kw = {"input": stdin}
    if close_stdin:
        kw = {"preexec_fn": lambda: os.close(0)}
    p = subprocess.run([os.path.join(BUILD, program)], env=env, capture_output=True, timeout=60, **kw)
    return Answer(env.get("CNI_COMMAND", "-"), p.returncode, p.stdout.decode(errors="replace"),
                  p.stderr.decode(errors="replace"))


def both(fn):
    """Registers a test once for each program; its argument is the program's name."""
    for program in PROGRAMS:
        case("%s: %s" % (fn.__name__[1:].replace("_", " "), program), fn, program)
    return fn


def one(fn):
    case(fn.__name__[1:].replace("_", " "), fn)
    return fn
