#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A bed leaves nothing on the machine, however it ends: a second one, within this one's namespaces, is ended in
each way."""
import glob
import os
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubetest import *  # noqa: E402

KUBE_BED = os.path.join(TOP, "scripts", "kube-bed")
TMP = tempfile.mkdtemp(prefix="barewire.")
ENV = {k: v for k, v in os.environ.items() if not k.startswith("BW_SANDBOX") and k != "BW_KUBE"}
ENV["TMPDIR"] = TMP


made = set()  # names of the beds that were seen; others stand on this machine too


def leftovers():
    """Folders and control groups of the second beds, and processes that speak of them."""
    made.update(os.listdir(TMP))
    found = os.listdir(TMP) + [g for name in made for g in glob.glob("/sys/fs/cgroup/" + name) + glob.glob("/sys/fs/cgroup/*/" + name)]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/cmdline" % pid) as f:
                words = f.read()
        except OSError:
            continue
        if TMP + "/bwkube-" in words:
            found.append("%s %s" % (pid, words.replace("\0", " ")[:100]))
    return found


def nothing_left():
    wait_until(lambda: not leftovers(), 30, lambda: "left: %s" % leftovers())


def second(*command):
    """A bed of one node; returns its process once it stands with a pod's group made."""
    p = subprocess.Popen([KUBE_BED, "run", "-n", "1", "-t", "120", *command], env=ENV, stderr=subprocess.PIPE, text=True)
    line = p.stderr.readline()
    expect_in("stands after", line, "stderr")
    expect(leftovers(), "the test looks in the wrong place")
    return p


@test
def a_bed_whose_command_fails_tells_so_and_leaves_nothing():
    p = second("false")
    expect_eq(p.wait(60), 1, "exit code")
    expect_eq(leftovers(), [], "left")


@test
def a_bed_whose_runner_is_killed_leaves_nothing():
    p = second("sleep", "300")
    p.send_signal(signal.SIGKILL)
    p.wait(10)
    nothing_left()


@test
def what_is_left_when_the_guardian_dies_too_goes_with_the_next_bed():
    p = second("sleep", "300")
    guardian = [int(pid) for pid in run("pgrep", "-f", KUBE_BED + " run").split() if int(pid) != p.pid and os.getsid(int(pid)) == int(pid)]
    expect_eq(len(guardian), 1, "guardians")
    os.kill(guardian[0], signal.SIGKILL)
    p.send_signal(signal.SIGKILL)
    p.wait(10)
    wait_until(lambda: not [x for x in leftovers() if " " in x], 20, "the end of its processes")
    expect(leftovers(), "who cleaned up?")
    p = second("true")
    expect_eq(p.wait(60), 0, "exit code")
    nothing_left()


main(setup=lambda: atexit.register(shutil.rmtree, TMP, True))
