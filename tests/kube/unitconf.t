#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A Unit's files and its Service on a real cluster: Redis starts with a file that has its declared address in it, its
peers and a secret; its ClusterIPs reach it from pods, by both families where it has both."""
import base64
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from kubeunit import *  # noqa: E402

A, B = "10.99.2.40", "10.99.2.41"
C4, C6 = "10.99.2.42", "fd00:99::2:0:0:77"
CORE = "/api/v1/namespaces/%s/" % NS
SLICES = "/apis/discovery.k8s.io/v1/namespaces/%s/endpointslices/" % NS
FILE = """bind {{unit.address}} 127.0.0.1
port 6379
protected-mode no
save ""
{{#peers}}# peer {{name}} {{address}}
{{/peers}}"""


def setup():
    pool(cooldownSeconds=1)
    atexit.register(delete_claims)
    atexit.register(delete_units)
    pod("asks", image=REDIS, annotations={ANN + "network": "lan"})


def with_file(name, address, text, on_change="Restart", **spec):
    o = manifest(name, address, volumes=(), config={"onChange": on_change, "templates": [{"name": "redis.conf", "template": text}]}, **spec)
    o["metadata"]["labels"] = {"app": "conf"}
    c = o["spec"]["template"]["spec"]["containers"][0]
    c["command"] = ["/usr/bin/redis-server", "/etc/barewire/redis.conf"]
    c["ports"] = [{"name": "redis", "containerPort": 6379}]
    api.create("%s/namespaces/%s/units" % (DB, NS), o)
    return ready(name)


def written_all(name):
    paths = [CORE + "configmaps/%s-config" % name, CORE + "secrets/%s-config" % name, CORE + "services/" + name, SLICES + name + "-ipv4"]
    return written(name) + [(api.find(p) or {"metadata": {}})["metadata"].get("resourceVersion") for p in paths]


def from_a_pod(ip, *argv):
    return pod_run("asks", "timeout", "4", "redis-cli", "-h", ip, *argv, check=False, timeout=20).stdout.strip()


@test
def redis_starts_with_its_address_in_its_file():
    u = with_file("r", A, FILE)
    c = api.get(CORE + "configmaps/r-config")
    expect_eq(c["data"]["redis.conf"].splitlines()[0], "bind %s 127.0.0.1" % A)
    expect(c["metadata"]["creationTimestamp"] <= api.get(pod_path("r"))["metadata"]["creationTimestamp"], "the file is younger than the pod")
    expect_eq(u["status"]["config"]["desired"], u["status"]["config"]["delivered"], "hashes")
    expect_eq(wait_outside(lambda: redis(A, "config", "get", "bind", check=False)).split("\n")[-1], "%s 127.0.0.1" % A)
    expect_eq(condition(u, "NotFollowed"), None)


@test
def its_cluster_ip_reaches_it_from_a_pod():
    s = api.get(CORE + "services/r")["spec"]
    expect_eq(([p["port"] for p in s["ports"]], s.get("selector")), ([6379], None), "ports and selector")
    api.wait(SLICES + "r-ipv4", lambda o: o and [e["addresses"] for e in o["endpoints"] if e["conditions"]["ready"]] == [[A]], 60, "ready")
    wait_until(lambda: from_a_pod(s["clusterIP"], "set", "k", "v") == "OK", 60, lambda: "answer: %r" % from_a_pod(s["clusterIP"], "set", "k", "v"))
    expect_eq(wait_outside(lambda: redis(A, "get", "k", check=False)), "v")
    quiet = written_all("r")
    expect_eq(condition(api.get(unit_path("r")), "ServiceForeign"), None)
    expect_eq(written_all("r"), quiet, "writes of a Unit at rest")


@test
def a_peer_that_comes_is_in_the_file_and_a_secret_makes_it_a_secret():
    api.create(CORE + "secrets", {"metadata": {"name": "auth"}, "stringData": {"word": "hushhush"}})
    atexit.register(api.ask, "DELETE", CORE + "secrets/auth")
    old = api.get(pod_path("r"))["metadata"]["uid"]
    with_file("s", B, "bind {{unit.address}} 127.0.0.1\nrequirepass {{secret.auth.word}}\n" + FILE.split("\n", 1)[1],
              peers={"selector": {"matchLabels": {"app": "conf"}}})
    text = base64.b64decode(api.get(CORE + "secrets/s-config")["data"]["redis.conf"]).decode()
    expect_in("requirepass hushhush", text, "the file")
    expect_in("# peer r %s" % A, text, "the file")
    expect(api.find(CORE + "configmaps/s-config") is None, "the ConfigMap is there")
    wait_outside(lambda: redis(B, "-a", "hushhush", "--no-auth-warning", "ping", check=False) == "PONG")
    expect("hushhush" not in str(api.get(unit_path("s"))["status"]) + str(events()), "the secret is in a status or an event")
    expect_eq(api.get(pod_path("r"))["metadata"]["uid"], old, "the pod of a Unit without peers")


@test
def an_unknown_name_leaves_the_file_and_the_pod():
    old = api.get(pod_path("r"))["metadata"]["uid"]
    api.patch(unit_path("r"), {"spec": {"config": {"templates": [{"name": "redis.conf", "template": "bind {{unit.adress}}"}]}}})
    u = said("r", "ConfigInvalid", "ConfigInvalid")
    expect_in("unit.adress", condition(u, "ConfigInvalid", "message"), "what is wrong")
    expect_eq(condition(u, "Ready"), "True")
    expect_in(A, api.get(CORE + "configmaps/r-config")["data"]["redis.conf"], "the old file")
    api.patch(unit_path("r"), {"spec": {"config": {"templates": [{"name": "redis.conf", "template": FILE + "# more\n"}]}}})
    u = ready("r", uid_not=old)
    api.wait(unit_path("r"), lambda o: status(o)["config"].get("delivered") == status(o)["config"].get("desired") and
             condition(o, "ConfigInvalid") is None, 60, "delivered")


@test
def a_unit_of_two_families_is_reached_by_both_through_its_service():
    pool("lan6", ("fd00:99:0:0:2::1-fd00:99:0:0:2::ff",), prefix="fd00:99::/64", cooldownSeconds=1)
    o = manifest("d", volumes=())
    o["spec"]["networking"] = {"mode": "bridge", "type": "networkClaim", "networks": ["lan", "lan6"], "addresses": [C4, C6]}
    c = o["spec"]["template"]["spec"]["containers"][0]
    c["command"] = ["/usr/bin/redis-server", "--protected-mode", "no", "--bind", "*", "-::*", "--save", ""]
    c["ports"] = [{"name": "redis", "containerPort": 6379}]
    api.create("%s/namespaces/%s/units" % (DB, NS), o)
    for n in bed.nodes:
        pod("both-" + n.name, image=REDIS, node=n.name, annotations={ANN + "network": "lan,lan6"}, wait=False)
    u = ready("d")
    expect_eq(sorted(u["status"]["podIPs"]), sorted([C4, C6]), "the pod's addresses")
    for name, kind, ip in (("d-ipv4", "IPv4", C4), ("d-ipv6", "IPv6", C6)):
        s = api.wait(SLICES + name, lambda o: o and [e["addresses"] for e in o["endpoints"] if e["conditions"]["ready"]] == [[ip]], 60, "ready")
        expect_eq(s["addressType"], kind, "family of the slice")
    s = api.get(CORE + "services/d")["spec"]
    expect_eq((s["ipFamilyPolicy"], sorted(s["ipFamilies"])), ("PreferDualStack", ["IPv4", "IPv6"]), "the Service")
    for n in bed.nodes:
        running("both-" + n.name)
        for ip in (*s["clusterIPs"], C4, C6):
            answer = [""]

            def pong():
                answer[0] = pod_run("both-" + n.name, "timeout", "4", "redis-cli", "-h", ip, "ping", check=False, timeout=20)
                return answer[0].stdout.strip() == "PONG"
            wait_until(pong, 60, lambda: "from %s to %s: %r" % (n.name, ip, answer[0]))
    for ip in (C4, C6):
        wait_outside(lambda: redis(ip, "ping", check=False) == "PONG")
    judge()


@test
def what_is_theirs_goes_with_them():
    for name in ("r", "s"):
        delete_unit(name)
    for path in (CORE + "configmaps/r-config", CORE + "secrets/s-config", CORE + "services/r", SLICES + "r-ipv4"):
        api.wait_gone(path, 60)


main(setup=setup)
