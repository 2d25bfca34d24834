#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""barewire unit against a real cluster: a Redis is listed, described, read, typed to through a terminal, restarted,
moved, stopped and started; each with its data, and each wrong request with its message and exit code."""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeunit import *  # noqa: E402

A = "10.99.2.40"
PLUGIN = os.path.join(BUILD, "kubectl-barewire")


def argv(*words):
    return [PLUGIN, "unit", words[0], "--kubeconfig", bed.admin, "-n", NS, *words[1:]]


def unit(*words, stdin=subprocess.DEVNULL, code=0, timeout=300, **more):
    """Output, error output of a command that ends with the exit code."""
    p = subprocess.run(argv(*words), stdin=stdin, capture_output=True, text=True, timeout=timeout, **more)
    expect_eq(p.returncode, code, "exit code of unit %s\n%s%s" % (" ".join(words), p.stdout, p.stderr))
    return p.stdout, p.stderr


class Terminal:
    """A command on a terminal of its own, as its session's leader."""

    def __init__(self, *words, width=100, height=30, answers=False):
        self.master, self.slave = pty.openpty()
        self.seen, self.answers = "", answers
        self.resize(width, height)
        self.was = termios.tcgetattr(self.slave)

        def lead():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
        self.p = subprocess.Popen(argv(*words), stdin=self.slave, stdout=self.slave, stderr=self.slave, preexec_fn=lead)
        atexit.register(self.end)

    def resize(self, width, height):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def until(self, text, timeout_s=60):
        """What came until the text did."""
        end = time.monotonic() + timeout_s
        while text not in self.seen:
            if not select.select([self.master], [], [], max(0, end - time.monotonic()))[0]:
                raise Failed("no %r within %d s in %r" % (text, timeout_s, self.seen))
            self.seen += os.read(self.master, 65536).decode(errors="replace")
            # Who asks before the terminal's size has come waits for what a terminal says of its cursor.
            if self.answers and "\x1b[6n" in self.seen:
                self.seen = self.seen.replace("\x1b[6n", "", 1)
                self.type("\x1b[1;80R")
        at = self.seen.index(text) + len(text)
        came, self.seen = self.seen[:at], self.seen[at:]
        return came

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & (termios.ICANON | termios.ECHO | termios.ISIG)

    def ends(self, code):
        """The command has ended so, and the terminal is as it was."""
        expect_eq(self.p.wait(60), code, "exit code")
        expect_eq(termios.tcgetattr(self.slave), self.was, "the terminal's settings")

    def end(self):
        if self.p.poll() is None:
            self.p.kill()
            self.p.wait()


def setup():
    pool(cooldownSeconds=1)
    atexit.register(delete_claims)
    atexit.register(delete_units)
    make_volume("r")
    make_unit("r", A)


@test
def a_unit_is_listed_and_described():
    u = api.get(unit_path("r"))
    node, mac = u["status"]["nodeName"], u["status"]["claim"]["mac"]
    line = unit("list")[0].splitlines()[1].split()
    expect_eq(line[:6], [NS, "r", A, node, "Ready", "True"])
    expect_in(mac, unit("list", "r", "-o", "wide")[0])
    expect_eq(json.loads(unit("list", "-l", "app=r", "-o", "json")[0])["items"][0]["metadata"]["uid"], u["metadata"]["uid"])
    expect_in("no Unit in namespace %s with labels app=s" % NS, unit("list", "-l", "app=s")[1])
    wanted = ("phase        Ready, process Running", "pod          r, Running, " + u["status"]["podUID"], "redis (the database), 0 restarts, runs since",
                 "node         %s, Ready, nodePolicy Required" % node, "address      %s on eth0, MAC %s, pool lan" % (A, mac), "segment lan",
                 "uplink data0, bridge bw-data0", "path         fast path: the node's kernel takes it", "held by node %s, token 1" % node,
                 "attached on node %s" % node, "volumes      data: claim data-r, Bound, 1Gi", "Ready=True Ready", "Pod Normal: Started")
    told = [""]

    def tells():  # acknowledgements and events come when they come
        told[0] = unit("describe", "r")[0]
        return all(line in told[0] for line in wanted)
    wait_until(tells, 60, lambda: "%s in\n%s" % ([line for line in wanted if line not in told[0]], told[0]))
    expect("to do" not in told[0], told[0])


@test
def logs_are_the_database_s():
    out = unit("logs", "r")[0]
    expect_in("Ready to accept connections", out)
    expect_eq(unit("logs", "r", "--tail", "1")[0], out.splitlines(True)[-1])
    p = subprocess.Popen(argv("logs", "r", "-f", "-c", "redis"), stdout=subprocess.PIPE, text=True)
    try:
        came = ""
        while "Ready to accept connections" not in came:
            line = p.stdout.readline()
            expect(line, "it ended after %r" % came)
            came += line
        expect_eq(p.poll(), None, "it follows")
    finally:
        p.kill()
        p.wait()
    expect_in("previous terminated container", unit("logs", "r", "--previous", code=2)[1])


@test
def a_command_has_input_outputs_and_an_exit_code():
    cli = ("connect", "r", "--", "redis-cli", "-h", A)
    expect_eq(unit(*cli, "set", "k", "v")[0], "OK\n")
    expect_eq(unit("connect", "r", "-c", "redis", "--", "sh", "-c", "echo said; echo warned >&2; exit 7", code=7), ("said\n", "warned\n"))
    p = subprocess.run(argv("connect", "r", "--", "cat"), input="0123456789\n" * 50000, capture_output=True, text=True, timeout=120)
    expect_eq((p.returncode, len(p.stdout), p.stderr), (0, 550000, ""), "through a pipe")
    with open(__file__) as f:
        expect_eq(unit("connect", "r", "--", "cat", stdin=f)[0], open(__file__).read(), "of a file")
    p = subprocess.run(argv("connect", "r"), input="echo shell\nexit 3\n", capture_output=True, text=True, timeout=120)
    expect_eq((p.returncode, p.stdout), (3, "shell\n"), "a shell that reads a pipe")
    expect_in("nonexistent", unit("connect", "r", "--", "/nonexistent", code=255)[1])


@test
def a_terminal_is_raw_and_comes_back():
    t = Terminal("connect", "r", "--", "redis-cli", "-h", A, answers=True)
    t.until("%s:6379> " % A)
    expect(t.is_raw(), "the terminal is not raw")
    t.type("get k\r")
    t.until('"v"')
    t.until("%s:6379> " % A)  # before that it throws away what is typed
    t.type("\x04")
    t.ends(0)
    t = Terminal("connect", "r", width=91, height=33)
    t.until("# ")
    t.type("stty size; echo en''d\r")
    expect_in("33 91", t.until("end\r\n"))
    t.resize(77, 22)
    # The new size takes its way by the API server: asked until it has come.
    t.type("until [ \"$(stty size)\" = '22 77' ]; do :; done; echo resi''zed; trap 'echo inter''rupted' INT\r")
    t.until("resized")
    # The shell's editor would swallow what comes before cat runs.
    t.type("echo go''ing; cat\r")
    t.until("going")
    t.type("here\r")
    t.until("here\r\nhere")
    t.type("\x03")
    t.until("interrupted")
    t.type("\rexit 9\r")
    t.ends(9)


@test
def whatever_ends_it_the_terminal_comes_back():
    for signo in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        t = Terminal("connect", "r")
        t.until("# ")
        expect(t.is_raw(), "the terminal is not raw")
        t.p.send_signal(signo)
        t.ends(-signo)
    t = Terminal("connect", "r")
    t.until("# ")
    t.type("\r~.")
    t.ends(255)


@test
def it_is_restarted_and_moved_with_its_address_and_data():
    cli = ("connect", "r", "--", "redis-cli", "-h", A)
    before = api.get(unit_path("r"))["status"]
    expect_in("unit %s/r: Restart one: done in " % NS, unit("restart", "r", "--wait", "--id", "one")[0])
    after = api.get(unit_path("r"))["status"]
    expect(after["podUID"] != before["podUID"], "the same pod")
    expect_eq((after["nodeName"], after["claim"]), (before["nodeName"], before["claim"]))
    expect_in("Restart one: asked for already", unit("restart", "r", "--wait", "--id", "one")[0])
    expect_eq(api.get(unit_path("r"))["status"]["podUID"], after["podUID"], "said again")
    other = next(n.name for n in bed.nodes if n.name != before["nodeName"])
    expect_in("the new pod is Ready on node " + other, unit("migrate", "r", "--to", other, "--wait")[0])
    after = api.get(unit_path("r"))["status"]
    expect_eq((after["nodeName"], after["claim"]), (other, before["claim"]))
    expect_eq(unit(*cli, "get", "k")[0], "v\n", "the data")
    expect_in("r: it is on node %s already" % other, unit("migrate", "r", "--to", other, code=1)[1])
    expect_in("action       Migrate ", unit("describe", "r")[0])
    expect_in("no action runs or waits", unit("migrate", "r", "--cancel", code=1)[1])


@test
def it_is_rebuilt_with_an_empty_volume_and_the_old_one_is_kept():
    cli = ("connect", "r", "--", "redis-cli", "-h", A)
    before = api.get(unit_path("r"))["status"]
    make_volume("r", spare=True)
    out = unit("rebuild", "r", "--in-place", "--yes", "--wait", "--id", "two")[0]
    expect_in("begins with new and empty volumes", out)
    expect_in("unit %s/r: Rebuild two: done in " % NS, out)
    after = api.get(unit_path("r"))["status"]
    expect(after["podUID"] != before["podUID"], "the same pod")
    expect_eq((after["nodeName"], after["claim"]), (before["nodeName"], before["claim"]), "node and claim")
    expect_eq([v["claimName"] for v in after["volumes"] if v.get("retained")], ["data-r"], "the volume that is kept")
    expect_eq([v["phase"] for v in after["volumes"] if not v.get("retained")], ["Bound"], "the new one")
    expect_eq(unit(*cli, "get", "k")[0], "\n", "what the new one has")
    expect_eq(unit(*cli, "set", "k", "v")[0], "OK\n")
    expect_in("Rebuild two: asked for already", unit("rebuild", "r", "--in-place", "--yes", "--id", "two")[0])


@test
def the_volume_that_a_rebuild_replaces_goes_where_the_unit_says_so():
    used = next(v["claimName"] for v in api.get(unit_path("r"))["status"]["volumes"] if not v.get("retained"))
    api.patch(unit_path("r"), {"spec": {"volumeRetainPolicy": {"whenRebuilt": "Delete"}}})
    make_volume("r", spare=True)
    expect_in("Rebuild three: done in ", unit("rebuild", "r", "--in-place", "--yes", "--wait", "--id", "three")[0])
    api.wait_gone("%s/%s" % (PVC % NS, used), 60)
    u = api.wait(unit_path("r"), lambda o: len(status(o)["volumes"]) == 2, 60, "two volumes")
    expect_eq([v["claimName"] for v in status(u)["volumes"] if v.get("retained")], ["data-r"], "what was kept before")
    expect_eq(unit("connect", "r", "--", "redis-cli", "-h", A, "set", "k", "v")[0], "OK\n")


@test
def it_stops_and_starts():
    cli = ("connect", "r", "--", "redis-cli", "-h", A)
    expect_in("stop: done in", unit("stop", "r", "--wait")[0])
    out = unit("describe", "r")[0]
    expect_in("phase        Stopped", out)
    expect_in("declared stopped", out)
    expect_in("asked for already", unit("stop", "r")[0])
    expect_in("barewire unit start %s/r first" % NS, unit("restart", "r", code=1)[1])
    expect_in("start: done in", unit("start", "r", "--wait")[0])
    expect_eq(unit(*cli, "get", "k")[0], "v\n", "the data")


@test
def what_is_wrong_is_named():
    for words, code, text in ((("migrate", "r", "--to", "nowhere"), 1, "there is no node nowhere: kubectl get nodes lists them"),
                              (("rebuild", "r", "--yes", "--to", "nowhere"), 1, "there is no node nowhere"), (("rebuild", "r"), 1, "--yes does it"),
                              (("restart", "s"), 1, "there is no Unit s in namespace %s; barewire unit list -A lists all" % NS),
                              (("logs", "s"), 1, "there is no Unit s"), (("connect", "s", "--", "true"), 1, "there is no Unit s"),
                              (("logs", "r", "-c", "mysql"), 64, "it has no container mysql: its containers are redis"),
                              (("connect", "r", "-c", "mysql"), 64, "it has no container mysql: its containers are redis"),
                              (("logs", "r", "--tail", "many"), 64, 'expected a number of lines, got "many"'),
                              (("logs", "r", "-f", "-p"), 64, "-f and -p exclude each other"), (("connect", "--", "r"), 64, "the Unit is named before --")):
        expect_in(text, unit(*words, code=code)[1], " ".join(words))
    node = api.get(unit_path("r"))["status"]["nodeName"]
    other = next(n.name for n in bed.nodes if n.name != node)
    api.patch("/api/v1/nodes/" + other, {"spec": {"unschedulable": True}})
    try:
        expect_in("node %s is cordoned and takes no pods" % other, unit("migrate", "r", "--to", other, code=1)[1])
    finally:
        api.patch("/api/v1/nodes/" + other, {"spec": {"unschedulable": None}})
    make_unit("second", A, wait=False, volumes=())
    said("second", "ClaimBound", "AddressInUse")
    out = unit("describe", "second")[0]
    for line in ("none yet; declared %s; pool lan" % A, "pod          none", "to do        AddressInUse: barewire who ADDRESS"):
        expect_in(line, out)
    expect_in("has no pod", unit("logs", "second", code=1)[1])
    expect_in("has no pod", unit("connect", "second", "--", "true", code=1)[1])


main(setup=setup)
