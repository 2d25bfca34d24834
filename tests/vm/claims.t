#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# vm: nics=1 kernel=6.12 with=go
"""Claims on a card: barewire-agent answers from the journal, barewire-bridge reads the binding and becomes
barewire-sriov or macvlan; DEL follows the journal's row. And the daemon cuts such attachments off, both ways, without
taking the pod's link or routes."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from vfbed import *
from fakeagent import CLAIMS, binding, make_journal, outbox, pod, put
from realagent import RealAgent

MAC = "02:77:00:00:00:05"
PATH = "%s:%s" % (BUILD, os.path.dirname(reference("macvlan")))


def ask(verb, name, ns, **kw):
    return cni(verb, CLAIMS, ns, args=pod(name), cid=name, path=PATH, **kw)


def at(name, ip, **more):
    return {**binding(name, [ip], **more), "ips": [{"address": ip, "gateway": "10.77.0.1"}]}


def vf_binding(name, ip, **more):
    return at(name, ip, **{"mode": "sriov", "uplink": "pf0", "domain": "san", "pool": "san", **more})


def attachment(name):
    """(program, token, cut off) of the journal's row."""
    for row in journal_rows(tables=("attachment",)):
        cells = json.loads(row.split(" ", 1)[1])
        if cells["claim_uid"] == "uid-" + name:
            return cells["program"], cells["token"], bool(cells["flags"] & 8)
    return None


def on_card(fn):
    def run_on_card():
        clean()
        make_journal()
        with RealAgent() as agent:
            fn(agent)
    run_on_card.__name__ = fn.__name__
    return test(run_on_card)


@on_card
def a_claim_of_mode_sriov_gets_a_VF_with_its_address_MAC_and_VLAN(agent):
    before = {vf.pci: vf.state() for vf in vfs()}
    put(vf_binding("redis-0", "10.77.0.5/24", mac=MAC, vlan=100, token=7))
    a = Netns("a")
    answer = expect_ok(ask("ADD", "redis-0", a))
    expect_eq(answer.ips, ["10.77.0.5/24"])
    expect_eq(a.addrs(), ["10.77.0.5/24"])
    expect_in("default via 10.77.0.1", " ".join(a.routes()))
    held = holds()
    expect_eq(list(held.values()), ["redis-0"], "held VFs")
    vf = next(v for v in vfs() if v.pci in held)
    expect_eq((vf.seen()["vlan"], vf.seen()["mac"], vfnl.get_link("eth0", a).mac), (100, MAC, MAC), "VLAN and MAC at the PF and in the pod")
    expect_eq(attachment("redis-0"), ("barewire-sriov", 7, False), "the row")
    ack = outbox()[-1]
    expect_eq((ack[0], ack[1], ack[2], ack[3]["mac"]), ("uid-redis-0", 7, "attached", MAC), "the acknowledgement")
    put(vf_binding("redis-1", "10.77.0.6/24", vlan=100))
    b = Netns("b")
    expect_ok(ask("ADD", "redis-1", b))
    expect_reach(a, "10.77.0.5", b, "10.77.0.6", "one VLAN")
    expect_ok(cni("CHECK", with_prev(CLAIMS, answer), a, args=pod("redis-0"), cid="redis-0", path=PATH))
    for name, ns in (("redis-0", a), ("redis-1", b)):
        expect_ok(ask("DEL", name, ns))
    expect_eq(outbox()[-1][2], "detached", "given back")
    expect_eq(holds(), {}, "held VFs")
    for v in vfs():
        expect_restored(v, before[v.pci], timeout_s=10)


def routes_of(ns):
    """Of the claim's address; whether or not the carrier is back. Link-local ones come when they like."""
    return [r.replace("linkdown ", "") for r in ns.routes() if r.startswith(("default", "10.77."))]


def silent_and_back(agent, down, up, first, second):
    """Of two pods of one uplink the Available one is held when the carrier goes; the other one is not."""
    a, b = Netns("a"), Netns("b")
    expect_ok(ask("ADD", first, a))
    expect_ok(ask("ADD", second, b))
    expect_reach(a, "10.77.0.5", b, "10.77.0.6", "before")
    routes = routes_of(a)
    down()
    wait_until(lambda: attachment(first)[2], 60, lambda: "the hold; the agent said:\n" + agent.said())
    expect(not attachment(second)[2], "the Strict one")
    up()
    expect_apart(a, "10.77.0.5", b, "10.77.0.6", "held")
    expect_eq(routes_of(a), routes, "the pod's routes")
    expect("DOWN" not in a.ip("-o link show eth0").split("<")[1].split(">")[0], "its link")
    return a, b


@on_card
def a_VF_is_cut_off_without_its_link_or_routes(agent):
    put(vf_binding("redis-0", "10.77.0.5/24", fencing="Available"))
    put(vf_binding("redis-1", "10.77.0.6/24"))
    a, b = silent_and_back(agent, lambda: run("ip link set pf0 down"), lambda: vmnic.up("pf0"), "redis-0", "redis-1")
    for name, ns in (("redis-0", a), ("redis-1", b)):
        expect_ok(ask("DEL", name, ns))
    expect_no_rows()


@on_card
def a_macvlan_is_cut_off_without_its_link_or_routes(agent):
    run("ip link add d0 type dummy")
    run("ip link set d0 up")
    try:
        for name, ip, fencing in (("redis-0", "10.77.0.5/24", "Available"), ("redis-1", "10.77.0.6/24", "Strict")):
            put(at(name, ip, mode="macvlan", uplink="d0", fencing=fencing))
        a, b = silent_and_back(agent, lambda: run("ip link set d0 down"), lambda: run("ip link set d0 up"), "redis-0", "redis-1")
        for name, ns in (("redis-0", a), ("redis-1", b)):
            expect_ok(ask("DEL", name, ns))
        expect_no_rows()
    finally:
        Netns.remove_all()
        run("ip link del d0")


main()
