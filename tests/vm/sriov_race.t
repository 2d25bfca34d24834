#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# vm: nics=1 kernel=6.12
"""Several at once: one VF has one holder, an ADD and a DEL of one attachment never both succeed, and seven VFs
that come and go in parallel lose nothing."""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import vfnl
from vfbed import *

SHARED = {k: v for k, v in FULL.items() if k != "mac"}  # for several at once
ROUNDS = 20
SOON_S = 5.0  # "at once" under emulation, far from any deadline of the plugin


class Call:
    """A verb that runs beside the test."""

    def __init__(self, verb, conf, ns, **kw):
        self.start, self.took, self.answer = time.monotonic(), None, None
        self.thread = threading.Thread(target=self.run, args=(verb, conf, ns), kwargs=kw, daemon=True)
        self.thread.start()

    def run(self, verb, conf, ns, **kw):
        self.answer = sriov(verb, conf, ns, **kw)
        self.took = time.monotonic() - self.start

    def wait(self, timeout_s=60):
        self.thread.join(timeout_s)
        expect(self.answer is not None, "the call did not end within %d s" % timeout_s)
        return self.answer


class Slow:
    """A delegate that takes as long as the test wants."""

    def __init__(self, verbs=("ADD",), **kw):
        self.folder = workdir()
        self.ipam = fake_ipam(self.folder, wait=verbs, **kw)

    def wait_running(self):
        wait_until(lambda: os.path.exists(os.path.join(self.folder, "running")), 20, "the delegate runs")

    def go(self):
        with open(os.path.join(self.folder, "go"), "w") as f:
            f.write("go\n")


@fresh
def of_concurrent_ADDs_of_one_VF_exactly_one_wins():
    vf = vfs()[0]
    before = vf.state()
    pods = [Netns("p%d" % n) for n in range(8)]
    for _ in range(3):
        running = [(ns, Call("ADD", net(vf, [IP4 % (10 + n)], **SHARED), ns)) for n, ns in enumerate(pods)]
        answers = [(ns, call.wait()) for ns, call in running]
        won = [(ns, a) for ns, a in answers if a.code == 0]
        expect_eq(len(won), 1, "winners of\n%s" % "\n".join(str(a) for _, a in answers))
        for ns, a in answers:
            if a.code:
                expect_error(a, 11, vf.pci)
                expect_eq(pod_state(ns)["link"].count("name: eth0"), 0, "eth0 in a pod that lost")
        ns, a = won[0]
        n = pods.index(ns)
        conf = net(vf, [IP4 % (10 + n)], **SHARED)
        expect_ok(check(conf, a, ns))
        expect_eq(holds(), {vf.pci: ns.name}, "holds")
        for other in pods:  # the losers' DELs, as a runtime sends them, first
            if other is not ns:
                delete(conf, other)
        expect_ok(check(conf, a, ns))
        delete(conf, ns)
        expect_restored(vf, before)
        expect_no_rows()


@fresh
def of_concurrent_ADDs_by_PF_each_gets_a_VF_of_its_own():
    pods = [Netns("p%d" % n) for n in range(9)]
    before = [vf.state() for vf in vfs()]
    running = [(ns, Call("ADD", net(None, [IP4 % (10 + n)], pf=pfs()[0].name), ns)) for n, ns in enumerate(pods)]
    answers = [(ns, call.wait()) for ns, call in running]
    won = [(ns, a) for ns, a in answers if a.code == 0]
    for _, a in answers:
        if a.code:
            expect_error(a, 11)
    expect_eq(sorted(a.json["interfaces"][0]["pciID"] for _, a in won), sorted(vf.pci for vf in vfs()),
              "VFs given; the others: %s" % "\n".join(str(a) for _, a in answers if a.code))
    for ns in pods:
        delete(net(None, pf=pfs()[0].name), ns)
    for vf, was in zip(vfs(), before):
        expect_restored(vf, was)
    expect_no_rows()


@fresh
def a_held_VF_is_refused_at_once_also_while_the_holders_delegate_runs():
    vf, slow = vfs()[0], Slow()
    before = vf.state()
    a, b = Netns("a"), Netns("b")
    conf = net(vf, ipam=slow.ipam, **SHARED)
    adding = Call("ADD", conf, a, path=slow.folder)
    slow.wait_running()
    try:
        seen = vf.seen()
        late = Call("ADD", net(vf, [IP4 % 5], vlan=9), b)
        expect_error(late.wait(SOON_S), 11, vf.pci, "a")
        expect_eq(vf.seen(), seen, "the PF's view")
        # Other VFs do not wait, nor do other verbs: no lock is held.
        other = Call("ADD", net(vfs()[1], [IP4 % 6]), b)
        expect_ok(other.wait(SOON_S))
        expect_ok(Call("STATUS", net(None, pf=pfs()[0].name), None).wait(SOON_S))
        expect(adding.answer is None, "the delegate still runs")
    finally:
        slow.go()
    answer = expect_ok(adding.wait())
    expect_ok(check(conf, answer, a, path=slow.folder))
    expect_error(sriov("ADD", net(vf, [IP4 % 5]), Netns("c")), 11, vf.pci, "a")
    delete(net(vfs()[1]), b)
    delete(conf, a, path=slow.folder)
    expect_restored(vf, before)
    expect_no_rows()


def del_while_adding(kill_ns, empty):
    """The runtime gave up on a slow ADD; its DEL comes while the delegate still runs."""
    vf, slow = vfs()[0], Slow()
    before, a = vf.state(), Netns("a")
    conf = net(vf, ipam=slow.ipam, **SHARED)
    adding = Call("ADD", conf, a, path=slow.folder)
    slow.wait_running()
    if kill_ns:
        a.remove()
    deleting = Call("DEL", conf, "" if empty else a.path, cid="a", path=slow.folder)
    # The DEL may wait for the ADD, or end it: both are right. One that answers does so while ADD still runs.
    deleting.thread.join(2.0)
    early = deleting.answer
    slow.go()
    added, deleted = adding.wait(), deleting.wait()
    diag("ADD %s, DEL %s%s" % (added.code or "ok", deleted.code or "ok", "" if early else " after it"))
    expect(not (early and early.code == 0 and added.code == 0), "both succeeded:\n%s\n%s" % (added, deleted))
    if early and early.code:
        expect_error(early, 11)
    if early and early.code == 0 or kill_ns:
        expect_error(added)
        expect(added.json["code"] < 100, "code of: %s" % added)
    delete(conf, "" if empty else a.path, cid="a", path=slow.folder)
    expect_restored(vf, before, timeout_s=5)
    expect_no_rows()
    pod = Pod(vf, "next", IP4 % 5)
    pod.delete()


fresh_case("a DEL while the ADD's delegate runs: never both succeed", del_while_adding, False, False)
fresh_case("a DEL with an empty namespace while the ADD's delegate runs", del_while_adding, False, True)
fresh_case("a DEL after the pod died while the ADD's delegate runs", del_while_adding, True, True)


@fresh
def the_next_pod_has_the_VF_while_the_first_ones_delegate_still_runs():
    """The pod's ADD was given up and deleted; the VF serves another when the delegate answers at last."""
    vf, slow = vfs()[0], Slow()
    before, a = vf.state(), Netns("a")
    conf = net(vf, ipam=slow.ipam, **SHARED)
    adding = Call("ADD", conf, a, path=slow.folder)
    slow.wait_running()
    a.remove()
    gone = sriov("DEL", conf, "", cid="a", path=slow.folder)
    new = Netns("new")
    mine = net(vf, [IP4 % 5], vlan=9)
    answer = sriov("ADD", mine, new)
    if answer.code:
        expect(gone.code != 0, "a DEL that said yes has freed the VF: %s" % answer)
        expect_error(answer, 11, vf.pci)
    slow.go()
    expect_error(adding.wait())
    if answer.code:
        delete(conf, "", cid="a", path=slow.folder)
        answer = add(mine, new)
    expect_ok(check(mine, answer, new))
    expect_eq(vf.seen()["vlan"], 9, "the new owner's VLAN")
    delete(mine, new)
    expect_restored(vf, before)
    expect_no_rows()


@fresh
def DELs_of_one_attachment_in_parallel_are_one():
    vf = vfs()[0]
    pod = Pod(vf, "a", IP4 % 5, **SHARED)
    running = [Call("DEL", pod.conf, pod.ns) for _ in range(4)]
    for call in running:
        answer = call.wait()
        if answer.code:
            expect_error(answer, 11)
    delete(pod.conf, pod.ns)
    expect_restored(vf, pod.before)
    expect_no_rows()


@fresh
def GC_beside_ADDs_takes_nothing_away():
    vf, other = vfs()[:2]
    pod = Pod(vf, "a", IP4 % 5, **SHARED)
    ns = Netns("b")
    for n in range(3):
        collecting = Call("GC", {**pod.conf, "cni.dev/valid-attachments": [{"containerID": c, "ifname": "eth0"} for c in "ab"]}, None)
        answer = add(net(other, [IP4 % 6], vlan=7), ns)
        expect_ok(collecting.wait())
        expect_ok(check(net(other, [IP4 % 6], vlan=7), answer, ns))
        delete(net(other), ns)
    expect_ok(pod.check())
    pod.delete()


@fresh
def seven_VFs_come_and_go_in_parallel_twenty_times():
    before = [vf.state() for vf in vfs()]
    pods = [Netns("p%d" % n) for n in range(7)]
    wrong = []

    def live(n, vf, ns):
        conf = net(vf, [IP4 % (10 + n)], **{**SHARED, "vlan": 100 + n})
        for turn in range(ROUNDS):
            try:
                answer = add(conf, ns)
                link = vfnl.get_link("eth0", ns)
                expect(link and link.up and link.parent == vf.pci and link.mtu == 1400, "eth0 of the pod")
                expect_eq(answer.ips, [IP4 % (10 + n)], "address")
                expect_eq(vf.seen()["vlan"], 100 + n, "VLAN")
                delete(conf, ns)
            except Exception as e:
                wrong.append("VF %d, round %d: %s" % (n, turn, e))
                return

    threads = [threading.Thread(target=live, args=(n, vf, ns)) for n, (vf, ns) in enumerate(zip(vfs(), pods))]
    for t in threads:
        t.start()
    for t in threads:
        t.join(300)
    expect(not wrong, "\n".join(wrong))
    for vf, was in zip(vfs(), before):
        expect_restored(vf, was)
    expect_no_rows()


main()
