#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What barewire-agent does on the wire by its own: a node that is cut off holds attachments of pools with `fencing:
Available` before its cable comes back; somebody else's use of an address is seen, told and answered. The API server
never answers here."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bridgebed import *
from fakeagent import *
from realagent import RealAgent
from wire import BROADCAST, Tap, arp, eth, icmp6, ip_bytes, ipv6, mac_bytes, ping

A, S, B = "10.99.2.77", "10.99.2.78", "10.99.2.79"  # Available, Strict, Available
PEER_MAC, OTHER_MAC = "02:00:00:00:09:01", "02:00:00:00:09:02"
state = {}


def cable(on):
    state["peer"].ip("link set far0 " + ("up" if on else "down"))


def setup():
    clean()
    make_journal()
    peer = state["peer"] = Netns("peer")
    keep = Netns._all.pop("peer")  # for all tests
    run("ip", "link", "add", "data0", "type", "veth", "peer", "name", "far0", "netns", "peer")
    run("ip", "link", "set", "data0", "up")
    peer.ip("link set far0 address %s up" % PEER_MAC)
    peer.ip("addr add 10.99.0.9/16 dev far0")
    put(binding("redis-0", [A + "/16", "fd99::77/64"], fencing="Available", probe="Enforce"))
    put(binding("redis-1", [S + "/16", "fd99::78/64"]))
    put(binding("redis-2", [B + "/16", "fd99::79/64"], fencing="Available", probe="Enforce"))
    state["agent"] = RealAgent()
    for name in ("redis-0", "redis-1", "redis-2"):
        ns = Netns(name)
        state[name + ".ns"] = Netns._all.pop(name)
        state[name] = expect_ok(cni("ADD", CLAIMS, ns, args=pod(name)))
    for ip in (A, S, B):
        expect(ping(peer, ip), "%s answers" % ip)
    return keep


def is_cut(name):
    db = sqlite3.connect("file:%s?mode=ro" % JOURNAL, uri=True)
    try:
        flags = db.execute("SELECT flags FROM attachment WHERE claim_uid = ?", ("uid-" + name,)).fetchone()[0]
    finally:
        db.close()
    return bool(flags & 8)


def who_has(tap, ip):
    tap.send(eth(BROADCAST, PEER_MAC, 0x806, arp(1, PEER_MAC, "10.99.0.9", "00:00:00:00:00:00", ip)))


def speaks(frame, ip):
    """An ARP frame whose sender is ip."""
    return frame[12:14] == b"\x08\x06" and frame[28:32] == ip_bytes(ip)


def asks(frame, ip):
    """An ARP probe for ip: its sender is 0.0.0.0."""
    return frame[12:14] == b"\x08\x06" and frame[28:32] == bytes(4) and frame[38:42] == ip_bytes(ip)


@test
def an_api_server_that_is_silent_holds_nobody():
    """As long as there is a carrier: an outage of the API server ends no database."""
    end = time.monotonic() + 2.5  # longer than an answer is waited for
    wait_until(lambda: time.monotonic() > end, 5)
    expect(not is_cut("redis-0") and not is_cut("redis-1"), "nobody is cut off")
    expect(ping(state["peer"], A), "it answers")


def conflict(tap, frame, text, before):
    tap.send(frame)
    wait_until(lambda: state["agent"].count("somebody else uses an address") > before, 20,
               lambda: "the conflict; the agent said:\n" + state["agent"].said())
    expect_in(text, [line for line in state["agent"].said().splitlines() if "somebody else uses" in line][-1])


@test
def somebody_who_has_an_Available_address_while_the_API_server_is_silent_keeps_it():
    """A partition that no carrier tells of: the first frame of the new holder does."""
    tap = Tap(state["peer"], "far0")
    na = icmp6("fd99::79", "ff02::1", 136, b"\x20\0\0\0" + ip_bytes("fd99::79") + b"\x02\x01" + mac_bytes(OTHER_MAC))
    before = state["agent"].count("somebody else uses an address")
    conflict(tap, eth("33:33:00:00:00:01", OTHER_MAC, 0x86dd, ipv6("fd99::79", "ff02::1", 58, na, hops=255)), OTHER_MAC, before)
    wait_until(lambda: is_cut("redis-2"), 20, "the hold")
    tap.close()


@test
def without_a_cable_Available_ones_are_held_and_Strict_ones_are_not():
    cable(False)
    wait_until(lambda: is_cut("redis-0"), 30, lambda: "the hold; the agent said:\n" + state["agent"].said())
    expect(not is_cut("redis-1"), "Strict")


@test
def a_daemon_that_starts_anew_keeps_the_hold():
    state["agent"].kill()
    state["agent"].start()
    end = time.monotonic() + 2
    wait_until(lambda: time.monotonic() > end, 3)
    expect(is_cut("redis-0"), "still held")


@test
def the_cable_comes_back_and_no_ARP_request_is_answered():
    """Packet capture at the far end: not one frame with the address as its sender, while the other pod answers."""
    peer = state["peer"]
    cable(True)
    tap = state["tap"] = Tap(peer, "far0")
    peer.ip("link set far0 address " + pod_mac(state["redis-0"]))  # as the claim's pod on another node: a claim's MAC moves
    peer.ip("addr add %s/32 dev far0" % A)
    seen, answered = [], 0
    end = time.monotonic() + 3
    while time.monotonic() < end:
        who_has(tap, A)
        who_has(tap, S)
        seen += tap.wait(lambda f: False, 0.05)[1]
    answered = sum(speaks(f, S) for f in seen)
    expect(answered > 0, "the Strict one answers on the same wire")
    expect_eq(sum(speaks(f, A) for f in seen), 0, "frames with %s as their sender, of %d" % (A, len(seen)))
    diag("%d answers for %s, none for %s" % (answered, S, A))


@test
def somebody_elses_ARP_is_told_with_its_MAC_and_the_address_is_defended():
    tap = Tap(state["peer"], "far0")
    before = state["agent"].count("somebody else uses an address")
    conflict(tap, eth(BROADCAST, OTHER_MAC, 0x806, arp(1, OTHER_MAC, S, "00:00:00:00:00:00", S)), OTHER_MAC, before)
    mine = mac_bytes(pod_mac(state["redis-1"]))
    own, seen = tap.wait(lambda f: speaks(f, S) and f[22:28] == mine, 10)
    expect(own, "one announcement in its defence; seen: %s" % [f.hex() for f in seen])
    expect(not is_cut("redis-1"), "a Strict one goes on")
    # A second one within ten seconds is counted, and nothing else.
    tap.send(eth(BROADCAST, OTHER_MAC, 0x806, arp(1, OTHER_MAC, S, "00:00:00:00:00:00", S)))
    more, _ = tap.wait(lambda f: speaks(f, S) and f[22:28] == mine, 2)
    expect(not more, "the defence is not a storm (RFC 5227, DEFEND_INTERVAL)")
    tap.close()


@test
def probes_of_others_are_no_conflict():
    tap = Tap(state["peer"], "far0")
    before = state["agent"].count("somebody else uses an address")
    tap.send(eth(BROADCAST, OTHER_MAC, 0x806, arp(1, OTHER_MAC, "0.0.0.0", "00:00:00:00:00:00", S)))
    who_has(tap, S)  # an answer comes after whatever the first frame caused
    expect(tap.wait(lambda f: speaks(f, S), 10)[0], "an answer")
    expect_eq(state["agent"].count("somebody else uses an address"), before, "conflicts")
    tap.close()


@test
def while_somebody_has_the_address_it_stays_held():
    tap = state["tap"]
    probe, seen = tap.wait(lambda f: asks(f, A), 30)
    expect(probe, "the segment is asked for the address, from 0.0.0.0: %d frames" % len(seen))
    end = time.monotonic() + 2  # the answer, and the end of the listening
    wait_until(lambda: time.monotonic() > end, 3)
    expect(is_cut("redis-0"), "still held")
    state["peer"].ip("addr del %s/32 dev far0" % A)
    state["peer"].ip("link set far0 address " + PEER_MAC)


@test
def after_three_rounds_without_an_answer_it_speaks_again():
    tap = state["tap"]
    if os.environ.get("BW_SAN"):
        raise Skip("36 s, once is enough")
    for n in range(3):
        probe, _ = tap.wait(lambda f: asks(f, A), 30)
        expect(probe, "round %d" % (n + 1))
        expect(is_cut("redis-0"), "held in round %d" % (n + 1))
    wait_until(lambda: not is_cut("redis-0"), 30, "the end of the hold")
    wait_until(lambda: ping(state["peer"], A), 10, "an answer")
    tap.close()


@test
def a_cable_that_was_out_while_no_daemon_ran_holds_the_Available_ones():
    agent = state["agent"]
    if is_cut("redis-0"):
        raise Skip("its hold has not ended")
    agent.kill()
    agent.start()
    end = time.monotonic() + 2.5  # longer than an answer is waited for
    wait_until(lambda: time.monotonic() > end, 5)
    expect(not is_cut("redis-0"), "a restart alone holds nobody")
    agent.kill()
    cable(False)
    cable(True)
    agent.start()
    wait_until(lambda: is_cut("redis-0"), 30, lambda: "the hold; the agent said:\n" + agent.said())
    expect(not is_cut("redis-1"), "Strict")


@test
def a_held_one_can_be_deleted():
    for name in ("redis-0", "redis-1", "redis-2"):
        expect_ok(cni("DEL", CLAIMS, state[name + ".ns"], args=pod(name)))
    state["agent"].close()
    for ns in (state["peer"], *(state["redis-%d.ns" % i] for i in range(3))):
        ns.remove()
    clean()


main(setup=setup)
