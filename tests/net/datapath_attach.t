#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Endpoints in the datapath: attaching, pins, devices that are gone, full tables, drifts, other agents."""
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
from bwtest import *

HERE = os.path.join(BUILD, "tests", "net", "datapath")
DRIVE, SMALL = os.path.join(HERE, "drive"), os.path.join(HERE, "small", "drive")
FOREIGN = os.path.join(HERE, "foreign")
LINKS = "/sys/fs/bpf/barewire/%s/links"


def drive(verb, program=DRIVE, hook=None, code=0, **keys):
    """Runs one verb; its output. code: the exit code that is expected."""
    env = dict(os.environ, **({"BAREWIRE_DATAPATH_HOOK": hook} if hook else {}))
    p = subprocess.run([program, verb, *("%s=%s" % kv for kv in keys.items())], env=env, capture_output=True,
                       text=True, timeout=30)
    expect_eq(p.returncode, code, "exit of drive %s: %s" % (verb, p.stdout + p.stderr))
    return p.stdout + p.stderr


class Bed:
    """A bridge br0 with pods p1, p2, ...: MAC and address of pod i end in i. Optionally an uplink up0."""

    def __init__(self, n=2, uplink=False):
        run("ip link add br0 type bridge")
        run("ip link set br0 up")
        self.pods = [self.pod(i) for i in range(1, n + 1)]
        self.keys = {"bridge": "br0"}
        if uplink:
            self.out = Netns("out")
            run("ip link add up0 type veth peer name eth0 netns out")
            run("ip link set up0 master br0 up")
            self.out.ip("link set eth0 up")
            self.out.ip("addr add 10.0.0.99/24 dev eth0")
            self.keys["uplink"] = "up0"

    def pod(self, i):
        ns = Netns("p%d" % i)
        run("ip link add v%d type veth peer name eth0 netns p%d" % (i, i))
        run("ip link set v%d master br0 up" % i)
        ns.ip("link set eth0 address 02:00:00:00:00:%02x up" % i)
        ns.ip("addr add 10.0.0.%d/24 dev eth0" % i)
        return ns

    def of(self, i):
        return dict(self.keys, **{"if": "v%d" % i, "mac": "02:00:00:00:00:%02x" % i, "ip": "10.0.0.%d" % i})

    def add(self, i, **kw):
        return drive("add", **kw, **self.of(i))

    def ping(self, i, to, count=3):
        self.pods[i - 1].run("ping -n -q -c %d -i 0.05 -W 2 %s" % (count, to))

    def close(self):
        shutil.rmtree("/sys/fs/bpf/barewire", ignore_errors=True)
        for link in run_json("ip", "-j", "link"):
            if link["ifname"] != "lo":
                run("ip", "link", "del", link["ifname"], check=False)
        Netns.remove_all()


def ports():
    """{device: {key: value}} of what is listed."""
    out = {}
    for line in drive("list").splitlines():
        abi, kind, name, *rest = line.split()
        out[name] = dict(p.split("=", 1) for p in rest)
        out[name].update(abi=abi, kind=kind)
    return out


def bed_test(*args, **kw):
    def wrap(fn):
        def body():
            bed = Bed(*args, **kw)
            try:
                fn(bed)
            finally:
                bed.close()
        case(fn.__name__.replace("_", " "), body)
        return fn
    return wrap


def needs_tcx(hook="tcx"):
    if hook == "tcx" and not kernel_has("tcx"):
        raise Skip("this kernel has no tcx")


def carries_fast(hook):
    def body():
        needs_tcx(hook)
        bed = Bed()
        try:
            bed.add(1, hook=hook)
            bed.add(2, hook=hook)
            bed.ping(1, "10.0.0.2")
            got = ports()
            expect_eq(got["v1"]["hook"], hook, "hook")
            for dev in ("v1", "v2"):
                expect(int(got[dev]["tx_fast"]) >= 3 and int(got[dev]["rx_fast"]) >= 3, "not fast: %s" % got[dev])
            for i in (1, 2):
                expect_eq(drive("check", **bed.of(i)), "", "drift")
                drive("del", **{"if": "v%d" % i})
            expect_eq(ports(), {}, "ports")
            bed.ping(1, "10.0.0.2")
        finally:
            bed.close()
    case("endpoints by %s are fast, checked, and gone after DEL" % hook, body)


carries_fast("tcx")
carries_fast("clsact")


@bed_test()
def a_warm_add_loads_nothing(bed):
    bed.add(1)
    if not shutil.which("strace"):
        raise Skip("no strace")
    trace = os.path.join(workdir(), "trace")
    run("strace", "-o", trace, DRIVE, "add", *("%s=%s" % kv for kv in bed.of(2).items()),
        env=dict(os.environ, ASAN_OPTIONS="detect_leaks=0"))
    with open(trace) as f:
        calls = [line for line in f if line.startswith("bpf(")]
    loads = [c for c in calls if re.search(r"BPF_(PROG_LOAD|BTF_LOAD|MAP_CREATE)", c)]
    expect_eq(loads, [], "loads")
    expect(len(calls) <= 20, "%d bpf(2) calls" % len(calls))
    diag("%d bpf(2) calls" % len(calls))


@bed_test()
def an_endpoint_that_is_there_is_made_anew_not_twice(bed):
    bed.add(1)
    bed.add(1)
    bed.add(1, hook="tcx")
    bed.add(1, hook="tcx")
    expect_eq(list(ports()), ["v1"], "ports")
    expect_eq(drive("check", **bed.of(1)), "", "drift")


@bed_test()
def del_works_from_pins_alone_and_twice(bed):
    for hook in ("tcx", "clsact"):
        bed.add(1, hook=hook)
        run("ip link del v1")
        drive("del", **{"if": "v1"})
        drive("del", **{"if": "v1"})
        expect_eq(ports(), {}, "ports after %s" % hook)
        expect_eq(os.listdir(LINKS % drive("abi").strip()), [], "links after %s" % hook)
        bed.pods[0].remove()
        bed.pods[0] = bed.pod(1)


@bed_test(3)
def a_mac_of_a_dead_endpoint_is_free_of_a_live_one_not(bed):
    bed.add(1)
    expect_in("is already that of v1", drive("add", code=1, **dict(bed.of(2), mac="02:00:00:00:00:01")), "refusal")
    expect_eq(list(ports()), ["v1"], "ports after the refusal")
    expect(int(drive("present", bridge="br0", mac="02:00:00:00:00:01")) > 0, "the MAC is not found")
    run("ip link del v1")
    expect_eq(int(drive("present", bridge="br0", mac="02:00:00:00:00:01")), 0, "owner of the dead MAC")
    drive("add", **dict(bed.of(2), mac="02:00:00:00:00:01"))
    expect_eq(list(ports()), ["v2"], "ports after the takeover")


@bed_test(3, uplink=True)
def a_sweep_removes_what_lost_its_device_and_nothing_else(bed):
    needs_tcx()
    bed.add(1, hook="tcx")
    bed.add(2)
    bed.add(3, hook="tcx")
    for dev in ("v1", "v2"):
        run("ip link del " + dev)
    expect_eq({d: p["present"] for d, p in ports().items()}, {"v1": "0", "v2": "0", "v3": "1", "up0": "1"}, "present")
    expect_eq(drive("sweep"), "2\n", "swept")
    expect_eq(sorted(ports()), ["up0", "v3"], "ports")
    expect_eq(sorted(os.listdir(LINKS % drive("abi").strip())), ["up0:in", "v3:in", "v3:out"], "links")
    expect_eq(drive("sweep"), "0\n", "swept again")
    expect_eq(drive("check", **bed.of(3)), "", "drift")


@bed_test(5)
def full_tables_refuse_and_install_nothing(bed):
    for i in range(1, 5):
        bed.add(i, program=SMALL)
    before = drive("list", program=SMALL)
    expect_in("tables are full", bed.add(5, program=SMALL, code=1), "refusal")
    drop = re.compile(r"rx_\w+=\d+|tx_\w+=\d+")
    expect_eq(sorted(drop.sub("", drive("list", program=SMALL)).splitlines()),
              sorted(drop.sub("", before).splitlines()), "ports")
    expect_eq(run("tc filter show dev v5 ingress"), "", "filters of the refused one")
    drive("del", program=SMALL, **{"if": "v2"})
    bed.add(5, program=SMALL)


@bed_test(2, uplink=True)
def check_names_each_drift(bed):
    needs_tcx()
    for i in (1, 2):
        bed.add(i, hook="tcx")
    links = LINKS % drive("abi").strip()
    expect_eq(drive("check", **bed.of(1)), "", "drift of a sound one")
    expect_in("v4 in map bw_ep differs", drive("check", code=3, **dict(bed.of(1), ip="10.0.0.7")), "address")
    os.unlink(links + "/v1:in")
    wait_until(lambda: "v1" not in drive("check", code=3, **bed.of(1)).replace("ingress of v1", ""), 5, "detached")
    expect_in("no program of barewire at the ingress of v1", drive("check", code=3, **bed.of(1)), "link")
    os.unlink(links + "/up0:in")
    expect_in("no program of barewire at the ingress of up0", drive("check", code=3, **bed.of(2)), "uplink")
    drive("del", **{"if": "v2"})
    expect_in("is not registered", drive("check", code=3, **bed.of(2)), "absence")


@bed_test()
def check_sees_a_filter_that_another_tool_took_away(bed):
    bed.add(1)
    run("tc filter del dev v1 egress")
    expect_in("no program of barewire at the egress of v1", drive("check", code=3, **bed.of(1)), "filter")
    run("tc qdisc del dev v1 clsact")
    expect_in("no program of barewire at the ingress of v1", drive("check", code=3, **bed.of(1)), "qdisc")


@bed_test()
def slow_takes_the_bridge_and_fast_comes_back(bed):
    for i in (1, 2):
        bed.add(i)
    bed.ping(1, "10.0.0.2")
    drive("slow", **{"if": "v2", "on": 1})
    before = ports()
    bed.ping(1, "10.0.0.2")
    after = ports()
    expect_eq(after["v2"]["slow"], "1", "slow")
    for dev in ("v1", "v2"):
        expect_eq(after[dev]["tx_fast"], before[dev]["tx_fast"], "fast packets of %s" % dev)
    drive("slow", **{"if": "v2", "on": 0})
    bed.ping(1, "10.0.0.2")
    expect(int(ports()["v2"]["tx_fast"]) >= int(after["v2"]["tx_fast"]) + 3, "not fast again: %s" % ports())


@bed_test(2, uplink=True)
def programs_of_others_run_first_and_stay(bed):
    needs_tcx()
    run(FOREIGN, "attach", "up0", "in", "-1", "/sys/fs/bpf/foreign1")
    run(FOREIGN, "attach", "v1", "in", "-1", "/sys/fs/bpf/foreign2")
    for i in (1, 2):
        bed.add(i, hook="tcx")
    expect_eq(run(FOREIGN, "list", "up0", "in").split(), ["foreign", "bw_up_rx"], "order at the uplink")
    expect_eq(run(FOREIGN, "list", "v1", "in").split(), ["foreign", "bw_pod_tx"], "order at the pod")
    bed.ping(1, "10.0.0.2")
    bed.ping(1, "10.0.0.99")
    drive("reload")
    expect_eq(run(FOREIGN, "list", "up0", "in").split(), ["foreign", "bw_up_rx"], "order after a reload")
    drive("del", **{"if": "v1"})
    drive("remove", bridge="br0", uplink="up0")
    wait_until(lambda: run(FOREIGN, "list", "up0", "in").split() == ["foreign"], 5, "ours are gone, theirs is there")
    wait_until(lambda: run(FOREIGN, "list", "v1", "in").split() == ["foreign"], 5, "ours are gone, theirs is there")


@bed_test()
def a_filter_of_others_in_our_place_is_refused_not_replaced(bed):
    run("tc qdisc add dev v1 clsact")
    run("tc", "filter", "add", "dev", "v1", "ingress", "protocol", "all", "prio", "178", "handle", "0xb201", "bpf",
        "bytecode", "1,6 0 0 0,")
    before = run("tc filter show dev v1 ingress")
    expect_in("is another program's", bed.add(1, code=1), "refusal")
    expect_eq(run("tc filter show dev v1 ingress"), before, "their filter")
    expect_eq(ports(), {}, "ports")


@bed_test()
def their_filters_beside_ours_stay_when_ours_goes(bed):
    run("tc qdisc add dev v1 clsact")
    bed.add(1)
    drive("del", **{"if": "v1"})
    expect_in("clsact", run("tc qdisc show dev v1"), "the qdisc")
    expect_eq(run("tc filter show dev v1 ingress").strip(), "", "filters")


@bed_test(2, uplink=True)
def an_uplink_serves_one_vlan_by_bpf_and_one_bridge(bed):
    bed.add(1)
    expect_in("exactly one VLAN", drive("add", code=1, **dict(bed.keys, vlan=5, bpf_vlan=1)), "refusal")
    run("ip link add br1 type bridge")
    expect_in("belongs to another bridge", drive("add", code=1, bridge="br1", uplink="up0"), "refusal")
    drive("remove", **bed.keys)
    expect(not os.path.exists("/sys/fs/bpf/barewire"), "pins are left")
    drive("add", **dict(bed.keys, vlan=5, bpf_vlan=1))
    expect_eq(ports()["up0"]["kind"], "uplink", "kind")


@bed_test()
def bpffs_is_mounted_where_there_is_none(bed):
    run("umount /sys/fs/bpf")
    bed.add(1)
    with open("/proc/mounts") as f:
        expect_in(" /sys/fs/bpf bpf ", f.read(), "mounts")
    expect_eq(list(ports()), ["v1"], "ports")


@bed_test(20)
def parallel_adds_and_dels_collide_nowhere(bed):
    drive("open")
    for verb in ("add", "del"):
        running = [subprocess.Popen([DRIVE, verb, *("%s=%s" % kv for kv in bed.of(i).items())], stderr=subprocess.PIPE)
                   for i in range(1, 21)]
        for p in running:
            err = p.communicate(timeout=60)[1]
            expect_eq(p.returncode, 0, "exit of %s: %s" % (verb, err))
        expect_eq(len(ports()), 20 if verb == "add" else 0, "ports after %s" % verb)


main()
