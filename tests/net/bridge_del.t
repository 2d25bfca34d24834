#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""DEL and GC of barewire-bridge: as far as they can, whatever is missing, and nothing of anybody else."""
import os
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bridgebed import *

FULL = dict(isDefaultGateway=True, ipMasq=True)


def journal_files():
    return [os.path.join("/var/lib/barewire", n) for n in os.listdir("/var/lib/barewire")]


def lose_journal(ns, answer):
    for path in journal_files():
        os.unlink(path)


def corrupt_journal(ns, answer):
    for path in journal_files():
        os.unlink(path)
    with open(JOURNAL, "w") as f:
        f.write("no database at all, whatever its name says; " * 400)


def kill_namespace(ns, answer):
    ns.remove()


def rename_host_end(ns, answer):
    run("ip", "link", "set", host_if(answer), "down")
    run("ip", "link", "set", host_if(answer), "name", "upxxx")


def remove_host_end(ns, answer):
    run("ip", "link", "del", host_if(answer))


def remove_bridge(ns, answer):
    run("ip", "link", "del", BRIDGE)


def forget_programs(ns, answer):
    shutil.rmtree("/sys/fs/bpf/barewire")


def nothing(ns, answer):
    pass


def leaves_nothing(arrange, conf=None, del_conf=None, netns=None, journal=True):
    """ADD, something happens, DEL twice; then the same container is added once more."""
    clean()
    ns, conf = Netns("a"), conf or net(V4, V6, **FULL)
    answer = expect_ok(cni("ADD", conf, ns))
    arrange(ns, answer)
    where = ns.path if netns is None else netns
    for _ in range(2):
        answer = expect_ok(cni("DEL", conf if del_conf is None else del_conf, where, cid="a"))
        expect_eq(answer.out, "", "output")
    if journal:
        expect_clean()
    else:
        expect_eq([name for name in links() if name.startswith("bw") and len(name) == 13], [], "devices")
        for path in journal_files():
            os.unlink(path)
        expect_clean("left without a journal")
    expect_eq([name for name in links() if name.startswith("up")], [], "renamed devices")
    again = Netns("again")
    expect_ok(cni("ADD", conf, again, cid="a"))
    expect_ok(cni("DEL", conf, again, cid="a"))
    expect_clean("left by the second container")


case("DEL leaves nothing", leaves_nothing, nothing)
case("with an empty CNI_NETNS", leaves_nothing, nothing, None, None, "")
case("with a CNI_NETNS that is gone", leaves_nothing, kill_namespace)
case("with another namespace in CNI_NETNS", leaves_nothing, nothing, None, None, "/proc/self/ns/net")
case("without a journal", leaves_nothing, lose_journal, None, None, None, False)
case("with a corrupt journal", leaves_nothing, corrupt_journal, None, None, None, False)
case("with the host end renamed", leaves_nothing, rename_host_end)
case("with the host end gone", leaves_nothing, remove_host_end)
case("with the bridge gone", leaves_nothing, remove_bridge)
case("with the pins gone", leaves_nothing, forget_programs)
BAD = dict(net(V4), bridge="a b", vlan=9999, accel=7, antiSpoof="x", ipMasq="yes", mtu=-1, cniVersion="9.9.9",
           ipam={"type": "barewire-ipam", "ranges": 7})
case("with every key of the configuration bad", leaves_nothing, nothing, None, BAD)
case("with another dataDir", leaves_nothing, nothing, net(V4, ipam={"dataDir": "/var/lib/barewire/other"}))


@fresh
def a_device_of_others_is_not_touched():
    ns, conf = Netns("a"), net(V4)
    expect_ok(cni("ADD", conf, ns))
    ns.remove()
    ns = Netns("a")  # the same path, another namespace
    ns.ip("link add eth0 type veth peer name other")
    before = ns.snapshot()
    expect_ok(cni("DEL", conf, ns))
    expect_same(before, ns.snapshot())
    expect_clean()


@fresh
def a_late_del_frees_nothing_of_the_new_holder():
    conf = net(V4, isGateway=True, runtimeConfig={"ips": ["10.88.0.77"]}, ipam={"cooldown": 60})
    old, new = Netns("old"), Netns("new")
    expect_ok(cni("ADD", conf, old))
    old.remove()
    answer = expect_ok(cni("ADD", conf, new))
    expect_eq(answer.ips, ["10.88.0.77/24"], "the address at once")
    expect_ok(cni("DEL", conf, "/run/netns/old", cid="old"))
    expect_ok(cni("CHECK", with_prev(conf, answer), new))
    expect(ping(new, "10.88.0.1"), "the new holder works")
    # DEL, then ADD within the cooldown: a declared address comes back at once.
    expect_ok(cni("DEL", conf, new))
    third = Netns("third")
    expect_ok(cni("ADD", conf, third))
    expect_ok(cni("DEL", conf, third))


@fresh
def after_a_reboot_the_address_comes_back():
    conf = net(V4, runtimeConfig={"ips": ["10.88.0.77"]})
    ns, again = Netns("a"), Netns("again")
    expect_ok(cni("ADD", conf, ns))
    with tempfile.TemporaryDirectory() as folder:
        boot = os.path.join(folder, "boot_id")
        with open(boot, "w") as f:
            f.write("11111111-2222-3333-4444-555555555555\n")
        env = {"BAREWIRE_BOOT_ID_FILE": boot}
        expect_ok(cni("ADD", conf, again, extra=env))
        expect_eq(again.addrs(), ["10.88.0.77/24"], "address")
        expect_ok(cni("DEL", conf, ns, extra=env))
        expect_ok(cni("DEL", conf, again, extra=env))
    expect_clean()


@fresh
def a_journal_that_is_locked_is_error_11_and_a_retry_completes():
    import sqlite3
    ns, conf = Netns("a"), net(V4)
    answer = expect_ok(cni("ADD", conf, ns))
    db = sqlite3.connect(JOURNAL, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    expect_error(cni("DEL", conf, ns, timeout=120), 11)
    expect(host_if(answer) not in links(), "the kernel side is down")
    db.execute("ROLLBACK")
    db.close()
    expect_ok(cni("DEL", conf, ns))
    expect_clean()


@fresh
def a_delegates_failure_is_passed_on_after_everything_else():
    ns = Netns("a")
    with tempfile.TemporaryDirectory() as folder:
        fake_ipam(folder, fail=["DEL"])
        conf = net(ipam={"type": "fake-ipam"}, ipMasq=True)
        expect_ok(cni("ADD", conf, ns, path=folder))
        expect_error(cni("DEL", conf, ns, path=folder), 123, "today")
        expect_clean()
        # One that is not there any more must not keep a pod from going.
        os.unlink(os.path.join(folder, "fake-ipam"))
        expect_ok(cni("DEL", conf, ns, path=folder))


# GC ------------------------------------------------------------------------------------------------

def gc(conf, *valid, **kw):
    return cni("GC", {**conf, "cni.dev/valid-attachments": [{"containerID": c, "ifname": "eth0"} for c in valid]}, **kw)


@fresh
def gc_collects_what_is_not_valid():
    conf = net(V4, V6, **FULL)
    other = net("10.89.0.0/24", name="other", bridge="bw1", **FULL)
    a, b, c, d = [Netns(x) for x in "abcd"]
    kept = expect_ok(cni("ADD", conf, a))
    gone = expect_ok(cni("ADD", conf, b))
    expect_ok(cni("ADD", conf, c))
    foreign = expect_ok(cni("ADD", other, d))
    c.remove()
    expect_ok(gc(conf, "a"))
    expect(host_if(gone) not in links(), "the interface of b is gone")
    expect_eq(sorted(r.split('"container_id": "')[1][0] for r in journal_rows() if r.startswith("attachment")),
              ["a", "d"], "rows")
    rules = run("nft", "list", "ruleset")
    expect_in("net a eth0", rules, "rules of a")
    expect_in("other d eth0", rules, "rules of another network")
    expect("net b eth0" not in rules and "net c eth0" not in rules, "rules of b and c are gone")
    expect_eq(len([e for e in map_entries() if e.startswith("bw_ep ")]), 2, "endpoints")
    expect_ok(cni("CHECK", with_prev(conf, kept), a))
    expect_ok(cni("CHECK", with_prev(other, foreign), d))
    expect_ok(gc(conf))
    expect_ok(gc(other))
    expect_clean()


@fresh
def gc_without_its_list_is_an_error_and_collects_nothing():
    ns, conf = Netns("a"), net(V4)
    answer = expect_ok(cni("ADD", conf, ns))
    expect_error(cni("GC", conf), 7, "valid-attachments")
    expect_ok(cni("CHECK", with_prev(conf, answer), ns))


@fresh
def gc_finds_rules_and_pins_without_a_journal():
    ns, conf = Netns("a"), net(V4, **FULL)
    name = host_if(expect_ok(cni("ADD", conf, ns)))
    ns.remove()
    wait_until(lambda: name not in links(), 5, "the interface goes with its namespace")
    lose_journal(None, None)
    expect_ok(gc(conf))
    expect_clean()


@fresh
def gc_is_forwarded():
    with tempfile.TemporaryDirectory() as folder:
        fake_ipam(folder)
        expect_ok(gc(net(ipam={"type": "fake-ipam"}), path=folder))
        expect_eq(calls(folder), ["GC"], "calls of the plugin")


main()
