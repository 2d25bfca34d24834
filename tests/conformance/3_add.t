#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""CNI 1.1.0: ADD (statements 26 to 37)."""
import os
import random
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from bwtest import *
from cnibed import *

DUAL = pool({"subnet": SUBNET}, {"subnet": "fd00:1::/64"},
            routes=[{"dst": "0.0.0.0/0"}, {"dst": "192.0.2.0/24", "gw": "10.1.0.9"}, {"dst": "::/0"}])


def check_namespace(answer, ns, ifname="eth0"):
    """What the result says is what the namespace has."""
    doc = answer.json
    link = ns.link(ifname)
    mine = [i for i in doc["interfaces"] if i.get("sandbox")]
    expect_eq([i["name"] for i in mine], [ifname], "interfaces in the sandbox")
    expect_eq(mine[0]["sandbox"], ns.path, "sandbox")
    expect_eq(mine[0]["mac"], link["address"], "mac")
    expect_eq(mine[0]["mtu"], link["mtu"], "mtu")
    expect("UP" in link["flags"] and "LOWER_UP" in link["flags"], "flags %s" % link["flags"])
    expect_eq(ns.addrs(ifname), sorted(answer.ips), "addresses")
    for ip in doc["ips"]:
        expect_eq(doc["interfaces"][ip["interface"]]["name"], ifname, "ips[].interface")
    for i in doc["interfaces"]:
        if not i.get("sandbox"):
            expect_eq(run_json("ip", "-j", "link", "show", "dev", i["name"])[0]["address"], i["mac"], i["name"])
    have = run_json("ip", "-n", ns.name, "-j", "route") + run_json("ip", "-n", ns.name, "-j", "-6", "route")
    for route in doc.get("routes", []):
        dst = "default" if route["dst"] in ("0.0.0.0/0", "::/0") else route["dst"]
        family = [r for r in have if (":" in r.get("gateway", route["dst"])) == (":" in route["dst"])]
        found = [r for r in family if r["dst"] == dst and r["dev"] == ifname]
        expect(found, "route %s is missing in %s" % (route, have))
        if route.get("gw"):
            expect_in(route["gw"], [r.get("gateway") for r in found], "gateway of " + dst)


@one
def _26_interface_addresses_and_routes_of_the_result_are_there():
    ns = Netns("a")
    conf = bridge_conf(ipam=DUAL, mtu=1400)
    answer = added(BRIDGE, conf, ns)
    expect_eq(answer.ips, ["10.1.0.2/24", "fd00:1::2/64"], "ips")
    check_namespace(answer, ns)
    ns.run("ping -c1 -W2 10.1.0.1")
    ns.run("ping -c1 -W2 fd00:1::1")
    deleted(BRIDGE, conf, ns)


@one
def _26_a_second_interface_and_a_long_name_are_as_good():
    ns = Netns("a")
    first = added(BRIDGE, bridge_conf(), ns)
    other = bridge_conf(name="other", bridge="br1",
                        ipam=pool({"subnet": "10.2.0.0/24"}))
    second = added(BRIDGE, other, ns, ifname="0123456789abcde")
    check_namespace(first, ns)
    check_namespace(second, ns, "0123456789abcde")
    deleted(BRIDGE, other, ns, ifname="0123456789abcde")
    check_namespace(first, ns)
    deleted(BRIDGE, bridge_conf(), ns)


@one
def _27_an_interface_that_is_there_already_is_left_alone():
    ns = Netns("a")
    ns.ip("link add eth0 type veth peer name other")
    refused(BRIDGE, "ADD", bridge_conf(), ns, None, "eth0")
    deleted(BRIDGE, bridge_conf(), ns)
    expect_eq(ns.link()["ifname"], "eth0", "the link that was there")


@both
def _28_a_repeated_add_is_an_error_and_the_first_stays(program):
    ns = Netns("a")
    conf = conf_of(program)
    answer = added(program, conf, ns)
    refused(program, "ADD", conf, ns, None, "a", "eth0")
    expect_ok(plug(program, "CHECK", with_prev(conf, answer), ns))
    deleted(program, conf, ns)


@one
def _29_a_previous_result_is_passed_through_and_indexes_stay_valid():
    ns = Netns("a")
    ns.ip("link add net9 type veth peer name other")
    prev = {"cniVersion": "1.0.0", "interfaces": [{"name": "net9", "mac": ns.link("net9")["address"],
                                                  "sandbox": ns.path}],
            "ips": [{"interface": 0, "address": "10.77.0.5/24"}], "routes": [{"dst": "10.78.0.0/16"}],
            "dns": {"nameservers": ["10.77.0.1"]}}
    conf = bridge_conf(prevResult=prev)
    doc = added(BRIDGE, conf, ns).json
    by_ip = {ip["address"]: doc["interfaces"][ip["interface"]]["name"] for ip in doc["ips"]}
    expect_eq(by_ip.get("10.77.0.5/24"), "net9", "interface of the earlier plugin's address")
    expect_eq(by_ip.get("10.1.0.2/24"), "eth0", "interface of ours")
    expect_in("10.78.0.0/16", [r["dst"] for r in doc["routes"]], "routes")
    deleted(BRIDGE, conf, ns)


@one
def _30_a_delegate_gets_the_same_stdin_and_the_whole_environment():
    foreign = Foreign()
    ns = Netns("a")
    text = json.dumps(foreign.conf(), indent=3) + "\n\n"
    extra = {"SOME_VARIABLE": "kept", "CNI_NETNS_OVERRIDE": "0"}
    answer = added(BRIDGE, text, ns, path=foreign.path, args="IP=10.9.0.5;IgnoreUnknown=1", extra=extra)
    expect_eq(answer.ips, ["10.9.0.5/24"], "ips")
    check_namespace(answer, ns)
    expect_in("the foreign plugin says ADD", answer.err, "stderr")
    verb, env, stdin = foreign.calls()[0]
    expect_eq(stdin, text, "stdin of the delegate")
    wanted = cni_env("ADD", ns, args="IP=10.9.0.5;IgnoreUnknown=1", path=foreign.path, extra=extra)
    for key in ("CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH",
                "SOME_VARIABLE", "CNI_NETNS_OVERRIDE"):
        expect_eq(env.get(key), wanted[key], key)
    answer = deleted(BRIDGE, text, ns, path=foreign.path)
    expect_eq(foreign.verbs(), ["ADD", "DEL"], "calls")
    expect_in("the foreign plugin says DEL", answer.err, "stderr")


@one
def _31_a_failing_delegate_is_cleaned_up_and_its_error_passed_on():
    foreign = Foreign()
    foreign.answer("ADD", {"cniVersion": NEWEST, "code": 142, "msg": "its very own words", "details": "why"}, fail=True)
    ns = Netns("a")
    answer = refused(BRIDGE, "ADD", foreign.conf(), ns, 142, "its very own words", path=foreign.path)
    expect_eq(answer.json.get("details"), "why", "details")
    expect_eq(foreign.verbs(), ["ADD", "DEL"], "calls")


@one
def _31_a_delegate_that_answers_nonsense_is_cleaned_up():
    ns = Netns("a")
    for text in ("", "garbage", "[]", '{"cniVersion":"9.0.0"}', '{"cniVersion":"1.0.0","ips":[{"address":"x"}]}',
                 '{"cniVersion":"1.0.0","ips":[{"address":"10.9.0.5/24"}]} trailing'):
        foreign = Foreign()
        foreign.answer("ADD", text)
        refused(BRIDGE, "ADD", foreign.conf(), ns, None, "foreign", path=foreign.path)
        expect_eq(foreign.verbs(), ["ADD", "DEL"], "calls after %r" % text)


@one
def _32_a_delegate_without_addresses_is_cleaned_up():
    for doc in ({"cniVersion": NEWEST}, {"cniVersion": NEWEST, "ips": []}, {"cniVersion": "0.2.0"}):
        foreign = Foreign()
        foreign.answer("ADD", doc)
        ns = Netns("a")
        refused(BRIDGE, "ADD", foreign.conf(), ns, None, "foreign", path=foreign.path)
        expect_eq(foreign.verbs(), ["ADD", "DEL"], "calls")
        ns.remove()


@one
def _33_the_ipams_result_has_no_interfaces():
    ns = Netns("a")
    doc = added(IPAM, ipam_conf(), ns).json
    expect("interfaces" not in doc, "interfaces: %s" % doc)
    expect(all("interface" not in ip for ip in doc["ips"]), "ips[].interface: %s" % doc)
    expect_eq(doc.get("dns", {}), {}, "dns")
    deleted(IPAM, ipam_conf(), ns)


CHANNELS = {
    "runtimeConfig.ips": lambda ip: ({"runtimeConfig": {"ips": [ip]}}, None),
    "args.cni.ips": lambda ip: ({"args": {"cni": {"ips": [ip]}}}, None),
    "CNI_ARGS": lambda ip: ({}, "IP=" + ip),
}


def declared(program, channel):
    ns = Netns("a")
    for ip, got in (("10.1.0.77/24", "10.1.0.77/24"), ("10.1.0.78", "10.1.0.78/24")):
        keys, args = CHANNELS[channel](ip)
        answer = added(program, conf_of(program, **keys), ns, args=args)
        expect_eq(answer.ips, [got], "ips")
        if program == BRIDGE:
            check_namespace(answer, ns)
        deleted(program, conf_of(program, **keys), ns, args=args)
    for ip in ("10.9.0.1", "10.1.0.1", "10.1.0.77/16", "10.1.0.0", "10.1.0.255", "fd00::1"):
        keys, args = CHANNELS[channel](ip)
        refused(program, "ADD", conf_of(program, **keys), ns, 7, ip.split("/")[0], args=args)


for _program in PROGRAMS:
    for _channel in CHANNELS:
        case("34 an address declared by %s is given or refused: %s" % (_channel, _program), declared, _program,
             _channel)


@both
def _34_different_wishes_are_refused_and_equal_ones_are_one(program):
    ns = Netns("a")
    both_same = {"runtimeConfig": {"ips": ["10.1.0.77/24"]}, "args": {"cni": {"ips": ["10.1.0.77"]}}}
    answer = added(program, conf_of(program, **both_same), ns, args="IP=10.1.0.77")
    expect_eq(answer.ips, ["10.1.0.77/24"], "ips")
    deleted(program, conf_of(program), ns)
    refused(program, "ADD", conf_of(program, **both_same), ns, 7, "10.1.0.77", "10.1.0.78", args="IP=10.1.0.78")


@both
def _34_a_held_address_is_refused_with_its_owner(program):
    a, b = Netns("a"), Netns("b")
    wish = {"runtimeConfig": {"ips": ["10.1.0.77"]}}
    added(program, conf_of(program, **wish), a, args="K8S_POD_NAMESPACE=db;K8S_POD_NAME=redis-0")
    refused(program, "ADD", conf_of(program, **wish), b, 11, "10.1.0.77", "container a", "db/redis-0")
    deleted(program, conf_of(program), a)


@one
def _34_a_declared_mac_is_the_interfaces():
    ns = Netns("a")
    mac = "02:11:22:33:44:55"
    for keys, args in (({"runtimeConfig": {"mac": mac}}, "MAC=02:99:99:99:99:99"),
                       ({"args": {"cni": {"mac": mac}}}, "MAC=02:99:99:99:99:99"), ({}, "MAC=" + mac)):
        answer = added(BRIDGE, bridge_conf(**keys), ns, args=args)
        expect_eq(ns.link()["address"], mac, "MAC")
        check_namespace(answer, ns)
        deleted(BRIDGE, bridge_conf(**keys), ns, args=args)


@both
def _35_parallel_adds_all_succeed_without_a_duplicate(program):
    count = 24
    pods = [Netns("p%d" % i) for i in range(count)]
    answers = [None] * count
    conf = conf_of(program)

    def work(i):
        answers[i] = plug(program, "ADD", conf, pods[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    for a in answers:
        expect_ok(a)
    ips = [a.ips[0] for a in answers]
    expect_eq(len(set(ips)), count, "different addresses in %s" % ips)
    expect_eq(len(held()), count, "addresses held")
    if program == BRIDGE:
        for ns, a in zip(pods, answers):
            expect_eq(ns.addrs(), a.ips, "addresses of " + ns.name)
        expect_eq(len(host_ports()), count, "ports of the bridge")
    for ns in pods:
        deleted(program, conf, ns)
    expect_eq(held(), [], "addresses held after DEL")


def calls_of(program, verb, conf, ns):
    """How many system calls a verb makes; it is run to its end."""
    # Leak detection does not work under ptrace.
    asan = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    env = cni_env(verb, ns, extra={"ASAN_OPTIONS": asan})
    path = os.path.join(workdir(), "conf")
    with open(path, "w") as f:
        json.dump(conf, f)
    out = run(tool("crashpoint"), "-i", path, "--", os.path.join(BUILD, program), env=env)
    return json.loads(out.strip().splitlines()[-1]), path, env


@both
def _36_killed_anywhere_del_leaves_nothing_and_add_works(program):
    ns = Netns("a")
    conf = conf_of(program)
    added(program, conf, ns)
    deleted(program, conf, ns)
    clean = state(ns)
    counted, path, env = calls_of(program, "ADD", conf, ns)
    deleted(program, conf, ns)
    total = counted["total"]
    rng = random.Random(36)
    for n in sorted(rng.sample(range(1, total + 1), min(24, total))):
        run(tool("crashpoint"), "-i", path, "-k", n, "--", os.path.join(BUILD, program), env=env, check=False)
        deleted(program, conf, ns)
        expect_same(clean, state(ns), "after SIGKILL before call %d and DEL" % n)
        answer = added(program, conf, ns)
        expect_eq(len(answer.ips), 1, "addresses")
        deleted(program, conf, ns)
    expect_same({k: v for k, v in clean.items() if k != "journal"},
                {k: v for k, v in state(ns).items() if k != "journal"})


@one
def _37_no_address_is_tentative_when_add_returns():
    ns = Netns("a")
    conf = bridge_conf(ipam=DUAL)
    added(BRIDGE, conf, ns)
    flags = [a for a in ns.ip_json("addr show dev eth0")[0]["addr_info"] if a["local"] == "fd00:1::2"]
    expect(flags and not flags[0].get("tentative") and not flags[0].get("dadfailed"), "flags: %s" % flags)
    deleted(BRIDGE, conf, ns)


main()
