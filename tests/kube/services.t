#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Services and the node, for pods on the database segment: their default route is not the node, and yet ClusterIPs,
names, NodePorts, probes of the kubelet, hostPorts and bandwidth work."""
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeproduct import *  # noqa: E402

HTTPD = ["sh", "-c", "mkdir /tmp/www; hostname >/tmp/www/name; exec httpd -f -p 8080 -h /tmp/www"]
state = {}


def setup():
    pool(default=True)
    atexit.register(delete_claims)
    for i, n in enumerate(bed.nodes):
        pod("web%d" % (i + 1), node=n.name, command=HTTPD, labels={"app": "web", "on": n.name})
    pod("far", node="node2")
    for name, sel in (("web", {"app": "web"}), ("one", {"on": "node1"}), ("two", {"on": "node2"})):
        state[name] = service(name, 8080, sel)


def fetched(who, host, port=8080):
    return pod_run(who, "timeout", "4", "fetch", host, port, "/name", check=False, timeout=20).stdout


def expect_fetch(who, host, name, port=8080, seconds=6):
    wait_until(lambda: name in fetched(who, host, port), seconds, lambda: "%s gets %s:%s; last: %r" % (who, host, port, fetched(who, host, port)))


@test
def pods_that_name_nothing_run_on_the_default_pool():
    for name in ("web1", "web2", "far"):
        expect(pod_ip(name).startswith("10.99."), "%s has %s" % (name, pod_ip(name)))


@test
def a_pod_reaches_pods_on_its_own_node_and_on_the_other():
    expect_fetch("far", pod_ip("web2"), "web2")
    expect_fetch("far", pod_ip("web1"), "web1")


@test
def a_cluster_ip_reaches_a_pod_on_the_same_node():
    expect_fetch("far", state["two"], "web2")


@test
def a_cluster_ip_reaches_a_pod_on_the_other_node():
    expect_fetch("far", state["one"], "web1")


@test
def a_cluster_ip_reaches_the_pod_that_asks():
    expect_fetch("web1", state["one"], "web1")


@test
def names_are_resolved():
    expect_fetch("far", "one", "web1")
    expect_fetch("web2", "web." + NS + ".svc.cluster.local", "web")


@test
def the_api_server_is_reached_as_a_service():
    wait_until(lambda: pod_run("far", "timeout", "3", "fetch", "10.96.0.1", "443", check=False).returncode == 0, 5, "10.96.0.1:443")


@test
def a_node_port_leads_to_both_nodes_pods():
    api.create("/api/v1/namespaces/%s/services" % NS, {"metadata": {"name": "np"}, "spec": {
        "type": "NodePort", "selector": {"on": "node1"}, "ports": [{"port": 8080, "targetPort": 8080, "nodePort": 30080}]}})
    for n in bed.nodes:
        wait_until(lambda: "web1" in run("timeout", "5", "bash", "-c", "exec 3<>/dev/tcp/%s/30080 && printf 'GET /name HTTP/1.0\\r\\n\\r\\n' >&3 && cat <&3"
                                         % n.ip, check=False), 5, "NodePort of " + n.name)


@test
def the_node_and_its_host_network_pods_reach_its_pods():
    pod("hosty", node="node1", hostNetwork=True)
    expect_fetch("hosty", pod_ip("web1"), "web1")
    expect_fetch("hosty", state["one"], "web1")
    expect_fetch("hosty", state["two"], "web2")


@test
def a_pod_reaches_its_own_node():
    pid = pod("listener", node="node2", hostNetwork=True, command=["sh", "-c", "mkdir /tmp/www; echo node2-itself >/tmp/www/name; exec httpd -f -p 8099 -h /tmp/www"])
    expect_fetch("far", bed.node("node2").ip, "node2-itself", 8099)
    expect(pid, "no pod")


@test
def probes_of_the_kubelet_succeed():
    get = {"httpGet": {"path": "/name", "port": 8080}, "periodSeconds": 1, "failureThreshold": 2}
    spec = pod_spec(node="node1", command=[*HTTPD[:2], HTTPD[2].replace("httpd -f", "httpd -f -v")])
    spec["containers"][0].update(readinessProbe=get, livenessProbe=get)
    api.create(pods_path(), {"metadata": {"name": "probed"}, "spec": spec})
    running("probed", timeout_s=20)
    # Every request is a line: both probes have come several times.
    wait_until(lambda: bed.kubectl("logs", "-n", NS, "probed").count("response:200") >= 6, 20, "six probes")
    expect_eq(api.get(pod_path("probed"))["status"]["containerStatuses"][0]["restartCount"], 0, "restarts")


@test
def a_host_port_leads_to_the_pod():
    spec = pod_spec(node="node2", command=HTTPD)
    spec["containers"][0]["ports"] = [{"containerPort": 8080, "hostPort": 18080}]
    api.create(pods_path(), {"metadata": {"name": "hostport"}, "spec": spec})
    running("hostport")
    wait_until(lambda: "hostport" in run("timeout", "5", "bash", "-c", "exec 3<>/dev/tcp/10.77.0.12/18080 && printf 'GET /name HTTP/1.0\\r\\n\\r\\n' >&3 && "
                                         "cat <&3", check=False), 5, "hostPort")


@test
def bandwidth_annotations_limit():
    pod("slow", node="node1", annotations={"kubernetes.io/ingress-bandwidth": "8M", "kubernetes.io/egress-bandwidth": "16M"},
        command=HTTPD)
    ip = pod_ip("slow")
    ports = json.loads(bed.node("node1").run(os.path.join(BUILD, "barewire"), "net", "show", "-o", "json"))["endpoints"]
    port = next(p for p in ports if any(ip in a for a in p["addresses"]))
    expect_eq((port["rxRate"], port["txRate"]), (8 * 10**6, 16 * 10**6), "bits per second to and from the pod")


@test
def nothing_link_local_leaves_the_node():
    cap = bed.outside("timeout", "3", "tcpdump", "-n", "-i", "eth0", "-c", "1", "net 169.254.0.0/16 or (arp and net 169.254.0.0/16)", check=False, timeout=10)
    expect_in("0 packets captured", cap.stderr, "seen outside")


main(setup=setup)
