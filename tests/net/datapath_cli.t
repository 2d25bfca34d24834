#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""barewire net: what is shown of ports, and what the verbs answer."""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *
from wire import *

CLI = os.path.join(BUILD, "barewire")


def cli(*argv, code=0):
    p = subprocess.run([CLI, *argv], capture_output=True, text=True, timeout=30)
    expect_eq(p.returncode, code, "exit of barewire %s: %s" % (" ".join(argv), p.stdout + p.stderr))
    return p.stdout + p.stderr


def show(*argv):
    return json.loads(cli("net", "show", "-o", "json", *argv))


def with_node(fn):
    def body():
        node = Wire()
        try:
            fn(node)
        finally:
            node.close()
            cli("net", "clean", node.conf["bridge"])
    case(fn.__name__.replace("_", " "), body)
    return fn


@test
def an_empty_node_says_so():
    expect_in("no pod port", cli("net", "show"), "text")
    expect_eq(show(), {"endpoints": [], "uplinks": []}, "JSON")
    expect_in("0 programs", cli("net", "reload"), "reload")
    expect(not os.path.exists("/sys/fs/bpf/barewire"), "a reload made pins of nothing")


@test
def usage_is_answered_with_64():
    for argv in (("net",), ("net", "paint"), ("net", "slow", "x"), ("net", "slow", "x", "maybe"), ("net", "clean"),
                 ("net", "show", "a", "b"), ("net", "show", "-o", "xml"), ("--frobnicate",), ()):
        cli(*argv, code=64)
    for argv in (("--help",), ("help",), ("net", "show", "--help"), ("version",)):
        cli(*argv)
    expect_eq(sorted(json.loads(cli("version", "-o", "json"))), ["datapath", "version"], "version")


@with_node
def a_port_is_found_by_device_address_and_container(node):
    a = node.pod("a", "10.88.0.11")
    one = show()["endpoints"][0]
    expect_eq((one["addresses"], one["allowed"][0], one["bridge"], one["uplink"], one["path"], one["why"], one["mac"]),
              (["10.88.0.11/24", one["addresses"][1]], "10.88.0.11/32", "br-lan", "up0", "fast", "", a.mac), "endpoint")
    for word in (one["device"], "10.88.0.11", one["container"]):
        expect_eq([e["device"] for e in show(word)["endpoints"]], [one["device"]], "found by " + word)
        expect_in("10.88.0.11", cli("net", "show", word), "text")
    expect_eq([u["device"] for u in show()["uplinks"]], ["up0"], "uplinks")
    expect_in(a.mac, cli("net", "show", "-o", "wide"), "wide")
    cli("net", "show", "10.88.0.99", code=1)


@with_node
def a_slow_port_says_why(node):
    node.pod("a", "10.88.0.11")
    node.pod("b", "10.88.0.12", {"accel": "off"})
    node.pod("c", "10.88.0.13", {"accel": "off", "antiSpoof": False})
    cli("net", "slow", "10.88.0.11", "on")
    why = {e["addresses"][0].split("/")[0]: (e["path"], e["why"]) for e in show()["endpoints"]}
    for address, words in (("10.88.0.11", "net slow"), ("10.88.0.12", "accel is off"), ("10.88.0.13", "no program")):
        expect_eq(why[address][0], "slow", "path of " + address)
        expect_in(words, why[address][1], "reason of " + address)
    expect_eq(json.loads(cli("net", "slow", "10.88.0.11", "off", "-o", "json"))["slow"], False, "slow off")
    expect_eq(show("10.88.0.11")["endpoints"][0]["path"], "fast", "path after off")
    cli("net", "slow", "10.88.0.13", "on", code=1)
    cli("net", "slow", "10.88.0.99", "on", code=1)


@with_node
def counters_and_drops_are_shown_by_reason(node):
    a, b = node.pod("a", "10.88.0.11"), node.pod("b", "10.88.0.12")
    expect(ping(a.ns, "10.88.0.12", count=5), "no answer")
    tap = Tap(a.ns)
    tap.send(eth(b.mac, "02:00:00:00:00:66", 0x0800, ipv4("10.88.0.11", "10.88.0.12", 17, udp(1, 2, b"x"))))
    tap.send(eth(b.mac, a.mac, 0x0800, ipv4("10.88.0.66", "10.88.0.12", 17, udp(1, 2, b"x"))))
    tap.close()
    one = show("10.88.0.11")["endpoints"][0]
    expect(one["counters"]["txFast"]["packets"] >= 5 and one["counters"]["rxFast"]["packets"] >= 5, "counters: %s" % one)
    expect_eq((one["drops"]["mac"], one["drops"]["ip4"], one["dropped"]), (1, 1, 2), "drops")
    expect_in("mac 1, ip4 1", cli("net", "show", "10.88.0.11"), "text")


@with_node
def clean_waits_for_the_last_container(node):
    a = node.pod("a", "10.88.0.11")
    expect_in("port", cli("net", "clean", "br-lan", code=2), "refusal")
    a.delete()
    expect_eq(json.loads(cli("net", "clean", "br-lan", "-o", "json"))["bridgeRemoved"], True, "bridge removed")
    expect(not os.path.exists("/sys/fs/bpf/barewire"), "pins are left")
    cli("net", "clean", "br-lan")


@with_node
def a_reload_gives_links_and_says_how_many(node):
    node.pod("a", "10.88.0.11")
    first, then = ("netkit", "netkit") if LINK == "netkit" else ("clsact", "tcx" if kernel_has("tcx") else "clsact")
    expect_eq(show()["endpoints"][0]["hook"], first, "hook after ADD")
    expect(json.loads(cli("net", "reload", "-o", "json"))["switched"] >= 2, "nothing was switched")
    expect_eq(show()["endpoints"][0]["hook"], then, "hook after the reload")
    expect(ping(node.x, "10.88.0.11"), "no answer")


main()
