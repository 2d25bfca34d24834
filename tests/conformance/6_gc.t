#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CNI 1.1.0: GC (statements 46 to 50)."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bwtest import *
from cnibed import *

VALID = "cni.dev/valid-attachments"
OLD_VALID = "cni.dev/attachments"


def gc(program, conf, valid, key=VALID, **kw):
    items = [{"containerID": cid, "ifname": ifname} for cid, ifname in valid]
    return plug(program, "GC", {**conf, key: items}, **kw)


def kept(program, key):
    """Statement 46: what is on the list stays, the rest goes."""
    conf = conf_of(program)
    pods = [Netns(n) for n in "abc"]
    answers = {ns.name: added(program, conf, ns) for ns in pods}
    expect_eq(expect_ok(gc(program, conf, [("b", "eth0"), ("a", "net7"), ("nobody", "eth0")], key)).out, "", "stdout")
    expect_eq(attachments(), [("b", "eth0")], "attachments")
    expect_eq(held(), [answers["b"].json["ips"][0]["address"].split("/")[0]], "addresses held")
    if program == BRIDGE:
        expect_eq(len(host_ports()), 1, "ports of the bridge")
    expect_ok(plug(program, "CHECK", with_prev(conf, answers["b"]), pods[1]))
    for ns in pods:
        deleted(program, conf, ns)


for _program in PROGRAMS:
    for _key in (VALID, OLD_VALID):
        case("46 gc reads %s: %s" % (_key, _program), kept, _program, _key)


@both
def _46_the_first_key_wins_when_both_are_there(program):
    conf = conf_of(program)
    ns = Netns("a")
    added(program, conf, ns)
    doc = {**conf, VALID: [{"containerID": "a", "ifname": "eth0"}], OLD_VALID: []}
    expect_ok(plug(program, "GC", doc))
    expect_eq(attachments(), [("a", "eth0")], "attachments")
    deleted(program, conf, ns)


@both
def _47_an_empty_list_means_that_nothing_is_valid(program):
    conf = conf_of(program, **({"ipMasq": True} if program == BRIDGE else {}))
    warm = Netns("warm")
    added(program, conf, warm)
    deleted(program, conf, warm)
    warm.remove()
    clean = state(bpf=True)
    for name in "ab":
        added(program, conf, Netns(name))
    Netns.remove_all()
    expect_ok(gc(program, conf, []))
    expect_same(clean, state(bpf=True))


@both
def _47_without_the_list_nothing_is_collected(program):
    conf = conf_of(program)
    ns = Netns("a")
    added(program, conf, ns)
    refused(program, "GC", conf, ns, 7, VALID)
    for bad in ({}, "a", 5, ["a"], [{}], [{"containerID": "a"}], [{"ifname": "eth0"}],
                [{"containerID": 5, "ifname": "eth0"}], [{"containerID": "", "ifname": "eth0"}]):
        refused(program, "GC", {**conf, VALID: bad}, ns, 7, VALID)
    deleted(program, conf, ns)


@both
def _47_null_is_the_empty_list_that_libcni_writes_of_a_nil_slice(program):
    conf = conf_of(program)
    for key in (VALID, OLD_VALID):
        added(program, conf, Netns("a"))
        Netns.remove_all()
        expect_ok(plug(program, "GC", {**conf, key: None}))
        expect_eq((attachments(), held()), ([], []), "attachments and addresses")


@both
def _48_other_networks_are_untouched(program):
    mine = conf_of(program)
    other = conf_of(program, name="other", ipam=pool({"subnet": "10.2.0.0/24"}))
    if program == BRIDGE:
        other["bridge"] = "br1"
    a, b = Netns("a"), Netns("b")
    added(program, mine, a)
    answer = added(program, other, b)
    before = state(b)
    expect_ok(gc(program, mine, [("a", "eth0")]))
    expect_same(before, state(b))
    expect_ok(gc(program, mine, []))
    expect_eq(attachments(), [("b", "eth0")], "attachments")
    expect_ok(plug(program, "CHECK", with_prev(other, answer), b))
    deleted(program, other, b)


@one
def _48_a_failure_does_not_stop_the_rest_and_is_one_error():
    foreign = Foreign()
    conf = foreign.conf()
    for n, name in enumerate("abc"):
        foreign.answer("ADD", {"cniVersion": NEWEST, "ips": [{"address": "10.9.0.%d/24" % (n + 5),
                                                              "gateway": "10.9.0.1"}]})
        added(BRIDGE, conf, Netns(name), path=foreign.path)
    foreign.answer("GC", {"cniVersion": NEWEST, "code": 144, "msg": "cannot collect"}, fail=True)
    answer = gc(BRIDGE, conf, [("b", "eth0")], path=foreign.path)
    expect_error(answer, 144, "cannot collect")
    check_error_object(answer)
    expect_eq(attachments(), [("b", "eth0")], "attachments")
    expect_eq(len(host_ports("br9")), 1, "ports of the bridge")
    deleted(BRIDGE, conf, "/run/netns/b", cid="b", path=foreign.path)


@one
def _49_gc_is_forwarded_to_the_delegate():
    foreign = Foreign()
    conf = foreign.conf()
    ns = Netns("a")
    added(BRIDGE, conf, ns, path=foreign.path)
    answer = expect_ok(gc(BRIDGE, conf, [("a", "eth0")], path=foreign.path))
    expect_eq(answer.out, "", "stdout")
    verb, _, stdin = foreign.calls()[-1]
    expect_eq(verb, "GC", "last call")
    expect_eq(json.loads(stdin), {**conf, VALID: [{"containerID": "a", "ifname": "eth0"}]}, "stdin of the delegate")
    deleted(BRIDGE, conf, ns, path=foreign.path)


@both
def _50_the_verb_alone_collects_without_a_del(program):
    conf = conf_of(program)
    ns = Netns("a")
    added(program, conf, ns)
    ns.remove()
    expect_eq(attachments(), [("a", "eth0")], "attachments before")
    expect_ok(gc(program, conf, []))
    expect_eq((attachments(), held()), ([], []), "attachments and addresses")
    expect_ok(gc(program, conf, []))


main()
