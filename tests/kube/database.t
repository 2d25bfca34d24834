#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Databases at declared addresses, installed as a user does it: the same address and the same MAC after deletions, a
drain and an API server outage, seen from a machine that is no part of the cluster."""
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeproduct import *  # noqa: E402

A, B = "10.99.2.10", "10.99.2.11"
state = {}


def setup():
    pool()
    atexit.register(delete_claims)


@test
def a_stateful_set_of_redis_runs_at_its_declared_addresses():
    pods = redis_set("redis", 2, A + "-" + B)
    expect_eq([p["status"]["podIP"] for p in pods], [A, B], "addresses")
    for i, p in enumerate(pods):
        c = bound("redis-%d" % i)
        expect_eq(claim_ips(c), [p["status"]["podIP"]], "the claim")
        expect_eq(pod_mac(p), claim_mac(c), "MAC")
        expect_eq(holder(c)["node"], p["spec"]["nodeName"], "holder")
        state[i] = pod_mac(p)
        wait_outside(lambda: redis(p["status"]["podIP"], "ping", check=False) == "PONG")
        expect_eq(outside_mac(p["status"]["podIP"]), state[i], "the MAC that is seen outside")
    judge()


@test
def what_is_written_from_outside_is_read_from_outside():
    expect_eq(redis(A, "set", "k", "v"), "OK")
    expect_eq(redis(A, "get", "k"), "v")
    expect_eq(redis(B, "get", "k"), "", "the other one's data")


@test
def the_agent_acknowledges_and_describes_its_node():
    for i in range(2):
        c = api.wait(claim_path("redis-%d" % i), lambda o: (o.get("status", {}).get("attached") or {}).get("token"), 20, "attached")
        expect_eq(c["status"]["attached"]["token"], holder(c)["token"], "token")
        expect_eq(c["status"]["attached"]["node"], holder(c)["node"], "node")
    for n in bed.nodes:
        st = api.get("%s/nodenetworks/%s" % (NET, n.name))["status"]
        expect_in("data0", json.dumps(st.get("uplinks")), "uplinks of " + n.name)


@test
def twenty_deletions_keep_addresses_and_macs():
    tokens = {i: holder(bound("redis-%d" % i))["token"] for i in range(2)}
    for n in range(10):
        old = {i: api.get(pod_path("redis-%d" % i)) for i in range(2)}
        for i in old:
            api.delete(pod_path("redis-%d" % i))
        for i, o in old.items():
            new = running("redis-%d" % i, uid_not=o["metadata"]["uid"])
            expect_eq(new["status"]["podIP"], (A, B)[i], "address after %d deletions" % (n + 1))
            expect_eq(pod_mac(new), state[i], "MAC after %d deletions" % (n + 1))
            wait_outside(lambda: redis((A, B)[i], "ping", check=False) == "PONG", 5)
    judge()
    events = api.items("/api/v1/namespaces/%s/events" % NS)
    expect_eq([e["message"] for e in events if e.get("reason") == "FailedCreatePodSandBox"], [], "refused sandboxes")
    for i in tokens:
        diag("redis-%d: token %d, then %d" % (i, tokens[i], holder(bound("redis-%d" % i))["token"]))


@test
def drained_databases_move_to_the_other_node_and_outside_follows_within_a_second():
    node = api.get(pod_path("redis-0"))["spec"]["nodeName"]
    bed.kubectl("cordon", node)
    try:
        for i, ip in ((0, A), (1, B)):
            old = api.get(pod_path("redis-%d" % i))
            if old["spec"]["nodeName"] != node:
                continue
            redis(ip, "ping")
            api.delete(pod_path("redis-%d" % i))
            new = running("redis-%d" % i, uid_not=old["metadata"]["uid"])
            start = time.monotonic()
            wait_outside(lambda: redis(ip, "ping", check=False, timeout=1) == "PONG", 5)
            took = time.monotonic() - start
            diag("%s answers %.2f s after it runs on the other node" % (ip, took))
            expect(took < 1.0, "outside followed after %.2f s" % took)
            expect(new["spec"]["nodeName"] != node, "it is still there")
            expect_eq((new["status"]["podIP"], pod_mac(new)), (ip, state[i]), "address and MAC")
            expect_eq(holder(bound("redis-%d" % i))["node"], new["spec"]["nodeName"], "holder")
    finally:
        bed.kubectl("uncordon", node)
    judge()


@test
def a_sandbox_is_made_again_while_the_api_server_is_away():
    obj = api.get(pod_path("redis-0"))
    before = claims_and_addresses()
    sandbox = pod_pids(obj)
    bed.api.kill()
    try:
        expect_eq(redis(A, "ping"), "PONG", "without the API server")
        for pid in sandbox:
            os.kill(pid, 9)
        wait_until(lambda: pod_pids(obj) and not set(pod_pids(obj)) & set(sandbox) and len(pod_pids(obj)) >= 2, 90, "a new sandbox")
        wait_outside(lambda: redis(A, "ping", check=False, timeout=1) == "PONG", 20)
        expect_eq(pod_mac(obj), state[0], "MAC")
    finally:
        bed.api.start()
    wait_until(lambda: claims_and_addresses() == before, 60, "the same claims and addresses")
    running("redis-0")
    judge()


def claims_and_addresses():
    return sorted((a["metadata"]["name"], a["metadata"]["uid"], a["spec"]["state"]) for a in api.items(NET + "/networkaddresses"))


@test
def a_released_address_cools_and_is_gone():
    delete_pods()
    delete_claims()
    for ip in (A, B):
        wait_until(lambda: (address(ip) or {"spec": {"state": "Cooling"}})["spec"]["state"] == "Cooling", 20, "cooling")
        expect(not outside_pings(ip), "%s still answers" % ip)
    judge()


main(setup=setup)
