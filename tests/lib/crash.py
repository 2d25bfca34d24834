# SPDX-License-Identifier: Apache-2.0
"""Crash points: a command is killed before each of its system calls in turn, on a node that is brought into
the same state each time; after each kill the checks of its Scenario must hold.

    sweep(Warm("ADD", conf))
"""
import json
import os
import shutil
import subprocess
import time

from bwtest import (BPF_ROOT, BUILD, JOURNAL, Failed, Netns, cni, cni_env, diag, diff, expect, expect_eq, expect_ok,
                    expect_same, journal_rows, map_entries, pins, run, run_json, snapshot, sysctl, tool, wait_until,
                    workdir)

POINTS_MAX = 4000
SHOWN_MAX = 5  # failing points told in full
# Sanitized programs make several times the calls, mostly of the sanitizer's own: there every so-manieth.
STEP = int(os.environ.get("BW_CRASH_STEP", "11" if os.environ.get("BW_SAN") else "1"))
PLUGIN = os.environ.get("BW_CRASH_PLUGIN", os.path.join(BUILD, "barewire-bridge"))
CLI = os.path.join(BUILD, "barewire")
BRIDGE = "bw0"


def crash(n, argv, stdin=None, env=None, from_main=True, state_only=False, error=0, spoil=0):
    """Runs argv until before its n-th call. {"killed": n, "call": name}, or {"killed": 0, "exit": code, "out"}.
    state_only: counts calls that change something outside the process. error: the call fails with that errno
    instead and argv goes on: {"killed": 0, "failed": n, "call", "exit", "out"}.
    spoil: instead of any call that fails, the move of a device gets an address (1) or MTU (4) that is refused."""
    folder = crash.folder = getattr(crash, "folder", None) or workdir()
    options = [*(["-x", str(spoil)] if spoil else ["-k", str(n)]), "-o", os.path.join(folder, "out")] + (["-m"] if from_main else [])
    options += (["-s"] if state_only else []) + (["-e", str(error)] if error else [])
    if stdin is not None:
        with open(os.path.join(folder, "in"), "w") as f:
            f.write(stdin if isinstance(stdin, str) else json.dumps(stdin))
        options += ["-i", os.path.join(folder, "in")]
    env = dict(env or os.environ)
    env["ASAN_OPTIONS"] = env.get("ASAN_OPTIONS", "") + ":detect_leaks=0"  # LeakSanitizer cannot be traced
    p = subprocess.run([tool("crashpoint"), *options, "--", *argv], env=env, capture_output=True, text=True,
                       timeout=120)
    if p.returncode not in (0, 137):
        raise Failed("crashpoint: exit %d\n%s" % (p.returncode, p.stderr))
    answer = json.loads(p.stdout)
    if not answer["killed"]:
        with open(os.path.join(folder, "out")) as f:
            answer["stdout"] = f.read()
        answer["out"] = answer["stdout"] + p.stderr
    return answer


def crash_cni(n, verb, conf, ns, args=None, from_main=True):
    env = cni_env(verb, ns, args=args) if verb != "GC" else cni_env(verb, None, ifname=None)
    return crash(n, [PLUGIN], conf, env, from_main)


def sweep(scenario, first=1):
    """Kills at every call. A failing point is reported with the call it was killed before; the node is made
    anew after it, so that each point is judged by itself."""
    bad, start = [], time.monotonic()
    scenario.make_node()
    for n in range(first, first + POINTS_MAX * STEP, STEP):
        where = "before the action"
        try:
            scenario.before()
            answer = scenario.act(n)
            where = "%s, call %d" % (answer.get("call", "end"), n)
            if answer["killed"]:
                scenario.after(n)
            else:
                expect_eq(answer["exit"], 0, "exit of the undisturbed run: %s" % answer["out"])
                scenario.done()
        except (Failed, subprocess.TimeoutExpired) as e:
            bad.append((where, str(e)))
            if where == "before the action" or len(bad) > 40 or where.startswith("end,"):
                break
            scenario.reset()
            scenario.make_node()
            continue
        if not answer["killed"]:
            break
    else:
        raise Failed("not finished after %d points" % POINTS_MAX)
    scenario.reset()
    diag("%d crash points in %.1f s" % ((n - first) // STEP, time.monotonic() - start))
    if bad:
        text = "\n".join("killed before %s:\n%s" % b for b in bad[:SHOWN_MAX])
        raise Failed("%d of %d points fail: %s\n%s" % (len(bad), (n - first) // STEP, "; ".join(b[0] for b in bad), text))
    expect(n - first > 0, "there was no point to kill at")


def wipe():
    """Makes the node new by force, whatever a plugin left: not what is tested, but where a test begins."""
    Netns.remove_all()
    for link in run_json("ip", "-j", "link"):
        if link["ifname"] != "lo":
            run("ip", "link", "del", link["ifname"], check=False)
    run("nft", "flush", "ruleset")
    for folder in (os.path.join(BPF_ROOT, "barewire"), os.path.dirname(JOURNAL), "/run/barewire", "/var/lib/cni"):
        shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.dirname(JOURNAL))
    # A link's pin is gone, the program goes with its last holder.


def own_rows():
    """What an attachment writes; the segment's rows may stay with the bridge."""
    return [r for r in journal_rows() if r.split(" ", 1)[0] in ("attachment", "address", "used")]


def own_pins():
    """Link pins of pods. Programs, maps and the uplink's links stay with the bridge."""
    return [p for p in pins() if "/links/" in p and not os.path.basename(p).startswith("up0")]


def own_entries():
    """Entries of pods: by the ifindex of a host interface, and by a MAC; not those of bridge and uplink."""
    shared = ["uplink"]
    for link in run_json("ip", "-j", "link"):
        if link["ifname"] in (BRIDGE, "up0"):
            shared += [link["address"].replace(":", ""), " " + link["ifindex"].to_bytes(4, "little").hex()]
    return [e for e in map_entries() if not any(s in e if s == "uplink" else e.endswith(s) for s in shared)]


def host_veths():
    return [l["ifname"] for l in run_json("ip", "-j", "link", "show", "type", "veth") if l["ifname"] != "up0"]


def expect_no_trace(ns=None):
    """Nothing of any pod is on the node; the bridge and what belongs to it may be."""
    wait_until(lambda: not host_veths(), 2, lambda: "host veths gone: %s" % host_veths())
    expect_eq(own_rows(), [], "journal rows")
    expect_eq(own_pins(), [], "pins of pods")
    expect_eq(own_entries(), [], "map entries of pods")
    expect_eq(run("nft", "list", "ruleset").strip(), "", "nft rules")
    if ns is not None:
        expect_eq([l["ifname"] for l in ns.ip_json("link")], ["lo"], "links in the pod")


def ping(ns, address, timeout_s=2):
    """Answered once within the deadline; repeated, since the first may meet a port just coming up."""
    enter = ns.enter if ns else []
    done = subprocess.run([*enter, "ping", "-6" if ":" in address else "-4", "-n", "-q", "-c", "1", "-w",
                           str(timeout_s), address], capture_output=True, text=True)
    if done.returncode:
        raise Failed("no answer from %s\n%s" % (address, done.stdout + done.stderr))


class Scenario:
    """One sweep. args and conf are those of the pod under test; peer (conf of a second pod that lives through
    it) and wire (an uplink up0 with a neighbour x behind it) belong to the node."""

    def __init__(self, conf, args=None, wire=None, from_main=True):
        self.conf, self.args, self.wire, self.from_main = conf, args, wire, from_main
        self.x = self.ns = None

    # What sweep() calls
    def make_node(self):
        wipe()
        if self.wire is not None:
            self.make_wire()
        self.ns = Netns("pod")
        self.pod_before = self.ns.snapshot()
        self.settle()

    def before(self):
        """Brings about the state the action starts from."""

    def act(self, n):
        """Runs the action, killed before its n-th call."""
        raise NotImplementedError

    def after(self, n):
        """What must hold after a kill; leaves the node as before()'s start found it."""
        raise NotImplementedError

    def done(self):
        """After the run that was not killed."""

    def reset(self):
        wipe()

    # Parts
    def make_wire(self):
        # Detection of duplicates takes a second for each device; none is looked for among two machines.
        for name in ("all", "default"):
            sysctl("net/ipv6/conf/%s/accept_dad" % name, 0)
        self.x = Netns("x")
        run("ip link add up0 type veth peer name eth0 netns x")
        run("ip link set up0 up")
        self.x.ip("link set eth0 up")
        for a in self.wire:
            self.x.ip("addr add %s dev eth0%s" % (a, " nodad" if ":" in a else ""))

    def settle(self):
        """Waits until duplicate address detection and carriers have come to rest."""
        def still():
            shown = run("ip", "addr")
            return "tentative" not in shown and "LOWERLAYERDOWN" not in shown
        wait_until(still, 5, "the node comes to rest")

    def add(self, ns=None, conf=None):
        return expect_ok(cni("ADD", conf or self.conf, ns or self.ns, args=self.args, plugin=PLUGIN))

    def delete(self, ns=None, conf=None):
        return expect_ok(cni("DEL", conf or self.conf, ns or self.ns, args=self.args, plugin=PLUGIN))

    def expect_pod_clean(self):
        def changed():
            return diff(self.pod_before, self.ns.snapshot())
        wait_until(lambda: not changed(), 2, lambda: "the pod is as before, not:\n%s\n" % "\n".join(changed()))


class Warm(Scenario):
    """A verb on a node whose bridge serves a live peer: afterwards the node is exactly as before."""

    def __init__(self, verb, conf, peer, **kw):
        super().__init__(conf, **kw)
        self.verb, self.peer_conf = verb, peer

    def make_node(self):
        super().make_node()
        self.peer = Netns("peer")
        self.peer_ips = [a.split("/")[0] for a in expect_ok(
            cni("ADD", self.peer_conf, self.peer, plugin=PLUGIN)).ips]
        self.add()
        self.delete()
        self.settle()
        self.node_before = snapshot(bpf=True)

    def before(self):
        if self.verb == "DEL":
            self.add()

    def act(self, n):
        return crash_cni(n, self.verb, self.conf, self.ns, self.args, self.from_main)

    def expect_node_as_before(self):
        def changed():
            return diff(self.node_before, snapshot(bpf=True))
        wait_until(lambda: not changed(), 2, lambda: "the node is as before, not:\n%s\n" % "\n".join(changed()))

    def after(self, n):
        self.delete()
        self.expect_node_as_before()
        self.expect_pod_clean()
        answer = self.add()
        for address in answer.ips:
            ping(self.peer, address.split("/")[0])
        self.delete()
        self.expect_node_as_before()

    def done(self):
        if self.verb == "ADD":
            self.delete()
        self.expect_node_as_before()


class Running(Warm):
    """Two live pods on a bridge with an uplink, where the datapath is exchanged under them. self.third is for an
    ADD that comes between; its address is its own, since the next free one would be x's after some points."""

    def __init__(self):
        conf = lan(uplink="up0")
        super().__init__("reload", conf, conf, wire=("10.88.0.200/24",))

    def make_node(self):
        Scenario.make_node(self)
        self.peer = Netns("peer")
        self.add(self.peer)
        answer = self.add()
        self.address, self.result = answer.ips[0].split("/")[0], answer.json
        self.third = Netns("third")
        self.third_conf = lan(uplink="up0", runtimeConfig={"ips": ["10.88.0.77"]})
        ping(self.x, self.address)
        run(CLI, "net", "reload")
        self.settle()
        self.node_before = snapshot(bpf=True)

    def before(self):
        pass

    def expect_reachable(self):
        ping(self.peer, self.address)
        ping(self.x, self.address)

    def back(self):
        """This version takes the node over, completing what was killed."""
        run(CLI, "net", "reload")
        self.expect_node_as_before()
        self.expect_reachable()


class First(Scenario):
    """The first ADD of a node: it makes journal, bridge, programs, maps. With a wire, the neighbour must reach
    the pod afterwards; `barewire net clean` takes everything away again."""

    def make_node(self):
        super().make_node()
        self.node_before = snapshot(bpf=True)

    def before(self):
        if self.ns is None or "pod" not in Netns._all:
            self.make_node()

    def act(self, n):
        return crash_cni(n, "ADD", self.conf, self.ns, self.args, self.from_main)

    def after(self, n):
        self.delete()
        expect_no_trace(self.ns)
        self.add_works()
        self.clean()
        self.reset()

    def add_works(self):
        answer = self.add()
        for address in answer.ips:
            ping(self.x, address.split("/")[0])
        self.delete()
        expect_no_trace(self.ns)

    def clean(self):
        run(CLI, "net", "clean", self.conf.get("bridge", BRIDGE))
        after = wait_until(lambda: snapshot(bpf=True), 1)
        expect_same(self.node_before, {k: v for k, v in after.items()}, "the node after net clean")

    def done(self):
        self.delete()
        expect_no_trace(self.ns)
        self.clean()


def lan(*ranges, **more):
    """The network of the crash suites; a range by its subnet."""
    ranges = ranges or ("10.88.0.0/24",)
    conf = {"cniVersion": "1.0.0", "name": "lan", "type": "barewire-bridge", "bridge": BRIDGE,
            "ipam": {"type": "barewire-ipam", "domain": "lan", "ranges": [[{"subnet": r}] for r in ranges]}}
    conf.update(more)
    return conf
