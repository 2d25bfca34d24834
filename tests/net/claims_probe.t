#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Probe before, announce after: what is seen on the wire when a claim's pod is made (failure class 17)."""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bridgebed import *
from fakeagent import *
from wire import Tap, arp, eth, ip_bytes, mac_bytes, ping

A4, A6 = "10.99.2.77", "fd99::77"
POD_MAC, PEER_MAC = "02:00:00:00:00:77", "02:00:00:00:09:01"
ZERO4, ZERO6 = bytes(4), bytes(16)


def on_wire(fn):
    """A node whose uplink ends in another machine. fn(agent, peer, tap)."""
    def run_on_wire():
        clean()
        run("ip", "link", "del", "data0", check=False)
        peer = Netns("peer")
        run("ip", "link", "add", "data0", "type", "veth", "peer", "name", "far0", "netns", "peer")
        run("ip", "link", "set", "data0", "up")
        peer.ip("link set far0 address %s up" % PEER_MAC)
        peer.ip("addr add 10.99.0.9/16 dev far0")
        peer.ip("addr add fd99::9/64 dev far0 nodad")
        agent, tap = FakeAgent(), Tap(peer, "far0")
        try:
            fn(agent, peer, tap)
        finally:
            agent.close()
            tap.close()
            for name in ("bw-data0", "data0"):
                run("ip", "link", "del", name, check=False)
    run_on_wire.__name__ = fn.__name__
    return test(run_on_wire)


def kind(f):
    """What a frame says of our addresses: probe, announce, use, or None."""
    proto, arp4, ip6 = f[12:14], f[14:], f[14:]
    if proto == b"\x08\x06":
        spa, tpa = arp4[14:18], arp4[24:28]
        if spa == ip_bytes(A4):
            return "announce4" if tpa == spa else "use4"
        return "probe4" if (spa, tpa) == (ZERO4, ip_bytes(A4)) else None
    if proto == b"\x08\x00" and f[26:30] == ip_bytes(A4):
        return "use4"
    if proto != b"\x86\xdd":
        return None
    src, nd, target = ip6[8:24], ip6[40:41] if ip6[6:7] == b"\x3a" else b"", ip6[48:64]
    if nd == b"\x87" and src == ZERO6 and target == ip_bytes(A6):
        return "probe6"
    if nd == b"\x88" and target == ip_bytes(A6):
        return "announce6"
    return "use6" if src == ip_bytes(A6) else None


def seen(tap, settle_s=1.0):
    """Everything that came since, in order; by kind."""
    frames = tap.wait(lambda f: False, settle_s)[1]
    return [(kind(f), f) for f in frames if kind(f)]


def add(agent, name="a", **more):
    agent.put(binding("redis-0", [A4 + "/16", A6 + "/64"], mac=POD_MAC, **{"probe": "Warn", **more}))
    return cni("ADD", CLAIMS, Netns(name), args=pod("redis-0"), cid=name)


@on_wire
def the_first_frame_with_our_address_comes_after_the_probes_and_there_is_one_announcement(agent, peer, tap):
    answer = expect_ok(add(agent))
    frames = seen(tap)
    kinds = [k for k, _ in frames]
    diag(" ".join(kinds))
    for v in "46":
        probes = [i for i, k in enumerate(kinds) if k == "probe" + v]
        others = [i for i, k in enumerate(kinds) if k in ("announce" + v, "use" + v)]
        expect(probes and others, "IPv%s: a probe and an announcement: %s" % (v, kinds))
        expect(max(probes) < min(others), "IPv%s: the last probe comes before the first use: %s" % (v, kinds))
        expect_eq(kinds.count("announce" + v), 1, "IPv%s announcements: %s" % (v, kinds))
    one = next(f for k, f in frames if k == "announce4")
    expect_eq((one[:6], one[6:12], one[22:28]), (b"\xff" * 6, mac_bytes(POD_MAC), mac_bytes(POD_MAC)), "who announces, to whom")
    na = next(f for k, f in frames if k == "announce6")
    expect_eq((na[6:12], na[58] & 0x20), (mac_bytes(POD_MAC), 0x20), "override")
    expect(ping(peer, A4) and ping(peer, A6), "it answers")
    expect_eq(pod_mac(answer), POD_MAC)


@on_wire
def without_a_probe_there_is_one_announcement_all_the_same(agent, peer, tap):
    expect_ok(add(agent, probe="Off"))
    kinds = [k for k, _ in seen(tap)]
    expect_eq((kinds.count("probe4"), kinds.count("announce4"), kinds.count("announce6")), (0, 1, 1), str(kinds))


def knows(peer, ip):
    return peer.ip("neigh show " + ip).strip()


@on_wire
def who_has_the_address_is_named_and_its_neighbours_learn_nothing(agent, peer, tap):
    for ip, prefix in ((A4, "/16"), (A6, "/64")):
        peer.ip("addr add %s%s dev far0%s" % (ip, prefix, " nodad" if ":" in ip else ""))
        p = add(agent, "n" + str(len(ip)), probe="Enforce")
        expect_error(p, 11, "%s is in use" % ip)
        expect_in(PEER_MAC, p.out + p.err)
        kinds = [k for k, f in seen(tap) if f[6:12] != mac_bytes(PEER_MAC)]
        expect(not [k for k in kinds if not k.startswith("probe")], "nothing but probes: %s" % kinds)
        expect_eq((knows(peer, A4), knows(peer, A6)), ("", ""), "the holder's neighbours")
        peer.ip("addr del %s%s dev far0" % (ip, prefix))
    expect_ok(add(agent, "later", probe="Enforce"))


@on_wire
def who_has_the_address_with_its_own_MAC_is_found_too(agent, peer, tap):
    """The claim's pod elsewhere, alive: a claim moves with its MAC, and an answer to that MAC goes nowhere."""
    peer.ip("link set far0 address " + POD_MAC)
    for ip, prefix in ((A4, "/16"), (A6, "/64")):
        peer.ip("addr add %s%s dev far0%s" % (ip, prefix, " nodad" if ":" in ip else ""))
        p = add(agent, "s" + str(len(ip)), probe="Enforce", fencing="Available")
        expect_error(p, 11, "%s is in use" % ip)
        expect_in(POD_MAC, p.out + p.err)
        peer.ip("addr del %s%s dev far0" % (ip, prefix))


@on_wire
def who_speaks_with_the_MAC_during_ADD_leaves_nothing_that_the_next_ADD_is_refused_for(agent, peer, tap):
    """A static entry of a bridge goes where its MAC speaks and would stay there when the refused ADD takes its port away."""
    peer.ip("link set far0 address " + POD_MAC)
    peer.ip("addr add %s/16 dev far0" % A4)
    agent.put(binding("redis-9", ["10.99.2.90/16"]))  # the bridge stays when a refused ADD is undone
    expect_ok(cni("ADD", CLAIMS, Netns("stays"), cid="c-stays", args=pod("redis-9")))
    quiet = threading.Event()

    def speak():
        while not quiet.wait(0.0005):
            tap.send(b"\xff" * 6 + mac_bytes(POD_MAC) + b"\x88\xb5" + bytes(46))
    speaker = threading.Thread(target=speak)
    speaker.start()
    try:
        for n in range(3):
            expect_error(add(agent, "f%d" % n, probe="Enforce"), 11, "%s is in use" % A4)
    finally:
        quiet.set()
        speaker.join()
    fdb = run_json("bridge", "-j", "fdb", "show")
    expect_eq([e for e in fdb if e["mac"] == POD_MAC and e.get("state") == "static"], [], "static entries of its MAC")
    peer.ip("addr del %s/16 dev far0" % A4)
    peer.ip("link set far0 address " + PEER_MAC)
    expect_ok(add(agent, "after", probe="Enforce"))


@on_wire
def Warn_tells_of_a_proxy_and_goes_on(agent, peer, tap):
    """A router that answers for everything, probes too (Linux's own proxy ARP leaves these alone)."""
    answers, end = Tap(peer, "far0"), threading.Event()

    def proxy():
        while not end.is_set():
            f, _ = answers.wait(lambda f: kind(f) == "probe4", 0.2)
            if f:
                answers.send(eth(POD_MAC, PEER_MAC, 0x806, arp(2, PEER_MAC, A4, POD_MAC, "0.0.0.0")))
    thread = threading.Thread(target=proxy)
    thread.start()
    try:
        p = expect_ok(add(agent))
    finally:
        end.set()
        thread.join()
        answers.close()
    expect_in("the address is in use", p.err)
    expect_in(PEER_MAC, p.err)
    kinds = [k for k, _ in seen(tap)]
    expect_eq((kinds.count("announce4"), kinds.count("announce6")), (1, 1), "announcements: %s" % kinds)


@on_wire
def Enforce_without_a_carrier_is_refused_for_nobody_could_answer(agent, peer, tap):
    peer.ip("link set far0 down")
    expect_error(add(agent, probe="Enforce"), 11, "no carrier")
    expect_ok(add(agent, "warn"))


main()
