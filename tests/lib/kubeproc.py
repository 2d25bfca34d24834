# SPDX-License-Identifier: Apache-2.0
"""Programs of the kube bed as child processes: found, started with a log of their own, waited for, killed."""
import os
import re
import signal
import subprocess
import time

TOP = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
CACHE = os.environ.get("BW_CACHE", "/var/cache/barewire")


def versions():
    """The pinned versions, from their one home in scripts/lib."""
    out = {}
    for name in ("kube.sh", "go.sh"):
        with open(os.path.join(TOP, "scripts", "lib", name)) as f:
            out.update(re.findall(r"^([A-Z_]+_VERSION)=(\S+)$", f.read(), re.M))
    return out


def program(name, old=False):
    """Path of a program of the bed: KUBEBUILDER_ASSETS, then the cache (scripts/deps)."""
    v = versions()
    kube = os.path.join(CACHE, "kube-" + v["KUBE_OLD_VERSION" if old else "KUBE_VERSION"])
    folders = [] if old else [os.environ.get("KUBEBUILDER_ASSETS")]
    folders += [kube, os.path.join(CACHE, "etcd-" + v["ETCD_VERSION"]), os.path.join(CACHE, "coredns-" + v["COREDNS_VERSION"]),
                os.path.join(CACHE, "containerd-" + v["CONTAINERD_VERSION"])]
    for folder in filter(None, folders):
        if os.access(os.path.join(folder, name), os.X_OK):
            return os.path.join(folder, name)
    raise RuntimeError("%s is not built: scripts/deps kube-api kube kube-old coredns" % name)


def _start_time(pid):
    """Ticks since boot at which this process began; None when it is gone or waits to be reaped. Its first thread may
    wait to be reaped while others still hold files, a listening socket among them: then it is not gone."""
    try:
        with open("/proc/%s/stat" % pid) as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    threads = int(fields[17])
    return None if fields[0] in "ZX" and threads <= 1 else fields[19]


def wait(fn, timeout_s, what):
    """Polls until fn() is true and returns its value; what: a text, or a function that makes one."""
    end = time.monotonic() + timeout_s
    while True:
        value = fn()
        if value:
            return value
        if time.monotonic() > end:
            raise RuntimeError("%s: not within %.0f s" % (what() if callable(what) else what, timeout_s))
        time.sleep(0.05)


class Proc:
    """One program that can be started, killed and started again, by this process or by a later one: its pid is kept
    in a file beside its log. It outlives who started it, not the sandbox.

    enter: words put before the command (nsenter)."""

    def __init__(self, name, argv, log, enter=(), env=None):
        self.name, self.argv, self.log, self.enter = name, [str(a) for a in argv], log, list(enter)
        self.env, self.child = dict(env or {}), None
        self.pidfile = os.path.splitext(log)[0] + ".pid"

    @property
    def pid(self):
        """Its pid while it lives, else None. A number that the kernel gave again is told by its start time."""
        try:
            with open(self.pidfile) as f:
                pid, started = f.read().split()
            return int(pid) if _start_time(pid) == started else None
        except (OSError, ValueError):
            return None

    @property
    def alive(self):
        return self.pid is not None

    def start(self):
        if self.alive:
            return self
        with open(self.log, "ab") as out:
            self.child = subprocess.Popen([*self.enter, *self.argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                          env=dict(os.environ, **self.env), start_new_session=True)
        with open(self.pidfile, "w") as f:
            f.write("%d %s" % (self.child.pid, _start_time(self.child.pid)))
        return self

    def signal(self, number):
        pid = self.pid
        if pid:
            os.kill(pid, number)
        return pid

    def wait_end(self, timeout_s=10):
        wait(lambda: not self.alive, timeout_s, "the end of " + self.name)

    def kill(self):
        """SIGKILL, and the end seen."""
        if self.signal(signal.SIGKILL):
            self.wait_end()

    def stop(self, timeout_s=10):
        """SIGTERM; who does not listen is killed."""
        if self.signal(signal.SIGTERM):
            try:
                self.wait_end(timeout_s)
            except RuntimeError:
                self.kill()

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def tail(self, lines=15):
        try:
            with open(self.log, errors="replace") as f:
                return "--- end of %s\n%s" % (self.log, "".join(f.readlines()[-lines:]))
        except OSError as e:
            return str(e)

    def wait_ready(self, fn, timeout_s):
        """fn() true while the program lives."""
        def ready():
            if not self.alive:
                raise RuntimeError("%s ended\n%s" % (self.name, self.tail()))
            return fn()
        wait(ready, timeout_s, lambda: "%s is not ready\n%s" % (self.name, self.tail()))
        return self


class Kept(Proc):
    """A program that is started again whenever it ends, as the supervisor of a real cluster does. The pid is the
    supervisor's; signals go to both, so kill() ends both for good and start() begins anew."""

    def __init__(self, name, argv, *rest, **kw):
        super().__init__(name, ["sh", "-c", 'while :; do "$@"; sleep 0.5; done', name, *argv], *rest, **kw)

    def signal(self, number):
        pid = self.pid
        if pid:
            self.group = pid
            os.killpg(pid, number)
        return pid

    def wait_end(self, timeout_s=10):
        wait(lambda: not self.alive and not _group_lives(self.group), timeout_s, "the end of " + self.name)


def _group_lives(group):
    """A process of this group is there and does not merely wait to be reaped."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid) as f:
                if f.read().rpartition(")")[2].split()[2] != str(group):
                    continue
        except OSError:
            continue
        if _start_time(pid):
            return True
    return False
