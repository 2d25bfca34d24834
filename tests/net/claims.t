#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""barewire-bridge in a network of claims: everything comes from the binding that the node's daemon wrote."""
import os
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bridgebed import *
from fakeagent import *

BRIDGE_OF_DATA0 = "bw-data0"


def bed(**kw):
    """A node with an uplink, its far end, and a daemon. Returns (agent, peer)."""
    clean()
    for name in ("bw-data0", "data0"):
        run("ip", "link", "del", name, check=False)
    peer = Netns("peer")
    run("ip", "link", "add", "data0", "type", "veth", "peer", "name", "far0", "netns", "peer")
    run("ip", "link", "set", "data0", "up")
    peer.ip("link set far0 up")
    peer.ip("addr add 10.99.0.9/16 dev far0")
    return FakeAgent(**kw), peer


def close(agent):
    agent.close()
    for name in ("bw-data0", "data0"):
        run("ip", "link", "del", name, check=False)


def on_bed(fn):
    def run_on_bed():
        agent, peer = bed()
        try:
            fn(agent, peer)
        finally:
            close(agent)
    run_on_bed.__name__ = fn.__name__
    return test(run_on_bed)


def expect_gone():
    """Nothing of a pod is left; the bridge stays with its uplink, and the uplink with its program."""
    left = [x for x in leftovers() if "data0:in" not in x and not x.startswith("bw_port")]
    expect(not left, "left behind:\n" + "\n".join(left))


def rows():
    return [json.loads(r.split(" ", 1)[1]) for r in journal_rows(tables=("attachment",))]


@on_bed
def everything_comes_from_the_binding(agent, peer):
    agent.put(binding("redis-0", ["10.99.2.77/16", "fd99::77/64"], mac="02:00:00:00:00:77",
                      routes=[{"dst": "10.50.0.0/16", "gw": "10.99.0.2"}], ingressMbps=100, egressMbps=50))
    ns = Netns("a")
    answer = expect_ok(cni("ADD", CLAIMS, ns, args=pod("redis-0")))
    expect_eq(answer.ips, ["10.99.2.77/16", "fd99::77/64"])
    expect_eq(ns.addrs(), ["10.99.2.77/16", "fd99::77/64"])
    expect_eq(pod_mac(answer), "02:00:00:00:00:77")
    expect_eq(run_json("ip", "-j", "link", "show", "data0")[0]["master"], BRIDGE_OF_DATA0)
    routes = " ".join(ns.routes())
    for want in ("default via 10.99.0.1", "10.50.0.0/16 via 10.99.0.2", "default via fd99::1"):
        expect_in(want, routes)
    row = rows()[0]
    expect_eq((row["claim_uid"], row["token"], row["state"]), ("uid-redis-0", 1, 1))
    expect_eq(outbox(), [("uid-redis-0", 1, "attached", {"namespace": "db", "name": "redis-0", "interface": "eth0",
                                                         "mac": "02:00:00:00:00:77"})])
    expect(ping(peer, "10.99.2.77"), "the peer reaches the pod")
    ask = agent.asked()[0]
    expect_eq((ask["namespace"], ask["name"], ask["uid"], ask["ifname"], ask["containerID"]),
              ("db", "redis-0", "pod-uid", "eth0", "a"))
    expect("annotations" not in ask, "the runtime passes none")
    expect_ok(cni("CHECK", with_prev(CLAIMS, answer), ns, args=pod("redis-0")))
    expect_ok(cni("STATUS", CLAIMS))
    expect_ok(cni("DEL", with_prev(CLAIMS, answer), ns, args=pod("redis-0")))
    expect_gone()
    expect_eq(outbox()[1], ("uid-redis-0", 1, "detached", {"namespace": "db", "name": "redis-0"}))
    wait_until(lambda: len(agent.asked("nudge")) == 2, what="a nudge for each change of the outbox")


@on_bed
def the_conflist_of_conf_cni_works_with_a_port_of_the_host(agent, peer):
    with open(os.path.join(TOP, "conf", "cni", "05-barewire.conflist")) as f:
        conflist = json.load(f)
    first, second = conflist["plugins"]
    conf = {**first, "cniVersion": conflist["cniVersion"], "name": conflist["name"]}
    agent.put(binding("redis-0", ["10.99.2.77/16"]))
    ns = Netns("a")
    answer = expect_ok(cni("ADD", conf, ns, args=pod("redis-0")))
    expect_eq(agent.asked()[0]["waitMs"], 30000)
    # The next one of the chain takes the answer as it is.
    chained = {**second, "cniVersion": conflist["cniVersion"], "name": conflist["name"], "prevResult": answer.json}
    expect_eq(second["type"], "portmap")
    expect_ok(cni("ADD", chained, ns, plugin=reference("portmap")))
    expect_ok(cni("DEL", conf, ns, args=pod("redis-0")))
    expect_gone()


@on_bed
def the_pods_own_bandwidth_goes_before_the_claims(agent, peer):
    agent.put(binding("redis-0", ["10.99.2.77/16"], ingressMbps=100))
    conf = annotated(claim="redis-0")
    conf["runtimeConfig"]["bandwidth"] = {"ingressRate": 1000}
    expect_error(cni("ADD", conf, Netns("a"), args=pod("redis-0")), 7, "ingressRate and ingressBurst")
    conf["runtimeConfig"]["bandwidth"] = RATE
    expect_ok(cni("ADD", conf, Netns("b"), args=pod("redis-0")))


@on_bed
def the_first_interface_reaches_Services_and_the_node(agent, peer):
    agent.put(binding("redis-0", ["10.99.2.77/16"], serviceCIDRs=SERVICES, nodeAddresses=["192.0.2.10"]))
    agent.put(binding("redis-1", ["10.99.2.78/16"], first=False, serviceCIDRs=SERVICES, nodeAddresses=["192.0.2.10"]))
    ns, other = Netns("a"), Netns("b")
    expect_ok(cni("ADD", CLAIMS, ns, args=pod("redis-0")))
    expect_ok(cni("ADD", CLAIMS, other, args=pod("redis-1")))
    expect_in("10.96.0.0/12 via 169.254.1.1", " ".join(ns.routes()))
    expect("169.254.1.1" not in " ".join(other.routes()), "a second interface leads nowhere else")
    expect("default" not in " ".join(other.routes()), "nor does it lead to the router")
    expect_in("10.99.2.77 dev bw-data0 proto 98", run("ip route"))
    for name, container in (("redis-0", ns), ("redis-1", other)):
        expect_ok(cni("DEL", CLAIMS, container, args=pod(name)))
    expect("10.99.2.77" not in run("ip route") + run("ip neigh show nud permanent"), "nothing is left of it")


@on_bed
def the_annotation_names_the_claim(agent, peer):
    agent.put(binding("orders-7", ["10.99.2.78/16"]))
    ns = Netns("a")
    conf = annotated(claim="orders-$(POD_NAME)")
    answer = expect_ok(cni("ADD", conf, ns, args=pod("7")))
    expect_eq(answer.ips, ["10.99.2.78/16"])
    expect_eq(agent.asked()[0]["annotations"], {"net.barewire.dev/claim": "orders-$(POD_NAME)"})
    expect_ok(cni("DEL", conf, ns, args=pod("7")))
    expect_gone()


@on_bed
def the_first_address_of_a_segment_without_a_router_is_a_claims_too(agent, peer):
    b = binding("redis-0", ["10.99.0.1/16", "fd99::1/64"])
    for ip in b["ips"]:
        del ip["gateway"]
    b["ips"][1]["gateway"] = "fe80::9"
    agent.put(b)
    ns = Netns("a")
    answer = expect_ok(cni("ADD", CLAIMS, ns, args=pod("redis-0")))
    expect_eq(ns.addrs(), ["10.99.0.1/16", "fd99::1/64"])
    expect("gateway" not in answer.json["ips"][0], "no router is made up")
    routes = " ".join(ns.routes())
    expect("default via 10" not in routes, "nor a default route")
    expect_in("default via fe80::9", routes)
    expect_ok(cni("CHECK", with_prev(CLAIMS, answer), ns, args=pod("redis-0")))


@on_bed
def annotations_of_others_are_not_sent(agent, peer):
    agent.put(binding("redis-0", ["10.99.2.77/16"]))
    ns, conf = Netns("a"), annotated(claim="redis-0")
    conf["runtimeConfig"]["io.kubernetes.cri.pod-annotations"]["example.com/big"] = "x" * 100000
    expect_ok(cni("ADD", conf, ns, args=pod("redis-0")))
    expect_eq(list(agent.asked()[0]["annotations"]), ["net.barewire.dev/claim"])


@on_bed
def ADD_waits_for_the_claim_and_holds_nothing_meanwhile(agent, peer):
    make_journal()
    ns, got = Netns("a"), []
    conf = {**CLAIMS, "waitSeconds": 20}
    waiting = threading.Thread(target=lambda: got.append(cni("ADD", conf, ns, args=pod("redis-0"))))
    waiting.start()
    wait_until(agent.asked, what="the plugin asks")
    agent.put(binding("redis-1", ["10.99.2.79/16"]))  # another ADD, and the journal, go on
    other = Netns("b")
    expect_ok(cni("ADD", CLAIMS, other, args=pod("redis-1")))
    expect(waiting.is_alive(), "the first one waits")
    agent.put(binding("redis-0", ["10.99.2.77/16"]))
    waiting.join(20)
    expect_eq(expect_ok(got[0]).ips, ["10.99.2.77/16"])


@on_bed
def a_claim_that_is_not_served_in_time_says_what_is_missing(agent, peer):
    make_journal()
    ns = Netns("a")
    answer = cni("ADD", CLAIMS, ns, args=pod("redis-0"))
    expect_error(answer, 11, "claim db/redis-0 is Pending", "kubectl describe netclaim")
    expect_eq(rows(), [])


@test
def the_daemons_refusal_keeps_its_code():
    agent, _ = bed(hook=lambda r: {"ok": False, "code": 7, "msg": "no pool for pod db/x", "details": "annotate it"})
    try:
        expect_error(cni("ADD", CLAIMS, Netns("a"), args=pod("x")), 7, "no pool for pod db/x", "annotate it")
    finally:
        close(agent)


@test
def without_daemon_and_row_ADD_is_refused_at_once():
    clean()
    start = time.monotonic()
    answer = cni("ADD", {**CLAIMS, "waitSeconds": 30}, Netns("a"), args=pod("redis-0"))
    expect_error(answer, 11, "db/redis-0 is not in this node's journal", "barewire-agent does not listen", "kubectl")
    expect(time.monotonic() - start < 2, "it did not wait")


@test
def a_row_of_this_boot_serves_while_the_daemon_is_away():
    agent, _ = bed()
    agent.close()
    try:
        put(binding("redis-0", ["10.99.2.77/16"]))
        ns = Netns("a")
        expect_eq(expect_ok(cni("ADD", annotated(claim="redis-0"), ns, args=pod("redis-0"))).ips, ["10.99.2.77/16"])
        expect_ok(cni("DEL", CLAIMS, ns, args=pod("redis-0")))
        expect_eq([r[2] for r in outbox()], ["attached", "detached"])
        expect_ok(cni("ADD", CLAIMS, ns, args=pod("redis-0")))
        expect_eq([r[2] for r in outbox()], ["attached"])
    finally:
        for name in ("bw-data0", "data0"):
            run("ip", "link", "del", name, check=False)


def refused_row(word, **columns):
    clean()
    put(binding("redis-0", ["10.99.2.77/16"]), **columns)
    expect_error(cni("ADD", CLAIMS, Netns("a"), args=pod("redis-0")), 11, word)


case("a row of another boot does not serve", lambda: refused_row("since this node was started", boot_id="another"))
case("a stale row does not serve", lambda: refused_row("is no longer this node's", stale=1))


@test
def a_daemon_that_dies_while_asked_leaves_the_journal_to_serve():
    agent, _ = bed(hook=lambda r: b"")
    try:
        put(binding("redis-0", ["10.99.2.77/16"]))
        expect_ok(cni("ADD", CLAIMS, Netns("a"), args=pod("redis-0")))
    finally:
        close(agent)


@on_bed
def a_token_that_was_given_back_is_refused(agent, peer):
    agent.put(binding("redis-0", ["10.99.2.77/16"]))
    write("UPDATE claim_token SET detached = 1")
    expect_error(cni("ADD", CLAIMS, Netns("a"), args=pod("redis-0")), 11, "token 1", "has given it back")
    expect_gone()
    agent.put(binding("redis-0", ["10.99.2.77/16"], token=2))
    expect_ok(cni("ADD", CLAIMS, Netns("b"), args=pod("redis-0")))
    expect_eq(rows()[0]["token"], 2)


@on_bed
def a_pod_made_again_where_it_was_gives_nothing_back(agent, peer):
    agent.put(binding("redis-0", ["10.99.2.77/16"]))
    for name in ("a", "b", "c"):
        ns = Netns(name)
        expect_ok(cni("ADD", CLAIMS, ns, args=pod("redis-0")))
        expect_eq([r[2] for r in outbox()], ["attached"])
        expect_ok(cni("DEL", CLAIMS, ns, args=pod("redis-0")))
        ns.remove()
    expect_eq([r[2] for r in outbox()], ["attached", "detached"])


@on_bed
def a_failed_ADD_gives_nothing_back(agent, peer):
    agent.put(binding("redis-0", ["10.99.2.77/16"]))
    ns = Netns("a")
    ns.ip("link add eth0 type veth peer name other")
    expect(cni("ADD", CLAIMS, ns, args=pod("redis-0")).code, "eth0 is taken")
    expect_eq(outbox(), [])
    expect_gone()
    expect_ok(cni("DEL", CLAIMS, ns, args=pod("redis-0")))
    # The pod is gone without ever having had the address: somebody may wait for it.
    expect_eq([r[2] for r in outbox()], ["detached"])


@on_bed
def DEL_of_a_second_container_leaves_the_first_ones_token(agent, peer):
    agent.put(binding("redis-0", ["10.99.2.77/16"]))
    ns = Netns("a")
    expect_ok(cni("ADD", CLAIMS, ns, args=pod("redis-0")))
    expect_ok(cni("DEL", CLAIMS, ns, cid="older", args=pod("redis-0")))
    expect_eq([r[2] for r in outbox()], ["attached"])
    expect_eq(ns.addrs(), ["10.99.2.77/16"])


@on_bed
def an_address_held_by_a_live_container_is_named(agent, peer):
    agent.put(binding("redis-0", ["10.99.2.77/16"]))
    expect_ok(cni("ADD", CLAIMS, Netns("a"), args=pod("redis-0")))
    expect_error(cni("ADD", CLAIMS, Netns("b"), args=pod("redis-0")), 11, "10.99.2.77 is held by container a eth0")


@on_bed
def GC_gives_back_what_the_runtime_forgot(agent, peer):
    for i in range(2):
        agent.put(binding("redis-%d" % i, ["10.99.2.%d/16" % (70 + i)]))
        expect_ok(cni("ADD", CLAIMS, Netns("p%d" % i), args=pod("redis-%d" % i)))
    valid = {"cni.dev/valid-attachments": [{"containerID": "p0", "ifname": "eth0"}]}
    expect_ok(cni("GC", {**CLAIMS, **valid}))
    expect_eq([r["container_id"] for r in rows()], ["p0"])
    expect_eq([(r[0], r[2]) for r in outbox()][2:], [("uid-redis-1", "detached")])


@on_bed
def CHECK_names_a_claim_that_left_the_node(agent, peer):
    agent.put(binding("redis-0", ["10.99.2.77/16"]))
    ns = Netns("a")
    answer = expect_ok(cni("ADD", CLAIMS, ns, args=pod("redis-0")))
    ns.ip("addr del 10.99.2.77/16 dev eth0")
    expect_error(cni("CHECK", with_prev(CLAIMS, answer), ns, args=pod("redis-0")), None, "10.99.2.77")
    write("DELETE FROM claim_cache")
    expect_error(cni("CHECK", with_prev(CLAIMS, answer), ns, args=pod("redis-0")), 7, "no longer this node's")


@on_bed
def a_pod_without_a_name_is_refused_with_the_remedy(agent, peer):
    expect_error(cni("ADD", CLAIMS, Netns("a")), 7, "K8S_POD_NAME", "ipam.ranges")


@on_bed
def a_mode_of_another_CNI_is_refused_with_the_remedy(agent, peer):
    agent.put(binding("redis-0", ["10.99.2.77/16"], mode="calico"))
    expect_error(cni("ADD", CLAIMS, Netns("a"), args=pod("redis-0")), 7, "mode calico", "bridge, sriov or macvlan")


@on_bed
def the_plugin_becomes_the_program_of_the_mode(agent, peer):
    with tempfile.TemporaryDirectory() as folder:
        for name in ("barewire-sriov", "macvlan"):
            path = os.path.join(folder, name)
            with open(path, "w") as f:
                f.write("#!/bin/sh\ncat >%s/$(basename $0).$CNI_COMMAND\necho '{\"cniVersion\":\"1.1.0\"}'\n" % folder)
            os.chmod(path, 0o755)

        def seen(name, verb):
            with open(os.path.join(folder, "%s.%s" % (name, verb))) as f:
                return json.load(f)
        agent.put(binding("redis-0", ["10.99.2.77/16"], mode="sriov", uplink="ens1f0", vlan=70))
        agent.put(binding("redis-1", ["10.99.2.78/16"], mode="macvlan", uplink="ens1f0", mac="02:00:0a:63:02:4e"))
        expect_ok(cni("ADD", CLAIMS, Netns("a"), args=pod("redis-0"), path=folder))
        conf = seen("barewire-sriov", "ADD")
        expect_eq((conf["type"], conf["pf"], conf["vlan"], conf["name"]), ("barewire-sriov", "ens1f0", 70, "barewire"))
        expect_eq(conf["ipam"]["claim"]["uid"], "uid-redis-0")
        expect_eq(conf["ipam"]["ranges"][0][0]["rangeStart"], "10.99.2.77")
        expect("claims" not in conf, "it is a plain configuration")
        expect_ok(cni("ADD", CLAIMS, Netns("b"), args=pod("redis-1"), path=folder))
        conf = seen("macvlan", "ADD")
        expect_eq((conf["type"], conf["master"], conf["mac"], conf["ipam"]["type"]), ("macvlan", "ens1f0", "02:00:0a:63:02:4e", "barewire-ipam"))
        # DEL follows the row, whatever the claim has become.
        for cid, program, made in (("x", "barewire-sriov", "barewire-sriov"), ("y", "barewire-ipam", "macvlan")):
            write("INSERT INTO attachment(container_id, ifname, network, program, pod, netns, netns_id, boot_id, state, "
                  "claim_uid, token, since_s, host_if, bridge, vlan, mac, flags) "
                  "VALUES(?, 'eth0', 'barewire', ?, '', '', 0, '', 1, 'u', 1, 0, '', '', 0, x'', 0)", cid, program)
            expect_ok(cni("DEL", CLAIMS, Netns("ns" + cid), cid=cid, args=pod("redis-0"), path=folder))
            expect_eq(seen(made, "DEL")["type"], made)


@on_bed
def macvlan_with_our_addresses_is_journalled_and_given_back(agent, peer):
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(reference("macvlan"), os.path.join(folder, "macvlan"))
        os.symlink(os.path.join(BUILD, "barewire-ipam"), os.path.join(folder, "barewire-ipam"))
        agent.put(binding("redis-1", ["10.99.2.78/16"], mode="macvlan"))
        ns, conf = Netns("b"), {**CLAIMS, "cniVersion": "1.0.0"}
        expect_eq(expect_ok(cni("ADD", conf, ns, args=pod("redis-1"), path=folder)).ips, ["10.99.2.78/16"])
        expect_eq(ns.addrs(), ["10.99.2.78/16"])
        expect_eq([(r["program"], r["claim_uid"]) for r in rows()], [("barewire-ipam", "uid-redis-1")])
        expect_ok(cni("DEL", conf, ns, args=pod("redis-1"), path=folder))
        expect_eq(rows(), [])
        expect_eq([r[2] for r in outbox()], ["attached", "detached"])
        wait_until(lambda: len(agent.asked("nudge")) == 2, what="a nudge for each change of the outbox")


main()
