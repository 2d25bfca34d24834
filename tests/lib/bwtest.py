# SPDX-License-Identifier: Apache-2.0
"""TAP for Python tests (standard library only): claims as functions, CNI calls, network namespaces,
and snapshots of everything a plugin may change.

    from bwtest import *

    @test
    def add_then_del_leaves_nothing():
        ns = Netns("a")
        before = snapshot()
        expect_ok(cni("ADD", CONF, ns))
        expect_ok(cni("DEL", CONF, ns))
        expect_same(before, snapshot())

    main()

main() moves the test into its sandbox (tests/lib/sandbox) first, so standard paths are used.
"""
import atexit
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True  # running a test leaves nothing in the checkout
import bpfmap  # noqa: E402

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.path.abspath(os.environ.get("BW_BUILD", os.path.join(TOP, "build")))
CACHE = os.environ.get("BW_CACHE", "/var/cache/barewire")
LINK = os.environ.get("BW_LINK")  # every bridge network of a test that names no link gets this one
GO_PLUGINS = os.environ.get("BW_GO_PLUGINS", os.path.join(CACHE, "go-plugins-1.9.1"))
JOURNAL = "/var/lib/barewire/journal.db"
BPF_ROOT = "/sys/fs/bpf"

_tests = []


class Skip(Exception):
    """Raise it in a test that cannot run here; it is shown with its reason."""


class Failed(AssertionError):
    pass


def test(fn):
    """Registers a test; the function's name is its claim."""
    _tests.append((fn.__name__.replace("_", " "), fn, ()))
    return fn


def case(name, fn, *args):
    """Registers one row of a table-driven test."""
    _tests.append((name, fn, args))


def diag(text):
    for line in str(text).rstrip("\n").split("\n"):
        print("# " + line, flush=True)


def skip_all(reason):
    print("1..0 # SKIP " + reason, flush=True)
    sys.exit(0)


def enter_sandbox(*options):
    """Re-executes this script inside a sandbox unless it is in one already."""
    if os.environ.get("BW_SANDBOX"):
        return
    box = os.path.join(TOP, "tests", "lib", "sandbox")
    os.execv(box, [box, *options, sys.executable or "python3", *sys.argv])


def main(*options, setup=None):
    """Runs what @test and case() registered; arguments of the script select by substring."""
    enter_sandbox(*options)
    if setup:
        setup()
    wanted = sys.argv[1:]
    chosen = [t for t in _tests if not wanted or any(w in t[0] for w in wanted)]
    print("1..%d" % len(chosen), flush=True)
    failed = 0
    for n, (name, fn, args) in enumerate(chosen, 1):
        start = time.monotonic()
        try:
            fn(*args)
            line = "ok %d - %s" % (n, name)
        except Skip as e:
            line = "ok %d - %s # SKIP %s" % (n, name, e)
        except Exception as e:  # every failure of a test is its result
            failed += 1
            line = "not ok %d - %s" % (n, name)
            if isinstance(e, Failed):
                diag(e)
                frame = traceback.extract_tb(e.__traceback__)[-2]
                diag("at %s:%d: %s" % (os.path.basename(frame.filename), frame.lineno, frame.line))
            else:
                diag(traceback.format_exc())
        print(line, flush=True)
        if time.monotonic() - start > 5:
            diag("took %.1f s" % (time.monotonic() - start))
        Netns.remove_all()
    sys.exit(1 if failed else 0)


# Expectations --------------------------------------------------------------------------------------

def expect(cond, text="expectation failed"):
    if not cond:
        raise Failed(text)


def expect_eq(actual, expected, what="value"):
    if actual != expected:
        raise Failed("%s\nexpected: %r\nactual:   %r" % (what, expected, actual))


def expect_in(needle, haystack, what="text"):
    if needle not in haystack:
        raise Failed("%s\nexpected to contain: %r\nactual: %r" % (what, needle, haystack))


def expect_ok(answer):
    if answer.code != 0:
        raise Failed("%s failed\n%s" % (answer.verb, answer))
    return answer


def expect_error(answer, code=None, *words):
    """One error object on stdout, with this code, naming these words."""
    if answer.code == 0:
        raise Failed("%s succeeded, expected error %s\n%s" % (answer.verb, code, answer))
    if not isinstance(answer.json, dict) or "code" not in answer.json:
        raise Failed("no error object\n%s" % answer)
    if code is not None:
        expect_eq(answer.json["code"], code, "error code of: %s" % answer)
    for word in words:
        expect_in(word, answer.json.get("msg", "") + " " + answer.json.get("details", ""), "message")
    return answer


def expect_same(before, after, what="state"):
    changes = diff(before, after)
    if changes:
        raise Failed("%s changed:\n%s" % (what, "\n".join(changes)))


def wait_until(fn, timeout_s=5.0, what="condition"):
    """Polls until fn() is true; its value is returned, the deadline fails the test. what may be a function:
    it is called only to tell of a failure."""
    end = time.monotonic() + timeout_s
    while True:
        value = fn()
        if value:
            return value
        if time.monotonic() > end:
            raise Failed("%s: not within %.1f s" % (what() if callable(what) else what, timeout_s))
        time.sleep(0.01)


# The kernel ----------------------------------------------------------------------------------------

def kernel_has(what):
    """tcx, netkit or vlan_filtering, as this kernel answers."""
    if what == "tcx":
        return tuple(int(n) for n in os.uname().release.split(".")[:2]) >= (6, 6)
    kind = {"netkit": ["netkit"], "vlan_filtering": ["bridge", "vlan_filtering", "1"]}[what]
    made = not subprocess.run(["ip", "link", "add", "probe0", "type", *kind], capture_output=True).returncode
    # A bridge that cannot filter takes the wish and forgets it.
    has = made and (what == "netkit" or "vlan_default_pvid" in run("ip -d link show probe0"))
    if made:
        run("ip link del probe0")
    return has


# Commands ------------------------------------------------------------------------------------------

def run(*argv, check=True, timeout=30, stdin=None, env=None):
    """Runs a command (one string is split at blanks) and returns its stdout."""
    if len(argv) == 1 and isinstance(argv[0], str):
        argv = argv[0].split()
    argv = [str(a) for a in argv]
    p = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout, env=env)
    if check and p.returncode != 0:
        raise Failed("%s: exit %d\n%s%s" % (" ".join(argv), p.returncode, p.stdout, p.stderr))
    return p.stdout


def run_json(*argv):
    out = run(*argv).strip()
    return json.loads(out) if out else []


def workdir():
    path = tempfile.mkdtemp(prefix="barewire.")
    atexit.register(shutil.rmtree, path, True)
    return path


def tool(name):
    """Path of a test tool of tests/tools."""
    return os.path.join(os.path.abspath(os.environ.get("BW_TOOLS", os.path.join(TOP, "build", "tools"))), name)


class Netns:
    """A named network namespace (`ip netns`), removed with the test."""
    _all = {}

    def __init__(self, name, lo=True):
        self.name = name
        self.path = "/run/netns/" + name
        # Not `ip netns exec`: that hides /sys with what is mounted below it, bpffs among it.
        self.enter = ["nsenter", "--net=" + self.path]
        run("ip", "netns", "add", name)
        Netns._all[name] = self
        if lo:
            self.ip("link set lo up")

    def run(self, *argv, **kw):
        if len(argv) == 1 and isinstance(argv[0], str):
            argv = argv[0].split()
        return run(*self.enter, *argv, **kw)

    def popen(self, *argv, **kw):
        return subprocess.Popen([*self.enter, *[str(a) for a in argv]], **kw)

    def ip(self, args):
        return run("ip", "-n", self.name, *args.split())

    def ip_json(self, args):
        return run_json("ip", "-n", self.name, "-j", "-d", *args.split())

    def link(self, ifname="eth0"):
        return self.ip_json("link show dev " + ifname)[0]

    def addrs(self, ifname="eth0"):
        """Global addresses as sorted address/prefix strings."""
        info = self.ip_json("addr show dev " + ifname)[0]["addr_info"]
        return sorted("%s/%d" % (a["local"], a["prefixlen"]) for a in info if a["scope"] == "global")

    def routes(self):
        return sorted(run("ip", "-n", self.name, "route", "show", "table", "all").splitlines() +
                      run("ip", "-n", self.name, "-6", "route", "show").splitlines())

    def snapshot(self):
        return snapshot(self.name, node=False)

    def remove(self):
        if Netns._all.pop(self.name, None):
            run("ip", "netns", "del", self.name, check=False)

    @staticmethod
    def remove_all():
        for ns in list(Netns._all.values()):
            ns.remove()


class Answer:
    """What a CNI program answered."""

    def __init__(self, verb, code, out, err):
        self.verb, self.code, self.out, self.err = verb, code, out, err
        try:
            self.json = json.loads(out) if out.strip() else None
        except ValueError:
            self.json = None

    def __str__(self):
        return "%s: exit %s\nstdout: %s\nstderr: %s" % (self.verb, self.code, self.out, self.err)

    @property
    def ips(self):
        return [ip["address"] for ip in (self.json or {}).get("ips", [])]


def cni_env(verb, netns=None, cid=None, ifname="eth0", args=None, path=None, extra=None):
    """The environment of a CNI call. netns: a Netns, a path, or None for none; None removes a variable."""
    if isinstance(netns, Netns):
        cid = netns.name if cid is None else cid
        netns = netns.path
    env = {k: v for k, v in os.environ.items() if not k.startswith("CNI_")}
    wanted = {"CNI_COMMAND": verb, "CNI_CONTAINERID": cid, "CNI_NETNS": netns, "CNI_IFNAME": ifname,
              "CNI_ARGS": args, "CNI_PATH": path or BUILD}
    wanted.update(extra or {})
    env.update({k: v for k, v in wanted.items() if v is not None})
    return env


def cni(verb, conf, netns=None, cid=None, ifname="eth0", args=None, path=None, extra=None,
        plugin="barewire-bridge", timeout=60, node=None):
    """Runs one verb. conf: dict (sent as JSON), str or bytes (sent as is). The program is found in
    BW_BUILD unless it is a path. VERSION and STATUS take no netns. node: the Netns it runs in, for a node
    that is not the test's own namespace."""
    program = plugin if "/" in plugin else os.path.join(BUILD, plugin)
    if verb in ("VERSION", "STATUS", "GC") and netns is None:
        env = cni_env(verb, None, cid, None, args, path, extra)
    else:
        env = cni_env(verb, netns, cid, ifname, args, path, extra)
    if LINK and isinstance(conf, dict) and conf.get("type") == "barewire-bridge":
        conf = {"link": LINK, **conf}
    data = json.dumps(conf) if isinstance(conf, dict) else conf
    if isinstance(data, str):
        data = data.encode()
    p = subprocess.run([*(node.enter if node else []), program], input=data, capture_output=True, env=env, timeout=timeout)
    return Answer(verb, p.returncode, p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace"))


def reference(name):
    """Path of a reference plugin: 1.9.1 built from source when there, else the distribution's."""
    for folder in (GO_PLUGINS, "/usr/lib/cni", "/opt/cni/bin"):
        if os.access(os.path.join(folder, name), os.X_OK):
            return os.path.join(folder, name)
    raise Skip("reference plugin %s is not installed" % name)


# Snapshots -----------------------------------------------------------------------------------------

# What moves by itself and says nothing about a plugin.
_VOLATILE = {"stats", "stats64", "valid_life_time", "preferred_life_time", "used", "updated", "promiscuity",
             "allmulti", "tentative", "nodad", "hello_timer", "tcn_timer", "topology_change_timer", "gc_timer", "age", "expires",
             "message_age_timer", "forward_delay_timer", "hold_timer", "probes", "refcnt", "handle"}


def _stable(value):
    if isinstance(value, dict):
        return {k: _stable(v) for k, v in value.items() if k not in _VOLATILE}
    if isinstance(value, list):
        return [_stable(v) for v in value]
    return value


def _rows(values):
    return sorted(json.dumps(_stable(v), sort_keys=True) for v in values)


def journal_rows(path=JOURNAL, tables=("attachment", "address", "used", "segment", "uplink_original", "vf_hold")):
    """Rows of the journal, read from a copy: the journal itself is not touched, not even its WAL."""
    if not os.path.exists(path):
        return []
    out = []
    with tempfile.TemporaryDirectory(prefix="barewire.") as tmp:
        copy = os.path.join(tmp, "journal.db")
        for suffix in ("", "-wal"):
            if os.path.exists(path + suffix):
                shutil.copyfile(path + suffix, copy + suffix)
        db = sqlite3.connect(copy)
        db.row_factory = sqlite3.Row
        present = {r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table in tables:
            if table not in present:
                continue
            for row in db.execute("SELECT * FROM " + table):
                cells = {k: row[k].hex() if isinstance(row[k], bytes) else row[k] for k in row.keys()}
                out.append("%s %s" % (table, json.dumps(cells, sort_keys=True)))
        db.close()
    return sorted(out)


def pins(root=BPF_ROOT):
    out = []
    for folder, _, files in os.walk(root):
        out += [os.path.join(folder, f) for f in files if not f.endswith(".debug")]
    return sorted(out)


def map_entries(root=BPF_ROOT):
    """Keys of the pinned hash maps: what an endpoint leaves behind. Arrays never change their length, LRU
    maps forget by themselves."""
    out = []
    for path in pins(root):
        if "/maps/" in path:
            out += ["%s %s" % (os.path.basename(path), key) for key in bpfmap.keys(path) or []]
    return sorted(out)


def snapshot(ns=None, node=True, bpf=False):
    """Everything a plugin may change in one namespace (None: the test's own), by section. node adds
    what belongs to the node: nft rules, pins, journal rows; bpf adds the entries of pinned maps."""
    at = ["-n", ns] if ns else []
    links = run_json("ip", *at, "-j", "-d", "addr")
    addrs = [{"ifname": i["ifname"], "addr": i.pop("addr_info")} for i in links]
    snap = {
        "link": _rows(links),
        "addr": _rows(addrs),
        "route": _rows(run_json("ip", *at, "-j", "route", "show", "table", "all") +
                       run_json("ip", *at, "-j", "-6", "route", "show", "table", "all")),
        "fdb": _rows(run_json("bridge", *at, "-j", "fdb")),
        "vlan": _rows(run_json("bridge", *at, "-j", "vlan")),
    }
    nft = ["nsenter", "--net=/run/netns/" + ns, "nft"] if ns else ["nft"]
    snap["nft"] = [line for line in run(*nft, "list", "ruleset").splitlines() if line.strip()]
    if node:
        snap["pin"] = pins()
        snap["journal"] = journal_rows()
        snap["netns"] = sorted(os.listdir("/run/netns")) if os.path.isdir("/run/netns") else []
    if bpf:
        snap["map"] = map_entries()
    return snap


def diff(before, after, ignore=()):
    """Lines of what differs, '-' was there, '+' is new; empty when nothing changed."""
    out = []
    for section in sorted(set(before) | set(after)):
        if section in ignore:
            continue
        old, new = list(before.get(section, [])), list(after.get(section, []))
        for row in old:
            if row in new:
                new.remove(row)
            else:
                out.append("- %s: %s" % (section, row))
        out += ["+ %s: %s" % (section, row) for row in new]
    return out


def sysctl(name, value=None, ns=None):
    """Reads or writes a sysctl by its /proc/sys path (net/ipv4/ip_forward)."""
    if ns:
        path = ["nsenter", "--net=/run/netns/" + ns, "sysctl", "-n"]
        if value is None:
            return run(*path, name.replace("/", ".")).strip()
        return run(*path[:-1], "-qw", "%s=%s" % (name.replace("/", "."), value))
    full = "/proc/sys/" + name
    if value is None:
        with open(full) as f:
            return f.read().strip()
    with open(full, "w") as f:
        f.write(str(value))
    return str(value)
