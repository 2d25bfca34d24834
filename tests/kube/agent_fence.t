#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`fencing: Available` on the bed: a node loses both cables, its Node object is deleted, the address moves to the other
node. When the data cable comes back first the old pod answers nobody: captured at the node's own cable."""
import errno
import os
import sqlite3
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeproduct import *  # noqa: E402
from wire import BROADCAST, Tap, arp, eth, ip_bytes  # noqa: E402

IP, STRICT = "10.99.4.10", "10.99.4.200"
ASKER = "02:00:00:00:09:77"
OLD, NEW = None, None
state = {}


def setup():
    global OLD, NEW
    NEW = leader()["spec"]["nodeName"]  # who leads goes on leading
    OLD = next(n.name for n in bed.nodes if n.name != NEW)
    pool("available", ["10.99.4.10-10.99.4.20"], fencing="Available", cooldownSeconds=1)
    pool("strict", ["10.99.4.200-10.99.4.210"], cooldownSeconds=1)
    for name in ("available", "strict"):
        atexit.register(api.delete, "%s/networkpools/%s" % (NET, name))
    atexit.register(delete_claims)  # before them


def journal(node, sql):
    db = sqlite3.connect("file:%s?mode=ro" % bed.node(node).path("lib/barewire/journal.db"), uri=True)
    try:
        return db.execute(sql).fetchall()
    finally:
        db.close()


def is_cut(ip):
    """Of the old node's attachment; None when there is none."""
    got = journal(OLD, "SELECT a.flags & 8 FROM attachment a JOIN claim_cache c ON c.uid = a.claim_uid AND c.iface = a.ifname "
                       "WHERE c.binding LIKE '%%%s/%%'" % ip)
    return bool(got[0][0]) if got else None


def agent_said():
    return bed.node(OLD).run("sh", "-c", "tail -n 30 /var/log/pods/%s_barewire-agent-*/*/*.log" % SYSTEM, check=False)


@test
def a_node_that_is_cut_off_holds_its_Available_attachments_and_no_others():
    bed.kubectl("cordon", NEW)
    try:
        redis_set("fence", 1, IP, **{ANN + "network": "available"})
        redis_set("keep", 1, STRICT, **{ANN + "network": "strict"})
    finally:
        bed.kubectl("uncordon", NEW)
    state["mac"] = claim_mac(bound("fence-0"))
    for ip in (IP, STRICT):
        wait_outside(lambda: redis(ip, "ping", check=False) == "PONG")
    bed.node(OLD).cut("up0", "data0")
    wait_until(lambda: is_cut(IP), 30, lambda: "the hold; the agent said:\n" + agent_said())
    expect_eq(is_cut(STRICT), False, "the Strict one is cut off")


@test
def when_its_Node_is_deleted_the_Available_address_moves_and_the_Strict_one_stays():
    token = holder(bound("fence-0"))["token"]
    old = api.get(pod_path("fence-0"))["metadata"]["uid"]
    keep = holder(bound("keep-0"))
    api.delete("/api/v1/nodes/" + OLD)
    bed.kubectl("delete", "pod", "-n", NS, "fence-0", "keep-0", "--force", "--grace-period=0")
    new = running("fence-0", uid_not=old)
    expect_eq((new["spec"]["nodeName"], new["status"]["podIP"], pod_mac(new)), (NEW, IP, state["mac"]), "where it is")
    expect(holder(bound("fence-0"))["token"] > token, "a higher token")
    wait_outside(lambda: redis(IP, "ping", check=False) == "PONG")
    c = bound("keep-0")
    expect_eq((holder(c)["nodeUID"], holder(c)["token"]), (keep["nodeUID"], keep["token"]), "the Strict one's holder")


@test
def the_cable_comes_back_before_the_API_server_and_not_one_ARP_request_is_answered():
    node = bed.node(OLD)
    tap = Tap(None, node.cable("data0"))  # what arrives there has left the node
    try:
        tap.frames()
    except OSError as e:  # told once: the cable is out
        expect_eq(e.errno, errno.ENETDOWN, "errno")
    expect_eq(is_cut(IP), True, "held until then")
    node.plug("data0")
    frames, asked = [], 0
    end = time.monotonic() + 3
    while time.monotonic() < end:
        for ip in (IP, STRICT):
            tap.send(eth(BROADCAST, ASKER, 0x806, arp(1, ASKER, "10.99.0.77", "00:00:00:00:00:00", ip)))
        asked += 1
        frames += tap.wait(lambda f: False, 0.05)[1]
    senders = [f[28:32] for f in frames if f[12:14] == b"\x08\x06"]
    expect(senders.count(ip_bytes(STRICT)) > 0, "the Strict one answers on the same wire: %d frames" % len(frames))
    expect_eq(senders.count(ip_bytes(IP)), 0, "ARP frames of %s from the node" % IP)
    expect_eq([f.hex() for f in frames if f[12:14] == b"\x08\x00" and f[26:30] == ip_bytes(IP)], [], "IP packets of it")
    expect_eq(redis(IP, "ping"), "PONG", "the new one")
    diag("%d ARP requests for each: %d answers for the Strict one, none for the Available one" % (asked, senders.count(ip_bytes(STRICT))))
    state["tap"] = tap


@test
def with_the_API_server_back_it_stays_silent_and_the_node_is_a_node_again():
    node, tap = bed.node(OLD), state["tap"]
    node.plug("up0")
    node.kubelet.kill()
    node.kubelet.start()  # a kubelet registers its Node when it starts
    bed.ready(OLD, True, 90)
    wait_until(lambda: is_cut(IP) is None, 60, lambda: "the end of the old pod; the agent said:\n" + agent_said())
    senders = [f[28:32] for f in tap.frames() if f[12:14] == b"\x08\x06"]
    expect_eq(senders.count(ip_bytes(IP)), 0, "ARP frames of %s from the node, to the old pod's end" % IP)
    tap.close()
    expect_eq(redis(IP, "ping"), "PONG", "the new one")
    judge()


@test
def an_agent_that_runs_on_serves_the_Node_that_was_registered_again():
    agent = agent_on(OLD)["metadata"]["uid"]
    pod("again", node=OLD, annotations={ANN + "network": "available"})
    uid = api.get("/api/v1/nodes/" + OLD)["metadata"]["uid"]
    expect_eq(holder(bound("again"))["nodeUID"], uid, "the holder's UID")
    api.wait("%s/nodenetworks/%s" % (NET, OLD), lambda o: o["status"].get("nodeUID") == uid, 30, "the agent says which Node it is of")
    expect_eq(agent_on(OLD)["metadata"]["uid"], agent, "the agent's pod")


main(setup=setup)
