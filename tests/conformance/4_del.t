#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CNI 1.1.0: DEL (statements 38 to 42)."""
import os
import sqlite3
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bwtest import *
from cnibed import *


def warm(program):
    """The bridge and the pinned programs stay after the last DEL: they are there before we look."""
    ns = Netns("warm")
    added(program, conf_of(program), ns)
    deleted(program, conf_of(program), ns)
    ns.remove()


def leaves_nothing(program, prepare):
    """Statement 38: exit 0, empty stdout, twice in a row, and nothing is left."""
    ns = Netns("a")
    warm(program)
    clean = state()
    conf, kw, target = prepare(program, ns)
    for _ in range(2):
        deleted(program, conf, target, **kw)
        changes = diff(clean, state(), ignore=("netns",))
        expect(not changes, "left behind:\n%s" % "\n".join(changes))


def after_add(program, ns):
    added(program, conf_of(program), ns)
    return conf_of(program), {}, ns


def after_add_with_prev(program, ns):
    conf = conf_of(program)
    return with_prev(conf, added(program, conf, ns)), {}, ns


def without_add(program, ns):
    return conf_of(program), {}, ns


def after_failed_add(program, ns):
    conf = conf_of(program, runtimeConfig={"ips": ["10.1.0.77"]})
    other = Netns("other")
    added(program, conf, other)
    expect_error(plug(program, "ADD", conf, ns), 11)
    deleted(program, conf, other)
    other.remove()
    return conf, {}, ns


def netns_gone(program, ns):
    conf = conf_of(program)
    added(program, conf, ns)
    ns.remove()
    return conf, {"cid": "a"}, "/run/netns/a"


def netns_empty(program, ns):
    conf = conf_of(program)
    added(program, conf, ns)
    return conf, {"cid": "a"}, ""


def netns_missing(program, ns):
    conf = conf_of(program)
    added(program, conf, ns)
    return conf, {"cid": "a"}, None


def netns_a_plain_file(program, ns):
    conf = conf_of(program)
    added(program, conf, ns)
    ns.remove()
    path = os.path.join(workdir(), "file")
    open(path, "w").close()
    return conf, {"cid": "a"}, path


def remove_journal():
    folder = os.path.dirname(JOURNAL)
    for name in os.listdir(folder) if os.path.isdir(folder) else []:
        os.unlink(os.path.join(folder, name))


SITUATIONS = (after_add, after_add_with_prev, without_add, after_failed_add, netns_gone, netns_empty, netns_missing,
              netns_a_plain_file)
for _program in PROGRAMS:
    for _prepare in SITUATIONS:
        case("38 del twice leaves nothing, %s: %s" % (_prepare.__name__.replace("_", " "), _program),
             leaves_nothing, _program, _prepare)


@both
def _38_a_missing_or_corrupt_journal_does_not_stop_del(program):
    ns = Netns("a")
    conf = conf_of(program)
    for spoil in (remove_journal, spoil_journal):
        added(program, conf, ns)
        try:
            spoil()
            answer = deleted(program, conf, ns)
            if os.path.exists(JOURNAL):
                expect_in("journal", answer.err, "log")
            if program == BRIDGE:
                expect_eq(host_ports(), [], "ports left on the bridge")
                expect("eth0" not in [l["ifname"] for l in ns.ip_json("link")], "the interface is left in the pod")
        finally:
            remove_journal()


BAD_CONFIGURATIONS = {
    "an unsupported version": lambda c: {**c, "cniVersion": "9.0.0"},
    "no version": lambda c: {k: v for k, v in c.items() if k != "cniVersion"},
    "a bad name": lambda c: {**c, "name": "../x"},
    "no name": lambda c: {k: v for k, v in c.items() if k != "name"},
    "bad keys": lambda c: {**c, "mtu": "x", "vlan": 99999, "isGateway": 5, "accel": "warp", "antiSpoof": 3},
    "a bad ipam": lambda c: {**c, "ipam": {"type": IPAM, "ranges": "x", "strategy": 5, "cooldown": -1}},
    "no ipam": lambda c: {k: v for k, v in c.items() if k != "ipam"},
    "ipam of another type": lambda c: {**c, "ipam": 5},
    "a broken prevResult": lambda c: {**c, "prevResult": {"cniVersion": "9", "ips": 5}},
    "an empty object": lambda c: {},
}


def lenient(program, name):
    """DEL goes as far as it can whatever its configuration says."""
    ns = Netns("a")
    conf = conf_of(program)
    added(program, conf, ns)
    answer = deleted(program, BAD_CONFIGURATIONS[name](conf), ns, args="broken;NoSuchKey=1")
    expect_eq((held(), attachments()), ([], []), "journal after %s" % answer)
    if program == BRIDGE:
        expect_eq(host_ports(), [], "ports left on the bridge")


for _program in PROGRAMS:
    for _name in BAD_CONFIGURATIONS:
        case("38 del works with %s: %s" % (_name, _program), lenient, _program, _name)


@both
def _38_a_journal_that_cannot_be_written_now_is_error_11_and_a_retry_completes(program):
    ns = Netns("a")
    conf = conf_of(program)
    added(program, conf, ns)
    db = sqlite3.connect(JOURNAL, isolation_level=None)
    db.execute("BEGIN IMMEDIATE")
    try:
        answer = plug(program, "DEL", conf, ns)
        expect_error(answer, 11)
        check_error_object(answer)
        if program == BRIDGE:
            expect_eq(host_ports(), [], "the kernel side is taken down all the same")
    finally:
        db.execute("ROLLBACK")
        db.close()
    deleted(program, conf, ns)
    expect_eq((held(), attachments()), ([], []), "journal")


@both
def _39_del_releases_the_address_when_the_namespace_is_gone(program):
    ns = Netns("a")
    conf = conf_of(program)
    added(program, conf, ns)
    expect_eq(held(), ["10.1.0.2"], "held")
    ns.remove()
    deleted(program, conf, "/run/netns/a", cid="a")
    expect_eq(held(), [], "held after DEL")


@one
def _39_the_delegates_del_is_called_even_when_the_link_is_missing():
    foreign = Foreign()
    ns = Netns("a")
    added(BRIDGE, foreign.conf(), ns, path=foreign.path)
    ns.ip("link del eth0")
    deleted(BRIDGE, foreign.conf(), ns, path=foreign.path)
    ns.remove()
    deleted(BRIDGE, foreign.conf(), "/run/netns/a", cid="a", path=foreign.path)
    expect_eq(foreign.verbs(), ["ADD", "DEL", "DEL"], "calls")


@one
def _39_a_failing_delegate_is_reported_after_everything_else_was_done():
    foreign = Foreign()
    ns = Netns("a")
    added(BRIDGE, foreign.conf(), ns, path=foreign.path)
    foreign.answer("DEL", {"cniVersion": NEWEST, "code": 122, "msg": "cannot let go"}, fail=True)
    expect_error(plug(BRIDGE, "DEL", foreign.conf(), ns, path=foreign.path), 122, "cannot let go")
    expect_eq(host_ports("br9"), [], "ports left on the bridge")
    expect("eth0" not in [l["ifname"] for l in ns.ip_json("link")], "the interface is left in the pod")


@one
def _40_an_empty_netns_still_removes_rules_and_host_interface():
    warm(BRIDGE)
    ns = Netns("a")
    conf = bridge_conf(ipMasq=True)
    added(BRIDGE, conf, ns)
    deleted(BRIDGE, conf, ns)
    before = state(bpf=True)
    added(BRIDGE, conf, ns)
    expect_in("10.1.0.2", run("nft", "list", "ruleset"), "masquerade rules")
    deleted(BRIDGE, conf, "", cid="a")
    expect_same(before, state(bpf=True))


@both
def _41_a_late_del_does_not_touch_the_new_holder(program):
    conf = conf_of(program, runtimeConfig={"ips": ["10.1.0.77"]})
    old = Netns("old")
    added(program, conf, old)
    old.remove()
    new = Netns("new")
    answer = added(program, conf, new)
    before = state(new)
    deleted(program, conf, "/run/netns/old", cid="old")
    expect_same(before, state(new))
    expect_ok(plug(program, "CHECK", with_prev(conf, answer), new))
    expect_eq(held(), ["10.1.0.77"], "held")
    deleted(program, conf, new)


@one
def _42_another_namespace_behind_the_same_path_is_not_harmed():
    conf = bridge_conf()
    ns = Netns("a")
    added(BRIDGE, conf, ns)
    ns.remove()
    again = Netns("a")
    again.ip("link add eth0 type veth peer name other")
    again.ip("addr add 10.99.0.1/24 dev eth0")
    before = settled(again.snapshot())
    deleted(BRIDGE, conf, again)
    expect_same(before, settled(again.snapshot()))
    expect_eq(held(), [], "held")


@one
def _42_a_namespace_of_the_same_name_attached_anew_is_not_harmed():
    conf = bridge_conf()
    ns = Netns("a")
    added(BRIDGE, conf, ns, cid="old")
    ns.remove()
    again = Netns("a")
    answer = added(BRIDGE, conf, again, cid="new")
    deleted(BRIDGE, conf, again, cid="old")
    expect_ok(plug(BRIDGE, "CHECK", with_prev(conf, answer), again, cid="new"))
    deleted(BRIDGE, conf, again, cid="new")


main()
