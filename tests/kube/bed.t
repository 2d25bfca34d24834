#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The kube bed itself, with the reference plugins as CNI: what the other files of this tier stand on."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubetest import *  # noqa: E402


@test
def both_nodes_are_ready():
    for n in bed.nodes:
        node = bed.ready(n.name)
        expect_in("containerd://2.", node["status"]["nodeInfo"]["containerRuntimeVersion"])
        expect_eq(node["status"]["addresses"][0]["address"], n.ip, "InternalIP")


@test
def nodes_share_no_path_and_nothing_is_made_on_the_machine():
    for n in bed.nodes:
        n.run("touch", "/etc/cni/only-" + n.name, "/opt/cni/only-" + n.name, "/run/only-" + n.name, "/var/lib/only-" + n.name)
    for n in bed.nodes:
        for folder in ("/etc/cni", "/opt/cni", "/run", "/var/lib"):
            found = [f for f in n.run("ls", folder).split() if f.startswith("only-")]
            expect_eq(found, ["only-" + n.name], folder)
            expect(not os.path.exists("%s/only-%s" % (folder, n.name)), "%s is shared" % folder)
        expect_eq(n.run("hostname").strip(), n.name)


@test
def pods_reach_each_other_across_nodes_and_by_service_and_name():
    pod("server", node="node1", command=["httpd", "-f", "-p", "8080", "-h", "/etc"])
    pod("client", node="node2")
    service("server", 8080)
    ip = pod_ip("server")
    expect_in("root", pod_run("client", "fetch", ip, 8080, "/passwd"))
    wait_until(lambda: "root" in pod_run("client", "fetch", "server", 8080, "/passwd", check=False).stdout, 20, "the Service by its name")
    expect_in("10.96.0.1 ", pod_run("client", "getent", "hosts", "kubernetes.default.svc.cluster.local"))


@test
def logs_and_exec_come_through_the_kubelet():
    pod("talker", node="node2", command=["sh", "-c", "echo said once; exec sleep 1000"])
    expect_in("said once", bed.kubectl("logs", "-n", NS, "talker"))
    expect_eq(pod_run("talker", "hostname").strip(), "talker")


@test
def a_pod_has_the_api_server_as_a_service():
    wait_until(lambda: pod_run("client", "timeout", "3", "fetch", "kubernetes.default", "443", check=False).returncode == 0, 20, "kubernetes.default")


@test
def no_router_joins_the_segments():
    for far in ("10.77.0.1", "10.77.0.11", "10.77.0.12", "10.244.1.1"):
        expect(not outside_pings(far), "the machine outside reaches %s" % far)
    for n in bed.nodes:
        expect_in("up0", n.run("ip route get 10.99.0.2"), "route of the management network")
        expect("1 received" not in n.run("ping", "-n", "-c", "1", "-W", "1", "10.99.0.2", check=False), n.name + " reaches the database segment")
    expect("received, 0%" not in run("ping", "-n", "-c", "1", "-W", "1", "10.99.0.2", check=False), "the management host reaches it")
    expect_eq([a for a in run_json("ip", "-j", "addr", "show", "fab1")[0]["addr_info"]], [], "addresses on fab1")


@test
def the_second_cards_are_on_the_database_segment():
    for i, n in enumerate(bed.nodes):
        n.run("ip addr add 10.99.9.%d/32 dev data0" % (i + 1))
        n.run("ip route add 10.99.0.2/32 dev data0 src 10.99.9.%d" % (i + 1))
    for i, n in enumerate(bed.nodes):
        expect(outside_pings("10.99.9.%d" % (i + 1)), "%s is not on the segment" % n.name)
        n.run("ip route del 10.99.0.2/32 dev data0")
        n.run("ip addr del 10.99.9.%d/32 dev data0" % (i + 1))
    expect_eq({outside_mac("10.99.9.%d" % (i + 1)) for i in range(len(bed.nodes))},
              {n.run("cat /sys/class/net/data0/address").strip() for n in bed.nodes}, "MACs seen outside")


@test
def redis_of_our_own_image_runs():
    obj = pod("cache", image=REDIS, node="node1")
    expect_eq(pod_run("cache", "redis-cli", "ping").strip(), "PONG")
    expect_in(obj["status"]["podIP"], in_pod(obj, "ip", "-br", "addr", "show", "eth0"))


@test
def a_node_cut_off_is_not_ready_and_its_pods_live_on():
    server = api.get(pod_path("server"))
    bed.node("node1").cut("up0")
    bed.ready("node1", False, 40)
    expect(pod_pids(server), "the pod died with the cable")
    bed.node("node1").plug("up0")
    bed.ready("node1", True, 40)
    expect_eq(running("server")["status"]["containerStatuses"][0]["restartCount"], 0, "restarts")


@test
def a_node_without_power_loses_its_pods_and_comes_back_with_them():
    node = bed.node("node2")
    before = api.get(pod_path("client"))
    boot = before["status"]["containerStatuses"][0]["containerID"]
    node.kill()
    expect_eq(node.processes(), set(), "processes")
    expect_eq(pod_pids(before), [], "processes of its pod")
    bed.ready("node2", False, 40)
    node.boot()
    bed.reference_cni()
    bed.ready("node2", True, 60)
    api.wait(pod_path("client"), lambda o: is_running(o) and o["status"]["containerStatuses"][0]["containerID"] != boot, 60, "restarted")
    expect_in("root", pod_run("client", "fetch", pod_ip("server"), 8080, "/passwd"))


@test
def the_api_server_and_etcd_forget_nothing_when_killed():
    api.create("/api/v1/namespaces/%s/configmaps" % NS, {"metadata": {"name": "kept"}, "data": {"k": "v"}})
    bed.api.etcd.kill()
    bed.api.kill()
    expect_eq(api.ask("GET", "/readyz")[0], 0, "an answer")
    bed.api.start()
    expect_eq(api.get("/api/v1/namespaces/%s/configmaps/kept" % NS)["data"], {"k": "v"}, "data")
    for n in bed.nodes:
        bed.ready(n.name)


main(cni="reference")
