#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""SIGKILL before every system call of barewire-ipam and of `barewire ipam repair`: the journal is sound, DEL returns 0,
nothing is left, and the address can be given again."""
import os
import shutil
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *  # noqa: E402,F403
from crash import CLI, STEP, crash, own_rows  # noqa: E402

IPAM = os.path.join(BUILD, "barewire-ipam")
FOLDER = os.path.dirname(JOURNAL)
CONF = {"cniVersion": "1.1.0", "name": "n1", "type": "x",
        "ipam": {"type": "barewire-ipam", "ranges": [[{"subnet": "10.1.0.0/24"}], [{"subnet": "fd00::/64"}]]},
        "runtimeConfig": {"ips": ["10.1.0.7"]}}
GC = dict({k: v for k, v in CONF.items() if k != "runtimeConfig"}, **{"cni.dev/valid-attachments": []})


def call(verb, ns, cid):
    return cni(verb, CONF, ns, cid=cid, plugin=IPAM)


def wipe():
    shutil.rmtree(FOLDER, ignore_errors=True)


def sound():
    """Nothing is found but containers that were made to go."""
    if os.path.exists(JOURNAL):
        found = json.loads(run(CLI, "ipam", "check", "-o", "json", check=False))["findings"]
        expect_eq([f for f in found if "no longer exists" not in f], [])


def killed_at_every_call(verb, before, conf=CONF, ip="10.1.0.7/24"):
    """before(n) brings the node into its state and returns namespace and container of the call."""
    n = 1
    while True:
        ns, cid = before(n)
        env = cni_env(verb, None if verb == "GC" else ns, cid=None if verb == "GC" else cid,
                      ifname=None if verb == "GC" else "eth0")
        answer = crash(n, [IPAM], conf, env)
        sound()
        if verb == "GC":
            expect_ok(cni("GC", GC, plugin=IPAM))
        expect_ok(call("DEL", ns, cid))
        expect_eq(own_rows(), [], "rows after the kill before %s, call %d" % (answer.get("call"), n))
        expect_eq(sorted(f for f in (os.listdir(FOLDER) if os.path.isdir(FOLDER) else []) if not f.startswith("journal.db")), [])
        expect_eq(expect_ok(call("ADD", ns, cid)).ips[0], ip)
        expect_ok(call("DEL", ns, cid))
        sound()
        if not answer["killed"]:
            expect_eq(answer["exit"], 0, answer["out"])
            break
        n += STEP
    diag("%d calls" % (n - 1))


@test
def first_add_killed_at_any_call():
    ns = Netns("a")

    def before(n):
        wipe()
        return ns, "c1"
    killed_at_every_call("ADD", before)


@test
def add_killed_at_any_call():
    ns = Netns("a")
    wipe()
    expect_ok(call("ADD", ns, "c1"))
    expect_ok(call("DEL", ns, "c1"))
    killed_at_every_call("ADD", lambda n: (ns, "c1"))


@test
def del_killed_at_any_call():
    ns = Netns("a")
    wipe()

    def before(n):
        expect_ok(call("ADD", ns, "c1"))
        return ns, "c1"
    killed_at_every_call("DEL", before)


@test
def gc_killed_at_any_call():
    ns = Netns("a")
    wipe()

    def before(n):
        expect_ok(call("ADD", ns, "c1"))
        return ns, "c1"
    killed_at_every_call("GC", before, GC)


@test
def takeover_killed_at_any_call():
    ns = Netns("a")
    wipe()

    def before(n):
        dead = Netns("dead")
        expect_ok(call("ADD", dead, "old"))
        dead.remove()
        return ns, "c1"

    n = 1
    while True:
        before(n)
        answer = crash(n, [IPAM], CONF, cni_env("ADD", ns, cid="c1", ifname="eth0"))
        sound()
        expect_ok(call("DEL", ns, "c1"))
        # Whoever comes next gets the address, and the late DEL of the dead one frees nothing of it.
        expect_eq(expect_ok(call("ADD", ns, "c2")).ips[0], "10.1.0.7/24")
        expect_ok(call("DEL", "/run/netns/dead", "old"))
        expect_error(call("ADD", ns, "c3"), 11, "held by container c2")
        expect_ok(call("DEL", ns, "c2"))
        expect_eq(own_rows(), [])
        if not answer["killed"]:
            break
        n += STEP
    diag("%d calls" % (n - 1))


@test
def repair_killed_at_any_call():
    """The damaged file is never lost: a second repair saves what the first one would have."""
    ns = Netns("a")
    wipe()
    for i in range(60):
        expect_ok(cni("ADD", dict(CONF, runtimeConfig={}), ns, cid="c%d" % i, plugin=IPAM))
    copy = os.path.join(workdir(), "damaged")
    shutil.copytree(FOLDER, copy)
    os.unlink(os.path.join(copy, "journal.db-shm"))
    db = sqlite3.connect(os.path.join(copy, "journal.db"))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    with open(os.path.join(copy, "journal.db"), "r+b") as f:
        f.seek(-4096, 2)
        f.write(b"\1" * 64)

    def restore():
        wipe()
        shutil.copytree(copy, FOLDER)
    restore()
    expect(subprocess.run([CLI, "ipam", "check"], capture_output=True).returncode != 0, "the damage is found")
    whole = json.loads(run(CLI, "ipam", "repair", "-o", "json"))["attachments"]
    expect(whole >= 30, "%d rows were saved" % whole)
    n = 1
    while True:
        restore()
        answer = crash(n, [CLI, "ipam", "repair"])
        saved = json.loads(run(CLI, "ipam", "repair", "-o", "json"))["attachments"]
        expect_eq(saved, whole, "rows after the kill before %s, call %d" % (answer.get("call"), n))
        sound()
        if not answer["killed"]:
            expect_eq(answer["exit"], 0)
            break
        n += STEP
    expect(not os.path.exists(os.path.join(FOLDER, "repair.tmp")), "the working folder is gone")
    wipe()
    diag("%d calls" % (n - 1))


main()
