# SPDX-License-Identifier: Apache-2.0
"""Files of another tier run once more inside a guest, as they are: their tests in one TAP, under the file's name.

    again("net/segments.t", ("net/spoof.t", "peer, accel ebpf"), ["build/tests/bpf/live_test"], BW_LINK="netkit")

A path is below tests/, with what selects among its tests behind it; a list is a command.
"""
import os
import re
import shutil
import subprocess
import sys

from bwtest import BPF_ROOT, JOURNAL, TOP, run, run_json

FILE_S = 240
RESULT = re.compile(r"(not )?ok \d+ (.*)")


def command(what):
    if isinstance(what, list):
        return what[0], what
    path, *selected = what if isinstance(what, tuple) else (what,)
    return path, [os.path.join(TOP, "tests", path), *selected]


class Tap:
    def __init__(self):
        self.n = self.failed = 0

    def result(self, ok, text):
        self.n += 1
        self.failed += not ok
        print("%sok %d %s" % ("" if ok else "not ", self.n, text), flush=True)

    def take(self, name, line):
        """One line of a file; a plan counts for nothing, the file's end tells whether it came to it."""
        found = RESULT.match(line)
        if found:
            self.result(not found.group(1), "- %s: %s" % (name, found.group(2).lstrip("- ")))
        elif not re.match(r"1\.\.\d+", line):
            print("# " + line.lstrip("# "), flush=True)
        return bool(found)


def devices():
    return {link["ifname"] for link in run_json("ip", "-j", "link")}


def clean(known):
    """Each file expects a node of its own."""
    for name in os.listdir("/run/netns"):
        run("ip", "netns", "del", name, check=False)
    for name in devices() - known:
        run("ip", "link", "del", name, check=False)
    run("nft", "flush", "ruleset")
    for folder in (os.path.join(BPF_ROOT, "barewire"), os.path.dirname(JOURNAL), "/run/barewire", "/var/lib/cni"):
        shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.dirname(JOURNAL))


def again(*files, **env):
    tap, known = Tap(), devices()
    for what in files:
        clean(known)
        name, argv = command(what)
        p = subprocess.Popen(["timeout", str(FILE_S), *argv], cwd=TOP, env={**os.environ, **env},
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")
        before = tap.failed
        got = sum(tap.take(name, line.rstrip("\n")) for line in p.stdout)
        if p.wait() and tap.failed == before or not got:
            tap.result(False, "- %s: exit %d after %d tests" % (name, p.returncode, got))
    print("1..%d" % tap.n)
    sys.exit(1 if tap.failed else 0)
